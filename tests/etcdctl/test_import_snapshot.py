"""`import`: every key of a snapshot of etcd 0.4 is there when it ends (FIX 33)."""

from __future__ import annotations

import base64
import json
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coreos_py.client.snapshot_04 import SnapshotError, parse_snapshot
from tests.etcdctl.fake import FakeServer, reply
from tests.etcdctl.runner import Ctl, stored
from tests.support.server import Server

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FOREVER = "0001-01-01T00:00:00Z"


def node(
    path: str, index: int, value: str = "", children: dict[str, Any] | None = None, end: str = FOREVER
) -> Any:
    """A node as 0.4 wrote it."""
    return {
        "Path": path,
        "CreatedIndex": index,
        "ModifiedIndex": index,
        "ExpireTime": end,
        "ACL": "",
        "Value": value,
        "Children": children,
    }


def store(top: str, count: int = 0, end: str = FOREVER) -> bytes:
    """The store of a snapshot, with a little of everything below `top`."""
    name = top.lstrip("/")
    many = {str(n): node(f"{top}/many/{n}", 20 + n, f"v{n}") for n in range(count)}
    children = {
        "plain": node(f"{top}/plain", 2, "a \u20ac\n"),
        "empty": node(f"{top}/empty", 3, ""),
        "dir": node(f"{top}/dir", 4, children={}),
        "leased": node(f"{top}/leased", 5, "l", end=end),
        "many": node(f"{top}/many", 6, children=many),
        "_secret": node(f"{top}/_secret", 7, children={"x": node(f"{top}/_secret/x", 8, "s")}),
    }
    root = node("/", 0, children={name: node(top, 1, children=children)})
    return json.dumps({"Root": root, "CurrentIndex": 20 + count, "CurrentVersion": 2}).encode()


def snapshot(state: bytes) -> bytes:
    """A `.ss` file."""
    body = json.dumps(
        {
            "lastIndex": 9,
            "lastTerm": 1,
            "peers": [{"name": "m1", "connectionString": "http://127.0.0.1:7001"}],
            "state": base64.b64encode(state).decode(),
            "path": "/s/1_9.ss",
        }
    ).encode()
    return b"%08x\n" % zlib.crc32(body) + body


@pytest.mark.parametrize("form", ["snapshot", "store"])
def test_every_key_is_there_when_it_ends_305_fix_33(
    ctl: Ctl, server: Server, top: str, tmp_path: Path, form: str
) -> None:
    end = (datetime.now(UTC) + timedelta(seconds=5000)).strftime("%Y-%m-%dT%H:%M:%S.123456789+00:00")
    state = store(top, 200, end)
    path = tmp_path / "1_9.ss"
    path.write_bytes(snapshot(state) if form == "snapshot" else state)
    code, out, err = ctl.run("import", "--snap", str(path), "-c", "4")
    assert code == 0, err
    assert out == f"starting to import snapshot {path} with 4 clients\nfinished importing 203 keys\n"
    names = {key.rpartition("/")[2] for key in ctl.run("ls", "-r", f"{top}/many").out.split()}
    assert names == {str(n) for n in range(200)}
    assert stored(server, f"{top}/many/77")["value"] == "v77"
    assert stored(server, f"{top}/plain")["value"] == "a \u20ac\n"
    assert stored(server, f"{top}/empty")["value"] == ""
    assert stored(server, f"{top}/dir")["dir"] is True
    ttl_s = stored(server, f"{top}/leased")["ttl"]
    assert isinstance(ttl_s, int)
    assert 4900 < ttl_s <= 5001
    assert ctl.run("get", f"{top}/_secret/x").code == 4
    hidden = ctl.run("import", "--snap", str(path), "--hidden", f"{top}/_secret", "--hidden", f"{top}/dir")
    assert (hidden.code, hidden.out.splitlines()[-1]) == (0, "finished importing 204 keys")
    assert ctl.run("get", f"{top}/_secret/x").out == "s\n"


def test_short_times_become_300_seconds(ctl: Ctl, server: Server, top: str, tmp_path: Path) -> None:
    path = tmp_path / "s.ss"
    path.write_bytes(snapshot(store(top, end="2015-01-01T00:00:00Z")))
    done = ctl.run("import", "--snap", str(path))
    assert f"extending key {top}/leased's ttl to 300 seconds\n" in done.err
    ttl_s = stored(server, f"{top}/leased")["ttl"]
    assert isinstance(ttl_s, int)
    assert 200 < ttl_s <= 300


