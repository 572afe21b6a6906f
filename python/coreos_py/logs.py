"""Structured log lines on stderr: a sentence and fields, as key=value pairs or as JSON objects."""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any

ROOT = "coreos_py"
# Names of etcd's flag and of its log endpoint, to the standard library's levels.
LEVELS = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "notice": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "panic": logging.CRITICAL,
    "fatal": logging.CRITICAL,
    "critical": logging.CRITICAL,
}
_NAMES = {logging.WARNING: "warn", logging.CRITICAL: "fatal"}
_BARE = re.compile(r"[^\s\"=\x00-\x1f\x7f]+")


class Log:
    """A logger whose calls take fields by keyword: `log.info("listening", url=url)`.

    Fields are for what a reader filters by; they never hold request bodies, keys' values or credentials.
    """

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(f"{ROOT}.{name}")

    def debug(self, message: str, **fields: object) -> None:
        """For one who looks for a cause."""
        self._emit(logging.DEBUG, message, fields)

    def info(self, message: str, **fields: object) -> None:
        """What a healthy member does."""
        self._emit(logging.INFO, message, fields)

    def warn(self, message: str, **fields: object) -> None:
        """Somebody should look at it some day."""
        self._emit(logging.WARNING, message, fields)

    def error(self, message: str, *, cause: BaseException | None = None, **fields: object) -> None:
        """Something was not done. `cause` adds its traceback."""
        self._emit(logging.ERROR, message, fields, cause)

    def fatal(self, message: str, **fields: object) -> None:
        """The process ends."""
        self._emit(logging.CRITICAL, message, fields)

    def _emit(
        self, level: int, message: str, fields: dict[str, object], cause: BaseException | None = None
    ) -> None:
        if self._logger.isEnabledFor(level):
            # The message is data, never a format string.
            self._logger.log(level, "%s", message, exc_info=cause, extra={"fields": fields})


class _Formatter(logging.Formatter):
    def _parts(self, record: logging.LogRecord) -> dict[str, Any]:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        parts: dict[str, Any] = {
            "time": time.replace("+00:00", "Z"),
            "level": _NAMES.get(record.levelno, record.levelname.lower()),
            "msg": record.getMessage(),
        }
        fields: dict[str, object] = getattr(record, "fields", {})
        parts |= {name: value for name, value in fields.items() if name not in parts}
        if record.exc_info:
            parts["traceback"] = self.formatException(record.exc_info)
        return parts


class TextFormatter(_Formatter):
    """`time=... level=info msg="..." key=value`, one line whatever the values hold."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        return " ".join(f"{name}={_text(value)}" for name, value in self._parts(record).items())


class JsonFormatter(_Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        return json.dumps(self._parts(record), default=str)


def _text(value: object) -> str:
    text = str(value)
    if _BARE.fullmatch(text) and text.isprintable():
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())


def set_up(level: str, style: str) -> None:
    """Log to stderr at a level of `LEVELS`, style `text` or `json`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    root = logging.getLogger(ROOT)
    root.handlers[:] = [handler]
    root.propagate = False
    set_level(level)


def set_level(level: str) -> None:
    """Change the level while running."""
    logging.getLogger(ROOT).setLevel(LEVELS[level])
