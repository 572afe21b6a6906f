"""sd_notify: tell the service manager that asked for it (NOTIFY_SOCKET) what the daemon is doing."""

import socket
from collections.abc import Mapping

from coreos_py import logs

_LOG = logs.Log("etcd")


def notify(environ: Mapping[str, str], message: str) -> None:
    """Send one datagram such as `READY=1`. Nobody asked: nothing happens; a failure is only logged."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.sendto(message.encode(), address)
    except OSError as error:
        _LOG.warn("cannot notify the service manager", reason=error)
