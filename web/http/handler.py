"""Base of all handlers: what a response tells of the server, and what the log tells of a failed request."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import structlog
from tornado.web import HTTPError, RequestHandler

from core.errors import StoreUnavailableError
from web.http.overload_log import OverloadLog

if TYPE_CHECKING:
    from types import TracebackType

logger = structlog.get_logger(__name__)


class Handler(RequestHandler):
    """A handler whose responses name no software, and whose failures are logged without the request.

    Tornado would log the address, in which one-time tokens may stand.
    """

    def set_default_headers(self) -> None:
        """Remove `Server`, by which attackers choose: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.4 ."""
        self.clear_header("Server")

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log why a request failed, by the name of its handler: once in a while where strangers can cause it."""
        name = type(self).__name__
        log: OverloadLog = self.application.settings.setdefault("overload_log", OverloadLog())
        if isinstance(value, StoreUnavailableError):
            log.log(logging.ERROR, "request_failed", handler=name, reason=str(value))
        elif isinstance(value, HTTPError):
            log.log(logging.INFO, "request_refused", handler=name, status=value.status_code)
        elif typ is not None and value is not None:
            logger.error("request_failed", handler=name, exc_info=(typ, value, tb))
