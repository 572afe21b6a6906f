"""`coreos etcd import URL`: takes over what a running etcd (v2 API) holds.

Keys are written one after another in the order in which they were created, since some protocols go by it.
What has to end gets the time that is left at the moment of writing. What is there already is not written
again, so a call that was cut off is repeated as it was.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field

from coreos_py.cli.streams import complain, say
from coreos_py.client import requests, transfer
from coreos_py.client._tls import TlsFiles
from coreos_py.client.blocking import BlockingClient, Options
from coreos_py.client.endpoints import DEFAULT_ENDPOINTS, parse_endpoints
from coreos_py.client.errors import EtcdError, ServerError
from coreos_py.client.transfer import Item

_NOT_FOUND = 100
_SHOWN_MAX = 10
_PROGRESS_S = 1.0
_ORDERED_NAME_DIGITS = 20
_TIMEOUT_S = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed behind `coreos etcd import`."""
    parser.add_argument("source", metavar="URL", help="the etcd to read, as http://HOST:PORT")
    parser.add_argument(
        "--endpoints", default=DEFAULT_ENDPOINTS, metavar="URL,...", help="the member to write to"
    )
    parser.add_argument(
        "--hidden", action="append", default=[], metavar="KEY", help="take this hidden key too"
    )
    parser.add_argument("--prefix", default="/", metavar="DIR", help="put everything below this directory")
    parser.add_argument("--force", action="store_true", help="write over keys that are there and differ")
    for end in ("source-", ""):
        whose = "the source's" if end else "the target's"
        parser.add_argument(
            f"--{end}username", default="", metavar="USER", help=f"NAME:PASSWORD of {whose} side"
        )
        parser.add_argument(
            f"--{end}ca-file", default="", metavar="FILE", help=f"authority of {whose} certificate"
        )
        parser.add_argument(
            f"--{end}cert-file", default="", metavar="FILE", help=f"certificate for {whose} side"
        )
        parser.add_argument(f"--{end}key-file", default="", metavar="FILE", help="key of that certificate")


def run(options: argparse.Namespace) -> int:
    """0: everything that can be seen was taken over. 1: something was not, or the target is in use."""
    try:
        with (
            _client(options, options.source, "source_") as source,
            _client(options, options.endpoints) as target,
        ):
            return _Import(source, target, options).run()
    except EtcdError as error:
        complain(f"coreos: {str(error).rstrip()}\n")
        return 1


def _client(options: argparse.Namespace, endpoints: str, end: str = "") -> BlockingClient:
    def given(name: str) -> str:
        return str(getattr(options, f"{end}{name}"))

    username, _, password = given("username").partition(":")
    tls = TlsFiles(given("cert_file"), given("key_file"), given("ca_file"))
    settings = Options(
        timeout_s=_TIMEOUT_S, total_timeout_s=None, tls=tls, username=username, password=password
    )
    return BlockingClient(parse_endpoints(endpoints), settings)


@dataclass
class _Count:
    """What has come of the items so far."""

    files: int = 0
    dirs: int = 0
    ttls: int = 0
    same: int = 0
    expired: int = 0
    failures: list[str] = field(default_factory=list)


