//! Certificates of the peer port.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

use super::common_name::common_name;
use super::config::PeerTls;

/// When a file was last changed, and its length: whether it has to be read again.
type Stamp = Option<(SystemTime, u64)>;

struct Loaded {
    stamps: Vec<Stamp>,
    server: Arc<ServerConfig>,
    client: Option<Arc<ClientConfig>>,
}

/// What connections with TLS are made from.
pub(super) struct Tls {
    files: PeerTls,
    loaded: Mutex<Loaded>,
}

impl Tls {
    /// # Errors
    /// Which file is wrong, and how.
    pub fn new(files: PeerTls) -> Result<Self, String> {
        let loaded = Mutex::new(load(&files)?);
        Ok(Self { files, loaded })
    }

    /// Take what is in the files now, if they have changed.
    ///
    /// # Errors
    /// What is wrong with them; what was there before is used on.
    pub fn refresh(&self) -> Result<(), String> {
        let mut loaded = self.loaded.lock();
        let stamps = stamps(&self.files);
        if stamps != loaded.stamps {
            // Whatever comes of it, these files are not tried again.
            loaded.stamps = stamps;
            *loaded = load(&self.files)?;
        }
        Ok(())
    }

    /// For a connection that somebody has made to this member.
    pub fn accept(&self) -> io::Result<ServerConnection> {
        let config = self.loaded.lock().server.clone();
        ServerConnection::new(config).map_err(io::Error::other)
    }

    /// For a connection to a peer, whose certificate has to be for `host`.
    pub fn call(&self, host: &str) -> io::Result<ClientConnection> {
        let config = self.loaded.lock().client.clone().ok_or_else(|| {
            io::Error::other("a peer with https needs a trusted authority (--peer-trusted-ca-file)")
        })?;
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        ClientConnection::new(config, name).map_err(io::Error::other)
    }

    /// Whether the one who calls has the name that is demanded, if any is. Only after the handshake.
    ///
    /// # Errors
    /// Which name it has instead, in one line.
    pub fn check_name(&self, connection: &ServerConnection) -> Result<(), String> {
        let Some(demanded) = &self.files.allowed_cn else { return Ok(()) };
        let certificate = connection.peer_certificates().and_then(<[_]>::first);
        match certificate.and_then(|certificate| common_name(certificate)) {
            Some(name) if name == demanded.as_bytes() => Ok(()),
            Some(name) => Err(format!(
                "the certificate's common name is {:?}, and has to be {demanded:?}",
                String::from_utf8_lossy(name)
            )),
            None => Err(format!("a certificate with the common name {demanded:?} is needed")),
        }
    }
}

fn paths(files: &PeerTls) -> Vec<&PathBuf> {
    [&files.cert_file, &files.key_file].into_iter().chain(&files.trusted_ca_file).collect()
}

fn stamps(files: &PeerTls) -> Vec<Stamp> {
    let stamp = |path: &&PathBuf| {
        let about = fs::metadata(path).ok()?;
        Some((about.modified().ok()?, about.len()))
    };
    paths(files).iter().map(stamp).collect()
}

fn load(files: &PeerTls) -> Result<Loaded, String> {
    if files.allowed_cn.is_some() && !files.client_cert_auth {
        return Err("a common name is demanded of peers, but no certificate that could have it \
                    (--peer-client-cert-auth)"
            .into());
    }
    let stamps = stamps(files);
    let provider = Arc::new(ring::default_provider());
    let chain = certificates(&files.cert_file)?;
    let key = || {
        PrivateKeyDer::from_pem_file(&files.key_file)
            .map_err(|error| format!("no key in {}: {error}", files.key_file.display()))
    };
    let unusable = |error: rustls::Error| {
        format!("{} and its key cannot be used: {error}", files.cert_file.display())
    };
    let roots = files.trusted_ca_file.as_deref().map(authorities).transpose()?.map(Arc::new);
    let server = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(unusable)?;
    let server = match (&roots, files.client_cert_auth) {
        (Some(roots), true) => {
            server.with_client_cert_verifier(verifier(roots.clone(), &provider)?)
        }
        (None, true) => {
            return Err("certificates of peers are demanded, but no authority is named that they \
                        could be checked by (--peer-trusted-ca-file)"
                .into());
        }
        (_, false) => server.with_no_client_auth(),
    };
    let mut server = server.with_single_cert(chain.clone(), key()?).map_err(unusable)?;
    // Links live for days. Tickets would only be bytes against the direction of a link.
    server.send_tls13_tickets = 0;
    let client = roots.map(|roots| {
        ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key()?)
            .map_err(unusable)
            .map(Arc::new)
    });
    Ok(Loaded { stamps, server: Arc::new(server), client: client.transpose()? })
}

fn verifier(
    roots: Arc<RootCertStore>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, String> {
    WebPkiClientVerifier::builder_with_provider(roots, provider.clone())
        .build()
        .map_err(|error| format!("the trusted authority cannot be used: {error}"))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let bad = |error| format!("no certificate in {}: {error}", path.display());
    let all: Vec<_> =
        CertificateDer::pem_file_iter(path).map_err(bad)?.collect::<Result<_, _>>().map_err(bad)?;
    if all.is_empty() {
        return Err(format!("no certificate in {}", path.display()));
    }
    Ok(all)
}

fn authorities(path: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| {
            format!("a certificate in {} cannot be used: {error}", path.display())
        })?;
    }
    Ok(roots)
}
