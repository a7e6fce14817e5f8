"""The key of a site is renewed, whatever gets lost. WordPress is a double here."""

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from core.auth.service import AuthService
from core.errors import SiteFaultError
from core.pipeline import site_client
from core.sites import key_rotation
from core.sites.key_rotation import KeyRotator
from core.store.auth.one_time_links import Purpose
from core.store.auth.users import Role
from core.store.db.engine import Store
from core.store.sites import sites
from core.store.sites.sites import Site
from tests.core.wordpress.network_double import Fate, NetworkDouble
from tests.core.wordpress.plugin_double import PluginDouble

HOME = "https://s1.example.org"


@pytest.fixture
def wordpress(site: Site) -> Iterator[NetworkDouble]:
    with NetworkDouble(PluginDouble(site.key, "s1", HOME, time.time), f"{HOME}/wp-json/", HOME) as network:
        yield network


def kept(store: Store) -> Site:
    with store.reading() as connection:
        return sites.load(connection, "s1", store.sealer)


def agree(store: Store, wordpress: NetworkDouble) -> bool:
    """Whether both sides have one key, and no other."""
    site = kept(store)
    return (site.key, site.next_key) == (wordpress.plugin.key, wordpress.plugin.next_key or "")


class TestRotation:
    def test_gives_both_sides_another_key(self, store: Store, site: Site, wordpress: NetworkDouble) -> None:
        assert key_rotation.rotate(store, "s1")
        assert agree(store, wordpress)
        assert kept(store).key != site.key
        assert len(kept(store).key) == 64

    def test_ends_what_the_former_key_has_opened(
        self, store: Store, site: Site, wordpress: NetworkDouble
    ) -> None:
        auth = AuthService(store)
        auth.add("anna", Role.ADMINISTRATOR)
        tokens = [
            auth.sign_in_by_link(Purpose.ENTER, auth.hold_link(auth.from_wordpress("s1", name)))
            for name in ("thief", "bert")
        ]
        tokens.append(auth.sign_in_by_link(Purpose.SIGN_IN, auth.link("anna", Purpose.SIGN_IN)))
        link = auth.from_wordpress("s1", "thief")
        assert key_rotation.rotate(store, "s1", session_token=tokens[1])
        assert [auth.session(token) is None for token in tokens] == [True, False, False]
        assert auth.find_link(Purpose.SITE, link) is None

    def test_says_that_the_present_key_stays_where_the_plugin_has_no_other(
        self, store: Store, site: Site, wordpress: NetworkDouble
    ) -> None:
        store.write(lambda connection: sites.save_keys(connection, site, site.key, "ab" * 32, store.sealer))
        assert not key_rotation.rotate(store, "s1")
        assert agree(store, wordpress)
        assert kept(store).key == site.key

    @pytest.mark.parametrize("lost", ["request lost", "answer lost"])
    @pytest.mark.parametrize("which", [0, 1, 2])
    def test_survives_a_loss(
        self, store: Store, site: Site, wordpress: NetworkDouble, lost: Fate, which: int
    ) -> None:
        """One message is lost, and those by which the client tries again."""
        wordpress.fates.extend([("well", 0)] * which)
        wordpress.fates.extend([(lost, 0)] * 3)
        with contextlib.suppress(SiteFaultError):
            key_rotation.rotate(store, "s1")
        wordpress.fates.clear()
        with site_client.connect(kept(store)) as client:
            client.hello()
        key_rotation.rotate(store, "s1")
        assert agree(store, wordpress)
        assert kept(store).key != site.key

    def test_that_the_plugin_completed_is_completed_here(
        self, store: Store, site: Site, wordpress: NetworkDouble
    ) -> None:
        """The bridge stopped after the plugin had used the next key."""
        following = "ab" * 32
        store.write(lambda connection: sites.save_keys(connection, site, site.key, following, store.sealer))
        wordpress.plugin.key = following
        with site_client.connect(kept(store)) as client:
            client.hello()
            assert client.has_rotated
        key_rotation.rotate(store, "s1")
        assert (kept(store).key, kept(store).next_key) == (following, "")

    def test_that_the_plugin_does_not_know_leaves_the_present_key(
        self, store: Store, site: Site, wordpress: NetworkDouble
    ) -> None:
        store.write(lambda connection: sites.save_keys(connection, site, site.key, "ab" * 32, store.sealer))
        key_rotation.rotate(store, "s1")
        assert kept(store) == site

    def test_of_a_site_that_was_paired_anew_meanwhile_changes_nothing(
        self, store: Store, site: Site, wordpress: NetworkDouble
    ) -> None:
        assert not store.write(
            lambda connection: sites.save_keys(
                connection, replace(site, epoch=site.epoch - 1), "cd" * 32, "", store.sealer
            )
        )
        assert kept(store) == site


class TestRotator:
    def test_renews_in_the_background_one_at_a_time(
        self, store: Store, site: Site, wordpress: NetworkDouble
    ) -> None:
        rotator = KeyRotator(store)
        entered, go = threading.Event(), threading.Event()
        handle = wordpress.plugin.handle

        def held(body: bytes) -> tuple[int, bytes]:
            entered.set()
            assert go.wait(600)
            return handle(body)

        wordpress.plugin.handle = held  # type: ignore[method-assign]
        assert rotator.begin("s1")
        assert entered.wait(600)
        assert not rotator.begin("s1")
        go.set()
        deadline = time.monotonic() + 600
        while rotator.is_underway("s1"):
            assert time.monotonic() < deadline
            threading.Event().wait(0.01)
        assert agree(store, wordpress)

    def test_completes_what_an_earlier_process_left(
        self, store: Store, site: Site, wordpress: NetworkDouble
    ) -> None:
        store.write(lambda connection: sites.save_keys(connection, site, site.key, "ab" * 32, store.sealer))
        rotator = KeyRotator(store)
        rotator.start()
        deadline = time.monotonic() + 600
        while rotator.is_underway("s1"):
            assert time.monotonic() < deadline
            threading.Event().wait(0.01)
        assert kept(store) == site
