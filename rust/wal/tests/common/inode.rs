//! One file of the simulated disk: what is durable, what is visible, and which sectors differ.

use std::collections::BTreeSet;

use super::dice::Dice;

const SECTOR: usize = 512;

#[derive(Clone, Debug, Default)]
pub struct Inode {
    pub durable: Vec<u8>,
    pub visible: Vec<u8>,
    /// Sectors of `visible` that were written since the last sync.
    pub dirty: BTreeSet<usize>,
}

impl Inode {
    pub fn touch(&mut self, from: usize, to: usize) {
        self.dirty.extend(from / SECTOR..to.div_ceil(SECTOR));
    }

    pub fn sync(&mut self) {
        self.durable.resize(self.visible.len(), 0);
        for sector in std::mem::take(&mut self.dirty) {
            let from = (sector * SECTOR).min(self.visible.len());
            let to = (from + SECTOR).min(self.visible.len());
            self.durable[from..to].copy_from_slice(&self.visible[from..to]);
        }
    }

    pub fn crash(&mut self, dice: &mut Dice) {
        let mut after = self.durable.clone();
        for sector in std::mem::take(&mut self.dirty) {
            let from = sector * SECTOR;
            let to = (from + SECTOR).min(self.visible.len());
            if from >= to {
                continue;
            }
            let is_new = from >= self.durable.len();
            match dice.below(3) {
                0 => {}
                // Blocks that were never written before may come back as zeroes; a block with
                // older synced data in it is the old one or the new one.
                1 if is_new => after.resize(after.len().max(to), 0),
                _ => {
                    after.resize(after.len().max(to), 0);
                    after[from..to].copy_from_slice(&self.visible[from..to]);
                }
            }
        }
        self.durable = after.clone();
        self.visible = after;
    }
}
