//! Where a snapshot goes that comes over a link.

use std::io;
use std::sync::Arc;

use coreos_engine::SnapshotMeta;
use coreos_engine::transport::SnapshotSink;
use coreos_wal::{DataDir, SnapshotWriter};
use parking_lot::Mutex;

/// What comes of a snapshot that is offered.
#[derive(Default)]
pub struct Shelf {
    /// Times one was offered.
    pub offered: usize,
    /// Do not take any.
    pub is_closed: bool,
    /// What the end of one says.
    pub fails: Option<String>,
    pub data: Vec<u8>,
    pub finished: Option<SnapshotMeta>,
    /// Where it is put, if not here.
    pub dir: Option<DataDir>,
}

impl Shelf {
    pub fn offer(shelf: &Arc<Mutex<Self>>, meta: SnapshotMeta) -> Option<Box<dyn SnapshotSink>> {
        let mut this = shelf.lock();
        this.offered += 1;
        this.data.clear();
        if let Some(dir) = &this.dir {
            return Some(Box::new(File(dir.begin_snapshot(meta).expect("begun"))));
        }
        (!this.is_closed).then(|| Box::new(Sink { shelf: shelf.clone(), meta }) as _)
    }
}

struct Sink {
    shelf: Arc<Mutex<Shelf>>,
    meta: SnapshotMeta,
}

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.shelf.lock().data.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl SnapshotSink for Sink {
    fn finish(self: Box<Self>) -> Result<(), String> {
        let mut shelf = self.shelf.lock();
        if let Some(why) = shelf.fails.clone() {
            return Err(why);
        }
        shelf.finished = Some(self.meta);
        Ok(())
    }
}

struct File(SnapshotWriter);

impl io::Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl SnapshotSink for File {
    fn finish(self: Box<Self>) -> Result<(), String> {
        self.0.finish().map(drop).map_err(|error| error.to_string())
    }
}
