"""A disk whose power can be cut: ext4 on a loop device whose backing file can be copied at an exact moment.

    tmpfs > outer.img (ext4) > device.img (ext4 with a journal) > the server's data

What the inner file system has submitted to its device is in `device.img`; what it still holds in its page
cache is not, and is lost in a copy, as it is when the power goes. Freezing the outer file system stops every
write to `device.img` at one instant - also in the middle of an fdatasync - so the copy is exact. A copy of a
file that is being written would be a mixture of moments that no disk ever goes through.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

FIFREEZE = 0xC0045877
FITHAW = 0xC0045878
#: Sparse sizes: what is really used is the log, its next segment and snapshots.
DEVICE_MIB = 768
#: What the outer file system needs beside the device, and the memory beside that and a copy of the device.
OUTER_SPARE_MIB = 256
MEMORY_SPARE_MIB = 64
BLOCK_BYTES = 4096
#: The journal is committed by fsync, not by this timer, so that unsynced data stays away from the device.
OPTIONS = "noatime,commit=900"
TOOLS = ("mkfs.ext4", "losetup", "mount", "umount")


def missing() -> str | None:
    """Why this machine cannot do it; None when it can."""
    if os.geteuid() != 0:
        return "needs root (losetup, mount)"
    if absent := [tool for tool in TOOLS if shutil.which(tool, path="/usr/sbin:/sbin:/usr/bin:/bin") is None]:
        return f"needs {', '.join(absent)}"
    if not Path("/dev/loop-control").exists():
        return "needs loop devices (/dev/loop-control)"
    return None


def _run(*words: str) -> str:
    environment = {**os.environ, "PATH": "/usr/sbin:/sbin:/usr/bin:/bin"}
    done = subprocess.run(words, capture_output=True, text=True, env=environment, timeout=120)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout.strip()


@contextmanager
def mounted(kind: str, source: str, point: Path, options: str) -> Iterator[Path]:
    """A mounted file system."""
    point.mkdir(parents=True, exist_ok=True)
    _run("mount", "-t", kind, "-o", options, source, str(point))
    try:
        yield point
    finally:
        _run("umount", str(point))


@contextmanager
def loop(image: Path) -> Iterator[str]:
    """A loop device over an image, through the page cache of the file system that holds it."""
    device = _run("losetup", "--show", "--direct-io=off", "-f", str(image))
    try:
        yield device
    finally:
        _run("losetup", "-d", device)


@contextmanager
def frozen(point: Path) -> Iterator[None]:
    """A file system on which every write and sync waits."""
    descriptor = os.open(point, os.O_RDONLY)
    try:
        fcntl.ioctl(descriptor, FIFREEZE, 0)
        try:
            yield
        finally:
            fcntl.ioctl(descriptor, FITHAW, 0)
    finally:
        os.close(descriptor)


def _image(path: Path, mib: int, *features: str) -> Path:
    with path.open("wb") as file:
        file.truncate(mib << 20)
    _run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", *features, str(path))
    return path


def copy_sparse(source: Path, target: Path) -> int:
    """Copy the allocated parts of a file; bytes copied."""
    copied = 0
    with source.open("rb") as reading, target.open("wb") as writing:
        size = os.fstat(reading.fileno()).st_size
        writing.truncate(size)
        at = 0
        while at < size:
            try:
                at = os.lseek(reading.fileno(), at, os.SEEK_DATA)
            except OSError:
                break
            end = os.lseek(reading.fileno(), at, os.SEEK_HOLE)
            os.lseek(reading.fileno(), at, os.SEEK_SET)
            os.lseek(writing.fileno(), at, os.SEEK_SET)
            while at < end:
                data = os.read(reading.fileno(), min(end - at, 4 << 20))
                written = 0
                while written < len(data):
                    written += os.write(writing.fileno(), memoryview(data)[written:])
                at += len(data)
                copied += len(data)
    return copied


class PowerDisk:
    """The disk. `data` is where a server keeps its files; `cut()` gives the disk as after a power cut."""

    def __init__(self, folder: Path, stack: ExitStack, device_mib: int = DEVICE_MIB) -> None:
        self.folder = folder
        outer_mib = device_mib + OUTER_SPARE_MIB
        memory_mib = outer_mib + device_mib + MEMORY_SPARE_MIB
        memory = stack.enter_context(mounted("tmpfs", "none", folder / "memory", f"size={memory_mib}m"))
        self._memory = memory
        outer_image = _image(memory / "outer.img", outer_mib, "-O", "^has_journal")
        outer = stack.enter_context(loop(outer_image))
        self._outer = stack.enter_context(mounted("ext4", outer, folder / "outer", "noatime"))
        self._device = _image(self._outer / "device.img", device_mib)
        self._copy = memory / "copy.img"
        #: The device while it is in use.
        self._used = stack.enter_context(ExitStack())
        self._use()
        self.data = self._inner / "data"

    def _use(self) -> None:
        inner = self._used.enter_context(loop(self._device))
        self._inner = self._used.enter_context(mounted("ext4", inner, self.folder / "inner", OPTIONS))

    def sync(self) -> None:
        """Put everything on the device (for the control, which needs something to have been kept)."""
        descriptor = os.open(self._inner, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            _run("sync", "-f", str(self._inner))
        finally:
            os.close(descriptor)

    @contextmanager
    def cut(self) -> Iterator[Path]:
        """The data as the device has it at this moment, on a file system of its own (journal replayed)."""
        with frozen(self._outer):
            copy_sparse(self._device, self._copy)
        try:
            with loop(self._copy) as device, mounted("ext4", device, self.folder / "after", OPTIONS) as point:
                yield point / "data"
        finally:
            self._copy.unlink()

    @contextmanager
    def failing(self) -> Iterator[None]:
        """The power goes: on the way out the device is remembered as it was on the way in.

        Nothing can be written meanwhile: whoever uses the disk can be killed without having been told that
        more was. A process that waits for a sync ends only afterwards.
        """
        with frozen(self._outer):
            yield
            copy_sparse(self._device, self._copy)

    def come_back(self) -> None:
        """The power is there again; nobody uses the disk. It has what it had when the power went."""
        self._used.close()
        copy_sparse(self._copy, self._device)
        self._copy.unlink()
        self._use()

    def fill(self) -> Path:
        """Take all of its room away; the file that does it."""
        filler = self._inner / "filler"
        with filler.open("wb") as file:
            at, step = 0, DEVICE_MIB << 20
            while step >= BLOCK_BYTES:
                try:
                    os.posix_fallocate(file.fileno(), at, step)
                    at += step
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    step //= 2
        return filler


@contextmanager
def power_disk(folder: Path, device_mib: int = DEVICE_MIB) -> Iterator[PowerDisk]:
    """A fresh disk, taken apart at the end."""
    with ExitStack() as stack:
        yield PowerDisk(folder, stack, device_mib)
