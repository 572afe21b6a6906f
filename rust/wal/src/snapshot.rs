//! Snapshot files: format, names and writing.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crc32fast::Hasher;

use crate::dir::DataDir;
use crate::disk::File;
use crate::error::{ErrorKind, WalError, io_error};
use crate::frame::{u32_at, u64_at};
use crate::identity::Identity;
use crate::layout::{TMP, parse_snapshot, with_suffix};
use crate::snapshot_reader::SnapshotReader;

/// Length of the header of a snapshot file.
pub(crate) const HEADER_BYTES: usize = 64;
/// Length and checksum in front of each chunk.
pub(crate) const CHUNK_HEAD_BYTES: usize = 8;
/// Longest chunk.
pub(crate) const CHUNK_BYTES_MAX: usize = 1 << 20;
/// Chunk head of length 0, then the total length.
pub(crate) const TRAILER_BYTES: usize = 16;
/// Synced this often while it is written, so that a sync of the log never has to wait for the
/// whole of a large snapshot.
const SYNC_BYTES: u64 = 8 << 20;

const MAGIC: &[u8; 8] = b"COREOSSN";
const FORMAT: u32 = 1;

/// A snapshot file in the data directory, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotFile {
    /// Where it is.
    pub path: PathBuf,
    /// Term of the last entry in it.
    pub term: u64,
    /// Index of the last entry in it.
    pub index: u64,
}

/// What a snapshot is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SnapshotMeta {
    /// Term of the last entry in it.
    pub term: u64,
    /// Index of the last entry in it.
    pub index: u64,
    /// Cluster time after that entry.
    pub cluster_time_ns: u64,
}

/// Why a header cannot be used.
pub(crate) enum BadHeader {
    Damaged,
    Newer(u32),
    Mismatch { cluster_id: u64, member_id: u64 },
}

pub(crate) fn encode_header(identity: &Identity, meta: &SnapshotMeta) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[0..8].copy_from_slice(MAGIC);
    bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
    bytes[12..16].copy_from_slice(&(HEADER_BYTES as u32).to_le_bytes());
    bytes[16..24].copy_from_slice(&identity.cluster_id.to_le_bytes());
    bytes[24..32].copy_from_slice(&identity.member_id.to_le_bytes());
    bytes[32..40].copy_from_slice(&meta.term.to_le_bytes());
    bytes[40..48].copy_from_slice(&meta.index.to_le_bytes());
    bytes[48..56].copy_from_slice(&meta.cluster_time_ns.to_le_bytes());
    let crc = crc32fast::hash(&bytes[..60]);
    bytes[60..64].copy_from_slice(&crc.to_le_bytes());
    bytes
}

pub(crate) fn decode_header(bytes: &[u8], identity: &Identity) -> Result<SnapshotMeta, BadHeader> {
    let bytes = bytes.first_chunk::<HEADER_BYTES>().ok_or(BadHeader::Damaged)?;
    if bytes[0..8] != *MAGIC || u32_at(bytes, 60) != crc32fast::hash(&bytes[..60]) {
        return Err(BadHeader::Damaged);
    }
    let format = u32_at(bytes, 8);
    if format > FORMAT {
        return Err(BadHeader::Newer(format));
    }
    let sound =
        format == FORMAT && u32_at(bytes, 12) == HEADER_BYTES as u32 && bytes[56..60] == [0; 4];
    if !sound {
        return Err(BadHeader::Damaged);
    }
    let (cluster_id, member_id) = (u64_at(bytes, 16), u64_at(bytes, 24));
    if (cluster_id, member_id) != (identity.cluster_id, identity.member_id) {
        return Err(BadHeader::Mismatch { cluster_id, member_id });
    }
    Ok(SnapshotMeta {
        term: u64_at(bytes, 32),
        index: u64_at(bytes, 40),
        cluster_time_ns: u64_at(bytes, 48),
    })
}

impl DataDir {
    /// Snapshot files, newest first. Whether they can be read shows when they are.
    pub fn snapshots(&self) -> Result<Vec<SnapshotFile>, WalError> {
        let dir = &self.layout.snap;
        let names = self.disk.list(dir).map_err(io_error("list", dir))?;
        let mut files: Vec<SnapshotFile> = names
            .iter()
            .filter_map(|name| {
                let (term, index) = parse_snapshot(name)?;
                Some(SnapshotFile { path: dir.join(name), term, index })
            })
            .collect();
        files.sort_by_key(|file| std::cmp::Reverse((file.index, file.term)));
        Ok(files)
    }

    /// Open a snapshot; its header is checked here, everything else while it is read.
    pub fn open_snapshot(&self, file: &SnapshotFile) -> Result<SnapshotReader, WalError> {
        SnapshotReader::open(self.disk.as_ref(), file, &self.identity()?)
    }

    /// Set a snapshot aside that could not be read, as `.broken`.
    pub fn mark_broken(&self, file: &SnapshotFile) -> Result<(), WalError> {
        self.set_aside(&file.path).map(|_| ())
    }

