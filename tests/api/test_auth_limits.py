"""How much users and roles may be, and how much their requests."""

from __future__ import annotations

from tests.api.test_auth import ROLES, ROOT, USERS, ask, checks, guard, key, kv, put_role, put_user
from tests.conftest import ServerFactory

LIMITS = (
    "not saved: the limits are 10000 users, 10000 roles, 1000 entries in a list and "
    "65536 bytes in all of one user or role"
)


def test_a_role_and_a_user_hold_so_much_and_no_more(make_server: ServerFactory) -> None:
    server = make_server().start()
    patterns = [f"/{number}" for number in range(1000)]
    with server.connect() as conn:
        put_role(conn, "r", patterns, patterns)
        more = ask(conn, "PUT", f"{ROLES}/r", {"role": "r", "grant": kv(["/one"], [])})
        assert (more.status, more.json()) == (403, {"message": f"auth: Role r {LIMITS}"})
        assert len(ask(conn, "GET", f"{ROLES}/r").json()["permissions"]["kv"]["read"]) == 1000
        # Half of what it may be, and then the other half: each fits in a body.
        half = "x" * 32_768
        put_role(conn, "long", [f"/{half}"], [])
        more = ask(conn, "PUT", f"{ROLES}/long", {"role": "long", "grant": kv([], [f"/{half}"])})
        assert (more.status, more.json()) == (403, {"message": f"auth: Role long {LIMITS}"})
        put_user(conn, "al", "pa", "r")
        names = [f"r{number}" for number in range(1000)]
        more = ask(conn, "PUT", f"{USERS}/al", {"user": "al", "grant": names})
        assert (more.status, more.json()) == (403, {"message": f"auth: User al {LIMITS}"})
        assert ask(conn, "PUT", f"{USERS}/al", {"user": "al", "grant": names[:999]}).status == 200
        # It is shown with those of its roles that there are.
        assert [role["role"] for role in ask(conn, "GET", f"{USERS}/al").json()["roles"]] == ["r"]


def test_a_long_header_is_not_looked_at(make_server: ServerFactory) -> None:
    server = make_server().start()
    password = "p" * 72
    with server.connect() as conn:
        guard(conn)
        put_user(conn, "bo", password, "r", by=ROOT)
        before = checks(server)
        assert key(conn, "GET", "/m/x", f"bo:{password}{'x' * 4000}").status == 401
        assert checks(server) == before
        assert key(conn, "GET", "/m/x", f"bo:{password}{'x' * 2000}").status == 200, "the control"
