"""The probe meeting of a site's self-test. Pure.

It cannot collide with a real meeting: Zoom's numbers have up to 11 digits and these have 15. It belongs to a made-up
account per site, so that it reaches that site alone and touches nothing of a real account.
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
REQUEST = "zoombridge-test-"  # prefix of the request ids
_JOIN_URL = "https://zoom.us/test"  # Zoom's page for testing one's device
_HOST = "zoombridge-test"


def probe_account_id(site_id: str) -> str:
    """Return the made-up account id of a site's self-tests."""
    return ACCOUNT + site_id


def is_probe(account_id: str | None) -> bool:
    """Tell whether an account id belongs to a self-test."""
    return account_id is not None and account_id.startswith(ACCOUNT)


@dataclass(frozen=True, slots=True)
class ProbeEvents:
    """The events of one self-test on one site. The topic contains `token`, which is searched for in the page."""

    site_id: str
    number: int
    token: str

    @property
    def account_id(self) -> str:
        """The made-up account id of the site's self-tests."""
        return probe_account_id(self.site_id)

    @property
    def topic(self) -> str:
        """The topic, which explains itself to visitors who find the page."""
        # Characters inside and outside the basic plane: see `_zooms_bytes`.
        return f"Test {self.token} of Zoom WordPress Bridge… it goes away by itself 🚒"

    def created(self, at: datetime) -> bytes:
        """Return the raw event `meeting.created`."""
        start = (at + timedelta(days=1)).replace(minute=0, second=0, microsecond=0)
        made = {
            **self._named,
            "start_time": start.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "join_url": _JOIN_URL,
            "settings": {"waiting_room": True},
        }
        return self._event("created", at, made)

    def deleted(self, at: datetime) -> bytes:
        """Return the raw event `meeting.deleted`."""
        return self._event("deleted", at, self._named)

    def permanently_deleted(self, at: datetime) -> bytes:
        """Return the raw event `meeting.permanently_deleted`."""
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
    """Encode JSON as Zoom does, which no usual encoder reproduces, so that re-encoding on the way is detected.

    Characters of the basic plane are unescaped, others are upper-case escapes, and slashes are unescaped.
    """
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return re.sub(r"[\U00010000-\U0010ffff]", _escaped, text).encode()


def _escaped(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be").hex().upper()
    return f"\\u{units[:4]}\\u{units[4:]}"