class _Import:
    """One run."""

    def __init__(self, source: BlockingClient, target: BlockingClient, options: argparse.Namespace) -> None:
        self._source = source
        self._target = target
        self._options = options
        self._prefix = "" if options.prefix.strip("/") == "" else "/" + options.prefix.strip("/")
        self._count = _Count()
        self._read_at = 0.0
        self._shown_at = 0.0

    def run(self) -> int:
        items, source_index = self._read()
        there = self._there()
        if not self._may_write(items, there):
            return 1
        complain(f"coreos: {len(items)} keys and folders to take over, as of index {source_index}\n")
        try:
            self._write_all(items, there)
        except EtcdError as error:
            complain(f"coreos: stopped: {str(error).rstrip()}\n")
            complain("coreos: the same command goes on where this one ended\n")
            self._summarise()
            return 1
        self._summarise()
        self._note(items, source_index)
        return 1 if self._count.failures else 0

    def _read(self) -> tuple[dict[str, Item], int]:
        """What the source shows, by the key that it gets here, in the order of creation."""
        found: dict[str, Item] = {}
        index = 0
        for key in ("/", *self._options.hidden):
            result = self._source.call(requests.get(key, recursive=True, is_sorted=True, quorum=True))
            # The last reply's time counts for all: an earlier one would make what it shows too short.
            self._read_at = time.monotonic()
            index = index or result.etcd_index
            for item in transfer.items_of(result.event.node):
                found[item.key] = item
        ordered = sorted(found.values(), key=lambda item: (item.created_index, item.key.count("/"), item.key))
        return {item.key: item._replace(key=self._prefix + item.key) for item in ordered}, index

    def _there(self) -> dict[str, Item]:
        """What the target holds where we are about to write, by key."""
        found: dict[str, Item] = {}
        hidden = [self._prefix + "/" + key.strip("/") for key in self._options.hidden]
        for key in (self._prefix or "/", *hidden):
            try:
                result = self._target.call(requests.get(key, recursive=True, quorum=True))
            except ServerError as error:
                if error.code != _NOT_FOUND:
                    raise
                continue
            for item in transfer.items_of(result.event.node):
                found[item.key] = item
        found.pop(self._prefix, None)
        return found

    def _may_write(self, items: dict[str, Item], there: dict[str, Item]) -> bool:
        """Whether the target holds nothing but what an earlier call may have put there."""
        wanted = {item.key: item for item in items.values()}
        strange = [
            key for key, item in there.items() if key not in wanted or not transfer.is_same(wanted[key], item)
        ]
        if not strange or self._options.force:
            return True
        complain("coreos: the target is not empty. It holds keys that the source does not have so:\n")
        complain("".join(f"  {key}\n" for key in sorted(strange)[:_SHOWN_MAX]))
        if len(strange) > _SHOWN_MAX:
            complain(f"  and {len(strange) - _SHOWN_MAX} more\n")
        complain("coreos: nothing was written. --prefix DIR puts everything below a directory of its own;\n")
        complain("coreos: --force writes over what differs and leaves the rest as it is\n")
        return False

    def _write_all(self, items: dict[str, Item], there: dict[str, Item]) -> None:
        with_end = [item for item in items.values() if item.is_dir and item.ttl_s]
        for number, item in enumerate(items.values()):
            self._progress(number, len(items))
            self._write(item, there.get(item.key))
        # Only now do directories get their end: one that ended in between would come back with its next key,
        # and stay.
        for item in reversed(with_end):
            self._end(item)

    def _write(self, item: Item, other: Item | None) -> None:
        ttl_s = transfer.ttl_left_s(item, time.monotonic() - self._read_at)
        if ttl_s is None and not item.is_dir:
            self._count.expired += 1
            return
        if other is not None and transfer.is_same(item, other) and not item.ttl_s and not other.ttl_s:
            self._count.same += 1
            return
        try:
            transfer.write(self._target, item, 0 if item.is_dir else ttl_s or 0)
        except ServerError as error:
            self._count.failures.append(f"{item.key}: {error}")
            return
        if item.is_dir:
            self._count.dirs += 1
        else:
            self._count.files += 1
            self._count.ttls += bool(ttl_s)

    def _end(self, item: Item) -> None:
        """Give a directory its end, or carry it out if it has come meanwhile."""
        ttl_s = transfer.ttl_left_s(item, time.monotonic() - self._read_at)
        try:
            if ttl_s is None:
                self._target.call(requests.delete(item.key, recursive=True))
                self._count.expired += 1
            else:
                self._target.call(requests.update_dir(item.key, ttl_s=ttl_s))
                self._count.ttls += 1
        except ServerError as error:
            self._count.failures.append(f"{item.key}: {error}")

    def _progress(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._shown_at >= _PROGRESS_S:
            self._shown_at = now
            complain(f"coreos: {done} of {total}\n")

    def _summarise(self) -> None:
        count = self._count
        lines = [
            f"taken over: {count.files} keys, {count.dirs} folders, {count.ttls} of them with a time to live"
        ]
        if count.same:
            lines.append(f"there already: {count.same}")
        if count.expired:
            lines.append(f"ended meanwhile: {count.expired}")
        if count.failures:
            lines.append(f"NOT taken over: {len(count.failures)}")
            lines += [f"  {failure}" for failure in count.failures]
        say("\n".join(lines) + "\n")

    def _note(self, items: dict[str, Item], source_index: int) -> None:
        """What nobody could tell from the numbers."""
        told = f" except {', '.join(self._options.hidden)}" if self._options.hidden else " (see --hidden)"
        notes = [f"names that begin with _ are hidden: what is below them was not seen{told}"]
        if any("\N{REPLACEMENT CHARACTER}" in item.value for item in items.values()):
            notes.append("some values hold U+FFFD, which is how etcd shows bytes that are not UTF-8")
        names = [item.key.rpartition("/")[2] for item in items.values() if not item.is_dir]
        ordered = [int(name) for name in names if len(name) == _ORDERED_NAME_DIGITS and name.isdigit()]
        target_index = self._target.call(requests.get("/")).etcd_index if ordered else 0
        if ordered and max(ordered) > target_index:
            notes.append(
                f"in-order names reach {max(ordered)}, the target's index is {target_index}: until it has"
                " passed that, new in-order keys sort before those taken over"
            )
        try:
            now = self._source.call(requests.get("/")).etcd_index
        except EtcdError as error:
            notes.append(f"whether the source has changed meanwhile is not known: {str(error).rstrip()}")
        else:
            if now != source_index:
                notes.append(
                    f"the source has changed meanwhile (index {source_index} to {now}): run this again"
                )
        say("".join(f"note: {note}\n" for note in notes))
