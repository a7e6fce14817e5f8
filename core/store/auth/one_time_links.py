"""One-time links: tokens for one purpose that work once and expire."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

from core.store.auth import tokens
from core.store.auth.users import Role
from core.store.db.schema import one_time_links, sites

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Purpose(StrEnum):
    """The page that a link opens."""

    FIRST = "first"  # the page where the first administrator is made
    PASSWORD = "password"  # noqa: S105 - the page where a user chooses a password
    SIGN_IN = "sign in"  # every page, as a user
    SITE = "site"  # every page, for one site: from its wp-admin
    ENTER = "enter"  # the same, in the browser that has posted such a link


_SECOND = 1000
_HOUR = 3600 * _SECOND

LIFETIME = {
    Purpose.FIRST: 24 * _HOUR,
    Purpose.PASSWORD: 72 * _HOUR,
    Purpose.SIGN_IN: _HOUR,
    Purpose.SITE: 60 * _SECOND,
    Purpose.ENTER: 600 * _SECOND,  # time to read a question
}
MOST_OF_SITE = 200
"""Links for one site and purpose: the site tells the names of its users. One more ends the oldest."""
BY_MAIL = _HOUR
"""How long a link for a new password is valid that a user has asked for (ms)."""


@dataclass(frozen=True, slots=True)
class OneTimeLink:
    """The user name and role that a link grants. `site_id` is the only site it grants access to; None: every site.

    `site_name` is known of links that are found.
    """

    purpose: Purpose
    name: str = ""
    role: Role = Role.ADMINISTRATOR
    site_id: str | None = None
    site_name: str = field(default="", compare=False)


def issue(connection: Connection, link: OneTimeLink, *, now: int, is_by_mail: bool = False) -> str:
    """Create a link; returns its token. It replaces the link of the same user and purpose.

    One `is_by_mail` is valid for an hour and replaces none: everybody can ask for it.
    """
    connection.execute(delete(one_time_links).where(one_time_links.c.expires_at <= now))
    if (
        link.purpose is not Purpose.FIRST and not is_by_mail
    ):  # of which several processes may have printed one each
        cancel(connection, link.purpose, link.name, link.site_id)
    if link.site_id is not None:
        _make_room(connection, link)
    token = tokens.new()
    connection.execute(
        insert(one_time_links).values(
            digest=tokens.digest(token),
            purpose=link.purpose,
            name=link.name,
            role=link.role,
            site_id=link.site_id,
            expires_at=now + (BY_MAIL if is_by_mail else LIFETIME[link.purpose]),
        )
    )
    return token


def _make_room(connection: Connection, link: OneTimeLink) -> None:
    table = one_time_links.c
    alike = select(table.digest).where(table.purpose == link.purpose, table.site_id == link.site_id)
    oldest = connection.scalars(alike.order_by(table.expires_at.desc()).offset(MOST_OF_SITE - 1)).all()
    connection.execute(delete(one_time_links).where(table.digest.in_(oldest)))


def find(connection: Connection, purpose: Purpose, token: str, *, now: int) -> OneTimeLink | None:
    """Return the link of a token if it is valid for the purpose; it stays valid."""
    row = connection.execute(
        select(one_time_links, sites.c.name.label("site_name"))
        .outerjoin(sites, sites.c.id == one_time_links.c.site_id)
        .where(
            one_time_links.c.digest == tokens.digest(token),
            one_time_links.c.purpose == purpose,
            one_time_links.c.expires_at > now,
        )
    ).one_or_none()
    if row is None:
        return None
    return OneTimeLink(Purpose(row.purpose), row.name, Role(row.role), row.site_id, row.site_name or "")


def use(connection: Connection, purpose: Purpose, token: str, *, now: int) -> OneTimeLink | None:
    """Return the link of a token like `find`, and invalidate it."""
    found = find(connection, purpose, token, now=now)
    used = connection.execute(
        delete(one_time_links).where(
            one_time_links.c.digest == tokens.digest(token), one_time_links.c.purpose == purpose
        )
    )
    return found if used.rowcount == 1 else None  # of two at the same moment, one finds it gone


def cancel(connection: Connection, purpose: Purpose, name: str, site_id: str | None = None) -> None:
    """Invalidate the links of a user for a purpose."""
    connection.execute(
        delete(one_time_links).where(
            one_time_links.c.purpose == purpose,
            one_time_links.c.name == name,
            one_time_links.c.site_id.is_not_distinct_from(site_id),
        )
    )


def cancel_of_site(connection: Connection, site_id: str) -> None:
    """Invalidate the links of a site's administrators."""
    connection.execute(delete(one_time_links).where(one_time_links.c.site_id == site_id))


def cancel_sent(connection: Connection, name: str, *, now: int) -> None:
    """Invalidate the links for a new password that were sent to a user: those with an hour left at most."""
    connection.execute(
        delete(one_time_links).where(
            one_time_links.c.purpose == Purpose.PASSWORD,
            one_time_links.c.name == name,
            one_time_links.c.expires_at <= now + BY_MAIL,
        )
    )
