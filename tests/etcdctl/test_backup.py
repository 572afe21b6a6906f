"""`backup`: 305 of the checklist, and that the copy is whole and starts, taken beside a live member too."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from coreos_py._core import verify
from coreos_py.etcd import backup
from tests.conftest import ServerFactory
from tests.etcdctl.runner import Ctl, Done
from tests.support.server import Kind, Server
from tests.support.waiting import wait_until
from tests.support.walfile import batches, flip, segments

CTL = Ctl.ours()


def take(server: Server, target: Path) -> Done:
    """One backup of a server's data."""
    return CTL.run("backup", "--data-dir", str(server.data_dir), "--backup-dir", str(target))


def moved_to(server: Server, copy: Path) -> Server:
    """The same member on another directory."""
    server.data_dir = copy
    return server


def put(server: Server, first: int, count: int) -> None:
    with server.connect() as connection:
        for number in range(first, first + count):
            connection.put(f"/k/{number}", f"v{number}")


def values(server: Server) -> dict[str, str]:
    listing = server.request("GET", "/v2/keys/k?recursive=true&sorted=true").json()
    return {node["key"]: node["value"] for node in listing["node"]["nodes"]}


@pytest.mark.parametrize("is_running", [False, True], ids=["stopped", "running"])
def test_305_a_backup_twice_then_a_start_on_it(
    make_server: ServerFactory, tmp_path: Path, is_running: bool
) -> None:
    server = make_server().start()
    put(server, 0, 30)
    before = server.request("GET", "/v2/keys/k?recursive=true&sorted=true").body
    if not is_running:
        server.stop()
    copy = tmp_path / "deep" / "copy"
    assert take(server, copy) == (0, "", "")
    again = take(server, copy)
    assert (again.code, again.out) == (1, "")
    assert "file already exists" in again.err
    if is_running:
        # What comes after the backup is not in it.
        put(server, 30, 1)
        server.stop()
    assert sorted(path.name for path in copy.parent.iterdir()) == ["copy"]
    assert (copy / "member").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in copy.rglob("*") if path.is_file()} == {0o600}
    shutil.rmtree(server.data_dir)
    restored = moved_to(server, copy).start()
    assert restored.request("GET", "/v2/keys/k?recursive=true&sorted=true").body == before


def test_305_the_original_refuses_the_second_one_too(make_server: ServerFactory, tmp_path: Path) -> None:
    if shutil.which("/usr/bin/etcdctl") is None:
        pytest.skip("Debian's etcd-client (the oracle) is not installed")
    server = make_server(Kind.ETCD34).start()
    server.request("PUT", "/v2/keys/a", b"value=1")
    debian = Ctl(["/usr/bin/etcdctl"], "", {"ETCDCTL_API": "2"})
    words = ("backup", "--data-dir", str(server.data_dir), "--backup-dir", str(tmp_path / "copy"))
    first, second = debian.run(*words), debian.run(*words)
    assert (first.code, first.out) == (0, "")
    assert second.code != 0


def test_backups_while_writing_hold_everything_that_was_answered(
    make_server: ServerFactory, tmp_path: Path
) -> None:
    """Writers go on during each copy; what had been answered before it began is in it, and it is sound."""
    server = make_server(flags=["--snapshot-count", "150"]).start()
    end = threading.Event()
    answered = 0

    def write() -> None:
        nonlocal answered
        with server.connect() as connection:
            while not end.is_set():
                connection.put(f"/k/{answered % 200}", f"{answered}" + "x" * 500)
                answered += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        copies = []
        for number in range(4):
            wait_until(lambda least=answered + 100: answered > least)  # type: ignore[misc]
            known = answered
            copy = tmp_path / f"copy{number}"
            assert take(server, copy) == (0, "", "")
            report = verify(str(copy))
            assert report["ok"], report
            copies.append((copy, known, report))
    finally:
        end.set()
        writer.join()
    server.stop()
    # The first three entries are the member's own, each write is one more.
    assert all(report["last_index"] >= known + 3 for _, known, report in copies)
    assert any(report["snapshots"] for _, _, report in copies)
    copy, known, _ = copies[-1]
    restored = moved_to(server, copy).start()
    assert max(int(value.rstrip("x")) for value in values(restored).values()) >= known - 1


