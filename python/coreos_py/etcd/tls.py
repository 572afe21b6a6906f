"""TLS of the client port: a context that follows its files, so that new certificates need no restart."""

import os
import ssl
import time
from collections.abc import Callable

from coreos_py import logs
from coreos_py.etcd.errors import StartError
from coreos_py.etcd.settings import TlsFiles

_LOG = logs.Log("etcd")
# How often the files' times are looked at, at most.
_CHECK_S = 1.0

Stamp = tuple[tuple[int, int], ...]


class ReloadingContext:
    """The current server context. New files are taken for the next handshake; unreadable ones are not."""

    def __init__(self, files: TlsFiles, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._files = files
        self._clock_s = clock_s
        self._checked_s = clock_s()
        try:
            self._stamp = self._read_stamp()
            self._context = make_context(files)
        except (OSError, ValueError) as error:
            raise StartError(_sentence(files, error)) from error

    def current(self) -> ssl.SSLContext:
        """The context for a handshake now."""
        now_s = self._clock_s()
        if now_s - self._checked_s >= _CHECK_S:
            self._checked_s = now_s
            self._reload_if_changed()
        return self._context

    def _reload_if_changed(self) -> None:
        try:
            stamp = self._read_stamp()
            if stamp == self._stamp:
                return
            self._context = make_context(self._files)
        except (OSError, ValueError) as error:
            # Half-written pairs are usual while files are exchanged: the next look takes them.
            _LOG.warn("keeping the old certificate", reason=_sentence(self._files, error))
            return
        self._stamp = stamp
        _LOG.info("certificate reloaded", cert_file=self._files.cert_file)

    def _read_stamp(self) -> Stamp:
        paths = (self._files.cert_file, self._files.key_file, self._files.ca_file)
        stats = (os.stat(path) for path in paths if path)
        return tuple((stat.st_mtime_ns, stat.st_ino) for stat in stats)


def make_context(files: TlsFiles) -> ssl.SSLContext:
    """A server context from files. Raises OSError (ssl.SSLError is one) or ValueError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    # An encrypted key must fail, not ask at the terminal.
    context.load_cert_chain(files.cert_file, files.key_file, password="")
    if files.requires_client_cert:
        context.verify_mode = ssl.CERT_REQUIRED
        if files.ca_file:
            context.load_verify_locations(files.ca_file)
        else:
            context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
    return context


def _sentence(files: TlsFiles, error: Exception) -> str:
    names = ", ".join(path for path in (files.cert_file, files.key_file, files.ca_file) if path)
    return f"cannot use the certificate files {names}: {error}"
