//! Reading a segment through a buffer that is never larger than the largest batch.

use std::io;
use std::path::Path;

use crate::disk::{Disk, File, read_full};
use crate::error::{WalError, io_error};
use crate::frame::{ALIGN, FRAME_BYTES, Frame, checksum, frame_bytes, u64_at};
use crate::header::{HEADER_BYTES, Header, Reading};

const READ_BYTES: u64 = 256 << 10;

/// A view of a segment file.
pub(crate) struct Window {
    file: Box<dyn File>,
    len: u64,
    buffer: Vec<u8>,
    start: u64,
}

/// A batch whose checksum is right.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Valid {
    pub sequence: u64,
    pub payload_bytes: usize,
    /// Offset after it, zeroes included.
    pub end: u64,
}

impl Window {
    pub(crate) fn open(disk: &dyn Disk, path: &Path) -> Result<Window, WalError> {
        let file = disk.open(path, false).map_err(io_error("open", path))?;
        let len = file.len().map_err(io_error("read the length of", path))?;
        Ok(Window { file, len, buffer: Vec::new(), start: 0 })
    }

    /// Length of the file when it was opened.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Forget what was read, to see what is there now.
    pub(crate) fn refresh(&mut self) {
        self.buffer.clear();
    }

    /// `count` bytes from `offset`; `None` when the file ends before.
    fn bytes(&mut self, offset: u64, count: usize) -> io::Result<Option<&[u8]>> {
        let Some(end) = offset.checked_add(count as u64).filter(|&end| end <= self.len) else {
            return Ok(None);
        };
        let buffered = self.start + self.buffer.len() as u64;
        if offset < self.start || end > buffered {
            let wanted = (count as u64).max(READ_BYTES).min(self.len - offset);
            self.buffer.resize(wanted as usize, 0);
            self.start = offset;
            let filled = read_full(self.file.as_ref(), &mut self.buffer, offset)?;
            self.buffer.truncate(filled);
            if filled < count {
                return Ok(None);
            }
        }
        let from = (offset - self.start) as usize;
        Ok(Some(&self.buffer[from..from + count]))
    }

    pub(crate) fn header(&mut self) -> io::Result<Reading> {
        Ok(Header::decode(self.bytes(0, HEADER_BYTES)?.unwrap_or_default()))
    }

    /// The batch at `offset`, if one stands there.
    pub(crate) fn batch(&mut self, offset: u64, seed: u32) -> io::Result<Option<Valid>> {
        match self.frame(offset)? {
            Some(frame) => self.check(offset, &frame, seed),
            None => Ok(None),
        }
    }

    /// What may be the header of a batch at `offset`; it would fit into the file.
    pub(crate) fn frame(&mut self, offset: u64) -> io::Result<Option<Frame>> {
        let head = self.bytes(offset, FRAME_BYTES)?;
        let frame = head.and_then(|head| head.first_chunk().and_then(Frame::parse));
        let end = |frame: &Frame| offset + frame_bytes(frame.payload_bytes as u64);
        Ok(frame.filter(|frame| end(frame) <= self.len))
    }

    /// The batch with the header `frame` at `offset`, if its checksum is right.
    pub(crate) fn check(
        &mut self,
        offset: u64,
        frame: &Frame,
        seed: u32,
    ) -> io::Result<Option<Valid>> {
        let Frame { payload_bytes, sequence, crc } = *frame;
        let Some(bytes) = self.bytes(offset, FRAME_BYTES + payload_bytes)? else {
            return Ok(None);
        };
        let end = offset + frame_bytes(payload_bytes as u64);
        Ok((checksum(bytes, seed) == crc).then_some(Valid { sequence, payload_bytes, end }))
    }

    /// The payload of a batch that was found at `offset`.
    pub(crate) fn payload(&mut self, offset: u64, batch: &Valid) -> io::Result<&[u8]> {
        let count = FRAME_BYTES + batch.payload_bytes;
        let bytes = self.bytes(offset, count)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(&bytes[FRAME_BYTES..])
    }

    /// Offset of the first eight bytes, from the multiple of eight `offset` on, that are not all
    /// zero.
    pub(crate) fn next_word(&mut self, mut offset: u64) -> io::Result<Option<u64>> {
        while offset + ALIGN <= self.len {
            // What is buffered is used up first: dense garbage asks for every single word.
            let buffered = (self.start + self.buffer.len() as u64).saturating_sub(offset);
            let here =
                if offset >= self.start && buffered >= ALIGN { buffered } else { READ_BYTES };
            let count = here.min(self.len - offset) / ALIGN * ALIGN;
            let Some(bytes) = self.bytes(offset, count as usize)? else {
                return Ok(None);
            };
            let mut words = bytes.chunks_exact(ALIGN as usize);
            match words.position(|word| u64_at(word, 0) != 0) {
                Some(n) => return Ok(Some(offset + n as u64 * ALIGN)),
                None => offset += count,
            }
        }
        // Less than a word: only in a file that was cut from outside.
        let rest = self.len.saturating_sub(offset) as usize;
        let odd = self.bytes(offset, rest)?.is_some_and(|bytes| bytes.iter().any(|&b| b != 0));
        Ok(odd.then_some(offset))
    }
}
