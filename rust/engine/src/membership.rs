//! From the members that the store knows to those that consensus counts.

use coreos_raft::Membership;
use coreos_store::Members;

/// Voters and learners among `members`.
pub(crate) fn of(members: &Members) -> Membership {
    let ids = |is_learner| -> Vec<u64> {
        let those = members.iter().filter(|member| member.is_learner == is_learner);
        those.map(|member| member.id).collect()
    };
    Membership::new(&ids(false), &ids(true))
}
