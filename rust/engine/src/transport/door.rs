//! One connection to the peer port: a request that is answered, or a hello that becomes a link.

use std::io::{self, Read, Write};
use std::net::Shutdown;

use coreos_http::{CONTINUE, Connection, Limits, Next};
use rustls::StreamOwned;

use super::answers::{self, Answer};
use super::hello::{Hello, Purpose, Refusal, is_link};
use super::inbox::Standing;
use super::shared::Shared;
use super::sockets::{Kept, Use};
use super::stream::{Socket, Stream};
use super::threads::Taken;
use super::{link_in, snapshot_in};

const PIECE_BYTES: usize = 4096;
const LIMITS: Limits =
    Limits { head_bytes: 16 << 10, body_bytes: 16 << 10, target_bytes: 16 << 10, headers: 128 };

/// What a request comes to.
enum Asked {
    Answer(Answer),
    Link(Hello),
}

/// Serve it to its end. `place` is given back when it is a link, of which each peer has few.
pub(super) fn serve(shared: &Shared, kept: Kept, has_tls: bool, place: Taken) {
    let served = open(shared, kept, has_tls).and_then(|mut stream| {
        let Some(asked) = listen(shared, &mut stream)? else { return Ok(()) };
        let hello = match asked {
            Asked::Answer(answer) => return part(&mut stream, &answer.bytes()),
            Asked::Link(hello) => hello,
        };
        if let Err(refusal) = judge(shared, &stream, &hello) {
            return refuse(shared, &mut stream, &hello, &refusal);
        }
        let used = Use::From(hello.from, hello.purpose.name());
        stream.socket().kept.is_for(used);
        // It may have been removed before it was known which links are its.
        if shared.inbox.standing(hello.from) != Standing::Member {
            return Ok(());
        }
        drop(place);
        match hello.purpose {
            Purpose::Bulk | Purpose::Fast => {
                stream.socket().kept.replaces(used);
                stream.write_all(shared.welcome(0).response().as_bytes())?;
                stream.flush()?;
                stream.set_deadline(None)?;
                shared.tell(super::news::News::Connected(hello.from, hello.versions.clone()));
                link_in::run(shared, hello.from, stream);
                Ok(())
            }
            Purpose::Snapshot(meta) => match snapshot_in::run(shared, &hello, meta, &mut stream)? {
                Some(refusal) => refuse(shared, &mut stream, &hello, &refusal),
                None => Ok(()),
            },
        }
    });
    if let Err(error) = served
        && error.kind() == io::ErrorKind::InvalidData
    {
        shared.log_once(&format!("a connection to the peer port was refused: {error}"));
    }
}

fn open(shared: &Shared, kept: Kept, has_tls: bool) -> io::Result<Stream> {
    let socket = Socket::new(kept);
    let mut stream = match shared.fresh_tls() {
        Some(tls) if has_tls => Stream::Server(Box::new(StreamOwned::new(tls.accept()?, socket))),
        _ => Stream::Plain(socket),
    };
    stream.set_deadline(Some(shared.hello_deadline()))?;
    Ok(stream)
}

/// Read one request. `None`: there is none.
fn listen(shared: &Shared, stream: &mut Stream) -> io::Result<Option<Asked>> {
    let mut connection = Connection::new();
    loop {
        match connection.next(&LIMITS) {
            Next::Request(request) if is_link(request.path) => {
                let hello = Hello::parse(&request);
                connection.advance();
                let hello = hello.and_then(|hello| match connection.buffered() {
                    0 => Ok(hello),
                    _ => Err(Refusal::new(400, "something follows the hello too early")),
                });
                return Ok(Some(match hello {
                    Ok(hello) => Asked::Link(hello),
                    Err(refusal) => Asked::Answer(answers::refusal(&refusal)),
                }));
            }
            Next::Request(request) => {
                return Ok(Some(Asked::Answer(answers::answer(shared, &request))));
            }
            Next::Bad(reject) => return Ok(Some(Asked::Answer(Answer::empty(reject.status)))),
            Next::Continue => stream.write_all(CONTINUE)?,
            Next::Incomplete => {}
        }
        let mut piece = [0; PIECE_BYTES];
        let read = stream.read(&mut piece);
        match read {
            Ok(0) => return Ok(None),
            Ok(len) => connection.receive(&piece[..len]),
            Err(error) => {
                // The other end has been told why, if it is about certificates, and has to be able to read it.
                if error.kind() == io::ErrorKind::InvalidData {
                    linger(stream);
                }
                return Err(error);
            }
        }
    }
}

/// Whether the one who calls may have its link.
fn judge(shared: &Shared, stream: &Stream, hello: &Hello) -> Result<(), Refusal> {
    let Hello { cluster_id, from, to, .. } = hello;
    let &Shared { cluster_id: ours, member_id, .. } = shared;
    if let (Stream::Server(stream), Some(tls)) = (stream, &shared.tls) {
        tls.check_name(&stream.conn).map_err(|why| Refusal::new(403, why))?;
    }
    if *cluster_id != ours {
        let why = format!(
            "this member belongs to cluster {ours:x}, the caller to cluster {cluster_id:x}"
        );
        return Err(Refusal::new(412, why));
    }
    if *to != member_id {
        return Err(Refusal::new(421, format!("this is member {member_id:x}, not {to:x}")));
    }
    match shared.inbox.standing(*from) {
        Standing::Member if *from != member_id => Ok(()),
        Standing::Removed => {
            let why = format!("member {from:x} was removed from cluster {ours:x}");
            Err(Refusal::new(410, why))
        }
        Standing::Member | Standing::Unknown => {
            Err(Refusal::new(403, format!("no other member {from:x} is known here")))
        }
    }
}

fn refuse(
    shared: &Shared,
    stream: &mut Stream,
    hello: &Hello,
    refusal: &Refusal,
) -> io::Result<()> {
    let Refusal { status, why } = refusal;
    shared.log_once(&format!("a link from member {:x} was refused: {why} ({status})", hello.from));
    part(stream, &answers::refusal(refusal).bytes())
}

/// Say the last word.
fn part(stream: &mut Stream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes)?;
    if let Stream::Server(stream) = stream {
        stream.conn.send_close_notify();
    }
    stream.flush()?;
    linger(stream);
    Ok(())
}

/// Wait until the other end has read what was sent: closing with unread bytes would take it back.
fn linger(stream: &mut Stream) {
    let socket = stream.socket();
    let _ = socket.kept.tcp.shutdown(Shutdown::Write);
    while socket.read(&mut [0; PIECE_BYTES]).is_ok_and(|len| len > 0) {}
}
