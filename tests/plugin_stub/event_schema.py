"""What search engines ask of an Event, as JSON-LD: a table of its properties, and what they may hold.

From https://developers.google.com/search/docs/appearance/structured-data/event (required and recommended properties), and
https://schema.org/Event, https://schema.org/VirtualLocation for a meeting that is held online only.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_STATUSES = {"EventScheduled", "EventCancelled", "EventPostponed", "EventRescheduled", "EventMovedOnline"}
_MODES = {"OnlineEventAttendanceMode", "OfflineEventAttendanceMode", "MixedEventAttendanceMode"}


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.strip() == value != ""


def _is_address(value: Any) -> bool:
    return (
        isinstance(value, str)
        and urlsplit(value).scheme in ("http", "https")
        and bool(urlsplit(value).netloc)
    )


def _is_time(value: Any) -> bool:
    """Whether it has an offset to UTC: without one, it is the time of whoever reads it."""
    return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None


def _is_one_of(names: set[str]) -> Callable[[Any], bool]:
    return lambda value: value in {f"https://schema.org/{name}" for name in names}


def _is_a(kind: str, **properties: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: (
        isinstance(value, dict)
        and value.keys() == {"@type", *properties}
        and value["@type"] == kind
        and all(is_right(value[name]) for name, is_right in properties.items())
    )


REQUIRED: Mapping[str, Callable[[Any], bool]] = {
    "@context": lambda value: value == "https://schema.org",
    "@type": lambda value: value == "Event",
    "name": _is_text,
    "startDate": _is_time,
    "location": _is_a("VirtualLocation", url=_is_address),
}
# Of the recommended ones, offers, performer and previousStartDate are left out: Zoom tells none of them.
RECOMMENDED: Mapping[str, Callable[[Any], bool]] = {
    "url": _is_address,
    "endDate": _is_time,
    "eventStatus": _is_one_of(_STATUSES),
    "eventAttendanceMode": _is_one_of(_MODES),
    "organizer": _is_a("Organization", name=_is_text, url=_is_address),
}
WHERE_KNOWN: Mapping[str, Callable[[Any], bool]] = {"description": _is_text, "image": _is_address}


def problems(event: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a description of an event; nothing for a right one."""
    known = {**REQUIRED, **RECOMMENDED, **WHERE_KNOWN}
    found = [f"{name} is missing" for name in {**REQUIRED, **RECOMMENDED} if name not in event]
    found += [f"{name} is not of the table" for name in event if name not in known]
    found += [
        f"{name}: {event[name]!r}"
        for name, is_right in known.items()
        if name in event and not is_right(event[name])
    ]
    if (
        not found
        and event["endDate"] < event["startDate"]
        and event["endDate"][-6:] == event["startDate"][-6:]
    ):
        found.append("it ends before it starts")
    return found
