//! The peer port: sockets that Python has bound, for the engine to serve.

use std::net::TcpListener;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::path::PathBuf;

use coreos_engine::Member;
use coreos_engine::transport::{
    PeerListener, PeerTls, PeerVersions, TransportConfig, VersionTexts,
};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

/// What Python says about certificates: certificate, key, authority, whether callers must have one, common name.
pub type Tls = (PathBuf, PathBuf, Option<PathBuf>, bool, Option<String>);

/// Serve these listening sockets, each with whether it speaks TLS. They stay Python's: copies are served.
pub fn serve(
    member: &Member,
    sockets: &[(RawFd, bool)],
    tls: Option<Tls>,
    texts: VersionTexts,
    known: Vec<(u64, Vec<String>)>,
) -> PyResult<Result<(), String>> {
    let status = member.status();
    let tls = tls.map(|(cert_file, key_file, trusted_ca_file, client_cert_auth, allowed_cn)| {
        PeerTls { cert_file, key_file, trusted_ca_file, client_cert_auth, allowed_cn }
    });
    let listeners = sockets.iter().map(|&(socket, has_tls)| listener(socket, has_tls));
    let config = TransportConfig {
        listeners: listeners.collect::<PyResult<_>>()?,
        tls,
        versions: PeerVersions {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            speaks: member.speaks().to_owned(),
        },
        texts,
        ..TransportConfig::new(status.cluster_id, status.member_id)
    };
    Ok(member.serve_peers(config, known))
}

fn listener(socket: RawFd, has_tls: bool) -> PyResult<PeerListener> {
    // SAFETY: the caller's descriptor is open for as long as this call lasts, and only borrowed.
    let borrowed = unsafe { BorrowedFd::borrow_raw(socket) };
    let owned: OwnedFd =
        borrowed.try_clone_to_owned().map_err(|error| PyOSError::new_err(error.to_string()))?;
    Ok(PeerListener { socket: TcpListener::from(owned), has_tls })
}
