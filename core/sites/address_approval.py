"""Approve addresses inside a network, at which sites say they are.

An address that is not allowed is not connected to (`core.wordpress.connections`): it is stored with the pairing or the site
that has it, and the bridge's administrator is asked about it once. Sites that were connected before this was asked may be
called anywhere until their next signed answer, whose address is then theirs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.store import audit
from core.store.audit import Action
from core.store.sites import health, pairings, sites
from core.store.sites.pairings import OPEN_STATES, PairingState
from core.store.sites.sites import endpoints

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Connection

    from core.errors import SiteFaultError
    from core.store.db.engine import Store
    from core.store.sites.sites import Site
    from core.wordpress.addresses import Endpoint

MOST_ASKED = 8
"""Addresses of a site that are asked about at once."""


@dataclass(frozen=True, slots=True)
class Question:
    """Addresses that a pairing or a site has, which are not allowed. `id` is that of either, `home` where it says it is."""

    id: str
    home: str
    addresses: tuple[Endpoint, ...]


def asked_of(error: SiteFaultError) -> tuple[Endpoint, ...]:
    """Return the addresses that are to be asked about after a failure."""
    return tuple(sorted(endpoints(error.asks))[:MOST_ASKED])


def ask(store: Store, site: Site, error: SiteFaultError) -> None:
    """Store the addresses that are to be asked about after a failure, if there are any."""
    if asked := asked_of(error):
        store.write(lambda connection: sites.ask_addresses(connection, site.id, asked))


def questions(store: Store) -> list[Question]:
    """Return what an administrator is asked: of pairings, then of sites."""
    with store.reading() as connection:
        codes = pairings.open_codes(connection, None, store.sealer, now=0)
        made = [one for code in codes for one in pairings.of_code(connection, code.id, store.sealer)]
        every = sites.list_all(connection, store.sealer)
    found = [Question(one.id, one.home, one.asked_addresses) for one in made if one.state in OPEN_STATES]
    found += [Question(site.id, site.home or site.url, site.asked_addresses) for site in every]
    return [one for one in found if one.addresses]


def allow(store: Store, asked_id: str, shown: Collection[str]) -> tuple[Endpoint, ...]:
    """Allow those addresses of a pairing or site that were asked about and shown; return them.

    `shown` are their texts: what a name leads to by now, nobody has seen. The site is called again soon.
    """

    def write(connection: Connection) -> tuple[Endpoint, ...]:
        pairing = pairings.load(connection, asked_id, store.sealer)
        if pairing is not None:
            return _allow_pairing(connection, pairing)
        site = next((one for one in sites.list_all(connection, store.sealer) if one.id == asked_id), None)
        return () if site is None else _allow_site(connection, site)

    def _allow_pairing(connection: Connection, pairing: pairings.Pairing) -> tuple[Endpoint, ...]:
        allowed = _chosen(pairing.asked_addresses, shown)
        if not allowed or pairing.state not in OPEN_STATES:
            return ()
        changed = replace(
            pairing,
            state=PairingState.CALLING,
            message="",
            calls=0,
            checked_at=None,
            next_call_at=0,
            addresses=tuple(sorted({*pairing.addresses, *allowed})),
            asked_addresses=(),
        )
        if not pairings.save(connection, changed, store.sealer, was=pairing.state):
            return ()
        audit.record(connection, Action.ADDRESS_ALLOWED, pairing.home, address=", ".join(map(str, allowed)))
        return allowed

    def _allow_site(connection: Connection, site: Site) -> tuple[Endpoint, ...]:
        allowed = _chosen(site.asked_addresses, shown)
        if allowed:
            sites.save_addresses(connection, site.id, {*(site.addresses or ()), *allowed})
            sites.end_pause(connection, site.id)
            health.request_check(connection, site.id)
            told = ", ".join(map(str, allowed))
            audit.record(connection, Action.ADDRESS_ALLOWED, site_id=site.id, address=told)
        return allowed

    return store.write(write)


def _chosen(asked: tuple[Endpoint, ...], shown: Collection[str]) -> tuple[Endpoint, ...]:
    return tuple(one for one in asked if str(one) in shown)
