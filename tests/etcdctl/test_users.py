"""Debian's `etcdctl` for users, roles and authentication, against ours and against Debian's etcd."""

from __future__ import annotations

import shutil

import pytest

from tests.conftest import ServerFactory
from tests.etcdctl.runner import Ctl, Done, client_url
from tests.support.server import Kind

DEBIAN = "/usr/bin/etcdctl"
COMMANDS = """\
user list
user add root:pw
user add al:pa
user add al:pa
role add r
role add r
role grant r --path /m/* --readwrite
role get r
role list
user grant al --roles r
user get al
user grant al --roles r
auth enable
auth enable
user list
-u root:pw user list
-u root:pw role revoke guest --path /* --write
set /m/x 1
-u al:pa set /m/x 1
-u al:pa set /q 1
-u al:wrong get /m/x
get /m/x
-u al:pa ls /m/
-u root:pw role revoke r --path /m/* --write
-u al:pa set /m/x 2
-u root:pw user revoke al --roles r
-u root:pw user get al
-u root:pw user remove al
-u root:pw user remove root
-u root:pw role remove r
-u root:pw auth disable
auth disable
user remove root
role get guest
"""


def play(ctl: Ctl) -> list[tuple[str, Done]]:
    return [(line, ctl.run(*line.split())) for line in COMMANDS.splitlines()]


@pytest.mark.parametrize("kind", [Kind.OURS, Kind.UPSTREAM], ids=lambda kind: kind.value)
def test_same_answers_as_from_debians_server(make_server: ServerFactory, kind: Kind) -> None:
    if shutil.which(DEBIAN) is None:
        pytest.skip("Debian's etcd-client (the oracle) is not installed")
    theirs, ours = (
        play(Ctl([DEBIAN], client_url(make_server(one).start()), {"ETCDCTL_API": "2"}))
        for one in (Kind.ETCD34, kind)
    )
    assert ours == theirs
    # The control: they did succeed and fail.
    codes = [done.code for _, done in theirs]
    assert codes.count(0) > 20
    assert set(codes) == {0, 1, 4}
