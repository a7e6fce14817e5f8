"""Configure logging to standard error, as text or as JSON lines: see docs/logs.md."""

from __future__ import annotations

import logging
import sys
import threading
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from types import TracebackType

    from structlog.typing import EventDict, Processor, WrappedLogger

TEXT, JSON = "text", "json"
FORMATS = (TEXT, JSON)

# urllib3 logs addresses and tornado logs requests; both may contain secrets.
_QUIET = ("urllib3", "tornado.access", "tornado.general", "alembic")


def log_to_stderr(level: str, log_format: str = TEXT) -> None:
    """Log from a level on ("debug", "info", "warning" or "error"), in one of `FORMATS`."""
    number = logging.getLevelNamesMapping()[level.upper()]
    is_json = log_format == JSON
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_SHARED, structlog.stdlib.add_logger_name, _add_message],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_rendered(is_json=is_json),
            ],
        )
    )
    logging.basicConfig(level=number, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.captureWarnings(is_json)
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, *_SHARED, *_rendered(is_json=is_json)],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(
            sys.stderr
        ),  # in one write, as several processes share it
    )
    if is_json:
        sys.excepthook = _log_uncaught
        threading.excepthook = _log_uncaught_in_thread


def _add_message(_logger: WrappedLogger, _name: str, fields: EventDict) -> EventDict:
    """Give a line of a library an event name of its own, and keep what it says as the message."""
    fields["message"] = fields["event"]
    fields["event"] = "library_message"
    return fields


def _rendered(*, is_json: bool) -> list[Processor]:
    if is_json:
        return [
            structlog.processors.format_exc_info,
            _order,
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ]
    return [
        _join_lists,
        structlog.dev.ConsoleRenderer(
            timestamp_key="time",
            colors=sys.stderr.isatty(),
            # The default one shows local variables where the package rich is installed, and these hold events.
            exception_formatter=structlog.dev.plain_traceback,
        ),
    ]


def _order(_logger: WrappedLogger, _name: str, fields: EventDict) -> EventDict:
    return {name: fields[name] for name in ("time", "level", "event")} | dict(fields)


def _join_lists(_logger: WrappedLogger, _name: str, fields: EventDict) -> EventDict:
    for name, value in fields.items():
        if isinstance(value, list):
            fields[name] = ",".join(map(str, value))
    return fields


_SHARED: tuple[Processor, ...] = (
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
)


def _log_uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    _uncaught(kind, error, traceback)


def _log_uncaught_in_thread(given: threading.ExceptHookArgs) -> None:
    _uncaught(given.exc_type, given.exc_value, given.exc_traceback)


def _uncaught(*exc_info: Any) -> None:
    structlog.get_logger().error("uncaught", exc_info=exc_info)
