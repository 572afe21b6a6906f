"""`--discovery-srv`: endpoints from the DNS instead of from a list."""

from __future__ import annotations

from coreos_py.cli.etcdctl_.exits import CommandError, error_line
from coreos_py.cli.etcdctl_.output import write_error
from coreos_py.client.endpoints import Endpoint
from coreos_py.client.errors import EtcdError
from coreos_py.client.services import find_endpoints


def discover(domain: str, limit_s: float | None, *, accepts_plain: bool) -> list[Endpoint]:
    """The endpoints that `domain` names. Whoever can answer for it could send us anywhere: without
    `accepts_plain` only those count that have to show a certificate."""
    try:
        found = find_endpoints(domain, limit_s)
    except EtcdError as error:
        raise CommandError(error_line(str(error))) from error
    if accepts_plain:
        return found
    secure = []
    for endpoint in found:
        if endpoint.scheme == "https":
            secure.append(endpoint)
        else:
            write_error(f'ignoring discovered insecure endpoint "{endpoint.url}"\n')
    if not secure:
        raise CommandError(error_line(f"no secure endpoint for {domain}; see --insecure-discovery"))
    return secure
