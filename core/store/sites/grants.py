"""Grants: the Zoom accounts whose meetings a site shows.

An account without a grant is granted to the first site that receives one of its authentic events, unless its
credentials are stored here or an administrator has decided about it before. A site learns only so many accounts in
this way: whoever has a secret of the site could name any. All other grants are made by administrators of the bridge.
Events that name no account belong to the receiving site: see `core.model.identity`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Text, and_, bindparam, delete, func, literal, select, update

from core.model.identity import is_own, own_account_id
from core.store import audit
from core.store.audit import Action
from core.store.db.schema import grants, revoked_grants, zoom_accounts
from core.store.db.statements import Prepared
from core.store.db.upsert import insert, insert_for
from core.zoom.probe import is_probe, probe_account_id

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import ColumnElement, Connection, Select, Table

MOST_LEARNT = 25
"""The most accounts that are granted to one site by their first events."""


class GrantSource(StrEnum):
    """The origin of a grant."""

    FIRST_EVENT = "first event"
    CREDENTIALS = "credentials"  # it was chosen when the account's credentials were saved
    ADMINISTRATOR = "administrator"
    EARLIER_VERSION = "earlier version"  # which learnt it from any event


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant of an account to a site. `granted_at` is in Unix milliseconds (UTC)."""

    account_id: str
    site_id: str
    source: GrantSource
    granted_at: int


@dataclass(frozen=True, slots=True)
class RefusedGrant:
    """A grant that an administrator revoked or refused. `decided_at` is in Unix milliseconds (UTC)."""

    account_id: str
    site_id: str
    decided_at: int


def is_reserved(account_id: str) -> bool:
    """Whether an account id is not Zoom's, but reserved for one site: for events without an account, or self-tests."""
    return is_own(account_id) or is_probe(account_id)


def accounts_of(site_id: str) -> Select[str]:
    """Return the query for the accounts granted to a site, sorted; usable as a subquery."""
    return select(grants.c.account_id).where(grants.c.site_id == site_id).order_by(grants.c.account_id)


def sites_of(account_id: str) -> Select[str]:
    """Return the query for the sites that an account is granted to, sorted; usable as a subquery."""
    return select(grants.c.site_id).where(grants.c.account_id == account_id).order_by(grants.c.site_id)


def list_all(
    connection: Connection, *, site_id: str | None = None, account_id: str | None = None
) -> list[Grant]:
    """Return the grants of Zoom accounts, for one site or account or for all, in order of their accounts."""
    query = select(grants).order_by(grants.c.account_id, grants.c.granted_at, grants.c.site_id)
    if site_id is not None:
        query = query.where(grants.c.site_id == site_id)
    if account_id is not None:
        query = query.where(grants.c.account_id == account_id)
    return [
        Grant(row.account_id, row.site_id, GrantSource(row.source), row.granted_at)
        for row in connection.execute(query)
        if not is_reserved(row.account_id)
    ]


def granted_pairs(connection: Connection, account_ids: Collection[str]) -> set[tuple[str, str]]:
    """Return the grants of these accounts, as pairs of account id and site id."""
    query = select(grants.c.account_id, grants.c.site_id).where(grants.c.account_id.in_(list(account_ids)))
    return {(row.account_id, row.site_id) for row in connection.execute(query)}


def is_granted(connection: Connection, account_id: str, site_id: str) -> bool:
    """Whether an account is granted to a site."""
    return _FINDING(connection, {"account": account_id, "site": site_id}).first() is not None


def learn(connection: Connection, account_id: str, site_id: str, *, now: int) -> bool:
    """Grant an account to a site that received an authentic event of it, if no decision prevents that.

    Returns whether the grant is new. Of two sites at the same time, only one gets it. `now` is in Unix milliseconds
    (UTC).
    """
    given = {"account": account_id, "site": site_id, "now": now}
    if is_reserved(account_id):
        if account_id not in (own_account_id(site_id), probe_account_id(site_id)):
            return False
        return add(connection, account_id, site_id, GrantSource.FIRST_EVENT, now=now)
    is_new = _LEARNING(connection, given).rowcount == 1
    if is_new:
        source = str(GrantSource.FIRST_EVENT)
        audit.record(connection, Action.GRANT_ADDED, account_id, site_id=site_id, source=source)
    return is_new


def add(connection: Connection, account_id: str, site_id: str, source: GrantSource, *, now: int) -> bool:
    """Grant an account to a site, or confirm a grant that was learnt. Returns whether the grant is new.

    `now` is in Unix milliseconds (UTC).
    """
    connection.execute(delete(revoked_grants).where(_is(revoked_grants, account_id, site_id)))
    values = {"account_id": account_id, "site_id": site_id, "source": source, "granted_at": now}
    statement = insert(connection, grants).values(**values).on_conflict_do_nothing()
    if connection.execute(statement).rowcount == 1:
        if not is_reserved(account_id):
            audit.record(connection, Action.GRANT_ADDED, account_id, site_id=site_id, source=str(source))
        return True
    # From now on, it does not depend on an event.
    is_learnt = grants.c.source.in_([GrantSource.FIRST_EVENT, GrantSource.EARLIER_VERSION])
    confirmed = update(grants).where(_is(grants, account_id, site_id), is_learnt).values(source=source)
    if connection.execute(confirmed).rowcount == 1 and not is_reserved(account_id):
        audit.record(connection, Action.GRANT_CONFIRMED, account_id, site_id=site_id, source=str(source))
    return False


