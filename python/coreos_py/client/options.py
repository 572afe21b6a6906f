"""How to talk: what both clients are told beside the endpoints."""

from __future__ import annotations

import binascii
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from coreos_py.client._text import to_bytes
from coreos_py.client._tls import TlsFiles
from coreos_py.client.endpoints import Endpoint, parse_endpoint, parse_endpoints
from coreos_py.client.errors import ConfigurationError

if TYPE_CHECKING:
    import ssl

Endpoints = str | Sequence[str | Endpoint]
"""`http://a:2379,http://b:2379`, or a sequence of single ones."""


class Options(NamedTuple):
    """Times in seconds, None for no limit.

    `timeout_s` limits each try: connecting, and the wait for the headers of the answer. `total_timeout_s`
    limits one operation with all its tries; watches have no such limit. `outage_s` is how long a watch goes
    on trying when nobody answers any more, before it raises what it was told last.

    `tls` is files, or a context of the caller's making. `trace` is told each request (method, URL, body)
    before it is sent; never a password. `connections` bounds the exchanges that one Trio client has open at a
    time, watches not counted.
    """

    timeout_s: float | None = 3.0
    total_timeout_s: float | None = 10.0
    tls: TlsFiles | ssl.SSLContext = TlsFiles()
    username: str = ""
    password: str = ""
    trace: Callable[[str, str, str | None], None] | None = None
    outage_s: float | None = 60.0
    connections: int = 32

    def __repr__(self) -> str:
        password = "(not shown)" if self.password else ""
        fields = self._asdict() | {"password": password}
        return f"Options({', '.join(f'{name}={value!r}' for name, value in fields.items())})"

    def check(self) -> None:
        """Raise `ConfigurationError` for what can be seen to be wrong without a connection."""
        if isinstance(self.tls, TlsFiles):
            self.tls.check()
        if self.connections < 1:
            raise ConfigurationError("connections must be at least 1")
        if ":" in self.username:
            raise ConfigurationError("a user name cannot have a colon")

    def tls_context(self) -> ssl.SSLContext:
        """The caller's context, or one made of the files. Raises `ConfigurationError`."""
        return self.tls.context() if isinstance(self.tls, TlsFiles) else self.tls

    def credentials(self) -> dict[str, str]:
        """The header with user name and password, if there are any."""
        if not self.username:
            return {}
        pair = to_bytes(f"{self.username}:{self.password}")
        return {"Authorization": f"Basic {binascii.b2a_base64(pair, newline=False).decode('ascii')}"}


def read_endpoints(given: Endpoints) -> list[Endpoint]:
    """The endpoints that a caller names in any form. Raises `ConfigurationError`."""
    if isinstance(given, str):
        return parse_endpoints(given)
    found = [parse_endpoint(one) if isinstance(one, str) else one for one in given]
    if not found:
        raise ConfigurationError("no endpoints given")
    return found
