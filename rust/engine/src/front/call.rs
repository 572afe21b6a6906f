//! From an HTTP request under /v2/keys to the operation that it asks for (etcd-v2 section 3.1).

use coreos_http::{Method, Request, percent_decode};
use coreos_store::{Code, Error, Op, ReadSpec, WatchSpec, Write, clean_path};

use super::config::FrontConfig;
use super::moved::{Moved, moved};
use super::params::{Checked, Params, refuse};

/// TTLs end where a signed 64-bit count of nanoseconds since 1970 ends, in the year 2262.
const DEADLINE_MAX_NS: u64 = i64::MAX as u64;

/// One understood request to the key space.
#[derive(Debug)]
pub(super) enum Call {
    /// `quorum`: it is to see everything that was answered by any member before it was asked.
    Get {
        path: Vec<u8>,
        spec: ReadSpec,
        quorum: bool,
    },
    /// `progress_s`: how long it may be silent without being told how far it is. `quorum`: it begins with what a read
    /// like that would see.
    Watch {
        spec: WatchSpec,
        progress_s: Option<u64>,
        quorum: bool,
    },
    Write {
        write: Write,
        no_value: bool,
    },
}

/// Why a request to the key space is answered without touching the store.
#[derive(Debug)]
pub(super) enum Refusal {
    /// An etcd error object.
    Error(Error),
    /// 405 with the list of methods.
    Method,
    /// 414: the key is over the limit (its length in bytes).
    KeyTooLong(usize),
    /// 301 to the cleaned path (upstream compatibility only).
    Moved(Moved),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Refusal::Error(error)
    }
}

const PREFIX: &[u8] = b"/v2/keys";

/// The part of a decoded request path after /v2/keys, if it is one of the key space.
pub(super) fn key_part(path: &[u8]) -> Option<&[u8]> {
    let rest = path.strip_prefix(PREFIX)?;
    (rest.is_empty() || rest[0] == b'/').then_some(rest)
}

/// Understand a request whose (still encoded) path begins with /v2/keys. Gives also whether `recursive` was asked for.
pub(super) fn understand(
    request: &Request<'_>,
    config: &FrontConfig,
    now_ns: u64,
) -> Result<(Call, bool), Refusal> {
    let decoded = percent_decode(request.path, false)
        .map_err(|bad| refuse(Code::InvalidForm, bad.to_string()))?;
    let rest = key_part(&decoded).unwrap_or(b"/");
    let path = clean_path(rest);
    if config.upstream {
        moved(&decoded, request.query, &request.method)
            .map_or(Ok(()), |to| Err(Refusal::Moved(to)))?;
    }
    if path.len() > config.max_key_bytes {
        return Err(Refusal::KeyTooLong(path.len()));
    }
    let body = match request.method {
        Method::Put | Method::Post => form_body(request, config.upstream)?,
        Method::Get | Method::Head | Method::Delete => None,
        _ => return Err(Refusal::Method),
    };
    let params = Params::collect(request.query, body)?;
    let checked = params.check(matches!(request.method, Method::Get), config.upstream)?;
    let call = match request.method {
        Method::Get | Method::Head => read(path, &params, &checked, config.upstream)?,
        Method::Delete => delete(path, &params, &checked),
        Method::Post => post(path, params, &checked, config.upstream, now_ns)?,
        _ => put(path, params, &checked, config.upstream, now_ns)?,
    };
    Ok((call, checked.recursive))
}

fn form_body<'a>(request: &Request<'a>, upstream: bool) -> Result<Option<&'a [u8]>, Error> {
    if request.body.is_empty() {
        return Ok(None);
    }
    let content_type = request.content_type().unwrap_or(b"");
    let media = content_type.split(|&b| b == b';').next().unwrap_or(b"").trim_ascii();
    if media.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
        return Ok(Some(request.body));
    }
    if upstream {
        return Ok(None);
    }
    let shown = if media.is_empty() { &b"(none)"[..] } else { media };
    let mut cause = b"unsupported content type ".to_vec();
    cause.extend_from_slice(shown);
    cause.extend_from_slice(b": send application/x-www-form-urlencoded");
    Err(refuse(Code::InvalidForm, cause))
}

