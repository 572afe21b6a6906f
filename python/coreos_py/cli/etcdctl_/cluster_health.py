"""`cluster-health`."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence

from coreos_py.cli.etcdctl_.admin import no_words
from coreos_py.cli.etcdctl_.exits import NOT_HEALTHY, OK, CommandError, describe
from coreos_py.cli.etcdctl_.flags import Values
from coreos_py.cli.etcdctl_.output import write_error, write_out
from coreos_py.cli.etcdctl_.session import Session
from coreos_py.client import members
from coreos_py.client.endpoints import parse_endpoint
from coreos_py.client.errors import AttemptError, ConfigurationError, EtcdError
from coreos_py.client.members import Member

_PAUSE_S = 10.0


def run(_name: str, session: Session, values: Values, words: Sequence[str]) -> int:
    """Say how each member is and how the cluster is; the exit status is that of the last look."""
    no_words(words)
    if not values.switch("forever"):
        return _look(session)
    try:
        # A shell without job control starts `etcdctl cluster-health --forever &` with this signal ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _look(session)
        while True:
            write_out("\nnext check after 10 second...\n\n")
            time.sleep(_PAUSE_S)
            try:
                _look(session)
            except CommandError as error:
                # It may be back next time, which is what somebody waits for who looks for ever.
                write_error(error.text)
    except KeyboardInterrupt:
        return OK


def _look(session: Session) -> int:
    known = _members(session)
    if not known:
        # Whoever answers so is no member of a cluster that could serve.
        write_out("the member list is empty\n")
    healthy = sum(_is_healthy(session, member) for member in known)
    if known and healthy == len(known):
        write_out("cluster is healthy\n")
        return OK
    write_out(f"cluster is {'degraded' if healthy else 'unavailable'}\n")
    return NOT_HEALTHY


def _members(session: Session) -> list[Member]:
    try:
        with session.new_client() as client:
            session.tell_endpoints(client)
            reply = client.send(members.list_members())
        return members.decode_members(reply.head.status, reply.body)
    except ConfigurationError:
        # Nobody was asked: that tells nothing about the cluster.
        raise
    except EtcdError as error:
        write_out("cluster may be unhealthy: failed to list members\n")
        raise CommandError(*describe(error)) from error


def _is_healthy(session: Session, member: Member) -> bool:
    """Ask a member at its URLs in turn until one of them answers, and print what came of it."""
    if not member.client_urls:
        write_out(f"member {member.id} is unreachable: no available published client urls\n")
        return False
    for url in member.client_urls:
        try:
            is_healthy = _ask(session, url)
        except EtcdError as error:
            reason = str(error).rstrip("\n")
            write_out(f"failed to check the health of member {member.id} on {url}: {reason}\n")
            continue
        word = "healthy" if is_healthy else "unhealthy"
        write_out(f"member {member.id} is {word}: got {word} result from {url}\n")
        return is_healthy
    write_out(f"member {member.id} is unreachable: [{' '.join(member.client_urls)}] are all unreachable\n")
    return False


def _ask(session: Session, url: str) -> bool:
    endpoint = parse_endpoint(url)
    # A client of its own for each: a silent member must not use up the time of the next one. It sends no name
    # and no password: /health wants none, and an advertised URL may be anybody's.
    with session.new_client([endpoint], is_anonymous=True) as client:
        try:
            reply = client.ask_only(endpoint, members.health())
        except AttemptError as error:
            # The word order of Go's HTTP client, which scripts have seen here.
            raise AttemptError(
                f'Get "{url}/health": {error.reason}', connected=error.connected, sent=error.sent
            ) from error
    return members.decode_health(reply.head.status, reply.body)
