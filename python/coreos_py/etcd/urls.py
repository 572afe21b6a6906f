"""Client and peer URLs: `http://host:port`, nothing more."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
_HOST = re.compile(r"[^\s/?#@\\%\[\]\x00-\x20\x7f]*")
_PORT_MAX = 65535


@dataclass(frozen=True, slots=True, order=True)
class Url:
    """One URL; `host` without brackets, empty for every address."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        """`host:port`, an IPv6 host in brackets."""
        return join_host_port(self.host, self.port)

    @property
    def is_bindable(self) -> bool:
        """Whether one can listen there without asking a name server."""
        return self.host in ("", "localhost") or is_ip(self.host)


def join_host_port(host: str, port: int) -> str:
    """`host:port`, an IPv6 host in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_ip(host: str) -> bool:
    """Whether the host is a numeric address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether the host can only be this machine."""
    return host == "localhost" or (is_ip(host) and ipaddress.ip_address(host).is_loopback)


def split_host_port(text: str) -> tuple[str, int]:
    """`host:port` or `[v6]:port`; `ValueError` without a reason when it is neither."""
    host, colon, port = text.rpartition(":")
    if not colon or not _PORT.fullmatch(port) or int(port) > _PORT_MAX:
        raise ValueError
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        if not isinstance(ipaddress.ip_address(host), ipaddress.IPv6Address) or "%" in host:
            raise ValueError
        return host, int(port)
    if ":" in host or not _HOST.fullmatch(host):
        raise ValueError
    return host, int(port)


def parse_url(text: str) -> Url:
    """One URL; `ValueError` with etcd's sentence."""
    text = text.strip()
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise ValueError(f"parse {text}: {error}") from error
    if "://" not in text:
        raise ValueError(f"URL scheme must be http or https: {text}")
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"URL scheme must be http or https: {text}")
    try:
        host, port = split_host_port(parts.netloc)
    except ValueError:
        raise ValueError(f'URL address does not have the form "host:port": {text}') from None
    if text.lower() != f"{parts.scheme}://{parts.netloc}".lower():
        raise ValueError(f"URL must not contain a path: {text}")
    return Url(parts.scheme, host, port)


def parse_urls(text: str) -> tuple[Url, ...]:
    """A comma list of URLs, sorted; at least one."""
    return sort_urls(text.split(","))


def sort_urls(texts: list[str]) -> tuple[Url, ...]:
    """URLs sorted by their text, as etcd keeps them; at least one."""
    if not any(text.strip() for text in texts):
        raise ValueError("no valid URLs given")
    return tuple(sorted((parse_url(text) for text in texts), key=str))


Cluster = tuple[tuple[str, tuple[str, ...]], ...]
"""Members, each with its name and its sorted peer URLs."""


def parse_cluster(text: str) -> Cluster:
    """`name=url,name=url` as members with their URLs; a name may occur several times."""
    members: dict[str, list[str]] = {}
    for pair in text.split(","):
        name, equals, url = pair.strip().partition("=")
        if not equals or not name:
            raise ValueError(f'"{pair}" is not of the form name=url')
        members.setdefault(name, []).append(str(parse_url(url)))
    return tuple((name, tuple(sorted(urls))) for name, urls in members.items())


def show_cluster(cluster: Cluster) -> str:
    """The text that `parse_cluster` reads."""
    return ",".join(f"{name}={url}" for name, urls in cluster for url in urls)


def parse_peers(text: str) -> tuple[str, ...]:
    """The peers of 0.4, `host:port` or URLs, separated by commas or lines, as they stand; at least one."""
    peers = tuple(part.strip() for part in text.replace("\n", ",").split(",") if part.strip())
    if not peers:
        raise ValueError("no peers given")
    for peer in peers:
        parse_url(peer if "://" in peer else f"http://{peer}")
    return peers


def parse_address(text: str) -> tuple[str, int]:
    """`ip:port` of the 0.4 address flags."""
    try:
        host, port = split_host_port(text)
    except ValueError:
        host, port = "", -1
    if port < 0 or not is_ip(host):
        raise ValueError("must be a numeric IP address and a port, such as 127.0.0.1:4001")
    return host, port


def parse_bind_address(text: str) -> tuple[str, int | None]:
    """`ip:port`, or as in 0.4 the IP or `:port` alone; port None is that of the address to advertise."""
    if is_ip(text):
        return text, None
    if text.startswith(":"):
        text = f"0.0.0.0{text}"
    return parse_address(text)
