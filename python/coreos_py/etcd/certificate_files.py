"""What can be wrong with certificate files, said so that a person knows which file to look at."""

import os
import ssl
import stat

from coreos_py import logs
from coreos_py.etcd.settings import TlsFiles

_LOG = logs.Log("etcd")
_FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO

Stamp = tuple[tuple[int, int, int, int], ...]


def read_stamp(files: TlsFiles) -> Stamp:
    """What changes when one of the files does. Raises OSError when one is missing."""
    stats = (os.stat(path) for path in paths(files))
    # st_ctime: copies that keep the time of the original may be as long as the file that they replace.
    return tuple((found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino) for found in stats)


def paths(files: TlsFiles) -> list[str]:
    """Certificate, key, and the authorities of client certificates, if there are any."""
    return [path for path in (files.cert_file, files.key_file, files.ca_file) if path]


def explain(files: TlsFiles, error: Exception) -> str:
    """Why they cannot be used. The TLS library itself names no file."""
    for path in paths(files):
        try:
            with open(path, "rb"):
                pass
        except OSError as unreadable:
            return f"cannot read the certificate file {path}: {unreadable.strerror}"
    for path in paths(files):
        if path != files.key_file and not _has_certificate(path):
            return f"there is no usable certificate in {path}: {error}"
    if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
        return f"the key in {files.key_file} does not belong to the certificate in {files.cert_file}"
    return f"cannot use the key in {files.key_file} with the certificate in {files.cert_file}: {error}"


def _has_certificate(path: str) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except (OSError, ValueError):
        return False
    return True


def warn_of_open_key(key_file: str) -> None:
    """The key is the member's identity: whoever reads it can stand in its place.

    A warning only: etcd starts with such files, and some systems give a group the right to read keys.
    """
    mode = stat.S_IMODE(os.stat(key_file).st_mode)
    if mode & _FOR_OTHERS:
        _LOG.warn(
            "the private key is open to others than its owner",
            key_file=key_file,
            mode=f"{mode:04o}",
            to_mend=f"chmod 600 {key_file}",
        )
