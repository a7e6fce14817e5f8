"""Move the data into another database: from SQLite to PostgreSQL, or back."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from core.errors import DatabaseNotEmptyError, StoreError
from core.maintenance import tables
from core.maintenance.backup import counting
from core.maintenance.target import filling, refuse_others, state_of
from core.store import audit
from core.store.audit import Action
from core.store.db import migrate, postgresql, settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import URL, Connection

    from core.maintenance.backup import Report
    from core.maintenance.tables import TableSummary
    from core.store.db.encryption import Sealer
    from core.store.db.engine import Store


@dataclass(frozen=True, slots=True)
class Moved:
    """What was moved. `was_complete`: an earlier run had copied everything, and was interrupted before its end."""

    tables: dict[str, TableSummary]
    revision: str
    was_complete: bool

    @property
    def rows(self) -> int:
        """How many rows all tables have."""
        return sum(one.rows for one in self.tables.values())


def move(source: Store, target: URL, *, name: str, report: Report | None = None) -> Moved:
    """Copy all rows into an empty database, compare both, and mark the source as moved to `name`. Blocks.

    No bridge may run on either. Interrupted at any moment, it can be run again: until everything is copied and
    compared, the target stays empty and the source is used as before. Raises: StoreInUseError, DatabaseNotEmptyError,
    StoreError.
    """
    migrate.upgrade(source.engine, source.sealer)
    with source.reading() as connection:
        if source.is_shared:
            postgresql.allow_idle(connection)
            refuse_others(connection)
        try:
            moved = _copy(connection, target, source.sealer, report)
        except DatabaseNotEmptyError:
            moved = _complete(connection, target, report)
    source.write(lambda connection: settings.save_moved_to(connection, name))
    return moved


def _copy(source: Connection, target: URL, sealer: Sealer, report: Report | None) -> Moved:
    found = tables.tables_of(source)
    total = tables.count_rows(source, found)
    with filling(target) as connection:
        migrate.create_tables(connection, sealer)
        tables.empty(connection, tables.tables_of(connection))
        read = tables.copy(source, connection, found, counting(report, "Copying", total))
        made = tables.tables_of(connection)
        stored = tables.summarize(connection, made, counting(report, "Comparing", total))
        if wrong := tables.different(read, stored):
            raise StoreError(
                f"What the new database has stored differs: {', '.join(wrong)}. It stays empty, and the old one is used "
                "as before."
            )
        tables.start_counters(connection, made)
        settings.save_moved_from(connection, _fingerprint(read))
        audit.record(connection, Action.DATABASE_MOVED, rows=total)
    return Moved(read, _revision(source), was_complete=False)


def _complete(source: Connection, target: URL, report: Report | None) -> Moved:
    """Return what an earlier run has copied, where the source is still the same. Raises: DatabaseNotEmptyError."""
    with state_of(target) as connection:
        copied = settings.moved_from(connection)
    found = tables.tables_of(source)
    total = tables.count_rows(source, found)
    read = tables.summarize(source, found, counting(report, "Comparing", total))
    if not copied or copied != _fingerprint(read):
        raise DatabaseNotEmptyError(
            "The new database holds other data already. Nothing was changed. Move into an empty one."
        )
    return Moved(read, _revision(source), was_complete=True)


def _revision(connection: Connection) -> str:
    return migrate.revision_of(connection) or ""


def _fingerprint(summaries: Mapping[str, TableSummary]) -> str:
    document = json.dumps({name: asdict(one) for name, one in summaries.items()}, sort_keys=True)
    return hashlib.sha256(document.encode()).hexdigest()
