"""Asking peers who the members are: at the start, every so often, and every second while nobody is known."""

import trio

from coreos_py import logs
from coreos_py.client.endpoints import parse_endpoint
from coreos_py.client.errors import ConfigurationError
from coreos_py.etcd.bootstrap.network import AskError, read_cluster
from coreos_py.etcd.bootstrap.plans import RemoteCluster
from coreos_py.etcd.proxy.director import Director
from coreos_py.etcd.proxy.headers import value_of
from coreos_py.etcd.proxy.state import State
from coreos_py.etcd.proxy.upstream import CutError, MemberError, Upstream

_LOG = logs.Log("etcd")
_ASK_S = 5.0
_AGAIN_S = 1.0
# Far more than the longest list of members.
_BYTES_MAX = 4 << 20


class Refresher:
    """Keeps a director and the file up to date. `peer_urls` are those to begin with."""

    def __init__(
        self, director: Director, state: State, peers: Upstream, peer_urls: tuple[str, ...], every_s: float
    ) -> None:
        self._director = director
        self._state = state
        self._peers = peers
        self._peer_urls = peer_urls
        self._every_s = every_s
        self._is_silent = False

    async def run_once(self) -> None:
        """Wait until it is time, and refresh."""
        await trio.sleep(self._every_s if self._director.endpoints else _AGAIN_S)
        await self.refresh()

    async def refresh(self) -> None:
        """Ask the peers in turn. If nobody answers, what was known stays."""
        reasons = []
        for url in self._peer_urls:
            try:
                cluster = await self._ask(url)
            except (AskError, MemberError, CutError) as error:
                reasons.append(f"{url}: {error}")
                continue
            if any(member.client_urls for member in cluster.members):
                self._is_silent = False
                self._learn(cluster)
                return
            reasons.append(f"{url}: no member has started")
        # Once a second would fill the log with one sentence.
        log = _LOG.debug if self._is_silent else _LOG.warn
        log("proxy: could not retrieve cluster information from the given URLs", reason="; ".join(reasons))
        self._is_silent = True

    def _learn(self, cluster: RemoteCluster) -> None:
        self._director.learn(url for member in cluster.members for url in member.client_urls)
        self._peer_urls = tuple(url for member in cluster.members for url in member.peer_urls)
        try:
            self._state.save(self._peer_urls)
        except OSError as error:
            _LOG.error("cannot remember the peers", reason=error)

    async def _ask(self, url: str) -> RemoteCluster:
        try:
            endpoint = parse_endpoint(url)
        except ConfigurationError as error:
            raise AskError(str(error)) from error
        body = b""
        with trio.move_on_after(_ASK_S):
            headers = [(b"Host", endpoint.authority.encode())]
            async with self._peers.exchange(endpoint, b"GET", b"/members", headers, b"") as answer:
                while (piece := await answer.next_piece()) is not None:
                    body += piece
                    if len(body) > _BYTES_MAX:
                        raise AskError("the list of members is too long")
            if answer.status != 200:
                raise AskError(f"answered {answer.status} to GET /members")
            return read_cluster(value_of(answer.headers, b"x-etcd-cluster-id").decode("latin-1"), body)
        raise AskError(f"no answer within {_ASK_S:g} s")
