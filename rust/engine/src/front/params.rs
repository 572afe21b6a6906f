//! The parameters of a /v2/keys request: where they come from and what each must look like.
//!
//! Names, precedence (body before query, first occurrence counts) and the order of the checks follow
//! etcd 2.3.8, because clients see which of several mistakes is reported.

use std::borrow::Cow;

use coreos_http::{Pairs, parse_bool, parse_uint};
use coreos_store::{Code, Error};

use super::extensions::Extensions;

/// The raw text of every known parameter; `None` = not given.
#[derive(Default)]
pub(super) struct Params<'a> {
    pub value: Option<Cow<'a, [u8]>>,
    pub prev_value: Option<Cow<'a, [u8]>>,
    prev_index: Option<Cow<'a, [u8]>>,
    wait_index: Option<Cow<'a, [u8]>>,
    recursive: Option<Cow<'a, [u8]>>,
    sorted: Option<Cow<'a, [u8]>>,
    wait: Option<Cow<'a, [u8]>>,
    dir: Option<Cow<'a, [u8]>>,
    quorum: Option<Cow<'a, [u8]>>,
    stream: Option<Cow<'a, [u8]>>,
    no_value_on_success: Option<Cow<'a, [u8]>>,
    ttl: Option<Cow<'a, [u8]>>,
    prev_exist: Option<Cow<'a, [u8]>>,
    refresh: Option<Cow<'a, [u8]>>,
    pub extensions: Extensions<'a>,
}

/// The same, understood.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Checked {
    pub prev_index: u64,
    pub wait_index: u64,
    pub recursive: bool,
    pub wait: bool,
    pub dir: bool,
    pub quorum: bool,
    pub stream: bool,
    pub no_value_on_success: bool,
    pub ttl_seconds: Option<u64>,
    pub prev_exist: Option<bool>,
    pub refresh: bool,
}

/// An error of the request itself: no state was looked at, so the index is 0.
pub(super) fn refuse(code: Code, cause: impl Into<Vec<u8>>) -> Error {
    Error::new(code, cause.into(), 0)
}

impl<'a> Params<'a> {
    /// Collect from the body first (it wins over the query), then from the query.
    pub fn collect(query: &'a [u8], body: Option<&'a [u8]>) -> Result<Self, Error> {
        let mut params = Params::default();
        for source in body.into_iter().chain([query]) {
            if source.is_empty() {
                continue;
            }
            for pair in Pairs::new(source) {
                let (name, value) =
                    pair.map_err(|bad| refuse(Code::InvalidForm, bad.to_string()))?;
                if let Some(slot) = params.slot(&name) {
                    slot.get_or_insert(value);
                }
            }
        }
        Ok(params)
    }

    fn slot(&mut self, name: &[u8]) -> Option<&mut Option<Cow<'a, [u8]>>> {
        Some(match name {
            b"value" => &mut self.value,
            b"prevValue" => &mut self.prev_value,
            b"prevIndex" => &mut self.prev_index,
            b"waitIndex" => &mut self.wait_index,
            b"recursive" => &mut self.recursive,
            b"sorted" => &mut self.sorted,
            b"wait" => &mut self.wait,
            b"dir" => &mut self.dir,
            b"quorum" => &mut self.quorum,
            b"stream" => &mut self.stream,
            b"noValueOnSuccess" => &mut self.no_value_on_success,
            b"ttl" => &mut self.ttl,
            b"prevExist" => &mut self.prev_exist,
            b"refresh" => &mut self.refresh,
            _ => return self.extensions.slot(name),
        })
    }

    /// All checks, in etcd's order. `is_get` = the method is GET proper (HEAD cannot wait).
    pub fn check(&self, is_get: bool, upstream: bool) -> Result<Checked, Error> {
        let mut checked = Checked {
            prev_index: index("prevIndex", &self.prev_index)?,
            wait_index: index("waitIndex", &self.wait_index)?,
            recursive: boolean("recursive", &self.recursive)?,
            ..Checked::default()
        };
        boolean("sorted", &self.sorted)?;
        checked.wait = boolean("wait", &self.wait)?;
        checked.dir = boolean("dir", &self.dir)?;
        checked.quorum = boolean("quorum", &self.quorum)?;
        checked.stream = boolean("stream", &self.stream)?;
        if checked.wait && !is_get {
            return Err(refuse(Code::InvalidField, "\"wait\" can only be used with GET requests"));
        }
        if upstream && self.prev_value.as_deref().is_some_and(<[u8]>::is_empty) {
            return Err(refuse(Code::PrevValueRequired, "\"prevValue\" cannot be empty"));
        }
        checked.no_value_on_success = boolean("noValueOnSuccess", &self.no_value_on_success)?;
        checked.ttl_seconds = match self.ttl.as_deref() {
            None | Some(b"") => None,
            Some(text) => Some(
                parse_uint(text)
                    .ok_or_else(|| refuse(Code::TtlNotANumber, "invalid value for \"ttl\""))?,
            ),
        };
        checked.prev_exist = match &self.prev_exist {
            None => None,
            Some(text) => Some(
                parse_bool(text)
                    .ok_or_else(|| refuse(Code::InvalidField, "invalid value for prevExist"))?,
            ),
        };
        self.check_refresh(&mut checked)?;
        Ok(checked)
    }

    fn check_refresh(&self, checked: &mut Checked) -> Result<(), Error> {
        let Some(text) = &self.refresh else { return Ok(()) };
        checked.refresh = parse_bool(text)
            .ok_or_else(|| refuse(Code::InvalidField, "invalid value for refresh"))?;
        if !checked.refresh {
            return Ok(());
        }
        if self.value.as_deref().is_some_and(|v| !v.is_empty()) {
            return Err(refuse(Code::RefreshValue, "A value was provided on a refresh"));
        }
        if checked.ttl_seconds.is_none() {
            return Err(refuse(Code::RefreshTtlRequired, "No TTL value set"));
        }
        Ok(())
    }
}

fn index(name: &str, text: &Option<Cow<'_, [u8]>>) -> Result<u64, Error> {
    match text {
        None => Ok(0),
        Some(text) => parse_uint(text)
            .ok_or_else(|| refuse(Code::IndexNotANumber, format!("invalid value for \"{name}\""))),
    }
}

pub(super) fn boolean(name: &str, text: &Option<Cow<'_, [u8]>>) -> Result<bool, Error> {
    match text {
        None => Ok(false),
        Some(text) => parse_bool(text)
            .ok_or_else(|| refuse(Code::InvalidField, format!("invalid value for \"{name}\""))),
    }
}
