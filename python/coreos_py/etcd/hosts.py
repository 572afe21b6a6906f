"""Which Host headers are served: a guard against web pages that rebind their own name to this machine."""

from coreos_py.etcd.settings import Settings
from coreos_py.etcd.urls import is_loopback

# The long one stands beside `localhost` in the /etc/hosts of many machines; nobody can register it.
_LOCAL = ("localhost", "localhost.localdomain", "127.0.0.1", "::1")


def accepted_hosts(settings: Settings, host_name: str) -> list[str]:
    """Host names to accept; empty accepts any.

    Without --host-whitelist a member that only listens on loopback accepts its own names, beside every host
    that DNS cannot rebind (the front's `plain_hosts`): pages in a browser on this machine are the ones that
    could reach it and must not. One that listens to the network is reached by names that it cannot know.
    """
    if settings.hosts is not None:
        return list(settings.hosts)
    if not all(is_loopback(url.host) for url in settings.listen_client_urls):
        return []
    urls = (*settings.listen_client_urls, *settings.advertise_client_urls)
    # The empty name is that of HTTP/1.0 clients without the header; no browser is among them.
    names = {"", *_LOCAL, host_name, *(url.host for url in urls)}
    return sorted(names)
