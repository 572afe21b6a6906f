"""TLS settings, and what to say when a handshake fails. `ssl` is imported only when it is needed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from coreos_py.client.errors import ConfigurationError

if TYPE_CHECKING:
    import ssl


class TlsFiles(NamedTuple):
    """Paths of PEM files; empty means not given."""

    cert_file: str = ""
    key_file: str = ""
    ca_file: str = ""

    def check(self) -> None:
        """Raise `ConfigurationError` when the files cannot be used, even if no TLS endpoint is ever met."""
        if bool(self.cert_file) != bool(self.key_file):
            raise ConfigurationError(
                f"KeyFile and CertFile must both be present[key: {self.key_file}, cert: {self.cert_file}]"
            )
        for path in self:
            if path:
                try:
                    os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
                except OSError as error:
                    raise ConfigurationError(f"open {path}: {(error.strerror or '').lower()}") from error

    def context(self) -> ssl.SSLContext:
        """A context that verifies the server. Raises `ConfigurationError` for files that hold no PEM."""
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            if self.ca_file:
                context.load_verify_locations(self.ca_file)
            else:
                context.load_default_certs()
            if self.cert_file:
                context.load_cert_chain(self.cert_file, self.key_file, password=self._refuse_to_ask)
        except OSError as error:
            named = " ".join(path for path in self if path)
            reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
            raise ConfigurationError(f"cannot use {named}: {reason or error}") from error
        return context

    def _refuse_to_ask(self) -> str:
        """OpenSSL would ask at the terminal and wait there, with everything else."""
        raise ConfigurationError(
            f"cannot use {self.key_file}: it is encrypted; decrypt it, or give a context"
        )


def handshake_failure(error: OSError) -> str:
    """The text for a failed handshake, beginning with `x509:` when the server's certificate is to blame."""
    import ssl

    if isinstance(error, ssl.SSLCertVerificationError):
        # OpenSSL's codes for a chain that ends in nothing that is trusted.
        if error.verify_code in (18, 19, 20, 21):
            return f"x509: certificate signed by unknown authority ({error.verify_message})"
        return f"x509: {error.verify_message}"
    if isinstance(error, (ssl.SSLEOFError, ConnectionResetError)):
        return "EOF"
    if isinstance(error, ssl.SSLError):
        return f"tls: {(error.reason or str(error)).replace('_', ' ').lower()}"
    return f"tls: {(error.strerror or str(error)).lower()}"
