//! HTTP/1.1 for a server, without sockets: bytes in, requests out; replies to bytes.
//!
//! Nothing here does I/O, reads a clock or starts a thread, so the same code serves plain sockets,
//! TLS streams and tests. A [`Connection`] takes what the client sent, in whatever pieces it came,
//! and gives back one [`Request`] at a time, borrowed from its own buffer; the functions of
//! [`response`] append a reply to the caller's. Anything that could be understood in two ways is
//! refused, because a proxy in front might understand it in the other one.
//!
//! One exception: a line of a head or of trailers may end in a line feed alone. RFC 9112, section 2.2,
//! lets a recipient take it so, and Go's net/http, which the original stands on, always has: scripts
//! that print a request into a pipe rely on it. What is left of the risk is a proxy that passes a line
//! feed on as part of a header's value, which section 5.5 of RFC 9110 forbids. A carriage return alone
//! is refused, and so is a line feed alone in the lines between chunks.

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
pub use response::{
    BodyKind, CONTINUE, write_chunk, write_end_of_head, write_head, write_headers, write_last_chunk,
};
