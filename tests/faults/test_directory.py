"""Whose directory it is: held by a running member, another program's, another cluster's, or half made."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.conftest import ServerFactory
from tests.support.server import Kind, Server
from tests.support.walfile import segments


def test_a_second_process_is_refused(make_server: ServerFactory) -> None:
    """It names the directory and the holder; the first goes on, also over a restart."""
    first = make_server(Kind.OURS).start()
    second = make_server(Kind.OURS, data_dir=first.data_dir)
    said = second.refuses_to_start()
    assert str(first.data_dir) in said, said
    assert str(first.pid) in said, said
    assert first.request("PUT", "/v2/keys/a", b"value=1").status == 201
    first.kill()
    # The lock of a killed process does not stay.
    first.start()
    assert first.request("GET", "/v2/keys/a").status == 200


def contents(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def assert_refused_and_left_alone(server: Server, folder: Path) -> None:
    """The start on this folder fails, the refusal names it, and nothing in it has changed."""
    before = contents(folder)
    said = server.refuses_to_start()
    assert str(folder) in said, said
    after = contents(folder)
    after.pop("LOCK", None)
    assert after == before


def test_a_foreign_directory_is_refused_and_left_alone(make_server: ServerFactory, tmp_path: Path) -> None:
    folder = tmp_path / "foreign"
    (folder / "photos").mkdir(parents=True)
    (folder / "photos" / "cat.jpg").write_bytes(b"cat")
    assert_refused_and_left_alone(make_server(Kind.OURS, data_dir=folder), folder)


def test_a_directory_of_etcd_is_refused_and_left_alone(make_server: ServerFactory, tmp_path: Path) -> None:
    """It has `member/wal` and `member/snap` like ours, in another format."""
    folder = tmp_path / "etcd"
    other = make_server(Kind.ETCD34, data_dir=folder).start()
    other.stop()
    assert_refused_and_left_alone(make_server(Kind.OURS, data_dir=folder), folder)


def test_lost_and_found_is_not_foreign(make_server: ServerFactory, tmp_path: Path) -> None:
    """The root of a fresh file system of its own is a good place."""
    folder = tmp_path / "fresh"
    (folder / "lost+found").mkdir(parents=True)
    server = make_server(Kind.OURS, data_dir=folder).start()
    assert server.request("PUT", "/v2/keys/a", b"value=1").status == 201


def test_a_log_of_another_cluster_is_refused(make_server: ServerFactory) -> None:
    mine, other = make_server(Kind.OURS).start(), make_server(Kind.OURS, name="m2").start()
    for server in (mine, other):
        server.request("PUT", "/v2/keys/a", b"value=1")
        server.stop()
    (segment,) = segments(mine.data_dir)
    (theirs,) = segments(other.data_dir)
    shutil.copyfile(theirs, segment)
    said = mine.refuses_to_start()
    assert segment.name in said, said


def test_an_unfinished_creation_is_begun_again(make_server: ServerFactory, tmp_path: Path) -> None:
    """A crash while the directory was made: folders and a half written file, but no identity."""
    folder = tmp_path / "half"
    (folder / "member" / "wal").mkdir(parents=True)
    (folder / "member" / "snap").mkdir()
    (folder / "member" / "identity.tmp").write_bytes(b"coreos-et")
    server = make_server(Kind.OURS, data_dir=folder).start()
    assert server.request("PUT", "/v2/keys/a", b"value=1").status == 201
    assert not (folder / "member" / "identity.tmp").exists()


def test_a_directory_that_cannot_be_made(make_server: ServerFactory, tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("not a directory")
    said = make_server(Kind.OURS, data_dir=blocker / "data").refuses_to_start()
    assert str(blocker) in said, said
