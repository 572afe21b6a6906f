//! What goes wrong in the world.

use coreos_wal::verify;

use super::World;
use crate::checker::Problem;
use crate::rng::Rng;

impl World {
    pub(super) fn fault(&mut self, rng: &mut Rng) -> Result<(), Problem> {
        match rng.below(8) {
            0 => self.crash(rng),
            1 | 2 => {
                self.disk.cut_power_after(rng.below(12));
                Ok(())
            }
            3 => {
                self.stop(rng)?;
                let is_off = self.life.is_none() && !self.disk.is_off();
                self.disk.disarm();
                if is_off && self.commit_is_last && rng.one_in(2) {
                    self.damage(rng)
                } else {
                    Ok(())
                }
            }
            4 | 5 => {
                self.disk.limit(Some(rng.place(self.segment_bytes())));
                Ok(())
            }
            6 => {
                self.disk.limit(None);
                Ok(())
            }
            _ => {
                self.disk.fail_next_sync();
                Ok(())
            }
        }
    }

    fn segment_bytes(&self) -> usize {
        usize::try_from(self.config.wal.segment_bytes).unwrap_or(usize::MAX)
    }

    /// A bit flips while the member is off. It has been stopped cleanly and wrote its commit index last, so whatever
    /// is missing afterwards must be noticed. (Damage to the very last batch looks like a torn tail.)
    fn damage(&mut self, rng: &mut Rng) -> Result<(), Problem> {
        self.disk.limit(None);
        let sound = self.disk.saved();
        let Some((file, offset)) = self.disk.flip_bit(rng) else { return Ok(()) };
        match self.boot_and_lead()? {
            Ok(parts) => {
                let mut parts = parts;
                self.totals.damage_harmless += 1;
                let index = parts.applier.raft_index;
                self.checker.compare(index, &mut parts.applier.store).map_err(|problem| {
                    format!("{} with a flipped bit at {offset}: {problem}", file.display())
                })
            }
            Err(error) => {
                self.totals.damage_found += 1;
                let disk = std::sync::Arc::new(self.disk.clone());
                if let Ok(report) = verify(disk, &self.config.data_dir)
                    && report.ok
                {
                    return Err(format!(
                        "verify calls a directory sound that does not start: {error}"
                    ));
                }
                self.disk.restore(&sound);
                Ok(())
            }
        }
    }
}
