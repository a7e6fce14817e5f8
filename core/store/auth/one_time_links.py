"""Tickets: words that open one thing, once, and only for a while."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

from core.store.auth import tokens
from core.store.auth.users import Role
from core.store.db.schema import one_time_links

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Purpose(StrEnum):
    """What a ticket opens."""

    FIRST = "first"  # the page where the first administrator is made
    PASSWORD = "password"  # noqa: S105 - the page where a user chooses a password
    SIGN_IN = "sign in"  # every page, as a user
    SITE = "site"  # every page, for one site: from its wp-admin


_SECOND = 1000
_HOUR = 3600 * _SECOND

LIFETIME = {
    Purpose.FIRST: 24 * _HOUR,
    Purpose.PASSWORD: 72 * _HOUR,
    Purpose.SIGN_IN: _HOUR,
    Purpose.SITE: 60 * _SECOND,
}


@dataclass(frozen=True, slots=True)
class OneTimeLink:
    """Whom a ticket lets in, as what; `site_id` is the only site that they then see, None: every site."""

    purpose: Purpose
    name: str = ""
    role: Role = Role.ADMINISTRATOR
    site_id: str | None = None


def issue(connection: Connection, ticket: OneTimeLink, *, now: int) -> str:
    """Keep a ticket; return the word for it. One for the same person and purpose is good no more."""
    connection.execute(delete(one_time_links).where(one_time_links.c.expires_at <= now))
    if ticket.purpose is not Purpose.FIRST:  # of which several processes may have printed one each
        cancel(connection, ticket.purpose, ticket.name, ticket.site_id)
    word = tokens.new()
    connection.execute(
        insert(one_time_links).values(
            digest=tokens.digest(word),
            purpose=ticket.purpose,
            name=ticket.name,
            role=ticket.role,
            site_id=ticket.site_id,
            expires_at=now + LIFETIME[ticket.purpose],
        )
    )
    return word


def look(connection: Connection, purpose: Purpose, word: str, *, now: int) -> OneTimeLink | None:
    """Return the ticket of this word, if it is good for this purpose."""
    row = connection.execute(
        select(one_time_links).where(
            one_time_links.c.digest == tokens.digest(word),
            one_time_links.c.purpose == purpose,
            one_time_links.c.expires_at > now,
        )
    ).one_or_none()
    return None if row is None else OneTimeLink(Purpose(row.purpose), row.name, Role(row.role), row.site_id)


def use(connection: Connection, purpose: Purpose, word: str, *, now: int) -> OneTimeLink | None:
    """Do what `look` does, and let nobody use it again."""
    found = look(connection, purpose, word, now=now)
    used = connection.execute(
        delete(one_time_links).where(
            one_time_links.c.digest == tokens.digest(word), one_time_links.c.purpose == purpose
        )
    )
    return found if used.rowcount == 1 else None  # of two at the same moment, one finds it gone


def cancel(connection: Connection, purpose: Purpose, name: str, site_id: str | None = None) -> None:
    """Take back the tickets for a purpose that somebody may hold."""
    connection.execute(
        delete(one_time_links).where(
            one_time_links.c.purpose == purpose,
            one_time_links.c.name == name,
            one_time_links.c.site_id.is_not_distinct_from(site_id),
        )
    )
