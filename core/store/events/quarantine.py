"""Store requests that look like Zoom's but failed verification, until the right secret token is saved. Bounded.

Strangers can send such requests, too, so what may be Zoom's has room of its own, and each sender a share of it.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    tuple_,
    update,
)

from core import messages
from core.errors import BadRequestError, StoreError, UnknownEventError
from core.model.redaction import may_name_people, names_people
from core.store.db import schema
from core.store.db.schema import quarantine, sites, zoom_accounts
from core.store.db.statements import Prepared
from core.store.db.upsert import insert
from core.store.events import senders
from core.store.events.request import Request
from core.store.events.search import EventKey
from core.store.sites import grants
from core.zoom import envelope as zoom_envelope
from core.zoom.plausibility import claimed_account
from core.zoom.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import BindParameter, ColumnElement, Connection, Delete, Row, Select

    from core.store.db.encryption import Sealer
    from core.store.events.search import EventFilter

_MIB = 1024 * 1024
_OPENED_AT_ONCE = 100  # each may have 64 KiB, and each site many
_OTHER, _KNOWN_ACCOUNT, _ZOOM_SENDER = range(3)  # kinds of requests: see `QuarantineLimits`


@dataclass(frozen=True, slots=True)
class QuarantineLimits:
    """The room of one site, in bytes of encrypted requests, apart for what may be Zoom's to different degrees.

    `of_zoom_senders` is for requests that name an account known at the site and come from where authentic events came
    from; `of_known_accounts` for others that name such an account, which anybody can write into a request; `of_others` for
    all that remain. A request counts as `at_least` bytes, so that their number is limited, too.
    """

    of_zoom_senders: int = 16 * _MIB
    of_known_accounts: int = 8 * _MIB
    of_others: int = 4 * _MIB
    at_least: int = 16 * 1024


DEFAULT_LIMITS = QuarantineLimits()


@dataclass(frozen=True, slots=True)
class QuarantinedRequest:
    """One request in quarantine, and why it was refused. `received_at` is in Unix milliseconds (UTC).

    `sender` is where it came from, empty where unknown. `is_plausible`: it names an account that is known at the site.
    """

    id: int
    site_id: str
    site_name: str
    received_at: int
    reason: str
    request: Request
    sender: str = ""
    is_plausible: bool = False

    @property
    def key(self) -> EventKey:
        """Its position in the list."""
        return EventKey(self.received_at, self.id)


@dataclass(frozen=True, slots=True)
class QuarantinePage:
    """One page of the list, newest first, and whether there are newer and older requests beyond it."""

    requests: list[QuarantinedRequest]
    more_newer: bool
    more_older: bool


def add(
    connection: Connection,
    site_id: str,
    request: Request,
    sealer: Sealer,
    *,
    reason: str,
    now: int,
    sender: str = "",
    limits: QuarantineLimits = DEFAULT_LIMITS,
) -> int:
    """Store a refused request, once; return how many made room.

    Where the room of its kind is full, the senders with the most lose their oldest, down to equal shares, so that nobody
    displaces the requests of a sender with fewer. Among equals, who comes last is not kept.
    """
    sealed = request.sealed(sealer)
    statement = insert(connection, quarantine).values(
        site_id=site_id,
        digest=_digest(site_id, request),
        received_at=now,
        reason=reason,
        size=len(sealed),
        request=sealed,
        account_id=claimed_account(request.body),
        sender=sender,
    )
    added = connection.execute(statement.on_conflict_do_nothing(index_elements=["digest"]))
    return _trim(connection, site_id, limits) if added.rowcount else 0


def knows_account(connection: Connection, site_id: str, account_id: str) -> bool:
    """Whether an account is known at a site: granted to it, or its credentials are saved here."""
    return bool(connection.scalar(select(_is_known(literal(site_id), literal(account_id)))))


def alerting(connection: Connection, *, site_id: str | None = None) -> dict[str, tuple[int, int]]:
    """Return, by site, how many requests raise an alert, and when the first came (Unix milliseconds, UTC).

    They name an account that is known there, and nobody has dismissed them.
    """
    query = select(quarantine.c.site_id, func.count(), func.min(quarantine.c.received_at))
    query = query.where(_IS_PLAUSIBLE, ~quarantine.c.dismissed).group_by(quarantine.c.site_id)
    if site_id is not None:
        query = query.where(quarantine.c.site_id == site_id)
    return {row[0]: (row[1], row[2]) for row in connection.execute(query)}


def dismiss(connection: Connection, *, upto: int, site_id: str | None = None) -> int:
    """Let requests up to an id, of every site or of one, raise no alert; return their number. They are kept."""
    query = update(quarantine).where(quarantine.c.id <= upto, ~quarantine.c.dismissed).values(dismissed=True)
    if site_id is not None:
        query = query.where(quarantine.c.site_id == site_id)
    return connection.execute(query).rowcount


def list_all(connection: Connection, site_id: str, sealer: Sealer) -> list[QuarantinedRequest]:
    """Return the requests of a site, oldest first."""
    query = _selection().where(quarantine.c.site_id == site_id).order_by(quarantine.c.id)
    return _opened(connection.execute(query), sealer)


def latest(connection: Connection, site_id: str, sealer: Sealer, limit: int) -> list[QuarantinedRequest]:
    """Return the newest requests of a site, newest first."""
    query = _selection().where(quarantine.c.site_id == site_id)
    return _opened(connection.execute(query.order_by(quarantine.c.received_at.desc()).limit(limit)), sealer)


def suspects(connection: Connection, site_id: str, sealer: Sealer, limit: int) -> list[QuarantinedRequest]:
    """Return the newest requests from which to tell what is wrong with Zoom's own events, newest first.

    Those that raise an alert; where no account is granted to the site yet, all that nobody has dismissed: nothing else
    could tell that the first secret token is a wrong one.
    """
    query = _selection().where(*_are_suspects(connection, site_id))
    return _opened(connection.execute(query.order_by(quarantine.c.received_at.desc()).limit(limit)), sealer)


def count_suspects(connection: Connection, site_id: str) -> int:
    """Return the number of `suspects`."""
    return connection.scalar(select(func.count()).where(*_are_suspects(connection, site_id))) or 0


def page(
    connection: Connection,
    wanted: EventFilter,
    sealer: Sealer,
    *,
    limit: int,
    before: EventKey | None = None,
    after: EventKey | None = None,
) -> QuarantinePage:
    """Return up to `limit` requests: the newest, or those next to a key (older than `before`, newer than `after`).

    Only site and time of the filter apply: what an unverified request claims to be is not used.
    """
    rising = after is not None
    beside = after if rising else before
    position = (quarantine.c.received_at, quarantine.c.id)
    query = _selection()
    if wanted.site_id is not None:
        query = query.where(quarantine.c.site_id == wanted.site_id)
    if wanted.since is not None:
        query = query.where(quarantine.c.received_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(quarantine.c.received_at < wanted.until)
    if beside is not None:
        key = tuple_(beside.received_at, beside.id)
        query = query.where(tuple_(*position) > key if rising else tuple_(*position) < key)
    order = position if rising else tuple(column.desc() for column in position)
    rows = connection.execute(query.order_by(*order).limit(limit + 1)).all()
    requests = _opened(rows[:limit], sealer)
    more = len(rows) > limit
    if rising:
        return QuarantinePage(requests[::-1], more_newer=more, more_older=True)
    return QuarantinePage(requests, more_newer=before is not None, more_older=more)


def load(
    connection: Connection, request_id: int, sealer: Sealer, *, site_id: str | None = None
) -> QuarantinedRequest:
    """Return one request; with a `site_id`, only if that site received it. Raises: UnknownEventError."""
    query = _selection().where(quarantine.c.id == request_id)
    if site_id is not None:
        query = query.where(quarantine.c.site_id == site_id)
    found = _opened(connection.execute(query), sealer)
    if not found:
        raise UnknownEventError(messages.UNKNOWN_QUARANTINED_REQUEST)
    return found[0]


def count(connection: Connection, site_id: str) -> int:
    """Return how many requests of a site are in quarantine."""
    return connection.scalar(select(func.count()).where(quarantine.c.site_id == site_id)) or 0


def delete_before(connection: Connection, moment: int) -> None:
    """Delete the requests received before `moment` (Unix milliseconds, UTC)."""
    connection.execute(delete(quarantine).where(quarantine.c.received_at < moment))


def release(connection: Connection, held_id: int) -> None:
    """Delete a request from quarantine: it verified since and was processed, or has expired."""
    connection.execute(delete(quarantine).where(quarantine.c.id == held_id))


def ids_naming_people(connection: Connection, sealer: Sealer, moment: int) -> list[int]:
    """Return the ids of requests received before `moment` (Unix milliseconds, UTC) that may name people.

    Their bytes cannot be changed, since a signature is over them. One that no key opens names nobody.
    """
    query = select(quarantine.c.id, quarantine.c.request).where(quarantine.c.received_at < moment)
    rows = connection.execute(query.execution_options(yield_per=_OPENED_AT_ONCE))
    return [row.id for row in rows if _names_people(row.request, sealer)]


def _selection() -> Select[Any]:
    return select(
        quarantine.c.id,
        quarantine.c.site_id,
        sites.c.name,
        quarantine.c.received_at,
        quarantine.c.reason,
        quarantine.c.request,
        quarantine.c.sender,
        _IS_PLAUSIBLE.label("is_plausible"),
    ).join(sites, sites.c.id == quarantine.c.site_id)


def _opened(rows: Iterable[Row[Any]], sealer: Sealer) -> list[QuarantinedRequest]:
    """Return the requests in rows, without those that no key opens any more."""
    return [
        QuarantinedRequest(
            row.id,
            row.site_id,
            row.name,
            row.received_at,
            row.reason,
            request,
            row.sender,
            row.is_plausible,
        )
        for row in rows
        if (request := Request.opened_or_none(row.request, sealer)) is not None
    ]


def _names_people(sealed: bytes, sealer: Sealer) -> bool:
    try:
        body = Request.opened(sealed, sealer).body
        event = zoom_envelope.parse(body).event
    except (StoreError, BadRequestError):
        return False
    return names_people(event) or may_name_people(body)


def _digest(site_id: str, request: Request) -> str:
    signed = (
        site_id.encode(),
        request.headers.get(SIGNATURE_HEADER, "").encode(),
        request.headers.get(TIMESTAMP_HEADER, "").encode(),
        request.body,
    )
    return hashlib.sha256(b"\n".join(signed)).hexdigest()[:32]


def _is_known(site_id: ColumnElement[str], account_id: ColumnElement[str]) -> ColumnElement[bool]:
    is_granted = exists().where(schema.grants.c.site_id == site_id, schema.grants.c.account_id == account_id)
    return or_(is_granted, exists().where(zoom_accounts.c.account_id == account_id))


_IS_PLAUSIBLE = _is_known(quarantine.c.site_id, quarantine.c.account_id)


def _are_suspects(connection: Connection, site_id: str) -> list[ColumnElement[bool]]:
    conditions = [quarantine.c.site_id == site_id, ~quarantine.c.dismissed]
    if grants.list_all(connection, site_id=site_id):
        conditions.append(_IS_PLAUSIBLE)
    return conditions


def _trim(connection: Connection, site_id: str, limits: QuarantineLimits) -> int:
    """Delete what is too much at a site; return the number."""
    return _TRIMMING(connection, {"site": site_id, **asdict(limits)}).rowcount


def _trimming(_dialect: str) -> Delete:
    """Return the statement that deletes what is too much at a site.

    With each request stands what its sender occupies up to there, from the newest on. In the order of that, requests are
    kept as long as there is room: so all senders have equal shares, and use what others leave.
    """
    held, is_zooms = quarantine.c, senders.is_among(quarantine.c.site_id, quarantine.c.sender)
    kind = case((and_(_IS_PLAUSIBLE, is_zooms), _ZOOM_SENDER), (_IS_PLAUSIBLE, _KNOWN_ACCOUNT), else_=_OTHER)
    size = case((held.size > _limit("at_least"), held.size), else_=_limit("at_least"))
    columns = (held.id, held.sender, kind.label("kind"), size.label("size"))
    rows = select(*columns).where(held.site_id == bindparam("site")).subquery()
    alike = [rows.c.kind, rows.c.sender]
    of_sender = func.sum(rows.c.size).over(partition_by=alike, order_by=rows.c.id.desc())
    used = select(rows, of_sender.label("of_sender")).subquery()
    in_all = func.sum(used.c.size).over(partition_by=used.c.kind, order_by=[used.c.of_sender, used.c.id])
    total = select(used.c.id, used.c.kind, in_all.label("in_all")).subquery()
    room = case(
        (total.c.kind == _ZOOM_SENDER, _limit("of_zoom_senders")),
        (total.c.kind == _KNOWN_ACCOUNT, _limit("of_known_accounts")),
        else_=_limit("of_others"),
    )
    return delete(quarantine).where(held.id.in_(select(total.c.id).where(total.c.in_all > room)))


def _limit(name: str) -> BindParameter[int]:
    return bindparam(name, type_=BigInteger())


_TRIMMING = Prepared(_trimming)
