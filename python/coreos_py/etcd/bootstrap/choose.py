"""Which way a process begins, and the refusals of ways that cannot be gone."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from coreos_py import logs
from coreos_py.etcd.bootstrap.directory import Content, look
from coreos_py.etcd.bootstrap.identity import member_id
from coreos_py.etcd.bootstrap.joining import plan_by_peers, plan_join
from coreos_py.etcd.bootstrap.network import AskError, Network, RealNetwork, wait
from coreos_py.etcd.bootstrap.plans import NewCluster, Plan, Restart, RunProxy
from coreos_py.etcd.bootstrap.services import find_cluster
from coreos_py.etcd.bootstrap.static import check_list, plan_new
from coreos_py.etcd.errors import StartError
from coreos_py.etcd.settings import Settings
from coreos_py.etcd.urls import Cluster, parse_peers

if TYPE_CHECKING:
    from coreos_py.etcd.bootstrap.discovery_client import Registry

_LOG = logs.Log("etcd")


def plan(settings: Settings, network: Network | None = None, pause: Callable[[float], None] = wait) -> Plan:
    """What this process is to be. StartError says why it cannot be that, and what to do.

    It may take as long as other members need to register with a discovery service; `pause` is waited with.
    """
    return _Planner(settings, network, pause).plan()


def listed_peers(settings: Settings, network: Network) -> tuple[str, ...]:
    """URLs of the peers in -peers or -peers-file."""
    peers, file = settings.beginning.peers, settings.beginning.peers_file
    if file:
        try:
            peers = parse_peers(network.read_text(file))
        except (OSError, ValueError) as error:
            raise StartError(f"cannot use the peers in {file}: {error}") from error
    scheme = "https" if settings.peer_tls else "http"
    return tuple(peer if "://" in peer else f"{scheme}://{peer}" for peer in peers)


class _Planner:
    def __init__(self, settings: Settings, network: Network | None, pause: Callable[[float], None]) -> None:
        self._settings = settings
        self._beginning = settings.beginning
        self._network = network or RealNetwork(settings)
        self._pause = pause
        self._own_urls = tuple(sorted({str(url) for url in settings.advertise_peer_urls}))
        self._alone: Cluster = ((settings.name, self._own_urls),)

    def plan(self) -> Plan:
        """See `plan`."""
        settings, beginning = self._settings, self._beginning
        content = look(settings.data_dir)
        if not settings.proxy.is_off:
            return self._proxy(content)
        if content is Content.PROXY:
            return self._proxy_once_more()
        if content is Content.MEMBER:
            # For a member that was ended before it had written anything, which begins again.
            return Restart(beginning.initial_cluster or self._alone, beginning.token, beginning.given)
        if beginning.discovery:
            return self._discovered()
        if beginning.peers or beginning.peers_file:
            return self._by_peers()
        cluster = self._listed()
        urls = check_list(settings.name, self._own_urls, cluster, self._network)
        _LOG.debug("own peer URLs", urls=",".join(urls))
        if beginning.state == "existing":
            return plan_join(settings.name, cluster, beginning.token, self._network)
        return plan_new(settings.name, cluster, beginning.token, self._network)

    def _listed(self) -> Cluster:
        beginning = self._beginning
        if beginning.discovery_srv:
            return find_cluster(
                beginning.discovery_srv,
                beginning.discovery_srv_name,
                self._settings.name,
                self._own_urls,
                self._network,
            )
        return beginning.initial_cluster or self._alone

    def _by_peers(self) -> Plan:
        name, token = self._settings.name, self._beginning.token
        found = plan_by_peers(
            name, self._own_urls, listed_peers(self._settings, self._network), token, self._network
        )
        return found or plan_new(name, self._alone, token, self._network)

    def _registry(self) -> "Registry":
        from coreos_py.etcd.bootstrap.discovery_client import Registry

        # A service of one's own may have a certificate of one's own authority.
        tls = RealNetwork(self._settings).context(None)
        return Registry(self._beginning.discovery, self._beginning.discovery_proxy, tls, self._pause)

    def _discovered(self) -> Plan:
        from coreos_py.etcd.bootstrap import discovery

        settings, beginning = self._settings, self._beginning
        # Tokens are the URLs as they were given: all members have to be given the same text.
        token = beginning.discovery
        own_id = member_id(self._own_urls, token)
        with self._registry() as registry:
            try:
                discovery.check_room(registry, own_id, url=token)
                if not beginning.advertises_to_clients:
                    raise StartError(
                        "--advertise-client-urls is required when --listen-client-urls is set explicitly"
                    )
                cluster = discovery.join(registry, own_id, self._alone, url=token, data_dir=settings.data_dir)
            except discovery.FullError as full:
                if not beginning.falls_back_to_proxy:
                    raise StartError(
                        f"failed to join discovery cluster ({full}): use another --discovery URL, or let it "
                        "run as a proxy (--discovery-fallback proxy)"
                    ) from full
                _LOG.warn("discovery cluster full, falling back to proxy")
                return RunProxy(_all_urls(full.cluster))
        check_list(settings.name, self._own_urls, cluster, self._network)
        return NewCluster(cluster, token)

    def _proxy(self, content: Content) -> RunProxy:
        if content in (Content.MEMBER, Content.UNFINISHED):
            raise StartError(
                f"the data directory {self._settings.data_dir} holds a member, and a proxy was asked for "
                "(--proxy): give the proxy another --data-dir"
            )
        is_readonly = self._settings.proxy.mode == "readonly"
        if content is Content.PROXY:
            # What it has learned is newer than any flag; `proxy` reads it. These are for when it is unusable.
            return RunProxy(self._flag_urls(), is_readonly)
        return RunProxy(self._flag_urls() or self._asked_urls(), is_readonly)

    def _proxy_once_more(self) -> RunProxy:
        """The directory of a proxy, and none asked for: one that discovery has made a proxy stays one."""
        beginning = self._beginning
        if not (beginning.discovery and beginning.falls_back_to_proxy):
            raise StartError(
                f"the data directory {self._settings.data_dir} belongs to a proxy: start it with --proxy on, "
                "or give the member another --data-dir"
            )
        _LOG.info("going on as a proxy, as the data directory says")
        return RunProxy(())

    def _flag_urls(self) -> tuple[str, ...]:
        """Peers that are listed in flags, none when a service has to be asked for them."""
        beginning = self._beginning
        if beginning.discovery or beginning.discovery_srv:
            return ()
        if beginning.peers or beginning.peers_file:
            return listed_peers(self._settings, self._network)
        return _all_urls(beginning.initial_cluster or self._alone)

    def _asked_urls(self) -> tuple[str, ...]:
        beginning = self._beginning
        if beginning.discovery:
            from coreos_py.etcd.bootstrap import discovery

            with self._registry() as registry:
                return _all_urls(discovery.listed(registry, url=beginning.discovery))
        try:
            targets = self._network.peers_of_domain(beginning.discovery_srv, beginning.discovery_srv_name)
        except AskError as error:
            raise StartError(f"cannot find members to forward to: {error}") from error
        return tuple(target.url for target in targets)


def _all_urls(cluster: Cluster) -> tuple[str, ...]:
    return tuple(url for _, urls in cluster for url in urls)
