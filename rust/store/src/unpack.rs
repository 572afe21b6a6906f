//! Reading msgpack that may have been made by anyone.
//!
//! Lengths are believed only as far as bytes for them really come: a hostile count costs no memory.

use std::io::{ErrorKind, Read};

use rmp::Marker;

/// Why reading stopped.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Not what was expected; or it ended too soon.
    Malformed(&'static str),
    /// The source failed.
    Io(std::io::Error),
}

/// Bytes that are reserved before any of them has been seen.
const RESERVED_BYTES_MAX: usize = 64 << 10;

/// Takes msgpack values from a source of bytes.
pub(crate) struct Unpacker<R>(pub R);

impl<R: Read> Unpacker<R> {
    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => Fault::Malformed("it ends too soon"),
            _ => Fault::Io(error),
        })?;
        Ok(bytes)
    }

    fn marker(&mut self) -> Result<Marker, Fault> {
        Ok(Marker::from_u8(self.bytes::<1>()?[0]))
    }

    /// Length of the array that begins here.
    pub fn array(&mut self) -> Result<usize, Fault> {
        let marker = self.marker()?;
        self.array_len(marker)
    }

    fn array_len(&mut self, marker: Marker) -> Result<usize, Fault> {
        Ok(match marker {
            Marker::FixArray(len) => usize::from(len),
            Marker::Array16 => usize::from(u16::from_be_bytes(self.bytes()?)),
            Marker::Array32 => u32::from_be_bytes(self.bytes()?) as usize,
            _ => return Err(Fault::Malformed("an array was expected")),
        })
    }

    /// An array of exactly `len` items begins here.
    pub fn array_of(&mut self, len: usize) -> Result<(), Fault> {
        if self.array()? == len { Ok(()) } else { Err(Fault::Malformed("an array's length")) }
    }

    pub fn uint(&mut self) -> Result<u64, Fault> {
        let marker = self.marker()?;
        self.uint_of(marker)
    }

    fn uint_of(&mut self, marker: Marker) -> Result<u64, Fault> {
        Ok(match marker {
            Marker::FixPos(number) => u64::from(number),
            Marker::U8 => u64::from(self.bytes::<1>()?[0]),
            Marker::U16 => u64::from(u16::from_be_bytes(self.bytes()?)),
            Marker::U32 => u64::from(u32::from_be_bytes(self.bytes()?)),
            Marker::U64 => u64::from_be_bytes(self.bytes()?),
            _ => return Err(Fault::Malformed("an unsigned integer was expected")),
        })
    }

    pub fn int(&mut self) -> Result<i64, Fault> {
        Ok(match self.marker()? {
            Marker::FixNeg(number) => i64::from(number),
            Marker::I8 => i64::from(i8::from_be_bytes(self.bytes()?)),
            Marker::I16 => i64::from(i16::from_be_bytes(self.bytes()?)),
            Marker::I32 => i64::from(i32::from_be_bytes(self.bytes()?)),
            Marker::I64 => i64::from_be_bytes(self.bytes()?),
            marker => i64::try_from(self.uint_of(marker)?)
                .map_err(|_| Fault::Malformed("an integer is too large"))?,
        })
    }

    pub fn bool(&mut self) -> Result<bool, Fault> {
        match self.marker()? {
            Marker::True => Ok(true),
            Marker::False => Ok(false),
            _ => Err(Fault::Malformed("a boolean was expected")),
        }
    }

    pub fn uint_or_nil(&mut self) -> Result<Option<u64>, Fault> {
        match self.marker()? {
            Marker::Null => Ok(None),
            marker => self.uint_of(marker).map(Some),
        }
    }

    pub fn bin(&mut self) -> Result<Vec<u8>, Fault> {
        self.bin_or_nil()?.ok_or(Fault::Malformed("bytes were expected"))
    }

    pub fn bin_or_nil(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        let len = match self.marker()? {
            Marker::Null => return Ok(None),
            Marker::Bin8 => u64::from(self.bytes::<1>()?[0]),
            Marker::Bin16 => u64::from(u16::from_be_bytes(self.bytes()?)),
            Marker::Bin32 => u64::from(u32::from_be_bytes(self.bytes()?)),
            _ => return Err(Fault::Malformed("bytes were expected")),
        };
        self.take(len).map(Some)
    }

    pub fn text(&mut self) -> Result<String, Fault> {
        self.text_or_nil()?.ok_or(Fault::Malformed("a text was expected"))
    }

    pub fn text_or_nil(&mut self) -> Result<Option<String>, Fault> {
        let len = match self.marker()? {
            Marker::Null => return Ok(None),
            Marker::FixStr(len) => u64::from(len),
            Marker::Str8 => u64::from(self.bytes::<1>()?[0]),
            Marker::Str16 => u64::from(u16::from_be_bytes(self.bytes()?)),
            Marker::Str32 => u64::from(u32::from_be_bytes(self.bytes()?)),
            _ => return Err(Fault::Malformed("a text was expected")),
        };
        match String::from_utf8(self.take(len)?) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(Fault::Malformed("a text is not UTF-8")),
        }
    }

    pub fn texts(&mut self) -> Result<Vec<String>, Fault> {
        self.texts_or_nil()?.ok_or(Fault::Malformed("an array was expected"))
    }

    pub fn texts_or_nil(&mut self) -> Result<Option<Vec<String>>, Fault> {
        let len = match self.marker()? {
            Marker::Null => return Ok(None),
            marker => self.array_len(marker)?,
        };
        (0..len).map(|_| self.text()).collect::<Result<_, _>>().map(Some)
    }

    fn take(&mut self, len: u64) -> Result<Vec<u8>, Fault> {
        let wanted = usize::try_from(len).map_err(|_| Fault::Malformed("a length"))?;
        let mut bytes = Vec::with_capacity(wanted.min(RESERVED_BYTES_MAX));
        self.0.by_ref().take(len).read_to_end(&mut bytes).map_err(Fault::Io)?;
        if bytes.len() < wanted {
            return Err(Fault::Malformed("it ends too soon"));
        }
        Ok(bytes)
    }

    /// What an item that has more than one shape begins with.
    pub fn shape(&mut self) -> Result<Shape, Fault> {
        Ok(match self.marker()? {
            Marker::Null => Shape::Nil,
            marker @ (Marker::FixArray(_) | Marker::Array16 | Marker::Array32) => {
                Shape::Array(self.array_len(marker)?)
            }
            marker => Shape::Uint(self.uint_of(marker)?),
        })
    }

    /// Nothing may follow.
    pub fn end(&mut self) -> Result<(), Fault> {
        match self.bytes::<1>() {
            Err(Fault::Malformed(_)) => Ok(()),
            Err(fault) => Err(fault),
            Ok(_) => Err(Fault::Malformed("something follows its end")),
        }
    }
}

/// The shapes that an outcome in the request-id window can have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Nil,
    Uint(u64),
    Array(usize),
}
