//! What waits to be sent to a peer by one of its lanes.
//!
//! Mostly nothing does: then whoever has something to send writes it to the socket, which costs less than calling the
//! lane's thread. What the socket does not take at once is the thread's.

use std::collections::VecDeque;
use std::net::TcpStream;
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::net::{SendFlags, send};

use super::waker::Waker;
use crate::peers::{Content, Frame};

/// Contents that go out together, by weight; more only if a single one is heavier.
const BATCH_BYTES: usize = 1 << 20;
/// Encoding more than that would hold up who sends.
const AT_ONCE_BYTES_MAX: usize = 64 << 10;

/// A bounded queue between all who send and the one thread that writes.
#[derive(Debug)]
pub(super) struct Lane {
    pub waker: Waker,
    bytes_max: usize,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    contents: VecDeque<Content>,
    bytes: usize,
    time_ns: u64,
    /// A link stands. Without one nothing waits: what would be sent later is out of date by then.
    is_up: bool,
    /// Something was lost since a link stands or was free again, and the member has been told.
    is_lossy: bool,
    /// The writer waits to be called: nothing waits, and nothing is being written.
    is_asleep: bool,
    /// The socket, if bytes can be written to it as they are.
    socket: Option<Arc<TcpStream>>,
    /// What it has not taken of the last frame that was written at once.
    rest: Vec<u8>,
    encoded: Vec<u8>,
}

/// What the writer finds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// To be written.
    Frame(Frame),
    /// To be written as they are.
    Bytes(Vec<u8>),
    /// The queue is empty for the first time after an overflow.
    Drained,
    /// Nothing; whoever pushes something calls.
    Nothing,
}

impl Lane {
    pub fn new(bytes_max: usize) -> std::io::Result<Self> {
        Ok(Self { waker: Waker::new()?, bytes_max, queue: Mutex::default() })
    }

    /// Put contents in, all or none. False: they are lost, and the member has to be told, once.
    pub fn push(&self, contents: Vec<Content>, time_ns: u64) -> bool {
        let weight: usize = contents.iter().map(Content::weight).sum();
        let mut queue = self.queue.lock();
        // A single one that is larger than all that may wait is let through, or it never would be.
        let has_room = queue.bytes == 0 || queue.bytes + weight <= self.bytes_max;
        if !queue.is_up || !has_room {
            return std::mem::replace(&mut queue.is_lossy, true);
        }
        let frame = Frame { time_ns, contents };
        if queue.is_asleep && weight <= AT_ONCE_BYTES_MAX && queue.is_written_at_once(&frame) {
            if !queue.rest.is_empty() {
                queue.is_asleep = false;
                drop(queue);
                self.waker.ring();
            }
            return true;
        }
        queue.bytes += weight;
        queue.time_ns = queue.time_ns.max(time_ns);
        queue.contents.extend(frame.contents);
        if std::mem::take(&mut queue.is_asleep) {
            drop(queue);
            self.waker.ring();
        }
        true
    }

    /// Take what goes out next.
    pub fn next(&self) -> Next {
        let mut queue = self.queue.lock();
        if !queue.rest.is_empty() {
            return Next::Bytes(std::mem::take(&mut queue.rest));
        }
        let mut frame = Frame { time_ns: queue.time_ns, contents: Vec::new() };
        let mut bytes = 0;
        while let Some(content) = queue.contents.front() {
            let weight = content.weight();
            if bytes > 0 && bytes + weight > BATCH_BYTES {
                break;
            }
            bytes += weight;
            frame.contents.extend(queue.contents.pop_front());
        }
        queue.bytes -= bytes;
        if bytes > 0 {
            return Next::Frame(frame);
        }
        queue.time_ns = 0;
        if std::mem::take(&mut queue.is_lossy) {
            return Next::Drained;
        }
        queue.is_asleep = true;
        Next::Nothing
    }

    /// What was taken cannot be sent. False: as for [`Lane::push`].
    pub fn lose(&self) -> bool {
        std::mem::replace(&mut self.queue.lock().is_lossy, true)
    }

    /// A link stands. `socket`: if bytes can be written to it as they are.
    pub fn up(&self, socket: Option<Arc<TcpStream>>) {
        *self.queue.lock() = Queue { is_up: true, socket, ..Queue::default() };
    }

    /// It does not any more, and the member is told of it. What waits is lost.
    pub fn down(&self) {
        *self.queue.lock() = Queue { is_lossy: true, ..Queue::default() };
    }
}

