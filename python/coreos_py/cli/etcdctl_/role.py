"""`role add`, `get`, `list`, `remove`, `grant` and `revoke`."""

from __future__ import annotations

from collections.abc import Sequence

from coreos_py.cli.etcdctl_.admin import ask, no_words, only_word
from coreos_py.cli.etcdctl_.exits import CommandError
from coreos_py.cli.etcdctl_.flags import Values
from coreos_py.cli.etcdctl_.output import write_out
from coreos_py.cli.etcdctl_.session import Session
from coreos_py.client import auth
from coreos_py.client._text import clean_key

_FORBIDDEN = 403
_CONFLICT = 409


def run(name: str, session: Session, values: Values, words: Sequence[str]) -> None:
    """One subcommand."""
    if name == "list":
        no_words(words)
        roles = ask(session, auth.list_roles(), auth.decode_roles)
        write_out("".join(f"{role.name}\n" for role in roles))
        return
    read, write = _patterns(values) if name in ("grant", "revoke") else ([], [])
    role = only_word(words, "Please provide a role name")
    if name == "add":
        _add(session, role)
    elif name == "get":
        _show(session, role)
    elif name == "remove":
        ask(session, auth.remove_role(role), auth.decode_done)
        write_out(f"Role {role} removed\n")
    else:
        change = auth.grant_permissions if name == "grant" else auth.revoke_permissions
        ask(session, change(role, read=read, write=write), auth.decode_role)
        write_out(f"Role {role} updated\n")


def _add(session: Session, name: str) -> None:
    def decode(status: int, body: bytes) -> auth.Role:
        # The role root is always there, and a request to make it is refused as one to change it.
        if status == _CONFLICT or (status == _FORBIDDEN and name == "root"):
            raise CommandError(f"Role {name} already exists\n")
        return auth.decode_role(status, body)

    ask(session, auth.create_role(name), decode)
    write_out(f"Role {name} created\n")


def _show(session: Session, name: str) -> None:
    role = ask(session, auth.get_role(name), auth.decode_role)
    read = "".join(f"\t{pattern}\n" for pattern in role.read)
    write = "".join(f"\t{pattern}\n" for pattern in role.write)
    write_out(f"Role: {role.name}\nKV Read:\n{read}KV Write:\n{write}")


def _patterns(values: Values) -> tuple[list[str], list[str]]:
    """What is to be read and what is to be written."""
    path = values.text("path")
    if not path:
        raise CommandError("No path specified; please use `-path`\n")
    canonical = clean_key(path) + ("/" if path.endswith("/") and path.strip("/") else "")
    if path != canonical:
        raise CommandError(f"Not canonical path; please use `-path={canonical}`\n")
    chosen = [name for name in ("read", "write", "readwrite") if values.switch(name)]
    if len(chosen) != 1:
        raise CommandError("Please specify exactly one of -read, -write or -readwrite\n")
    return ([path] if chosen[0] != "write" else [], [path] if chosen[0] != "read" else [])
