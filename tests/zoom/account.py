"""A Zoom account's data: users, their meetings and webinars. Each change becomes an event.

Shapes of objects and events: Zoom's descriptions of its REST API and its events (OpenAPI), of which `schemas.json` holds
names and types; `user.*`: https://developers.zoom.us/docs/api/users/events/. Each behaviour names its source, or says
ASSUMPTION.
"""

from __future__ import annotations

import copy
import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FIRST_NUMBER = 91_000_000_001
SERIES = (8, 9)
WEBINARS = (5, 6, 9)
# Fields of REST that the event `created` does not have (Zoom's description of meeting.created).
_REST_ONLY = ("agenda", "created_at", "status", "host_email", "start_url")
# The settings that Zoom's description of meeting.created requires; `host_video`, `waiting_room` are REST's.
_TOLD_SETTINGS = ("use_pmi", "alternative_hosts")
INSTANT = 1
BASIC, LICENSED, WITHOUT_MEETINGS = (
    1,
    2,
    4,
)  # types of users; 4: zoom.md, Found later ("without Meetings Basic")
# A single meeting's number lives for 30 days after its date: zoom.md, REST;
# https://support.zoom.com/hc/en/article?id=zm_kb&sysparm_article=KB0065568
_EXPIRY = timedelta(days=30)
# `upcoming`, `upcoming_meetings` and `previous_meetings` reach six months: zoom.md, Found later;
# https://developers.zoom.us/changelog/meetings/november-18-2024/
_LIST_REACH = timedelta(days=183)
_CONVERTED_TYPES = {2: 5, 3: 6, 8: 9}


@dataclass(frozen=True, slots=True)
class User:
    """A user of the account. `status`: active, inactive or pending."""

    id: str
    email: str
    first_name: str
    last_name: str
    type: int = LICENSED
    status: str = "active"
    has_webinar_plan: bool = True


