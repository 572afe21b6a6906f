"""What the tests of clusters ask again and again."""

from __future__ import annotations

import json
import shutil
from typing import Any

from tests.etcdctl.runner import Ctl
from tests.support.cluster import Cluster, Member
from tests.support.server import Server
from tests.support.waiting import wait_until
from tests.support.wire import PeerClosed, Reply

JSON = (("Content-Type", "application/json"),)


def change(server: Server, method: str, member: str = "", urls: list[str] | None = None) -> Reply:
    """One request below /v2/members."""
    with server.connect() as conn:
        body = None if urls is None else json.dumps({"peerURLs": urls}).encode()
        return conn.request(method, f"/v2/members{member}", body, JSON if urls is not None else ())


def members(server: Server) -> list[dict[str, Any]]:
    """The list of one member."""
    listed = server.request("GET", "/v2/members").json()["members"]
    assert isinstance(listed, list)
    return listed


def id_of(member: Member, asked: Server | None = None) -> str:
    """Its id, in hex, by its peer URL."""
    return next(str(one["id"]) for one in members(asked or member) if member.peer_url in one["peerURLs"])


def put(server: Server, key: str, value: str, timeout_s: float = 20.0) -> Reply:
    """Write one value."""
    with server.connect(timeout_s=timeout_s) as conn:
        return conn.put(key, value)


def value(server: Server, key: str, query: str = "") -> str | None:
    """What a key holds; None when it does not exist."""
    with server.connect(timeout_s=20.0) as conn:
        reply = conn.get(key, query)
    if reply.status == 404:
        return None
    assert reply.status == 200, reply
    return str(reply.json()["node"]["value"])


def figure(server: Server, name: str) -> float:
    """One of /metrics that has no labels."""
    lines = server.request("GET", "/metrics").body.decode().splitlines()
    return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])


def wait_equal(cluster: Cluster, key: str, wanted: str | None) -> None:
    """Every running member comes to show this value."""
    for member in cluster.members:
        if member.process is not None:
            wait_until(
                lambda member=member: value(member, key) == wanted,  # type: ignore[misc]
                lambda member=member: (member.name, value(member, key), member.stderr()[-2000:]),  # type: ignore[misc]
            )


def answers(member: Member) -> bool:
    """Whether it takes a write."""
    try:
        return put(member, "/answers", "1").status in (200, 201)
    except (OSError, PeerClosed):
        return False


def ctls(member: Member) -> list[Ctl]:
    """Our `etcdctl` and Debian's where there is one, for one member's endpoint."""
    ours = Ctl.ours(member.client_url)
    debian = shutil.which("/usr/bin/etcdctl")
    if debian is None:
        return [ours]
    return [ours, Ctl([debian], member.client_url, {"ETCDCTL_API": "2"})]
