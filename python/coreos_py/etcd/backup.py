"""A consistent copy of a member's data directory, from its files alone, whether the member runs or not.

A stopped member is kept from starting by its lock. A running one goes on writing, and this is why the copy is
consistent all the same (docs/formats.md): files are only added, appended to or deleted, so the names are read
again after all files have been opened, until nothing has come or gone in between; and what is appended to is
read from its end to its beginning, so that nothing late is in the copy without everything before it. What was
being written at that moment is a torn tail like that of a power cut, which a start cuts off.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

_PAGE_BYTES = 4096
_CHUNK_BYTES = 1 << 20
_TRIES = 10
_FOLDERS = ("member/wal", "member/snap")


class BackupError(Exception):
    """There is no backup; the text is one line for people."""


class _Moved(Exception):
    """What was copied is not one state of the member."""


def back_up(data_dir: Path, backup_dir: Path) -> None:
    """Copy the member in `data_dir` to `backup_dir`, which is there completely or not at all.

    The copy has been synced and verified. Raises `BackupError` and `OSError`.
    """
    if backup_dir.exists() and not _is_empty_dir(backup_dir):
        raise BackupError(f"{backup_dir}: file already exists")
    if not (data_dir / "member").is_dir():
        raise BackupError(f"open {data_dir}/member/snap: no such file or directory")
    if not (data_dir / "member" / "identity").is_file():
        raise BackupError(f"{data_dir} was not made by this etcd: it has no member/identity")
    backup_dir.parent.mkdir(parents=True, exist_ok=True)
    partial = backup_dir.with_name(f"{backup_dir.name}.partial-{os.getpid()}")
    try:
        with _held_if_stopped(data_dir) as is_stopped:
            _copy_until_sound(data_dir, partial, tries=1 if is_stopped else _TRIES)
        partial.rename(backup_dir)
        _sync_dir(backup_dir.parent)
    finally:
        _remove(partial)


def _remove(path: Path) -> None:
    if path.exists():
        shutil.rmtree(path)


def _is_empty_dir(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


@contextmanager
def _held_if_stopped(data_dir: Path) -> Iterator[bool]:
    """Hold the member's lock if nobody else does: whether that is so. A start meanwhile is refused."""
    try:
        descriptor = os.open(data_dir / "LOCK", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        # A copy that was never started has none, and there is nothing to keep a start from.
        yield False
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_stopped = True
        except BlockingIOError:
            is_stopped = False
        yield is_stopped
    finally:
        os.close(descriptor)


def _copy_until_sound(data_dir: Path, partial: Path, *, tries: int) -> None:
    reason = ""
    for _ in range(tries):
        _remove(partial)
        try:
            _copy(data_dir, partial)
            problems = _problems(partial)
        except _Moved as moved:
            reason = str(moved)
            continue
        if not problems:
            return
        reason = "; ".join(problems)
    raise BackupError(
        f"no sound copy of {data_dir} could be made: {reason} (see `coreos etcd verify {data_dir}`)"
    )


def _problems(copy: Path) -> list[str]:
    """What the member's own check says of the copy."""
    from coreos_py._core import EngineError, verify

    try:
        report = verify(str(copy))
    except EngineError as error:
        return [str(error)]
    return [] if report["ok"] else list(report["problems"])


def _copy(data_dir: Path, partial: Path) -> None:
    if (data_dir / "member" / "repair").exists():
        raise BackupError(f"a repair of {data_dir} is under way: end it first with `coreos etcd repair`")
    for folder in (partial, partial / "member", *(partial / name for name in _FOLDERS)):
        folder.mkdir(mode=0o700)
    names = _names(data_dir)
    with ExitStack() as stack:
        sources = {}
        for name in names:
            try:
                descriptor = os.open(data_dir / name, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                raise _Moved(f"{name} has been deleted meanwhile") from None
            stack.callback(os.close, descriptor)
            sources[name] = descriptor
        if _names(data_dir) != names:
            raise _Moved("files have come and gone meanwhile")
        for name, source in sources.items():
            _copy_file(source, partial / name)
    for folder in (*(partial / name for name in _FOLDERS), partial / "member", partial):
        _sync_dir(folder)


def _names(data_dir: Path) -> list[str]:
    """What belongs to a backup: the identity, the segments in use, the snapshots."""
    found = ["member/identity"]
    for folder, suffix in zip(_FOLDERS, (".wal", ".snap"), strict=True):
        found += sorted(
            f"{folder}/{path.name}" for path in (data_dir / folder).iterdir() if path.name.endswith(suffix)
        )
    return found


def _copy_file(source: int, target: Path) -> None:
    """Copy an open file from its end to its beginning, a page at a time where it may be appended to."""
    length = os.fstat(source).st_size
    step = _PAGE_BYTES if target.suffix == ".wal" else _CHUNK_BYTES
    copy = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.ftruncate(copy, length)
        for offset in range((length - 1) // step * step, -1, -step):
            part = os.pread(source, step, offset)
            if os.pwrite(copy, part, offset) != len(part):
                raise BackupError(f"{target}: short write")
        os.fsync(copy)
    finally:
        os.close(copy)


def _sync_dir(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
