"""The Tornado application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tornado.httputil import (
    ParseBodyConfig,
    ParseMultipartConfig,
    ParseUrlEncodedConfig,
    set_parse_body_config,
)
from tornado.web import Application

from core.auth.passwords import Passwords
from core.auth.service import AuthService
from core.monitoring.notify.password_mail import PasswordMailer
from web.http.batcher import EVENT_LIMITS, Batcher
from web.http.inflight import InFlight
from web.pages.not_found import NotFoundHandler
from web.signin.handlers import SignInGuard
from web.stub.updates import PluginUpdates
from web.ui.message_translation import translate_to
from web.urls import urls
from web.webhooks.dispatcher import Dispatcher

if TYPE_CHECKING:
    from core.bridge import Bridge
    from web.http.batcher import Limits, Requests


MOST_FIELDS = 5000
"""Fields of a form: one that confirms a bulk action has one for each of 2,000 sites, that of rules some for each host."""
# For the whole process: Tornado has no other place for it. No form of the bridge is multipart.
_FORMS = ParseBodyConfig(
    multipart=ParseMultipartConfig(enabled=False),
    urlencoded=ParseUrlEncodedConfig(max_arguments=MOST_FIELDS),
)


def make_app(
    bridge: Bridge,
    *,
    passwords: Passwords | None = None,
    rpc_token: str = "",
    metrics_token: str = "",
    in_flight: InFlight | None = None,
    dispatcher: Dispatcher | None = None,
    event_limits: Limits = EVENT_LIMITS,
    public_url: str = "",
    updates: PluginUpdates | None = None,
) -> Application:
    """Return the application of a bridge whose address in browsers is `public_url`.

    Without `rpc_token` the command line's API is off, without `metrics_token` the metrics are.
    """
    set_parse_body_config(_FORMS)
    dispatcher = dispatcher or Dispatcher(bridge.ingest)
    auth = AuthService(bridge.store, passwords or Passwords())

    def send(batch: Requests) -> bool:
        dispatcher.dispatch(batch, batcher.deliver)
        return True

    batcher = Batcher(send, event_limits)
    mailer = PasswordMailer(auth, translate_to, public_url)
    sign_in = SignInGuard(auth, dispatcher.executor, public_url, mailer=mailer)
    return Application(
        list(
            urls(
                bridge,
                sign_in=sign_in,
                responder=batcher,
                keys=dispatcher.keys,
                executor=dispatcher.executor,
                rpc_token=rpc_token,
                metrics_token=metrics_token,
                in_flight=in_flight or InFlight(),
                updates=updates or PluginUpdates(),
            )
        ),
        cross_origin_protection=True,
        default_handler_class=NotFoundHandler,
        default_handler_args={
            "bridge": bridge,
            "keys": dispatcher.keys,
            "executor": dispatcher.executor,
            "sign_in": sign_in,
        },
        log_function=_no_access_log,
        compress_response=False,  # answers hold secrets beside what a visitor chose
    )


def _no_access_log(_handler: object) -> None:
    """Log no requests: their addresses may hold a link that works once, and proxies keep such logs anyway."""
