"""How the number of members changes, and what is left when most of them are lost."""

from __future__ import annotations

from urllib.parse import quote

from tests.cluster.asking import change, ctls, id_of, members, put, value, wait_equal
from tests.cluster.conftest import ClusterFactory
from tests.etcdctl.runner import Ctl
from tests.support.cluster import Cluster, Member
from tests.support.ports import free_port
from tests.support.waiting import wait_until


def add(cluster: Cluster, name: str) -> Member:
    """Add a member with `etcdctl`; it is not started."""
    asked = cluster.members[0]
    new = cluster.new(name)
    code, out, err = Ctl.ours(asked.client_url).run("member", "add", name, new.peer_url)
    assert code == 0, err
    assert out.startswith(f"Added member named {name} with ID ")
    listed = next(line for line in out.splitlines() if line.startswith("ETCD_INITIAL_CLUSTER="))
    new.listed = listed.partition("=")[2].strip('"')
    return new


def wait_voting(cluster: Cluster, count: int) -> None:
    """Until so many members have been told of by the leader, and all of them are well."""
    ctl = Ctl.ours(cluster.members[0].client_url)
    wait_until(lambda: ctl.run("cluster-health").out.count(" is healthy: ") == count)


def test_from_one_to_three_and_the_first_goes_on_meanwhile(make_cluster: ClusterFactory) -> None:
    cluster = make_cluster(1)
    first = cluster.members[0]
    assert put(first, "/a", "0").status == 201
    for number, name in enumerate(("m2", "m3"), 1):
        new = add(cluster, name)
        # The new one is in nobody's way before it has started.
        assert put(first, "/a", str(number)).status == 200
        assert first.request("GET", "/health").status == 200
        new.start()
        wait_equal(cluster, "/a", str(number))
        assert put(new, "/by", name).status in (200, 201)
    wait_voting(cluster, 3)
    # All three count: the cluster outlives its first member.
    first.kill()
    wait_until(lambda: put(cluster.members[2], "/a", "9").status == 200)
    assert value(cluster.members[1], "/a", "?quorum=true") == "9"


def test_a_member_that_never_started_is_removed(make_cluster: ClusterFactory) -> None:
    cluster = make_cluster()
    asked = cluster.members[0]
    new = cluster.new("m4")
    member_id = change(asked, "POST", "", [new.peer_url]).json()["id"]
    for ctl in ctls(asked):
        code, out, _ = ctl.run("cluster-health")
        assert code == 5
        assert f"member {member_id} is unreachable: no available published client urls\n" in out
    code, out, _ = Ctl.ours(asked.client_url).run("member", "remove", member_id)
    assert (code, out) == (0, f"Removed member {member_id} from cluster\n")
    assert len(members(asked)) == 3
    assert change(asked, "DELETE", f"/{member_id}").status == 410
    # Started now, it is told.
    new.launch()
    assert new.wait_exit() == 1
    assert "member count is unequal" in new.stderr()


def test_the_leader_is_removed(make_cluster: ClusterFactory) -> None:
    cluster = make_cluster()
    leader = cluster.leader()
    other = leader.others[0]
    assert change(leader, "DELETE", f"/{id_of(leader)}").status == 204
    assert leader.wait_exit() == 0
    assert "the member has been permanently removed from the cluster" in leader.stderr()
    cluster.forget(leader)
    assert put(other, "/a", "1").status == 201
    wait_equal(cluster, "/a", "1")
    assert len(members(other)) == 2


def test_a_member_that_lost_its_disk_is_replaced(make_cluster: ClusterFactory) -> None:
    cluster = make_cluster()
    assert put(cluster.members[0], "/a", "1").status == 201
    lost = cluster.members[2]
    lost_id = id_of(lost)
    cluster.forget(lost)
    assert change(cluster.members[0], "DELETE", f"/{lost_id}").status == 204
    new = add(cluster, "m3")
    new.start()
    wait_equal(cluster, "/a", "1")
    assert id_of(new) != lost_id
    wait_voting(cluster, 3)


def test_one_of_three_begins_a_new_cluster(make_cluster: ClusterFactory) -> None:
    cluster = make_cluster()
    assert put(cluster.members[0], "/a", "1").status == 201
    wait_equal(cluster, "/a", "1")
    kept = cluster.members[1]
    # Killed, its disk need not say that the write was decided. It was answered all the same.
    for member in cluster.members:
        member.kill()
    kept.flags = ["--force-new-cluster"]
    kept.start()
    assert value(kept, "/a") == "1"
    assert [one["name"] for one in members(kept)] == ["m2"]
    index_before = put(kept, "/b", "1").json()["node"]["createdIndex"]
    assert index_before > 8
    kept.flags = []
    kept.restart()
    assert value(kept, "/b") == "1"
    for gone in [member for member in cluster.members if member is not kept]:
        cluster.forget(gone)
    new = add(cluster, "m4")
    new.start()
    wait_equal(cluster, "/b", "1")


def test_a_backup_begins_a_new_cluster(make_cluster: ClusterFactory) -> None:
    cluster = make_cluster()
    assert put(cluster.members[0], "/a", "1").status == 201
    wait_equal(cluster, "/a", "1")
    source = cluster.members[0]
    restored = cluster.new("m4")
    done = Ctl.ours().run(
        "backup", "--data-dir", str(source.data_dir), "--backup-dir", str(restored.data_dir)
    )
    assert done == (0, "", "")
    restored.flags = ["--force-new-cluster"]
    restored.listed = f"m4={restored.peer_url}"
    restored.start()
    assert value(restored, "/a") == "1"
    assert len(members(restored)) == 1
    assert put(restored, "/only-here", "1").status == 201
    assert value(source, "/only-here") is None
    assert put(source, "/a", "2").status == 200


def test_a_member_moves_to_another_peer_url(make_cluster: ClusterFactory) -> None:
    cluster = make_cluster()
    moved = cluster.members[2]
    member_id = id_of(moved)
    port = free_port()
    new_url = f"http://127.0.0.1:{port}"
    code, out, _ = Ctl.ours(moved.client_url).run("member", "update", member_id, new_url)
    assert (code, out) == (0, f"Updated member with ID {member_id} in cluster\n")
    moved.stop()
    moved.peer_port = port
    assert put(cluster.members[0], "/a", "1").status == 201
    moved.start()
    wait_equal(cluster, "/a", "1")
    assert put(moved, "/a", "2").status == 200
    shown = value(moved, "/_etcd/machines/m3")
    assert shown == f"etcd={quote(moved.client_url, safe='')}&raft={quote(new_url, safe='')}"
    assert value(moved, "/_etcd/config") is not None
