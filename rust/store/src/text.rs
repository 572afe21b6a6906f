//! A node's name and value in one heap block behind one thin, counted pointer.
//!
//! The store is judged by its bytes per key. A `Vec` each for name and value would cost 48 bytes of
//! pointers and lengths and a second allocation; this costs 8 in the node and 12 in the block. The
//! count lets events, previous nodes and views share a value instead of copying it.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering, fence};

#[repr(C)]
struct Header {
    owners: AtomicU32,
    name_len: u32,
    value_len: u32,
}

const HEADER_BYTES: usize = size_of::<Header>();

/// Beyond this the count might wrap before another thread notices, so the program stops.
const OWNERS_MAX: u32 = u32::MAX / 2;

/// An immutable name and value.
pub(crate) struct Text {
    block: NonNull<Header>,
}

// SAFETY: the block is never written after `new` but for its atomic count.
unsafe impl Send for Text {}
// SAFETY: as above.
unsafe impl Sync for Text {}

impl Text {
    /// Copy both into a new block.
    ///
    /// # Panics
    /// If one of them is 4 GiB or longer; the limits on requests are far below.
    pub fn new(name: &[u8], value: &[u8]) -> Self {
        let name_len = u32::try_from(name.len()).expect("a name is shorter than 4 GiB");
        let value_len = u32::try_from(value.len()).expect("a value is shorter than 4 GiB");
        let layout = Self::layout(name.len(), value.len());
        // SAFETY: the layout is not empty: it has the header.
        let raw = unsafe { alloc(layout) };
        let Some(block) = NonNull::new(raw.cast::<Header>()) else { handle_alloc_error(layout) };
        // SAFETY: the block is fresh and as long as header, name and value together, so the three
        // writes stay inside it and nothing overlaps.
        unsafe {
            block.write(Header { owners: AtomicU32::new(1), name_len, value_len });
            let body = raw.add(HEADER_BYTES);
            body.copy_from_nonoverlapping(name.as_ptr(), name.len());
            body.add(name.len()).copy_from_nonoverlapping(value.as_ptr(), value.len());
        }
        Self { block }
    }

    pub fn name(&self) -> &[u8] {
        let len = self.header().name_len as usize;
        // SAFETY: `new` wrote `name_len` bytes behind the header, and they live as long as `self`.
        unsafe { std::slice::from_raw_parts(self.body(), len) }
    }

    pub fn value(&self) -> &[u8] {
        let Header { name_len, value_len, .. } = *self.header();
        // SAFETY: `new` wrote `value_len` bytes behind the name, and they live as long as `self`.
        unsafe {
            std::slice::from_raw_parts(self.body().add(name_len as usize), value_len as usize)
        }
    }

    fn header(&self) -> &Header {
        // SAFETY: the block is valid while an owner is left, and `self` is one.
        unsafe { self.block.as_ref() }
    }

    fn body(&self) -> *const u8 {
        // SAFETY: the block is at least as long as its header.
        unsafe { self.block.as_ptr().cast_const().cast::<u8>().add(HEADER_BYTES) }
    }

    fn layout(name_len: usize, value_len: usize) -> Layout {
        let bytes = HEADER_BYTES + name_len + value_len;
        Layout::from_size_align(bytes, align_of::<Header>()).expect("lengths of real slices")
    }
}

impl Clone for Text {
    fn clone(&self) -> Self {
        // Relaxed: who can clone is an owner already, so the block cannot go meanwhile.
        let owners = self.header().owners.fetch_add(1, Ordering::Relaxed);
        if owners > OWNERS_MAX {
            std::process::abort();
        }
        Self { block: self.block }
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        // Release, and acquire for the last one: all uses by other owners come before the dealloc.
        if self.header().owners.fetch_sub(1, Ordering::Release) != 1 {
            return;
        }
        fence(Ordering::Acquire);
        let Header { name_len, value_len, .. } = *self.header();
        let layout = Self::layout(name_len as usize, value_len as usize);
        // SAFETY: allocated in `new` with this layout, and this was the last owner.
        unsafe { dealloc(self.block.as_ptr().cast::<u8>(), layout) }
    }
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        write!(f, "{:?}={:?}", text(self.name()), text(self.value()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_name_and_value_for_every_owner() {
        for (name, value) in [(&b""[..], &b""[..]), (b"n", b""), (b"", b"v"), (b"name", b"value")] {
            let first = Text::new(name, value);
            let second = first.clone();
            drop(first);
            assert_eq!((second.name(), second.value()), (name, value));
        }
    }

    #[test]
    fn owners_on_many_threads_free_it_once() {
        let text = Text::new(b"name", &[7; 1000]);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        assert_eq!(text.clone().value().len(), 1000);
                    }
                });
            }
        });
        assert_eq!(text.header().owners.load(Ordering::Relaxed), 1);
    }
}
