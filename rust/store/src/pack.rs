//! Writing msgpack.
//!
//! Integers take the shortest form, so that equal states have equal bytes and digests.

use rmp::encode;

/// Appends msgpack values to a buffer, which cannot fail.
pub(crate) struct Packer<'a>(pub &'a mut Vec<u8>);

const NEVER: &str = "writing to memory does not fail";

impl Packer<'_> {
    pub fn array(&mut self, len: usize) -> &mut Self {
        let len = u32::try_from(len).expect("fewer than 2^32 items");
        encode::write_array_len(self.0, len).expect(NEVER);
        self
    }

    pub fn uint(&mut self, number: u64) -> &mut Self {
        encode::write_uint(self.0, number).expect(NEVER);
        self
    }

    pub fn int(&mut self, number: i64) -> &mut Self {
        encode::write_sint(self.0, number).expect(NEVER);
        self
    }

    pub fn bool(&mut self, yes: bool) -> &mut Self {
        self.0.push(if yes { 0xc3 } else { 0xc2 });
        self
    }

    pub fn nil(&mut self) -> &mut Self {
        self.0.push(0xc0);
        self
    }

    pub fn bin(&mut self, bytes: &[u8]) -> &mut Self {
        let len = u32::try_from(bytes.len()).expect("shorter than 4 GiB");
        encode::write_bin_len(self.0, len).expect(NEVER);
        self.0.extend_from_slice(bytes);
        self
    }

    pub fn bin_or_nil(&mut self, bytes: Option<&[u8]>) -> &mut Self {
        match bytes {
            Some(bytes) => self.bin(bytes),
            None => self.nil(),
        }
    }

    pub fn text(&mut self, text: &str) -> &mut Self {
        encode::write_str(self.0, text).expect(NEVER);
        self
    }

    pub fn texts(&mut self, texts: &[String]) -> &mut Self {
        self.array(texts.len());
        for text in texts {
            self.text(text);
        }
        self
    }

    pub fn texts_or_nil(&mut self, texts: Option<&[String]>) -> &mut Self {
        match texts {
            Some(texts) => self.texts(texts),
            None => self.nil(),
        }
    }
}
