"""The Tornado application."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from tornado.web import Application

from web.answering import Answering
from web.groups import Groups
from web.inflight import InFlight
from web.signin import SignInLink
from web.urls import urls
from web.webhooks import NotFoundHandler

if TYPE_CHECKING:
    from core.bridge import Bridge
    from web.groups import Group


def make_app(
    bridge: Bridge,
    *,
    link: SignInLink | None = None,
    control_token: str = "",
    in_flight: InFlight | None = None,
    answering: Answering | None = None,
) -> Application:
    """Return the application for a bridge. Without a control token, nobody can control it."""
    deciding = answering or Answering(bridge.ingest)

    def send(group: Group) -> bool:
        deciding.take(group, groups.deliver)
        return True

    groups = Groups(send)
    return Application(
        list(
            urls(
                bridge,
                link=link or SignInLink(),
                answers=groups,
                keys=deciding.keys,
                executor=deciding.executor,
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


def _no_access_log(_handler: object) -> None:
    """Log no requests: their addresses may hold the one-time token, and proxies keep such logs anyway."""
