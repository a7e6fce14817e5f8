"""The facts about a site from which its alerts are derived, as a query returns them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.model.health_facts import HealthFact
    from core.model.post_status import PostStatus


@dataclass(frozen=True, slots=True)
class OpenPosts:
    """Posts of one site with the same status and reason that are not up to date. `since` is that of the oldest."""

    status: PostStatus
    count: int
    since: int | None = None
    fault: str | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """The facts about a site from which its alerts are derived. Times are Unix milliseconds (UTC).

    `held` counts the requests in quarantine that name an account known at the site and were not dismissed, `held_pages`
    the pages that a run would trash and that wait for approval. `too_large` and `unverified_large` count requests that
    were too large to keep, by their cause; `too_large_is_plausible`: one came from an address of Zoom's. `waiting` counts the
    events whose Zoom accounts ask to be granted to it, `waiting_dropped` those that were too many to keep. `stale_at` is when
    a request with the right signature was last refused for its time, `stale_seconds` before this machine's. `usual_gap` is
    the longest gap between two of its events in the last week (ms); None while unknown. `left_at` is when its plugin said
    goodbye, `paused_at` since when no page of it is written, as a person decided; `failing` are the facts about its health
    that are not well.
    """

    id: str
    name: str
    url: str
    created_at: int = 0
    validated_at: int | None = None
    last_event: str | None = None
    last_event_at: int | None = None
    last_write_at: int | None = None
    failures: int = 0
    blocked_until: int = 0
    fault: str | None = None
    fault_message: str = ""
    secrets: int = 1
    held: int = 0
    held_since: int | None = None
    held_pages: int = 0
    held_pages_since: int | None = None
    too_large: int = 0
    too_large_since: int | None = None
    too_large_is_plausible: bool = False
    unverified_large: int = 0
    unverified_large_since: int | None = None
    waiting: int = 0
    waiting_since: int | None = None
    waiting_dropped: int = 0
    open: Sequence[OpenPosts] = ()
    usual_gap: int | None = None
    stale_at: int | None = None
    stale_seconds: int | None = None
    left_at: int | None = None
    tags: Sequence[str] = ()
    paused_at: int | None = None
    failing: Sequence[HealthFact] = ()

    def count(self, status: PostStatus) -> int:
        """Return the number of posts with a status."""
        return sum(one.count for one in self.open if one.status is status)

    def since(self, status: PostStatus) -> int | None:
        """Return the earliest time of posts with a status; None without any."""
        return min((one.since for one in self.open if one.status is status and one.since), default=None)