    /// Write a snapshot and make it durable under its name; its mark in the log comes after this.
    /// `write` gives the data. Returns the length of the file in bytes.
    pub fn write_snapshot(
        &self,
        meta: SnapshotMeta,
        write: &mut dyn FnMut(&mut dyn io::Write) -> io::Result<()>,
    ) -> Result<u64, WalError> {
        let identity = self.identity()?;
        let path = self.layout.snapshot(meta.term, meta.index);
        let tmp = with_suffix(&path, TMP);
        let doing = "write the snapshot";
        if self.exists(&tmp)? {
            self.disk.remove(&tmp).map_err(io_error("remove", &tmp))?;
        }
        let written = self.disk.create(&tmp).and_then(|file| {
            let mut out = ChunkWriter::new(file, encode_header(&identity, &meta));
            write(&mut out)?;
            out.finish()
        });
        let bytes = match written {
            Ok(bytes) => bytes,
            Err(error) => {
                // A full disk must get its space back; the first error is the one to report.
                let _ = self.disk.remove(&tmp);
                return Err(WalError::io(doing, &path, &error));
            }
        };
        self.disk.rename(&tmp, &path).map_err(io_error(doing, &path))?;
        self.sync_dir(&self.layout.snap)?;
        Ok(bytes)
    }

    /// Delete all snapshots but the newest `keep`.
    pub fn purge_snapshots(&self, keep: usize) -> Result<(), WalError> {
        // Without any, the log alone would have to reach back to the beginning.
        let files = self.snapshots()?;
        for file in files.iter().skip(keep.max(1)) {
            self.disk.remove(&file.path).map_err(io_error("delete", &file.path))?;
        }
        self.sync_dir(&self.layout.snap)
    }
}

/// Cuts what is written into chunks.
pub(crate) struct ChunkWriter {
    file: Box<dyn File>,
    /// Chunk head room, then data.
    chunk: Vec<u8>,
    offset: u64,
    unsynced: u64,
    data_bytes: u64,
    data_crc: Hasher,
}

impl ChunkWriter {
    pub(crate) fn new(file: Box<dyn File>, header: [u8; HEADER_BYTES]) -> ChunkWriter {
        ChunkWriter {
            file,
            // The header goes out together with the first chunk.
            chunk: [&header[..], &[0; CHUNK_HEAD_BYTES]].concat(),
            offset: 0,
            unsynced: 0,
            data_bytes: 0,
            data_crc: Hasher::new(),
        }
    }

    /// Where the chunk's head is in the buffer.
    fn head_at(&self) -> usize {
        if self.offset == 0 { HEADER_BYTES } else { 0 }
    }

    fn data_len(&self) -> usize {
        self.chunk.len() - self.head_at() - CHUNK_HEAD_BYTES
    }

    fn write_chunk(&mut self) -> io::Result<()> {
        let len = self.data_len();
        if len == 0 {
            return Ok(());
        }
        let head_at = self.head_at();
        let data_at = head_at + CHUNK_HEAD_BYTES;
        let crc = crc32fast::hash(&self.chunk[data_at..]);
        self.data_crc.update(&self.chunk[data_at..]);
        self.data_bytes += len as u64;
        self.chunk[head_at..head_at + 4].copy_from_slice(&(len as u32).to_le_bytes());
        self.chunk[head_at + 4..data_at].copy_from_slice(&crc.to_le_bytes());
        self.write_buffer()?;
        self.chunk.resize(CHUNK_HEAD_BYTES, 0);
        Ok(())
    }

    fn write_buffer(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.chunk, self.offset)?;
        self.offset += self.chunk.len() as u64;
        self.unsynced += self.chunk.len() as u64;
        self.chunk.clear();
        if self.unsynced >= SYNC_BYTES {
            self.file.sync_data()?;
            self.unsynced = 0;
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> io::Result<u64> {
        self.write_chunk()?;
        let head_at = self.head_at();
        self.chunk.truncate(head_at);
        self.chunk.extend_from_slice(&[0; 4]);
        self.chunk.extend_from_slice(&self.data_crc.clone().finalize().to_le_bytes());
        self.chunk.extend_from_slice(&self.data_bytes.to_le_bytes());
        self.write_buffer()?;
        self.file.sync_all()?;
        Ok(self.offset)
    }
}

impl Write for ChunkWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.data_len() == CHUNK_BYTES_MAX {
            self.write_chunk()?;
        }
        let count = bytes.len().min(CHUNK_BYTES_MAX - self.data_len());
        self.chunk.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn damaged(path: &Path, offset: u64, what: &str) -> WalError {
    WalError::new(ErrorKind::Damaged, damage_text(path, offset, what))
}

pub(crate) fn damage_text(path: &Path, offset: u64, what: &str) -> String {
    format!(
        "the snapshot {} is damaged at byte {offset}: {what}; an older snapshot and the log may \
         still give its data",
        path.display()
    )
}
