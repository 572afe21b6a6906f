//! Links with certificates.

use std::fs;
use std::path::Path;

use coreos_engine::transport::{PeerTls, Transport, TransportConfig};

use crate::authority::Authority;
use crate::rig::{Node, Recorder, Told, config, listen};

const HERE: &[&str] = &["127.0.0.1"];

fn node(id: u64, tls: PeerTls) -> Node {
    Node::with(TransportConfig { tls: Some(tls), ..config(id) }, listen(0), true)
}

fn call(a: &Node, b: &Node, host: &str) {
    a.transport.set_peers(vec![(b.id, vec![format!("https://{host}:{}", b.port)])]);
}

fn is_linked(a: &Node, b: &Node) {
    for _ in 0..2 {
        a.inbox.connected(b.id);
    }
    a.forward(b.id, "secret");
    assert_eq!(b.inbox.forwarded(), "secret");
}

fn has_no_link(a: &Node, b: &Node) {
    for node in [a, b] {
        assert_eq!(
            node.inbox.count(|told| matches!(told, Told::Connected(..) | Told::Received(..))),
            0
        );
    }
}

#[test]
fn members_with_certificates_of_one_authority_are_linked() {
    let (dir, authority) = (tempfile::tempdir().expect("directory"), Authority::new());
    let a = node(0xa, authority.issue(dir.path(), "a", HERE));
    let b = node(0xb, authority.issue(dir.path(), "b", HERE));
    call(&a, &b, "127.0.0.1");
    call(&b, &a, "127.0.0.1");
    // Two lanes each way.
    for _ in 0..4 {
        b.inbox.connected(a.id);
    }
    for _ in 0..2 {
        a.inbox.connected(b.id);
    }
    is_linked(&a, &b);
    b.forward(a.id, "secret");
    assert_eq!(a.inbox.forwarded(), "secret");
    assert_eq!(b.transport.stop(), 0);
    a.inbox.expect(&Told::Unreachable(b.id));
    a.inbox.expect(&Told::Gone(b.id));
}

#[test]
fn a_certificate_of_another_authority_is_refused() {
    let (dir, ours, theirs) =
        (tempfile::tempdir().expect("directory"), Authority::new(), Authority::new());
    // The one who calls is not believed.
    let stranger = theirs.issue(dir.path(), "a", HERE);
    let ca_file = dir.path().join("ours.ca");
    fs::write(&ca_file, ours.0.pem()).expect("written");
    let a = node(0xa, PeerTls { trusted_ca_file: Some(ca_file), ..stranger });
    let b = node(0xb, ours.issue(dir.path(), "b", HERE));
    call(&a, &b, "127.0.0.1");
    b.inbox.logged(&["refused", "certificate"]);
    a.inbox.logged(&["peer b", "alert"]);
    has_no_link(&a, &b);
    // The one who is called is not believed.
    call(&b, &a, "127.0.0.1");
    b.inbox.logged(&["peer a", "invalid peer certificate"]);
    has_no_link(&b, &a);
}

#[test]
fn without_a_certificate_there_is_no_link() {
    let (dir, authority) = (tempfile::tempdir().expect("directory"), Authority::new());
    let b = node(0xb, authority.issue(dir.path(), "b", HERE));
    let a = Node::start(0xa);
    call(&a, &b, "127.0.0.1");
    a.inbox.logged(&["peer b", "no certificate"]);
    a.transport.set_peers(Vec::new());
    // Plain words to a port with TLS.
    a.transport.set_peers(vec![(b.id, vec![b.url()])]);
    b.inbox.logged(&["refused"]);
    has_no_link(&a, &b);
    let error = no_certificate(&dir.path().join("b.ca"), b.port);
    assert!(error.contains("CertificateRequired"), "{error}");
}

/// What a caller with a sound program but no certificate hears.
fn no_certificate(ca_file: &Path, port: u16) -> String {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, ServerName};
    use std::io::{Read, Write};
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca_file).expect("PEM")).expect("an authority");
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("127.0.0.1").expect("address");
    let connection = rustls::ClientConnection::new(config.into(), name).expect("connection");
    let socket = std::net::TcpStream::connect(("127.0.0.1", port)).expect("connected");
    let mut stream = rustls::StreamOwned::new(connection, socket);
    let request = b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n";
    let asked = stream.write_all(request).and_then(|()| stream.read_to_end(&mut Vec::new()));
    asked.expect_err("refused").to_string()
}

#[test]
fn a_certificate_for_another_host_is_refused() {
    let (dir, authority) = (tempfile::tempdir().expect("directory"), Authority::new());
    let a = node(0xa, authority.issue(dir.path(), "a", HERE));
    let b = node(0xb, authority.issue(dir.path(), "b", &["b.example"]));
    call(&a, &b, "127.0.0.1");
    a.inbox.logged(&["peer b", "127.0.0.1", "b.example"]);
    has_no_link(&a, &b);
}

#[test]
fn the_common_name_can_be_demanded() {
    let (dir, authority) = (tempfile::tempdir().expect("directory"), Authority::new());
    let a = node(0xa, authority.issue(dir.path(), "a", HERE));
    let wanted = |name: &str| Some(name.to_owned());
    let b =
        node(0xb, PeerTls { allowed_cn: wanted("c"), ..authority.issue(dir.path(), "b", HERE) });
    call(&a, &b, "127.0.0.1");
    a.inbox.logged(&["common name is \"a\"", "\"c\"", "403"]);
    has_no_link(&a, &b);
    let d =
        node(0xd, PeerTls { allowed_cn: wanted("a"), ..authority.issue(dir.path(), "d", HERE) });
    call(&a, &d, "127.0.0.1");
    is_linked(&a, &d);
}

#[test]
fn changed_certificates_are_read_again() {
    let (dir, ours, theirs) =
        (tempfile::tempdir().expect("directory"), Authority::new(), Authority::new());
    let a = node(0xa, ours.issue(dir.path(), "a", HERE));
    let b = node(0xb, theirs.issue(dir.path(), "b", HERE));
    call(&a, &b, "127.0.0.1");
    a.inbox.logged(&["peer b", "invalid peer certificate"]);
    fs::write(dir.path().join("b.key"), "damaged").expect("written");
    b.inbox.logged(&["not used", "b.key"]);
    ours.issue(dir.path(), "b", HERE);
    is_linked(&a, &b);
}

#[test]
fn unusable_settings_are_refused_with_the_file() {
    let (dir, authority) = (tempfile::tempdir().expect("directory"), Authority::new());
    let good = authority.issue(dir.path(), "a", HERE);
    let start = |tls: PeerTls| {
        let inbox = std::sync::Arc::new(Recorder::default());
        Transport::start(TransportConfig { tls: Some(tls), ..config(0xa) }, inbox).map(drop)
    };
    assert_eq!(start(good.clone()), Ok(()));
    let missing = dir.path().join("missing");
    for (tls, part) in [
        (PeerTls { cert_file: missing.clone(), ..good.clone() }, "missing"),
        (PeerTls { key_file: missing.clone(), ..good.clone() }, "missing"),
        (PeerTls { trusted_ca_file: Some(missing), ..good.clone() }, "missing"),
        (PeerTls { trusted_ca_file: None, ..good.clone() }, "--peer-trusted-ca-file"),
        (PeerTls { key_file: good.cert_file.clone(), ..good.clone() }, "a.pem"),
        (
            PeerTls { client_cert_auth: false, allowed_cn: Some("a".into()), ..good },
            "--peer-client-cert-auth",
        ),
    ] {
        let error = start(tls).expect_err("unusable");
        assert!(error.contains(part), "{error}");
    }
}
