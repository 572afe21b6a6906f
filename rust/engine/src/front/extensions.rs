//! Parameters that the original does not have (docs/v2-extensions.md). Only GET looks at them, and not with
//! `--compat upstream`: there they are unknown names like any other.

use std::borrow::Cow;

use coreos_http::parse_uint;
use coreos_store::{Code, Error, Page, ReadSpec, parse_after};

use super::params::{boolean, refuse};

/// The longest time between two notices of progress: a day.
const PROGRESS_SECONDS_MAX: u64 = 86_400;

/// The raw text of each; `None` = not given.
#[derive(Default)]
pub(super) struct Extensions<'a> {
    limit: Option<Cow<'a, [u8]>>,
    after: Option<Cow<'a, [u8]>>,
    keys_only: Option<Cow<'a, [u8]>>,
    count: Option<Cow<'a, [u8]>>,
    progress: Option<Cow<'a, [u8]>>,
}

impl<'a> Extensions<'a> {
    pub fn slot(&mut self, name: &[u8]) -> Option<&mut Option<Cow<'a, [u8]>>> {
        Some(match name {
            b"limit" => &mut self.limit,
            b"after" => &mut self.after,
            b"keysOnly" => &mut self.keys_only,
            b"count" => &mut self.count,
            b"progress" => &mut self.progress,
            _ => return None,
        })
    }

    /// What a read of `path` shows.
    pub fn read(&self, path: &[u8], recursive: bool) -> Result<ReadSpec, Error> {
        if self.progress.is_some() {
            return Err(invalid("\"progress\" can only be used with \"wait\""));
        }
        let limit = self.limit()?;
        let after = self.after(path)?;
        let page = (limit.is_some() || after.is_some())
            .then(|| Page { after: after.unwrap_or_default(), limit: limit.unwrap_or(usize::MAX) });
        Ok(ReadSpec {
            recursive,
            keys_only: boolean("keysOnly", &self.keys_only)?,
            counts: boolean("count", &self.count)?,
            page,
        })
    }

    fn limit(&self) -> Result<Option<usize>, Error> {
        let Some(text) = &self.limit else { return Ok(None) };
        match parse_uint(text) {
            None => Err(invalid("invalid value for \"limit\"")),
            Some(0) => Err(invalid("invalid value for \"limit\": it must be at least 1")),
            Some(limit) => Ok(Some(usize::try_from(limit).unwrap_or(usize::MAX))),
        }
    }

    fn after(&self, path: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let Some(text) = &self.after else { return Ok(None) };
        let Some(key) = parse_after(text) else {
            return Err(invalid(
                "invalid value for \"after\": it is a key, which begins with a slash, or the \
                 \"next\" of an earlier reply",
            ));
        };
        let is_inside = path == b"/"
            || key.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest[0] == b'/');
        if is_inside {
            return Ok(Some(key));
        }
        Err(invalid("invalid value for \"after\": it does not lie below the key that is read"))
    }

    /// After how many seconds of silence a watch wants to hear how far it is.
    pub fn progress_s(&self) -> Result<Option<u64>, Error> {
        let of_reads = [
            ("limit", &self.limit),
            ("after", &self.after),
            ("keysOnly", &self.keys_only),
            ("count", &self.count),
        ];
        if let Some((name, _)) = of_reads.into_iter().find(|(_, text)| text.is_some()) {
            return Err(invalid(&format!("\"{name}\" cannot be used with \"wait\"")));
        }
        let Some(text) = &self.progress else { return Ok(None) };
        match parse_uint(text).filter(|seconds| (1..=PROGRESS_SECONDS_MAX).contains(seconds)) {
            Some(seconds) => Ok(Some(seconds)),
            None => Err(invalid(&format!(
                "invalid value for \"progress\": it is a number of seconds from 1 to \
                 {PROGRESS_SECONDS_MAX}"
            ))),
        }
    }
}

fn invalid(cause: &str) -> Error {
    refuse(Code::InvalidField, cause)
}
