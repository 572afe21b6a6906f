"""A throw-away certificate authority for TLS tests."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme


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
