"""`DATA_DIR/proxy/cluster`: the peers to ask for the members, which are newer than the flags of a restart."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from coreos_py import logs
from coreos_py.etcd.bootstrap.directory import proxy_folder
from coreos_py.etcd.errors import StartError

_LOG = logs.Log("etcd")


class State:
    """The file of one data directory, in etcd's form: `{"PeerURLs":[...]}`."""

    def __init__(self, data_dir: str) -> None:
        self._folder = proxy_folder(data_dir)
        self._path = self._folder / "cluster"
        self._saved: tuple[str, ...] = ()

    def load(self) -> tuple[str, ...]:
        """The peer URLs, none without a usable file."""
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ()
        except (OSError, ValueError) as error:
            raise StartError(f"cannot read {self._path}: {error}") from error
        try:
            urls = json.loads(text)["PeerURLs"]
            if not isinstance(urls, list) or not all(isinstance(url, str) for url in urls):
                raise TypeError
        except (ValueError, TypeError, KeyError, RecursionError):
            _LOG.warn("the peers in the file are not readable; those of the flags are used", path=self._path)
            return ()
        self._saved = tuple(urls)
        return self._saved

    def save(self, peer_urls: Sequence[str]) -> None:
        """Remember these, unless it does already. Raises OSError."""
        urls = tuple(sorted(peer_urls))
        if urls == self._saved:
            return
        os.makedirs(self._folder.parent, mode=0o700, exist_ok=True)
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        text = json.dumps({"PeerURLs": urls}, separators=(",", ":"))
        _replace(self._path, text.encode())
        self._saved = urls


def _replace(path: Path, data: bytes) -> None:
    """The file has the old content or the new one, whenever the power goes."""
    new = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.rename(new, path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
