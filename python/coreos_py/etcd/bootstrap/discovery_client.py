"""The key space in which members find each other, at the URL of a token."""

import ssl
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from coreos_py import logs
from coreos_py.client import requests
from coreos_py.client._http import Deadline, Held
from coreos_py.client.endpoints import Endpoint, parse_endpoint
from coreos_py.client.engine import Engine
from coreos_py.client.errors import (
    AttemptError,
    ConfigurationError,
    DeadlineExceededError,
    EtcdError,
    InvalidReplyError,
    OutcomeUnknownError,
    ServerError,
    UnavailableError,
)
from coreos_py.client.failover import Answer
from coreos_py.client.keys import Result
from coreos_py.client.options import Options
from coreos_py.client.requests import KEYS_PREFIX, Request
from coreos_py.client.watching import accepted
from coreos_py.etcd.errors import StartError

T = TypeVar("T")

_LOG = logs.Log("etcd")
_TRY_S = 5.0
_PAUSE_S = 2.0
_PAUSE_MAX_S = 256.0
_LOOK_AGAIN_S = 60.0


class Registry(Engine):
    """The client of such a place. Keys are whole paths: those of a public service do not begin with /v2/keys.

    `token` is the path of the URL.
    """

    def __init__(
        self, url: str, http_proxy: str, tls: ssl.SSLContext, pause: Callable[[float], None]
    ) -> None:
        endpoint, self.token = split_url(url)
        options = Options(timeout_s=_TRY_S, total_timeout_s=2 * _TRY_S, tls=tls)
        super().__init__([endpoint], options, http_proxy=_proxy(http_proxy))
        self._url = url
        self._pause = pause

    def send_on(self, request: Request, held: Held, deadline: Deadline) -> Answer:
        """See Engine."""
        target = request.target.removeprefix(KEYS_PREFIX)
        return super().send_on(request._replace(target=target), held, deadline)

    def read(self, key: str) -> Result:
        """Read a key or folder, however long it takes until somebody answers. Raises ServerError (4xx)."""
        return self._patiently(lambda: self.call(requests.get(key)))

    def create(self, key: str, value: str) -> bool | None:
        """Write a key that must not be there: whether it was made; None if that cannot be known."""
        unknown = False

        def ask() -> bool | None:
            nonlocal unknown
            try:
                self.call(requests.create(key, value.encode()))
            except OutcomeUnknownError:
                unknown = True
                raise
            except ServerError as error:
                if error.status != 412:
                    raise
                return None if unknown else False
            return True

        return self._patiently(ask)

    def await_change(self, index: int) -> None:
        """Return when something has changed below the token after this index, or may have.

        Not a `watch`, which compares keys: here they are not the paths of requests.
        """
        held = Held()
        request = requests.wait(self.token, wait_index=index + 1, recursive=True)
        try:
            accepted(self.send_on(request, held, Deadline(None)).reply)
            # A server that ends its answer at once, without a word, must not be asked again at once.
            if held.connection is not None and held.connection.next_line(Deadline(_LOOK_AGAIN_S)) is None:
                self._pause(_PAUSE_S)
        except DeadlineExceededError:
            # Nothing is lost by looking, should a proxy on the way have swallowed the answer.
            return
        except EtcdError as error:
            _LOG.debug("discovery: waiting for the others has been interrupted", reason=error)
            self._pause(_PAUSE_S)
        finally:
            held.close()

    def _patiently(self, ask: Callable[[], T]) -> T:
        pause_s = _PAUSE_S
        while True:
            try:
                return ask()
            except (AttemptError, UnavailableError, OutcomeUnknownError, ServerError) as error:
                if isinstance(error, ServerError) and error.status < 500:
                    raise
                failure: EtcdError = error
            _LOG.warn(
                f"discovery: cluster status check: error connecting to {self.endpoints[0].url}, "
                f"retrying in {pause_s:g}s",
                reason=failure,
            )
            self._pause(pause_s)
            pause_s = min(2 * pause_s, _PAUSE_MAX_S)


def split_url(url: str) -> tuple[Endpoint, str]:
    """Where the service is, and the path of the token. StartError."""
    try:
        parts = urlsplit(url)
        endpoint = parse_endpoint(f"{parts.scheme}://{parts.netloc}")
    except (ValueError, ConfigurationError) as error:
        raise StartError(f"--discovery {url}: {error}") from error
    token = unquote(parts.path).rstrip("/")
    if not token or parts.query or parts.fragment:
        raise StartError(
            f"failed to join discovery cluster (discovery: bad discovery endpoint): --discovery {url} has to "
            "end with a token, as in https://host/TOKEN or http://host:2379/v2/keys/_etcd/registry/TOKEN"
        )
    return endpoint, token


def _proxy(text: str) -> Endpoint | None:
    if not text:
        return None
    try:
        endpoint = parse_endpoint(text)
    except ConfigurationError as error:
        raise StartError(f"--discovery-proxy {text}: {error}") from error
    if endpoint.scheme != "http" or endpoint.base:
        raise StartError(f"--discovery-proxy {text}: must be of the form http://host:port")
    return endpoint


def explain(error: EtcdError) -> str:
    """An error in one sentence."""
    if isinstance(error, InvalidReplyError):
        return f"the service did not answer like etcd: {error}"
    return str(error)
