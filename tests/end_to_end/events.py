"""Events as Zoom sends them, for meetings and webinars that each test has for itself."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

ACCOUNT = "EndToEndAccount-00000A"
HOST = "endToEndHost000000000A"

_numbers = itertools.count(81_000_000_001)
_ticks = itertools.count()


def next_number() -> int:
    """Return a number that no meeting has had yet."""
    return next(_numbers)


def in_days(days: int, hour: int = 16) -> datetime:
    """Return a full hour (UTC), so many days from now."""
    then = datetime.now(UTC) + timedelta(days=days)
    return then.replace(hour=hour, minute=0, second=0, microsecond=0)


def z(moment: datetime) -> str:
    """Write a moment as Zoom does."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Meeting:
    """One meeting or webinar, and the events of its life, each later than the one before."""

    kind: str
    number: int = field(default_factory=next_number)
    topic: str = "Choir rehearsal"
    start: datetime = field(default_factory=lambda: in_days(7))
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def join_url(self) -> str:
        """Where participants join."""
        return f"https://example.zoom.us/{'j' if self.kind == 'meeting' else 'w'}/{self.number}?pwd=abc"

    @property
    def named(self) -> dict[str, Any]:
        """What every event says of it."""
        return {
            "uuid": f"/{self.number}+abc==",
            "id": self.number,
            "host_id": HOST,
            "topic": self.topic,
            "type": 2 if self.kind == "meeting" else 5,
            "start_time": z(self.start),
            "duration": 60,
            "timezone": "Europe/Berlin",
        } | {key: value for key, value in self.changes.items() if key in ("type", "duration", "timezone")}

    @property
    def object(self) -> dict[str, Any]:
        """What Zoom says of it when it is made."""
        return (
            self.named
            | {
                "join_url": self.join_url,
                # Zoom does not send it any more; whoever does must not find it published.
                "start_url": f"https://example.zoom.us/s/{self.number}?zak=KEY-TO-THE-HOSTS-ACCOUNT",
                "password": "482915",
                "settings": {
                    "host_video": True,
                    "participant_video": False,
                    "join_before_host": True,
                    "jbh_time": 5,
                    "mute_upon_entry": True,
                    "waiting_room": False,
                    "auto_recording": "cloud",
                    "alternative_hosts": "anna@example.org;ben@example.org",
                    "panelists_video": True,
                    "practice_session": True,
                },
            }
            | self.changes
        )

    def created(self) -> dict[str, Any]:
        """It was made."""
        return self._event("created", {"operation": "all", "object": self.object})

    def updated(self, before: dict[str, Any] | None = None, **changed: Any) -> dict[str, Any]:
        """It was changed: only the number and what changed are told."""
        said = {
            "scope": "all",
            "object": {"id": self.number, **changed},
            "old_object": {"id": self.number, **(before or {})},
        }
        event = self._event("updated", said)
        event["payload"]["time_stamp"] = event["event_ts"]
        return event

    def deleted(self, occurrences: list[dict[str, Any]] | None = None) -> dict[str, Any]:
        """It was deleted, or only these of its dates."""
        return self._event("deleted", self._all_or(occurrences))

    def recovered(self, occurrences: list[dict[str, Any]] | None = None) -> dict[str, Any]:
        """It was recovered, or only these of its dates."""
        return self._event("recovered", self._all_or(occurrences))

    def permanently_deleted(self) -> dict[str, Any]:
        """It was deleted for good."""
        return self._event("permanently_deleted", self._all_or(None))

    def started(self, uuid: str = "an-instance==") -> dict[str, Any]:
        """It began, at its time: with the number as text, as Zoom has it in these events."""
        return self._event("started", {"object": {**self.named, "id": str(self.number), "uuid": uuid}})

    def ended(self, uuid: str = "an-instance==") -> dict[str, Any]:
        """It ended."""
        told = {
            **self.named,
            "id": str(self.number),
            "uuid": uuid,
            "end_time": z(self.start + timedelta(hours=1)),
        }
        return self._event("ended", {"object": told})

    def joined(self) -> dict[str, Any]:
        """Somebody joined: an event that the bridge does not act on."""
        told = {**self.named, "id": str(self.number), "participant": {"user_name": "Somebody"}}
        return self._event("participant_joined", {"object": told})

    def registered(self, person: str, verb: str = "created") -> dict[str, Any]:
        """Somebody registered, or was approved, denied or cancelled."""
        registrant = {
            "id": person,
            "first_name": person,
            "email": f"{person}@example.org",
            "status": "approved",
        }
        return self._event(f"registration_{verb}", {"object": {**self.named, "registrant": registrant}})

    def recording(self, verb: str, uuid: str = "an-instance==") -> dict[str, Any]:
        """What was recorded of an instance is there, or goes."""
        recorded = {
            **self.named,
            "uuid": uuid,
            "share_url": f"https://example.zoom.us/rec/share/{self.number}",
            "password": "rec-4711",
            "recording_play_passcode": "OPENS-IT-FOR-EVERYBODY",
            "recording_files": [{"id": "file-1", "file_type": "MP4", "status": "completed"}],
        }
        event = self._event("completed", {"object": recorded})
        return {**event, "event": f"recording.{verb}", "download_token": "DOWNLOAD-TOKEN"}

    @staticmethod
    def recordings(verb: str, *uuids: str) -> dict[str, Any]:
        """Many recordings go, or come back, at once: such an event names no meeting."""
        about = {"meetings": [{"meeting_uuid": uuid, "recording_file_ids": ["file-1"]} for uuid in uuids]}
        payload = {
            "account_id": ACCOUNT,
            "object": {"meeting_uuids": list(uuids)} if verb == "trashed" else about,
        }
        at = int(time.time() * 1000) + next(_ticks)
        return {"event": f"recording.batch_{verb}", "event_ts": at, "payload": payload}

    def _all_or(self, occurrences: list[dict[str, Any]] | None) -> dict[str, Any]:
        if occurrences is None:
            return {"operation": "all", "object": self.named}
        return {"operation": "single", "object": {**self.named, "occurrences": occurrences}}

    def _event(self, verb: str, said: dict[str, Any]) -> dict[str, Any]:
        return {
            "event": f"{self.kind}.{verb}",
            "event_ts": int(time.time() * 1000) + next(_ticks),
            "payload": {"account_id": ACCOUNT, "operator": "host@example.org", "operator_id": HOST, **said},
        }


def series(kind: str, *, first: datetime | None = None, **changes: Any) -> Meeting:
    """Return a meeting or webinar with four weekly dates."""
    start = first or in_days(7)
    dates = [
        {
            "occurrence_id": str(1_000 + index),
            "start_time": z(start + timedelta(weeks=index)),
            "duration": 60,
            "status": "available",
        }
        for index in range(4)
    ]
    rule = {"type": 2, "repeat_interval": 1, "weekly_days": "3", "end_times": 4}
    recurring = {"type": 8 if kind == "meeting" else 9, "occurrences": dates, "recurrence": rule}
    return Meeting(kind, start=start, changes=recurring | changes)
