"""Settings of the whole bridge, stored in the database. Functions run in the caller's transaction."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select

from core.store import audit
from core.store.audit import Action
from core.store.db import clock
from core.store.db.schema import metadata, settings
from core.store.db.upsert import insert

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

KEEP_DAYS = 90
LONGEST_DAYS = 3650
KEEP_EVENTS = 1_000_000
KEEP_NAMES_DAYS = 30
FEWEST_EVENTS, MOST_EVENTS = 1000, 100_000_000
TRASH_LIMIT, TRASH_PERCENT = 5, 50
MOST_TRASHED, MOST_PERCENT = 100_000, 100

_DAYS, _EVENTS, _NAMES = "keep_days", "keep_events", "keep_names_days"
_TRASH_LIMIT, _TRASH_PERCENT = "trash_limit", "trash_percent"
_NAMES_REMOVED_TO = "names_removed_to"
TABLES_TO_REWRITE = "tables_to_rewrite"
_CALENDAR_SECRET = "calendar_secret"  # noqa: S105 - the name of a setting
_PUBLIC_URL = "public_url"
_OFFERED_ADDRESSES = "offered_addresses"
_MOST_OFFERED = 20
_MOVED_TO, _MOVED_FROM = "moved_to", "moved_from"
_READINESS_CHECKED_AT = "readiness_checked_at"
_FIRST_PENDING = "first_pending_event"


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """Retention: days that events stay in the log, their maximum number, and days until personal data are removed."""

    days: int = KEEP_DAYS
    events: int = KEEP_EVENTS
    names_days: int = KEEP_NAMES_DAYS


def retention(connection: Connection) -> RetentionSettings:
    """Return the retention settings. An invalid value counts as not set."""
    found = _all(connection, (_DAYS, _EVENTS, _NAMES))
    return RetentionSettings(
        days=_between(found.get(_DAYS), 1, LONGEST_DAYS, KEEP_DAYS),
        events=_between(found.get(_EVENTS), FEWEST_EVENTS, MOST_EVENTS, KEEP_EVENTS),
        names_days=_between(found.get(_NAMES), 1, LONGEST_DAYS, KEEP_NAMES_DAYS),
    )


def save_retention(connection: Connection, wanted: RetentionSettings) -> None:
    """Save the retention settings."""
    _change(connection, _retention_values(retention(connection)), _retention_values(wanted))


@dataclass(frozen=True, slots=True)
class TrashLimits:
    """The most posts of a site that runs trash within a day without approval: a number, and a percentage of all.

    `percent` never prevents the removal of a single post.
    """

    posts: int = TRASH_LIMIT
    percent: int = TRASH_PERCENT

    def are_exceeded(self, removed: int, total: int) -> bool:
        """Whether `removed` of `total` posts are too many."""
        return removed > self.posts or (removed > 1 and 100 * removed > self.percent * total)


def trash_limits(connection: Connection) -> TrashLimits:
    """Return the stored limits. An invalid value counts as not set."""
    found = _all(connection, (_TRASH_LIMIT, _TRASH_PERCENT))
    return TrashLimits(
        posts=_between(found.get(_TRASH_LIMIT), 0, MOST_TRASHED, TRASH_LIMIT),
        percent=_between(found.get(_TRASH_PERCENT), 1, MOST_PERCENT, TRASH_PERCENT),
    )


def save_trash_limits(connection: Connection, wanted: TrashLimits) -> None:
    """Save the limits."""
    _change(connection, _trash_values(trash_limits(connection)), _trash_values(wanted))


def public_url(connection: Connection) -> str:
    """Return the bridge's address for browsers and sites, without a slash at its end; empty before it is saved."""
    found = _all(connection, (_PUBLIC_URL,)).get(_PUBLIC_URL)
    return found if isinstance(found, str) else ""


def save_public_url(connection: Connection, url: str) -> None:
    """Save the bridge's address for browsers and sites."""
    _change(connection, {_PUBLIC_URL: public_url(connection)}, {_PUBLIC_URL: url})


def offered_addresses(connection: Connection) -> list[str]:
    """Return the addresses of the bridge that were offered to sites, the newest first."""
    found = _all(connection, (_OFFERED_ADDRESSES,)).get(_OFFERED_ADDRESSES)
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def note_offered_address(connection: Connection, url: str) -> None:
    """Store that an address of the bridge is offered to sites. Only the newest ones are kept."""
    known = [one for one in offered_addresses(connection) if one != url]
    _save(connection, {_OFFERED_ADDRESSES: [url, *known[: _MOST_OFFERED - 1]]})


def forget_offered_address(connection: Connection, url: str) -> None:
    """Forget that an address of the bridge was offered: a site that tells of it is not believed any more."""
    _save(connection, {_OFFERED_ADDRESSES: [one for one in offered_addresses(connection) if one != url]})


def names_removed_to(connection: Connection) -> int:
    """Return the id of the last event that redaction has processed; 0 before the first run."""
    found = _all(connection, (_NAMES_REMOVED_TO,)).get(_NAMES_REMOVED_TO)
    return _between(found, 0, 2**62, 0)


def save_names_removed_to(connection: Connection, event_id: int) -> None:
    """Save the id of the last event that redaction has processed."""
    _save(connection, {_NAMES_REMOVED_TO: event_id})


