"""What a watch makes of replies that come all at once, and of a server that closes after each."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from coreos_py.client import BlockingClient
from tests.client.faces import PATIENT, play_watch
from tests.etcdctl.fake import Answer, Asked, FakeServer, always, file_event

SILENT = Answer(b"HTTP/1.1 200 OK\r\nX-Etcd-Index: 7\r\nTransfer-Encoding: chunked\r\n\r\n", "hang")


@pytest.mark.parametrize("start_index", [0, 8], ids=["from now on", "from the past"])
@pytest.mark.parametrize(
    "first", ["HTTP/1.1 200 OK\r\nConnection: close", "HTTP/1.0 200 OK", "HTTP/1.1 200 OK"]
)
def test_an_event_that_comes_with_its_head_is_told(shell: str, first: str, start_index: int) -> None:
    """As proxies do that wait for the whole of a reply; the last one is the control: it stays open."""
    then = "keep" if first == "HTTP/1.1 200 OK" else "close"

    def answer(asked: Asked) -> Answer:
        found = re.search(r"waitIndex=(\d+)", asked.target)
        index = int(found[1]) if found else 8
        if index > 10:
            return SILENT
        body = json.dumps(file_event(f"v{index}", index, "set")).encode()
        head = f"{first}\r\nX-Etcd-Index: {index - 1}\r\nContent-Length: {len(body)}\r\n\r\n"
        return Answer(head.encode() + body, then)

    def start(etcd: Any) -> Any:
        return etcd.watch("/k", wait_index=start_index)

    with FakeServer(answer) as server:
        told = play_watch(shell, server.url, start, 3, PATIENT._replace(outage_s=5.0))
        assert [event.value for event in told] == ["v8", "v9", "v10"]
        # Nothing was asked for twice.
        assert len(server.asked) == 3


def test_a_closed_blocking_watch_cannot_be_entered() -> None:
    with FakeServer(always(SILENT)) as server, BlockingClient(server.url, PATIENT) as etcd:
        watch = etcd.watch("/k")
        watch.close()
        with pytest.raises(ValueError, match="was closed"), watch:
            pass
        with pytest.raises(StopIteration):
            next(watch)