def test_a_directory_keeps_its_time_to_live(ctl: Ctl, server: Server, top: str, tmp_path: Path) -> None:
    """Except one in which others have something that would go with it."""

    def directory(name: str, end: str, *inside: str) -> tuple[str, Any]:
        path = f"{top}/{name}"
        children = {key: node(f"{path}/{key}", 9, "v") for key in inside}
        return name, node(path, 8, children=children, end=end)

    in_an_hour = (datetime.now(UTC) + timedelta(seconds=3600)).strftime("%Y-%m-%dT%H:%M:%SZ")
    inner = {"inner": directory("outer/inner", in_an_hour, "x")[1]}
    children = dict(
        [
            directory("long", in_an_hour, "x"),
            directory("short", "2015-01-01T00:00:00Z", "x"),
            directory("for-ever", FOREVER, "x"),
            directory("shared", in_an_hour, "x"),
            ("outer", node(f"{top}/outer", 7, children=inner, end=in_an_hour)),
        ]
    )
    root = node("/", 0, children={top.lstrip("/"): node(top, 1, children=children)})
    path = tmp_path / "s.ss"
    path.write_bytes(snapshot(json.dumps({"Root": root}).encode()))
    assert server.request("PUT", f"/v2/keys{top}/shared/theirs", b"value=1").status == 201
    # The second time nothing is new.
    for _ in range(2):
        done = ctl.run("import", "--snap", str(path))
        assert done.code == 0, done.err
        assert f"directory {top}/shared holds other keys too: it gets no ttl\n" in done.err
        ttls = {name: stored(server, f"{top}/{name}").get("ttl") for name in (*children, "outer/inner")}
        for name in ("long", "outer", "outer/inner"):
            ttl_s = ttls.pop(name)
            assert isinstance(ttl_s, int)
            assert 3400 < ttl_s <= 3601
        ttl_s = ttls.pop("short")
        assert isinstance(ttl_s, int)
        assert 200 < ttl_s <= 300
        assert ttls == {"for-ever": None, "shared": None}
        assert ctl.run("get", f"{top}/outer/inner/x").out == "v\n"


def test_a_refused_key_is_named_and_ends_it(tmp_path: Path) -> None:
    path = tmp_path / "s.ss"
    path.write_bytes(snapshot(store("/t", 5)))
    error = {
        "errorCode": 110,
        "message": "The request requires user authentication",
        "cause": "no",
        "index": 0,
    }
    with FakeServer(lambda asked: reply(error, 401)) as server:
        code, out, err = Ctl.ours(server.url).run("--no-sync", "import", "--snap", str(path), "-c", "1")
    assert (code, out.count("\n")) == (3, 1)
    assert "failed to copy key: /t/plain\nError:  110: " in err


def test_no_server(tmp_path: Path) -> None:
    path = tmp_path / "s.ss"
    path.write_bytes(snapshot(store("/t")))
    done = Ctl.ours("http://127.0.0.1:1").run("import", "--snap", str(path))
    assert (done.code, "finished" in done.out) == (2, False)
    flags = ("--timeout", "500ms", "-D", "example.invalid")
    done = Ctl.ours("http://127.0.0.1:1").run(*flags, "import", "--snap", str(path), "-c", "2")
    assert (done.code, done.err.count("\n")) == (1, 1)


def test_files_that_are_none(tmp_path: Path) -> None:
    ctl = Ctl.ours("http://127.0.0.1:1")
    assert ctl.run("import") == (1, "", "no snapshot file provided (use --snap)\n")
    none = tmp_path / "none"
    wanted = f"cannot read snapshot file {none}: no such file or directory\n"
    assert ctl.run("import", "--snap", str(none)) == (1, "", wanted)
    good = snapshot(store("/t"))
    path = tmp_path / "s.ss"
    for data, reason in (
        (b"", "it is not JSON"),
        (good[:-1], "its checksum is wrong"),
        (good.replace(b"lastTerm", b"lastTerN"), "its checksum is wrong"),
        (snapshot(b"{}"), "it holds no store"),
        (snapshot(b"[]"), "it is not the JSON of a store"),
        (b'{"Root": {"Children": {"a": 1}}}', "it is not the JSON of a store"),
        (b'{"Root": {"Children": {"a": {}}}}', "the node /a has no value or index"),
    ):
        path.write_bytes(data)
        code, out, err = ctl.run("import", "--snap", str(path))
        assert (code, out, err.count("\n")) == (1, "", 1), data[:60]
        assert reason in err, data[:60]
    path.write_bytes(good)
    assert "it has no key /x" in ctl.run("import", "--snap", str(path), "--hidden", "x").err
    for count in ("0", "-1", "100000"):
        assert ctl.run("import", "--snap", str(path), "-c", count) == (1, "", "-c must be from 1 to 1000\n")


@pytest.mark.parametrize(
    ("end", "ttl_s"),
    [
        (FOREVER, 0),
        ("2026-01-01T00:00:10Z", 10),
        ("2026-01-01T00:00:09.000000001Z", 9),
        ("2026-01-01T00:00:09.5Z", 10),
        ("2026-01-01T02:00:10+02:00", 10),
        ("2025-12-31T23:59:59Z", 1),
    ],
)
def test_times_to_live_are_rounded_up(end: str, ttl_s: int) -> None:
    items = parse_snapshot(store("/t", end=end), NOW).items(["/"])
    assert {item.key: item.ttl_s for item in items}["/t/leased"] == ttl_s
    assert [item.key for item in items][:3] == ["/t", "/t/plain", "/t/empty"]


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for text in (data, snapshot(data), b'{"Root":' + data + b"}"):
        try:
            parse_snapshot(text).items(["/"])
        except SnapshotError:
            continue