impl Queue {
    /// Write it, as far as the socket takes it now. False: nothing of it, and the writer is to try.
    fn is_written_at_once(&mut self, frame: &Frame) -> bool {
        let Some(socket) = &self.socket else { return false };
        self.encoded.clear();
        if frame.encode(&mut self.encoded).is_err() {
            return false;
        }
        match send(socket, &self.encoded, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Ok(count) => {
                self.rest.extend_from_slice(&self.encoded[count..]);
                true
            }
            Err(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use bytes::Bytes;

    use super::*;
    use crate::peers::{HEAD_BYTES, Head};

    fn content(len: usize) -> Content {
        Content::Forward(vec![Bytes::from(vec![0; len])])
    }

    fn frame(next: Next) -> Frame {
        match next {
            Next::Frame(frame) => frame,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn several_go_out_as_one_up_to_a_batch() {
        let lane = Lane::new(8 << 20).expect("eventfd");
        lane.up(None);
        for time_ns in [5, 9, 7] {
            assert!(lane.push(vec![content(1), content(BATCH_BYTES / 2)], time_ns));
        }
        let first = frame(lane.next());
        assert_eq!((first.time_ns, first.contents.len()), (9, 3));
        assert_eq!(frame(lane.next()).contents.len(), 2);
        assert_eq!(frame(lane.next()).contents.len(), 1);
        assert_eq!(lane.next(), Next::Nothing);
        assert!(lane.push(vec![content(2 * BATCH_BYTES)], 0), "heavier than a batch");
        assert_eq!(
            frame(lane.next()),
            Frame { time_ns: 0, contents: vec![content(2 * BATCH_BYTES)] }
        );
    }

    #[test]
    fn an_overflow_drops_the_new_one_and_is_told_once_until_it_has_drained() {
        let lane = Lane::new(1000).expect("eventfd");
        lane.up(None);
        assert!(lane.push(vec![content(2000)], 0), "alone it may be larger");
        for is_told in [false, true, true] {
            assert_eq!(lane.push(vec![content(1)], 0), is_told);
        }
        assert_eq!(frame(lane.next()).contents, [content(2000)]);
        assert_eq!([lane.next(), lane.next()], [Next::Drained, Next::Nothing]);
        assert!(lane.push(vec![content(900)], 0));
        assert!(!lane.push(vec![content(900)], 0));
    }

    #[test]
    fn without_a_link_nothing_waits() {
        let lane = Lane::new(1000).expect("eventfd");
        assert!(!lane.push(vec![content(1)], 0), "nobody knows yet that it is lost");
        lane.up(None);
        assert_eq!(lane.next(), Next::Nothing);
        assert!(lane.push(vec![content(1)], 0));
        lane.down();
        assert!(lane.push(vec![content(1)], 0), "the end of the link was told");
        lane.up(None);
        assert_eq!(lane.next(), Next::Nothing);
    }

    /// The frames that come out of a socket, `count` of them.
    fn read_frames(mut from: TcpStream, count: usize) -> Vec<Frame> {
        let read = |_| {
            let mut head = [0; HEAD_BYTES];
            from.read_exact(&mut head).expect("a head");
            let head = Head::parse(&head).expect("a sound head");
            let mut payload = vec![0; head.payload_bytes];
            from.read_exact(&mut payload).expect("a payload");
            head.open(&Bytes::from(payload)).expect("a sound frame")
        };
        (0..count).map(read).collect()
    }

    #[test]
    fn what_waits_for_nothing_is_written_at_once_and_the_rest_in_order() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let near = TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
        let (far, _) = listener.accept().expect("accepted");
        let near = Arc::new(near);
        let lane = Lane::new(64 << 20).expect("eventfd");
        lane.up(Some(near.clone()));
        // Nobody knows yet that the writer has nothing to do: it is called.
        assert!(lane.push(vec![content(1)], 1));
        let first = frame(lane.next());
        assert_eq!(lane.next(), Next::Nothing);
        let mut sent = vec![first.clone()];
        // Until the socket is full, and one more.
        let mut out = Vec::new();
        first.encode(&mut out).expect("encoded");
        send(&near, &out, SendFlags::empty()).expect("sent");
        let rest = loop {
            let time_ns = sent.len() as u64;
            assert!(lane.push(vec![content(60 << 10)], time_ns));
            sent.push(Frame { time_ns, contents: vec![content(60 << 10)] });
            match lane.next() {
                Next::Nothing => {}
                other => break other,
            }
        };
        assert!(sent.len() > 2, "the control: some were written at once");
        assert!(lane.push(vec![content(2)], u64::MAX), "it waits behind them");
        let reader = std::thread::spawn({
            let count = sent.len() + 1;
            move || read_frames(far, count)
        });
        let mut next = rest;
        loop {
            out.clear();
            match next {
                Next::Bytes(bytes) => out.extend(bytes),
                Next::Frame(frame) => {
                    let is_last = frame.time_ns == u64::MAX;
                    frame.encode(&mut out).expect("encoded");
                    if is_last {
                        (&*near).write_all(&out).expect("written");
                        break;
                    }
                }
                other => panic!("{other:?}"),
            }
            (&*near).write_all(&out).expect("written");
            next = lane.next();
        }
        sent.push(Frame { time_ns: u64::MAX, contents: vec![content(2)] });
        assert_eq!(reader.join().expect("read"), sent);
    }
}
