"""The Audit log page: who changed what, from where and when. For administrators of the whole bridge."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from core.store import audit
from core.store.audit import KEEP_DAYS, MOST_ENTRIES, ActorKind, AuditFilter, AuditPage
from web.pages.page import PageHandler
from web.ui import audit_labels
from web.ui.time_filters import format_utc, parse_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.bridge import Bridge
    from core.store.audit import AuditEntry
    from core.store.sites.sites import SiteName

_ON_A_PAGE = 50
_LONGEST = 200
_PARAMETERS = ("action", "who", "site", "since", "until")


@dataclass(frozen=True, slots=True)
class AuditLine:
    """An entry as the page shows it, with the label and the text of each detail. `subject` is empty where none is named."""

    entry: AuditEntry
    action: str
    subject: str
    actor_kind: str
    details: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class AuditView:
    """A page of entries, the filters as they were submitted, and the errors of invalid ones by field.

    `subjects` and `sites` are to choose from. `newer` and `older` are keys of the pages beside it; empty for none.
    """

    lines: Sequence[AuditLine]
    count: int
    values: dict[str, str]
    parameters: dict[str, str]
    errors: dict[str, str]
    subjects: Sequence[tuple[str, str]]
    sites: Sequence[SiteName]
    newer: str
    older: str
    is_newest: bool
    keep_days: int = KEEP_DAYS
    most_entries: int = MOST_ENTRIES[ActorKind.USER]


# Marks texts for translation: the extraction looks for this name.
def _(text: str) -> str:
    return text


class AuditHandler(PageHandler):
    """`GET /audit`: a page of the log."""

    path = "/audit"

    async def prepare(self) -> None:
        """Allow administrators of the whole bridge only."""
        await super().prepare()
        if not self.viewer.may_manage_users:
            self.forbid(self.words.gettext("Only administrators of the whole bridge can read the audit log."))

    async def get(self) -> None:
        values = {name: self.get_query_argument(name, "").strip()[:_LONGEST] for name in _PARAMETERS}
        values["site"] = await self.named_site(values["site"])
        wanted, errors = parse_filter(values)
        before, after = (_parse_key(self.get_query_argument(name, "")) for name in ("before", "after"))
        found, number = await self.blocking(partial(_read, self.bridge, wanted, before=before, after=after))
        entries = found.entries
        view = AuditView(
            lines=[self._line(entry) for entry in entries],
            count=number,
            values=values,
            parameters=_parameters(wanted),
            errors=errors,
            subjects=[
                ("", self.words.gettext("Any")),
                *(
                    (subject, self.words.gettext(audit_labels.SUBJECTS[subject]))
                    for subject in audit.SUBJECTS
                ),
            ],
            sites=await self.visible_sites(),
            newer=str(entries[0].id) if entries and found.more_newer else "",
            older=str(entries[-1].id) if entries and found.more_older else "",
            is_newest=before is None and after is None,
        )
        self.show("pages/audit.jinja", view, status=422 if errors else 200)

    def _line(self, entry: AuditEntry) -> AuditLine:
        return AuditLine(
            entry,
            self.words.gettext(audit_labels.ACTIONS[entry.action]),
            audit_labels.subject(entry, self.words),
            self.words.gettext(audit_labels.ACTORS[entry.actor.kind]),
            list(audit_labels.details(entry.detail, self.words)),
        )


def parse_filter(values: dict[str, str]) -> tuple[AuditFilter, dict[str, str]]:
    """Parse the filters of a query; returns the valid ones, and the errors of the others by field."""
    errors: dict[str, str] = {}
    times: dict[str, int] = {}
    for name in ("since", "until"):
        if values[name]:
            try:
                times[name] = parse_time(values[name], now=time.time())
            except ValueError:
                errors[name] = _("Enter a date, or a date and a time, for example 2026-11-23 10:00.")
    if "since" in times and "until" in times and times["since"] >= times["until"]:
        errors["until"] = _("The end must be after the start.")
    action = values["action"] if values["action"] in {*audit.SUBJECTS, *audit.Action} else ""
    return AuditFilter(action, values["who"], values["site"], times.get("since"), times.get("until")), errors


def _parameters(wanted: AuditFilter) -> dict[str, str]:
    """Return the query parameters of the same filters."""
    times = {name: getattr(wanted, name) for name in ("since", "until")}
    query = {"action": wanted.action, "who": wanted.who, "site": wanted.site} | {
        name: format_utc(moment) for name, moment in times.items() if moment is not None
    }
    return {name: value for name, value in query.items() if value}


def _parse_key(value: str) -> int | None:
    return int(value) if re.fullmatch(r"[0-9]{1,18}", value) else None


def _read(
    bridge: Bridge, wanted: AuditFilter, *, before: int | None, after: int | None
) -> tuple[AuditPage, int]:
    with bridge.store.reading() as connection:
        found = audit.page(connection, wanted, limit=_ON_A_PAGE, before=before, after=after)
        return found, audit.count(connection, wanted)
