"""Restore a backup into an empty database of either kind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import case, delete, update

from core.errors import BackupError
from core.maintenance import tables
from core.maintenance.backup import checked, counting, data_tables, manifest_of, opened
from core.maintenance.target import filling
from core.store import audit
from core.store.audit import Action
from core.store.db import migrate, schema, settings

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import URL, Connection

    from core.maintenance.backup import Manifest, Report
    from core.store.db.encryption import Sealer

_MILLISECONDS_PER_MINUTE = 60_000


@dataclass(frozen=True, slots=True)
class Restored:
    """A database that was restored, and its revision now, after migrations."""

    manifest: Manifest
    revision: str


def read_manifest(path: Path) -> Manifest:
    """Return the manifest of a backup without checking the rest. Raises: BackupError, OSError."""
    with opened(path) as connection:
        return manifest_of(connection, path).manifest


def restore(path: Path, target: URL, sealer: Sealer, *, now: float, report: Report | None = None) -> Restored:
    """Check a backup, copy it into an empty database, compare both, and migrate. Blocks.

    What may have been used, ended or revoked since it was made is not restored: sessions, one-time links, pairing codes. The
    bridge gets a higher epoch at each site, above that of every former bridge, so that an older one that still runs is
    refused there, and reads each post before it next writes it. Raises: BackupError, StoreError, OSError.
    """
    with opened(path) as source:
        found = checked(source, path, report)
        manifest = found.manifest
        if not migrate.is_known(manifest.revision):
            raise BackupError(
                f"{path} was made by version {manifest.version} of the bridge, at revision {manifest.revision}, which this "
                "version does not know. Nothing was changed. Install that version, or a newer one."
            )
        if not found.fits(sealer):
            raise BackupError(
                f"{path} was encrypted with another key, or its list of contents was changed. Nothing was changed. "
                "Restore with the key that the bridge had: --key-file, or ZOOMBRIDGE_KEY."
            )
        with filling(target) as connection:
            migrate.create_tables(connection, sealer, revision=manifest.revision)
            tables.empty(connection, tables.tables_of(connection))
            tables.copy(source, connection, data_tables(source), counting(report, "Restoring", manifest.rows))
            made = tables.tables_of(connection)
            summaries = tables.summarize(connection, made, counting(report, "Comparing", manifest.rows))
            if wrong := tables.different(manifest.summaries, summaries):
                raise BackupError(
                    f"What the database has stored differs from the backup: {', '.join(wrong)}. Nothing was restored."
                )
            tables.start_counters(connection, made)
            migrate.create_tables(connection, sealer)
            _prepare(connection, manifest, now=int(now * 1000))
            revision = migrate.revision_of(connection)
    return Restored(manifest, revision or "")


def _prepare(connection: Connection, manifest: Manifest, *, now: int) -> None:
    """Bring what was restored to where a bridge may start with it."""
    for table in (
        schema.sessions,
        schema.one_time_links,
        schema.pending_sign_ins,
        schema.pairings,
        schema.pairing_codes,
    ):
        connection.execute(delete(table))
    settings.save_moved_to(connection, "")
    # Minutes since 1970: above the epoch of every bridge before it, also of one that was restored from the same backup.
    minutes = now // _MILLISECONDS_PER_MINUTE
    above = case((schema.sites.c.epoch >= minutes, schema.sites.c.epoch + 1), else_=minutes)
    connection.execute(update(schema.sites).values(epoch=above, check_due_at=0))
    connection.execute(update(schema.posts).values(in_doubt=True, owner=None, lease_until=0))
    connection.execute(update(schema.jobs).values(owner=None, lease_until=0))
    audit.record(
        connection, Action.DATABASE_RESTORED, made_at=_as_text(manifest.made_at), version=manifest.version
    )


def _as_text(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
