"""One run's connection to the cluster, made from the global flags and the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator

from coreos_py.cli.etcdctl_.exits import CommandError, error_line
from coreos_py.cli.etcdctl_.flags import Values
from coreos_py.cli.etcdctl_.output import write_error, write_out
from coreos_py.cli.etcdctl_.render import FORMATS, render
from coreos_py.client._tls import TlsFiles
from coreos_py.client.endpoints import DEFAULT_ENDPOINTS, parse_endpoints
from coreos_py.client.engine import Engine
from coreos_py.client.keys import Result
from coreos_py.client.options import Options
from coreos_py.client.requests import Request

TIMEOUT_S = 2.0
TOTAL_TIMEOUT_S = 5.0


class Session:
    """Sends requests and prints results as the global flags say. Nothing is connected before it is needed."""

    def __init__(self, values: Values) -> None:
        self.output_format = values.text("output", "simple")
        if self.output_format not in FORMATS:
            raise CommandError(f"Unsupported output format: {self.output_format}\n")
        self._values = values
        # Asked for at once: a command that reads its value from standard input reads all of it.
        self._credentials = _credentials(values)
        self._client: Engine | None = None

    def call(self, request: Request) -> Result:
        """Carry out one request. Raises `EtcdError`."""
        return self._connected().call(request)

    def watch(self, key: str, *, after_index: int, recursive: bool) -> Iterator[Result]:
        """Events after `after_index` (0: from now on), without an end. Raises `EtcdError`."""
        wait_index = after_index + 1 if after_index else 0
        with self._connected().watch(key, wait_index=wait_index, recursive=recursive) as events:
            yield from events

    def show(self, result: Result) -> None:
        """Print a result in the chosen format."""
        write_out(render(result, self.output_format))

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()

    def _connected(self) -> Engine:
        if self._client is None:
            self._client = self._new_client()
        return self._client

    def _new_client(self) -> Engine:
        values = self._values
        if values.text("discovery-srv") or os.environ.get("ETCDCTL_DISCOVERY_SRV"):
            raise CommandError(error_line("--discovery-srv comes with a later version; use --endpoints"))
        endpoints = parse_endpoints(_endpoint_list(values))
        username, password = self._credentials
        is_debug = values.switch("debug")
        options = Options(
            # Go's client takes 0 for "no limit" here.
            timeout_s=values.seconds("timeout", TIMEOUT_S) or None,
            # A watch ends when nobody answers any more: whoever started it can start it again.
            outage_s=0,
            tls=TlsFiles(
                _setting(values, "cert-file", "ETCDCTL_CERT_FILE"),
                _setting(values, "key-file", "ETCDCTL_KEY_FILE"),
                _setting(values, "ca-file", "ETCDCTL_CA_FILE"),
            ),
            username=username,
            password=password,
            trace=_print_as_curl if is_debug else None,
        )
        client = Engine(endpoints, options)
        client.limit(values.seconds("total-timeout", TOTAL_TIMEOUT_S) or None)
        if not values.switch("no-sync"):
            self._sync(client, is_debug=is_debug)
        if is_debug:
            write_error(f"Cluster-Endpoints: {', '.join(endpoint.url for endpoint in client.endpoints)}\n")
        return client

    @staticmethod
    def _sync(client: Engine, *, is_debug: bool) -> None:
        if is_debug:
            urls = ",".join(endpoint.url for endpoint in client.endpoints)
            write_error(f"start to sync cluster using endpoints({urls})\n")
        client.sync()
        if is_debug:
            urls = ",".join(endpoint.url for endpoint in client.endpoints)
            write_error(f"got endpoints({urls}) after sync\n")


def _endpoint_list(values: Values) -> str:
    """The endpoints to use: each name's flag before its variable, the newest name first."""
    for name, variable in (
        ("endpoints", "ETCDCTL_ENDPOINTS"),
        ("endpoint", "ETCDCTL_ENDPOINT"),
        ("peers", "ETCDCTL_PEERS"),
    ):
        if found := _setting(values, name, variable):
            return found
    return DEFAULT_ENDPOINTS


def _setting(values: Values, name: str, variable: str) -> str:
    return values.text(name) or os.environ.get(variable, "")


def _credentials(values: Values) -> tuple[str, str]:
    given = _setting(values, "username", "ETCDCTL_USERNAME")
    username, colon, password = given.partition(":")
    return (username, password if colon or not given else _ask_password())


def _ask_password() -> str:
    if os.isatty(0):
        import getpass

        return getpass.getpass("Password: ")
    write_error("Password: \n")
    # Byte by byte: what follows the line may be the value to be set.
    line = bytearray()
    while (byte := os.read(0, 1)) not in (b"", b"\n"):
        line += byte
    return os.fsdecode(bytes(line))


def _print_as_curl(method: str, url: str, form: str | None) -> None:
    body = "" if form is None else f' -d "{form}"'
    write_error(f"cURL Command: curl -X {method} {url}{body}\n")
