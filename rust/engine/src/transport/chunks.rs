//! The data of a snapshot on its stream: chunks as in a snapshot file.

use std::io::{self, ErrorKind, Read, Write};

use crc32fast::Hasher;

/// Length and checksum in front of each chunk.
const HEAD_BYTES: usize = 8;
/// What a sender puts into one.
const CHUNK_BYTES: usize = 256 << 10;
/// What a receiver takes.
const CHUNK_BYTES_MAX: usize = 1 << 20;

/// Cuts what is written into chunks, but for the bytes that the other end has.
pub(super) struct ChunkWriter<W> {
    out: W,
    skip: u64,
    /// Room for the head, then data.
    chunk: Vec<u8>,
    bytes: u64,
    all: Hasher,
}

impl<W: Write> ChunkWriter<W> {
    pub fn new(out: W, skip: u64) -> Self {
        Self { out, skip, chunk: vec![0; HEAD_BYTES], bytes: 0, all: Hasher::new() }
    }

    fn send(&mut self) -> io::Result<()> {
        let len = self.chunk.len() - HEAD_BYTES;
        if len == 0 {
            return Ok(());
        }
        let crc = crc32fast::hash(&self.chunk[HEAD_BYTES..]);
        self.chunk[..4].copy_from_slice(&(len as u32).to_le_bytes());
        self.chunk[4..HEAD_BYTES].copy_from_slice(&crc.to_le_bytes());
        self.out.write_all(&self.chunk)?;
        self.chunk.truncate(HEAD_BYTES);
        Ok(())
    }

    /// Send what is left, and the end.
    pub fn finish(mut self) -> io::Result<()> {
        self.send()?;
        if self.skip > 0 {
            return Err(io::Error::new(ErrorKind::InvalidData, "the peer claims to have more"));
        }
        self.chunk[..4].fill(0);
        self.chunk[4..HEAD_BYTES].copy_from_slice(&self.all.finalize().to_le_bytes());
        self.chunk.extend_from_slice(&self.bytes.to_le_bytes());
        self.out.write_all(&self.chunk)?;
        self.out.flush()
    }
}

impl<W: Write> Write for ChunkWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = CHUNK_BYTES + HEAD_BYTES - self.chunk.len();
        let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
        let count = if skipped > 0 { skipped } else { room.min(bytes.len()) };
        let taken = &bytes[..count];
        self.all.update(taken);
        self.bytes += count as u64;
        self.skip -= skipped as u64;
        if skipped == 0 {
            self.chunk.extend_from_slice(taken);
            if count == room {
                self.send()?;
            }
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What comes next on the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Data, now in the buffer.
    Data,
    /// The end: checksum and length of everything.
    End { crc: u32, bytes: u64 },
}

/// Read one chunk into `buffer`, which has no other use.
///
/// # Errors
/// Of the stream; `InvalidData` if the chunk is not sound.
pub(super) fn read(from: &mut impl Read, buffer: &mut Vec<u8>) -> io::Result<Piece> {
    let mut head = [0; HEAD_BYTES];
    from.read_exact(&mut head)?;
    let [a, b, c, d, e, f, g, h] = head;
    let (len, crc) = (u32::from_le_bytes([a, b, c, d]) as usize, u32::from_le_bytes([e, f, g, h]));
    if len == 0 {
        let mut bytes = [0; 8];
        from.read_exact(&mut bytes)?;
        return Ok(Piece::End { crc, bytes: u64::from_le_bytes(bytes) });
    }
    if len > CHUNK_BYTES_MAX {
        return Err(io::Error::new(ErrorKind::InvalidData, "a chunk is longer than any may be"));
    }
    buffer.resize(len, 0);
    from.read_exact(buffer)?;
    if crc32fast::hash(buffer) != crc {
        return Err(io::Error::new(ErrorKind::InvalidData, "a chunk's checksum is wrong"));
    }
    Ok(Piece::Data)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(data: &[u8], skip: u64) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        let mut chunks = ChunkWriter::new(&mut out, skip);
        data.chunks(100_003).try_for_each(|piece| chunks.write_all(piece))?;
        chunks.finish()?;
        Ok(out)
    }

    fn received(mut stream: &[u8]) -> io::Result<(Vec<u8>, Piece)> {
        let (mut data, mut buffer) = (Vec::new(), Vec::new());
        loop {
            match read(&mut stream, &mut buffer)? {
                Piece::Data => data.extend_from_slice(&buffer),
                end => return Ok((data, end)),
            }
        }
    }

    #[test]
    fn whole_or_from_anywhere_it_is_the_same_data() {
        for len in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, 3 * CHUNK_BYTES + 5] {
            let data: Vec<u8> = (0..len).map(|i| (i * 7 + i / 255) as u8).collect();
            let end = Piece::End { crc: crc32fast::hash(&data), bytes: len as u64 };
            for skip in [0, len / 3, len] {
                let (rest, told) =
                    received(&sent(&data, skip as u64).expect("sent")).expect("sound");
                assert!(rest == data[skip..] && told == end, "{len} from {skip}");
            }
            assert!(sent(&data, len as u64 + 1).is_err(), "nobody has more than there is");
        }
    }

    #[test]
    fn a_flipped_bit_in_a_chunk_and_a_cut_are_errors() {
        let stream = sent(b"some data", 0).expect("sent");
        for len in 0..stream.len() {
            assert!(received(&stream[..len]).is_err());
        }
        let end = stream.len() - HEAD_BYTES - 8;
        for bit in 0..end * 8 {
            let mut other = stream.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(received(&other).is_err(), "bit {bit}");
        }
    }
}
