//! An open file of the simulated disk.

use std::io;

use coreos_wal::File;

use super::SimDisk;
use crate::rng::Rng;

pub(super) struct Handle {
    pub disk: SimDisk,
    pub id: usize,
    pub writable: bool,
}

fn place(offset: u64) -> usize {
    usize::try_from(offset).expect("simulated files are small")
}

impl Handle {
    fn check_writable(&self) -> io::Result<()> {
        if self.writable { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.operate()?;
        if std::mem::take(&mut state.fail_next_sync) {
            state.totals.failed_syncs += 1;
            let mut rng = Rng::new(state.totals.failed_syncs ^ self.id as u64);
            state.files[self.id].fail_sync(&mut rng);
            return Err(io::Error::other("input/output error"));
        }
        if !state.ignores_sync {
            state.files[self.id].sync();
        }
        Ok(())
    }
}

impl File for Handle {
    fn len(&self) -> io::Result<u64> {
        let mut state = self.disk.state();
        state.operate()?;
        Ok(state.files[self.id].len() as u64)
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disk.state();
        state.operate()?;
        Ok(state.files[self.id].read(buf, place(offset)))
    }

    fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.check_writable()?;
        let mut state = self.disk.state();
        if state.off {
            return state.operate();
        }
        let end = place(offset) + bytes.len();
        let more = end.saturating_sub(state.files[self.id].len());
        let powered = state.operate();
        if powered.is_ok() && more > 0 {
            state.room_for(more)?;
        }
        // The write during which the power goes is on its way, too.
        state.files[self.id].write(place(offset), bytes);
        powered
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.sync()
    }

    fn sync_all(&mut self) -> io::Result<()> {
        self.sync()
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.check_writable()?;
        let mut state = self.disk.state();
        state.operate()?;
        let more = place(len).saturating_sub(state.files[self.id].len());
        if more > 0 {
            state.room_for(more)?;
        }
        state.files[self.id].set_len(place(len));
        Ok(())
    }
}
