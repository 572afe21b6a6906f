"""`backup`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from coreos_py.cli.etcdctl_.admin import no_words
from coreos_py.cli.etcdctl_.exits import CommandError
from coreos_py.cli.etcdctl_.flags import Values
from coreos_py.cli.etcdctl_.session import Session
from coreos_py.etcd.backup import BackupError, back_up


def run(_name: str, _session: Session, values: Values, words: Sequence[str]) -> None:
    """Copy a member's data directory; silent when that worked."""
    no_words(words)
    for flag in ("wal-dir", "backup-wal-dir"):
        if values.text(flag):
            raise CommandError(f"--{flag} cannot be used: the log lives inside the data directory\n")
    for flag in ("data-dir", "backup-dir"):
        if not values.text(flag):
            raise CommandError(f"--{flag} required\n")
    try:
        back_up(Path(values.text("data-dir")), Path(values.text("backup-dir")))
    except BackupError as error:
        raise CommandError(f"{error}\n") from error
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise CommandError(f"{where}{(error.strerror or str(error)).lower()}\n") from error
