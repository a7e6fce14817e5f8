"""Zoom accounts that are read over REST: credentials, access token, reconciliation interval and last fault."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, cast, delete, insert, literal, or_, select, update

from core import messages
from core.errors import UnknownAccountError
from core.store import audit
from core.store.accounts import removals
from core.store.audit import Action
from core.store.db.schema import zoom_accounts, zoom_users
from core.zoom.oauth import Credentials, Token
from core.zoom.rate_limit import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, RowMapping

    from core.store.db.encryption import Sealer
    from core.store.db.engine import Store

RECONCILE_HOURS = 24


@dataclass(frozen=True, slots=True)
class ZoomAccount:
    """A Zoom account with credentials. Times are Unix milliseconds (UTC).

    It is reconciled every `reconcile_hours`; 0: only on request.
    """

    name: str
    credentials: Credentials
    plan: Plan = Plan.PRO
    reconcile_hours: int = RECONCILE_HOURS
    reconcile_at: int = 0
    fault_message: str | None = None
    created_at: int = 0

    @property
    def id(self) -> str:
        """Zoom's id of the account."""
        return self.credentials.account_id


def save(connection: Connection, account: ZoomAccount, sealer: Sealer) -> None:
    """Save an account, new or known, with encrypted credentials. Discards its stored token and its last fault."""
    values = {
        "name": account.name,
        "client_id": account.credentials.client_id,
        "client_secret": sealer.seal_text(account.credentials.client_secret),
        "oauth_url": account.credentials.oauth_url,
        "plan": account.plan.value,
        "reconcile_hours": account.reconcile_hours,
        "reconcile_at": account.reconcile_at,
        "token": None,
        "fault_message": None,
    }
    this = zoom_accounts.c.account_id == account.id
    if connection.execute(update(zoom_accounts).where(this).values(**values)).rowcount == 0:
        values |= {"account_id": account.id, "created_at": account.created_at}
        connection.execute(insert(zoom_accounts).values(**values))
    audit.record(
        connection, Action.ACCOUNT_SAVED, account.name, account=account.id, hours=account.reconcile_hours
    )


def save_interval(connection: Connection, account_id: str, *, hours: int, at: int) -> None:
    """Have an account reconciled every so many hours, next at `at` (Unix milliseconds, UTC). Raises: UnknownAccountError."""
    name = connection.scalar(
        update(zoom_accounts)
        .where(zoom_accounts.c.account_id == account_id)
        .values(reconcile_hours=hours, reconcile_at=at)
        .returning(zoom_accounts.c.name)
    )
    if name is None:
        raise UnknownAccountError(messages.UNKNOWN_ACCOUNT % {"name": account_id})
    audit.record(connection, Action.ACCOUNT_SAVED, name, account=account_id, hours=hours)


def load(connection: Connection, account_id: str, sealer: Sealer) -> ZoomAccount:
    """Return an account. Raises: UnknownAccountError if it has no credentials."""
    row = (
        connection.execute(select(zoom_accounts).where(zoom_accounts.c.account_id == account_id))
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise UnknownAccountError(messages.UNKNOWN_ACCOUNT % {"name": account_id})
    return _account(row, sealer)


def list_all(connection: Connection, sealer: Sealer) -> list[ZoomAccount]:
    """Return all accounts that have credentials, the oldest first."""
    rows = connection.execute(
        select(zoom_accounts).order_by(zoom_accounts.c.created_at, zoom_accounts.c.account_id)
    )
    return [_account(row, sealer) for row in rows.mappings()]


def names(connection: Connection) -> dict[str, str]:
    """Return the names of all accounts that have credentials, by account id."""
    rows = connection.execute(select(zoom_accounts.c.account_id, zoom_accounts.c.name))
    return {row.account_id: row.name for row in rows}


def find_choices(connection: Connection, account_id: str) -> tuple[str, int, int] | None:
    """Return name, reconciliation interval and next reconciliation of an account; None where it has no credentials.

    Its secret may be one that cannot be read.
    """
    columns = (zoom_accounts.c.name, zoom_accounts.c.reconcile_hours, zoom_accounts.c.reconcile_at)
    row = connection.execute(select(*columns).where(zoom_accounts.c.account_id == account_id)).one_or_none()
    return None if row is None else (row.name, row.reconcile_hours, row.reconcile_at)


def remove(connection: Connection, account_id: str) -> None:
    """Delete an account's credentials and users. Its meetings and their posts stay."""
    removals.drop_account(connection, account_id)
    for table in (zoom_users, zoom_accounts):
        connection.execute(delete(table).where(table.c.account_id == account_id))
    audit.record(connection, Action.ACCOUNT_REMOVED, account_id)


def record_fault(connection: Connection, account_id: str, message: str | None) -> None:
    """Record why the account cannot be read; None: it can be read."""
    this = zoom_accounts.c.account_id == account_id
    # Mostly there is nothing to note, and then nothing is written.
    differs = or_(
        zoom_accounts.c.fault_message != message,
        zoom_accounts.c.fault_message.is_(None)
        if message is not None
        else zoom_accounts.c.fault_message.is_not(None),
    )
    connection.execute(update(zoom_accounts).where(this, differs).values(fault_message=message))


def due(connection: Connection, now: int) -> Sequence[str]:
    """Return the ids of accounts whose reconciliation is due at `now` (Unix milliseconds, UTC)."""
    query = select(zoom_accounts.c.account_id).where(
        zoom_accounts.c.reconcile_hours > 0, zoom_accounts.c.reconcile_at <= now
    )
    return connection.scalars(query).all()


def postpone(connection: Connection, account_id: str, *, now: int) -> None:
    """Schedule the reconciliation after the one that begins at `now` (Unix milliseconds, UTC)."""
    hours = cast(zoom_accounts.c.reconcile_hours, BigInteger) * literal(3600 * 1000, BigInteger)
    this = zoom_accounts.c.account_id == account_id
    connection.execute(
        update(zoom_accounts).where(this).values(reconcile_at=hours + literal(now, BigInteger))
    )


class StoredToken:
    """Store an account's access token encrypted in the database, so that all processes share it. Thread-safe."""

    def __init__(self, store: Store, account_id: str) -> None:
        self._store = store
        self._account_id = account_id

    def load(self) -> Token | None:
        """Return the stored token; None if there is none. Raises: StoreUnavailableError."""
        query = select(zoom_accounts.c.token).where(zoom_accounts.c.account_id == self._account_id)
        with self._store.reading() as connection:
            sealed = connection.scalar(query)
        if sealed is None:
            return None
        said = json.loads(self._store.sealer.open_text(sealed))
        return Token(said["value"], said["expires_at"], said["api_url"], tuple(said["scopes"]))

    def save(self, token: Token) -> None:
        """Store a new token. Raises: StoreUnavailableError."""
        self._store.write(partial(self._save, sealed=self._store.sealer.seal_text(json.dumps(asdict(token)))))

    def _save(self, connection: Connection, *, sealed: bytes) -> None:
        this = zoom_accounts.c.account_id == self._account_id
        connection.execute(update(zoom_accounts).where(this).values(token=sealed))


def _account(row: RowMapping, sealer: Sealer) -> ZoomAccount:
    return ZoomAccount(
        name=row["name"],
        credentials=Credentials(
            row["account_id"], row["client_id"], sealer.open_text(row["client_secret"]), row["oauth_url"]
        ),
        plan=Plan(row["plan"]),
        reconcile_hours=row["reconcile_hours"],
        reconcile_at=row["reconcile_at"],
        fault_message=row["fault_message"],
        created_at=row["created_at"],
    )
