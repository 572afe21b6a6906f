//! A queue that a view can take a copy of without copying what is in it.

use std::collections::VecDeque;
use std::sync::Arc;

const CHUNK_LEN: usize = 128;

/// First in, first out, in chunks that are copied on the first write after a clone.
#[derive(Clone, Debug)]
pub(crate) struct Queue<T> {
    chunks: VecDeque<Arc<Vec<Option<T>>>>,
    /// Items of the first chunk that are gone.
    head: usize,
    len: usize,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { chunks: VecDeque::new(), head: 0, len: 0 }
    }
}

impl<T: Clone> Queue<T> {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn push(&mut self, item: T) {
        self.len += 1;
        if let Some(last) = self.chunks.back_mut()
            && last.len() < CHUNK_LEN
        {
            return Arc::make_mut(last).push(Some(item));
        }
        let mut chunk = Vec::with_capacity(CHUNK_LEN);
        chunk.push(Some(item));
        self.chunks.push_back(Arc::new(chunk));
    }

    pub fn pop(&mut self) -> Option<T> {
        let first = self.chunks.front_mut()?;
        // Taken out, not only skipped: one chunk may hold many large values.
        let item = match Arc::get_mut(first) {
            Some(items) => items.get_mut(self.head).and_then(Option::take),
            None => first.get(self.head).cloned().flatten(),
        };
        self.head += 1;
        self.len -= 1;
        if self.head == first.len() {
            self.chunks.pop_front();
            self.head = 0;
        }
        item
    }

    pub fn get(&self, at: usize) -> Option<&T> {
        let at = at + self.head;
        self.chunks.get(at / CHUNK_LEN)?.get(at % CHUNK_LEN)?.as_ref()
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.iter_from(0)
    }

    pub fn iter_from(&self, at: usize) -> impl Iterator<Item = &T> {
        let at = at + self.head;
        let rest = self.chunks.iter().skip(at / CHUNK_LEN).flat_map(|chunk| chunk.iter());
        rest.skip(at % CHUNK_LEN).filter_map(Option::as_ref)
    }

    /// How many items at the front satisfy `is_before`, which must hold for a front part only.
    pub fn partition_point(&self, is_before: impl Fn(&T) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.get(middle).is_some_and(&is_before) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behaves_as_a_deque_and_clones_do_not_change() {
        let mut queue = Queue::default();
        let mut model = VecDeque::new();
        let mut kept = Vec::new();
        for n in 0..2000_u32 {
            queue.push(n);
            model.push_back(n);
            if n % 3 == 0 || n > 1500 {
                assert_eq!(queue.pop(), model.pop_front());
            }
            if n % 97 == 0 {
                kept.push((queue.clone(), model.clone()));
            }
            assert_eq!(queue.len(), model.len());
            assert_eq!(queue.get(5), model.get(5));
        }
        kept.push((queue, model));
        for (queue, model) in kept {
            assert!(queue.iter().eq(model.iter()));
            assert!(queue.iter_from(300).eq(model.iter().skip(300)));
            let middle = model.get(model.len() / 2).copied().unwrap_or(0);
            assert_eq!(queue.partition_point(|n| *n < middle), model.len() / 2);
        }
    }

    #[test]
    fn empties() {
        let mut queue = Queue::default();
        queue.push(1);
        assert_eq!((queue.pop(), queue.pop(), queue.len()), (Some(1), None, 0));
    }
}
