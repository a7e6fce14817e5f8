"""The Alerts page: where alerts are sent, and what was delivered; and the page on which one alert is handled."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from core.errors import AlertChannelError, AlertError
from core.monitoring.notify import handling, setup
from core.monitoring.notify.handling import LONGEST_REASON
from core.monitoring.notify.settings import PORTS
from core.monitoring.notify.setup import NewChannel
from core.monitoring.notify.texts import describe
from core.monitoring.overview import current_alerts
from core.store.alerts import channels, deliveries, open_alerts
from core.store.alerts.channels import LONGEST_NAME, ChannelKind
from core.store.alerts.deliveries import DeliveryState
from core.store.alerts.open_alerts import Handling
from core.store.db import clock as store_clock
from core.store.sites import sites
from web.http.cache import application_cache
from web.pages.overview import OverviewHandler
from web.pages.page import PageHandler
from web.ui import i18n

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.bridge import Bridge
    from core.monitoring.alerts import Alert
    from core.store.alerts.channels import Channel
    from core.store.alerts.deliveries import Delivery
    from core.store.alerts.open_alerts import OpenAlert
    from core.store.sites.sites import SiteName

_MOST_DELIVERIES = 30
_LONGEST = 4000
_REFRESH_SECONDS, _REFRESH_SECONDS_WHILE_SENDING = 30, 2
_SNOOZES = (8, 24, 72, 7 * 24, 30 * 24)
_FIELDS = ("name", "site", "language", "host", "port", "security", "username", "sender", "recipients", "url")


@dataclass(frozen=True, slots=True)
class ChannelLine:
    """A channel, where it sends, the name of its site (empty: all), and its last delivery."""

    channel: Channel
    target: str
    site_name: str
    last: Delivery | None


@dataclass(frozen=True, slots=True)
class DeliveryLine:
    """A delivery, and the name of its channel."""

    delivery: Delivery
    channel_name: str


@dataclass(frozen=True, slots=True)
class AlertsView:
    """The channels, the latest deliveries, and the result of the last form.

    `secret` is that of the new webhook `done_name`, shown only now. `kind` is that of the form with `values` and `errors`.
    The part with deliveries refreshes itself after `seconds`.
    """

    lines: Sequence[ChannelLine]
    deliveries: Sequence[DeliveryLine]
    sites: Sequence[SiteName]
    seconds: int
    done: str = ""
    done_name: str = ""
    problem: str = ""
    secret: str = ""
    kind: str = ""
    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    languages: Sequence[str] = ()
    ports: Sequence[tuple[str, int]] = tuple((one.value, port) for one, port in PORTS.items())
    longest_name: int = LONGEST_NAME

    def value(self, kind: str, name: str, default: str = "") -> str:
        """Return what a field of a kind's form holds."""
        return self.values.get(name, default) if kind == self.kind else default

    def error(self, kind: str, name: str) -> str | None:
        """Return the error of a field of a kind's form."""
        return self.errors.get(name) if kind == self.kind else None


class AlertsHandler(PageHandler):
    """`GET /alerts`: channels and deliveries; `POST` adds, tests, pauses, resumes or removes a channel."""

    path = "/alerts"

    async def prepare(self) -> None:
        """Allow administrators of the whole bridge only."""
        await super().prepare()
        if not self.viewer.may_manage_users:
            self.forbid(
                self.words.gettext(
                    "Only administrators of the whole bridge can manage where alerts are sent."
                )
            )

    async def get(self) -> None:
        done = self.get_query_argument("done", "")
        known = ("added", "tested", "paused", "resumed", "removed")
        await self._show(done=done if done in known else "")

    async def post(self) -> None:
        do = self.get_body_argument("do", "")
        if do in ChannelKind.__members__.values():
            await self._add(ChannelKind(do))
            return
        try:
            await self.blocking(_change, self.bridge, do, self.get_body_argument("channel", "")[:_LONGEST])
        except AlertChannelError as error:
            await self._show(status=422, problem=self.translated(error))
        else:
            done = {"test": "tested", "pause": "paused", "resume": "resumed", "remove": "removed"}
            self.go("/alerts", **({"done": done[do]} if do in done else {}))

    async def _add(self, kind: ChannelKind) -> None:
        values = {name: self.get_body_argument(name, "")[:_LONGEST] for name in _FIELDS}
        values["site"] = await self.named_site(values["site"])
        if values["language"] not in i18n.languages():
            values["language"] = i18n.SOURCE
        digest = bool(self.get_body_argument("digest", ""))
        wanted = NewChannel(
            kind=kind,
            digest=digest,
            password=self.get_body_argument("password", "", strip=False)[:_LONGEST],
            **values,
        )
        try:
            channel, secret = await self.blocking(setup.add, self.bridge.store, wanted)
        except AlertChannelError as error:
            shown = values | {"digest": "yes" if digest else ""}
            errors = {error.field: self.translated(error)}
            await self._show(status=422, kind=kind.value, values=shown, errors=errors)
            return
        if secret:  # in the response itself, so that it is in no history or log
            await self._show(done="added", done_name=channel.name, secret=secret)
        else:
            self.go("/alerts", done="added")

    async def _show(
        self,
        *,
        status: int = 200,
        done: str = "",
        done_name: str = "",
        problem: str = "",
        secret: str = "",
        kind: str = "",
        values: dict[str, str] | None = None,
        errors: dict[str, str] | None = None,
    ) -> None:
        lines, sent, of_sites = await self.blocking(_read, self.bridge)
        is_sending = any(one.delivery.state is DeliveryState.PENDING for one in sent)
        view = AlertsView(
            lines=lines,
            deliveries=sent,
            sites=of_sites,
            seconds=_REFRESH_SECONDS_WHILE_SENDING if is_sending else _REFRESH_SECONDS,
            done=done,
            done_name=done_name,
            problem=problem,
            secret=secret,
            kind=kind,
            values=values or {},
            errors=errors or {},
            languages=i18n.languages(),
        )
        self.show("pages/alerts.jinja", view, status=status)


