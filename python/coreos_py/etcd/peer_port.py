"""The peer port of a cluster of one: /members and /version for tools that ask there."""

import socket

import trio

from coreos_py import logs
from coreos_py.etcd.descriptors import PEERS_MAX
from coreos_py.etcd.endpoints.context import Context
from coreos_py.etcd.endpoints.reply import Reply, as_json, method_not_allowed, not_found
from coreos_py.etcd.endpoints.version import version

_LOG = logs.Log("etcd")
_HEAD_BYTES_MAX = 16 * 1024
_REQUEST_S = 5.0
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed"}


class PeerPort:
    """Answers on accepted sockets, each of which has one of `places`."""

    def __init__(self, context: Context) -> None:
        self.places = trio.Semaphore(PEERS_MAX, max_value=PEERS_MAX)
        self._context = context

    async def serve(self, connection: socket.socket, remote: str) -> None:
        """One request, one reply, the end. Takes ownership of the socket and gives its place back."""
        try:
            async with trio.SocketStream(trio.socket.from_stdlib_socket(connection)) as stream:
                with trio.move_on_after(_REQUEST_S):
                    await self._serve(stream)
        except trio.BrokenResourceError as error:
            _LOG.debug("peer connection lost", remote=remote, reason=error.__cause__)
        finally:
            self.places.release()

    async def _serve(self, stream: trio.SocketStream) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            data = await stream.receive_some(_HEAD_BYTES_MAX)
            head += data
            if not data or len(head) > _HEAD_BYTES_MAX:
                return
        await stream.send_all(write_reply(answer_peer(head, self._context)))
        await stream.send_eof()
        # Closing with unread bytes would take the reply back.
        while await stream.receive_some(_HEAD_BYTES_MAX):
            pass


def answer_peer(head: bytes, context: Context) -> Reply:
    """The reply to a request's head."""
    words = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        return Reply(400)
    method, path = words[0], words[1].partition("?")[0]
    if path not in ("/members", "/version"):
        return not_found()
    if method != "GET":
        return method_not_allowed("GET")
    if path == "/members":
        return as_json(200, _members(context), newline=True, cluster=context.cluster_id())
    return version(_Nothing(), context)


def _members(context: Context) -> list[dict[str, object]]:
    """As etcd's peers show them: ids are numbers here."""
    return [
        {"id": m["id"], "peerURLs": m["peer_urls"], "name": m["name"], "clientURLs": m["client_urls"]}
        for m in context.member.members()
    ]


class _Nothing:
    """A request whose details do not matter."""

    method = "GET"
    path = "/version"
    query = ""
    headers: list[tuple[str, str]] = []  # noqa: RUF012 - never changed
    body = b""
    is_root = False


def write_reply(reply: Reply) -> bytes:
    """A whole reply that ends the connection."""
    headers = [*reply.headers, ("Content-Length", str(len(reply.body))), ("Connection", "close")]
    lines = [
        f"HTTP/1.1 {reply.status} {_REASONS[reply.status]}",
        *(f"{name}: {value}" for name, value in headers),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + reply.body
