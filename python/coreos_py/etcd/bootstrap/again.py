"""A member that was ended after it had joined and before it had heard of anybody: whom it is to talk to."""

from coreos_py.etcd.bootstrap.choose import listed_peers
from coreos_py.etcd.bootstrap.joining import answers, find_by_urls
from coreos_py.etcd.bootstrap.network import RealNetwork
from coreos_py.etcd.bootstrap.plans import Join
from coreos_py.etcd.errors import StartError
from coreos_py.etcd.settings import Settings


def join_again(settings: Settings) -> Join:
    """Ask the peers that it was first started with. StartError says what to do when that is not possible."""
    network = RealNetwork(settings)
    cluster = settings.beginning.initial_cluster or ()
    listed = [url for member, urls in cluster if member != settings.name for url in urls]
    others = listed or listed_peers(settings, network)
    if not others:
        raise StartError(
            f"the member in {settings.data_dir} was ended before it had heard of its cluster: start it with "
            "the flags that it was first started with (--initial-cluster or -peers)"
        )
    failures: list[str] = []
    running = next(answers(others, network, failures), None)
    if running is None:
        raise StartError(f"none of the cluster's members can be asked for the others: {'; '.join(failures)}")
    own_urls = [str(url) for url in settings.advertise_peer_urls]
    own = find_by_urls(running, own_urls, network)
    if own is None:
        raise StartError(
            f"the cluster of {','.join(others)} has no member at {','.join(own_urls)}: add it "
            "(etcdctl member add), and start it with an empty data directory"
        )
    return Join(cluster, settings.beginning.token, own.id, running)
