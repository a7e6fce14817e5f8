"""The fields of Zoom's meeting objects that the state of a meeting holds, and who reads each. Pure.

Zoom adds fields nearly every month, and some hold people or keys. So this is a list of what is needed: every other
field, and every value of another type, stays in the encrypted log alone and leaves with it. No fold depends on one.
Of people the state has the host's id and e-mail address, and the ids of alternative hosts that are users of a connected
account. The number, the account and the passing values of instances and recordings have attributes of their own in
`core.model.meeting.Meeting`.

The plugin VCZAPI is *Video Conferencing with Zoom* 4.6.7; "details" and "fields" are its metas
`_meeting_zoom_details` and `_meeting_fields`. Fields: https://developers.zoom.us/docs/api/meetings/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from core.model.meeting import whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping


def switch(value: Any) -> bool | None:
    """Parse one of Zoom's switches, also told as text or as a number; None where it is neither on nor off."""
    word = str(value).strip().lower() if isinstance(value, bool | int | str) else ""
    return {"true": True, "1": True, "false": False, "0": False}.get(word)


class StateField(NamedTuple):
    """A field of the state: the JSON types that it may have, and what reads it.

    An integer is never a boolean. Where it is the only type, numbers as text or with a fraction of zero become one; where
    text is, integers become text. Where a boolean is, `"true"` and `"false"`, 1 and 0 become one.
    """

    types: tuple[type, ...]
    read_by: str


_TEXT = (str,)
_INTEGER = (int,)
_NUMBER = (int, float, str)
_SWITCH = (bool,)

ALTERNATIVE_HOSTS = "alternative_hosts"
"""Zoom's setting: addresses or ids, separated by semicolons or commas. Never in the state."""
ALTERNATIVE_HOST_IDS = "alternative_host_ids"
"""The ids in its place, which Zoom does not send: a list, or null where hosts are named and none of them is known."""

OBJECT = {
    "uuid": StateField(_TEXT, "fold: tells meetings apart that share a personal meeting ID"),
    "topic": StateField(_TEXT, "rules, pages, post titles, calendar, search; VCZAPI's details"),
    "agenda": StateField(_TEXT, "post content, calendar; VCZAPI's details and form"),
    "type": StateField(_INTEGER, "rules, pages, schedule; VCZAPI's details compare it"),
    "host_id": StateField(_TEXT, "rules (publish, author), search; VCZAPI's details and fields"),
    "host_email": StateField(_TEXT, "rules that name the host by address; the host's name on pages"),
    "start_time": StateField(_TEXT, "schedule of a single meeting; VCZAPI's details"),
    "duration": StateField(_NUMBER, "schedule, calendar; VCZAPI's details and fields"),
    "timezone": StateField(_TEXT, "schedule, calendar; VCZAPI's details and fields"),
    "join_url": StateField(_TEXT, "pages of the site, calendar; VCZAPI's details"),
    "password": StateField(_TEXT, "pages of the site, calendar; VCZAPI's details and form"),
    "registration_url": StateField(_TEXT, "VCZAPI's details: its PRO add-on loads its form by it"),
    "pmi": StateField(_NUMBER, "instances: tells a personal meeting room; VCZAPI's details"),
    "created_at": StateField(_TEXT, "fold: tells whether a creation is the one that a REST answer holds"),
}
"""Plain fields. Further ones with fields of their own: `SETTINGS`, `RECURRENCE` and `OCCURRENCE`."""

SETTINGS = {
    "use_pmi": StateField(_SWITCH, "instances: tells a personal meeting room; VCZAPI's PRO details"),
    "host_video": StateField(_SWITCH, "VCZAPI's form"),
    "participant_video": StateField(_SWITCH, "VCZAPI's form"),
    "join_before_host": StateField(_SWITCH, "VCZAPI's form"),
    "jbh_time": StateField(_INTEGER, "VCZAPI's form"),
    "mute_upon_entry": StateField(_SWITCH, "VCZAPI's form"),
    "waiting_room": StateField(_SWITCH, "VCZAPI's form"),
    "meeting_authentication": StateField(_SWITCH, "VCZAPI's form"),
    "auto_recording": StateField(_TEXT, "VCZAPI's form"),
    "panelists_video": StateField(_SWITCH, "VCZAPI's form, of webinars"),
    "practice_session": StateField(_SWITCH, "VCZAPI's form, of webinars"),
    "hd_video": StateField(_SWITCH, "VCZAPI's form, of webinars"),
    "allow_multiple_devices": StateField(_SWITCH, "VCZAPI's form, of webinars"),
    ALTERNATIVE_HOST_IDS: StateField((list, type(None)), "VCZAPI's form; made by `with_host_ids`"),
}

