"""One run's connection to the cluster, made from the global flags and the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from coreos_py.cli.etcdctl_.exits import CommandError
from coreos_py.cli.etcdctl_.flags import Values
from coreos_py.cli.etcdctl_.output import write_error, write_out
from coreos_py.cli.etcdctl_.passwords import ask_password
from coreos_py.cli.etcdctl_.render import FORMATS, render
from coreos_py.client._tls import TlsFiles
from coreos_py.client._wire import Reply
from coreos_py.client.endpoints import DEFAULT_ENDPOINTS, Endpoint, parse_endpoints
from coreos_py.client.engine import Engine
from coreos_py.client.keys import Result
from coreos_py.client.options import Options
from coreos_py.client.requests import Request

TIMEOUT_S = 2.0
TOTAL_TIMEOUT_S = 5.0


class Session:
    """Sends requests and prints results as the global flags say. Nothing is connected before it is needed."""

    def __init__(self, values: Values, *, asks_for_password: bool = True) -> None:
        self.output_format = values.text("output", "simple")
        if self.output_format not in FORMATS:
            raise CommandError(f"Unsupported output format: {self.output_format}\n")
        self.is_2014 = os.environ.get("COREOS_COMPAT") == "2014"
        """Whether to print as the `etcdctl` of the book did."""
        self._values = values
        self._is_debug = values.switch("debug")
        # Asked for at once: a command that reads its value from standard input reads all of it.
        self._credentials = _credentials(values) if asks_for_password else ("", "")
        self._client: Engine | None = None

    def call(self, request: Request) -> Result:
        """Carry out one request on keys. Raises `EtcdError`."""
        return self._connected().call(request)

    def send(self, request: Request) -> Reply:
        """Carry out one request of another part of the API. Raises `EtcdError`."""
        return self._connected().send(request)

    def watch(self, key: str, *, after_index: int, recursive: bool) -> Iterator[Result]:
        """Events after `after_index` (0: from now on), without an end. Raises `EtcdError`."""
        wait_index = after_index + 1 if after_index else 0
        with self._connected().watch(key, wait_index=wait_index, recursive=recursive) as events:
            yield from events

    def show(self, result: Result) -> None:
        """Print a result in the chosen format."""
        if self.is_2014:
            from coreos_py.cli.etcdctl_ import render_2014

            write_out(render_2014.render(result, self.output_format))
        else:
            write_out(render(result, self.output_format))

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()

    def new_client(
        self,
        endpoints: Sequence[Endpoint] | None = None,
        *,
        has_time_limit: bool = True,
        is_anonymous: bool = False,
    ) -> Engine:
        """A client of its own, to be closed, whose time begins now and which keeps to the endpoints.

        Without `endpoints` they are those of the flags. One that is anonymous never sends name and password.
        """
        options = self._options()
        if is_anonymous:
            options = options._replace(username="", password="")
        client = Engine(self._configured_endpoints() if endpoints is None else endpoints, options)
        if has_time_limit:
            client.limit(self._values.seconds("total-timeout", TOTAL_TIMEOUT_S) or None)
        return client

    def new_synced_client(self, *, has_time_limit: bool = True) -> Engine:
        """A client of its own, to be closed, that goes where the cluster's members say they are."""
        client = self.new_client(has_time_limit=has_time_limit)
        if not self._values.switch("no-sync"):
            self._sync(client)
        self.tell_endpoints(client)
        return client

    def tell_endpoints(self, client: Engine) -> None:
        """With `--debug`: where a client goes."""
        self._debug(f"Cluster-Endpoints: {', '.join(endpoint.url for endpoint in client.endpoints)}\n")

    def _connected(self) -> Engine:
        if self._client is None:
            self._client = self.new_synced_client()
        return self._client

    def _configured_endpoints(self) -> list[Endpoint]:
        values = self._values
        if domain := _setting(values, "discovery-srv", "ETCDCTL_DISCOVERY_SRV"):
            # Imported here: hardly anybody finds a cluster by DNS.
            from coreos_py.cli.etcdctl_.discovery import discover

            limit_s = values.seconds("timeout", TIMEOUT_S) or None
            return discover(domain, limit_s, accepts_plain=values.switch("insecure-discovery"))
        return parse_endpoints(_endpoint_list(values))

    def _options(self) -> Options:
        values = self._values
        username, password = self._credentials
        return Options(
            # Go's client takes 0 for "no limit" here.
            timeout_s=values.seconds("timeout", TIMEOUT_S) or None,
            total_timeout_s=None,
            # A watch ends when nobody answers any more: whoever started it can start it again.
            outage_s=0,
            tls=TlsFiles(
                _setting(values, "cert-file", "ETCDCTL_CERT_FILE"),
                _setting(values, "key-file", "ETCDCTL_KEY_FILE"),
                _setting(values, "ca-file", "ETCDCTL_CA_FILE"),
            ),
            username=username,
            password=password,
            trace=_print_as_curl if self._is_debug else None,
        )

    def _sync(self, client: Engine) -> None:
        urls = ",".join(endpoint.url for endpoint in client.endpoints)
        self._debug(f"start to sync cluster using endpoints({urls})\n")
        client.sync()
        urls = ",".join(endpoint.url for endpoint in client.endpoints)
        self._debug(f"got endpoints({urls}) after sync\n")

    def _debug(self, text: str) -> None:
        if self._is_debug:
            write_error(text)


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
    return (username, password if colon or not given else ask_password("Password: "))


def _print_as_curl(method: str, url: str, form: str | None) -> None:
    body = ""
    if form is not None:
        quoted = form.replace("\\", "\\\\").replace('"', '\\"')
        body = f' -d "{quoted}"'
    write_error(f"cURL Command: curl -X {method} {url}{body}\n")
