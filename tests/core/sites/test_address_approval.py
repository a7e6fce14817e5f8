"""Addresses inside a network, from the first call that is not made to the site that is connected there."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from core.errors import PairingRefusedError
from core.model.health_facts import FactName
from core.sites import address_approval, health_check, pairing, pairing_codes, plugin_reports
from core.sites.pairing import PairingState
from core.store import audit
from core.store.audit import Action, AuditFilter
from core.store.db.engine import Store
from core.store.sites import health, pairings, sites
from core.store.sites.pairings import Pairing
from core.store.sites.sites import Site
from core.wordpress.addresses import Endpoint
from tests.core.sites.pairing_plugin import BRIDGE, Plugin
from tests.core.sites.test_plugin_reports import report
from tests.core.wordpress.plugin_double import PluginDouble
from tests.core.wordpress.raw_server import Server

pytestmark = pytest.mark.usefixtures("nothing_allowed")


@contextmanager
def wordpress() -> Iterator[tuple[Server, list[PluginDouble]]]:
    """A server on loopback, and the plugin there, which a test sets."""
    plugins: list[PluginDouble] = []

    def answer() -> Iterator[bytes]:
        status, body = plugins[-1].handle(server.requests[-1].partition(b"\r\n\r\n")[2])
        yield b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (status, len(body)) + body

    with Server(answer) as server:
        yield server, plugins


def plugin_of(site: Site | Plugin, home: str) -> PluginDouble:
    site_id = site.id if isinstance(site, Site) else site.site
    return PluginDouble(site.key, site_id, home, time.time, epoch=1)


def kept(store: Store, site_id: str = "s1") -> Site:
    with store.reading() as connection:
        return sites.load(connection, site_id, store.sealer)


def load(store: Store, pairing_id: str) -> Pairing:
    with store.reading() as connection:
        found = pairings.load(connection, pairing_id, store.sealer)
    assert found is not None
    return found


def ask(store: Store, plugin: Plugin) -> Pairing:
    code = pairing_codes.issue_code(store, bridge_url=BRIDGE, requested_by="/anna")
    return pairing.call_back(store, plugin.ask(store, code).id)


def placed(store: Store, site: Site, home: str, **values: object) -> Site:
    """The site is connected at an address."""
    moved = replace(site, url=home, home=home, rest_root=f"{home}/wp-json/", **values)  # type: ignore[arg-type]
    store.write(lambda connection: sites.save(connection, moved, store.sealer))
    return moved


class TestPairing:
    def test_waits_until_its_address_is_allowed_and_is_asked_about_once(self, store: Store) -> None:
        with wordpress() as (server, plugins):
            home = f"http://127.0.0.1:{server.port}"
            at = Endpoint("127.0.0.1", server.port, "127.0.0.1")
            plugin = Plugin(home=home)
            asked = ask(store, plugin)
            assert (asked.state, asked.asked_addresses, server.connected) == (
                PairingState.UNREACHABLE,
                (at,),
                0,
            )
            [question] = address_approval.questions(store)
            assert (question.id, question.home, question.addresses) == (asked.id, home, (at,))

            assert address_approval.allow(store, asked.id, ["127.0.0.1:1"]) == ()
            assert load(store, asked.id) == asked, "only what was shown is allowed"
            assert address_approval.allow(store, asked.id, [str(at)]) == (at,)
            plugins.append(plugin_of(plugin, home))
            assert pairing.call_back(store, asked.id).state is PairingState.CONFIRM
            site = pairing.confirm(store, asked.id, confirmed_by="anna")
            assert (site.addresses, address_approval.questions(store)) == ((at,), [])

            other = Plugin(home=f"{home}/blog")
            again = ask(store, other)
            assert again.asked_addresses == (), "what is allowed for a site there is not asked about again"
        with store.reading() as connection:
            assert audit.count(connection, AuditFilter(action=Action.ADDRESS_ALLOWED)) == 1


class TestConnected:
    def test_of_before_is_learnt_from_the_next_signed_answer(self, store: Store, site: Site) -> None:
        with wordpress() as (server, plugins):
            home = f"http://127.0.0.1:{server.port}"
            placed(store, site, home)
            plugins.append(plugin_of(site, home))
            health_check.check(store, "s1")
            assert kept(store).addresses == (Endpoint("127.0.0.1", server.port, "127.0.0.1"),)

    def test_that_leads_inside_by_now_is_asked_about(self, store: Store, site: Site) -> None:
        with wordpress() as (server, plugins):
            home = f"http://127.0.0.1:{server.port}"
            at = Endpoint("127.0.0.1", server.port, "127.0.0.1")
            placed(store, site, home, addresses=())
            plugins.append(plugin_of(site, home))
            health_check.check(store, "s1")
            assert (kept(store).asked_addresses, server.connected) == ((at,), 0)
            with store.reading() as connection:
                assert not health.facts(connection, "s1")[FactName.WORDPRESS].well
            assert [one.id for one in address_approval.questions(store)] == ["s1"]
            assert address_approval.allow(store, "s1", [str(at)]) == (at,)
            health_check.check(store, "s1")
            with store.reading() as connection:
                assert health.facts(connection, "s1")[FactName.WORDPRESS].well
            assert (kept(store).addresses, kept(store).asked_addresses) == ((at,), ())

    def test_that_reports_a_move_inside_is_asked_about(self, store: Store, site: Site) -> None:
        placed(store, site, "https://s1.invalid", addresses=())
        with wordpress() as (server, plugins):
            home = f"http://127.0.0.1:{server.port}"
            with pytest.raises(PairingRefusedError) as caught:
                plugin_reports.move(store, "s1", report(home))
            asked = kept(store).asked_addresses
            assert (caught.value.status, server.connected) == (422, 0)
            address_approval.allow(store, "s1", list(map(str, asked)))
            plugins.append(plugin_of(site, home))
            plugin_reports.move(store, "s1", report(home))
            assert (kept(store).home, kept(store).addresses) == (home, asked)

    def test_that_is_unknown_has_nothing_to_allow(self, store: Store) -> None:
        assert address_approval.allow(store, "nowhere", ["x"]) == ()
