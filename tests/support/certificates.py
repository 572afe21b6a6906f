"""A throw-away certificate authority for TLS tests."""

from __future__ import annotations

import datetime
import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


@dataclass(frozen=True)
class Certificates:
    """Files for the server and a context for clients that trusts them."""

    cert_file: Path
    key_file: Path
    client: ssl.SSLContext
    ca_file: Path
    authority: trustme.CA

    def client_named(self, name: str) -> ssl.SSLContext:
        """A context with a certificate of its own, whose common name this is."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        self.authority.issue_cert(f"{name}.example", common_name=name).configure_cert(context)
        return context

    def client_of_many_names(self, folder: Path, *names: str) -> ssl.SSLContext:
        """The same with several common names, in this order."""
        issuer = x509.load_pem_x509_certificate(self.authority.cert_pem.bytes())
        signer = load_pem_private_key(self.authority.private_key_pem.bytes(), None)
        assert isinstance(signer, ec.EllipticCurvePrivateKey)
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in names]))
            .issuer_name(issuer.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .sign(signer, SHA256())
        )
        pem = folder / ("-".join(names) + ".pem")
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        pem.write_bytes(certificate.public_bytes(Encoding.PEM) + secret)
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        context.load_cert_chain(pem)
        return context


def make_certificates(folder: Path) -> Certificates:
    """Issue a certificate for loopback."""
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1", "localhost")
    cert_file, key_file = folder / "server.pem", folder / "server.key"
    cert_file.write_bytes(b"".join(blob.bytes() for blob in server.cert_chain_pems))
    server.private_key_pem.write_to_path(str(key_file))
    client = ssl.create_default_context()
    authority.configure_trust(client)
    ca_file = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    return Certificates(cert_file, key_file, client, ca_file, authority)


Files = tuple[Path, Path]


@dataclass(frozen=True)
class Authority:
    """A certificate authority and a place for what it issues."""

    ca: trustme.CA
    folder: Path

    def issue(self, name: str) -> Files:
        """Certificate and key files for loopback."""
        issued = self.ca.issue_cert("127.0.0.1", "localhost", common_name=name)
        cert, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        cert.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        key.write_bytes(issued.private_key_pem.bytes())
        return cert, key

    def client(self, identity: Files | None = None) -> ssl.SSLContext:
        """A context that trusts this authority, with or without a certificate of its own."""
        context = ssl.create_default_context()
        self.ca.configure_trust(context)
        if identity is not None:
            context.load_cert_chain(*identity)
        return context

    @property
    def ca_file(self) -> str:
        path = self.folder / "ca.pem"
        self.ca.cert_pem.write_to_path(str(path))
        return str(path)
