"""Group K of the checklist: start-up, flags and what is on the disk, as a person at a prompt sees it.

The numbers are in the names. 305 is one of `etcdctl`'s, 306 needs what comes with clusters.
"""

from __future__ import annotations

import re
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ServerFactory
from tests.support.ports import free_port
from tests.support.server import Server, debian_etcd, our_command
from tests.support.walfile import batches, segments

RUN_S = 60.0
WRITES = 30


def run(*flags: str, program: str | None = None) -> subprocess.CompletedProcess[str]:
    """One start that is over at once."""
    words = [program or our_command(), *flags]
    return subprocess.run(words, capture_output=True, text=True, timeout=RUN_S, check=False)


def refused(tmp_path: Path, *flags: str) -> str:
    """What a start says that ends with status 1, and makes no directory."""
    data = tmp_path / "never-made"
    done = run(*flags, "--data-dir", str(data))
    assert done.returncode == 1, done
    assert not data.exists()
    return done.stderr


def own_ports() -> tuple[str, ...]:
    """Not the default ones, which other tests hold."""
    client, peer = f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}"
    return (
        *("--listen-client-urls", client, "--advertise-client-urls", client),
        *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
    )


def test_288_version() -> None:
    done = run("--version")
    assert done.returncode == 0
    names = [line.partition(":")[0] for line in done.stdout.splitlines()]
    assert names == ["etcd Version", "Git SHA", "Go Version", "Go OS/Arch"]
    assert done.stdout.startswith("etcd Version: 2.3.8")


def test_289_an_unknown_flag() -> None:
    done = run("--nope")
    assert done.returncode == 2
    assert "usage" in done.stderr.lower()


def test_290_a_word_that_is_no_flag(tmp_path: Path) -> None:
    assert "'foo' is not a valid flag" in run("foo").stderr
    assert run("foo").returncode == 1


def test_291_a_name_that_the_cluster_does_not_have(tmp_path: Path) -> None:
    said = refused(tmp_path, *own_ports(), "--name", "q", "--initial-cluster", "a=http://127.0.0.1:7001")
    assert 'couldn\'t find local name \\"q\\" in the initial cluster configuration' in said


def test_292_election_and_heartbeat(tmp_path: Path) -> None:
    said = refused(tmp_path, "--heartbeat-interval", "100", "--election-timeout", "400")
    assert "should be at least as 5 times as" in said


def test_293_two_ways_to_begin(tmp_path: Path) -> None:
    flags = ("--discovery", "http://h/token", "--initial-cluster", "a=http://h:1")
    assert "multiple discovery or bootstrap flags are set" in refused(tmp_path, *flags)


def test_294_listening_without_advertising(tmp_path: Path) -> None:
    said = refused(tmp_path, "--listen-client-urls", "http://127.0.0.1:2379")
    assert "--advertise-client-urls is required" in said


def test_295_peers_of_04(tmp_path: Path) -> None:
    """FIX: the original refuses the flag itself; ours joins, and refuses when there is nobody to join."""
    said = refused(tmp_path, *own_ports(), "-peers", f"127.0.0.1:{free_port()}")
    assert "none of the peers can be reached" in said


def old_flags(server: Server, data: Path) -> list[str]:
    """A start with the flags of 0.4."""
    client, peer = f"127.0.0.1:{server.client_port}", f"127.0.0.1:{server.peer_port}"
    return [our_command(), "-name", "old", "-data-dir", str(data), "-addr", client, "-peer-addr", peer]


def begin(server: Server, words: list[str]) -> None:
    """Start `server`'s ports with other words than its own."""
    server.work_dir.mkdir(parents=True, exist_ok=True)
    with server.stderr_path.open("ab") as stderr:
        server.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr)
    server.starts = 1
    server.wait_ready()


def test_296_addresses_of_04_alone(make_server: ServerFactory, tmp_path: Path) -> None:
    """FIX: the original wants `-initial-cluster`; ours derives it."""
    server = make_server()
    begin(server, old_flags(server, tmp_path / "old"))
    (member,) = server.request("GET", "/v2/members").json()["members"]
    assert member["name"] == "old"
    assert member["peerURLs"] == [f"http://127.0.0.1:{server.peer_port}"]


def test_297_a_flag_that_is_gone_warns(make_server: ServerFactory, tmp_path: Path) -> None:
    server = make_server()
    cluster = f"old=http://127.0.0.1:{server.peer_port}"
    begin(server, [*old_flags(server, tmp_path / "old"), "-initial-cluster", cluster, "-v"])
    assert 'flag \\"-v\\" is no longer supported - ignoring' in server.stderr()