def remove(connection: Connection, account_id: str, site_id: str, *, now: int) -> bool:
    """Revoke a grant, and let no event grant the account again. Returns whether there was one. `now`: Unix ms (UTC)."""
    removed = connection.execute(delete(grants).where(_is(grants, account_id, site_id))).rowcount == 1
    if removed:
        refuse(connection, account_id, site_id, now=now)
        audit.record(connection, Action.GRANT_REVOKED, account_id, site_id=site_id)
    return removed


def refuse(connection: Connection, account_id: str, site_id: str, *, now: int) -> None:
    """Let no event grant an account, which has no grant to this site. `now` is in Unix milliseconds (UTC)."""
    values = {"account_id": account_id, "site_id": site_id, "revoked_at": now}
    connection.execute(insert(connection, revoked_grants).values(**values).on_conflict_do_nothing())


def end_learnt(connection: Connection, account_id: str, *, but: Collection[str]) -> list[str]:
    """End the grants of an account that its first event made, except to the sites in `but`; return the other sites.

    Unlike after `remove`, an administrator has not decided about these sites: the account may ask for them again.
    """
    learnt = and_(
        grants.c.account_id == account_id,
        grants.c.source == GrantSource.FIRST_EVENT,
        grants.c.site_id.not_in(list(but)),
    )
    ended = connection.scalars(select(grants.c.site_id).where(learnt).order_by(grants.c.site_id)).all()
    connection.execute(delete(grants).where(learnt))
    for site_id in ended:
        source = str(GrantSource.FIRST_EVENT)
        audit.record(connection, Action.GRANT_REVOKED, account_id, site_id=site_id, source=source)
    return list(ended)


def list_refused(
    connection: Connection, *, site_id: str | None = None, account_id: str | None = None
) -> list[RefusedGrant]:
    """Return the grants that an administrator revoked or refused, the latest first."""
    query = select(revoked_grants).order_by(revoked_grants.c.revoked_at.desc(), revoked_grants.c.account_id)
    if site_id is not None:
        query = query.where(revoked_grants.c.site_id == site_id)
    if account_id is not None:
        query = query.where(revoked_grants.c.account_id == account_id)
    return [RefusedGrant(row.account_id, row.site_id, row.revoked_at) for row in connection.execute(query)]


def forget_site(connection: Connection, site_id: str) -> None:
    """Delete the grants of a site that is removed."""
    for table in (grants, revoked_grants):
        connection.execute(delete(table).where(table.c.site_id == site_id))


def forget_probe(connection: Connection, site_id: str) -> None:
    """Delete the grant of a site's self-tests."""
    connection.execute(delete(grants).where(_is(grants, probe_account_id(site_id), site_id)))


def site_ids(connection: Connection, account_id: str) -> Sequence[str]:
    """Return the ids of the sites that an account is granted to, sorted."""
    return connection.scalars(sites_of(account_id)).all()


def _is(table: Table, account_id: str, site_id: str) -> ColumnElement[bool]:
    return and_(table.c.account_id == account_id, table.c.site_id == site_id)


def _row(source: GrantSource) -> list[ColumnElement[Any]]:
    account_id, site_id = (bindparam(name, type_=Text) for name in ("account", "site"))
    return [account_id, site_id, literal(str(source)), bindparam("now", type_=BigInteger)]


def _learning(dialect: str) -> Any:
    """Return the statement that grants an account about which neither an event nor a person has decided."""
    decided = [
        select(table.c.account_id).where(table.c.account_id == bindparam("account", type_=Text)).exists()
        for table in (grants, revoked_grants, zoom_accounts)
    ]
    learnt = grants.alias("learnt")
    learnt_by_site = select(func.count()).where(
        learnt.c.site_id == bindparam("site", type_=Text), learnt.c.source == GrantSource.FIRST_EVENT
    )
    has_room = learnt_by_site.scalar_subquery() < literal(MOST_LEARNT)
    first = select(*_row(GrantSource.FIRST_EVENT)).where(*(~one for one in decided), has_room)
    return insert_for(dialect, grants).from_select(_NAMES, first).on_conflict_do_nothing()


_FINDING = Prepared(
    lambda _: select(grants.c.account_id).where(
        grants.c.account_id == bindparam("account"), grants.c.site_id == bindparam("site")
    )
)
_NAMES = ["account_id", "site_id", "source", "granted_at"]
_LEARNING = Prepared(_learning)
