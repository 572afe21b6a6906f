"""`user add`, `get`, `list`, `remove`, `grant`, `revoke` and `passwd`."""

from __future__ import annotations

from collections.abc import Sequence

from coreos_py.cli.etcdctl_.admin import ask, no_words, only_word
from coreos_py.cli.etcdctl_.exits import CommandError
from coreos_py.cli.etcdctl_.flags import Values
from coreos_py.cli.etcdctl_.output import write_out
from coreos_py.cli.etcdctl_.passwords import ask_password
from coreos_py.cli.etcdctl_.session import Session
from coreos_py.client import auth

_PROMPT = "New password: "


def run(name: str, session: Session, values: Values, words: Sequence[str]) -> None:
    """One subcommand."""
    if name == "list":
        no_words(words)
        users = ask(session, auth.list_users(), auth.decode_users)
        write_out("".join(f"{user.name}\n" for user in users))
        return
    roles = _roles(values) if name in ("grant", "revoke") else []
    user = only_word(words, "Please provide a username")
    if name == "add":
        _add(session, user)
    elif name == "get":
        found = ask(session, auth.get_user(user), auth.decode_user)
        names = f" {' '.join(found.roles)}" if found.roles else ""
        write_out(f"User: {found.name}\nRoles: {names}\n")
    elif name == "remove":
        ask(session, auth.remove_user(user), auth.decode_done)
        write_out(f"User {user} removed\n")
    elif name == "passwd":
        _change_password(session, user)
    else:
        change = auth.grant_roles if name == "grant" else auth.revoke_roles
        ask(session, change(user, roles), auth.decode_user)
        write_out(f"User {user} updated\n")


def _add(session: Session, given: str) -> None:
    name, colon, password = given.partition(":")
    if not name:
        raise CommandError("Please provide a username\n")
    # The server takes the same request for a change of the password, so it has to be asked first. It is asked
    # for all users: one that has a role which is not there any more cannot be read alone.
    if any(user.name == name for user in ask(session, auth.list_users(), auth.decode_users)):
        raise CommandError(f"User {name} already exists\n")
    ask(session, auth.set_password(name, password if colon else ask_password(_PROMPT)), auth.decode_user)
    write_out(f"User {name} created\n")


def _change_password(session: Session, name: str) -> None:
    if all(user.name != name for user in ask(session, auth.list_users(), auth.decode_users)):
        # The server would make a new user of it.
        raise CommandError(f"User {name} does not exist\n")
    ask(session, auth.set_password(name, ask_password(_PROMPT)), auth.decode_user)
    write_out("Password updated\n")


def _roles(values: Values) -> list[str]:
    """The roles of all `--roles`, each of which may be a list (etcd's client takes `a,b` for one name)."""
    parts = (part.strip() for text in values.texts("roles") for part in text.split(","))
    if not (roles := list(dict.fromkeys(part for part in parts if part))):
        raise CommandError("No roles specified; please use `-roles`\n")
    return roles
