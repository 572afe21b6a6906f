"""Users and roles as JSON.

A user is shown with its roles in full, so a few short requests could make a reply of many gigabytes, whose
rendering would keep everybody waiting. Each role is rendered once, and what is over the limit is refused
before it is put together.
"""

from collections.abc import Iterable

from coreos_py.etcd.endpoints.auth_documents import Names, Table
from coreos_py.etcd.endpoints.refusals import RefusedError
from coreos_py.etcd.endpoints.reply import go_json

# Ten thousand users with a role or two of a usual length are a tenth of it.
SHOWN_BYTES_MAX = 32 << 20


class Shown:
    """What one reply shows of a table."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._roles: dict[str, bytes | None] = {}
        self._bytes = 0

    def role(self, name: str) -> bytes | None:
        """The object of a role, None if there is no such role."""
        if name not in self._roles:
            found = self._table.role(name)
            self._roles[name] = None if found is None else go_json(found)
        role = self._roles[name]
        return None if role is None else self._counted(role)

    def user(self, name: str, roles: Names, *, skips_missing: bool) -> bytes:
        """The object of a user with these roles."""
        shown = []
        for role_name in roles or ():
            role = self.role(role_name)
            if role is not None:
                shown.append(role)
            elif not skips_missing:
                raise RefusedError(404, f"auth: Role {role_name} does not exist.")
        begin = b'{"user":%s' % self._counted(go_json(name))
        return begin + (b',"roles":[%s]}' % b",".join(shown) if shown else b"}")

    def _counted(self, piece: bytes) -> bytes:
        # With the comma behind it.
        self._bytes += len(piece) + 1
        if self._bytes > SHOWN_BYTES_MAX:
            raise RefusedError(
                403,
                f"auth: this would be a reply of more than {SHOWN_BYTES_MAX} bytes: "
                "ask for its parts one by one",
            )
        return piece


def listed(name: str, objects: Iterable[bytes]) -> bytes:
    """An object whose only member is a list."""
    return b'{"%s":[%s]}' % (name.encode(), b",".join(objects))
