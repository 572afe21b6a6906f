"""A new cluster whose members are all listed: etcd's checks, in its words."""

from collections.abc import Sequence

from coreos_py import logs
from coreos_py.etcd.bootstrap.identity import cluster_id, member_id
from coreos_py.etcd.bootstrap.network import AskError, Network, ask_all
from coreos_py.etcd.bootstrap.plans import NewCluster
from coreos_py.etcd.errors import StartError
from coreos_py.etcd.urls import Cluster, parse_url, show_cluster

_LOG = logs.Log("etcd")
PROBE_S = 1.0
"""How long the others are asked whether they know this member; they need not be there yet."""


def check_list(name: str, own_urls: Sequence[str], cluster: Cluster, network: Network) -> tuple[str, ...]:
    """Own peer URLs as the list has them. StartError with etcd's sentence when it is not usable."""
    members = dict(cluster)
    if name not in members:
        raise StartError(
            f'couldn\'t find local name "{name}" in the initial cluster configuration: --name and '
            "--initial-cluster have to agree"
        )
    urls = [url for _, several in cluster for url in several]
    if len(set(urls)) < len(urls):
        raise StartError(f"initial cluster {show_cluster(tuple(sorted(cluster)))} has duplicate url")
    if not are_same_urls(members[name], own_urls, network):
        pairs = ",".join(f"{name}={url}" for url in own_urls)
        raise StartError(
            f"--initial-cluster must include {pairs} given --initial-advertise-peer-urls={','.join(own_urls)}"
            f" (it has {','.join(members[name])})"
        )
    return members[name]


def are_same_urls(some: Sequence[str], others: Sequence[str], network: Network) -> bool:
    """Whether two lists name the same places, also when one has names where the other has addresses."""
    if sorted(some) == sorted(others):
        return True
    left = list(others)
    for url in some:
        match = next((other for other in left if _is_same_url(url, other, network)), None)
        if match is None:
            return False
        left.remove(match)
    return not left


def _is_same_url(one: str, other: str, network: Network) -> bool:
    if one == other:
        return True
    first, second = parse_url(one), parse_url(other)
    if (first.scheme, first.port) != (second.scheme, second.port):
        return False
    return bool(network.addresses(first.host, first.port) & network.addresses(second.host, second.port))


def plan_new(name: str, cluster: Cluster, token: str | None, network: Network) -> NewCluster:
    """Found it, unless the others know this member as one that has begun already. The list is checked."""
    ids = {member: member_id(urls, token) for member, urls in cluster}
    own, whole = ids[name], cluster_id(ids.values())
    others = [url for member, urls in cluster if member != name for url in urls]
    for url, told in ask_all(network, others, PROBE_S):
        if isinstance(told, AskError):
            _LOG.debug("a peer does not answer yet", url=url, reason=told)
            continue
        known = next((member for member in told.members if member.id == own), None)
        if known is not None and known.is_started:
            raise StartError(already_begun(own))
        if told.id != whole:
            raise StartError(
                f"the member at {url} belongs to cluster {told.id:x}, and the flags of this one make cluster "
                f"{whole:x}: --initial-cluster and --initial-cluster-token must be the same on all members "
                "of a new cluster; to join a running one, add the member there (etcdctl member add) and "
                "start it with --initial-cluster-state existing"
            )
    return NewCluster(cluster, token)


def already_begun(number: int) -> str:
    """etcd's sentence for a member that has lost its data, and what to do."""
    return (
        f"member {number:x} has already been bootstrapped: its data directory is missing, or another one was "
        "given. Start it with its own --data-dir; if that is lost, replace the member: etcdctl member "
        f"remove {number:x}, etcdctl member add, then start with --initial-cluster-state existing"
    )
