"""Sequences of requests by chance, from one number: valid ones mostly, that meet at the same few keys."""

from __future__ import annotations

import random
from collections.abc import Sequence

from tests.differential.playing import Request
from tests.support.wire import FORM

LENGTH = 50
#: Keys that most requests meet at, so that operations act on what earlier ones made.
BUSY = ("/a", "/a", "/b", "/b", "/a/b", "/d", "/d/e", "/_h", "/_h/a", "")
SEGMENTS = ("a", "b", "_h", "c%20d", "%C3%A9", "%3C%26%3E", "e%2Ff", "x;y", "d")
ODD = ("/a/", "/a//b", "/a/../b", "/a/./b", "//", "/%2e%2e/x", "/../..", "/d/")
TRUTHS = ("true", "false", "1", "0", "T", "True", "", "yes", "tRue")
TEXTS = ("", "v", "v", "w", "w", "%3Ca%26%22%5C%0A", "a+b", "%E2%80%A8%7F", "%FF%FE", "%01", "%zz", "a%3Bb")
TTLS = ("100000", "200000", "300000", "", "-1", "1.5", "abc", "0x10")
NUMBERS = ("0", "abc", "-1", "1.0", "+1", "99999999999999999999")
METHODS = ("PUT",) * 12 + ("POST",) * 3 + ("DELETE",) * 5 + ("GET",) * 8 + ("HEAD", "PATCH", "OPTIONS")
KINDS = (FORM,) * 12 + (FORM + "; charset=utf-8", "application/json", "text/plain")
#: The kinds of useful condition and option; chance alone would seldom find them.
USEFUL = (
    *("prevExist=true", "prevExist=false", "dir=true", "recursive=true", "quorum=true", "refresh=true"),
    *("prevValue=v", "prevValue=w", "ttl=100000", "noValueOnSuccess=true", "sorted=true"),
)
NAMES = (
    *("value", "ttl", "prevExist", "prevValue", "prevIndex", "waitIndex", "dir", "recursive", "refresh"),
    *("quorum", "stream", "noValueOnSuccess", "odd"),
)
ODD_PARAMETERS = ("sorted=maybe", "wait=maybe", "unknown=1", "value", "=", "&", "Value=2", "stream=perhaps")


class Chance:
    """Draws requests below `directory`. `index` is where the store stood when the sequence began."""

    def __init__(self, seed: str, directory: str, index: int) -> None:
        self._random = random.Random(seed)
        self._directory = directory
        self._index = index

    def sequence(self, length: int = LENGTH) -> list[Request]:
        """That many requests."""
        return [self._watch(n) if self._is(0.03) else self._request() for n in range(length)]

    def _is(self, share: float) -> bool:
        return self._random.random() < share

    def _one(self, pool: Sequence[str]) -> str:
        return self._random.choice(pool)

    def _key(self) -> str:
        if self._is(0.75):
            return self._one(BUSY)
        if self._is(0.8):
            return "".join("/" + self._one(SEGMENTS) for _ in range(self._random.randint(0, 3)))
        return self._one(ODD)

    def _number(self) -> str:
        # Chosen without knowing what the server has answered; near enough to hit now and then.
        return self._one(NUMBERS) if self._is(0.2) else str(self._index + self._random.randint(0, LENGTH))

    def _parameter(self) -> str:
        if self._is(0.5):
            return self._one(USEFUL)
        name = self._one(NAMES)
        if name == "odd":
            return self._one(ODD_PARAMETERS)
        if name in ("value", "prevValue"):
            return f"{name}={self._one(TEXTS)}"
        if name == "ttl":
            return f"ttl={self._one(TTLS)}"
        if name in ("prevIndex", "waitIndex"):
            return f"{name}={self._number()}"
        return f"{name}={self._one(TRUTHS)}"

    def _parameters(self, most: int) -> list[str]:
        return [self._parameter() for _ in range(self._random.randint(0, most))]

    def _target(self, key: str, query: Sequence[str]) -> str:
        return f"/v2/keys{self._directory}{key}" + ("?" + "&".join(query) if query else "")

    def _request(self) -> Request:
        method = self._one(METHODS)
        query = self._parameters(3) if self._is(0.6) else []
        if method in ("GET", "HEAD"):
            # The original lists in an order of chance unless asked to sort; the first of equal names counts.
            return Request(method, self._target(self._key(), ["sorted=true", *query]))
        body = None
        if self._is(0.85):
            value = f"value={self._one(TEXTS)}"
            body = "&".join([value, *self._parameters(2)] if self._is(0.8) else self._parameters(3)).encode()
        return Request(method, self._target(self._key(), query), body, self._one(KINDS))

    def _watch(self, place: int) -> Request:
        """A watch, and writes after which its key has had an event, whatever was there before.

        Seldom from an index that is still to come: that would be a wait for nothing.
        """
        key = self._one(BUSY)
        query = ["wait=true"]
        if self._is(0.5):
            query.append("recursive=true")
        if self._is(0.5):
            query.append(f"waitIndex={self._index + self._random.randint(-5, place // 3)}")
        here = self._target(key, ())
        nudges = (Request("PUT", here, b"value=nudge"), Request("DELETE", here + "?recursive=true"))
        return Request("GET", self._target(key, query), nudges=nudges)
