"""What calendar clients require of a feed, checked on its text and on what icalendar parses.

Sources: RFC 5545 (sections 3.1, 3.3.10, 3.6.1, 3.8.4.4, 3.8.5), MS-OXCICAL 2.1.3.1.1.20.18 (Outlook rejects a component with
RDATE and no RRULE), and what Google Calendar was seen to do (an RDATE beyond the rule's end is ignored).
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from dateutil.rrule import rrulestr
from icalendar import Calendar

_LONGEST_LINE = 75  # octets, without the line break


def violations(data: bytes) -> list[str]:
    """Return what a client would reject, misread or ignore."""
    found = _of_text(data)
    calendar: Any = Calendar.from_ical(data)
    zones = {str(zone["TZID"]) for zone in calendar.walk("VTIMEZONE")}
    by_uid = defaultdict(list)
    for event in calendar.walk("VEVENT"):
        found += _of_event(event, zones)
        by_uid[str(event.get("UID"))].append(event)
    for uid, events in by_uid.items():
        found += [f"{uid}: {problem}" for problem in _of_series(events)]
    return found


def _of_text(data: bytes) -> list[str]:
    lines = data.split(b"\r\n")
    found = [f"a line of {len(line)} octets" for line in lines if len(line) > _LONGEST_LINE]
    if any(b"\n" in line or b"\r" in line for line in lines):
        found.append("a line break that is not CRLF")
    unfolded = data.replace(b"\r\n ", b"").split(b"\r\n")
    found += [f"RDATE: {line!r}" for line in unfolded if line.startswith(b"RDATE")]
    found += [
        f"a summary in two lines: {line!r}"
        for line in unfolded
        if line.startswith(b"SUMMARY") and b"\\n" in line.replace(b"\\\\", b"")
    ]
    return found


def _of_event(event: Any, zones: set[str]) -> list[str]:
    missing = [
        name for name in ("UID", "DTSTAMP", "DTSTART", "DTEND", "SUMMARY", "STATUS") if name not in event
    ]
    if missing:
        return [f"missing: {', '.join(missing)}"]
    found = []
    start, end = event["DTSTART"].dt, event["DTEND"].dt
    if not _utc(start) < _utc(end):
        found.append(f"DTEND {end} is not after DTSTART {start}")
    if not str(event["SUMMARY"]).strip():
        found.append("an empty summary")
    for name in ("DTSTART", "DTEND"):
        zone = event[name].params.get("TZID")
        if zone is not None and zone not in zones:
            found.append(f"{name} in a zone that is not defined: {zone}")
    return found


def _of_series(events: list[Any]) -> list[str]:
    mains = [event for event in events if "RECURRENCE-ID" not in event]
    if len(mains) != 1:
        return [f"{len(mains)} events of one UID without RECURRENCE-ID"]
    (main,) = mains
    overrides = [event for event in events if "RECURRENCE-ID" in event]
    if "RRULE" not in main:
        return ["overrides or exceptions without a rule"] if overrides or "EXDATE" in main else []
    start = main["DTSTART"].dt
    rule = main["RRULE"].to_ical().decode()
    given = [date.replace(tzinfo=start.tzinfo) for date in rrulestr(rule, dtstart=start.replace(tzinfo=None))]
    excluded = _dates(main.get("EXDATE", []))
    replaced = [event["RECURRENCE-ID"].dt for event in overrides]
    found = []
    if any(date != date.astimezone(UTC).astimezone(date.tzinfo) for date in given):
        found.append("a date that the clock skips, which clients do not count")
    if given[0] != start:
        found.append("DTSTART is not the first date of the rule")
    if not set(excluded) <= set(given):
        found.append("an EXDATE that the rule does not give")
    if not set(replaced) <= set(given) - set(excluded) or len(set(replaced)) < len(replaced):
        found.append("a RECURRENCE-ID that the rule does not give, or one twice")
    starts = [date for date in given if date not in {*excluded, *replaced}] + [
        event["DTSTART"].dt for event in overrides
    ]
    if len({_utc(date) for date in starts}) < len(starts):
        found.append("two occurrences at one time")
    if not starts:
        found.append("no date is left")
    return found


def _dates(value: Any) -> list[datetime]:
    lists = value if isinstance(value, list) else [value]
    return [date.dt for one in lists for date in one.dts]


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
