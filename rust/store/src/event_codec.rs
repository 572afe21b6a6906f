//! Events and outcomes in a snapshot: `docs/formats.md`, section 5.

use std::io::Read;
use std::sync::Arc;

use crate::error::{Code, Error};
use crate::event::{Action, Event, Image};
use crate::pack::Packer;
use crate::text::Text;
use crate::unpack::{Fault, Shape, Unpacker};

const REFRESH: u64 = 1;
const SUBTREE: u64 = 2;

/// Items of an event's array; an error has `ERROR_LEN`.
pub(crate) const EVENT_LEN: usize = 7;
pub(crate) const ERROR_LEN: usize = 3;

pub(crate) fn encode(to: &mut Packer<'_>, event: &Event) {
    let flags = if event.refresh { REFRESH } else { 0 } | if event.subtree { SUBTREE } else { 0 };
    to.array(EVENT_LEN).uint(event.action as u64).bin(&event.key).uint(flags);
    encode_image(to, &event.node);
    match &event.prev {
        Some(prev) => encode_image(to, prev),
        None => _ = to.nil(),
    }
    to.uint(event.time_ns).int(event.offset_ns);
}

fn encode_image(to: &mut Packer<'_>, image: &Image) {
    to.array(5).bin_or_nil(image.text.as_ref().map(Text::value)).bool(image.dir);
    to.uint(image.created_index).uint(image.modified_index).uint(image.deadline_ns);
}

pub(crate) fn encode_error(to: &mut Packer<'_>, error: &Error) {
    to.array(ERROR_LEN).uint(u64::from(error.code.number())).bin(&error.cause).uint(error.index);
}

/// What follows the length of an event's array.
pub(crate) fn decode<R: Read>(from: &mut Unpacker<R>) -> Result<Arc<Event>, Fault> {
    let action = usize::try_from(from.uint()?).ok().and_then(|at| Action::ALL.get(at).copied());
    let action = action.ok_or(Fault::Malformed("an event's action"))?;
    let key = from.bin()?;
    let flags = from.uint()?;
    if flags & !(REFRESH | SUBTREE) != 0 {
        return Err(Fault::Malformed("an event's flags"));
    }
    let node = decode_image(from)?.ok_or(Fault::Malformed("an event without a node"))?;
    let prev = decode_image(from)?;
    let at = (from.uint()?, from.int()?);
    let mut event = Event::new(action, &key, node, prev, at);
    event.refresh = flags & REFRESH != 0;
    event.subtree = flags & SUBTREE != 0;
    Ok(Arc::new(event))
}

fn decode_image<R: Read>(from: &mut Unpacker<R>) -> Result<Option<Image>, Fault> {
    match from.shape()? {
        Shape::Nil => return Ok(None),
        Shape::Array(5) => {}
        _ => return Err(Fault::Malformed("a node in an event")),
    }
    let text = from.bin_or_nil()?.map(|value| Text::new(b"", &value));
    Ok(Some(Image {
        text,
        dir: from.bool()?,
        created_index: from.uint()?,
        modified_index: from.uint()?,
        deadline_ns: from.uint()?,
    }))
}

/// What follows the length of an error's array.
pub(crate) fn decode_error<R: Read>(from: &mut Unpacker<R>) -> Result<Error, Fault> {
    let code = Code::from_number(from.uint()?).ok_or(Fault::Malformed("an error's code"))?;
    Ok(Error::new(code, from.bin()?, from.uint()?))
}
