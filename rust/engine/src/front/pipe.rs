//! The bounded way from a listing's thread to its connection.

use std::collections::VecDeque;

use parking_lot::{Condvar, Mutex};

/// Rendered bytes that may wait for a connection.
const PIPE_BYTES_MAX: usize = 1 << 20;

/// How far the thread is.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Stage {
    /// More pieces will come.
    #[default]
    Rendering,
    /// All are there.
    Rendered,
    /// The rest cannot be rendered.
    Broken,
}

#[derive(Default)]
struct Contents {
    pieces: VecDeque<Vec<u8>>,
    bytes: usize,
    stage: Stage,
    cancelled: bool,
}

/// What [`Pipe::take`] has for its connection.
pub(super) enum Taken {
    /// The next piece of the body.
    Piece(Vec<u8>),
    /// Nothing yet.
    Nothing,
    /// Nothing any more.
    End,
    /// The rest is not to be had.
    Broken,
}

/// The bounded way from a listing thread to its connection.
#[derive(Default)]
pub(super) struct Pipe {
    contents: Mutex<Contents>,
    room: Condvar,
}

impl Pipe {
    /// The next piece, if one is ready.
    pub fn take(&self) -> Taken {
        let mut contents = self.contents.lock();
        if let Some(piece) = contents.pieces.pop_front() {
            contents.bytes -= piece.len();
            self.room.notify_one();
            return Taken::Piece(piece);
        }
        match contents.stage {
            Stage::Rendering => Taken::Nothing,
            Stage::Rendered => Taken::End,
            Stage::Broken => Taken::Broken,
        }
    }

    /// The client has gone: the thread stops at its next piece.
    pub fn cancel(&self) {
        self.contents.lock().cancelled = true;
        self.room.notify_one();
    }

    /// Add a piece. False: there is no room for it yet.
    pub fn try_put(&self, piece: &[u8]) -> bool {
        let mut contents = self.contents.lock();
        if contents.bytes >= PIPE_BYTES_MAX && !contents.cancelled {
            return false;
        }
        contents.bytes += piece.len();
        contents.pieces.push_back(piece.to_vec());
        true
    }

    pub fn wait_for_room(&self) {
        let mut contents = self.contents.lock();
        while contents.bytes >= PIPE_BYTES_MAX && !contents.cancelled {
            self.room.wait(&mut contents);
        }
    }

    pub fn is_wanted(&self) -> bool {
        !self.contents.lock().cancelled
    }

    pub fn end(&self, stage: Stage) {
        self.contents.lock().stage = stage;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_full_pipe_waits_for_its_reader_and_a_cancelled_one_does_not() {
        let pipe = Arc::new(Pipe::default());
        assert!(pipe.try_put(&vec![0; PIPE_BYTES_MAX]));
        assert!(!pipe.try_put(b"late"));
        let writer = {
            let pipe = pipe.clone();
            std::thread::spawn(move || {
                pipe.wait_for_room();
                pipe.try_put(b"late") && pipe.is_wanted()
            })
        };
        assert!(matches!(pipe.take(), Taken::Piece(piece) if piece.len() == PIPE_BYTES_MAX));
        assert!(writer.join().expect("writer"));
        pipe.try_put(&vec![0; PIPE_BYTES_MAX]);
        pipe.cancel();
        pipe.wait_for_room();
        assert!(!pipe.is_wanted());
    }
}
