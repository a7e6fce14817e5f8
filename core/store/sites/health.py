"""Facts about the health of sites, and when each site is to be checked. Functions run in the caller's transaction.

A fact holds from `since` on. It ends when a check finds otherwise, or does not get as far as finding it again, or when a
write or an event shows that it no longer holds. Whoever changes facts locks the row of the site first.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, case, delete, false, func, literal_column, select, update

from core.model.health_facts import CHECKED, FactName, HealthFact, in_order
from core.store.db.schema import health_facts, sites
from core.store.db.upsert import insert_for

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sqlalchemy import ColumnElement, Connection

    from core.model.health_facts import HealthFinding


# --- Facts --------------------------------------------------------------------------------------------------


def facts(connection: Connection, site_id: str) -> dict[FactName, HealthFact]:
    """Return the stored facts of a site by name, in the order of the names."""
    rows = connection.execute(select(health_facts).where(health_facts.c.site_id == site_id))
    found = [
        HealthFact(FactName(row.name), row.well, row.message, since=row.since, seen_at=row.seen_at)
        for row in rows
    ]
    return {fact.name: fact for fact in in_order(found)}


def failing(connection: Connection, *, site_id: str | None = None) -> dict[str, list[HealthFact]]:
    """Return the facts that are not well of all sites, or of one, by site id and in the order of the names."""
    query = select(health_facts).where(health_facts.c.well == false())
    if site_id is not None:
        query = query.where(health_facts.c.site_id == site_id)
    found: dict[str, list[HealthFact]] = {}
    for row in connection.execute(query):
        fact = HealthFact(FactName(row.name), row.well, row.message, since=row.since, seen_at=row.seen_at)
        found.setdefault(row.site_id, []).append(fact)
    return {of_site: in_order(facts) for of_site, facts in found.items()}


def record(connection: Connection, site_id: str, findings: Iterable[HealthFinding], *, now: int) -> None:
    """Store findings as facts. `since` stays while a fact is as well, or as bad, as before. `now`: Unix ms (UTC)."""
    rows = [
        {
            "site_id": site_id,
            "name": found.name,
            "well": found.well,
            "message": found.message,
            "since": now,
            "seen_at": now,
        }
        for found in findings
    ]
    if rows:
        connection.execute(_recording(connection.dialect.name), rows)


@cache
def _recording(dialect: str) -> Any:
    """Return the statement of `record`, built once."""
    wanted = insert_for(dialect, health_facts)
    new = wanted.excluded
    since = case((health_facts.c.well == new.well, health_facts.c.since), else_=new.since)
    return wanted.on_conflict_do_update(
        index_elements=["site_id", "name"],
        set_={"well": new.well, "message": new.message, "since": since, "seen_at": new.seen_at},
    )


def replace_checked(
    connection: Connection, site_id: str, findings: Collection[HealthFinding], *, now: int
) -> None:
    """Store all findings of a check. What it did not get as far as finding is not known any more."""
    unknown = [name for name in CHECKED if name not in {found.name for found in findings}]
    forget(connection, site_id, unknown)
    record(connection, site_id, findings, now=now)


def forget(connection: Connection, site_id: str, names: Iterable[FactName] = FactName) -> None:
    """Delete facts that are not known to hold any more."""
    connection.execute(delete(health_facts).where(_of(site_id, names)))


def forget_failing(connection: Connection, site_id: str, names: Iterable[FactName]) -> bool:
    """Delete those of some facts that are not well; return whether there were any."""
    given = {"of_site": site_id, "named": list(names)}
    return connection.execute(_FORGETTING_FAILING, given).rowcount > 0


def end_failing(connection: Connection, site_id: str, names: Iterable[FactName]) -> None:
    """Delete those of some facts that are not well, as something works that could not then; have the site checked."""
    if forget_failing(connection, site_id, names):
        request_check(connection, site_id)


_FORGETTING_FAILING = delete(health_facts).where(
    health_facts.c.site_id == bindparam("of_site"),
    health_facts.c.name.in_(bindparam("named", expanding=True)),
    health_facts.c.well == false(),
)


def _of(site_id: str, names: Iterable[FactName]) -> ColumnElement[bool]:
    return and_(health_facts.c.site_id == site_id, health_facts.c.name.in_(list(names)))


# --- Due checks ---------------------------------------------------------------------------------------------

_LEAST_GAP = 10_000  # ms between two checks of one site, where writes fail and succeed in turn
# The name as text: only then do the databases use their partial index of silent sites.
_IS_SILENT = sites.c.id.in_(
    select(health_facts.c.site_id).where(
        health_facts.c.name == literal_column(f"'{FactName.WORDPRESS}'"), health_facts.c.well == false()
    )
)


def request_check(connection: Connection, site_id: str) -> None:
    """Make a site due for a check: now, but not sooner than ten seconds after the last one.

    A check that is running does not count.
    """
    earliest = func.coalesce(sites.c.checked_at + _LEAST_GAP, 0)
    is_later = sites.c.id == site_id, sites.c.check_due_at > earliest
    connection.execute(update(sites).where(*is_later).values(check_due_at=earliest))


def check_by(connection: Connection, site_id: str, moment: int) -> None:
    """Make a site due for a check at a moment (Unix ms, UTC) at the latest."""
    is_later = sites.c.id == site_id, sites.c.check_due_at > moment
    connection.execute(update(sites).where(*is_later).values(check_due_at=moment))


def request_checks(connection: Connection) -> None:
    """Make every site due for a check: now, but not sooner than ten seconds after its last one."""
    earliest = func.coalesce(sites.c.checked_at + _LEAST_GAP, 0)
    is_later = sites.c.check_due_at > earliest
    connection.execute(update(sites).where(is_later).values(check_due_at=earliest))


def next_check(connection: Connection, *, silent: bool, underway: Collection[str] = ()) -> int | None:
    """Return when the next check is due (Unix milliseconds, UTC). `silent`: of sites that did not answer the last one.

    Those that are `underway` do not count.
    """
    counts = _is_silent(silent), sites.c.id.not_in(list(underway))
    first = select(sites.c.check_due_at).where(*counts).order_by(sites.c.check_due_at).limit(1)
    found: int | None = connection.scalar(first)
    return found


def claim_checks(
    connection: Connection,
    *,
    silent: bool,
    now: int,
    until: int,
    limit: int,
    underway: Collection[str] = (),
) -> list[str]:
    """Claim sites that are due for a check, the longest due first. Returns their ids.

    Those that are `underway` stay due: a check that was requested meanwhile comes after the present one. Other
    processes leave them alone until `until`; then, where the check has not ended, they are due again.
    """
    due = (
        select(sites.c.id)
        .where(sites.c.check_due_at <= now, _is_silent(silent), sites.c.id.not_in(list(underway)))
        .order_by(sites.c.check_due_at, sites.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    # PostgreSQL may run a subquery of an UPDATE more than once, and then lock more rows than wanted.
    chosen = list(connection.scalars(due))
    still_due = and_(sites.c.id.in_(chosen), sites.c.check_due_at <= now)
    connection.execute(update(sites).where(still_due).values(check_due_at=until))
    return chosen


def end_check(
    connection: Connection, site_id: str, *, epoch: int, claimed: int, now: int, next_at: int
) -> bool:
    """Record that a check has ended, and when the next is due. `claimed` is the due time from before it.

    A check that was requested meanwhile stays due. Returns False where the site was removed or paired anew meanwhile:
    then the check says nothing about it.
    """
    due_at = case((sites.c.check_due_at == claimed, next_at), else_=sites.c.check_due_at)
    of_pairing = sites.c.id == site_id, sites.c.epoch == epoch
    changed = connection.execute(update(sites).where(*of_pairing).values(checked_at=now, check_due_at=due_at))
    return changed.rowcount > 0


def _is_silent(silent: bool) -> ColumnElement[bool]:
    return _IS_SILENT if silent else ~_IS_SILENT
