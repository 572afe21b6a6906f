"""Finding a cluster by DNS: the SRV records of a domain. Needs `dnspython`, an extra of this package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coreos_py.client.endpoints import Endpoint
from coreos_py.client.errors import ConfigurationError, EtcdError

if TYPE_CHECKING:
    from dns.resolver import Resolver

_SERVICES = (("_etcd-client-ssl._tcp", "https"), ("_etcd-client._tcp", "http"))


class ServicesError(EtcdError):
    """No record was found; the text says what each question came to."""


def find_endpoints(domain: str, limit_s: float | None, resolver: Resolver | None = None) -> list[Endpoint]:
    """The endpoints that a domain names, those with TLS first.

    Each of the two questions takes at most `limit_s`. Without `resolver` the system's settings are used.
    Raises `ServicesError`, and `ConfigurationError` when there is no library to ask with.
    """
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
    for service, scheme in _SERVICES:
        name = f"{service}.{domain.rstrip('.')}"
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
