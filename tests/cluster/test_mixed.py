"""Processes of two programs in one cluster: ours, and one that knows only the commands of 0.1."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster.asking import put, wait_equal
from tests.cluster.conftest import NAMES
from tests.support import other_program
from tests.support.cluster import Cluster, Member
from tests.support.server import Kind
from tests.support.waiting import wait_until
from tests.support.wire import Reply

NEW = "0.2.0"


@pytest.fixture
def older(tmp_path: Path) -> dict[str, str]:
    """The variables that make a member's process one of the older program."""
    if (why := other_program.missing()) is not None:
        pytest.skip(why)
    return other_program.build("older", tmp_path / "older")


def new_role(member: Member) -> Reply:
    """Ask for what 0.1 does not know."""
    with member.connect(timeout_s=20.0) as conn:
        body = b'{"role": "r"}'
        return conn.request("PUT", "/v2/auth/roles/r", body, (("Content-Type", "application/json"),))


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_what_the_older_program_does_not_know_waits_for_it_and_then_keeps_it_out(
    tmp_path: Path, older: dict[str, str]
) -> None:
    cluster = Cluster(Kind.OURS, tmp_path / "cluster", NAMES[:3])
    last = cluster.members[2]
    last.environment = older
    with cluster:
        for member in cluster.members:
            assert put(member, f"/{member.name}", "1").status == 201
            refused = new_role(member)
            assert refused.status >= 400
            assert b"does not speak version 0.2.0 yet" in refused.body, refused
        for member in cluster.members:
            wait_equal(cluster, f"/{member.name}", "1")

        # The new program on the same data.
        last.stop()
        last.environment = {}
        last.start()
        made = [new_role(cluster.members[0])]

        def is_made() -> bool:
            made.append(new_role(cluster.members[0]))
            return made[-1].status in (200, 201)

        if made[0].status not in (200, 201):
            wait_until(is_made, lambda: made[-1])
        wait_equal(cluster, "/m3", "1")

        # And back: it is refused with what to do, and the others do not need it.
        last.stop()
        last.environment = older
        said = last.refuses_to_start()
        assert f"run version {NEW} or a newer one" in said, said
        assert put(cluster.members[0], "/after", "1").status == 201
        last.environment = {}
        last.start()
        wait_equal(cluster, "/after", "1")
        for member in cluster.members:
            member.assert_no_traces()
