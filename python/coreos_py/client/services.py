"""Finding a cluster by DNS: the SRV records of a domain. Needs `dnspython`, an extra of this package.

Clients look for `_etcd-client._tcp`, members that are to form a cluster for `_etcd-server._tcp`, and both for
the same with `-ssl` for endpoints with TLS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coreos_py.client.endpoints import Endpoint
from coreos_py.client.errors import ConfigurationError, EtcdError

if TYPE_CHECKING:
    from dns.resolver import Resolver

_CLIENTS, _SERVERS = "etcd-client", "etcd-server"


class ServicesError(EtcdError):
    """No record was found; the text says what each question came to."""


def find_endpoints(domain: str, limit_s: float | None, resolver: Resolver | None = None) -> list[Endpoint]:
    """The endpoints for clients that a domain names, those with TLS first.

    Each of the two questions takes at most `limit_s`. Without `resolver` the system's settings are used.
    Raises `ServicesError`, and `ConfigurationError` when there is no library to ask with.
    """
    return _find(_CLIENTS, "", domain, limit_s, resolver)


def find_peers(
    domain: str, limit_s: float | None, *, suffix: str = "", resolver: Resolver | None = None
) -> list[Endpoint]:
    """The same for what a domain names to members; `suffix` ends the service's name after a dash."""
    return _find(_SERVERS, suffix and f"-{suffix}", domain, limit_s, resolver)


def _find(
    service: str, suffix: str, domain: str, limit_s: float | None, resolver: Resolver | None
) -> list[Endpoint]:
    try:
        import dns.exception
        import dns.resolver
    except ImportError as error:
        raise ConfigurationError(
            "finding a cluster by DNS needs dnspython, which is not installed: pip install 'coreos-py[dns]'"
        ) from error
    failures = []
    found = []
    try:
        resolver = resolver or dns.resolver.Resolver()
    except dns.exception.DNSException as error:
        raise ServicesError(f"dns lookup errors: {error}") from error
    for kind, scheme in ((f"{service}-ssl", "https"), (service, "http")):
        name = f"_{kind}{suffix}._tcp.{domain.rstrip('.')}"
        try:
            answer = resolver.resolve(name, "SRV", lifetime=limit_s or resolver.lifetime)
        except (dns.exception.DNSException, UnicodeError) as error:
            failures.append(f"lookup {name}: {_reason(error)}")
            continue
        for record in answer:
            # A target of "." says that the service is not there.
            if host := str(record.target).rstrip("."):
                found.append(Endpoint(scheme, host, record.port, ""))
    if not found:
        raise ServicesError(f"dns lookup errors: {' and '.join(failures) or 'the service is not offered'}")
    return found


def _reason(error: Exception) -> str:
    import dns.resolver

    if isinstance(error, dns.resolver.NXDOMAIN):
        return "no such host"
    if isinstance(error, dns.resolver.LifetimeTimeout):
        return "i/o timeout"
    return str(error) or type(error).__name__
