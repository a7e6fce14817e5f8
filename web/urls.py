"""The routes of the application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tornado.routing import URLSpec

from web.http.cache import Cache
from web.monitoring.health import HealthHandler, Readiness, ReadyHandler
from web.monitoring.metrics import MetricsHandler
from web.pages.account import AccountHandler
from web.pages.accounts import AccountsHandler, FindingsHandler
from web.pages.add_site import (
    AddSiteHandler,
    CodeHandler,
    CodePluginHandler,
    FormerConnectHandler,
    PluginHandler,
)
from web.pages.address_offer import AddressOfferHandler
from web.pages.alerts import AlertsHandler, HandleAlertHandler
from web.pages.audit import AuditHandler
from web.pages.bridge_link import BridgeLinkHandler
from web.pages.event import EventHandler, QuarantinedRequestHandler
from web.pages.events import DismissHandler, EventsHandler, FindEventsHandler
from web.pages.grants import GrantsHandler
from web.pages.held_pages import HeldPagesHandler
from web.pages.jobs import JobHandler, JobsHandler
from web.pages.meeting import MeetingHandler
from web.pages.meetings import FindMeetingsHandler, MeetingsHandler
from web.pages.overview import OverviewHandler
from web.pages.replay import ReplayHandler
from web.pages.settings import (
    RetentionHandler,
    SecretsHandler,
    SettingsHandler,
    TemplateHandler,
    TrashHandler,
)
from web.pages.sites import DisconnectHandler, SiteHandler, SitesHandler, TestHandler
from web.pages.two_factor import TwoFactorHandler
from web.pages.users import UserSessionsHandler, UsersHandler
from web.pages.webhooks import WebhooksHandler
from web.rpc.handler import RpcHandler
from web.signin.code import SignInCodeHandler
from web.signin.handlers import (
    ConfirmEnterHandler,
    EnterHandler,
    FirstHandler,
    ForgottenPasswordHandler,
    LinkHandler,
    PasswordHandler,
    SignInHandler,
    SignOutHandler,
)
from web.stub.auth import HelloHandler
from web.stub.calendar import CACHE_SECONDS, MOST_CACHED, CalendarHandler
from web.stub.pairing import (
    MOST_MOVES,
    MOST_PAIRINGS,
    ChangedHandler,
    Gate,
    GoodbyeHandler,
    MovedHandler,
    PairHandler,
    RotateHandler,
)
from web.stub.updates import UpdateHandler
from web.webhooks.endpoint import ROUTE
from web.webhooks.handler import WebhookHandler

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from core.bridge import Bridge
    from web.http.inflight import InFlight
    from web.http.messages import Responder
    from web.signin.handlers import SignInGuard
    from web.stub.auth import StubKeys
    from web.stub.updates import PluginUpdates


def urls(
    bridge: Bridge,
    *,
    sign_in: SignInGuard,
    responder: Responder,
    keys: StubKeys,
    executor: Executor,
    rpc_token: str,
    in_flight: InFlight,
    metrics_token: str = "",
    updates: PluginUpdates,
) -> list[URLSpec]:
    """Return every route of the bridge."""
    webhook = {"responder": responder, "in_flight": in_flight}
    page = {"bridge": bridge, "keys": keys, "executor": executor, "sign_in": sign_in}
    report: dict[str, Any] = {"bridge": bridge, "keys": keys, "executor": executor}
    sign_in_page = {"sign_in": sign_in}
    calendar = {
        "store": bridge.store,
        "keys": keys,
        "executor": executor,
        "calendars": Cache(CACHE_SECONDS, max_entries=MOST_CACHED),
    }
    return [
        URLSpec(ROUTE, WebhookHandler, webhook),
        URLSpec(r"/stub/hello", HelloHandler, {"keys": keys}),
        URLSpec(
            r"/stub/pair",
            PairHandler,
            {"bridge": bridge, "executor": executor, "gate": Gate(MOST_PAIRINGS)},
        ),
        URLSpec(r"/stub/moved", MovedHandler, report | {"gate": Gate(MOST_MOVES)}),
        URLSpec(r"/stub/goodbye", GoodbyeHandler, report | {"gate": Gate(MOST_PAIRINGS)}),
        URLSpec(r"/stub/changed", ChangedHandler, report | {"gate": Gate(MOST_PAIRINGS)}),
        URLSpec(r"/stub/rotate", RotateHandler, report | {"gate": Gate(MOST_PAIRINGS)}),
        URLSpec(r"/stub/update(?:/(package))?", UpdateHandler, {"keys": keys, "updates": updates}),
        URLSpec(r"/stub/calendar(?:/([0-9]{1,15}))?", CalendarHandler, calendar),
        URLSpec(r"/", OverviewHandler, page),
        URLSpec(r"/meetings", MeetingsHandler, page),
        URLSpec(r"/meetings/find", FindMeetingsHandler, page),
        URLSpec(r"/meetings/([^/]{1,200})/([0-9]{1,15})", MeetingHandler, page),
        URLSpec(r"/events", EventsHandler, page),
        URLSpec(r"/events/find", FindEventsHandler, page),
        URLSpec(r"/events/replay", ReplayHandler, page),
        URLSpec(r"/events/dismiss", DismissHandler, page),
        URLSpec(r"/events/([0-9]{1,18})", EventHandler, page),
        URLSpec(r"/events/quarantine/([0-9]{1,18})", QuarantinedRequestHandler, page),
        URLSpec(r"/jobs", JobsHandler, page),
        URLSpec(r"/jobs/([0-9]{1,18})", JobHandler, page),
        URLSpec(r"/webhooks", WebhooksHandler, page),
        URLSpec(r"/sites", SitesHandler, page),
        URLSpec(r"/sites/add", AddSiteHandler, page),
        URLSpec(r"/sites/add/([0-9a-f]{16})", CodeHandler, page),
        URLSpec(r"/sites/add/([0-9a-f]{16})/plugin\.zip", CodePluginHandler, page),
        URLSpec(r"/sites/connect", FormerConnectHandler, page),
        URLSpec(r"/sites/([A-Za-z0-9_-]{1,64})", SiteHandler, page),
        URLSpec(r"/sites/([A-Za-z0-9_-]{1,64})/test", TestHandler, page),
        URLSpec(r"/sites/([A-Za-z0-9_-]{1,64})/disconnect", DisconnectHandler, page),
        URLSpec(r"/sites/([A-Za-z0-9_-]{1,64})/address", AddressOfferHandler, page),
        URLSpec(r"/plugin\.zip", PluginHandler, page),
        URLSpec(r"/accounts", AccountsHandler, page),
        URLSpec(r"/accounts/held", HeldPagesHandler, page),
        URLSpec(r"/accounts/grants", GrantsHandler, page),
        URLSpec(r"/jobs/([0-9]{1,18})/findings", FindingsHandler, page),
        URLSpec(r"/settings", SettingsHandler, page),
        URLSpec(r"/settings/secrets", SecretsHandler, page),
        URLSpec(r"/settings/retention", RetentionHandler, page),
        URLSpec(r"/settings/trash", TrashHandler, page),
        URLSpec(r"/settings/template", TemplateHandler, page),
        URLSpec(r"/alerts", AlertsHandler, page),
        URLSpec(r"/alerts/([0-9a-f]{16})", HandleAlertHandler, page),
        URLSpec(r"/users", UsersHandler, page),
        URLSpec(r"/users/sessions", UserSessionsHandler, page),
        URLSpec(r"/audit", AuditHandler, page),
        URLSpec(r"/account", AccountHandler, page),
        URLSpec(r"/account/two-factor", TwoFactorHandler, page),
        URLSpec(r"/bridge-link", BridgeLinkHandler, page),
        URLSpec(r"/signin", SignInHandler, sign_in_page),
        URLSpec(r"/signin/code", SignInCodeHandler, sign_in_page),
        URLSpec(r"/signin/forgotten", ForgottenPasswordHandler, sign_in_page),
        URLSpec(r"/signout", SignOutHandler, sign_in_page),
        URLSpec(r"/first", FirstHandler, sign_in_page),
        URLSpec(r"/password", PasswordHandler, sign_in_page),
        URLSpec(r"/link", LinkHandler, sign_in_page),
        URLSpec(r"/enter", EnterHandler, sign_in_page),
        URLSpec(r"/enter/confirm", ConfirmEnterHandler, sign_in_page),
        URLSpec(r"/healthz", HealthHandler),
        URLSpec(
            r"/metrics", MetricsHandler, {"bridge": bridge, "executor": executor, "token": metrics_token}
        ),
        URLSpec(r"/readyz", ReadyHandler, {"readiness": Readiness(bridge.store), "in_flight": in_flight}),
        URLSpec(
            r"/rpc/([a-z.-]{1,40})",
            RpcHandler,
            {"bridge": bridge, "executor": executor, "token": rpc_token},
        ),
    ]
