"""The audit log: who changed what, from where and when.

An entry is written in the transaction of the change, so that neither is without the other. It holds no secret, token,
passcode, join link or body. It is kept apart from the log of events, with bounds of its own. Times are Unix milliseconds
(UTC).
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, or_, select

from core.store.db import clock
from core.store.db.schema import audit_log, sites
from core.store.events.waiting_limits import fair_share

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import ColumnElement, Connection, RowMapping

_DAY = 24 * 60 * 60 * 1000
KEEP_DAYS = 730
KEEP_VISITORS_DAYS = 90

_LONGEST = 200
_MOST_LISTED = 50
_MOST_CHANGES = 5


class Action(StrEnum):
    """What was done. The part before the dot is the subject, by which entries are searched, too."""

    SETTINGS_CHANGED = "settings.changed"
    RULES_CHANGED = "rules.changed"
    RULES_TEMPLATE_SAVED = "rules.template-saved"
    RULES_TEMPLATE_REMOVED = "rules.template-removed"
    RULES_TEMPLATE_FOLLOWED = "rules.template-followed"
    RULES_TEMPLATE_DEPARTED = "rules.template-departed"
    RULES_TEMPLATE_LEFT = "rules.template-left"
    SECRET_ADDED = "secret.added"  # noqa: S105 - a name
    SECRET_REMOVED = "secret.removed"  # noqa: S105
    GRANT_ADDED = "grant.added"
    GRANT_CONFIRMED = "grant.confirmed"
    GRANT_REVOKED = "grant.revoked"
    GRANT_REFUSED = "grant.refused"
    ACCOUNT_SAVED = "account.saved"
    ACCOUNT_REMOVED = "account.removed"
    USER_ADDED = "user.added"
    USER_REMOVED = "user.removed"
    USER_ROLE = "user.role"
    USER_PASSWORD = "user.password"  # noqa: S105
    USER_LINK = "user.link"
    USER_EMAIL_ADDRESS = "user.email-address"
    TWO_FACTOR_ON = "user.two-factor-on"
    TWO_FACTOR_OFF = "user.two-factor-off"
    RECOVERY_CODES = "user.recovery-codes"
    SIGNED_IN = "session.started"
    SIGN_IN_FAILED = "session.failed"
    SIGNED_OUT = "session.ended"
    SESSIONS_ENDED = "session.revoked"
    CODE_ISSUED = "pairing.code"
    CODE_CANCELLED = "pairing.cancelled"
    PAIRING_REQUESTED = "pairing.requested"
    PAIRING_REFUSED = "pairing.refused"
    SITE_CONNECTED = "site.connected"
    SITE_REMOVED = "site.removed"
    SITE_MOVED = "site.moved"
    SITE_KEY = "site.key"
    BRIDGE_ADDRESS_OFFERED = "site.address-offered"
    BRIDGE_ADDRESS_WITHDRAWN = "site.address-withdrawn"
    BRIDGE_ADDRESS = "site.bridge-address"
    SITE_SERVER_PASSWORD = "site.server-password"  # noqa: S105
    ADDRESS_ALLOWED = "site.address"
    SITE_LEFT = "site.left"
    SITE_BACK = "site.back"
    SITE_PAUSED = "site.paused"
    SITE_RESUMED = "site.resumed"
    SITE_TAGGED = "site.tagged"
    JOB_REQUESTED = "job.requested"
    JOB_STOPPED = "job.stopped"
    JOB_RESUMED = "job.resumed"
    REMOVALS_APPROVED = "removals.approved"
    REMOVALS_DISMISSED = "removals.dismissed"
    QUARANTINE_RECHECKED = "quarantine.rechecked"
    QUARANTINE_DISMISSED = "quarantine.dismissed"
    PAGE_REQUEUED = "page.requeued"
    ALERT_CHANNEL_ADDED = "alert.added"
    ALERT_CHANNEL_PAUSED = "alert.paused"
    ALERT_CHANNEL_RESUMED = "alert.resumed"
    ALERT_CHANNEL_REMOVED = "alert.removed"
    ALERT_CHANNEL_TESTED = "alert.tested"
    ALERT_ACKNOWLEDGED = "alert.acknowledged"
    ALERT_SNOOZED = "alert.snoozed"
    ALERT_REOPENED = "alert.reopened"
    DATABASE_RESTORED = "database.restored"
    DATABASE_MOVED = "database.moved"


SUBJECTS = tuple(dict.fromkeys(action.partition(".")[0] for action in Action))
"""The subjects of all actions."""


OF_CONNECTION = (
    Action.RULES_CHANGED,
    Action.SECRET_ADDED,
    Action.SECRET_REMOVED,
    Action.SITE_CONNECTED,
    Action.SITE_MOVED,
    Action.SITE_KEY,
    Action.BRIDGE_ADDRESS,
    Action.SITE_SERVER_PASSWORD,
    Action.ADDRESS_ALLOWED,
    Action.SITE_LEFT,
    Action.SITE_BACK,
)
"""What changes how events come from Zoom to the pages of a site."""


class ActorKind(StrEnum):
    """Who acts."""

    USER = "user"  # of the bridge's own pages
    WORDPRESS = "wordpress"  # an administrator of a site, in its wp-admin or from there
    COMMAND = "command"  # a user of the bridge's machine
    PLUGIN = "plugin"  # of a site, by itself
    VISITOR = "visitor"  # nobody who is known
    BRIDGE = "bridge"  # by itself


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and from which address: of the network, or the name of the machine for a command.

    `browser` is for the list of sessions; the audit log does not hold it.
    """

    kind: ActorKind
    name: str = ""
    address: str = ""
    browser: str = ""


