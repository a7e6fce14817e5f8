"""A plugin that pairs its site, as the contract of pairing says: before, during and after it."""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from core.errors import PairingRefusedError
from core.sites import pairing, pairing_codes
from core.sites.pairing import PairingState
from core.store.db.engine import Store
from core.store.sites import pairings, sites
from core.store.sites.pairings import Pairing, PairingCode
from core.store.sites.sites import Site
from core.wordpress import pairing_envelope as envelope
from core.wordpress.pairing_envelope import KeyPair
from tests.core.wordpress.network_double import NetworkDouble
from tests.core.wordpress.plugin_double import PluginDouble

BRIDGE = "https://bridge.example.org"
HOME = "https://choir.example.org"


@dataclass
class Plugin:
    """The plugin in a WordPress at `home`, before and after it is paired."""

    home: str = HOME
    keys: KeyPair = field(default_factory=lambda: KeyPair(hashlib.sha256(b"plugin").digest()))
    epoch: int = 0
    former: dict[str, str] | None = None
    place: str = "ab" * 32
    site: str = ""
    key: str = ""

    def body(self, code: PairingCode, **changes: Any) -> bytes:
        """The request for a pairing."""
        home = self.home.rstrip("/")
        root = f"{home}/wp-json/"
        details = {
            "t": 1_767_603_601,
            "e": self.keys.public,
            "home": self.home,
            "name": "Choir",
            "rest": root,
            "endpoints": {kind: f"{root}vczapi/v1/{kind}" for kind in sites.ROUTES},
            "page": f"{home}/wp-admin/edit.php",
            "stub": "0.3.0",
            "wordpress": "6.5",
            "epoch": self.epoch,
            "vczapi": None,
            "vczapi_pro": False,
            "place": self.place,
            "former": self.former,
        }
        return envelope.seal_request(code.secret, code.id, details | changes)

    def ask(self, store: Store, code: PairingCode) -> Pairing:
        """Ask for a pairing, and keep what the answer gives."""
        body = self.body(code)
        answer = pairing.answer_request(store, body)
        self.take(code, body, answer.body)
        return load(store, answer.pairing_id)

    def take(self, code: PairingCode, body: bytes, answer: bytes) -> None:
        """Keep what the answer to a request gives."""
        told = envelope.open_answer(code.secret, envelope.read_request(body), answer)
        self.site = told.site
        self.key = envelope.pairing_key(
            code.secret, code.id, self.keys, plugin=self.keys.public, bridge=told.public_key
        )

    def proves(self, code: PairingCode, site: Site) -> None:
        """Hold the key of a former pairing."""
        proof = envelope.former_proof(site.key, code.id, self.keys.public)
        self.former = {"site": site.id, "bridge": BRIDGE, "proof": proof}

    @contextmanager
    def answering(self, at: str = "") -> Iterator[NetworkDouble]:
        """The site answers at its home, or at another address."""
        url = at or self.home.rstrip("/")
        plugin = PluginDouble(self.key, self.site, _normal(self.home), time.time, epoch=self.epoch)
        with NetworkDouble(plugin, f"{url}/wp-json/", url) as network:
            yield network


def _normal(home: str) -> str:
    """The home as the protocol hashes it."""
    return home.rstrip("/").removesuffix(":443")


def load(store: Store, pairing_id: str) -> Pairing:
    with store.reading() as connection:
        found = pairings.load(connection, pairing_id, store.sealer)
    assert found is not None
    return found


def kept(store: Store, site_id: str) -> Site:
    """Return a site as it is kept."""
    with store.reading() as connection:
        return sites.load(connection, site_id, store.sealer)


def every(store: Store) -> list[Site]:
    """Return all sites that are kept."""
    with store.reading() as connection:
        return sites.list_all(connection, store.sealer)


def issue(store: Store, **given: Any) -> PairingCode:
    """Return a new code that anna asked for."""
    return pairing_codes.issue_code(store, bridge_url=BRIDGE, requested_by="/anna", **given)


def connect(store: Store, plugin: Plugin, **given: Any) -> Site:
    """Connect a site, with its address typed."""
    asked = plugin.ask(store, issue(store, **({"address": plugin.home} | given)))
    with plugin.answering():
        assert pairing.call_back(store, asked.id).state is PairingState.CONNECTED
    return kept(store, asked.site_id)


def refusal(store: Store, body: bytes) -> tuple[int, str]:
    """Return the status and the code with which a request is refused."""
    with pytest.raises(PairingRefusedError) as caught:
        pairing.answer_request(store, body)
    return caught.value.status, caught.value.code
