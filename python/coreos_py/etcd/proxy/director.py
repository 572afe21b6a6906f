"""The members that can be asked, and in which order."""

import random
import time
from collections.abc import Callable, Iterable

from coreos_py import logs
from coreos_py.client.endpoints import Endpoint, parse_endpoint
from coreos_py.client.errors import ConfigurationError

_LOG = logs.Log("etcd")


class Director:
    """Client URLs of members. One that fails is left out for a while."""

    def __init__(
        self,
        failure_wait_s: float,
        clock_s: Callable[[], float] = time.monotonic,
        chance: random.Random | None = None,
    ) -> None:
        self._failure_wait_s = failure_wait_s
        self._clock_s = clock_s
        self._chance = chance or random.Random()
        self._endpoints: list[Endpoint] = []
        self._back_s: dict[Endpoint, float] = {}

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """All members, failed or not."""
        return tuple(self._endpoints)

    def learn(self, client_urls: Iterable[str]) -> None:
        """These are the members, in whatever order. The order in which they are asked is drawn anew, so that
        many proxies do not ask the same one."""
        found = []
        for url in client_urls:
            try:
                found.append(parse_endpoint(url))
            except ConfigurationError as error:
                _LOG.warn("a member advertises an unusable URL", url=url, reason=error)
        endpoints = list(dict.fromkeys(found))
        if set(endpoints) != set(self._endpoints):
            _LOG.info("endpoints found", endpoints=",".join(endpoint.url for endpoint in endpoints))
        self._chance.shuffle(endpoints)
        self._endpoints = endpoints
        self._back_s = {one: at for one, at in self._back_s.items() if one in endpoints}

    def usable(self) -> list[Endpoint]:
        """Whom to ask, in turn."""
        now_s = self._clock_s()
        return [one for one in self._endpoints if self._back_s.get(one, now_s) <= now_s]

    def failed(self, endpoint: Endpoint, reason: object) -> None:
        """It gave no answer."""
        self._back_s[endpoint] = self._clock_s() + self._failure_wait_s
        _LOG.warn(
            f"marked endpoint {endpoint.url} unavailable", reason=reason, for_s=f"{self._failure_wait_s:g}"
        )
