"""Word what is sent about alerts.

What is stored with a delivery is English, of `core.messages`; it is translated when it is sent. Text of others, as the names of
sites, stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from core import messages
from core.monitoring.alerts import AlertKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from core.monitoring.alerts import Alert
    from core.store.alerts.open_alerts import OpenAlert

MOST_GROUPS = 50
MOST_SITES = 20
_LONGEST = 1000
_MOST_NAMED = 3  # sites in a subject

_TEXTS = {
    AlertKind.FAILED_EVENTS: messages.ALERT_FAILED_EVENTS,
    AlertKind.PENDING_EVENTS: messages.ALERT_PENDING_EVENTS,
    AlertKind.UNREADABLE_EVENTS: messages.ALERT_UNREADABLE_EVENTS,
    AlertKind.DISK: messages.ALERT_DISK,
    AlertKind.ACCOUNT: messages.ALERT_ACCOUNT,
    AlertKind.SITE: messages.ALERT_SITE,
    AlertKind.NO_SECRET: messages.ALERT_NO_SECRET,
    AlertKind.TOO_LARGE: messages.ALERT_TOO_LARGE,
    AlertKind.UNVERIFIED_LARGE: messages.ALERT_UNVERIFIED_LARGE,
    AlertKind.QUARANTINE: messages.ALERT_QUARANTINE,
    AlertKind.CLOCK: messages.ALERT_CLOCK,
    AlertKind.HELD_PAGES: messages.ALERT_HELD_PAGES,
    AlertKind.GRANT_REQUESTS: messages.ALERT_GRANT_REQUESTS,
    AlertKind.FAILING: messages.ALERT_FAILING,
    AlertKind.NOT_VALIDATED: messages.ALERT_NOT_VALIDATED,
    AlertKind.OVERDUE: messages.ALERT_OVERDUE,
    AlertKind.NO_EVENT: messages.ALERT_NO_EVENT,
    AlertKind.QUIET: messages.ALERT_QUIET,
    AlertKind.BEHIND: messages.ALERT_BEHIND,
}


def describe(alert: Alert) -> str:
    """Return what an alert says, in English. A check's own message says all."""
    if alert.kind is AlertKind.CHECK:
        return alert.message
    count = alert.count // 2**20 if alert.kind is AlertKind.DISK else alert.count
    return _TEXTS[alert.kind] % {"count": count, "reason": alert.message, "name": alert.site_name}


@dataclass(frozen=True, slots=True)
class AlertGroup:
    """Alerts that say the same, of one site or of many. `sites` are ids and names; empty: of the whole bridge."""

    kind: str
    text: str
    since: int | None
    ids: Sequence[str]
    sites: Sequence[tuple[str, str]]


def group(alerts: Iterable[OpenAlert]) -> list[AlertGroup]:
    """Group alerts that say the same over many sites, in the order of the first of each."""
    found: dict[tuple[str, str], list[OpenAlert]] = {}
    for alert in alerts:
        found.setdefault((alert.kind, alert.message), []).append(alert)
    return [
        AlertGroup(
            kind,
            text,
            min((one.since for one in some if one.since is not None), default=None),
            [one.id for one in some],
            [(one.site_id, one.site_name) for one in some if one.site_id is not None],
        )
        for (kind, text), some in found.items()
    ]


def payload(groups: Sequence[AlertGroup], **more: Any) -> dict[str, Any]:
    """Return what is stored of a message, as JSON; long lists are cut, and say so."""
    return {
        "groups": [
            {
                "kind": one.kind,
                "text": one.text[:_LONGEST],
                "since": one.since,
                "ids": list(one.ids[:MOST_SITES]),
                "sites": [list(site) for site in one.sites[:MOST_SITES]],
                "more_sites": max(len(one.sites) - MOST_SITES, 0),
            }
            for one in groups[:MOST_GROUPS]
        ],
        "more": max(len(groups) - MOST_GROUPS, 0),
        **more,
    }


@dataclass(frozen=True, slots=True)
class Text:
    """A message in words: plain text, in lines."""

    subject: str
    lines: Sequence[str]

    @property
    def body(self) -> str:
        """The lines, with one at the end."""
        return "\n".join(self.lines) + "\n"


def word(kind: str, stored: Mapping[str, Any], *, address: str, translate: Callable[[str], str]) -> Text:
    """Word a message of a kind (`core.store.alerts.deliveries.MessageKind`). `address` is the bridge's; empty: unknown."""
    groups = stored.get("groups", [])
    named = {
        "where": _where(groups),
        **{key: stored[key] for key in ("critical", "warnings") if key in stored},
    }
    subject, intro = {
        "alerts.critical": (messages.ALERT_SUBJECT_CRITICAL, messages.ALERT_INTRO_CRITICAL),
        "alerts.ended": (messages.ALERT_SUBJECT_ENDED, messages.ALERT_INTRO_ENDED),
        "alerts.digest": (messages.ALERT_SUBJECT_DIGEST, messages.ALERT_INTRO_DIGEST),
        "alerts.test": (messages.ALERT_SUBJECT_TEST, messages.ALERT_INTRO_TEST),
    }[kind]
    lines = [translate(intro % stored if "%" in intro else intro), ""]
    if kind == "alerts.digest" and not groups:
        lines += [translate(messages.ALERT_INTRO_NOTHING), ""]
    for one in groups:
        lines.append(f"* {translate(_sites(one))}")
        lines.append(f"  {translate(one['text'])}")
        if one["since"] is not None:
            lines.append("  " + translate(messages.ALERT_SINCE % {"time": format_time(one["since"])}))
        lines.append("")
    if stored.get("more"):
        lines += [translate(messages.ALERT_MORE % {"count": stored["more"]}), ""]
    if address:
        lines.append(translate(messages.ALERT_SEE % {"address": address}))
    return Text(one_line(translate(subject % named)), [clean(line) for line in lines])


def format_time(moment: int) -> str:
    """Return a time in Unix milliseconds as people read it (UTC)."""
    return f"{datetime.fromtimestamp(moment / 1000, UTC):%Y-%m-%d %H:%M}"


def one_line(text: str) -> str:
    """Return text as a header can hold it: without line breaks and other control characters, and not too long."""
    return clean(text)[:200]


def clean(text: str) -> str:
    """Return text in one line, without control characters."""
    return "".join(char if char.isprintable() else " " for char in text).rstrip()


def _sites(one: Mapping[str, Any]) -> str:
    names = ", ".join(name for _, name in one["sites"]) or messages.ALERT_THE_BRIDGE
    if one["more_sites"]:
        return messages.ALERT_MORE_SITES % {"sites": names, "count": one["more_sites"]}
    return names


def _where(groups: Sequence[Mapping[str, Any]]) -> str:
    names = list(dict.fromkeys(name for one in groups for _, name in one["sites"]))
    if any(not one["sites"] for one in groups) or not names:
        names.insert(0, messages.ALERT_THE_BRIDGE)
    hidden = max(len(names) - _MOST_NAMED, 0) + sum(one["more_sites"] for one in groups)
    shown = ", ".join(names[:_MOST_NAMED])
    return messages.ALERT_MORE_SITES % {"sites": shown, "count": hidden} if hidden else shown
