"""What the object of an event tells of a meeting: fields that the state holds, with values that can be right. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.model.meeting import is_visible, parse_time, whole_number, zoom_time
from core.model.merging import occurrence_id
from core.model.state_fields import reduced
from core.zoom.join_link import starts_meeting
from core.zoom.numbers import meeting_number
from core.zoom.timezones import zone

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from zoneinfo import ZoneInfo

_ANY_ZONE, _ANOTHER_ZONE = (
    zone("UTC"),
    zone("Asia/Tokyo"),
)  # to tell whether a time is readable, and names its zone
_DAYS_OF_A_WEEK = 7
_LINKS = frozenset({"join_url", "registration_url"})
_HIGHEST_TYPE = 99  # of an uploaded recording; a larger one, or one below zero, is no type of Zoom's


def told_fields(given: Mapping[str, Any], *, known_zone: str = "") -> dict[str, Any]:
    """Return the fields that the state of a meeting holds, without those that tell nothing: see `_TELLS`.

    `known_zone` is the name of the meeting's time zone, for starts that name none where `given` does not, either.
    An empty list of occurrences tells nothing either: a series has at least one, and a meeting that is none has another
    type.
    """
    kept = {key: value for key, value in reduced(given).items() if key not in _TELLS or _TELLS[key](value)}
    for key in _LINKS & kept.keys():
        kept[key] = kept[key].strip()
    if "recurrence" in kept:
        rule = kept["recurrence"]
        if "weekly_days" in rule:
            rule = {**rule, "weekly_days": _weekdays(rule["weekly_days"])}
        kept["recurrence"] = {key: value for key, value in rule.items() if _is_told(key, value)}
        if not kept["recurrence"]:
            del kept["recurrence"]
    zone_name = kept.get("timezone", known_zone)
    told_zone = zone(zone_name) if zone_name else None
    if "start_time" in kept:
        kept["start_time"] = _in_zooms_notation(kept["start_time"], told_zone)
    if "occurrences" in kept:
        kept["occurrences"] = _told_occurrences(kept["occurrences"], told_zone)
        if not kept["occurrences"]:
            del kept["occurrences"]
    return kept


def _is_start(value: Any) -> bool:
    return parse_time(value, _ANY_ZONE) is not None


def _is_duration(value: Any) -> bool:
    minutes = whole_number(value)
    return minutes is not None and minutes > 0


def _is_link(value: str) -> bool:
    return value.strip().lower().startswith(("https://", "http://")) and not starts_meeting(value)


def _is_zone(value: str) -> bool:
    return value.strip() == "UTC" or (is_visible(value) and zone(value).key != "UTC")


def _weekdays(told: Any) -> str:
    """Return `weekly_days` as Zoom writes it: numbers from 1 (Sunday) to 7, separated by commas; empty without any."""
    days = [whole_number(day) for day in str(told).split(",")]
    return ",".join(str(day) for day in days if day is not None and 1 <= day <= _DAYS_OF_A_WEEK)


def _is_told(key: str, value: Any) -> bool:
    """Tell whether a field of a rule says anything: it ends after some dates or on a day; the other is 0 or blank."""
    if key in _RULE_VALUES:
        return value in _RULE_VALUES[key]
    return _is_start(value) if key == "end_date_time" else bool(value)


# The values that fields of a rule can have: https://developers.zoom.us/docs/api/meetings/ (recurrence). The intervals and
# numbers of dates that it allows depend on the plan and have grown.
_RULE_VALUES: dict[str, Collection[int]] = {
    "type": (1, 2, 3),
    "repeat_interval": range(1, 1000),
    "monthly_day": range(1, 32),
    "monthly_week": (-1, 1, 2, 3, 4),
    "monthly_week_day": range(1, 8),
    "end_times": range(1, 10_000),
}


# Whether a value tells anything. Topics and links are never empty at Zoom; an agenda, a passcode and a registration can be
# removed. A value that cannot be right leaves what is known.
_TELLS: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("topic", "host_id", "host_email", "uuid"), is_visible),
    "start_time": _is_start,
    "duration": _is_duration,
    "timezone": _is_zone,
    "join_url": _is_link,
    "registration_url": lambda value: not value or _is_link(value),
    "password": lambda value: not value.isspace(),
    "type": lambda value: 0 <= value <= _HIGHEST_TYPE,
    "pmi": lambda value: meeting_number(value) is not None,
}


def _in_zooms_notation(start: str, told_zone: ZoneInfo | None) -> str:
    """Return a readable start as Zoom writes it, so that starts compare as text.

    One without a zone is in the zone told with it, whatever zone is told later; without either it stays as it is.
    """
    moment = parse_time(start, told_zone or _ANY_ZONE)
    is_sure = moment == parse_time(start, told_zone or _ANOTHER_ZONE)
    return zoom_time(moment) if moment is not None and is_sure else start


def _told_occurrences(given: list[Any], told_zone: ZoneInfo | None) -> list[dict[str, Any]]:
    """Return each occurrence once, without blanks; one without an id is known by its start."""
    found: dict[str, dict[str, Any]] = {}
    for item in given:
        if not isinstance(item, dict):
            continue
        trimmed = {key: value.strip() if isinstance(value, str) else value for key, value in item.items()}
        told = {key: value for key, value in trimmed.items() if value not in (None, "")}
        if isinstance(told.get("occurrence_id"), int):
            told["occurrence_id"] = str(told["occurrence_id"])
        if "status" in told:
            told["status"] = told["status"].lower()
        told = {key: value for key, value in told.items() if key not in _TELLS or _TELLS[key](value)}
        if "start_time" in told:
            told["start_time"] = _in_zooms_notation(told["start_time"], told_zone)
        if not occurrence_id(told):
            continue
        found[occurrence_id(told)] = {**found.get(occurrence_id(told), {}), **told}
    return list(found.values())
