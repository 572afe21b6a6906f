//! Sending a snapshot: a thread and a connection of its own.

use std::io::{self, BufRead, BufReader, Read, Write};

use coreos_wal::SnapshotMeta;

use super::backoff::Backoff;
use super::chunks::ChunkWriter;
use super::dial::{NotDialled, dial};
use super::hello::{Purpose, Refusal};
use super::inbox::SnapshotSource;
use super::peer::Peer;
use super::shared::Shared;
use super::snapshot_in::verdict;
use super::stream::Stream;
use super::waker::Waker;

/// How often a stream is begun, or gone on with.
const ATTEMPTS: usize = 6;
const VERDICT_BYTES_MAX: u64 = 1 << 10;

/// Writes on until it is to end.
struct Endable<'a, W> {
    out: &'a mut W,
    waker: &'a Waker,
}

impl<W: Write> Write for Endable<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.waker.is_ended() {
            return Err(io::Error::other("it is to end"));
        }
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Send it, whatever it takes. The index of what has been installed.
pub(super) fn run(shared: &Shared, peer: &Peer, source: &SnapshotSource) -> Option<u64> {
    let &SnapshotSource { term, index, ref view } = source;
    let meta = SnapshotMeta { term, index, cluster_time_ns: view.time_ns() };
    let mut backoff = Backoff::new(shared.timeouts.backoff);
    for turn in 0..ATTEMPTS {
        let (url, _) = peer.url(turn)?;
        let failure = match dial(shared, peer.id, &url, Purpose::Snapshot(meta), &peer.snapshot) {
            Ok((mut stream, welcome)) => {
                match send(&mut stream, source, welcome.have, &peer.snapshot) {
                    Ok(Ok(())) => return Some(index),
                    Ok(Err(why)) => {
                        peer.log_once(shared, &url, &format!("the snapshot is refused: {why}"));
                        return None;
                    }
                    Err(error) => format!("the stream of a snapshot broke: {error}"),
                }
            }
            Err(NotDialled::Refused(Refusal { status, why })) => {
                let line = format!("the snapshot is refused: {why} ({status})");
                // Only a member that is busy with another one will take it later.
                if status != 503 {
                    peer.log_once(shared, &url, &line);
                    return None;
                }
                line
            }
            Err(NotDialled::Failed(why)) => why,
            Err(NotDialled::Nobody) => "nobody listens there".into(),
        };
        if peer.snapshot.is_ended() {
            return None;
        }
        peer.log_once(shared, &url, &failure);
        if !peer.snapshot.pause(backoff.pause()) {
            return None;
        }
    }
    None
}

/// Send what the peer does not have, and hear what it says to it.
fn send(
    stream: &mut Stream,
    source: &SnapshotSource,
    have: u64,
    waker: &Waker,
) -> io::Result<Result<(), String>> {
    let mut chunks = ChunkWriter::new(&mut *stream, have);
    source.view.write(&mut Endable { out: &mut chunks, waker })?;
    chunks.finish()?;
    let mut line = String::new();
    BufReader::new(stream.take(VERDICT_BYTES_MAX)).read_line(&mut line)?;
    verdict(line.trim_end_matches('\n'))
}
