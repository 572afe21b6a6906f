use super::{Raft, Role};
pub struct Peer {
    pub matched: u64,
    pub is_active: bool,
}
impl Raft {
    /// t
    pub fn idle_ticks(&self) -> u32 {
        0
    }
    /// t
    pub fn suspect_leader(&mut self, _peer: u64) {}
    /// t
    pub fn peer(&self, id: u64) -> Option<Peer> {
        self.peers.get(&id).map(|p| Peer { matched: p.matched, is_active: p.is_active })
    }
    /// t
    pub fn best_successor(&self) -> Option<u64> {
        if self.role != Role::Leader {
            return None;
        }
        self.peers
            .iter()
            .filter(|(id, p)| p.is_active && self.membership.is_voter(**id))
            .max_by_key(|(_, p)| p.matched)
            .map(|(id, _)| *id)
    }
}
