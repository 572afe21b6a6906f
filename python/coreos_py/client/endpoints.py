"""Endpoint URLs: what a person may write, and the order in which they are tried."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from coreos_py.client.errors import ConfigurationError

DEFAULT_ENDPOINTS = "http://127.0.0.1:2379,http://127.0.0.1:4001"


class Endpoint(NamedTuple):
    """One place to send requests to. `base` goes before every request path and has no final slash."""

    scheme: str
    host: str
    port: int
    base: str

    @property
    def authority(self) -> str:
        """`host:port` as in a URL (an IPv6 address in brackets)."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL without a final slash."""
        return f"{self.scheme}://{self.authority}{self.base}"


def parse_endpoint(text: str) -> Endpoint:
    """Read one endpoint; without a scheme it is http (`localhost:2379`). Raises `ConfigurationError`."""
    _refuse_secrets(text)
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "http", text
    scheme = scheme.lower()
    if scheme not in ("http", "https"):
        raise ConfigurationError(f'endpoint "{text}": unsupported protocol scheme "{scheme}"')
    authority, slash, base = rest.partition("/")
    if "?" in rest or "#" in rest:
        raise ConfigurationError(f'endpoint "{text}": only scheme, host, port and path are allowed')
    host, port_text = _split_authority(text, authority)
    if not host or any(ord(letter) <= 0x20 or ord(letter) == 0x7F for letter in rest):
        raise ConfigurationError(f'endpoint "{text}": missing or malformed host')
    if not port_text:
        port = 443 if scheme == "https" else 80
    elif port_text.isascii() and port_text.isdigit() and len(port_text) <= 5 and 0 < int(port_text) < 65536:
        port = int(port_text)
    else:
        raise ConfigurationError(f'endpoint "{text}": invalid port "{port_text}"')
    return Endpoint(scheme, host, port, (slash + base).rstrip("/"))


def _refuse_secrets(text: str) -> None:
    """What stands before an `@`, wherever that is, may be a password, which nothing may repeat."""
    if "@" in text:
        shown = text.rpartition("@")[2]
        raise ConfigurationError(f'endpoint "***@{shown}": only scheme, host, port and path are allowed')


def _split_authority(text: str, authority: str) -> tuple[str, str]:
    if authority.startswith("["):
        host, bracket, rest = authority[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ConfigurationError(f'endpoint "{text}": missing or malformed host')
        return host, rest[1:]
    host, _, port_text = authority.partition(":")
    if ":" in port_text:
        raise ConfigurationError(
            f'endpoint "{text}": an IPv6 address needs brackets, as in http://[::1]:2379'
        )
    return host, port_text


def parse_endpoints(text: str) -> list[Endpoint]:
    """Read a comma-separated list; doubles and empty parts are dropped. Raises `ConfigurationError`."""
    # Before it is divided: a password may have a comma.
    _refuse_secrets(text)
    found = unique(parse_endpoint(part.strip()) for part in text.split(",") if part.strip())
    if not found:
        raise ConfigurationError("no endpoints given")
    return found


def unique(endpoints: Iterable[Endpoint]) -> list[Endpoint]:
    """The endpoints without doubles, in order of first appearance."""
    return list(dict.fromkeys(endpoints))


def shuffled(endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    """A random order, so that many clients with one list spread over the members."""
    pool = list(endpoints)
    order = []
    while len(pool) > 1:
        order.append(pool.pop(int.from_bytes(os.urandom(4), "little") % len(pool)))
    return order + pool


def usable(answered: Endpoint, advertised: Sequence[str]) -> list[Endpoint]:
    """The endpoints among the client URLs that `answered` says the members advertise.

    A client that was told to use TLS is not led to plain http. Unreadable URLs are left out.
    """
    members = []
    for url in advertised:
        try:
            endpoint = parse_endpoint(url)
        except ConfigurationError:
            continue
        if endpoint.scheme == "https" or answered.scheme == "http":
            members.append(endpoint)
    return members


def after_sync(
    configured: Sequence[Endpoint], answered: Endpoint, members: Sequence[Endpoint]
) -> list[Endpoint]:
    """What to use once `answered` has told where the members are.

    The one that just answered comes first when it is a member's address (its connection is open). The
    configured ones stay as a last resort: advertised URLs are often not reachable from outside a container or
    a NAT.
    """
    first = [answered] if answered in members else []
    return unique(first + shuffled(members) + list(configured))


class Cluster:
    """The endpoints in the order in which they are tried. Several tasks may use one.

    Endpoints that another task has dropped meanwhile are not an error: nothing happens then.
    """

    def __init__(self, configured: Sequence[Endpoint]) -> None:
        self.endpoints = shuffled(unique(configured))
        # Advertised addresses come and go; those that were given stay.
        self._configured = frozenset(configured)
        self._known = {_place(endpoint) for endpoint in configured}

    def in_turn(self) -> list[Endpoint]:
        """Whom to ask, the best one first."""
        return list(self.endpoints)

    def knows(self, endpoint: Endpoint) -> bool:
        """True for an endpoint that was given or is a present member's, whatever its base path."""
        return _place(endpoint) in self._known

    def put_first(self, endpoint: Endpoint) -> None:
        """It answers, or was named as the leader."""
        if endpoint in self.endpoints:
            self.endpoints.remove(endpoint)
            self.endpoints.insert(0, endpoint)

    def put_leader_first(self, client_urls: Sequence[str]) -> None:
        """The leader has these addresses."""
        for url in client_urls:
            for endpoint in self.in_turn():
                if endpoint.url == url.rstrip("/"):
                    self.put_first(endpoint)

    def put_last(self, endpoint: Endpoint) -> None:
        """It broke a connection off and may be about to stop."""
        if endpoint in self.endpoints:
            self.endpoints.remove(endpoint)
            self.endpoints.append(endpoint)

    def learn(self, answered: Endpoint, advertised: Sequence[str]) -> None:
        """`answered` has told the client URLs that the members advertise.

        A list without a usable one is none. Whom the list does not have any more is forgotten, and is a
        stranger from now on.
        """
        members = usable(answered, advertised)
        if not members:
            return
        given = [endpoint for endpoint in self.endpoints if endpoint in self._configured]
        self.endpoints = after_sync(given, answered, members)
        self._known = {_place(endpoint) for endpoint in self.endpoints}


def _place(endpoint: Endpoint) -> tuple[str, str, int]:
    return endpoint.scheme, endpoint.host, endpoint.port
