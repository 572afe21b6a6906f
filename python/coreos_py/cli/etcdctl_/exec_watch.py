"""`exec-watch`."""

from __future__ import annotations

import errno
import os
import queue
import signal
import threading
from collections.abc import Iterator, Sequence

from coreos_py.cli.etcdctl_.exits import CommandError, error_line
from coreos_py.cli.etcdctl_.flags import Values
from coreos_py.cli.etcdctl_.output import encode, write_error
from coreos_py.cli.etcdctl_.session import Session
from coreos_py.client.errors import EtcdError
from coreos_py.client.keys import Event, Result

_EVENTS_AHEAD_MAX = 1024
"""Events kept while a command runs; beyond that the server's history keeps them."""
_LOOK_S = 0.5
"""How long a Ctrl-C may go unseen that comes just before the main thread sleeps: it wakes nobody then."""


def run(_name: str, session: Session, values: Values, words: Sequence[str]) -> None:
    """Run a command for each change, in order and one at a time, until Ctrl-C."""
    key, *command = words or [""]
    if command[:1] == ["--"]:
        command = command[1:]
    if not words or not command:
        raise CommandError(error_line("key and command to exec required"))
    try:
        # A shell without job control starts `etcdctl exec-watch ... &` with this signal ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        events = session.watch(
            key, after_index=values.integer("after-index"), recursive=values.switch("recursive")
        )
        for event in _read_ahead(events):
            if event.concerns_dir:
                write_error(f"Ignored dir {event.node.key} change\n")
            else:
                _execute(command, event)
    except KeyboardInterrupt:
        return


def _read_ahead(events: Iterator[Result]) -> Iterator[Event]:
    """The events, watched for by a thread of its own: a slow command must not let the history run out."""
    ahead: queue.Queue[Event | EtcdError | None] = queue.Queue(_EVENTS_AHEAD_MAX)

    def watch() -> None:
        failure = None
        try:
            for result in events:
                ahead.put(result.event)
        except EtcdError as error:
            failure = error
        finally:
            ahead.put(failure)

    # Starting a process blocks signals in the thread that does it. A Ctrl-C would then go to this one, and
    # the main thread, in which Python looks at signals, would sleep on.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    threading.Thread(target=watch, daemon=True, name="watch").start()
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    while True:
        try:
            item = ahead.get(timeout=_LOOK_S)
        except queue.Empty:
            continue
        if item is None:
            raise CommandError(error_line("the watch has ended"))
        if isinstance(item, EtcdError):
            raise item
        yield item


def _execute(command: Sequence[str], event: Event) -> None:
    """Run the command to its end; its exit status is its own affair."""
    variables = {
        b"ETCD_WATCH_ACTION": encode(event.action),
        b"ETCD_WATCH_KEY": encode(event.node.key),
        b"ETCD_WATCH_VALUE": encode(event.node.value),
        b"ETCD_WATCH_MODIFIED_INDEX": str(event.node.modified_index).encode("ascii"),
    }
    if any(b"\0" in value for value in variables.values()):
        write_error(f"Ignored {event.node.key} change: an environment variable cannot hold its NUL byte\n")
        return
    try:
        process_id = os.posix_spawnp(
            command[0],
            tuple(command),
            {**os.environb, **variables},
            file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)],
            # Python ignores it, and what is ignored stays so in a child: `yes | head` would never end.
            setsigdef=[signal.SIGPIPE],
        )
    except OSError as error:
        if error.errno == errno.E2BIG:
            write_error(
                f"Ignored {event.node.key} change: its value is too long for an environment variable\n"
            )
            return
        raise CommandError(_start_failure(command[0], error)) from error
    os.waitpid(process_id, 0)


def _start_failure(program: str, error: OSError) -> str:
    if isinstance(error, FileNotFoundError) and "/" not in program:
        return f'exec: "{program}": executable file not found in $PATH\n'
    return f"fork/exec {program}: {(error.strerror or str(error)).lower()}\n"
