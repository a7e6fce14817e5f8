"""Post metas in the shapes of the plugin *Video Conferencing with Zoom* 4.6.7, misspellings included. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.model.meeting import PERSONAL_ROOM, RECURRING_FIXED, WITHOUT_FIXED_TIME, MeetingKind, parse_time
from core.model.state_fields import ALTERNATIVE_HOST_IDS
from core.render.text import clean
from core.render.vczapi_details import details
from core.render.visibility import LONGEST_PASSCODE
from core.zoom.timezones import zone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.model.meeting import Meeting
    from core.render.schedule import Schedule
    from core.render.visibility import VisibleFields

NEVER_OVER = "2099-12-31 00:00:00"
"""The start of a meeting without one. The plugin lists only posts with a start, shows future ones as upcoming, and
removes the join link an hour after the start; it never shows this date."""

_UTC = zone("UTC")
_BOTH = {
    "host_video": "option_host_video",
    "meeting_authentication": "meeting_authentication",
}
_SWITCHES = {
    MeetingKind.MEETING: _BOTH
    | {
        "join_before_host": "join_before_host",
        "participant_video": "option_participants_video",
        "mute_upon_entry": "option_mute_participants",
    },
    MeetingKind.WEBINAR: _BOTH
    | {
        "panelists_video": "panelists_video",
        "practice_session": "practice_session",
        "hd_video": "hd_video",
        "allow_multiple_devices": "allow_multiple_devices",
    },
}
_RECURRENCE = (
    "enabled_recurring",
    "frequency",
    "interval",
    "weekly_occurence",
    "monthly_occurence_type",
    "monthly_occurence_day",
    "monthly_occurence_week",
    "monthly_occurence_week_day",
    "end_type",
    "end_datetime",
    "end_occurence",
)


def field(
    meeting: Meeting,
    schedule: Schedule,
    visible: VisibleFields,
    *,
    with_pro: bool = False,
    without_pro: bool = False,
) -> dict[str, Any]:
    """Return the REST field `zoombridge` (docs/stub.md) without `html` and `revision`.

    It holds only known values: a post created by hand may have more than the bridge's events. `with_pro`: the site has
    the plugin's PRO add-on, whose registration options share the meta of the recurrence and are preserved.
    `without_pro`: it has the plugin alone, which does not show recurring meetings.
    """
    found: dict[str, Any] = {
        "number": str(meeting.number),
        "kind": str(meeting.kind),
        "details": details(meeting, schedule, visible, without_pro=without_pro),
        "fields": meeting_fields(meeting, schedule),
    }
    if meeting.type is not None:
        values = pro(meeting)
        found["pro"] = dict.fromkeys(("use_pmi", *_RECURRENCE)) if values is None and with_pro else values
    if meeting.join_url:
        found["join_url"] = visible.join_url
    if schedule.leading is not None:
        found["start_date_utc"] = f"{schedule.leading.start_time:%Y-%m-%d %H:%M:%S}"
    elif _is_undated(meeting):
        found["start_date_utc"] = NEVER_OVER
    if meeting.host_id:
        found["host"] = clean(meeting.host_id)
    return found


def meeting_fields(meeting: Meeting, schedule: Schedule) -> dict[str, Any]:
    """Return `_meeting_fields` without unknown values and without the site's own options.

    It always includes the passcode: visitors never see this meta, and the plugin's form in wp-admin sends it back to
    Zoom, where an empty one would remove the meeting's passcode.
    """
    leading = schedule.leading
    found: dict[str, Any] = {"meeting_type": 2 if meeting.kind is MeetingKind.WEBINAR else 1}
    if leading is not None:
        found["start_date"] = f"{leading.start_time.astimezone(meeting.timezone):%Y-%m-%d %H:%M}"
    elif _is_undated(meeting):
        found["start_date"] = ""
    if leading is not None or isinstance(meeting.object.get("timezone"), str):
        found["timezone"] = meeting.timezone.key
    if meeting.host_id:
        found["userId"] = clean(meeting.host_id)
    duration = leading.duration if leading is not None else meeting.duration
    if duration:
        found["duration"] = duration
    if isinstance(meeting.object.get("password"), str):
        found["password"] = clean(meeting.password)[:LONGEST_PASSCODE]
    return found | _options(meeting.kind, meeting.settings)


def pro(meeting: Meeting) -> dict[str, Any] | None:
    """Return `_vczapi_pro_meeting_details`: recurrence, no fixed time, personal meeting id; None without any.

    Keys that this recurrence lacks are None, which removes them from the post.
    """
    room = meeting.settings.get("use_pmi") is True
    if meeting.type in RECURRING_FIXED:
        values = {"enabled_recurring": "on"} | _recurrence(meeting)
    elif meeting.type in WITHOUT_FIXED_TIME:
        values = {"enabled_recurring": "on", "frequency": "4"}
    elif room:
        values = {}
    else:
        return None
    return {"use_pmi": "2" if room else None} | dict.fromkeys(_RECURRENCE) | values


def _is_undated(meeting: Meeting) -> bool:
    """Tell whether it is known to have no date, in contrast to an unknown date."""
    return meeting.type in WITHOUT_FIXED_TIME or meeting.type == PERSONAL_ROOM or _awaits_dates(meeting)


def _awaits_dates(meeting: Meeting) -> bool:
    """Tell whether it is a series of which Zoom has named only the first date, or only dates that are cancelled."""
    is_open = not any(date.available for date in meeting.occurrences)
    return meeting.is_series and meeting.has_fixed_time and is_open


def _options(kind: MeetingKind, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Map Zoom's settings to the plugin's, where a ticked box is `"1"` and an unticked one is empty."""
    found: dict[str, Any] = {
        option: "1" if settings[setting] else ""
        for setting, option in _SWITCHES[kind].items()
        if isinstance(settings.get(setting), bool)
    }
    if settings.get("auto_recording") in ("none", "local", "cloud"):
        found["option_auto_recording"] = settings["auto_recording"]
    host_ids = settings.get(ALTERNATIVE_HOST_IDS)
    if isinstance(host_ids, list):  # the plugin's form lists users by id
        found["alternative_host_ids"] = [clean(id_) for id_ in host_ids if isinstance(id_, str)]
    if kind is MeetingKind.MEETING:
        if _is_integer(settings.get("jbh_time")):
            found["jbh_time"] = settings["jbh_time"]
        if isinstance(settings.get("waiting_room"), bool):
            found["disable_waiting_room"] = "" if settings["waiting_room"] else "yes"
    return found


