"""Pairing codes, and the pairings that came of their uses.

A code's secret, the keys and the passwords of web servers are encrypted. Functions run in the caller's transaction; times
are Unix milliseconds (UTC).
"""

from __future__ import annotations

import secrets as randomness
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select, update

from core.store import audit
from core.store.audit import Action
from core.store.db.schema import pairing_codes, pairings
from core.store.sites.sites import endpoints
from core.wordpress.pairing_envelope import code_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, RowMapping

    from core.store.db.encryption import Sealer
    from core.wordpress.addresses import Endpoint

_DAY = 24 * 60 * 60 * 1000
LIFETIME = 7 * _DAY
KEPT = 30 * _DAY  # after the end of a code, so that a late use of it is told why it is refused
MOST_USES = 100
MOST_CODES = 200  # of one user


class PairingState(StrEnum):
    """How far a pairing has come."""

    CALLING = "calling"  # the bridge is calling the site back
    UNREACHABLE = "unreachable"  # the call back failed; it is repeated
    SERVER_PASSWORD = "server_password"  # noqa: S105 - a state: the web server asks for a password of its own
    CONFIRM = "confirm"  # the site answered; a person has to confirm its address
    CONNECTED = "connected"
    REFUSED = "refused"  # a person said no


OPEN_STATES = (PairingState.CALLING, PairingState.UNREACHABLE, PairingState.SERVER_PASSWORD)
"""States in which the site has not answered yet."""


@dataclass(frozen=True, slots=True)
class PairingCode:
    """A code that pairs up to `uses` sites; `uses_left` of them are left.

    `address` was typed, and confirms a site that is there; empty where none was. `site_id` is the site to connect again.
    """

    id: str
    secret: str = field(repr=False)
    bridge_url: str
    address: str
    site_id: str | None
    requested_by: str
    uses: int
    uses_left: int
    created_at: int
    expires_at: int

    @property
    def text(self) -> str:
        """The code as the plugin takes it."""
        return code_text(self.bridge_url, self.id, self.secret)


@dataclass(frozen=True, slots=True)
class Pairing:
    """One use of a code. `message` says what stands in the way, for a person; empty where nothing does.

    `site_id` is the site's name in the protocol: there is no such site yet before the state is connected, unless a known
    one is paired again. `home` is what the plugin says, `url` the address at which it answered. `epoch` is the bridge's
    from this pairing on. `answer_key` and `uses_left` are what the plugin was answered. `calls` counts call backs that
    failed; the next one is due at `next_call_at`. `addresses` are those inside a network at which the site may be called, and
    `asked_addresses` those that it has, and an administrator has not allowed.
    """

    id: str
    code_id: str
    public_key: str
    answer_key: str
    uses_left: int
    site_id: str
    key: str = field(repr=False)
    home: str
    name: str
    rest_root: str
    endpoints: Mapping[str, str]
    page: str
    stub: str
    vczapi: bool
    vczapi_pro: bool
    epoch: int
    place: str
    state: PairingState
    message: str
    created_at: int
    url: str = ""
    doorway: str = "rest"
    server_username: str = ""
    server_password: str = field(default="", repr=False)
    checked_at: int | None = None
    calls: int = 0
    next_call_at: int = 0
    addresses: tuple[Endpoint, ...] = ()
    asked_addresses: tuple[Endpoint, ...] = ()

    @property
    def server_login(self) -> tuple[str, str] | None:
        """User and password for the web server in front of WordPress; None where it asks for none."""
        return (self.server_username, self.server_password) if self.server_username else None


def new_id() -> str:
    """Return a new random id of a code or a pairing, safe in a URL."""
    return randomness.token_hex(8)


def new_secret() -> str:
    """Return a new random secret of a code."""
    return randomness.token_hex(16)


def requester_of(name: str, site_id: str | None = None) -> str:
    """Return the name under which a user asks for codes, or an administrator of one site who comes from its wp-admin."""
    return f"{site_id or ''}/{name}"


def cancel_codes(connection: Connection, requested_by: str, sealer: Sealer, *, now: int) -> None:
    """Delete the codes of a user that can be used, or of which a pairing is open. Sites that are connected stay so."""
    for code in open_codes(connection, requested_by, sealer, now=now):
        audit.record(connection, Action.CODE_CANCELLED, code.address, site_id=code.site_id)
        remove_code(connection, code.id)


def add_code(connection: Connection, code: PairingCode, sealer: Sealer) -> None:
    """Save a new code. Codes that ended long ago are deleted, and the oldest of a user with too many.

    The administrators of one site are one in this: the site tells their names.
    """
    site, slash, _ = code.requested_by.partition("/")
    column = pairing_codes.c.requested_by
    is_theirs = column == code.requested_by
    if site and slash:
        is_theirs = column.startswith(f"{site}/", autoescape=True)
    surplus = (
        select(pairing_codes.c.id)
        .where(is_theirs)
        .order_by(pairing_codes.c.created_at.desc(), pairing_codes.c.id)
        .offset(MOST_CODES - 1)
        .limit(MOST_CODES)  # SQLite wants a limit with an offset
    )
    old = [*connection.scalars(surplus)]
    old += connection.scalars(
        select(pairing_codes.c.id).where(pairing_codes.c.expires_at <= code.created_at - KEPT)
    )
    for code_id in old:
        remove_code(connection, code_id)
    connection.execute(
        insert(pairing_codes).values(
            id=code.id,
            secret=sealer.seal_text(code.secret),
            bridge_url=code.bridge_url,
            address=code.address,
            site_id=code.site_id,
            requested_by=code.requested_by,
            uses=code.uses,
            uses_left=code.uses_left,
            created_at=code.created_at,
            expires_at=code.expires_at,
        )
    )


