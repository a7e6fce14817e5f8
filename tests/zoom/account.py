"""What an account holds: users, their meetings and webinars. What is done with these becomes an event.

The shapes of objects and events: https://developers.zoom.us/docs/api/meetings/ and …/meetings/events/.
"""

from __future__ import annotations

import copy
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FIRST_NUMBER = 91_000_000_001
SERIES = (8, 9)
WEBINARS = (5, 6, 9)
# What the event `created` does not carry though REST does, and what REST alone calls by this name.
_REST_ONLY = ("agenda", "created_at", "status", "host_email", "start_url")


@dataclass(frozen=True, slots=True)
class User:
    """A user of the account."""

    id: str
    email: str
    first_name: str
    last_name: str


@dataclass
class Account:
    """An account. `tell` is called with each event, as it happens. Safe to use from several threads."""

    account_id: str = "DoubleAccount000000000"
    clock: Callable[[], float] = lambda: datetime.now(UTC).timestamp()
    tell: Callable[[dict[str, Any]], None] = lambda _: None
    users: dict[str, User] = field(default_factory=dict)
    held: dict[int, dict[str, Any]] = field(default_factory=dict)
    trash: dict[int, dict[str, Any]] = field(default_factory=dict)
    guard: threading.RLock = field(default_factory=threading.RLock)

    def add_user(self, name: str) -> User:
        """Let somebody join the account."""
        number = len(self.users) + 1
        user = User(f"host{number:06d}AbCdEfGhIjKl", f"host{number}@example.org", name, "Host")
        self.users[user.id] = user
        return user

    def make(self, user: User, topic: str, *, quietly: bool = False, **given: Any) -> int:
        """Schedule a meeting, or a webinar where `type` says so. `quietly`: nobody is told, as if it had been before."""
        with self.guard:
            number = FIRST_NUMBER + len(self.held) + len(self.trash)
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
                "settings": {"host_video": True, "waiting_room": False},
                **given,
            }
            self.held[number] = made
        if not quietly:
            object_ = {
                key: value for key, value in made.items() if key not in _REST_ONLY or key == "start_url"
            }
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

    def of(self, user_id: str, *, webinars: bool) -> list[dict[str, Any]]:
        """Return what a user's list shows: not all fields, and the agenda cut at 250 characters."""
        with self.guard:
            mine = [
                held
                for held in self.held.values()
                if held["host_id"] == user_id and (held["type"] in WEBINARS) is webinars
            ]
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
            return [
                {key: held[key] for key in listed if key in held}
                | {"agenda": str(held.get("agenda", ""))[:250]}
                for held in mine
            ]

    def _named(self, held: Mapping[str, Any]) -> dict[str, Any]:
        named = ("uuid", "id", "host_id", "topic", "type", "start_time", "duration", "timezone")
        return {key: held[key] for key in named if key in held}

    def _tell(self, number: int, verb: str, payload: dict[str, Any]) -> None:
        held = self.held.get(number) or self.trash[number]
        subject = "webinar" if held["type"] in WEBINARS else "meeting"
        told = {"account_id": self.account_id, "operator": "host@example.org", **copy.deepcopy(payload)}
        self.tell({"event": f"{subject}.{verb}", "event_ts": self._milliseconds(), "payload": told})

    def _milliseconds(self) -> int:
        return int(self.clock() * 1000)


def _z(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