# Of each kind by itself: whoever fails to sign in, or has a plugin say goodbye again and again, pushes out nothing of
# what users did.
MOST_ENTRIES = {
    ActorKind.USER: 100_000,
    ActorKind.COMMAND: 100_000,
    ActorKind.WORDPRESS: 50_000,
    ActorKind.PLUGIN: 10_000,
    ActorKind.VISITOR: 10_000,
    ActorKind.BRIDGE: 10_000,
}
"""The most entries of each kind of actor."""
_OF_SITES = (ActorKind.WORDPRESS, ActorKind.PLUGIN)  # who acts there, and how often, is for the site to tell

BRIDGE = Actor(ActorKind.BRIDGE)
_actor: ContextVar[Actor] = ContextVar("actor", default=BRIDGE)


def act(actor: Actor) -> None:
    """Let an actor be who acts in this context: until the request of it ends. Threads and tasks have their own.

    `Store` and executors carry the context of their callers into their threads.
    """
    _actor.set(actor)


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """Let an actor be who acts within a block."""
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)


def current_actor() -> Actor:
    """Return who acts in this context."""
    return _actor.get()


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry. `site` is the address of the site that was concerned, kept when the site is gone; empty for none.

    `subject` names what was changed: a user, an account. `detail` holds further facts by name.
    """

    id: int
    at: int
    action: Action
    actor: Actor
    site_id: str | None
    site: str
    subject: str
    detail: Mapping[str, Any] = field(default_factory=dict)


def record(
    connection: Connection,
    action: Action,
    subject: str = "",
    *,
    site_id: str | None = None,
    site: str = "",
    actor: Actor | None = None,
    detail: Mapping[str, Any] | None = None,
    **more: Any,
) -> None:
    """Add an entry, within the transaction of what it tells of.

    `detail` and `more` are further facts: those that are None or empty are left out, and long ones shortened. `actor` is
    who acts in this context unless it is given.
    """
    actor = current_actor() if actor is None else actor
    facts = {**(detail or {}), **more}
    if site_id is not None and not site:
        site = _site_url(connection, site_id)
    connection.execute(
        insert(audit_log).values(
            at=clock.now(connection),
            action=action.value,
            actor_kind=actor.kind.value,
            actor=_text(actor.name),
            address=_text(actor.address),
            site_id=site_id,
            site=_text(site),
            subject=_text(subject),
            detail={name: _short(value) for name, value in facts.items() if value not in (None, "", [], ())},
        )
    )


def record_by_person(connection: Connection, action: Action, subject: str = "", **more: Any) -> None:
    """Add an entry as `record` does, unless the bridge acts by itself: what it does on its own is in its log."""
    if current_actor().kind is not ActorKind.BRIDGE:
        record(connection, action, subject, **more)


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are meant. `action` is an action or a subject, `who` a part of the actor's name or address.

    `site` is the id of a site or a part of its address.
    """

    action: str = ""
    who: str = ""
    site: str = ""
    since: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries, the newest first, and whether there are more on either side."""

    entries: list[AuditEntry]
    more_newer: bool
    more_older: bool


def page(
    connection: Connection,
    wanted: AuditFilter,
    *,
    limit: int,
    before: int | None = None,
    after: int | None = None,
) -> AuditPage:
    """Return up to `limit` entries with ids below `before`, or those next above `after`; by default the newest."""
    matching = _conditions(wanted)
    query = select(audit_log).where(*matching).limit(limit + 1)
    if after is not None:
        rows = connection.execute(
            query.where(audit_log.c.id > after).order_by(audit_log.c.id.asc())
        ).mappings()
        found = [_entry(row) for row in rows]
        more_newer, found = len(found) > limit, found[:limit][::-1]
        more_older = _exists(connection, matching, audit_log.c.id <= after)
        return AuditPage(found, more_newer, more_older)
    if before is not None:
        query = query.where(audit_log.c.id < before)
    found = [_entry(row) for row in connection.execute(query.order_by(audit_log.c.id.desc())).mappings()]
    more_newer = before is not None and _exists(connection, matching, audit_log.c.id >= before)
    return AuditPage(found[:limit], more_newer, len(found) > limit)


def connection_changes(connection: Connection, site_id: str, *, since: int, until: int) -> list[AuditEntry]:
    """Return what has changed in how a site is connected, the oldest first; at most 5.

    After `since`, until `until` (Unix milliseconds).
    """
    rows = connection.execute(
        select(audit_log)
        .where(
            audit_log.c.site_id == site_id,
            audit_log.c.at > since,
            audit_log.c.at <= until,
            audit_log.c.action.in_([action.value for action in OF_CONNECTION]),
        )
        .order_by(audit_log.c.id)
        .limit(_MOST_CHANGES)
    )
    return [_entry(row) for row in rows.mappings()]


def count(connection: Connection, wanted: AuditFilter) -> int:
    """Return the number of entries, which is bounded."""
    return connection.scalar(select(func.count()).select_from(audit_log).where(*_conditions(wanted))) or 0


def delete_old(connection: Connection, *, now: int, most: Mapping[ActorKind, int] = MOST_ENTRIES) -> int:
    """Delete the entries of each kind of actor that are too old or too many. Returns their number.

    Of actors of sites, those with the most entries lose their oldest, down to equal shares.
    """
    deleted = 0
    for kind, kept in most.items():
        of_kind = audit_log.c.actor_kind == kind.value
        days = KEEP_VISITORS_DAYS if kind is ActorKind.VISITOR else KEEP_DAYS
        is_over = audit_log.c.at < now - days * _DAY
        deleted += connection.execute(delete(audit_log).where(of_kind, is_over)).rowcount
        if _surplus(connection, kept, of_kind) is None:
            continue
        for alike, share in _shares(connection, kind, kept):
            newest = _surplus(connection, share, of_kind, *alike)
            if newest is not None:
                of_these = delete(audit_log).where(of_kind, *alike, audit_log.c.id <= newest)
                deleted += connection.execute(of_these).rowcount
    return deleted


def _surplus(connection: Connection, kept: int, *alike: ColumnElement[bool]) -> int | None:
    """Return the id of the newest of some entries that is not among the `kept` newest; None where they are no more."""
    ids = select(audit_log.c.id).where(*alike).order_by(audit_log.c.id.desc())
    found: int | None = connection.scalar(ids.offset(kept).limit(1))
    return found


def _shares(
    connection: Connection, kind: ActorKind, kept: int
) -> Iterator[tuple[tuple[ColumnElement[bool], ...], int]]:
    """Yield conditions of entries of a kind, and how many of these are kept: of each site, or of all together."""
    if kind not in _OF_SITES:
        yield (), kept
        return
    of_kind = audit_log.c.actor_kind == kind.value
    counts = select(audit_log.c.site_id, func.count()).where(of_kind).group_by(audit_log.c.site_id)
    found = connection.execute(counts).all()
    share = fair_share([number for _, number in found], kept)
    for site_id, _ in found:
        yield (audit_log.c.site_id.is_not_distinct_from(site_id),), share


def _conditions(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.action:
        of_subject = audit_log.c.action.startswith(wanted.action + ".", autoescape=True)
        conditions.append(or_(audit_log.c.action == wanted.action, of_subject))
    if wanted.who:
        part = wanted.who.lower()
        columns = (audit_log.c.actor, audit_log.c.address)
        conditions.append(or_(*(func.lower(column).contains(part, autoescape=True) for column in columns)))
    if wanted.site:
        part = wanted.site.lower().rstrip("/")
        at = func.lower(audit_log.c.site).contains(part, autoescape=True)
        conditions.append(or_(audit_log.c.site_id == wanted.site, at))
    if wanted.since is not None:
        conditions.append(audit_log.c.at >= wanted.since)
    if wanted.until is not None:
        conditions.append(audit_log.c.at < wanted.until)
    return conditions


def _exists(connection: Connection, matching: list[ColumnElement[bool]], there: ColumnElement[bool]) -> bool:
    return connection.execute(select(audit_log.c.id).where(*matching, there).limit(1)).first() is not None


def _entry(row: RowMapping) -> AuditEntry:
    return AuditEntry(
        id=row["id"],
        at=row["at"],
        action=Action(row["action"]),
        actor=Actor(ActorKind(row["actor_kind"]), row["actor"], row["address"]),
        site_id=row["site_id"],
        site=row["site"],
        subject=row["subject"],
        detail=row["detail"],
    )


def _site_url(connection: Connection, site_id: str) -> str:
    return connection.scalar(select(sites.c.url).where(sites.c.id == site_id)) or ""


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | tuple):
        return [_short(one) for one in value[:_MOST_LISTED]]
    if isinstance(value, dict):
        return {name: _short(one) for name, one in value.items()}
    return value


def _text(text: str) -> str:
    """Return text as every database takes it, and not too much of it."""
    return text[:_LONGEST].replace("\0", "").encode(errors="replace").decode()