@dataclass(frozen=True, slots=True)
class AlertView:
    """An open alert, what it says, and how it was handled; `values` and `problem` are of the last form."""

    alert: Alert
    text: str
    handled: OpenAlert | None
    reason: str
    hours: str
    problem: str
    snoozes: Sequence[int] = _SNOOZES
    longest_reason: int = LONGEST_REASON


class HandleAlertHandler(PageHandler):
    """`GET /alerts/ID`: one open alert; `POST` acknowledges or snoozes it, or takes that back."""

    path = "/"

    async def get(self, alert_id: str) -> None:
        await self._show(alert_id)

    async def post(self, alert_id: str) -> None:
        reason = self.get_body_argument("reason", "")[:_LONGEST]
        hours = self.get_body_argument("hours", "")
        do = self.get_body_argument("do", "")
        try:
            await self.blocking(
                partial(
                    _handle,
                    self.bridge,
                    alert_id,
                    do,
                    reason=reason,
                    hours=int(hours) if re.fullmatch(r"[0-9]{1,4}", hours) else 0,
                    by=self.viewer.name,
                    of_site=self.site_id,
                )
            )
        except AlertError as error:
            await self._show(alert_id, reason=reason, hours=hours, problem=self.translated(error), status=422)
            return
        application_cache(self.application, "overview", OverviewHandler.cache_seconds).clear()
        self.go("/")

    async def _show(
        self, alert_id: str, *, reason: str = "", hours: str = "", problem: str = "", status: int = 200
    ) -> None:
        alert, handled = await self.blocking(_find, self.bridge, alert_id, self.site_id)
        if alert is None:
            self.missing(self.words.gettext("There is no such open alert. It may have ended."))
        view = AlertView(alert, describe(alert), handled, reason, hours, problem)
        self.show("pages/alert.jinja", view, status=status)


def _change(bridge: Bridge, do: str, name: str) -> None:
    store = bridge.store
    with store.reading() as connection:
        channel = channels.load(connection, name, store.sealer)
    match do:
        case "test":
            bridge.alert_deliverer.queue_test(channel.id)
        case "pause" | "resume":
            store.write(partial(channels.pause, channel=channel, paused=do == "pause"))
        case "remove":
            store.write(partial(channels.remove, channel=channel))


def _read(bridge: Bridge) -> tuple[list[ChannelLine], list[DeliveryLine], list[SiteName]]:
    sealer = bridge.store.sealer
    with bridge.store.reading() as connection:
        found = channels.list_all(connection, sealer)
        sent = deliveries.latest(connection, _MOST_DELIVERIES)
        last = deliveries.last_of_channels(connection)
        every = sites.names(connection)
    names = {site.id: site.name for site in every}
    lines = [
        ChannelLine(one, setup.target(one), names.get(one.site_id or "", ""), last.get(one.id))
        for one in found
    ]
    of_channels = {one.id: one.name for one in found}
    return (
        lines,
        [DeliveryLine(one, of_channels.get(one.channel_id, "")) for one in sent],
        every,
    )


def _find(bridge: Bridge, alert_id: str, of_site: str | None) -> tuple[Alert | None, OpenAlert | None]:
    week = bridge.throughput.latest()
    with bridge.store.reading() as connection:
        now = store_clock.now(connection)
        alerts, _ = current_alerts(connection, bridge.store, week, now=now)
        known = open_alerts.list_all(connection).get(alert_id)
    found = next((one for one in alerts if one.id == alert_id and of_site in (None, one.site_id)), None)
    return found, known if found is not None and known is not None and known.is_quiet(now) else None


def _handle(
    bridge: Bridge, alert_id: str, do: str, *, reason: str, hours: int, by: str, of_site: str | None
) -> None:
    store, week = bridge.store, bridge.throughput.latest()
    if do == "reopen":
        store.write(partial(handling.reopen, store=store, week=week, alert_id=alert_id, of_site=of_site))
    elif do in ("acknowledge", "snooze"):
        how = Handling.SNOOZED if do == "snooze" else Handling.ACKNOWLEDGED
        store.write(
            partial(
                handling.handle,
                store=store,
                week=week,
                alert_id=alert_id,
                handling=how,
                reason=reason,
                by=by,
                hours=hours,
                of_site=of_site,
            )
        )
