"""Pairings as they are in the store after a plugin has used a code, without a plugin."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from core.store.sites import pairings, sites
from core.store.sites.pairings import Pairing, PairingState

if TYPE_CHECKING:
    from core.store.db.engine import Store

HOME = "https://choir.example.org/blog"


def pairing(code_id: str, state: PairingState = PairingState.CONFIRM, **values: Any) -> Pairing:
    """Return what became so far of a use of a code."""
    now = int(time.time() * 1000)
    made = Pairing(
        id=pairings.new_id(),
        code_id=code_id,
        public_key=pairings.new_id(),
        answer_key="e",
        uses_left=0,
        site_id=sites.new_id(),
        key="k" * 64,
        home=HOME,
        name="Choir",
        rest_root=f"{HOME}/wp-json/",
        endpoints={},
        page=f"{HOME}/wp-admin/",
        stub="0.2.0",
        vczapi=False,
        vczapi_pro=False,
        epoch=1,
        place="p",
        state=state,
        message="",
        created_at=now,
        url=HOME,
        checked_at=now,
    )
    return replace(made, **values)


def used(store: Store, code_id: str, state: PairingState = PairingState.CONFIRM, **values: Any) -> Pairing:
    """Note that a site has used a code, and what became of it so far."""
    made = pairing(code_id, state, **values)

    def write(connection: Any) -> None:
        pairings.take_use(connection, made.code_id)
        pairings.add(connection, made, store.sealer)

    store.write(write)
    return made