def readiness_checked_at(connection: Connection) -> int:
    """Return when the database was last written to find out whether it can be (Unix ms, UTC); 0 before."""
    return _between(_all(connection, (_READINESS_CHECKED_AT,)).get(_READINESS_CHECKED_AT), 0, 2**62, 0)


def save_readiness_check(connection: Connection) -> None:
    """Write the time, to find out whether the database can be written."""
    _save(connection, {_READINESS_CHECKED_AT: clock.now(connection)})


@dataclass(frozen=True, slots=True)
class FirstPending:
    """The pending event that is to be folded next, and between which looks it was that (Unix ms, UTC)."""

    id: int
    since: int
    seen_at: int


def first_pending(connection: Connection) -> FirstPending | None:
    """Return what was noted of the first pending event; None where nothing was pending at the last look."""
    found = _all(connection, (_FIRST_PENDING,)).get(_FIRST_PENDING)
    numbers = [_between(one, 0, 2**62, -1) for one in found] if isinstance(found, list) else []
    return FirstPending(*numbers) if len(numbers) == 3 and min(numbers) >= 0 else None  # noqa: PLR2004 - its fields


def save_first_pending(connection: Connection, noted: FirstPending | None) -> None:
    """Save what was noted of the first pending event; None: nothing is pending."""
    if noted is None:
        connection.execute(delete(settings).where(settings.c.name == _FIRST_PENDING))
    else:
        _save(connection, {_FIRST_PENDING: [noted.id, noted.since, noted.seen_at]})


def calendar_secret(connection: Connection) -> bytes | None:
    """Return the secret from which the UIDs in calendars are derived; None before the first calendar."""
    found = _all(connection, (_CALENDAR_SECRET,)).get(_CALENDAR_SECRET)
    return bytes.fromhex(found) if isinstance(found, str) else None


def make_calendar_secret(connection: Connection) -> bytes:
    """Return the secret of `calendar_secret`, which is created if there is none.

    It stays in the bridge and gives access to nothing: it only keeps meeting numbers from being guessed from UIDs.
    """
    statement = insert(connection, settings).values(name=_CALENDAR_SECRET, value=secrets.token_hex(32))
    connection.execute(statement.on_conflict_do_nothing())
    stored = connection.scalar(select(settings.c.value).where(settings.c.name == _CALENDAR_SECRET))
    return bytes.fromhex(str(stored))


def tables_to_rewrite(connection: Connection) -> list[str]:
    """Return the tables to rewrite on disk, because a migration has removed unencrypted values from them."""
    found = _all(connection, (TABLES_TO_REWRITE,)).get(TABLES_TO_REWRITE)
    return [name for name in found if name in metadata.tables] if isinstance(found, list) else []


def note_tables_rewritten(connection: Connection) -> None:
    """Record that all tables have been rewritten."""
    connection.execute(delete(settings).where(settings.c.name == TABLES_TO_REWRITE))


def moved_to(connection: Connection) -> str:
    """Return the database that the data were moved to, as people name it; empty if they were not."""
    found = _all(connection, (_MOVED_TO,)).get(_MOVED_TO)
    return found if isinstance(found, str) else ""


def save_moved_to(connection: Connection, database: str) -> None:
    """Record that the data were moved to another database, so that this one is not used any more; empty: undo that."""
    connection.execute(delete(settings).where(settings.c.name == _MOVED_TO))
    if database:
        _save(connection, {_MOVED_TO: database})


def moved_from(connection: Connection) -> str:
    """Return the fingerprint of the database that the data came from; empty if they were not moved."""
    found = _all(connection, (_MOVED_FROM,)).get(_MOVED_FROM)
    return found if isinstance(found, str) else ""


def save_moved_from(connection: Connection, fingerprint: str) -> None:
    """Record which database the data came from."""
    _save(connection, {_MOVED_FROM: fingerprint})


def _all(connection: Connection, names: tuple[str, ...]) -> dict[str, Any]:
    rows = connection.execute(select(settings.c.name, settings.c.value).where(settings.c.name.in_(names)))
    return {row.name: row.value for row in rows}


def _retention_values(found: RetentionSettings) -> dict[str, int]:
    return {_DAYS: found.days, _EVENTS: found.events, _NAMES: found.names_days}


def _trash_values(found: TrashLimits) -> dict[str, int]:
    return {_TRASH_LIMIT: found.posts, _TRASH_PERCENT: found.percent}


def _change(connection: Connection, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Save settings that a person sets, and what changes of them in the audit log."""
    changes = {
        name: {"from": before[name], "to": value} for name, value in after.items() if before[name] != value
    }
    _save(connection, after)
    if changes:
        audit.record(connection, Action.SETTINGS_CHANGED, detail=changes)


def _save(connection: Connection, values: Mapping[str, Any]) -> None:
    for name, value in sorted(values.items()):
        statement = insert(connection, settings).values(name=name, value=value)
        connection.execute(
            statement.on_conflict_do_update(index_elements=["name"], set_={"value": statement.excluded.value})
        )


def _between(value: Any, least: int, most: int, default: int) -> int:
    right = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
    return value if right else default
