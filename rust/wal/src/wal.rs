//! The log while the member runs: appending, changing segments, releasing old ones.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::batch::Batch;
use crate::disk::{Disk, File};
use crate::error::{WalError, WriteError, io_error, is_no_space, is_out_of_descriptors};
use crate::frame::{BATCH_PAYLOAD_MAX, frame_bytes, seal};
use crate::header::{HEADER_BYTES, Header};
use crate::identity::Identity;
use crate::layout::Layout;
use crate::options::WalOptions;
use crate::prepare::{Preparation, Prepared};
use crate::state::State;

/// The open log. One thread writes it.
pub struct Wal {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) layout: Layout,
    pub(crate) identity: Identity,
    pub(crate) options: WalOptions,
    pub(crate) current: Current,
    /// Segments before the current one, oldest first.
    pub(crate) closed: VecDeque<Closed>,
    pub(crate) next_batch: u64,
    pub(crate) state: State,
    pub(crate) ready: Option<Prepared>,
    /// Whether a preparation was handed out and has not come back.
    pub(crate) preparing: bool,
    pub(crate) jobs: u64,
    pub(crate) poison: Option<String>,
}

/// The segment that is written to.
pub(crate) struct Current {
    pub file: Box<dyn File>,
    pub path: PathBuf,
    pub sequence: u64,
    pub seed: u32,
    /// Where the next batch goes.
    pub offset: u64,
    pub bytes: u64,
    pub max_index: u64,
}

/// A segment that is full.
pub(crate) struct Closed {
    pub path: PathBuf,
    pub max_index: u64,
}

impl Wal {
    /// Make a batch durable with one write and one sync. On success it is cleared; on any error
    /// it is kept as it is.
    pub fn write(&mut self, batch: &mut Batch) -> Result<(), WriteError> {
        if let Some(message) = &self.poison {
            return Err(WriteError::Poisoned(message.clone()));
        }
        if batch.is_empty() {
            return Ok(());
        }
        let payload_bytes = batch.payload_bytes();
        if payload_bytes > BATCH_PAYLOAD_MAX || !self.options.fits(payload_bytes) {
            return Err(WriteError::TooLarge);
        }
        if let Err(misfit) = self.state.admits(batch.steps()) {
            // Writing it would make the log unreadable at the next start.
            return Err(self.poison(format!(
                "the log was given what does not fit ({misfit}): this is a defect of the \
                 program; start the member again"
            )));
        }
        let bytes = frame_bytes(payload_bytes as u64);
        if self.current.offset + bytes > self.current.bytes {
            self.change_segment()?;
        }
        self.append(batch)
    }

    /// A job that prepares the next segment, when none is ready and none is being prepared. Ask
    /// after each write; after a failed preparation, ask again when space may have returned.
    pub fn wants_next(&mut self) -> Option<Preparation> {
        if self.ready.is_some() || self.preparing || self.poison.is_some() {
            return None;
        }
        self.preparing = true;
        Some(self.preparation())
    }

    /// What the job came to. An error costs nothing yet: the current segment still has room, and
    /// [`Wal::write`] prepares one itself when it has not.
    pub fn offer_next(&mut self, prepared: io::Result<Prepared>) {
        self.preparing = false;
        self.ready = prepared.ok();
    }

    /// Delete the oldest segments, as far as all their entries are at or below `index`; never the
    /// current one. How many were deleted.
    pub fn release(&mut self, index: u64) -> Result<usize, WalError> {
        let mut count = 0;
        while self.poison.is_none() && self.closed.front().is_some_and(|s| s.max_index <= index) {
            let path = &self.closed[0].path;
            self.disk.remove(path).map_err(io_error("delete", path))?;
            // One by one: a younger one must not be gone while an older one is still there.
            self.disk.sync_dir(&self.layout.wal).map_err(io_error("sync", &self.layout.wal))?;
            self.closed.pop_front();
            count += 1;
        }
        self.state.tail.forget_below(index);
        Ok(count)
    }

    /// How many segments there are.
    pub fn segments(&self) -> usize {
        self.closed.len() + 1
    }

    /// Bytes written since the last snapshot mark, batch headers included.
    pub fn bytes_since_snapshot(&self) -> u64 {
        self.state.bytes_since_mark
    }

    /// Index of the last entry.
    pub fn last_index(&self) -> u64 {
        self.state.tail.last()
    }

    fn append(&mut self, batch: &mut Batch) -> Result<(), WriteError> {
        let current = &mut self.current;
        let payload_end = batch.buffer_mut().len();
        let buffer = batch.buffer_mut();
        seal(buffer, self.next_batch, current.seed);
        let written = current
            .file
            .write_all_at(buffer, current.offset)
            .and_then(|()| current.file.sync_data());
        let bytes = buffer.len() as u64;
        if let Err(error) = written {
            buffer.truncate(payload_end);
            return Err(self.poison_current(&error));
        }
        current.offset += bytes;
        self.next_batch += 1;
        self.state.bytes_since_mark += bytes;
        for &step in batch.steps() {
            // Admitted before the write.
            let _ = self.state.apply(step);
            if let crate::state::Step::Entries { last, .. } = step {
                self.current.max_index = self.current.max_index.max(last);
            }
        }
        batch.clear();
        Ok(())
    }

