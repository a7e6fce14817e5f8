"""Which address is answered by whom."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from markupsafe import Markup
from tornado.routing import URLSpec
from tornado.web import RedirectHandler

from web.control import ControlHandler
from web.health import HealthHandler, ReadyHandler
from web.pages.shell import BrowserShell, guard, render
from web.pages.webhooks import WebhooksHandler
from web.signin import SignInHandler
from web.stub import HelloHandler
from web.webhooks import ROUTES, WebhookHandler

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from tornado.web import RequestHandler

    from core.bridge import Bridge
    from web.handover import Answers
    from web.inflight import InFlight
    from web.signin import SignInLink
    from web.stub import StubKeys


def urls(
    bridge: Bridge,
    *,
    link: SignInLink,
    answers: Answers,
    keys: StubKeys,
    executor: Executor,
    control_token: str,
    in_flight: InFlight,
) -> list[URLSpec]:
    """Return every route of the bridge."""
    webhook = {"answers": answers, "in_flight": in_flight}
    page = {"bridge": bridge, "keys": keys, "executor": executor}
    return [
        *(URLSpec(route, WebhookHandler, webhook) for route in ROUTES),
        URLSpec(r"/stub/hello", HelloHandler, {"keys": keys}),
        URLSpec(r"/", RedirectHandler, {"url": "/webhooks", "permanent": False}),
        URLSpec(r"/webhooks", WebhooksHandler, page),
        URLSpec(r"/signin", SignInHandler, {"link": link, "render": _sign_in_page}),
        URLSpec(r"/healthz", HealthHandler),
        URLSpec(r"/readyz", ReadyHandler, {"store": bridge.store, "in_flight": in_flight}),
        URLSpec(
            r"/control/([a-z-]{1,40})",
            ControlHandler,
            {"bridge": bridge, "executor": executor, "token": control_token},
        ),
    ]


def _sign_in_page(handler: RequestHandler, *, used: bool) -> str:
    shell = BrowserShell(secrets.token_urlsafe(16), Markup(""))
    guard(handler, shell.nonce)
    return render("pages/signin.jinja", shell, {"used": used, "tabs": ()})