@dataclass
class Account:
    """An account. `tell` is called with each event as it happens. Thread-safe.

    `unlisted` meetings are left out of every list, though they can be read by number (issue 12, point 8: lists that
    miss; Zoom's description of GET /users/{userId}/meetings names instant and expired ones). Numbers in `expired` are
    answered like deleted ones (zoom.md, REST). Those in `moved` belong to another account now.
    """

    account_id: str = "DoubleAccount000000000"
    clock: Callable[[], float] = lambda: datetime.now(UTC).timestamp()
    tell: Callable[[dict[str, Any]], None] = lambda _: None
    users: dict[str, User] = field(default_factory=dict)
    held: dict[int, dict[str, Any]] = field(default_factory=dict)
    trash: dict[int, dict[str, Any]] = field(default_factory=dict)
    unlisted: set[int] = field(default_factory=set)
    expired: set[int] = field(default_factory=set)
    moved: set[int] = field(default_factory=set)
    guard: threading.RLock = field(default_factory=threading.RLock)
    _made: int = 0

    def add_user(
        self, name: str, *, type_: int = LICENSED, status: str = "active", has_webinar_plan: bool = True
    ) -> User:
        """Add a user."""
        number = len(self.users) + 1
        user = User(
            f"host{number:06d}AbCdEfGhIjKl",
            f"host{number}@example.org",
            name,
            "Host",
            type_,
            status,
            has_webinar_plan,
        )
        self.users[user.id] = user
        return user

    def change_user(self, user: User, **changed: Any) -> User:
        """Change a user. The event holds the changed fields, and what they were.

        https://developers.zoom.us/docs/api/users/events/ (user.updated)
        """
        after = replace(user, **changed)
        self.users[user.id] = after
        told = {name: value for name, value in changed.items() if name != "has_webinar_plan"}
        old = {name: getattr(user, name) for name in told}
        payload = {"object": {"id": user.id, **told}, "old_object": {"id": user.id, **old}}
        self._tell_user("updated", {**payload, "time_stamp": self._milliseconds()})
        return after

    def deactivate(self, user: User) -> User:
        """Deactivate a user: it loses its licences.

        https://developers.zoom.us/docs/api/users/ (PUT /users/{userId}/status): “Deactivating a user will remove all
        licenses”. ASSUMPTION: its meetings can still be listed and read.
        """
        after = replace(user, status="inactive", type=BASIC, has_webinar_plan=False)
        self.users[user.id] = after
        self._tell_user("deactivated", {"object": self._user_object(user)})
        return after

    def remove_user(self, user: User, *, heir: User | None = None, is_deleted: bool = True) -> None:
        """Delete a user, or else disassociate it from the account. Meetings go to `heir`, or with the user.

        https://developers.zoom.us/docs/api/users/ (DELETE /users/{userId}): meetings and webinars can be transferred;
        a deleted user's data is removed, a disassociated user has an account of its own. No event tells of the meetings
        (zoom.md, Found later). ASSUMPTION: a disassociated user keeps the numbers, which are then another account's.
        """
        with self.guard:
            del self.users[user.id]
            numbers = [number for number, held in self.held.items() if held["host_id"] == user.id]
            for number in numbers:
                if heir is not None:
                    self.held[number] |= {"host_id": heir.id, "host_email": heir.email}
                else:
                    del self.held[number]
                    if not is_deleted:
                        self.moved.add(number)
        self._tell_user("deleted" if is_deleted else "disassociated", {"object": self._user_object(user)})

    def make(self, user: User, topic: str, *, quietly: bool = False, **given: Any) -> int:
        """Schedule a meeting, or a webinar where `type` says so. `quietly`: without an event, as one made long before."""
        with self.guard:
            self._made += 1
            number = FIRST_NUMBER + self._made - 1
            start = datetime.fromtimestamp(self.clock(), UTC).replace(
                minute=0, second=0, microsecond=0
            ) + timedelta(days=7)
            made: dict[str, Any] = {
                "uuid": f"{number}==",
                "id": number,
                "host_id": user.id,
                "host_email": user.email,
                "topic": topic,
                "type": 2,
                "start_time": _z(start),
                "duration": 60,
                "timezone": "Europe/Berlin",
                "agenda": "",
                "created_at": _z(datetime.fromtimestamp(self.clock(), UTC)),
                "join_url": f"https://example.zoom.us/j/{number}?pwd=abc",
                "start_url": f"https://example.zoom.us/s/{number}?zak=KEY-TO-THE-HOSTS-ACCOUNT",
                "password": "482915",
                "status": "waiting",
                "settings": {
                    "host_video": True,
                    "waiting_room": False,
                    "use_pmi": False,
                    "alternative_hosts": "",
                },
                **given,
            }
            if made["type"] in WEBINARS:  # Zoom's description of GET /webinars/{webinarId} has neither
                del made["status"]
                made["settings"] = {
                    key: value
                    for key, value in made["settings"].items()
                    if key not in ("waiting_room", "use_pmi")
                }
            self.held[number] = made
        if not quietly:
            object_ = {key: value for key, value in made.items() if key not in _REST_ONLY}
            told = {"use_pmi": False} | made[
                "settings"
            ]  # webinars' events have `use_pmi`, their REST answers not
            object_["settings"] = {key: told[key] for key in _TOLD_SETTINGS if key in told}
            self._tell(number, "created", {"operation": "all", "object": object_})
        return number

    def change(self, number: int, **changed: Any) -> None:
        """Change a meeting; the event holds only what changed, and what it was."""
        with self.guard:
            held = self.held[number]
            old = {key: held.get(key) for key in changed}
            held |= copy.deepcopy(changed)
        payload = {"scope": "all", "object": {"id": number, **changed}, "old_object": {"id": number, **old}}
        self._tell(number, "updated", {**payload, "time_stamp": self._milliseconds()})

    def delete(self, number: int) -> None:
        """Delete a meeting, which can be recovered."""
        with self.guard:
            self.trash[number] = self.held.pop(number)
        self._tell(number, "deleted", {"operation": "all", "object": self._named(self.trash[number])})

    def recover(self, number: int) -> None:
        """Recover a meeting."""
        with self.guard:
            self.held[number] = self.trash.pop(number)
        self._tell(number, "recovered", {"operation": "all", "object": self._named(self.held[number])})

    def convert(self, number: int) -> None:
        """Convert a meeting into a webinar, or back.

        https://developers.zoom.us/changelog/meetings/september-15-2025. ASSUMPTION: the number stays, and the object is
        that of `deleted`.
        """
        with self.guard:
            held = self.held[number]
            to_webinar = held["type"] in _CONVERTED_TYPES
            back = {webinar: meeting for meeting, webinar in _CONVERTED_TYPES.items()}
            held["type"] = (_CONVERTED_TYPES if to_webinar else back)[held["type"]]
        event = "meeting.converted_to_webinar" if to_webinar else "webinar.converted_to_meeting"
        self._tell(number, "converted", {"object": self._named(held)}, event=event)

    def expire(self, number: int) -> None:
        """Let a number expire. Zoom tells nobody, and answers as for a deleted one (zoom.md, REST)."""
        self.expired.add(number)

    def has_expired(self, held: Mapping[str, Any]) -> bool:
        """Whether a number has expired: 30 days after the date of a single meeting, or once `expire` was called."""
        if held["id"] in self.expired:
            return True
        if held["type"] not in (2, 5) or "start_time" not in held:
            return False
        return self._end(held) + _EXPIRY < self._now()

    def start(self, number: int, uuid: str) -> None:
        """Start an instance; these events have the number as text."""
        with self.guard:
            self.held[number]["status"] = "started"
        at = _z(datetime.fromtimestamp(self.clock(), UTC))
        named = {**self._named(self.held[number]), "id": str(number), "uuid": uuid, "start_time": at}
        self._tell(number, "started", {"object": named})

    def end(self, number: int, uuid: str) -> None:
        """End an instance."""
        with self.guard:
            self.held[number]["status"] = "waiting"
        at = _z(datetime.fromtimestamp(self.clock(), UTC))
        named = {**self._named(self.held[number]), "id": str(number), "uuid": uuid, "end_time": at}
        self._tell(number, "ended", {"object": named})

    def detail(self, number: int, *, with_previous: bool) -> dict[str, Any]:
        """Return a whole meeting; past occurrences only `with_previous`.

        Zoom's description of GET /meetings/{meetingId}: show_previous_occurrences.
        """
        with self.guard:
            found = copy.deepcopy(self.held[number])
        if found["type"] in WEBINARS:
            found.pop("status", None)
        if "occurrences" in found and not with_previous:
            found["occurrences"] = [date for date in found["occurrences"] if self._end(date) >= self._now()]
        return found

    def of(self, user_id: str, *, webinars: bool, type_: str = "scheduled") -> list[dict[str, Any]]:
        """Return a user's list: not all fields, the agenda cut at 250 characters, no instant and no expired meetings.

        Zoom's description of GET /users/{userId}/meetings. ASSUMPTION: a series is listed once, and is upcoming while
        one of its dates is.
        """
        listed = (
            "uuid",
            "id",
            "host_id",
            "topic",
            "type",
            "start_time",
            "duration",
            "timezone",
            "created_at",
            "join_url",
        )
        with self.guard:
            mine = [
                held
                for number, held in self.held.items()
                if held["host_id"] == user_id
                and (held["type"] in WEBINARS) is webinars
                and held["type"] != INSTANT
                and number not in self.unlisted
                and not self.has_expired(held)
                and self._is_listed_as(held, type_)
            ]
            return [
                {key: held[key] for key in listed if key in held}
                | {"agenda": str(held.get("agenda", ""))[:250]}
                for held in mine
            ]

    def _is_listed_as(self, held: Mapping[str, Any], type_: str) -> bool:
        is_live = held.get("status") == "started"
        if type_ == "scheduled":
            return True
        if type_ == "live":
            return is_live
        dates = [date for date in held.get("occurrences", [held]) if "start_time" in date]
        if type_ == "previous_meetings":
            return any(self._now() - _LIST_REACH <= self._end(date) < self._now() for date in dates)
        return is_live or any(self._now() <= self._end(date) <= self._now() + _LIST_REACH for date in dates)

    def _end(self, date: Mapping[str, Any]) -> datetime:
        return datetime.fromisoformat(date["start_time"]) + timedelta(minutes=int(date.get("duration", 0)))

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC)

    def _user_object(self, user: User) -> dict[str, Any]:
        return {
            "id": user.id,
            "first_name": user.first_name,
            "last_name": user.last_name,
            "email": user.email,
            "type": user.type,
        }

    def _tell_user(self, verb: str, payload: dict[str, Any]) -> None:
        told = {
            "account_id": self.account_id,
            "operator": "admin@example.org",
            "operator_id": "adminAbCdEfGhIjKl",
            **payload,
        }
        self.tell({"event": f"user.{verb}", "event_ts": self._milliseconds(), "payload": told})

    def _named(self, held: Mapping[str, Any]) -> dict[str, Any]:
        named = ("uuid", "id", "host_id", "topic", "type", "start_time", "duration", "timezone")
        return {key: held[key] for key in named if key in held}

    def _tell(self, number: int, verb: str, payload: dict[str, Any], *, event: str = "") -> None:
        held = self.held.get(number) or self.trash[number]
        subject = "webinar" if held["type"] in WEBINARS else "meeting"
        told = {"account_id": self.account_id, **copy.deepcopy(payload)}
        if verb not in ("started", "ended"):  # nobody operates these (Zoom's descriptions of the events)
            told |= {"operator": held["host_email"], "operator_id": held["host_id"]}
        name = event or f"{subject}.{verb}"
        self.tell({"event": name, "event_ts": self._milliseconds(), "payload": told})

    def _milliseconds(self) -> int:
        return int(self.clock() * 1000)


def _z(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
