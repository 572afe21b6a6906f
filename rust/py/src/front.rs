//! `Front` and `Request`: the HTTP front as Trio drives it.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use coreos_engine::front::{self, FrontConfig, OutboundRequest};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::engine::Engine;
use crate::errors::poisoned;

#[pyclass(frozen, module = "coreos_py._core")]
pub struct Request(OutboundRequest);

#[pymethods]
impl Request {
    #[getter]
    fn token(&self) -> u64 {
        self.0.ticket
    }

    #[getter]
    fn method(&self) -> &str {
        &self.0.method
    }

    #[getter]
    fn path(&self) -> &str {
        &self.0.path
    }

    #[getter]
    fn query(&self) -> &str {
        &self.0.query
    }

    #[getter]
    fn headers(&self) -> Vec<(String, String)> {
        self.0.headers.clone()
    }

    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.body)
    }

    #[getter]
    fn remote(&self) -> &str {
        &self.0.remote
    }

    #[getter]
    fn user(&self) -> Option<&str> {
        self.0.user.as_deref()
    }

    #[getter]
    fn is_root(&self) -> bool {
        self.0.is_root
    }
}

#[pyclass(module = "coreos_py._core")]
pub struct Front(front::Front);

#[pymethods]
impl Front {
    #[new]
    #[pyo3(signature = (engine, *, max_head_bytes=1048576, max_body_bytes=10485760, max_key_bytes=65536,
        max_connections=0, idle_timeout_ms=300_000, request_timeout_ms=7000, head_timeout_ms=60000,
        cors=Vec::new(), hosts=Vec::new(), plain_hosts=false, upstream=false))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of a constructor")]
    fn new(
        engine: &Engine,
        max_head_bytes: usize,
        max_body_bytes: usize,
        max_key_bytes: usize,
        max_connections: usize,
        idle_timeout_ms: u64,
        request_timeout_ms: u64,
        head_timeout_ms: u64,
        cors: Vec<String>,
        hosts: Vec<String>,
        plain_hosts: bool,
        upstream: bool,
    ) -> PyResult<Self> {
        let config = FrontConfig {
            max_head_bytes,
            max_body_bytes,
            max_key_bytes,
            max_connections,
            idle_timeout_ms,
            request_timeout_ms,
            head_timeout_ms,
            cors,
            hosts,
            plain_hosts,
            upstream,
        };
        Ok(Self(front::Front::new(engine.member.clone(), config)?))
    }

    fn fileno(&self) -> i32 {
        self.0.fd().as_raw_fd()
    }

    fn yield_to(&self, fd: i32) -> PyResult<()> {
        if fd < 0 {
            return Err(PyValueError::new_err("yield_to needs an open descriptor"));
        }
        // SAFETY: borrowed for the call only; the kernel keeps the file itself, and forgets it when it is closed.
        let other = unsafe { BorrowedFd::borrow_raw(fd) };
        Ok(self.0.yield_to(other)?)
    }

    fn adopt(&mut self, fd: i32, remote: &str) -> PyResult<()> {
        if fd < 0 {
            return Err(PyValueError::new_err("adopt needs an open descriptor"));
        }
        // SAFETY: the caller hands over a descriptor that it has detached from its socket object, so this is
        // its only owner; the stub documents the transfer.
        let socket = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(self.0.adopt(socket, remote)?)
    }

    #[pyo3(signature = (max_events=256))]
    fn turn(
        &mut self,
        py: Python<'_>,
        max_events: usize,
    ) -> PyResult<(Vec<Request>, Vec<u64>, u64)> {
        let front = &mut self.0;
        match py.detach(|| front.turn(max_events)) {
            Ok(turn) => {
                let requests = turn.requests.into_iter().map(Request).collect();
                Ok((requests, turn.fed_ready, turn.next_ms))
            }
            Err(reason) => Err(poisoned(py, &reason)),
        }
    }

    fn respond(
        &mut self,
        token: u64,
        status: u16,
        headers: Vec<(String, String)>,
        body: &[u8],
    ) -> PyResult<()> {
        if !(200..600).contains(&status) {
            return Err(PyValueError::new_err(format!("{status} is not a final HTTP status")));
        }
        let broken = |text: &str| text.bytes().any(|b| matches!(b, b'\r' | b'\n' | 0));
        if headers.iter().any(|(name, value)| broken(name) || broken(value)) {
            return Err(PyValueError::new_err("a header may not hold CR, LF or NUL"));
        }
        let headers: Vec<(&str, &[u8])> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        self.0.respond(token, status, &headers, body);
        Ok(())
    }

    #[pyo3(signature = (remote, certificate=None))]
    fn open_fed(&mut self, remote: &str, certificate: Option<&str>) -> PyResult<u64> {
        let number = self.0.open_fed(remote, certificate);
        number.ok_or_else(|| PyOSError::new_err("connection limit reached"))
    }

    fn feed(&mut self, connection: u64, data: &[u8]) {
        self.0.feed(connection, data);
    }

    fn takes_input(&self, connection: u64) -> bool {
        self.0.takes_input(connection)
    }

    fn take_output<'py>(
        &mut self,
        py: Python<'py>,
        connection: u64,
    ) -> (Bound<'py, PyBytes>, bool) {
        let (out, closing) = self.0.take_output(connection);
        (PyBytes::new(py, &out), closing)
    }

    fn close_fed(&mut self, connection: u64) {
        self.0.close_fed(connection);
    }

    fn drain(&mut self) {
        self.0.drain();
    }

    fn connections(&self) -> usize {
        self.0.connections()
    }

    fn wants_accept(&self) -> bool {
        self.0.wants_accept()
    }

    /// Counts since start by name.
    fn counters(&self) -> Vec<(&'static str, u64)> {
        let counters = self.0.counters();
        vec![
            ("requests", counters.requests),
            ("rejected", counters.rejected),
            ("accepted", counters.accepted),
            ("refused", counters.refused),
            ("slow_watches", counters.slow_watches),
            ("revoked_watches", counters.revoked_watches),
            ("password_checks", counters.password_checks),
        ]
    }
}