    /// Go on in the next segment. Safe to be cut off at any step: the name is durable before the
    /// header is written, the header before the first batch; a segment without a valid batch is
    /// taken as never used.
    fn change_segment(&mut self) -> Result<(), WriteError> {
        let prepared = match self.ready.take() {
            Some(prepared) => prepared,
            None => self.prepare_now()?,
        };
        let sequence = self.current.sequence + 1;
        // The batch may replace a suffix, but whether it ever gets here is not known yet.
        let first_index = self.state.tail.last().saturating_add(1);
        let path = self.layout.segment(sequence, first_index);
        if let Err(error) = self.disk.rename(&prepared.path, &path) {
            if is_no_space(&error) {
                // While it is kept none is prepared, which is what tells that there is space
                // again. Even if it stays there, the next one takes its name.
                let _ = self.disk.remove(&prepared.path);
                return Err(self.no_space(&error));
            }
            return Err(self.poison(format!(
                "could not rename {} to {}: {error}; the member stops",
                prepared.path.display(),
                path.display()
            )));
        }
        let Prepared { file, bytes, .. } = prepared;
        let full = std::mem::replace(
            &mut self.current,
            Current { file, path, sequence, seed: 0, offset: 0, bytes, max_index: 0 },
        );
        self.closed.push_back(Closed { path: full.path, max_index: full.max_index });
        if let Err(error) =
            self.disk.sync_dir(&self.layout.wal).and_then(|()| self.begin_segment(first_index))
        {
            return Err(self.poison_current(&error));
        }
        Ok(())
    }

    /// Write and sync the header and, behind it, the state so far: the segments before may go.
    pub(crate) fn begin_segment(&mut self, first_index: u64) -> io::Result<()> {
        let sequence = self.current.sequence;
        let header = Header {
            sequence,
            first_index,
            cluster_id: self.identity.cluster_id,
            member_id: self.identity.member_id,
            nonce: self.options.nonce(sequence),
        };
        let (bytes, seed) = header.encode();
        let mut bytes = bytes.to_vec();
        let mut batch = self.state_batch();
        if !batch.is_empty() {
            seal(batch.buffer_mut(), self.next_batch, seed);
            bytes.extend_from_slice(batch.buffer_mut());
            self.next_batch += 1;
        }
        self.current.file.write_all_at(&bytes, 0)?;
        self.current.file.sync_data()?;
        self.current.seed = seed;
        self.current.offset = bytes.len() as u64;
        self.state.bytes_since_mark += (bytes.len() - HEADER_BYTES) as u64;
        Ok(())
    }

    fn state_batch(&self) -> Batch {
        let mut batch = Batch::new();
        if let Some(hard) = self.state.hard {
            batch.hard_state(hard.term, hard.vote, hard.commit);
        }
        if self.state.incarnation > 0 {
            batch.start(self.state.incarnation);
        }
        if self.state.clock_ns > 0 {
            batch.clock(self.state.clock_ns);
        }
        batch
    }

    fn prepare_now(&mut self) -> Result<Prepared, WriteError> {
        // Not under the name of a prepared one: a job may be about to use that.
        self.preparation().run_unnamed().map_err(|error| {
            if is_no_space(&error) {
                self.no_space(&error)
            } else if is_out_of_descriptors(&error) {
                self.no_descriptor(&error)
            } else {
                self.poison(format!(
                    "could not prepare a log segment in {}: {error}; the member stops",
                    self.layout.wal.display()
                ))
            }
        })
    }

    fn preparation(&mut self) -> Preparation {
        self.jobs += 1;
        let path = self.layout.next(self.current.sequence + 1);
        let bytes = self.options.segment_bytes();
        Preparation::new(Arc::clone(&self.disk), path, self.jobs, bytes)
    }

    fn no_space(&self, error: &io::Error) -> WriteError {
        WriteError::NoSpace(format!(
            "no space for the next log segment ({} bytes) in {}: {error}; nothing is lost, and \
             writing goes on when there is space",
            self.options.segment_bytes(),
            self.layout.wal.display()
        ))
    }

    fn no_descriptor(&self, error: &io::Error) -> WriteError {
        WriteError::NoSpace(format!(
            "no descriptor for the next log segment in {}: {error}; nothing is lost, and writing \
             goes on when there is one",
            self.layout.wal.display()
        ))
    }

    fn poison_current(&mut self, error: &io::Error) -> WriteError {
        self.poison(format!(
            "writing to {} at byte {} failed: {error}; nobody knows what is on the disk now, so \
             the member stops: look at the disk's health and start it again, recovery will tell",
            self.current.path.display(),
            self.current.offset
        ))
    }

    fn poison(&mut self, message: String) -> WriteError {
        self.poison = Some(message.clone());
        WriteError::Poisoned(message)
    }
}