RECURRENCE = {
    "type": StateField(_INTEGER, "calendar; VCZAPI's PRO details"),
    "repeat_interval": StateField(_INTEGER, "calendar; VCZAPI's PRO details"),
    "weekly_days": StateField(_NUMBER, "calendar; VCZAPI's PRO details"),
    "monthly_day": StateField(_INTEGER, "calendar; VCZAPI's PRO details"),
    "monthly_week": StateField(_INTEGER, "calendar; VCZAPI's PRO details"),
    "monthly_week_day": StateField(_INTEGER, "calendar; VCZAPI's PRO details"),
    "end_times": StateField(_INTEGER, "VCZAPI's PRO details"),
    "end_date_time": StateField(_TEXT, "VCZAPI's PRO details"),
}

OCCURRENCE = {
    "occurrence_id": StateField(_NUMBER, "fold, calendar; VCZAPI's details"),
    "start_time": StateField(_TEXT, "schedule, calendar; VCZAPI's details"),
    "duration": StateField(_NUMBER, "schedule, calendar; VCZAPI's details"),
    "status": StateField(_TEXT, "schedule, calendar; VCZAPI's details"),
}


def reduced(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a meeting object that the state holds.

    A null tells nothing and is dropped: Zoom's updates hold nulls for fields that did not change.
    """
    known = _listed(OBJECT, given)
    for name, inner in (("settings", SETTINGS), ("recurrence", RECURRENCE)):
        if isinstance(given.get(name), dict):
            known[name] = _listed(inner, given[name])
    if isinstance(given.get("occurrences"), list):
        known["occurrences"] = [
            _listed(OCCURRENCE, item) for item in given["occurrences"] if isinstance(item, dict)
        ]
    return known


def named_hosts(given: Mapping[str, Any]) -> list[str]:
    """Return the addresses or ids of a meeting object's alternative hosts, to be found among the account's users."""
    settings = given.get("settings")
    told = settings.get(ALTERNATIVE_HOSTS) if isinstance(settings, dict) else None
    if not isinstance(told, str):
        return []
    return [name for part in told.replace(",", ";").split(";") if (name := part.strip())]


def with_host_ids(given: Mapping[str, Any], host_ids: Mapping[str, str]) -> Mapping[str, Any]:
    """Replace the alternative hosts in a meeting object by the ids of those that are known.

    `host_ids` maps ids and lower-case addresses of the account's users to ids.
    """
    settings = given.get("settings")
    if not isinstance(settings, dict) or settings.keys().isdisjoint(
        (ALTERNATIVE_HOSTS, ALTERNATIVE_HOST_IDS)
    ):
        return given
    changed = {key: value for key, value in settings.items() if key != ALTERNATIVE_HOST_IDS}
    if isinstance(settings.get(ALTERNATIVE_HOSTS), str):
        names = named_hosts(given)
        found = [host_ids.get(name) or host_ids.get(name.casefold()) for name in names]
        known = list(dict.fromkeys(id_ for id_ in found if id_))
        changed[ALTERNATIVE_HOST_IDS] = known if known or not names else None
    return {**given, "settings": changed}


def _listed(fields: Mapping[str, StateField], given: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for key, value in given.items():
        field = fields.get(key)
        if field is None:
            continue
        told = value
        if field.types == _INTEGER:
            told = whole_number(value)
        if field.types == _SWITCH:
            told = switch(value)
        if field.types == _TEXT and type(told) is int:
            told = str(told)
        if type(told) in field.types:
            found[key] = told
    return found
