"""A Zoom account's data and events, without HTTP, in the shapes of Zoom's descriptions and of captures.

Sources: zoom.md (the facts collected with the project), section Envelope, for the events; https://developers.zoom.us/
changelog/meetings/september-15-2025 for conversions. ASSUMPTION: a conversion keeps the number and names the meeting as
`deleted` does.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from core.model.fold import SNAPSHOT
from core.model.meeting import MeetingState

if TYPE_CHECKING:
    from core.model.meeting import Meeting
    from tests.convergence.clock import Clock

ACCOUNT = "ConvergingAccount0000A"
HOST = "convergingHost0000000A"
FIRST_NUMBER = 91_000_000_001

Shape = Literal["single", "series", "undated", "webinar", "webinar series"]
SHAPES: tuple[Shape, ...] = ("single", "series", "undated", "webinar", "webinar series")
_TYPES = {"single": 2, "series": 8, "undated": 3, "webinar": 5, "webinar series": 9}
_SERIES = (8, 9)
_WEBINAR_OF = {2: 5, 3: 6, 8: 9}
_MEETING_OF = {webinar: meeting for meeting, webinar in _WEBINAR_OF.items()}
_KINDS = ("created", "converted", "updated", "deleted", "recovered", "permanently_deleted", "snapshot")

Operation = Literal[
    "rename", "describe", "resettle", "move", "cancel date", "recover date", "move date", "add date", "drop date",
    "make single", "delete", "recover", "convert", "delete for good",
]  # fmt: skip
OPERATIONS: tuple[Operation, ...] = Operation.__args__  # type: ignore[attr-defined]


@dataclass
class Held:
    """A meeting as Zoom holds it."""

    object: dict[str, Any]
    kind: str
    state: MeetingState = MeetingState.SCHEDULED
    told_at: int = 0
    told_rank: int = -1
    losses: int = 0  # events of it that were lost, and that no snapshot has made good

    @property
    def dates(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.object.get("occurrences", [])
        return found


@dataclass
class ZoomDouble:
    """What happens here becomes an event, which somebody else delivers, late, twice or never."""

    clock: Clock
    held: dict[int, Held] = field(default_factory=dict)
    untold: list[dict[str, Any]] = field(default_factory=list)
    _serial: int = 0

    # --- What people do in Zoom ---------------------------------------------------------------------------

    def make(self, shape: Shape, *, in_hours: int) -> int:
        """Make a meeting."""
        number = FIRST_NUMBER + len(self.held)
        kind = "webinar" if shape.startswith("webinar") else "meeting"
        start = self._hour() + timedelta(hours=in_hours)
        made: dict[str, Any] = {
            "uuid": f"/{number}+abc==",
            "id": number,
            "host_id": HOST,
            "topic": self._word("Topic"),
            "type": _TYPES[shape],
            "duration": 60,
            "timezone": "Europe/Berlin",
            "join_url": f"https://example.zoom.us/j/{number}?pwd=abc",
            "password": "482915",
            "settings": {"host_video": True, "waiting_room": False, "auto_recording": "none"},
        }
        if shape != "undated":
            made["start_time"] = _z(start)
        if made["type"] in _SERIES:
            made["occurrences"] = [self._date(start + timedelta(days=week * 7)) for week in range(3)]
            made["recurrence"] = {"type": 2, "repeat_interval": 1, "end_times": 3}
        # The event does not say it, but Zoom's REST API does.
        self.held[number] = Held({**made, "created_at": _z(self.clock.moment)}, kind)
        self._tell(number, "created", {"operation": "all", "object": {**made, "start_url": "https://never"}})
        return number

    def do(self, operation: Operation, number: int) -> None:
        """Do something with a meeting, where that can be done with it now."""
        held = self.held[number]
        if held.state is MeetingState.PERMANENTLY_DELETED:
            return
        if operation == "delete for good":
            self._state(number, "permanently_deleted", MeetingState.PERMANENTLY_DELETED)
        elif held.state is MeetingState.DELETED:
            if operation == "recover":
                self._state(number, "recovered", MeetingState.SCHEDULED)
        elif operation == "delete":
            self._state(number, "deleted", MeetingState.DELETED)
        elif operation == "convert":
            self._convert(number)
        elif operation in ("cancel date", "recover date", "move date", "add date", "drop date"):
            if held.object["type"] in _SERIES:
                self._of_a_series(number, operation)
        else:
            self._update(number, operation)

    def snapshot(self, number: int) -> dict[str, Any] | None:
        """Return what Zoom's REST API tells of a meeting now, as an entry of the log; None where it has none."""
        held = self.held[number]
        if held.state is not MeetingState.SCHEDULED:
            return None
        held.losses = 0
        at = self._later(number, "snapshot")
        told = {"account_id": ACCOUNT, "object": copy.deepcopy(held.object)}
        return {"event": SNAPSHOT, "event_ts": at, "payload": told}

    # --- What must come of it -----------------------------------------------------------------------------

    def differs_from(self, number: int, meeting: Meeting | None) -> str:
        """Return in what a folded meeting is not what is held here; empty where it is."""
        held = self.held[number]
        if meeting is None:
            return "there is none"
        if meeting.state is not held.state:
            return f"it is {meeting.state}, and should be {held.state}"
        if held.state is MeetingState.PERMANENTLY_DELETED:
            return ""
        if meeting.kind != held.kind:
            return f"it is a {meeting.kind}, and should be a {held.kind}"
        for key in ("topic", "type", "agenda", "duration", "start_time", "settings", "join_url"):
            if held.object.get(key) != meeting.object.get(key):
                return f"{key} is {meeting.object.get(key)!r}, and should be {held.object.get(key)!r}"
        dates = {(d["occurrence_id"], d["start_time"], d["status"]) for d in held.dates}
        listed = meeting.object.get("occurrences") or []
        found = {(d["occurrence_id"], d["start_time"], d["status"]) for d in listed}
        return "" if found == dates else f"its dates are {sorted(found)}, and should be {sorted(dates)}"

    # --- How it tells of it -------------------------------------------------------------------------------

    def _state(self, number: int, verb: str, state: MeetingState) -> None:
        held = self.held[number]
        held.state = state
        # Such events neither name the join link nor the agenda, and list no dates when the whole is meant.
        named = ("uuid", "id", "host_id", "topic", "type", "duration", "timezone", "start_time")
        told = {key: held.object[key] for key in named if key in held.object}
        operation = "all" if held.object["type"] in _SERIES else "single"  # as captures have it
        self._tell(number, verb, {"operation": operation, "object": told})

    def _convert(self, number: int) -> None:
        held = self.held[number]
        to_webinar = held.kind == "meeting"
        zoom_type = (_WEBINAR_OF if to_webinar else _MEETING_OF)[held.object["type"]]
        event = "meeting.converted_to_webinar" if to_webinar else "webinar.converted_to_meeting"
        held.object["type"] = zoom_type
        held.kind = "webinar" if to_webinar else "meeting"
        named = ("uuid", "id", "host_id", "topic", "type", "duration", "timezone", "start_time")
        told = {key: held.object[key] for key in named if key in held.object}
        self._tell(number, "converted", {"object": told}, event=event)

    def _update(self, number: int, operation: Operation) -> None:
        held = self.held[number]
        changed: dict[str, Any]
        gone: dict[str, Any] = {}
        if operation == "rename":
            changed = {"topic": self._word("Topic")}
        elif operation == "describe":
            changed = {"agenda": self._word("Agenda")}
        elif operation == "resettle":
            was = held.object["settings"]["host_video"]
            changed = {"settings": {"host_video": not was, "jbh_time": self._next()}}
        elif operation == "move" and "start_time" in held.object and held.object["type"] not in _SERIES:
            changed = {"start_time": _z(self._hour() + timedelta(hours=5 + self._next())), "duration": 45}
        elif operation == "make single" and held.object["type"] in _SERIES:
            start = held.object["occurrences"][0]["start_time"] if held.dates else held.object["start_time"]
            changed = {"type": 2 if held.kind == "meeting" else 5, "start_time": start}
            gone = {
                "occurrences": held.object.pop("occurrences", []),
                "recurrence": held.object.pop("recurrence"),
            }
        else:
            return
        self._told_update(number, changed, gone)

    def _of_a_series(self, number: int, operation: Operation) -> None:
        held = self.held[number]
        held_open = [date for date in held.dates if date["status"] == "available"]
        if operation == "add date":
            added = self._date(self._hour() + timedelta(days=30 + self._next()))
            self._told_update(number, {"occurrences": [*copy.deepcopy(held.dates), added]}, {})
        elif operation == "recover date":
            cancelled = [date for date in held.dates if date["status"] == "deleted"]
            if cancelled:
                cancelled[0]["status"] = "available"
                self._tell_of_dates(number, "recovered", cancelled[:1])
        elif not held_open:
            return
        elif operation == "cancel date":
            held_open[0]["status"] = "deleted"
            self._tell_of_dates(number, "deleted", held_open[:1])
        elif operation == "drop date":
            # It vanishes: only what was replaced still names it.
            gone = copy.deepcopy(held_open[-1])
            held.object["occurrences"] = [
                date for date in held.dates if date["occurrence_id"] != gone["occurrence_id"]
            ]
            self._told_update(number, {}, {"occurrences": [gone]})
        else:
            before = copy.deepcopy(held_open[-1])
            held_open[-1]["start_time"] = _z(
                datetime.fromisoformat(before["start_time"]) + timedelta(hours=3)
            )
            told = {"id": number, "type": held.object["type"], "occurrences": [copy.deepcopy(held_open[-1])]}
            old = {"id": number, "type": held.object["type"], "occurrences": [before]}
            self._tell(number, "updated", {"scope": "single", "object": told, "old_object": old})

    def _told_update(self, number: int, changed: dict[str, Any], gone: dict[str, Any]) -> None:
        held = self.held[number]
        old = {key: copy.deepcopy(held.object[key]) for key in changed if key in held.object} | gone
        settings = {**held.object["settings"], **changed.get("settings", {})}
        held.object |= {**copy.deepcopy(changed), "settings": settings}
        told = {"scope": "all", "object": {"id": number, **changed}, "old_object": {"id": number, **old}}
        self._tell(number, "updated", told)

    def _tell_of_dates(self, number: int, verb: str, dates: list[dict[str, Any]]) -> None:
        held = self.held[number]
        named = [{key: date[key] for key in ("occurrence_id", "start_time")} for date in dates]
        told = {key: held.object[key] for key in ("uuid", "id", "host_id", "topic", "type", "timezone")}
        told |= {"start_time": dates[0]["start_time"], "duration": 60, "occurrences": named}
        self._tell(number, verb, {"operation": "single", "object": told})

    def _tell(self, number: int, kind: str, payload: dict[str, Any], *, event: str = "") -> None:
        at = self._later(number, kind)
        told = {
            "account_id": ACCOUNT,
            "operator": "host@example.org",
            "operator_id": HOST,
            **copy.deepcopy(payload),
        }
        lag = 0
        if kind == "updated":
            told["time_stamp"] = at
            lag = 400
        if at % 2 and kind in ("deleted", "recovered"):
            told["object"]["id"] = str(number)  # as on some events
        name = event or f"{self.held[number].kind}.{kind}"
        self.untold.append({"event": name, "event_ts": at + lag, "payload": told})

    def _later(self, number: int, kind: str) -> int:
        """Return when it happens: Zoom gives several events one millisecond where their order is plain."""
        held = self.held[number]
        rank = _KINDS.index(kind)
        at = max(self.clock.milliseconds, held.told_at)
        if at == held.told_at and rank <= held.told_rank:
            at += 1
        held.told_at, held.told_rank = at, rank
        return at

    def _date(self, start: datetime) -> dict[str, Any]:
        return {
            "occurrence_id": str(1_000 + self._next()),
            "start_time": _z(start),
            "duration": 60,
            "status": "available",
        }

    def _hour(self) -> datetime:
        return self.clock.moment.replace(minute=0, second=0, microsecond=0)

    def _word(self, what: str) -> str:
        return f"{what} {self._next()}"

    def _next(self) -> int:
        self._serial += 1
        return self._serial


def number_of(event: dict[str, Any]) -> int:
    """Return which meeting an event is about."""
    return int(event["payload"]["object"]["id"])


def _z(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
