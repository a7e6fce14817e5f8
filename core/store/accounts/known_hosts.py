"""The hosts whose meetings a site shows, or could show, with all that is known of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from core.store.accounts import users as zoom_users
from core.store.db.schema import hosts as table
from core.store.meetings import search as meeting_search
from core.store.sites.accounts import accounts_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

MOST = 200


@dataclass(frozen=True, slots=True)
class KnownHost:
    """One host. `meetings` counts those that the site knows of; `name` and `email` may be empty."""

    id: str
    name: str = ""
    email: str = ""
    meetings: int = 0


def of_site(connection: Connection, site_id: str) -> list[KnownHost]:
    """Return hosts: those with the most meetings first, then who else is in the site's Zoom accounts."""
    seen = {host.id: host for host in meeting_search.hosts(connection, site_id=site_id)}
    mirrored = accounts_of(site_id)
    named = {
        row.host_id: row
        for row in connection.execute(
            select(table).where(table.c.host_id.in_(list(seen)), table.c.account_id.in_(mirrored))
        )
    }
    found = []
    for host_id, host in seen.items():
        told = named.get(host_id)
        email = (told.email if told else "") or host.email
        found.append(KnownHost(host_id, told.name if told else "", email, host.meetings))
    for account_id in connection.scalars(mirrored).all():
        if len(found) >= MOST:
            break
        found += [
            KnownHost(other.host_id, other.name, other.email)
            for other in zoom_users.of_account(connection, account_id, limit=MOST)
            if other.host_id not in seen
        ]
    return found[:MOST]
