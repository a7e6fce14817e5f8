"""Dismiss the alerts about refused requests: those in quarantine, and those that were too large to keep.

An alert comes back only for requests that come later.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from core.store import audit
from core.store.audit import Action
from core.store.events import large_requests, quarantine

if TYPE_CHECKING:
    from sqlalchemy import Connection

_LAST_ID = 2**63 - 1


class Dismissible(StrEnum):
    """The requests whose alerts are dismissed."""

    QUARANTINED = "quarantined"  # they stay in quarantine
    LARGE = "large"  # what is stored of them is deleted


_DISMISS = {Dismissible.QUARANTINED: quarantine.dismiss, Dismissible.LARGE: large_requests.dismiss}


def dismiss(
    connection: Connection, requests: Dismissible, *, upto: int = _LAST_ID, site_id: str | None = None
) -> int:
    """Dismiss the alerts about requests up to an id, of every site or of one; return the number of requests."""
    dismissed = _DISMISS[requests](connection, upto=upto, site_id=site_id)
    if dismissed:
        audit.record(connection, Action.QUARANTINE_DISMISSED, site_id=site_id, number=dismissed)
    return dismissed
