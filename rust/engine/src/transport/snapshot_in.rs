//! Receiving a snapshot.

use std::io::{self, BufReader, ErrorKind, Write};

use coreos_wal::SnapshotMeta;
use crc32fast::Hasher;

use super::chunks::{self, Piece};
use super::hello::{Hello, Refusal};
use super::inbox::SnapshotSink;
use super::liveness::watch_over;
use super::shared::Shared;
use super::sockets::Use;
use super::stream::Stream;

/// What the receiver says at the end; else `refused: ` and why. One line.
pub(super) const INSTALLED: &str = "installed";
pub(super) const REFUSED: &str = "refused: ";

/// What has come of a snapshot. It is kept when its stream breaks, so that the next one goes on from there.
pub(super) struct Partial {
    pub from: u64,
    meta: SnapshotMeta,
    sink: Box<dyn SnapshotSink>,
    bytes: u64,
    all: Hasher,
}

/// Why a stream has ended without a snapshot.
enum End {
    /// It broke: what has come is good.
    Broken(io::Error),
    /// This snapshot will never be installed.
    Useless(String),
}

/// Receive a snapshot to its end. Some: the stream has not begun, because of this.
pub(super) fn run(
    shared: &Shared,
    hello: &Hello,
    meta: SnapshotMeta,
    stream: &mut Stream,
) -> io::Result<Option<Refusal>> {
    // An older stream of this sender, which has lost it, lets go when it has taken in what had come by then; or, if it
    // does not know of the loss, when it is closed.
    let patience = shared.timeouts.hello / 4;
    let slot = shared.partial.try_lock_for(patience).or_else(|| {
        stream.socket().kept.replaces(Use::From(hello.from, hello.purpose.name()));
        shared.partial.try_lock_for(patience)
    });
    let Some(mut slot) = slot else {
        return Ok(Some(Refusal::new(503, "another snapshot is being received")));
    };
    let mut partial = match slot.take().filter(|old| (old.from, old.meta) == (hello.from, meta)) {
        Some(partial) => partial,
        None => match shared.inbox.snapshot_offered(hello.from, meta) {
            Some(sink) => Partial { from: hello.from, meta, sink, bytes: 0, all: Hasher::new() },
            None => return Ok(Some(Refusal::new(409, "the snapshot is of no use to this member"))),
        },
    };
    let begun = stream
        .write_all(shared.welcome(partial.bytes).response().as_bytes())
        .and_then(|()| stream.flush())
        .and_then(|()| stream.set_deadline(None))
        .and_then(|()| watch_over(&stream.socket().kept.tcp, shared.timeouts.dead_snapshot));
    let received = begun.map_err(End::Broken).and_then(|()| receive(stream, &mut partial));
    let said = match received {
        Ok(()) => match partial.sink.finish() {
            Ok(()) => INSTALLED.to_owned(),
            Err(why) => refused(shared, hello.from, &why),
        },
        Err(End::Useless(why)) => {
            // Before the sender hears of it: another attempt may use the same names.
            drop(partial);
            refused(shared, hello.from, &why)
        }
        Err(End::Broken(error)) => {
            *slot = Some(partial);
            return Err(error);
        }
    };
    drop(slot);
    stream.write_all(format!("{said}\n").as_bytes())?;
    stream.flush()?;
    Ok(None)
}

fn refused(shared: &Shared, from: u64, why: &str) -> String {
    shared.inbox.log(&format!("the snapshot from peer {from:x} is not installed: {why}"));
    format!("{REFUSED}{}", why.replace('\n', " "))
}

/// Take data until its end, and see whether it is what was sent.
fn receive(stream: &mut Stream, partial: &mut Partial) -> Result<(), End> {
    let mut stream = BufReader::new(stream);
    let mut buffer = Vec::new();
    loop {
        let (crc, bytes) = match chunks::read(&mut stream, &mut buffer).map_err(End::Broken)? {
            Piece::Data => {
                let written = partial.sink.write_all(&buffer);
                written.map_err(|error| End::Useless(error.to_string()))?;
                partial.bytes += buffer.len() as u64;
                partial.all.update(&buffer);
                continue;
            }
            Piece::End { crc, bytes } => (crc, bytes),
        };
        let is_whole = bytes == partial.bytes && crc == partial.all.clone().finalize();
        return if is_whole {
            Ok(())
        } else {
            Err(End::Useless("what has come is not what was sent".into()))
        };
    }
}

/// The other end of a stream has said its last line: whether the snapshot is installed.
pub(super) fn verdict(line: &str) -> io::Result<Result<(), String>> {
    match (line, line.strip_prefix(REFUSED)) {
        (INSTALLED, _) => Ok(Ok(())),
        (_, Some(why)) => Ok(Err(why.to_owned())),
        _ => Err(ErrorKind::UnexpectedEof.into()),
    }
}