def load_code(
    connection: Connection, code_id: str, sealer: Sealer, *, lock: bool = False
) -> PairingCode | None:
    """Return a code, also one that has ended; None where there is none. With `lock`, others wait to change it."""
    query = select(pairing_codes).where(pairing_codes.c.id == code_id)
    row = connection.execute(query.with_for_update() if lock else query).mappings().one_or_none()
    return None if row is None else _code(row, sealer)


def open_codes(
    connection: Connection, requested_by: str | None, sealer: Sealer, *, now: int
) -> list[PairingCode]:
    """Return the codes of a user, or of all, that can be used, or of which a pairing is open: the newest first."""
    waiting = select(pairings.c.code_id).where(
        pairings.c.state.not_in((PairingState.CONNECTED, PairingState.REFUSED))
    )
    is_open = (pairing_codes.c.uses_left > 0) & (pairing_codes.c.expires_at > now)
    query = select(pairing_codes).where(
        (is_open | pairing_codes.c.id.in_(waiting)), pairing_codes.c.expires_at > now - LIFETIME
    )
    if requested_by is not None:
        query = query.where(pairing_codes.c.requested_by == requested_by)
    query = query.order_by(pairing_codes.c.created_at.desc(), pairing_codes.c.id)
    return [_code(row, sealer) for row in connection.execute(query).mappings()]


def take_use(connection: Connection, code_id: str) -> int:
    """Count a use of a code that has one left; return how many are left then."""
    changed = connection.execute(
        update(pairing_codes)
        .where(pairing_codes.c.id == code_id)
        .values(uses_left=pairing_codes.c.uses_left - 1)
        .returning(pairing_codes.c.uses_left)
    )
    return int(changed.scalar_one())


def remove_code(connection: Connection, code_id: str) -> None:
    """Delete a code and its pairings. Sites that are connected stay so."""
    connection.execute(delete(pairings).where(pairings.c.code_id == code_id))
    connection.execute(delete(pairing_codes).where(pairing_codes.c.id == code_id))


def add(connection: Connection, pairing: Pairing, sealer: Sealer) -> None:
    """Save a new pairing."""
    connection.execute(insert(pairings).values(_values(pairing, sealer)))


def save(connection: Connection, pairing: Pairing, sealer: Sealer, *, was: PairingState) -> bool:
    """Save a pairing, unless its state is another one by now than `was`; returns whether."""
    changed = connection.execute(
        update(pairings)
        .where(pairings.c.id == pairing.id, pairings.c.state == was)
        .values(_values(pairing, sealer))
    )
    return changed.rowcount == 1


def remove(connection: Connection, pairing_id: str) -> None:
    """Delete a pairing."""
    connection.execute(delete(pairings).where(pairings.c.id == pairing_id))


def load(connection: Connection, pairing_id: str, sealer: Sealer) -> Pairing | None:
    """Return a pairing; None where there is none."""
    row = connection.execute(select(pairings).where(pairings.c.id == pairing_id)).mappings().one_or_none()
    return None if row is None else _pairing(row, sealer)


def of_code(connection: Connection, code_id: str, sealer: Sealer) -> list[Pairing]:
    """Return the pairings of a code, the oldest first."""
    query = select(pairings).where(pairings.c.code_id == code_id)
    rows = connection.execute(query.order_by(pairings.c.created_at, pairings.c.id)).mappings()
    return [_pairing(row, sealer) for row in rows]


def due(connection: Connection, *, now: int, since: int) -> list[str]:
    """Return the ids of pairings whose call back is due; not of those that began before `since`."""
    query = select(pairings.c.id).where(
        pairings.c.state.in_(OPEN_STATES),
        pairings.c.next_call_at <= now,
        pairings.c.created_at >= since,
    )
    return list(connection.scalars(query.order_by(pairings.c.next_call_at)))


def _values(pairing: Pairing, sealer: Sealer) -> dict[str, object]:
    values = {name: getattr(pairing, name) for name in Pairing.__dataclass_fields__}
    values["endpoints"] = dict(pairing.endpoints)
    values["key"] = sealer.seal_text(pairing.key)
    password = pairing.server_password
    values["server_password"] = sealer.seal_text(password) if password else None
    return values


def _code(row: RowMapping, sealer: Sealer) -> PairingCode:
    return PairingCode(**{**row, "secret": sealer.open_text(row["secret"])})


def _pairing(row: RowMapping, sealer: Sealer) -> Pairing:
    values = dict(row)
    password = row["server_password"]
    values["key"] = sealer.open_text(row["key"])
    values["server_password"] = "" if password is None else sealer.open_text(password)
    values["state"] = PairingState(row["state"])
    for name in ("addresses", "asked_addresses"):
        values[name] = endpoints(row[name])
    return Pairing(**values)
