//! Certificates.

use std::fs;
use std::path::Path;

use coreos_engine::transport::PeerTls;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// Whose certificates are believed.
pub struct Authority(pub CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(
            CertifiedIssuer::self_signed(params, KeyPair::generate().expect("key"))
                .expect("signed"),
        )
    }

    /// Write a certificate for these hosts, its key and the authority into `dir`.
    pub fn issue(&self, dir: &Path, name: &str, hosts: &[&str]) -> PeerTls {
        let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
        let mut params = CertificateParams::new(hosts).expect("names");
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("key");
        let certificate = params.signed_by(&key, &self.0).expect("signed");
        let [cert_file, key_file, ca_file] =
            ["pem", "key", "ca"].map(|end| dir.join(format!("{name}.{end}")));
        fs::write(&cert_file, certificate.pem()).expect("written");
        fs::write(&key_file, key.serialize_pem()).expect("written");
        fs::write(&ca_file, self.0.pem()).expect("written");
        PeerTls {
            cert_file,
            key_file,
            trusted_ca_file: Some(ca_file),
            client_cert_auth: true,
            allowed_cn: None,
        }
    }
}
