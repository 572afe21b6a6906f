//! Who belongs to the cluster, and what a majority of it is.

/// Members by id: those who vote, and those who only learn. Each list is in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    voters: Vec<u64>,
    learners: Vec<u64>,
}

/// One step from a membership to the next. A majority of either always shares a voter with one of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new member that votes, or a learner that is promoted.
    AddVoter(u64),
    /// A new member that does not vote yet. One that votes already goes on voting.
    AddLearner(u64),
    /// A member leaves.
    Remove(u64),
}

impl Membership {
    /// From ids in any order. An id that is in both votes.
    #[must_use]
    pub fn new(voters: &[u64], learners: &[u64]) -> Self {
        let mut made = Self::default();
        learners.iter().for_each(|&id| made.apply(Change::AddLearner(id)));
        voters.iter().for_each(|&id| made.apply(Change::AddVoter(id)));
        made
    }

    /// Make the change.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::AddVoter(id) => {
                remove(&mut self.learners, id);
                insert(&mut self.voters, id);
            }
            Change::AddLearner(id) if self.is_voter(id) => {}
            Change::AddLearner(id) => insert(&mut self.learners, id),
            Change::Remove(id) => {
                remove(&mut self.learners, id);
                remove(&mut self.voters, id);
            }
        }
    }

    /// Ids of those who vote, in order.
    #[must_use]
    pub fn voters(&self) -> &[u64] {
        &self.voters
    }

    /// Ids of those who do not, in order.
    #[must_use]
    pub fn learners(&self) -> &[u64] {
        &self.learners
    }

    /// All ids.
    pub fn ids(&self) -> impl Iterator<Item = u64> + '_ {
        self.voters.iter().chain(&self.learners).copied()
    }

    /// Whether it votes.
    #[must_use]
    pub fn is_voter(&self, id: u64) -> bool {
        self.voters.binary_search(&id).is_ok()
    }

    /// Whether it is a member at all.
    #[must_use]
    pub fn contains(&self, id: u64) -> bool {
        self.is_voter(id) || self.learners.binary_search(&id).is_ok()
    }

    /// Whether it decides alone.
    #[must_use]
    pub fn is_sole_voter(&self, id: u64) -> bool {
        self.voters == [id]
    }

    /// How many voters are a majority. Without any it is one, which is never reached.
    #[must_use]
    pub fn majority(&self) -> usize {
        self.voters.len() / 2 + 1
    }

    /// The greatest number that a majority has reached, where `of` says how far a voter is; 0 without voters.
    pub(crate) fn reached_by_majority(&self, of: impl Fn(u64) -> u64) -> u64 {
        // Few enough to be sorted on the stack in all clusters that exist.
        let mut reached: Vec<u64> = self.voters.iter().map(|&id| of(id)).collect();
        reached.sort_unstable();
        match reached.len() {
            0 => 0,
            voters => reached[voters - self.majority()],
        }
    }
}

fn insert(ids: &mut Vec<u64>, id: u64) {
    if let Err(place) = ids.binary_search(&id) {
        ids.insert(place, id);
    }
}

fn remove(ids: &mut Vec<u64>, id: u64) {
    if let Ok(place) = ids.binary_search(&id) {
        ids.remove(place);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_learner_is_promoted_and_a_voter_is_not_demoted() {
        let mut members = Membership::new(&[3, 1], &[2, 3]);
        assert_eq!((members.voters(), members.learners()), (&[1, 3][..], &[2][..]));
        members.apply(Change::AddLearner(1));
        members.apply(Change::AddVoter(2));
        assert_eq!((members.voters(), members.learners()), (&[1, 2, 3][..], &[][..]));
        members.apply(Change::Remove(1));
        assert!(!members.contains(1) && members.majority() == 2);
    }

    proptest! {
        /// What is reached by a majority: at least that many are there, and at no greater number are.
        #[test]
        fn a_majority_is_counted(reached in prop::collection::vec(0u64..20, 0..8)) {
            let ids: Vec<u64> = (0..reached.len() as u64).collect();
            let members = Membership::new(&ids, &[]);
            let found = members.reached_by_majority(|id| reached[id as usize]);
            let count = |least: u64| reached.iter().filter(|&&one| one >= least).count();
            prop_assert!(found == 0 || count(found) >= members.majority());
            prop_assert!(count(found + 1) < members.majority());
        }

        /// The majorities before and after any one change share a voter.
        #[test]
        fn majorities_of_neighbours_overlap(
            voters in prop::collection::btree_set(0u64..7, 1..6),
            learners in prop::collection::btree_set(0u64..7, 0..3),
            (kind, id) in (0..3, 0u64..7),
        ) {
            let before = Membership::new(&Vec::from_iter(voters), &Vec::from_iter(learners));
            let mut after = before.clone();
            after.apply(match kind {
                0 => Change::AddVoter(id),
                1 => Change::AddLearner(id),
                _ => Change::Remove(id),
            });
            let both: std::collections::BTreeSet<u64> =
                before.voters().iter().chain(after.voters()).copied().collect();
            prop_assert!(before.majority() + after.majority() > both.len());
        }
    }
}
