"""`import`: sets every key of a snapshot of etcd 0.4."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence

from coreos_py.cli.etcdctl_.admin import no_words
from coreos_py.cli.etcdctl_.exits import CommandError, describe
from coreos_py.cli.etcdctl_.flags import Values
from coreos_py.cli.etcdctl_.output import write_error, write_out
from coreos_py.cli.etcdctl_.session import Session
from coreos_py.client import requests, transfer
from coreos_py.client.errors import EtcdError
from coreos_py.client.snapshot_04 import SnapshotError, parse_snapshot
from coreos_py.client.transfer import Item

_CLIENTS = 10
_CLIENTS_MAX = 1000
_TTL_MIN_S = 300
"""A snapshot is old, and whoever refreshes a key needs time to find its new cluster."""


def run(_name: str, session: Session, values: Values, words: Sequence[str]) -> None:
    """Read the file, then write with several clients at once; ends when the last key is written."""
    no_words(words)
    path = values.text("snap")
    if not path:
        raise CommandError("no snapshot file provided (use --snap)\n")
    clients = values.integer("c", _CLIENTS)
    if not 1 <= clients <= _CLIENTS_MAX:
        raise CommandError(f"-c must be from 1 to {_CLIENTS_MAX}\n")
    items = _items(path, values.texts("hidden"))
    keys = [item for item in items if not item.is_dir]
    write_out(f"starting to import snapshot {path} with {clients} clients\n")
    # Directories come with their keys. Only one that holds none has to be made.
    parents = {item.key.rpartition("/")[0] for item in items}
    _write_all(
        session, [*keys, *(item for item in items if item.is_dir and item.key not in parents)], clients
    )
    # Only now: a directory that ended in between would come back with its next key, and stay.
    _end_dirs(session, items, [item for item in items if item.ttl_s and item.key in parents])
    write_out(f"finished importing {len(keys)} keys\n")


def _items(path: str, hidden: Sequence[str]) -> list[Item]:
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise CommandError(f"cannot read snapshot file {path}: {reason}\n") from error
    try:
        snapshot = parse_snapshot(data)
        return snapshot.items(["/", *hidden])
    except SnapshotError as error:
        raise CommandError(f"cannot recover the snapshot file {path}: {error}\n") from error


def _write_all(session: Session, items: Sequence[Item], clients: int) -> None:
    """Write the items with as many connections; the first failure ends all of them."""
    waiting: queue.SimpleQueue[Item] = queue.SimpleQueue()
    for item in items:
        waiting.put(item)
    failures: queue.SimpleQueue[CommandError] = queue.SimpleQueue()

    def work() -> None:
        key = ""
        try:
            with session.new_synced_client(has_time_limit=False) as client:
                while failures.empty():
                    try:
                        item = waiting.get_nowait()
                    except queue.Empty:
                        return
                    key = item.key
                    write_error(f"copying key: {key}\n")
                    transfer.write(client, item, _ttl_s(item))
        except CommandError as error:
            failures.put(error)
        except EtcdError as error:
            failures.put(_failure(error, key))

    # As daemons, so that Ctrl-C is the end of them as well.
    threads = [
        threading.Thread(target=work, name="import", daemon=True) for _ in range(min(clients, len(items)))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if not failures.empty():
        raise failures.get()


def _end_dirs(session: Session, items: Sequence[Item], dirs: Sequence[Item]) -> None:
    """Give directories that hold something their time to live, the inner ones first."""
    if not dirs:
        return
    ours = {item.key for item in items}
    key = ""
    with session.new_synced_client(has_time_limit=False) as client:
        try:
            for item in reversed(dirs):
                key = item.key
                found = client.call(requests.get(key, recursive=True, quorum=True)).node
                if any(other.key not in ours for other in transfer.items_of(found)):
                    write_error(f"directory {key} holds other keys too: it gets no ttl\n")
                else:
                    client.call(requests.update_dir(key, ttl_s=_ttl_s(item)))
        except EtcdError as error:
            raise _failure(error, key) from error


def _ttl_s(item: Item) -> int:
    if not item.ttl_s or item.ttl_s >= _TTL_MIN_S:
        return item.ttl_s
    write_error(f"extending key {item.key}'s ttl to {_TTL_MIN_S} seconds\n")
    return _TTL_MIN_S


def _failure(error: EtcdError, key: str) -> CommandError:
    text, status = describe(error)
    return CommandError(f"failed to copy key: {key}\n{text}" if key else text, status)
