"""/config/local/log as an endpoint: which bodies change the level."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from coreos_py import logs
from coreos_py.etcd.endpoints import router
from coreos_py.etcd.endpoints.reply import Reply, go_json
from tests.etcd.fakes import FakeRequest, fake_context


def change(body: bytes) -> Reply:
    return router.answer(FakeRequest("PUT", "/config/local/log", body=body), fake_context(None))


@pytest.fixture
def log_level() -> Iterator[logging.Logger]:
    logger = logging.getLogger(logs.ROOT)
    before = logger.level
    yield logger
    logger.setLevel(before)


def test_log_level(log_level: logging.Logger) -> None:
    reply = change(b'{"Level":"debug"}')
    assert (reply.status, reply.body) == (204, b"")
    assert log_level.level == logging.DEBUG
    # Names in any case and an end that is not looked at: as Go reads every body that is JSON.
    assert change(b'{"level":"WARNING"} x').status == 204
    assert log_level.level == logging.WARNING


@pytest.mark.parametrize(
    ("body", "message"),
    [(b"{", "Invalid json body"), (b"[]", "Invalid json body"), (b'{"Level":1}', "Invalid json body"),
     (b'{"Level":"X"}', "Invalid log level X"), (b"{}", "Invalid log level "),
     (b"null", "Invalid log level "), (b'{"Level":null}', "Invalid log level "),
     (b'{"Level":"\\ud800"}', "Invalid log level \ufffd"), (b"\xff", "Invalid json body")],
)  # fmt: skip
def test_wrong_log_levels(body: bytes, message: str) -> None:
    reply = change(body)
    assert (reply.status, reply.body) == (400, go_json({"message": message}))