fn read(
    path: Vec<u8>,
    params: &Params<'_>,
    checked: &Checked,
    upstream: bool,
) -> Result<Call, Refusal> {
    // Upstream lets quorum win over wait, so that the request does not wait at all.
    if checked.wait && !(upstream && checked.quorum) {
        let progress_s = if upstream { None } else { params.extensions.progress_s()? };
        let spec = WatchSpec {
            path,
            recursive: checked.recursive,
            stream: checked.stream,
            wait_index: checked.wait_index,
        };
        return Ok(Call::Watch { spec, progress_s, quorum: checked.quorum });
    }
    let recursive = checked.recursive;
    let spec = if upstream {
        ReadSpec { recursive, ..ReadSpec::default() }
    } else {
        params.extensions.read(&path, recursive)?
    };
    Ok(Call::Get { path, spec, quorum: checked.quorum })
}

fn delete(path: Vec<u8>, params: &Params<'_>, checked: &Checked) -> Call {
    let compares = checked.prev_index > 0 || params.prev_value.is_some();
    let op = if compares { Op::CompareAndDelete } else { Op::Delete };
    let write = Write {
        dir: checked.dir,
        recursive: checked.recursive,
        prev_value: params.prev_value.as_deref().map(<[u8]>::to_vec),
        prev_index: checked.prev_index,
        ..Write::new(op, path)
    };
    Call::Write { write, no_value: false }
}

fn ttl_ns(checked: &Checked, upstream: bool, now_ns: u64) -> Result<Option<u64>, Error> {
    let Some(seconds) = checked.ttl_seconds else { return Ok(None) };
    let ttl = seconds.checked_mul(1_000_000_000);
    match ttl.filter(|ttl| ttl.checked_add(now_ns).is_some_and(|at| at < DEADLINE_MAX_NS)) {
        Some(ttl) => Ok(Some(ttl)),
        None if upstream => Ok(None),
        None => Err(refuse(
            Code::TtlNotANumber,
            "invalid value for \"ttl\": it would end after the year 2262",
        )),
    }
}

fn post(
    path: Vec<u8>,
    params: Params<'_>,
    checked: &Checked,
    upstream: bool,
    now_ns: u64,
) -> Result<Call, Refusal> {
    let write = Write {
        dir: checked.dir,
        ttl_ns: ttl_ns(checked, upstream, now_ns)?,
        value: value_of(params, checked.dir),
        ..Write::new(Op::CreateInOrder, path)
    };
    Ok(Call::Write { write, no_value: checked.no_value_on_success })
}

fn put(
    path: Vec<u8>,
    params: Params<'_>,
    checked: &Checked,
    upstream: bool,
    now_ns: u64,
) -> Result<Call, Refusal> {
    let compares = checked.prev_index > 0 || params.prev_value.is_some();
    let op = match checked.prev_exist {
        Some(false) => Op::Create,
        _ if compares => Op::CompareAndSwap,
        Some(true) => Op::Update,
        None => Op::Set,
    };
    let creates_dir = checked.dir && matches!(op, Op::Set | Op::Create);
    // A create with conditions cannot hold both; the store says which of them failed.
    let conditions = op == Op::CompareAndSwap || (op == Op::Create && !upstream);
    // Upstream makes a directory of the file that is to be refreshed. Left out here and not in the store, which must do
    // with one command the same on every member and at every start.
    let dir = checked.dir && (upstream || !(checked.refresh && op == Op::Set));
    let write = Write {
        dir,
        refresh: checked.refresh && op != Op::Create,
        ttl_ns: ttl_ns(checked, upstream, now_ns)?,
        prev_value: params.prev_value.as_deref().filter(|_| conditions).map(<[u8]>::to_vec),
        prev_index: if conditions { checked.prev_index } else { 0 },
        value: value_of(params, creates_dir),
        ..Write::new(op, path)
    };
    Ok(Call::Write { write, no_value: checked.no_value_on_success })
}

fn value_of(params: Params<'_>, creates_dir: bool) -> Vec<u8> {
    if creates_dir { Vec::new() } else { params.value.map(|v| v.into_owned()).unwrap_or_default() }
}