def _recurrence(meeting: Meeting) -> dict[str, Any]:
    rule = meeting.recurrence
    found: dict[str, Any] = {}
    if rule.get("type") in (1, 2, 3):
        found["frequency"] = str(rule["type"])
    if _is_integer(rule.get("repeat_interval")):
        found["interval"] = str(rule["repeat_interval"])
    if found.get("frequency") == "2":
        found["weekly_occurence"] = _weekdays(rule.get("weekly_days"))
    elif found.get("frequency") == "3":
        found |= _monthly(rule)
    return found | _end(meeting)


def _monthly(rule: Mapping[str, Any]) -> dict[str, Any]:
    if _is_integer(rule.get("monthly_day")):
        return {"monthly_occurence_type": "1", "monthly_occurence_day": str(rule["monthly_day"])}
    if _is_integer(rule.get("monthly_week")) and _is_integer(rule.get("monthly_week_day")):
        return {
            "monthly_occurence_type": "2",
            "monthly_occurence_week": str(rule["monthly_week"]),
            "monthly_occurence_week_day": str(rule["monthly_week_day"]),
        }
    return {}


def _end(meeting: Meeting) -> dict[str, Any]:
    rule = meeting.recurrence
    last_day = _day(rule.get("end_date_time"), meeting)
    if last_day:
        return {"end_type": "by_date", "end_datetime": last_day}
    if _is_integer(rule.get("end_times")) and rule["end_times"] > 0:
        return {"end_type": "by_occurrence", "end_occurence": str(rule["end_times"])}
    return {}


def _weekdays(days: Any) -> list[str]:
    """Convert Zoom's `"1,3"` (1 is Sunday) to the plugin's list."""
    if not isinstance(days, str):
        return []
    return [day for day in (part.strip() for part in days.split(",")) if day in set("1234567")]


def _day(value: Any, meeting: Meeting) -> str:
    """Return the day of a time in the meeting's time zone as `Y-m-d`; empty where it is invalid."""
    moment = parse_time(value, _UTC)
    return "" if moment is None else f"{moment.astimezone(meeting.timezone):%Y-%m-%d}"


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**9
