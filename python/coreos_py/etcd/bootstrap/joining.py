"""Joining a cluster that runs: as the member that it was told to expect, or after asking to be added."""

from collections.abc import Iterator, Sequence

from coreos_py import logs
from coreos_py.etcd.bootstrap.network import AskError, Network
from coreos_py.etcd.bootstrap.plans import Join, RemoteCluster, RemoteMember
from coreos_py.etcd.bootstrap.static import already_begun, are_same_urls
from coreos_py.etcd.errors import StartError
from coreos_py.etcd.urls import Cluster, show_cluster

_LOG = logs.Log("etcd")
ASK_S = 10.0
"""How long one peer may take to say who the members are."""


def plan_join(name: str, cluster: Cluster, token: str | None, network: Network) -> Join:
    """Join as the member whose peer URLs these are. The list has been checked, and is all members with it."""
    others = [url for member, urls in cluster if member != name for url in urls]
    failures: list[str] = []
    complaint = ""
    for running in answers(others, network, failures):
        # One that lags behind may not have heard of this member yet: the next one may.
        mismatch = _mismatch(cluster, running, network)
        if not mismatch:
            own = find_by_urls(running, dict(cluster)[name], network)
            assert own is not None, "every entry of the list has its member"
            return _as_member(own, running, cluster, token)
        complaint = complaint or f"error validating peerURLs {_shown(running)}: {mismatch}"
    raise StartError(
        complaint
        or "cannot fetch cluster info from peer urls: could not retrieve cluster information from the given "
        f"URLs ({'; '.join(failures) or '--initial-cluster lists nobody else'}). Each had {ASK_S:g} s to "
        "answer: see that one of the running members is listed in --initial-cluster, and reachable at "
        "its peer URL from here"
    )


def answers(urls: Sequence[str], network: Network, failures: list[str]) -> Iterator[RemoteCluster]:
    """What each of them says, asked in turn; why others do not is appended to `failures`."""
    for url in dict.fromkeys(urls):
        try:
            yield network.cluster(url, ASK_S)
        except AskError as error:
            _LOG.warn("could not get cluster response", url=url, reason=error)
            failures.append(f"{url}: {error}")


def find_by_urls(running: RemoteCluster, urls: Sequence[str], network: Network) -> RemoteMember | None:
    """The member that is at these peer URLs."""
    return next((one for one in running.members if are_same_urls(one.peer_urls, urls, network)), None)


def _mismatch(cluster: Cluster, running: RemoteCluster, network: Network) -> str:
    """etcd's words for how the list differs from the members, and what to do; empty when it does not."""
    if len(cluster) != len(running.members):
        return (
            f"member count is unequal: --initial-cluster lists {len(cluster)}, the cluster has "
            f"{len(running.members)}. List exactly its present members and this one, after adding it "
            "(etcdctl member add)"
        )
    left = list(cluster)
    for member in running.members:
        match = next((one for one in left if are_same_urls(one[1], member.peer_urls, network)), None)
        if match is None:
            return (
                f"unmatched member while checking PeerURLs: member {member.id:x} is at "
                f"{','.join(member.peer_urls)}, and --initial-cluster lists nobody there"
            )
        left.remove(match)
    return ""


def plan_by_peers(
    name: str, own_urls: Sequence[str], peers: Sequence[str], token: str | None, network: Network
) -> Join | None:
    """0.4's -peers: join the cluster that one of these belongs to, adding this member if need be.

    None when nobody but this member itself is listed: it is to begin one.
    """
    others = [url for url in peers if not any(are_same_urls([url], [own], network) for own in own_urls)]
    if not others:
        return None
    failures: list[str] = []
    running = next((one for one in answers(others, network, failures) if one.members), None)
    if running is None:
        raise StartError(
            f"none of the peers can be reached ({'; '.join(failures) or 'they know of no members'}), each "
            f"had {ASK_S:g} s to answer, and there is no data directory to go on from. A new cluster is "
            "begun by one member without -peers (or with only its own address), or by all with the same "
            "--initial-cluster"
        )
    own = find_by_urls(running, own_urls, network)
    if own is None:
        running, own = _added(own_urls, others, running, network)
    listed = tuple(
        (name if member.id == own.id else member.name or f"{member.id:x}", member.peer_urls)
        for member in running.members
    )
    return _as_member(own, running, listed, token)


def _added(
    own_urls: Sequence[str], others: Sequence[str], running: RemoteCluster, network: Network
) -> tuple[RemoteCluster, RemoteMember]:
    clients = [url for member in running.members for url in member.client_urls]
    _LOG.info("asking the cluster to add this member", cluster_id=f"{running.id:x}", urls=",".join(own_urls))
    failure: AskError | None = None
    try:
        network.add(clients, own_urls)
    except AskError as error:
        # It may have been done all the same; the list says.
        failure = error
    # The one that was asked for it is among the members, the others may hear of it later.
    asked = (*others, *(url for member in running.members for url in member.peer_urls))
    for again in answers(asked, network, []):
        own = find_by_urls(again, own_urls, network)
        if own is not None:
            return again, own
    raise StartError(
        f"the cluster of {','.join(others)} has not added this member: "
        f"{failure or 'its list does not show it'}. Add it by hand (etcdctl member add) and start again"
    )


def _as_member(own: RemoteMember, running: RemoteCluster, cluster: Cluster, token: str | None) -> Join:
    if own.is_started:
        # Votes and entries that it has acknowledged are gone: as the same member it could undo decisions.
        raise StartError(already_begun(own.id))
    return Join(cluster, token, own.id, running)


def _shown(running: RemoteCluster) -> str:
    return show_cluster(tuple((m.name or f"{m.id:x}", m.peer_urls) for m in running.members)) or "(none)"
