"""The meeting of the test: what is sent when somebody presses *Test it*. Pure.

It can never be a real one: Zoom's numbers have up to 11 digits and these have 15; and it belongs to an account
of its own, one for each site, so that it comes to that site alone and touches nothing of a real account's.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

ACCOUNT = "zoombridge-test-"
FIRST_NUMBER = 999_000_000_000_000
LAST_NUMBER = 999_999_999_999_999
REQUEST = "zoombridge-test-"  # what the id of each request begins with
_JOIN_URL = "https://zoom.us/test"  # where people try out whether Zoom works for them
_HOST = "zoombridge-test"


def probe_account_id(site_id: str) -> str:
    """Return the account that a site's tests belong to."""
    return ACCOUNT + site_id


def is_probe(account_id: str | None) -> bool:
    """Whether an account is that of a test."""
    return account_id is not None and account_id.startswith(ACCOUNT)


@dataclass(frozen=True, slots=True)
class ProbeEvents:
    """One test: its meeting on one site. `token` stands in the topic, and is looked for in the page."""

    site_id: str
    number: int
    token: str

    @property
    def account_id(self) -> str:
        """The account that it belongs to."""
        return probe_account_id(self.site_id)

    @property
    def topic(self) -> str:
        """What is read in the page, should anybody come upon it."""
        # Signs inside and outside the basic plane: see `_zooms_bytes`.
        return f"Test {self.token} of Zoom WordPress Bridge… it goes away by itself 🚒"

    def created(self, at: datetime) -> bytes:
        """Return the event that it was made."""
        start = (at + timedelta(days=1)).replace(minute=0, second=0, microsecond=0)
        made = {
            **self._named,
            "start_time": start.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "join_url": _JOIN_URL,
            "settings": {"waiting_room": True},
        }
        return self._event("created", at, made)

    def deleted(self, at: datetime) -> bytes:
        """Return the event that it was deleted, and could be recovered."""
        return self._event("deleted", at, self._named)

    def permanently_deleted(self, at: datetime) -> bytes:
        """Return the event that it was deleted for good."""
        return self._event("permanently_deleted", at, self._named)

    @property
    def _named(self) -> dict[str, Any]:
        return {
            "uuid": f"{self.token}/{self.number}==",
            "id": self.number,
            "host_id": _HOST,
            "topic": self.topic,
            "type": 2,
            "duration": 30,
            "timezone": "UTC",
        }

    def _event(self, verb: str, at: datetime, object_: dict[str, Any]) -> bytes:
        payload = {"account_id": self.account_id, "operation": "all", "object": object_}
        return _zooms_bytes(
            {"event": f"meeting.{verb}", "event_ts": int(at.timestamp() * 1000), "payload": payload}
        )


def _zooms_bytes(document: dict[str, Any]) -> bytes:
    """Write JSON as Zoom does, which no decoder and encoder gives back: so what does both on the way is found.

    Characters of the basic plane stand as they are, the others as upper-case escapes, and slashes unescaped.
    """
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return re.sub(r"[\U00010000-\U0010ffff]", _escaped, text).encode()


def _escaped(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be").hex().upper()
    return f"\\u{units[:4]}\\u{units[4:]}"
