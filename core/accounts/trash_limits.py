"""Removals by a run: which posts a snapshot would move to the trash, and which of them wait for an administrator.

A run is an import, a reconciliation or a backfill. What it would remove is first collected, read once more at the end,
and only then recorded in the log: what exceeds the limits of a site (`TrashLimits`) never enters it before an
administrator approves it. Runs of the last day count together, and so does what is held.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.model import rules
from core.model.meeting import MeetingState
from core.model.shared_number import leading
from core.store.accounts import removals
from core.store.db import settings
from core.store.posts import queue
from core.store.sites import rules as site_rules
from core.store.sites import sites

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from sqlalchemy import Connection

    from core.model.rules import Rules
    from core.model.snapshots import Snapshot
    from core.store.accounts.removals import RemovalCounts
    from core.store.db.encryption import Sealer
    from core.store.db.settings import TrashLimits


@dataclass(frozen=True, slots=True)
class TrashLimitOptions:
    """Limits that options of the server set; each overrides the stored setting."""

    posts: int | None = None
    percent: int | None = None

    def limits(self, connection: Connection) -> TrashLimits:
        """Return the limits in effect."""
        found = settings.trash_limits(connection)
        return replace(
            found,
            posts=found.posts if self.posts is None else self.posts,
            percent=found.percent if self.percent is None else self.percent,
        )


def find_removals(
    connection: Connection, sealer: Sealer, account_id: str, snapshots: Iterable[Snapshot], *, now: datetime
) -> dict[int, list[str]]:
    """Return the ids of the sites whose post a snapshot would move to the trash, by meeting number.

    A snapshot does so where the meeting is gone, or where the site's rules exclude it from now on. Of several meetings
    under one number that is the one which the post shows at `now`.
    """
    changes = {one.number: one for one in snapshots if one.raw is not None and one.before is not None}
    decided: dict[str, Rules] = {}
    found: dict[int, list[str]] = {}
    for post in removals.posts_of(connection, account_id, changes):
        site_id, number = post.site_id, post.number
        if site_id not in decided:
            site = sites.load(connection, site_id, sealer)
            decided[site_id] = site_rules.add_host_ids(
                connection, sealer, rules.read(site.rules).rules, site_id
            )
        base = queue.open_base(sealer, post.baseline)
        is_own = base is not None and base.made
        if _removes(changes[number], decided[site_id], now, is_own=is_own):
            found.setdefault(number, []).append(site_id)
    return found


def _removes(snapshot: Snapshot, decided: Rules, now: datetime, *, is_own: bool) -> bool:
    """Tell whether a snapshot removes a post. `is_own`: the bridge made it, so that rules may remove it."""
    before, after = snapshot.before, snapshot.after
    if before is None or after is None or before.state is not MeetingState.SCHEDULED:
        return False
    if after.state is not MeetingState.SCHEDULED:
        return True
    return is_own and not decided.why_not(leading(before, now)) and bool(decided.why_not(leading(after, now)))


def exceeded(
    connection: Connection, options: TrashLimitOptions, job_id: int, site_ids: Collection[str], *, now: int
) -> dict[str, RemovalCounts]:
    """Return the sites of which a job would trash too many posts, with the counts. `now` is in Unix milliseconds."""
    limits = options.limits(connection)
    counted = removals.counts(connection, site_ids, job_id, now=now)
    return {
        site_id: counts
        for site_id, counts in counted.items()
        if limits.are_exceeded(counts.removed, counts.total)
    }
