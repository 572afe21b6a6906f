"""A new cluster by the SRV records of a domain (--discovery-srv)."""

from collections.abc import Sequence

from coreos_py import logs
from coreos_py.etcd.bootstrap.network import AskError, Network
from coreos_py.etcd.errors import StartError
from coreos_py.etcd.urls import Cluster, Url, parse_url

_LOG = logs.Log("etcd")


def find_cluster(domain: str, suffix: str, name: str, own_urls: Sequence[str], network: Network) -> Cluster:
    """The list that the domain gives: this member by its name, the others by numbers. StartError."""
    try:
        targets = network.peers_of_domain(domain, suffix)
    except AskError as error:
        raise StartError(f"error setting up initial cluster: {error} (--discovery-srv {domain})") from error
    own = [parse_url(url) for url in own_urls]
    members: dict[str, list[str]] = {}
    for target in targets:
        url = Url(target.scheme, target.host, target.port)
        found = network.addresses(url.host, url.port)
        if not found:
            _LOG.warn("a target of the SRV records has no address", url=url)
            continue
        is_own = any(found & network.addresses(one.host, one.port) for one in own)
        number = sum(member != name for member in members)
        members.setdefault(name if is_own else str(number), []).append(str(url))
    if name not in members:
        raise StartError(
            f'cannot find local etcd member "{name}" in SRV records: none of {domain} leads to '
            f"--initial-advertise-peer-urls={','.join(own_urls)}"
        )
    return tuple((member, tuple(sorted(urls))) for member, urls in members.items())
