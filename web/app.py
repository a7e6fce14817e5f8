"""The Tornado application."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from tornado.httpserver import HTTPServer
from tornado.web import Application

from web.blocking import Blocking
from web.inflight import InFlight
from web.signin import SignInLink
from web.stub import StubKeys
from web.urls import urls
from web.webhooks import NotFoundHandler

if TYPE_CHECKING:
    from core.bridge import Bridge

_MOST_BODY_BYTES = 1024 * 1024  # forms; events have a limit of their own


def make_app(
    bridge: Bridge,
    *,
    link: SignInLink | None = None,
    control_token: str = "",
    in_flight: InFlight | None = None,
) -> Application:
    """Return the application for a bridge. Without a control token, nobody can control it."""
    executor = Blocking()
    keys = StubKeys(bridge.store, executor)
    return Application(
        list(
            urls(
                bridge,
                link=link or SignInLink(),
                keys=keys,
                executor=executor,
                control_token=control_token,
                in_flight=in_flight or InFlight(),
            )
        ),
        cookie_secret=secrets.token_hex(32),  # sessions end with the process
        cross_origin_protection=True,
        default_handler_class=NotFoundHandler,
        log_function=_no_access_log,
        compress_response=False,  # answers hold secrets beside what a visitor chose
    )


def make_server(app: Application, *, behind_proxy: bool = False) -> HTTPServer:
    """Return the HTTP server, with every limit set. `behind_proxy` trusts X-Forwarded-For and -Proto."""
    return HTTPServer(
        app,
        xheaders=behind_proxy,
        max_body_size=_MOST_BODY_BYTES,
        max_header_size=32 * 1024,
        idle_connection_timeout=75,
        body_timeout=10,
    )


def _no_access_log(_handler: object) -> None:
    """Log no requests: their addresses may hold the one-time token, and proxies keep such logs anyway."""
