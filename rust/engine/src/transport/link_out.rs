//! The thread that writes one lane to one peer, and calls it whenever there is no link.

use std::io::{self, Write};
use std::time::Instant;

use rustix::event::PollFlags;

use super::backoff::Backoff;
use super::dial::{NotDialled, dial};
use super::hello::{Purpose, Refusal, Welcome};
use super::lane::{Lane, Next};
use super::news::News;
use super::peer::Peer;
use super::shared::Shared;
use super::stream::Stream;

/// A buffer that has grown larger is given back.
const KEPT_BYTES: usize = 4 << 20;

/// Run until the lane's end.
pub(super) fn run(shared: &Shared, peer: &Peer, lane: &Lane, purpose: Purpose) {
    let mut backoff = Backoff::new(shared.timeouts.backoff);
    let mut nobody = 0;
    for turn in 0.. {
        if let Some((url, count)) = peer.url(turn) {
            match dial(shared, peer.id, &url, purpose, &lane.waker) {
                Ok((stream, welcome)) => {
                    nobody = 0;
                    let begun = Instant::now();
                    keep_up(shared, peer, lane, stream, &welcome);
                    // One that breaks at once, again and again, is no reason to hurry.
                    if begun.elapsed() >= shared.timeouts.backoff {
                        backoff.reset();
                    }
                }
                Err(_) if lane.waker.is_ended() => return,
                Err(NotDialled::Nobody) => {
                    nobody += 1;
                    if nobody >= count && peer.is_gone() {
                        shared.tell(News::Gone(peer.id));
                    }
                    peer.log_once(shared, &url, "nobody listens there");
                }
                Err(other) => {
                    nobody = 0;
                    complain(shared, peer, &url, other);
                }
            }
        }
        if !lane.waker.pause(backoff.pause()) {
            return;
        }
    }
}

fn complain(shared: &Shared, peer: &Peer, url: &super::url::PeerUrl, why: NotDialled) {
    match why {
        NotDialled::Refused(Refusal { status, why }) => {
            peer.log_once(shared, url, &format!("the link is refused: {why} ({status})"));
            if status == 410 && peer.says_removed() {
                shared.inbox.removed(why);
            }
        }
        NotDialled::Failed(why) => peer.log_once(shared, url, &why),
        NotDialled::Nobody => {}
    }
}

/// A link stands: use it until it breaks or is to end.
fn keep_up(shared: &Shared, peer: &Peer, lane: &Lane, mut stream: Stream, welcome: &Welcome) {
    peer.is_up();
    lane.up(stream.bare());
    let connected = || News::Connected(peer.id, welcome.versions.clone());
    shared.tell(connected());
    let mut out = Vec::new();
    while !lane.waker.is_ended() {
        let done = match lane.next() {
            Next::Frame(frame) => {
                out.clear();
                out.shrink_to(KEPT_BYTES);
                match frame.encode(&mut out) {
                    Ok(()) => stream.write_all(&out).and_then(|()| stream.flush()),
                    Err(error) => {
                        shared.inbox.log(&format!("not sent to peer {:x}: {error}", peer.id));
                        if !lane.lose() {
                            peer.lost(shared);
                        }
                        Ok(())
                    }
                }
            }
            Next::Bytes(bytes) => stream.write_all(&bytes).and_then(|()| stream.flush()),
            Next::Drained => {
                shared.tell(connected());
                Ok(())
            }
            Next::Nothing => wait(lane, &mut stream),
        };
        if done.is_err() {
            break;
        }
    }
    lane.down();
    peer.is_down();
    if !lane.waker.is_ended() {
        peer.lost(shared);
    }
}

/// Wait until there is something to write, or the link has ended.
fn wait(lane: &Lane, stream: &mut Stream) -> io::Result<()> {
    let readable = (stream.fd(), PollFlags::IN | PollFlags::RDHUP);
    if lane.waker.wait(Some(readable), None)? { stream.take_notice() } else { Ok(()) }
}
