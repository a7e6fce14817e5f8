"""The HTML that visitors see: a meeting's details and its agenda. Pure."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup

from core.render import labels
from core.render.recordings_and_registrations import NOTHING
from core.render.schedule import JOINABLE, Phase
from core.render.text import html_text, paragraphs

if TYPE_CHECKING:
    from datetime import datetime

    from core.model.meeting import Meeting, Occurrence
    from core.render.recordings_and_registrations import Activity
    from core.render.schedule import Schedule
    from core.render.visibility import VisibleFields

LONGEST_LIST = 60
"""Maximum number of listed dates of a series; the number of further ones follows below."""


def details(
    meeting: Meeting, schedule: Schedule, visible: VisibleFields, activity: Activity = NOTHING
) -> str:
    """Return the HTML of a meeting: status, time in its own time zone, join link, dates.

    Parts for signed-in visitors only are enclosed in markers, see docs/stub.md.
    """
    listed = schedule.remaining[:LONGEST_LIST]
    joinable = schedule.phase in JOINABLE
    is_cancelled = schedule.phase is Phase.CANCELLED
    return _template("meeting/details.jinja").render(
        words=labels,
        text=_text,
        kind=meeting.kind,
        phase=schedule.phase,
        status=labels.status(schedule),
        is_news=_is_news(schedule),
        series=meeting.is_series,
        when=None if is_cancelled and meeting.is_series else _when(meeting, schedule.leading),
        host=visible.host,
        join_url=_text(visible.join_url) if joinable else "",
        passcode=visible.passcode if joinable else "",
        signed_in=visible.signed_in,
        dates=[_when(meeting, date) for date in listed],
        left_out=len(schedule.remaining) - len(listed),
        zone=meeting.timezone.key.replace("_", " "),
        live=_moment(meeting, schedule.live_since),
        registered=activity.registered,
        recordings=[
            {"url": _text(one.url), "passcode": one.passcode, "when": _moment(meeting, one.started)}
            for one in activity.recordings
        ],
        recordings_signed_in=activity.signed_in,
        has_calendar=meeting.has_fixed_time and not is_cancelled,
    )


def _is_news(schedule: Schedule) -> bool:
    """Whether the status says more than a countdown to the start, and that the meeting is over, as VCZAPI does."""
    more = schedule.live_since is not None or schedule.may_be_running or schedule.has_ended_early
    return more or schedule.phase in (Phase.CLOSING, Phase.CANCELLED, Phase.UNDATED)


def agenda(meeting: Meeting) -> str:
    """Return the HTML of the agenda as the content of a new post; empty where there is none."""
    found = [[Markup(line) for line in block] for block in paragraphs(meeting.agenda)]  # noqa: S704 (escaped)
    return (
        _template("meeting/agenda.jinja").render(paragraphs=found, line_break=Markup("<br />\n"))
        if found
        else ""
    )


def _moment(meeting: Meeting, moment: datetime | None) -> dict[str, str] | None:
    """Return a time in the meeting's time zone, machine-readable and as text."""
    if moment is None:
        return None
    local = moment.astimezone(meeting.timezone)
    return {
        "iso": local.isoformat(timespec="seconds"),
        "said": labels.moment(local),
        "zone": labels.zone(local),
    }


def _when(meeting: Meeting, date: Occurrence | None) -> dict[str, object] | None:
    if date is None:
        return None
    local = date.start_time.astimezone(meeting.timezone)
    return {
        "iso": local.isoformat(timespec="seconds"),
        "said": labels.moment(local),
        "zone": labels.zone(local),
        "length": labels.length(date.duration) if date.duration else "",
        "available": date.available,
    }


def _text(value: str) -> Markup:
    return Markup(html_text(value))  # noqa: S704 (html_text escapes)


@cache
def _environment() -> Environment:
    return Environment(
        # Read through importlib, which works in a wheel and in a zip.
        loader=FunctionLoader(lambda name: (files("templates") / name).read_text("utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _template(name: str) -> Template:
    return _environment().get_template(name)
