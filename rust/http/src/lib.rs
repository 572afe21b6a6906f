//! HTTP/1.1 for a server, without sockets: bytes in, requests out; replies to bytes.
//!
//! Nothing here does I/O, reads a clock or starts a thread, so the same code serves plain sockets,
//! TLS streams and tests. A [`Connection`] takes what the client sent, in whatever pieces it came,
//! and gives back one [`Request`] at a time, borrowed from its own buffer; the functions of
//! [`response`] append a reply to the caller's. Anything that could be understood in two ways is
//! refused, because a proxy in front might understand it in the other one.

mod chunked;
mod connection;
mod date;
mod escape;
mod form;
mod framing;
mod head;
mod limits;
mod method;
mod names;
mod reason;
mod reject;
mod request;
pub mod response;
mod scan;
mod target;

pub use connection::{Connection, Next};
pub use date::Date;
pub use escape::{BadEscape, percent_decode};
pub use form::{Pair, Pairs, parse_bool, parse_uint};
pub use limits::Limits;
pub use method::Method;
pub use reason::reason;
pub use reject::Reject;
pub use request::{Headers, Request};
pub use response::{BodyKind, CONTINUE, write_chunk, write_head, write_last_chunk};
