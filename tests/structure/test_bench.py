"""A benchmark that did not do what it says is no benchmark: it is reported as failed, never judged."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import cast

import pytest

from bench import __main__ as command
from bench import generator, report
from bench.figures import Figure, Measurement, Row
from bench.listing import Listing
from bench.servers import Server, Usage


class FakeServer:
    """What the generator looks at."""

    kind = "ours"
    address = "127.0.0.1:1"

    def usage(self) -> Usage:
        return Usage(cpu_seconds=1.0, rss_bytes=1, peak_bytes=1, syncs=3)


@pytest.mark.parametrize(
    ("printed", "complaint"),
    [
        ({"requests": 10, "bad": 0}, None),
        ({"requests": 10, "bad": 1}, "gave 1 bad of 10 replies"),
        ({"requests": 9, "bad": 0}, "answered 9 of 10 requests in time"),
        (None, "no such thing"),
    ],
)
def test_a_load_with_bad_replies_is_no_measurement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, printed: dict[str, int] | None, complaint: str | None
) -> None:
    program = tmp_path / "loadgen"
    action = f"echo '{json.dumps(printed)}'" if printed else "echo no such thing >&2; exit 1"
    program.write_text(f"#!/bin/sh\n{action}\n")
    program.chmod(0o755)
    monkeypatch.setattr(generator, "LOADGEN", program)
    server = cast(Server, FakeServer())
    if complaint is None:
        assert generator.load(server, "put", requests=10)["syncs"] == 0
    else:
        with pytest.raises(RuntimeError, match=complaint):
            generator.load(server, "put", requests=10)


class Listed(BaseHTTPRequestHandler):
    """Answers as its path says: a status and so many bytes."""

    def do_GET(self) -> None:
        _, status, length = self.path.split("/")
        self.send_response(int(status))
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(b"x" * int(length))

    def log_message(self, *words: object) -> None:
        del words


@pytest.fixture
def listed() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Listed) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_listing_is_counted(listed: str) -> None:
    with Listing(f"{listed}/200/100", 100) as listing:
        pass
    assert listing.count >= 1


@pytest.mark.parametrize(("path", "complaint"), [("/503/100", "503"), ("/200/99", "had 99 bytes, not 100")])
def test_control_a_reader_that_stopped_is_noticed(listed: str, path: str, complaint: str) -> None:
    with pytest.raises(RuntimeError, match=complaint), Listing(listed + path, 100):
        pass


def works(kind: str, seconds: float) -> Measurement:
    return {"per_second": 10.0 if kind == "ours" else 4.0, "seconds": seconds}


def fails(kind: str, seconds: float) -> Measurement:
    raise RuntimeError(f"{kind} gave 3 bad of 7 replies in {seconds} s")


FIGURES = (Figure("per_second", "more", 2.0),)
TWO_ROWS = [Row("a", "A", works, FIGURES), Row("b", "B", works, FIGURES)]


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where results go; the call has two rows and can run."""
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    monkeypatch.setattr(command, "LOADGEN", tmp_path)
    monkeypatch.setattr(command, "debian", lambda: "etcd")
    monkeypatch.setattr(command, "ROWS", TWO_ROWS)
    return tmp_path


def call(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["bench", *words])
    return command.main()


def test_only_a_full_call_replaces_the_last_results(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call(monkeypatch) == 0
    full = (results / "latest.json").read_text()
    assert [row["name"] for row in json.loads(full)["rows"]] == ["a", "b"]
    assert "ratio  2.50" in (results / "latest.txt").read_text()
    assert not (results / "partial.json").exists()
    for words in (["--only", "a"], ["--rounds", "1"], ["--seconds", "1"]):
        assert call(monkeypatch, *words) == 0
        assert (results / "latest.json").read_text() == full
        assert (results / "partial.json").exists()


def test_a_row_that_fails_leaves_the_others(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [Row("bad", "BAD", fails, ()), *TWO_ROWS]
    monkeypatch.setattr(command, "ROWS", rows)
    assert call(monkeypatch) == 1
    assert not (results / "latest.json").exists()
    assert "BAD: FAILED: ours gave 3 bad of 7 replies" in (results / "partial.txt").read_text()
    names = [row["name"] for row in json.loads((results / "partial.json").read_text())["rows"]]
    assert names == ["bad", "a", "b"]
