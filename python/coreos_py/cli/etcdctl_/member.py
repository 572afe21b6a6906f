"""`member list`, `add`, `remove` and `update`."""

from __future__ import annotations

from collections.abc import Sequence

from coreos_py.cli.etcdctl_.admin import ask, no_words, only_word
from coreos_py.cli.etcdctl_.exits import CommandError
from coreos_py.cli.etcdctl_.flags import Values
from coreos_py.cli.etcdctl_.output import write_error, write_out
from coreos_py.cli.etcdctl_.session import Session
from coreos_py.client import members
from coreos_py.client.members import Member

_UPDATE_USAGE = (
    "Provide an ID and a list of comma separated peerURL (0xabcd http://example.com,http://example1.com)\n"
)


def run(name: str, session: Session, _values: Values, words: Sequence[str]) -> None:
    """One subcommand."""
    {"list": _list, "add": _add, "remove": _remove, "update": _update}[name](session, words)


def _list(session: Session, words: Sequence[str]) -> None:
    no_words(words)
    known = ask(session, members.list_members(), members.decode_members)
    leader_id = _leader_id(session)
    write_out("".join(_line(member, is_leader=member.id == leader_id) for member in known))


def _leader_id(session: Session) -> str:
    """The leader's id, or nothing: each member knows the list without one (etcd's client fails)."""
    try:
        return ask(session, members.leader(), members.decode_member).id
    except CommandError as error:
        write_error(f"Failed to get leader:  {error.text}")
        return ""


def _line(member: Member, *, is_leader: bool) -> str:
    peer_urls = ",".join(member.peer_urls)
    if not member.is_started:
        return f"{member.id}[unstarted]: peerURLs={peer_urls}\n"
    return (
        f"{member.id}: name={member.name} peerURLs={peer_urls} clientURLs={','.join(member.client_urls)}"
        f" isLeader={'true' if is_leader else 'false'}\n"
    )


def _add(session: Session, words: Sequence[str]) -> None:
    if len(words) != 2:
        raise CommandError("Provide a name and a single member peerURL\n")
    name, url = words
    added = ask(session, members.add([url]), members.decode_member)
    write_out(f"Added member named {name} with ID {added.id} to cluster\n")
    known = ask(session, members.list_members(), members.decode_members)
    cluster = [
        f"{name if member.id == added.id else member.name}={peer_url}"
        for member in known
        for peer_url in member.peer_urls
    ]
    write_out(
        f'\nETCD_NAME="{name}"\nETCD_INITIAL_CLUSTER="{",".join(cluster)}"\n'
        'ETCD_INITIAL_CLUSTER_STATE="existing"\n'
    )


def _remove(session: Session, words: Sequence[str]) -> None:
    wanted = only_word(words, "Provide a single member ID")
    known = ask(session, members.list_members(), members.decode_members)
    for member in known:
        if member.name == wanted:
            write_error(
                f"Found a member named {wanted}; if this is correct, please use its ID, eg:\n"
                f"\tetcdctl member remove {member.id}\n\n"
            )
    if all(member.id != wanted for member in known):
        raise CommandError(f"Couldn't find a member in the cluster with an ID of {wanted}.\n")
    ask(session, members.remove(wanted), members.decode_done)
    write_out(f"Removed member {wanted} from cluster\n")


def _update(session: Session, words: Sequence[str]) -> None:
    if len(words) != 2:
        raise CommandError(_UPDATE_USAGE)
    member_id, urls = words
    ask(session, members.update(member_id, urls.split(",")), members.decode_done)
    write_out(f"Updated member with ID {member_id} in cluster\n")
