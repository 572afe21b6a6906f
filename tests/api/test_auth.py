"""Users, roles and access beyond the numbered checks: indexes, fixes, restarts, and what a request costs."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.api.replay import basic
from tests.conftest import ServerFactory, require
from tests.support.server import Kind, Server
from tests.support.waiting import wait_until
from tests.support.wire import Connection, Headers, PeerClosed, Reply, form, request_bytes

ALL = pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: kind.value)
JSON = ("Content-Type", "application/json")
USERS, ROLES, ENABLE = "/v2/auth/users", "/v2/auth/roles", "/v2/auth/enable"
ROOT = "root:pw"


def ask(
    conn: Connection, method: str, target: str, document: object = None, credentials: str | None = None
) -> Reply:
    """One request, with a JSON body and credentials if given."""
    body = None if document is None else json.dumps(document).encode()
    headers: Headers = (JSON,) if document is not None else ()
    if credentials is not None:
        headers += (basic(credentials),)
    return conn.request(method, target, body, headers)


def key(
    conn: Connection, method: str, path: str, credentials: str | None = None, value: str | None = None
) -> Reply:
    """One request for a key."""
    headers = () if credentials is None else (basic(credentials),)
    body = None if value is None else form(value=value)
    return conn.request(method, f"/v2/keys{path}", body, headers)


def put_user(conn: Connection, name: str, password: str, *roles: str, by: str | None = None) -> Reply:
    """Make a user; roles are granted afterwards, because a user made with them is told so differently."""
    reply = ask(conn, "PUT", f"{USERS}/{name}", {"user": name, "password": password}, by)
    assert reply.status in (200, 201), reply
    return ask(conn, "PUT", f"{USERS}/{name}", {"user": name, "grant": roles}, by) if roles else reply


def kv(read: list[str], write: list[str]) -> dict[str, dict[str, list[str]]]:
    """Permissions as JSON has them."""
    return {"kv": {"read": read, "write": write}}


def put_role(conn: Connection, name: str, read: list[str], write: list[str]) -> None:
    """Make a role."""
    document = {"role": name, "permissions": kv(read, write)}
    assert ask(conn, "PUT", f"{ROLES}/{name}", document).status == 201


def guard(conn: Connection) -> None:
    """Turn authentication on: guests may read /pub, al (password pa) may read and write below /m.

    And guests may read what a starting server is asked for.
    """
    put_user(conn, "root", "pw")
    put_role(conn, "guest", ["/pub", "/_none"], [])
    put_role(conn, "r", ["/m/*"], ["/m/*"])
    put_user(conn, "al", "pa", "r")
    assert key(conn, "PUT", "/pub", value="1").status == 201
    assert key(conn, "PUT", "/m/x", value="1").status == 201
    assert ask(conn, "PUT", ENABLE).status == 200


def checks(server: Server) -> int:
    """How many passwords have been compared with a hash so far."""
    text = server.request("GET", "/metrics").body.decode()
    found = re.search(r"^etcd_http_password_checks_total (\S+)$", text, re.MULTILINE)
    assert found is not None, text
    return int(float(found[1]))


#: Requests, who sends them, and by how much they move the index.
MOVES: list[tuple[str, str, object, str | None, int]] = [
    ("PUT", ENABLE, None, None, 0),
    ("DELETE", ENABLE, None, None, 0),
    ("PUT", f"{USERS}/x", {"user": "x"}, None, 0),
    ("PUT", f"{USERS}/x", {"user": "x", "grant": ["r"]}, None, 0),
    ("PUT", f"{ROLES}/x", {"role": "x", "grant": kv(["/a"], [])}, None, 0),
    ("PUT", f"{ROLES}/root", {"role": "root"}, None, 0),
    # Three directories, the switch, the user.
    ("PUT", f"{USERS}/root", {"user": "root", "password": "pw"}, None, 5),
    ("PUT", f"{USERS}/root", {"user": "root", "password": "pw", "roles": ["a"]}, None, 0),
    ("PUT", f"{USERS}/al", {"user": "al", "password": "pa"}, None, 1),
    ("PUT", f"{USERS}/al", {"user": "al"}, None, 1),
    ("PUT", f"{USERS}/al", {"user": "al"}, None, 0),
    ("PUT", f"{USERS}/al", {"user": "al", "password": "pa"}, None, 1),
    ("PUT", f"{ROLES}/r", {"role": "r"}, None, 1),
    ("PUT", f"{ROLES}/r", {"role": "r", "revoke": kv(["/q"], [])}, None, 1),
    ("PUT", f"{ROLES}/r", {"role": "r", "revoke": kv(["/q"], [])}, None, 0),
    ("PUT", f"{ROLES}/r", {"role": "r", "grant": kv(["/q"], [])}, None, 1),
    # The role of guests, and the switch.
    ("PUT", ENABLE, None, None, 2),
    ("PUT", ENABLE, None, ROOT, 0),
    ("DELETE", f"{USERS}/root", None, ROOT, 0),
    ("DELETE", ENABLE, None, ROOT, 1),
    ("PUT", ENABLE, None, None, 1),
    ("DELETE", ENABLE, None, ROOT, 1),
    ("DELETE", f"{USERS}/no", None, None, 0),
    ("DELETE", f"{USERS}/al", None, None, 1),
    ("DELETE", f"{ROLES}/no", None, None, 0),
    ("DELETE", f"{ROLES}/r", None, None, 1),
    ("DELETE", f"{ROLES}/guest", None, None, 1),
]


@ALL
def test_indexes_of_changes(make_server: ServerFactory, kind: Kind) -> None:
    server = make_server(kind).start()
    with server.connect() as conn:
        before = key(conn, "GET", "/_none", ROOT).etcd_index
        for method, target, document, credentials, moves in MOVES:
            reply = ask(conn, method, target, document, credentials)
            after = key(conn, "GET", "/_none", ROOT).etcd_index
            assert after - before == moves, (method, target, document, reply)
            before = after
        # The next user key has the index that follows.
        assert key(conn, "PUT", "/k", value="1").json()["node"]["createdIndex"] == before + 1


@ALL
def test_a_first_change_that_finds_nothing_takes_indexes_too(make_server: ServerFactory, kind: Kind) -> None:
    server = make_server(kind).start()
    with server.connect() as conn:
        assert ask(conn, "DELETE", f"{USERS}/no").status == 404
        assert key(conn, "GET", "/_none").etcd_index == 3 + 4
        assert ask(conn, "DELETE", f"{ROLES}/no").status == 404
        assert key(conn, "GET", "/_none").etcd_index == 3 + 4


@ALL
def test_fixes_of_documents(make_server: ServerFactory, kind: Kind) -> None:
    """Fix 36: a user made with roles is 201. Fix 22: one whose role does not exist can be read."""
    with make_server(kind).start().connect() as conn:
        document = {"user": "al", "password": "pa", "roles": ["gone"]}
        made = ask(conn, "PUT", f"{USERS}/al", document)
        assert (made.status, made.body) == (
            201 if kind.has_fixes else 200,
            b'{"user":"al","roles":["gone"]}\n',
        )
        read = ask(conn, "GET", f"{USERS}/al")
        if kind.has_fixes:
            assert (read.status, read.body) == (200, b'{"user":"al"}\n')
        else:
            missing = b'{"message":"auth: Role gone does not exist."}'
            assert (read.status, read.body) == (404, missing)
        assert ask(conn, "GET", USERS).body == b'{"users":[{"user":"al"}]}\n'


@pytest.fixture(scope="module")
def guarded(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Callable[[Kind], Server]]:
    """One server of each kind with authentication on."""
    running: dict[Kind, Server] = {}

    def get(kind: Kind) -> Server:
        require(kind, request.config)
        if kind not in running:
            running[kind] = Server(kind, tmp_path_factory.mktemp(kind.value)).start()
            with running[kind].connect() as conn:
                guard(conn)
        return running[kind]

    try:
        yield get
        for server in running.values():
            server.stop()
    finally:
        for server in running.values():
            server.discard()


#: Who asks for what, and the answer of the original; then that of ours where it is another.
ACCESS: list[tuple[str | None, str, str, int, int]] = [
    ("al:pa", "GET", "", 401, 401),
    ("al:pa", "GET", "/", 401, 401),
    ("al:pa", "GET", "/m", 401, 200),
    ("al:pa", "GET", "/m/", 200, 200),
    ("al:pa", "GET", "/m?recursive=true", 401, 200),
    ("al:pa", "GET", "/m/?recursive=true", 200, 200),
    ("al:pa", "GET", "/m/x", 200, 200),
    ("al:pa", "HEAD", "/m/x", 200, 200),
    ("al:pa", "HEAD", "/q", 401, 401),
    ("al:pa", "GET", "/mx", 401, 401),
    ("al:pa", "PUT", "/m?dir=true", 401, 401),
    # Who may write what is in a directory may not write the directory.
    ("al:pa", "PUT", "/m/?dir=true", 403, 401),
    ("al:pa", "DELETE", "/m/", 403, 401),
    ("al:pa", "DELETE", "/m?recursive=true", 401, 401),
    ("al:pa", "PATCH", "/q", 405, 405),
    ("al:pa", "GET", "/m/x?wait=maybe", 400, 400),
    ("al:pa", "GET", "/pub", 401, 401),
    ("AL:pa", "GET", "/m/x", 401, 401),
    ("al:", "GET", "/pub", 401, 401),
    ("root:pw", "GET", "", 200, 200),
    ("root:pw", "GET", "/?recursive=true", 200, 200),
    (None, "GET", "/pub", 200, 200),
    (None, "GET", "/pub?recursive=true", 200, 200),
    (None, "GET", "/pub/", 401, 401),
    (None, "GET", "/m/x", 401, 401),
    (None, "PUT", "/pub", 401, 401),
]


@ALL
@pytest.mark.parametrize(("who", "method", "path", "status", "fixed"), ACCESS)
def test_access(
    guarded: Callable[[Kind], Server],
    kind: Kind,
    who: str | None,
    method: str,
    path: str,
    status: int,
    fixed: int,
) -> None:
    with guarded(kind).connect() as conn:
        reply = key(conn, method, path, who)
        assert reply.status == (fixed if kind.has_fixes else status), reply


@ALL
@pytest.mark.parametrize(
    ("value", "status"),
    [("Basic ", 401), ("Basic", 401), ("Bearer x", 401), ("Basic !", 401), ("bAsIc YWw6cGE=", 200)],
)
def test_headers_that_name_nobody(
    guarded: Callable[[Kind], Server], kind: Kind, value: str, status: int
) -> None:
    """They are refused even where a guest would not be (control: the last one is al's)."""
    with guarded(kind).connect() as conn:
        path = "/pub" if status == 401 else "/m/x"
        reply = conn.request("GET", f"/v2/keys{path}", None, (("Authorization", value),))
        assert reply.status == status, reply


@ALL
@pytest.mark.parametrize("who", [None, "al:pa", "root:wrong"])
def test_only_root_may_look_at_users_and_change_members(
    guarded: Callable[[Kind], Server], kind: Kind, who: str | None
) -> None:
    with guarded(kind).connect() as conn:
        for method, target in [
            ("GET", USERS),
            ("GET", f"{ROLES}/r"),
            ("PUT", f"{USERS}/al"),
            ("DELETE", f"{ROLES}/r"),
            ("PUT", ENABLE),
            ("DELETE", ENABLE),
            ("DELETE", "/v2/members"),
            ("PUT", "/v2/members/1"),
        ]:
            reply = ask(conn, method, target, {} if method == "PUT" else None, who)
            assert (reply.status, reply.body) == (401, b'{"message":"Insufficient credentials"}')
            assert reply.header("X-Etcd-Cluster-Id") is None
        for target in (ENABLE, "/v2/members", "/v2/members/leader", "/version", "/v2/stats/self"):
            assert ask(conn, "GET", target, credentials=who).status == 200
        # What is wrong with the request itself comes first.
        assert ask(conn, "POST", USERS, credentials=who).status == 405
        assert ask(conn, "GET", f"{USERS}/a/b", credentials=who).status == 400


@pytest.mark.parametrize("ends", ["stop", "kill"])
@pytest.mark.parametrize("flags", [(), ("--snapshot-count", "5")], ids=["log", "snapshot"])
def test_users_outlive_a_restart(make_server: ServerFactory, ends: str, flags: tuple[str, ...]) -> None:
    server = make_server(flags=flags).start()
    with server.connect() as conn:
        guard(conn)
        for number in range(20):
            assert key(conn, "PUT", f"/m/{number}", "al:pa", "1").status == 201
        users = ask(conn, "GET", USERS, credentials=ROOT).body
    if flags:
        snapshots = Path(server.data_dir, "member", "snap")
        wait_until(lambda: any(snapshots.glob("*.snap")), lambda: list(snapshots.iterdir()))
    if ends == "kill":
        server.kill()
        server.start()
    else:
        server.restart()
    with server.connect() as conn:
        assert ask(conn, "GET", ENABLE).body == b'{"enabled":true}\n'
        assert ask(conn, "GET", USERS, credentials=ROOT).body == users
        assert key(conn, "GET", "/m/x").status == 401
        assert key(conn, "GET", "/m/x", "al:pa").status == 200


def test_a_password_is_checked_once_for_all_requests(make_server: ServerFactory) -> None:
    server = make_server().start()
    with server.connect() as conn:
        guard(conn)
    statuses: list[int] = []

    def client() -> None:
        with server.connect() as conn:
            statuses.extend(key(conn, "GET", "/m/x", "al:pa").status for _ in range(50))

    threads = [threading.Thread(target=client) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 1000
    assert checks(server) == 1
    with server.connect() as conn:
        # Wrong ones too; and who asks for users needs no more than who asks for keys.
        assert [key(conn, "GET", "/m/x", "al:no").status for _ in range(20)] == [401] * 20
        assert checks(server) == 2
        for _ in range(5):
            ask(conn, "GET", USERS, credentials=ROOT)
            key(conn, "GET", "/m/x", ROOT)
        assert checks(server) == 3
        # After a change it is another one.
        document = {"user": "al", "password": "new"}
        assert ask(conn, "PUT", f"{USERS}/al", document, ROOT).status == 200
        assert [key(conn, "GET", "/m/x", "al:new").status for _ in range(5)] == [200] * 5
        assert checks(server) == 4


@ALL
def test_a_watch_ends_with_the_right_to_it(make_server: ServerFactory, kind: Kind) -> None:
    """Fix 24. The original, and ours on demand, tells on (which shows that the watch was there)."""
    server = make_server(kind).start()
    with server.connect() as conn, server.connect() as watcher, server.connect() as other:
        guard(conn)
        target = "/v2/keys/m/?wait=true&recursive=true&stream=true"
        watcher.send(request_bytes("GET", target, None, (basic("al:pa"),)))
        other.send(request_bytes("GET", target, None, (basic(ROOT),)))
        assert (watcher.read_head().status, other.read_head().status) == (200, 200)
        key(conn, "PUT", "/m/x", ROOT, "before")
        assert watcher.read_object()["node"]["value"] == "before"
        revoked = ask(conn, "PUT", f"{USERS}/al", {"user": "al", "revoke": ["r"]}, ROOT)
        assert revoked.status == 200
        key(conn, "PUT", "/m/x", ROOT, "after")
        if kind.has_fixes:
            assert watcher.read_object() is None
            with pytest.raises(PeerClosed):
                watcher.read_reply()
        else:
            assert watcher.read_object()["node"]["value"] == "after"
        assert other.read_object()["node"]["value"] == "before"
        assert other.read_object()["node"]["value"] == "after"


def test_secrets_are_shown_nowhere(make_server: ServerFactory) -> None:
    """Neither passwords nor their hashes are in the log of a member that says everything, or in a reply."""
    server = make_server(flags=["--log-level", "debug"]).start()
    password = "Correct-Horse-7"
    replies = []
    with server.connect() as conn:
        document = {"user": "root", "password": password}
        replies.append(ask(conn, "PUT", f"{USERS}/root", document))
        replies.append(ask(conn, "PUT", f"{USERS}/root", {**document, "roles": ["x"]}))
        replies.append(ask(conn, "PUT", f"{USERS}/root", document))
        replies.append(conn.request("PUT", f"{USERS}/root", f'{{"password":"{password}"'.encode(), (JSON,)))
        replies.append(ask(conn, "PUT", ENABLE))
        credentials = f"root:{password}"
        replies.append(ask(conn, "GET", USERS, credentials=credentials))
        replies.append(ask(conn, "GET", f"{USERS}/root", credentials=credentials))
        replies.append(ask(conn, "GET", f"{USERS}/a/b", credentials=credentials))
        replies.append(key(conn, "GET", "/x", credentials))
        replies.append(key(conn, "GET", "/x", credentials + "!"))
    assert [reply.status for reply in replies] == [201, 409, 200, 400, 200, 200, 200, 400, 404, 401]
    server.stop()
    log = server.stderr()
    assert "path=/v2/auth/users/root" in log, "the control: requests are in the log"
    encoded = basic(credentials)[1].removeprefix("Basic ")
    for secret in (password, encoded, encoded[:-4], "$2a$", "$2b$"):
        assert secret not in log
        assert not any(secret.encode() in reply.body for reply in replies)
    data = b"".join(path.read_bytes() for path in Path(server.data_dir).rglob("*.wal"))
    assert password.encode() not in data
    assert b"$2b$10$" in data, "the control: its hash is there"
