"""A new address of the bridge is offered to a site, and known once the site calls it."""

import time
from collections.abc import Iterator

import pytest

from core import messages
from core.errors import ZoomBridgeError
from core.sites import health_check, new_address
from core.store import audit
from core.store.audit import Action, AuditEntry, AuditFilter
from core.store.db import settings
from core.store.db.engine import Store
from core.store.job_sites import BulkOutcome
from core.store.sites import sites
from core.store.sites.sites import Site
from tests.core.conftest import connected
from tests.core.wordpress.network_double import NetworkDouble
from tests.core.wordpress.plugin_double import PluginDouble

HOME = "https://s1.example.org"
NEW = "https://new.example.org"


@pytest.fixture
def wordpress(site: Site) -> Iterator[NetworkDouble]:
    with NetworkDouble(PluginDouble(site.key, "s1", HOME, time.time), f"{HOME}/wp-json/", HOME) as network:
        yield network


def kept(store: Store) -> Site:
    with store.reading() as connection:
        return sites.load(connection, "s1", store.sealer)


def offer(store: Store) -> tuple[BulkOutcome, str]:
    result = new_address.offer(store, kept(store), NEW)
    return result.outcome, result.message


def entries(store: Store, action: Action) -> list[AuditEntry]:
    with store.reading() as connection:
        return audit.page(connection, AuditFilter(action=action), limit=100).entries


@pytest.mark.parametrize(
    "typed",
    ["https://bücher.example", "https://b.example/a%20b", "https://b.example//a", f"https://{'x' * 193}"],
)
def test_an_address_that_no_plugin_takes_is_not_offered(typed: str) -> None:
    assert new_address.read_address("https://b.example:8443/zoom/") == "https://b.example:8443/zoom"
    with pytest.raises(ZoomBridgeError):
        new_address.read_address(typed)


class TestOffer:
    def test_changes_nothing_until_the_site_calls_it(self, store: Store, wordpress: NetworkDouble) -> None:
        health_check.check(store, "s1")
        former = kept(store).bridge_url
        outcome, message = offer(store)
        assert outcome is BulkOutcome.DONE
        assert "wp-admin" in message
        assert wordpress.plugin.offered == NEW
        (entry,) = entries(store, Action.BRIDGE_ADDRESS_OFFERED)
        assert entry.site_id == "s1"
        health_check.check(store, "s1")
        assert kept(store).bridge_url == former

        wordpress.plugin.bridge = wordpress.plugin.bridge | {"address": NEW}
        health_check.check(store, "s1")
        assert kept(store).bridge_url == NEW
        assert kept(store).offered_address is None
        assert len(entries(store, Action.BRIDGE_ADDRESS)) == 1
        assert offer(store)[0] is BulkOutcome.SKIPPED

    @pytest.mark.parametrize("was_offered", [True, False])
    def test_is_believed_only_where_it_leads_here_and_was_offered(
        self, store: Store, wordpress: NetworkDouble, was_offered: bool
    ) -> None:
        """Links lead there, so a site cannot choose it."""
        if was_offered:
            offer(store)
        before = kept(store).bridge_url
        called = {"reached": False, "status": None, "message": "Away."} if was_offered else {}
        wordpress.plugin.bridge = wordpress.plugin.bridge | {"address": NEW} | called
        health_check.check(store, "s1")
        assert kept(store).bridge_url == before

    def test_to_a_site_that_calls_it_already(self, store: Store, wordpress: NetworkDouble) -> None:
        wordpress.plugin.bridge = wordpress.plugin.bridge | {"address": NEW}
        assert offer(store)[0] is BulkOutcome.SKIPPED
        assert kept(store).bridge_url == NEW

    def test_that_was_declined_is_said(self, store: Store, wordpress: NetworkDouble) -> None:
        wordpress.plugin.declined = NEW
        outcome, message = offer(store)
        assert outcome is BulkOutcome.FAILED
        assert "declined" in message
        assert not entries(store, Action.BRIDGE_ADDRESS_OFFERED)

    def test_is_known_until_it_is_withdrawn(self, store: Store, wordpress: NetworkDouble) -> None:
        offer(store)
        assert kept(store).offered_address == NEW
        result = new_address.withdraw(store, kept(store))
        assert (result.outcome, result.message) == (BulkOutcome.DONE, messages.ADDRESS_WITHDRAWN)
        assert wordpress.plugin.offered == ""
        assert kept(store).offered_address is None
        assert len(entries(store, Action.BRIDGE_ADDRESS_WITHDRAWN)) == 1
        assert new_address.withdraw(store, kept(store)).message == messages.ADDRESS_NOT_OFFERED

        before = kept(store).bridge_url
        wordpress.plugin.bridge = wordpress.plugin.bridge | {"address": NEW}
        health_check.check(store, "s1")
        assert kept(store).bridge_url == before, "a site is not believed that tells of it later"

    def test_is_still_believed_of_others_once_one_site_is_asked_no_more(
        self, store: Store, wordpress: NetworkDouble
    ) -> None:
        offer(store)
        other = connected(store, "s2")
        store.write(lambda connection: sites.save_offered_address(connection, other, NEW))
        new_address.withdraw(store, kept(store))
        with store.reading() as connection:
            assert settings.offered_addresses(connection) == [NEW]

    def test_that_was_accepted_meanwhile_is_not_withdrawn(
        self, store: Store, wordpress: NetworkDouble
    ) -> None:
        offer(store)
        wordpress.plugin.bridge = wordpress.plugin.bridge | {"address": NEW}
        assert new_address.withdraw(store, kept(store)).message == messages.ADDRESS_IN_USE
        assert (kept(store).bridge_url, kept(store).offered_address) == (NEW, None)

    def test_that_is_accepted_between_the_requests_of_a_withdrawal_is_not_withdrawn(
        self, store: Store, wordpress: NetworkDouble
    ) -> None:
        offer(store)
        wordpress.plugin.accepts_late = True
        assert new_address.withdraw(store, kept(store)).message == messages.ADDRESS_IN_USE
        assert (kept(store).bridge_url, kept(store).offered_address) == (NEW, None)
        assert wordpress.plugin.offered == "", "nor is the former address offered"

    def test_stays_known_where_the_site_is_away_as_it_is_withdrawn(
        self, store: Store, wordpress: NetworkDouble
    ) -> None:
        offer(store)
        wordpress.fates.append(("request lost", 0))
        assert new_address.withdraw(store, kept(store)).outcome is BulkOutcome.FAILED
        assert kept(store).offered_address == NEW

    def test_to_a_plugin_that_knows_no_offers(self, store: Store, wordpress: NetworkDouble) -> None:
        wordpress.plugin.unknown = ("address",)
        outcome, message = offer(store)
        assert outcome is BulkOutcome.FAILED
        assert "Update the plugin" in message

    def test_to_a_site_that_is_away(self, store: Store, wordpress: NetworkDouble) -> None:
        wordpress.fates.append(("request lost", 0))
        outcome, message = offer(store)
        assert outcome is BulkOutcome.FAILED
        assert "could not be reached" in message