def test_a_stopped_member_cannot_be_started_during_its_backup(
    make_server: ServerFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = make_server().start()
    server.stop()
    copy_until_sound = backup._copy_until_sound
    tried = []

    def start_first(data_dir: Path, partial: Path, *, tries: int) -> None:
        tried.append(server.refuses_to_start())
        copy_until_sound(data_dir, partial, tries=tries)

    monkeypatch.setattr(backup, "_copy_until_sound", start_first)
    backup.back_up(server.data_dir, tmp_path / "copy")
    assert "in use by" in tried[0]
    assert verify(str(tmp_path / "copy"))["ok"]


def test_damage_is_not_handed_on(make_server: ServerFactory, tmp_path: Path) -> None:
    server = make_server().start()
    put(server, 0, 20)
    server.stop()
    (segment,) = segments(server.data_dir)
    flip(segment, batches(segment)[5].payload_at + 3)
    code, out, err = take(server, tmp_path / "copy")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "no sound copy" in err
    assert "coreos etcd verify" in err
    assert [path.name for path in tmp_path.iterdir() if "copy" in path.name] == []


def test_a_file_that_goes_while_it_is_copied_means_once_more(
    make_server: ServerFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a snapshot does to a running member's files, at the worst moment, once and for ever."""
    server = make_server().start()
    put(server, 0, 5)
    server.stop()
    extra = server.data_dir / "member" / "snap" / f"{1:016x}-{2:016x}.snap"
    names = backup._names
    calls = 0

    def moving(data_dir: Path, *, times: int) -> list[str]:
        nonlocal calls
        calls += 1
        found = names(data_dir)
        if calls <= times:
            found.append(f"member/snap/{extra.name}")
        return found

    monkeypatch.setattr(backup, "_names", lambda data_dir: moving(data_dir, times=2))
    # Somebody else holds the lock, as a running member does.
    holder = os.open(server.data_dir / "LOCK", os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    backup.back_up(server.data_dir, tmp_path / "copy")
    assert calls > 2
    assert verify(str(tmp_path / "copy"))["ok"]
    calls = -1000
    with pytest.raises(backup.BackupError, match="meanwhile"):
        backup.back_up(server.data_dir, tmp_path / "copy2")
    os.close(holder)
    assert not (tmp_path / "copy2").exists()


def test_what_is_appended_to_is_read_from_its_end(tmp_path: Path) -> None:
    """The control of the order: read from the beginning, it would hold a late page without an early one."""
    source = tmp_path / "a.wal"
    source.write_bytes(bytes(4 * 4096))
    descriptor = os.open(source, os.O_RDWR)
    pread = os.pread

    def late(file: int, count: int, offset: int) -> bytes:
        part = pread(file, count, offset)
        # A writer adds the next page after each read, in order, as a log does.
        written = late.pages  # type: ignore[attr-defined]
        os.pwrite(file, b"x" * 4096, written * 4096)
        late.pages = written + 1  # type: ignore[attr-defined]
        return part

    late.pages = 0  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pread", late)
        backup._copy_file(descriptor, tmp_path / "b.wal")
    os.close(descriptor)
    pages = [(tmp_path / "b.wal").read_bytes()[at : at + 1] for at in range(0, 4 * 4096, 4096)]
    assert pages == [b"x", b"x", b"\0", b"\0"]


def test_what_cannot_be_backed_up(tmp_path: Path) -> None:
    def failure(*words: str) -> str:
        code, out, err = CTL.run("backup", *words)
        assert (code, out, err.count("\n")) == (1, "", 1)
        return err

    here = ["--backup-dir", str(tmp_path / "copy")]
    assert failure(*here) == "--data-dir required\n"
    assert failure("--data-dir", "d") == "--backup-dir required\n"
    none = tmp_path / "none"
    assert failure("--data-dir", str(none), *here) == f"open {none}/member/snap: no such file or directory\n"
    foreign = tmp_path / "foreign"
    (foreign / "member" / "snap").mkdir(parents=True)
    assert "was not made by this etcd" in failure("--data-dir", str(foreign), *here)
    assert "inside the data directory" in failure("--data-dir", str(foreign), "--wal-dir", "w", *here)
    assert failure("x") == "No arguments accepted\n"
    assert not (tmp_path / "copy").exists()


def test_no_password_is_asked_for() -> None:
    done = CTL.run("backup", variables={"ETCDCTL_USERNAME": "root"})
    assert done == (1, "", "--data-dir required\n")


def test_coreos_etcd_verify_says_the_copy_is_in_order(make_server: ServerFactory, tmp_path: Path) -> None:
    from tests.support.programs import run_coreos

    server = make_server().start()
    put(server, 0, 3)
    (tmp_path / "copy").mkdir()
    assert take(server, tmp_path / "copy") == (0, "", "")
    told: subprocess.CompletedProcess[str] = run_coreos("etcd", "verify", str(tmp_path / "copy"))
    assert told.returncode == 0, told.stdout
