"""Redaction of events that name people. Pure.

Two kinds of events: those about a meeting itself, which the fold uses (created, updated, recordings, answers of the REST
API), lose the fields that name people and nothing else; all others (registrants, participants, sharing, summaries, chat,
and whatever Zoom adds) lose every field but those that identify the event and its meeting. Of a registrant Zoom's id and
the status stay. A redacted event folds to the same meeting.
https://developers.zoom.us/docs/api/meetings/events/#tag/meeting/postmeeting.registration_created
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from core.errors import BadRequestError
from core.model.fold import acts_on
from core.model.state_fields import ALTERNATIVE_HOST_IDS as HOST_IDS
from core.model.state_fields import ALTERNATIVE_HOSTS, named_hosts, with_host_ids
from core.zoom.envelope import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

_OF_EVENT = ("event", "event_ts")
_OF_PAYLOAD = ("account_id", "operation", "scope", "time_stamp")
_OF_OBJECT = ("id", "uuid", "host_id", "topic", "type", "start_time", "end_time", "duration", "timezone")
_OF_REGISTRANT = ("id", "status")
# At any depth of an event about a meeting. The host stays; the addresses of alternative hosts become ids.
_NAMING = frozenset(
    {
        "attendees",
        "authentication_exception",
        "contact_email",
        "contact_name",
        "interpreters",
        "invitees",
        "meeting_invitees",
        "operator",  # the address of who made the change; the id stays
        "panelists",
        "participant_audio_files",  # each file is named after its participant
        "participants",
        "registrant",
        "registrants",
    }
)
_NAMING_BYTES = tuple(f'"{name}"'.encode() for name in (*sorted(_NAMING), ALTERNATIVE_HOSTS))
_REMOVED = "removed"  # in place of alternative hosts who are not known: that some were named still counts


def names_people(event: str) -> bool:
    """Tell whether events of this name may hold personal data anywhere: all but those about a meeting itself."""
    return "registration_" in event or event.startswith("user.") or not acts_on(event)


def may_name_people(raw: bytes) -> bool:
    """Tell whether a raw event about a meeting has a field that names people. May be true without one."""
    return b"\\u" in raw or any(name in raw for name in _NAMING_BYTES)


def redact(raw: bytes) -> bytes:
    """Return a raw event without all but the fields that identify it and its meeting. It must be a valid event."""
    document = json.loads(raw.decode("utf-8-sig"))
    payload = document["payload"]
    kept = _only(payload, _OF_PAYLOAD)
    about = payload.get("object")
    if isinstance(about, dict):
        kept["object"] = _only(about, _OF_OBJECT)
        if isinstance(about.get("registrant"), dict):
            kept["object"]["registrant"] = _only(about["registrant"], _OF_REGISTRANT)
    return json.dumps({**_only(document, _OF_EVENT), "payload": kept}).encode("ascii")


def alternative_hosts(raw: bytes) -> list[str]:
    """Return the names of alternative hosts in a raw event, to be found among the account's users.

    They hold nothing that a database cannot store or compare, as nothing else of a parsed event does. There are none in
    an event that an earlier version read and this one does not.
    """
    if b'"alternative_hosts"' not in raw and b"\\u" not in raw:
        return []
    try:
        payload = parse(raw).payload
    except BadRequestError:
        return []
    objects = [payload.object, payload.old_object]
    return [name for about in objects if isinstance(about, dict) for name in named_hosts(about)]


def redact_fields(raw: bytes, host_ids: Mapping[str, str]) -> bytes:
    """Return a raw event about a meeting without the fields that name people; the same bytes where there is none.

    `host_ids` as in `core.model.fold.Change`.
    """
    if not may_name_people(raw):
        return raw
    document = json.loads(raw.decode("utf-8-sig"))
    left = _without_people(document, host_ids)
    return raw if left == document else json.dumps(left).encode("ascii")


def _without_people(value: Any, host_ids: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_without_people(item, host_ids) for item in value]
    if not isinstance(value, dict):
        return value
    left = {key: _without_people(item, host_ids) for key, item in value.items() if key not in _NAMING}
    if ALTERNATIVE_HOSTS in left:
        found = with_host_ids({"settings": left}, host_ids)["settings"].get(HOST_IDS)
        is_text = isinstance(left[ALTERNATIVE_HOSTS], str)
        left[ALTERNATIVE_HOSTS] = (_REMOVED if found is None else ";".join(found)) if is_text else None
    return left


def _only(given: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return the named fields that hold plain values: nested ones may hold anything."""
    return {name: given[name] for name in names if isinstance(given.get(name), str | int | float)}
