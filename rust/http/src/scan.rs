//! Finding the blank line that ends a head or a trailer section, however slowly it arrives.
//!
//! The scan remembers where it stopped, so every byte is searched once. What it reports depends on
//! the bytes alone and not on the pieces in which they came: the event that lies first in the
//! stream wins.

use memchr::memchr;

/// Progress through one section, in offsets from the section's start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SectionScan {
    /// First byte not searched yet.
    next: usize,
    /// Start of the line that `next` is in.
    line_start: usize,
    /// Complete lines so far, the blank one not included.
    lines: usize,
    /// Length of the first line with its line feed, once known.
    first_line: Option<usize>,
}

/// What a scan came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scan {
    /// The section is complete and has this many bytes, blank line included.
    End(usize),
    /// More bytes are needed.
    More,
    /// The section has no end within the allowed bytes.
    TooLong,
    /// The section has more lines than allowed.
    TooManyLines,
}

impl SectionScan {
    /// Search the bytes that have come since the last call. `section` starts at the section's
    /// start, and `work` grows by the number of bytes searched.
    pub(crate) fn run(
        &mut self,
        section: &[u8],
        bytes_max: usize,
        lines_max: usize,
        work: &mut u64,
    ) -> Scan {
        let window = &section[..section.len().min(bytes_max)];
        while let Some(rest) = window.get(self.next..) {
            let Some(offset) = memchr(b'\n', rest) else {
                *work += rest.len() as u64;
                self.next = window.len();
                break;
            };
            *work += offset as u64 + 1;
            let line = &window[self.line_start..self.next + offset];
            let after = self.next + offset + 1;
            if line.is_empty() || line == b"\r" {
                return Scan::End(after);
            }
            if self.lines == lines_max {
                return Scan::TooManyLines;
            }
            self.lines += 1;
            self.first_line.get_or_insert(after);
            self.next = after;
            self.line_start = after;
        }
        if section.len() >= bytes_max { Scan::TooLong } else { Scan::More }
    }

    /// Complete lines seen so far, the blank one not included.
    pub(crate) fn lines(&self) -> usize {
        self.lines
    }

    /// Length of the first line with its line feed, once it is complete.
    pub(crate) fn first_line(&self) -> Option<usize> {
        self.first_line
    }
}
