"""A reader of a whole directory beside a load."""

from __future__ import annotations

import http.client
import threading
import urllib.error
import urllib.request


class Listing:
    """Lists a directory again and again in a thread, each time to the end; the last one is finished too.

    A listing that fails or is shorter than `least_bytes` is raised at the end: writes beside a reader that
    has stopped are another measurement.
    """

    def __init__(self, url: str, least_bytes: int) -> None:
        self.count = 0
        self._url = url
        self._least_bytes = least_bytes
        self._stop = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._list()
                self.count += 1
        except urllib.error.HTTPError as error:
            with error:
                self._error = RuntimeError(f"a listing was answered with {error.code}")
        except (OSError, RuntimeError, http.client.HTTPException) as error:
            self._error = error

    def _list(self) -> None:
        length = 0
        with urllib.request.urlopen(self._url, timeout=300) as reply:
            while piece := reply.read(1 << 20):
                length += len(piece)
        if length < self._least_bytes:
            raise RuntimeError(f"a listing had {length} bytes, not {self._least_bytes} or more")

    def __enter__(self) -> Listing:
        self._thread.start()
        return self

    def __exit__(self, kind: object, value: object, trace: object) -> None:
        self._stop.set()
        self._thread.join()
        if kind is not None:
            return  # The writes have failed, and that is what is raised.
        if self._error is not None:
            raise RuntimeError(f"the listing beside the writes failed: {self._error!r}") from self._error
        if not self.count:
            raise RuntimeError("no listing was made beside the writes")
