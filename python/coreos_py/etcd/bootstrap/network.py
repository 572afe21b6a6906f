"""Asking peers, names and name servers, with the time that each question may take.

The client is loaded when there is something to ask: a member that goes on from its data has no question.
"""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from coreos_py.etcd.bootstrap.plans import RemoteCluster, RemoteMember
from coreos_py.etcd.errors import StartError
from coreos_py.etcd.settings import Settings, TlsFiles

if TYPE_CHECKING:
    import ssl

    from coreos_py.client.endpoints import Endpoint

_SRV_S = 5.0
_ADD_S = 10.0


class AskError(Exception):
    """Nobody answered, or not in the way of a member; the one argument says why."""


class Network(Protocol):
    """What planning needs of the world."""

    def cluster(self, peer_url: str, limit_s: float) -> RemoteCluster:
        """What the member at this URL says. Raises AskError."""

    def add(self, client_urls: Sequence[str], peer_urls: Sequence[str]) -> None:
        """Have a running cluster add a member. Raises AskError."""

    def addresses(self, host: str, port: int) -> frozenset[str]:
        """Numeric addresses of a host; empty when there are none."""

    def peers_of_domain(self, domain: str, suffix: str) -> list["Endpoint"]:
        """Targets of its SRV records. Raises AskError."""

    def read_text(self, path: str) -> str:
        """A small file. Raises OSError or UnicodeDecodeError."""


class RealNetwork:
    """The one there is, with the TLS files of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._peer_tls = settings.peer_tls
        self._client_tls = settings.tls
        self._authorities = [path for path in (settings.proxy.ca_file, settings.proxy.peer_ca_file) if path]

    def cluster(self, peer_url: str, limit_s: float) -> RemoteCluster:
        """See Network."""
        from coreos_py.client.endpoints import parse_endpoint
        from coreos_py.client.engine import Engine
        from coreos_py.client.errors import EtcdError
        from coreos_py.client.options import Options
        from coreos_py.client.requests import Request

        options = Options(timeout_s=limit_s, total_timeout_s=limit_s, tls=self.context(self._peer_tls))
        try:
            endpoint = parse_endpoint(peer_url)
            with Engine([endpoint], options) as asking:
                head, body = asking.ask_only(endpoint, Request("GET", "/members", None, repeatable=True))
        except EtcdError as error:
            raise AskError(_reason(error, limit_s)) from error
        if head.status != 200:
            raise AskError(f"answered {head.status} to GET /members")
        return read_cluster(head.cluster_id, body)

    def add(self, client_urls: Sequence[str], peer_urls: Sequence[str]) -> None:
        """See Network."""
        from coreos_py.client import members
        from coreos_py.client.endpoints import parse_endpoint
        from coreos_py.client.engine import Engine
        from coreos_py.client.errors import EtcdError
        from coreos_py.client.operation import Operation, by
        from coreos_py.client.options import Options

        options = Options(total_timeout_s=_ADD_S, tls=self.context(self._client_tls or self._peer_tls))
        request = members.add(peer_urls)
        try:
            with Engine([parse_endpoint(url) for url in client_urls], options) as asking:
                asking.run(Operation(request, by(members.decode_member)))
        except EtcdError as error:
            raise AskError(_reason(error, _ADD_S)) from error

    def addresses(self, host: str, port: int) -> frozenset[str]:
        """See Network."""
        import socket

        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            # A name that is not known has no address; that is not this question's error.
            return frozenset()
        return frozenset(f"{address[0]!s} {address[1]!s}" for *_, address in found)

    def peers_of_domain(self, domain: str, suffix: str) -> list["Endpoint"]:
        """See Network."""
        from coreos_py.client.errors import EtcdError
        from coreos_py.client.services import find_peers

        try:
            return find_peers(domain, _SRV_S, suffix=suffix)
        except EtcdError as error:
            raise AskError(str(error)) from error

    def read_text(self, path: str) -> str:
        """See Network."""
        with open(path, encoding="utf-8") as file:
            return file.read()

    def context(self, own: TlsFiles | None) -> "ssl.SSLContext":
        """Trusts the system's authorities and those of the settings; shows `own`. StartError names files."""
        import ssl

        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        files = [*self._authorities, *([own.ca_file] if own and own.ca_file else [])]
        try:
            for path in files:
                context.load_verify_locations(path)
            if own is not None:
                context.load_cert_chain(own.cert_file, own.key_file, password="")
        except (OSError, ValueError) as error:
            named = " ".join([*files, *((own.cert_file, own.key_file) if own else ())])
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise StartError(f"cannot use the certificate files {named}: {reason}") from error
        return context


def ask_all(
    network: Network, urls: Sequence[str], limit_s: float
) -> list[tuple[str, RemoteCluster | AskError]]:
    """Ask all at once, so that together they take no longer than one."""

    def ask(url: str) -> RemoteCluster | AskError:
        try:
            return network.cluster(url, limit_s)
        except AskError as error:
            return error

    if not urls:
        return []
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=min(len(urls), 16)) as pool:
        return list(zip(urls, pool.map(ask, urls), strict=True))


def read_cluster(cluster_id: str, body: bytes) -> RemoteCluster:
    """The reply to GET /members of a peer port. Raises AskError."""
    import json

    try:
        number = int(cluster_id, 16)
        listed = json.loads(body)
        found = [_member(fields) for fields in listed]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise AskError("did not answer like a member of a cluster") from error
    return RemoteCluster(number, tuple(sorted(found, key=lambda member: member.id)))


def _member(fields: dict[str, Any]) -> RemoteMember:
    return RemoteMember(
        id=int(fields["id"]),
        name=str(fields.get("name") or ""),
        peer_urls=tuple(sorted(map(str, fields["peerURLs"]))),
        client_urls=tuple(map(str, fields.get("clientURLs") or ())),
    )


def _reason(error: Exception, limit_s: float) -> str:
    return str(error) or f"no answer within {limit_s:g} s"


def wait(seconds: float) -> None:
    """Let time pass; a signal ends the process meanwhile."""
    time.sleep(seconds)
