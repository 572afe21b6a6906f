"""The daemon as a process: start, refusals of start, service manager, limits, end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ServerFactory
from tests.support.programs import run_coreos
from tests.support.server import Server, our_command
from tests.support.waiting import wait_until
from tests.support.wire import Connection

STOP_S = 20.0


def fields(server: Server, message: str) -> dict[str, str]:
    """The fields of the log line with this message."""
    (line,) = [line for line in server.stderr().splitlines() if f'msg="{message}"' in line]
    return dict(pair.partition("=")[::2] for pair in line.split() if "=" in pair)


def launch_limited(server: Server, descriptors: int) -> None:
    """Start with a limit of open files."""
    server.work_dir.mkdir(parents=True, exist_ok=True)
    words = ["sh", "-c", f'ulimit -n {descriptors} && exec "$@"', "sh", *server.command()]
    with server.stderr_path.open("ab") as stderr:
        server.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr)
    server.starts += 1


def last_line(server: Server) -> str:
    return server.stderr().splitlines()[-1]


def test_the_log_says_who_and_where(make_server: ServerFactory) -> None:
    server = make_server(name="who").start()
    ready = fields(server, "member ready")
    shown = server.request("GET", "/v2/members").json()["members"][0]
    assert ready["name"] == "who"
    assert ready["member_id"] == shown["id"]
    assert ready["cluster_id"] == server.request("GET", "/v2/members").header("X-Etcd-Cluster-Id")
    assert fields(server, "listening for clients")["address"] == f"127.0.0.1:{server.client_port}"
    server.stop()
    assert last_line(server).endswith("msg=stopped")


def test_the_log_has_the_words_that_etcd_s_own_suites_wait_for(make_server: ServerFactory) -> None:
    new, always = "etcdserver: set the initial cluster version to", "enabled capabilities for version"
    server = make_server().start()
    first = server.stderr()
    assert new in first
    assert always in first
    assert "ready to serve client requests" in first
    server.stop()
    server.start()
    again = server.stderr().removeprefix(first)
    assert new not in again
    assert always in again


def test_flags_of_04_start_a_member(make_server: ServerFactory, tmp_path: Path) -> None:
    server = make_server()
    server.work_dir.mkdir()
    command = [our_command(), "-name", "old", "-data-dir", str(tmp_path / "old"), "-v"]
    command += ["-addr", f"127.0.0.1:{server.client_port}", "-peer-addr", f"127.0.0.1:{server.peer_port}"]
    with server.stderr_path.open("ab") as stderr:
        server.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr)
    server.starts = 1
    server.wait_ready()
    assert 'flag \\"-v\\" is no longer supported - ignoring.' in server.stderr()
    member = server.request("GET", "/v2/members").json()["members"][0]
    assert member["peerURLs"] == [f"http://127.0.0.1:{server.peer_port}"]


@pytest.mark.parametrize("which", ["client", "peer"])
def test_a_busy_port_names_its_holder_and_touches_nothing(make_server: ServerFactory, which: str) -> None:
    server = make_server()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", server.client_port if which == "client" else server.peer_port))
        holder.listen()
        said = server.refuses_to_start().splitlines()[-1]
    assert "level=fatal" in said
    assert f"is already in use by pid {os.getpid()} (" in said
    assert not server.data_dir.exists()


def test_lists_that_cannot_be_used_end_the_start(make_server: ServerFactory) -> None:
    server = make_server(flags=["--name", "q"])
    said = server.refuses_to_start().splitlines()[-1]
    assert "level=fatal" in said
    assert "find local name" in said
    assert not server.data_dir.exists()


def test_certificates_of_peers_are_looked_at_before_anybody_is_asked(make_server: ServerFactory) -> None:
    server = make_server(
        flags=[
            *("--peer-cert-file", "none.crt", "--peer-key-file", "none.key"),
            *("--initial-cluster-state", "existing"),
        ]
    )
    said = server.refuses_to_start().splitlines()[-1]
    assert "cannot read the certificate file none.crt: No such file or directory" in said
    assert not server.data_dir.exists()


def test_existing_is_fine_with_a_data_directory(make_server: ServerFactory) -> None:
    server = make_server().start()
    server.stop()
    server.flags = ["--initial-cluster-state", "existing", "--name", "other"]
    server.start()
    told = fields(server, "going on from the data directory; flags that say how to begin are ignored")
    assert told["flags"] == "--initial-cluster,--initial-cluster-state"
    assert server.request("GET", "/v2/members").json()["members"][0]["peerURLs"]


def test_a_file_is_no_data_directory(make_server: ServerFactory) -> None:
    server = make_server()
    server.work_dir.mkdir()
    server.data_dir.write_text("mine")
    said = server.refuses_to_start()
    assert f"the data directory {server.data_dir} is not a directory" in said
    assert server.data_dir.read_text() == "mine"


def test_settings_come_from_the_environment(make_server: ServerFactory) -> None:
    server = make_server()
    server.work_dir.mkdir()
    url = f"http://127.0.0.1:{server.client_port}"
    environ = os.environ | {
        "ETCD_DATA_DIR": str(server.data_dir),
        "ETCD_LISTEN_CLIENT_URLS": url,
        "ETCD_ADVERTISE_CLIENT_URLS": url,
        "ETCD_PEER_ADDR": f"127.0.0.1:{server.peer_port}",
        "ETCD_LOG_FORMAT": "json",
        "ETCD_COLOUR": "blue",
    }
    with server.stderr_path.open("ab") as stderr:
        server.process = subprocess.Popen(
            [our_command()], stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, env=environ
        )
    server.starts = 1
    server.wait_ready()
    assert '"msg": "unrecognized environment variable ETCD_COLOUR"' in server.stderr()


def test_the_service_manager_is_told(
    make_server: ServerFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "notify"
    monkeypatch.setenv("NOTIFY_SOCKET", str(path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(STOP_S)
        server = make_server()
        server.launch()
        assert manager.recv(1000).startswith(b"READY=1\n")
        # Ready means that it serves.
        with Connection(server.address) as client:
            assert client.get("/_none").status == 404
        server.signal(signal.SIGTERM)
        assert manager.recv(1000) == b"STOPPING=1"
        assert server.wait_exit() == 0


def test_connections_beyond_the_descriptors_are_refused_in_words(make_server: ServerFactory) -> None:
    server = make_server()
    launch_limited(server, 320)
    server.wait_ready()
    held: list[Connection] = []

    def are_all_served() -> bool:
        """The connections of the start have to end first."""
        while held:
            held.pop().close()
        held.extend(server.connect() for _ in range(20))
        return all(client.get("/_none").status == 404 for client in held)

    wait_until(are_all_served, lambda: "one of the twenty is refused")
    try:
        with server.connect() as one_more:
            reply = one_more.read_reply()
        assert reply.status == 503
        assert b"the limit is 20" in reply.body
        assert held[0].get("/_none").status == 404
    finally:
        for client in held:
            client.close()
    server.stop()


def test_closed_standard_descriptors_become_neither_log_nor_socket(make_server: ServerFactory) -> None:
    server = make_server()
    server.work_dir.mkdir(parents=True)
    words = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *server.command()]
    server.process = subprocess.Popen(words)
    server.starts += 1
    server.wait_ready()
    with server.connect() as client:
        assert client.put("/k", "1").status == 201
        links = [os.readlink(f"/proc/{server.pid}/fd/{number}") for number in range(3)]
    assert links == [os.devnull] * 3
    server.stop()


@pytest.mark.parametrize(
    "words", [["etcd", "--version"], ["etcd", "--help"], ["coreos", "--help"], ["coreos", "--version"]]
)
def test_output_that_cannot_be_written_is_no_traceback(words: list[str]) -> None:
    command = [our_command(words[0]), *words[1:]]
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb") as gone, open("/dev/full", "wb") as full:
        unread = subprocess.run(command, stdout=gone, stderr=subprocess.PIPE, timeout=60, check=False)
        no_room = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
    assert (unread.returncode, unread.stderr) == (141, b"")
    said = f"{words[0]}: write standard output: no space left on device\n"
    assert (no_room.returncode, no_room.stderr.decode()) == (1, said)


def test_too_few_descriptors_to_serve(make_server: ServerFactory) -> None:
    server = make_server()
    launch_limited(server, 300)
    assert server.wait_exit() == 1
    assert "the limit of open files is 300; more than 300 are needed" in last_line(server)


def test_only_own_names_are_served_on_loopback(make_server: ServerFactory) -> None:
    server = make_server().start()
    for host, status in (
        ("localhost", 200),
        ("localhost.localdomain:1", 200),
        ("127.0.0.1:1", 200),
        (socket.gethostname(), 200),
        ("evil.example", 403),
    ):
        with server.connect() as client:
            client.send(f"GET /version HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert client.read_reply().status == status, host
    with server.connect() as old:
        old.send(b"GET /version HTTP/1.0\r\n\r\n")
        assert old.read_reply().status == 200


def test_a_given_whitelist_is_the_rule(make_server: ServerFactory) -> None:
    server = make_server(flags=["--host-whitelist", "127.0.0.1,good.example"]).start()
    for host, status in (("good.example:80", 200), ("localhost", 403)):
        with server.connect() as client:
            client.send(f"GET /version HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert client.read_reply().status == status, host


def test_metrics_of_a_real_member(make_server: ServerFactory) -> None:
    server = make_server().start()
    with server.connect() as client:
        for number in range(5):
            client.put("/k", str(number))
        lines = client.request("GET", "/metrics").body.decode().splitlines()
        head = client.request("HEAD", "/metrics")
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert float(values["etcd_store_writes_total"]) >= 5
    assert float(values["etcd_server_proposal_durations_seconds_count"]) >= 5
    assert float(values["etcd_http_connections"]) >= 1
    assert (head.status, head.body) == (200, b"")


def test_the_log_level_can_be_changed_while_running(make_server: ServerFactory) -> None:
    server = make_server().start()
    assert "level=debug" not in server.stderr()
    assert server.request("PUT", "/config/local/log", b'{"Level":"DEBUG"}').status == 204
    server.request("GET", "/v2/machines")
    assert any("level=debug" in line and "/v2/machines" in line for line in server.stderr().splitlines())


def test_doubled_slashes_reach_their_key(make_server: ServerFactory) -> None:
    server = make_server().start()
    reply = server.request("PUT", "//v2/keys/a", b"value=1")
    assert (reply.status, reply.header("Location")) == (308, "/v2/keys/a")


def test_no_fsync_is_loud(make_server: ServerFactory) -> None:
    server = make_server(flags=["--unsafe-no-fsync"]).start()
    (line,) = [line for line in server.stderr().splitlines() if "--unsafe-no-fsync" in line]
    assert "level=warn" in line
    assert "can be lost" in line


def test_verify_and_repair_of_a_sound_directory(make_server: ServerFactory) -> None:
    server = make_server().start()
    with server.connect() as client:
        client.put("/k", "1")
    server.stop()
    verified = run_coreos("etcd", "verify", str(server.data_dir))
    assert (verified.returncode, verified.stderr) == (0, "")
    assert verified.stdout.endswith("\nin order\n")
    as_json = run_coreos("etcd", "verify", "--json", str(server.data_dir))
    assert as_json.returncode == 0
    assert as_json.stdout.startswith("{")
    repaired = run_coreos("etcd", "repair", str(server.data_dir))
    assert (repaired.returncode, repaired.stderr) == (0, "")
    server.start()


def test_verify_of_a_running_or_missing_directory_is_one_line(
    make_server: ServerFactory, tmp_path: Path
) -> None:
    for missing in (tmp_path / "gone", tmp_path):
        result = run_coreos("etcd", "verify", str(missing))
        assert result.returncode == 1
        assert result.stderr.startswith("coreos: ")
        assert result.stderr.count("\n") == 1
    server = make_server().start()
    result = run_coreos("etcd", "repair", str(server.data_dir))
    assert result.returncode == 1, "the member still runs"
    assert server.request("GET", "/health").status == 200


def test_a_start_loads_nothing_that_it_does_not_need() -> None:
    code = "import sys, coreos_py.cli.etcd, coreos_py.cli.coreos; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    ).stdout.split()
    heavy = {"trio", "ssl", "argparse", "prometheus_client", "tomllib", "difflib", "coreos_py._core"}
    assert heavy & set(loaded) == set()
