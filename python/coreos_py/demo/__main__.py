"""`python -m coreos_py.demo`: one member, the book's etcd section played against it, then a server.

Every command is printed as a person would type it, with what it answered; an answer that is not the book's
is said and makes the exit status of `--once` 1. Otherwise the member then stays in the foreground until
Ctrl-C, SIGTERM or SIGHUP, stops cleanly and the exit status is 0. Standard input is never read.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

from coreos_py.demo.member import Member, MemberFailed, choose_ports
from coreos_py.demo.play import BOOK_TTL_S, play

EPILOG = """\
The data directory is a temporary one and removed at the end, unless --data-dir names it. Ports 2379 and
4001 are used when they are free; when not, their holder is named and other ports are taken.
"""


class _Stop(BaseException):
    """Somebody asked for the end; unwinds whatever is running."""


def _stop(_number: int, _frame: FrameType | None) -> None:
    # Once is enough: a second signal must not break the clean stop that the first one began.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise _Stop


def _own_terminal() -> None:
    """Take Ctrl-C for ourselves when `make` started us from a terminal.

    The terminal sends it to its whole foreground group. `make` would get it too and report a failure,
    although the member stopped as it should; so the demo becomes a foreground group of its own. It can then
    not be suspended (nobody would wake it), hence no Ctrl-Z.
    """
    try:
        is_ours = os.isatty(0) and os.tcgetpgrp(0) == os.getpgrp() != os.getpid()
    except OSError:
        return
    if "MAKELEVEL" not in os.environ or not is_ours:
        return
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())


def _arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m coreos_py.demo",
        description="Start a member, play the book's etcd section against it, keep serving until Ctrl-C.",
        epilog=EPILOG,
    )
    parser.add_argument("--data-dir", type=Path, help="new or empty directory to keep the data in")
    parser.add_argument(
        "--ttl",
        type=int,
        default=BOOK_TTL_S,
        metavar="SECONDS",
        help=f"time to live of /hello2, whose end is waited for ({BOOK_TTL_S})",
    )
    parser.add_argument("--once", action="store_true", help="stop after the play")
    parsed = parser.parse_args(words)
    if parsed.ttl < 1:
        parser.error("--ttl must be at least 1")
    if parsed.data_dir is None or not parsed.data_dir.exists():
        return parsed
    if not parsed.data_dir.is_dir():
        parser.error(f"--data-dir {parsed.data_dir} is not a directory")
    if any(parsed.data_dir.iterdir()):
        parser.error(f"--data-dir {parsed.data_dir} is not empty; the play needs a fresh member")
    return parsed


def _say_how_to_go_on(member: Member, data_dir: Path, is_kept: bool) -> None:
    told = "kept" if is_kept else "removed at the end"
    print(f"\nThe member keeps serving on {', '.join(member.client_urls)}; data in {data_dir} ({told}).")
    print("In another terminal:\n")
    print(f"  curl -L {member.client_urls[-1]}/v2/keys/message -XPUT -d value='Hello world'")
    print(f"  {member.typed('get /message')}\n")
    print("Ctrl-C stops it.")


def _remove(data_dir: Path) -> None:
    try:
        shutil.rmtree(data_dir)
    except OSError as error:
        print(f"demo: {data_dir} is not removed: {error}", file=sys.stderr)


def main(words: list[str] | None = None) -> int:
    """Run the demo; returns the exit status."""
    options = _arguments(words)
    _own_terminal()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # a pipe should see each line when it is printed
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    data_dir: Path | None = options.data_dir
    is_kept = data_dir is not None
    try:
        data_dir = data_dir or Path(tempfile.mkdtemp(prefix="coreos-demo-"))
        with Member(data_dir, choose_ports()) as member:
            differences = play(member, options.ttl)
            if options.once:
                return 1 if differences else 0
            _say_how_to_go_on(member, data_dir, is_kept)
            status = member.wait()
            print(f"demo: the member ended by itself with status {status}", file=sys.stderr)
            return status or 1
    except _Stop:
        print("\nstopped")
        return 0
    except MemberFailed as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    finally:
        if data_dir is not None and not is_kept:
            _remove(data_dir)


if __name__ == "__main__":
    sys.exit(main())
