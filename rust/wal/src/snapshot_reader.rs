//! Reading a snapshot file with every check.

use std::io::{self, Read};
use std::path::PathBuf;

use crc32fast::Hasher;

use crate::disk::{Disk, File, read_full};
use crate::error::{ErrorKind, WalError, io_error};
use crate::frame::{u32_at, u64_at};
use crate::identity::Identity;
use crate::segment::{mismatch, read_error};
use crate::snapshot::{
    BadHeader, CHUNK_BYTES_MAX, CHUNK_HEAD_BYTES, HEADER_BYTES, SnapshotFile, SnapshotMeta,
    TRAILER_BYTES, damage_text, damaged, decode_header,
};

/// Gives a snapshot's data; any wrong byte is an error. The end of the data is only given when the
/// trailer is right, so read to the end before believing in what was read.
pub struct SnapshotReader {
    file: Box<dyn File>,
    path: PathBuf,
    meta: SnapshotMeta,
    /// Offset of what comes after the chunk in hand.
    offset: u64,
    chunk: Vec<u8>,
    /// How much of the chunk was given out.
    taken: usize,
    data_bytes: u64,
    data_crc: Hasher,
    ended: bool,
}

impl SnapshotReader {
    pub(crate) fn open(
        disk: &dyn Disk,
        file: &SnapshotFile,
        identity: &Identity,
    ) -> Result<SnapshotReader, WalError> {
        let path = &file.path;
        let handle = disk.open(path, false).map_err(io_error("open", path))?;
        let mut bytes = [0; HEADER_BYTES];
        let count = read_full(handle.as_ref(), &mut bytes, 0).map_err(read_error(path, 0))?;
        let meta = decode_header(&bytes[..count], identity).map_err(|bad| match bad {
            BadHeader::Damaged => damaged(path, 0, "its header does not check out"),
            BadHeader::Newer(format) => WalError::new(
                ErrorKind::Newer,
                format!(
                    "{} is written by a newer version (format {format}, this one knows 1): start \
                     that version again",
                    path.display()
                ),
            ),
            BadHeader::Mismatch { cluster_id, member_id } => {
                mismatch(path, cluster_id, member_id, identity)
            }
        })?;
        if (meta.term, meta.index) != (file.term, file.index) {
            return Err(damaged(path, 32, "its header and its name disagree"));
        }
        Ok(SnapshotReader {
            file: handle,
            path: path.clone(),
            meta,
            offset: HEADER_BYTES as u64,
            chunk: Vec::new(),
            taken: 0,
            data_bytes: 0,
            data_crc: Hasher::new(),
            ended: false,
        })
    }

    /// What it is a snapshot of.
    pub fn meta(&self) -> SnapshotMeta {
        self.meta
    }

    /// Read what is left and check it. How many bytes of data the snapshot holds.
    pub fn finish(mut self) -> io::Result<u64> {
        while self.next_chunk()? {}
        Ok(self.data_bytes)
    }

    fn bad(&self, what: &str) -> io::Error {
        let text = damage_text(&self.path, self.offset, what);
        io::Error::new(io::ErrorKind::InvalidData, text)
    }

    /// Read exactly `count` bytes at the offset.
    fn read_exactly(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let count = read_full(self.file.as_ref(), bytes, offset)?;
        if count == bytes.len() { Ok(()) } else { Err(self.bad("it ends too early")) }
    }

    /// Take the next chunk in hand; `false` at the end.
    fn next_chunk(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        let mut head = [0; CHUNK_HEAD_BYTES];
        self.read_exactly(&mut head, self.offset)?;
        let (len, crc) = (u32_at(&head, 0) as usize, u32_at(&head, 4));
        if len == 0 {
            return self.trailer(crc).map(|()| false);
        }
        if len > CHUNK_BYTES_MAX {
            return Err(self.bad("a chunk is longer than any may be"));
        }
        let mut chunk = std::mem::take(&mut self.chunk);
        chunk.resize(len, 0);
        self.read_exactly(&mut chunk, self.offset + CHUNK_HEAD_BYTES as u64)?;
        if crc32fast::hash(&chunk) != crc {
            return Err(self.bad("a chunk's checksum is wrong"));
        }
        self.data_crc.update(&chunk);
        self.data_bytes += len as u64;
        self.offset += (CHUNK_HEAD_BYTES + len) as u64;
        self.chunk = chunk;
        self.taken = 0;
        Ok(true)
    }

    fn trailer(&mut self, crc: u32) -> io::Result<()> {
        let mut total = [0; 8];
        self.read_exactly(&mut total, self.offset + CHUNK_HEAD_BYTES as u64)?;
        if crc != self.data_crc.clone().finalize() || u64_at(&total, 0) != self.data_bytes {
            return Err(self.bad("its end does not fit the data before it"));
        }
        if self.file.len()? != self.offset + TRAILER_BYTES as u64 {
            return Err(self.bad("something follows after its end"));
        }
        self.ended = true;
        self.chunk.clear();
        self.taken = 0;
        Ok(())
    }
}

impl Read for SnapshotReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        if self.taken == self.chunk.len() && !self.next_chunk()? {
            return Ok(0);
        }
        let count = out.len().min(self.chunk.len() - self.taken);
        out[..count].copy_from_slice(&self.chunk[self.taken..self.taken + count]);
        self.taken += count;
        Ok(count)
    }
}