def test_298_the_data_directory(make_server: ServerFactory) -> None:
    """The same places and modes; the first segment is named after its first entry, as every other."""
    server = make_server().start()
    member = server.data_dir / "member"
    assert (member / "snap").is_dir()
    (segment,) = segments(server.data_dir)
    assert re.fullmatch(r"[0-9a-f]{16}-[0-9a-f]{16}\.wal", segment.name)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (member, segment)]
    assert [oct(mode) for mode in modes] == ["0o700", "0o600"]


def test_299_a_second_process(make_server: ServerFactory) -> None:
    first = make_server().start()
    second = make_server(data_dir=first.data_dir)
    assert str(first.pid) in second.refuses_to_start()
    assert first.request("GET", "/version").status == 200


def written(server: Server) -> dict[str, object]:
    """Acknowledged writes, by key."""
    with server.connect() as conn:
        return {f"/k/{n}": conn.put(f"/k/{n}", str(n)).json()["node"] for n in range(WRITES)}


def test_300_to_301_killed(make_server: ServerFactory) -> None:
    server = make_server().start()
    made = written(server)
    before = server.request("GET", "/v2/keys/k/0")
    server.signal(signal.SIGKILL)
    server.wait_exit()
    server.start()
    with server.connect() as conn:
        after = conn.get("/k/0")
        assert after.etcd_index == before.etcd_index + 1
        assert int(after.header("X-Raft-Term") or 0) > int(before.header("X-Raft-Term") or 0)
        assert {key: conn.get(key).json()["node"] for key in made} == made
        assert conn.get("/k/7", "?wait=true&waitIndex=1").json() == {"action": "set", "node": made["/k/7"]}


@pytest.fixture
def stopped(make_server: ServerFactory) -> Server:
    """A member that has been killed after its writes."""
    server = make_server().start()
    written(server)
    server.kill()
    return server


def test_302_cut_short(stopped: Server) -> None:
    """Inside the last batch. Ours names no file `.broken`: what was never acknowledged is not kept."""
    (segment,) = segments(stopped.data_dir)
    last = batches(segment)[-1]
    with segment.open("r+b") as file:
        file.truncate(last.payload_at + last.payload_bytes - 3)
    stopped.start()
    assert stopped.request("GET", f"/v2/keys/k/{WRITES - 2}").status == 200


def test_303_zeroes_at_the_end(stopped: Server) -> None:
    """FIX: fatal for the original."""
    (segment,) = segments(stopped.data_dir)
    with segment.open("ab") as file:
        file.write(bytes(4096))
    stopped.start()
    assert stopped.request("GET", f"/v2/keys/k/{WRITES - 1}").status == 200


def test_304_a_bit_in_the_middle(stopped: Server) -> None:
    (segment,) = segments(stopped.data_dir)
    middle = batches(segment)[WRITES // 2].payload_at + 1
    with segment.open("r+b") as file:
        file.seek(middle)
        byte = file.read(1)[0]
        file.seek(middle)
        file.write(bytes([byte ^ 1]))
    said = stopped.refuses_to_start()
    assert segment.name in said
    assert "repair" in said


def test_307_snapshots_by_count(make_server: ServerFactory) -> None:
    server = make_server(flags=("--snapshot-count", "10")).start()
    with server.connect() as conn:
        for number in range(100):
            conn.put(f"/n/{number}", "1")
    server.stop()
    names = [path.name for path in (server.data_dir / "member" / "snap").iterdir()]
    assert names
    assert all(re.fullmatch(r"[0-9a-f]{16}-[0-9a-f]{16}\.snap", name) for name in names), names


@pytest.mark.skipif(debian_etcd() is None, reason="Debian's etcd-server 3.4 (the oracle) is not installed")
def test_control_the_original_refuses_the_same(tmp_path: Path) -> None:
    """The refusals above are its own, in its own statuses."""
    program = debian_etcd()
    assert run("--nope", program=program).returncode == 2
    for flags in (
        ("--name", "q", "--initial-cluster", "a=http://127.0.0.1:7001"),
        ("--heartbeat-interval", "100", "--election-timeout", "400"),
        ("--discovery", "http://h/token", "--initial-cluster", "a=http://h:1"),
        ("--listen-client-urls", "http://127.0.0.1:2379"),
    ):
        assert run(*flags, "--data-dir", str(tmp_path / "data"), program=program).returncode == 1, flags
