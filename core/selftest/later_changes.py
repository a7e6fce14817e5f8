"""What has happened since a self-test that may make its result outdated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.store import audit
from core.store.db import clock
from core.store.sites import health

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from core.model.health_facts import HealthFact
    from core.selftest.job import SelfTestReport
    from core.store.audit import AuditEntry

_MOST_FACTS = 5
_CLOCKS_APART = 60_000  # milliseconds by which the clocks of machines that share a database may differ


@dataclass(frozen=True, slots=True)
class LaterChanges:
    """Changes of the site's connection, and facts of checks that are others than at the test. Both the oldest first."""

    entries: Sequence[AuditEntry] = ()
    facts: Sequence[HealthFact] = ()

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.entries or self.facts)


def later_changes(connection: Connection, site_id: str, report: SelfTestReport | None) -> LaterChanges:
    """Return what has happened since a site's self-test.

    What works speaks against a test that failed, what does not against any. What is dated a minute later than now says nothing: it
    was noted while the machine's clock was ahead.
    """
    if report is None or report.is_running:
        return LaterChanges()
    since = report.started_at if report.ended_at is None else report.ended_at
    until = clock.now(connection) + _CLOCKS_APART
    facts = [
        fact
        for fact in health.facts(connection, site_id).values()
        if fact.since is not None and since < fact.since <= until and not (fact.well and report.is_well)
    ]
    facts.sort(key=lambda fact: fact.since or 0)
    return LaterChanges(
        audit.connection_changes(connection, site_id, since=since, until=until), facts[:_MOST_FACTS]
    )
