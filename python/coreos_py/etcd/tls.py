"""TLS of the client port: a context that follows its files, so that new certificates need no restart."""

import ssl
import time
from collections.abc import Callable

from coreos_py import logs
from coreos_py.etcd.certificate_files import explain, read_stamp, warn_of_open_key
from coreos_py.etcd.errors import StartError
from coreos_py.etcd.settings import TlsFiles

_LOG = logs.Log("etcd")
# How often the files' times are looked at, at most.
_CHECK_S = 1.0


class ReloadingContext:
    """The current server context: certificate, key and the authorities of client certificates.

    New files are taken for the next handshake; connections that are open go on. Files that cannot be used
    change nothing, and the log says which one it is, once for each way of being wrong.
    """

    def __init__(self, files: TlsFiles, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._files = files
        self._clock_s = clock_s
        self._checked_s = clock_s()
        self._complaint = ""
        try:
            # Before the files are read: a change in between is seen at the next look.
            self._stamp = read_stamp(files)
            self._context = make_context(files)
            warn_of_open_key(files.key_file)
        except (OSError, ValueError) as error:
            raise StartError(explain(files, error)) from error

    def current(self) -> ssl.SSLContext:
        """The context for a handshake now."""
        now_s = self._clock_s()
        if now_s - self._checked_s >= _CHECK_S:
            self._checked_s = now_s
            self._reload_if_changed()
        return self._context

    def _reload_if_changed(self) -> None:
        try:
            stamp = read_stamp(self._files)
            if stamp == self._stamp:
                self._complaint = ""
                return
            context = make_context(self._files)
            warn_of_open_key(self._files.key_file)
        except (OSError, ValueError) as error:
            # Half-written pairs are usual while files are exchanged: the next look takes them.
            self._complain(explain(self._files, error))
            return
        self._context, self._stamp = context, stamp
        self._complaint = ""
        _LOG.info("certificate reloaded", cert_file=self._files.cert_file)

    def _complain(self, reason: str) -> None:
        if reason != self._complaint:
            _LOG.error("keeping the old certificate", reason=reason)
            self._complaint = reason


def check_files(files: TlsFiles) -> None:
    """Raises StartError when they cannot be used, for those that only the engine uses, and later."""
    try:
        make_context(files)
    except (OSError, ValueError) as error:
        raise StartError(explain(files, error)) from error


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
