"""`coreos etcd import URL`: takes over what a running etcd (v2 API) holds."""

from __future__ import annotations

import argparse
import time

from coreos_py.cli.streams import complain, say
from coreos_py.client._tls import TlsFiles
from coreos_py.client.blocking import BlockingClient, Options
from coreos_py.client.endpoints import DEFAULT_ENDPOINTS, parse_endpoints
from coreos_py.client.errors import EtcdError
from coreos_py.client.takeover import Count, Takeover
from coreos_py.client.takeover_notes import notes

REPEATED = (
    "Repeated as it was, it goes on where it ended and follows the source: what it has written is noted"
    " below the hidden key /_coreos-import of the target, is overwritten, and is removed when the source"
    " has it no longer. What others have written in the target is never removed and gets no end."
)
_SHOWN_MAX = 10
_PROGRESS_S = 1.0
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
    parser.add_argument(
        "--force", action="store_true", help="write over keys of others that are there and differ"
    )
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
            work = Takeover(source, target, hidden=options.hidden, prefix=options.prefix)
            return _take_over(work, is_forced=options.force)
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


class _Progress:
    """Says once a second how far it is."""

    def __init__(self) -> None:
        self._shown_at = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._shown_at >= _PROGRESS_S:
            self._shown_at = now
            complain(f"coreos: {done} of {total}\n")


def _take_over(work: Takeover, *, is_forced: bool) -> int:
    work.read()
    strange = work.strange()
    if strange and not is_forced:
        _refuse(strange)
        return 1
    complain(f"coreos: {len(work.items)} keys and folders to take over, as of index {work.source_index}\n")
    try:
        work.write(_Progress())
    except EtcdError as error:
        complain(f"coreos: stopped: {str(error).rstrip()}\n")
        complain("coreos: the same command goes on where this one ended\n")
        say(_summary(work.count))
        return 1
    say(_summary(work.count))
    return say("".join(f"note: {note}\n" for note in notes(work)), 1 if work.count.failures else 0)


def _refuse(strange: list[str]) -> None:
    more = len(strange) - _SHOWN_MAX
    lines = [
        "coreos: the target is in use. It holds keys that the source does not have so and no import wrote:",
        *(f"  {key}" for key in strange[:_SHOWN_MAX]),
        *([f"  and {more} more"] if more > 0 else []),
        "coreos: nothing was written. --prefix DIR puts everything below a directory of its own;",
        "coreos: --force writes over what differs and leaves the rest as it is",
    ]
    complain("\n".join(lines) + "\n")


def _summary(count: Count) -> str:
    lines = [
        f"taken over: {count.files} keys, {count.dirs} folders, {count.ttls} of them with a time to live"
    ]
    if count.same:
        lines.append(f"there already: {count.same}")
    if count.expired:
        lines.append(f"ended meanwhile: {count.expired}")
    if count.removed:
        lines.append(f"removed, since the source has them no longer: {count.removed}")
    if count.kept:
        lines.append(f"left, without an end, since others have written there: {len(count.kept)}")
        lines += [f"  {key}" for key in count.kept]
    if count.failures:
        lines.append(f"NOT taken over: {len(count.failures)}")
        lines += [f"  {failure}" for failure in count.failures]
    return "\n".join(lines) + "\n"
