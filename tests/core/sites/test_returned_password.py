"""A password that version 0.1.0 stored is given back, once the site answers signed requests."""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import responses

from core.bridge import Bridge
from core.sites.returned_password import APP_ID, PasswordReturner
from core.store.db.engine import Store
from core.store.sites import sites
from core.store.sites.sites import Site
from tests.core.clock import Clock
from tests.core.conftest import connected, with_password

HOME = "https://s1.example.org"
UUID = "0a1b2c3d-0000-4000-8000-000000000000"
PASSWORDS = f"{HOME}/wp-json/wp/v2/users/me/application-passwords"
WITHIN_SECONDS = 600.0


class WordPressDouble:
    """The application passwords of one WordPress."""

    def __init__(self, wire: responses.RequestsMock) -> None:
        self.status = 200
        self.code = ""
        self.app_id = APP_ID
        self.asked = 0
        self.revoked = 0
        wire.add_callback("GET", f"{PASSWORDS}/introspect", callback=self._introspect)
        wire.add_callback("DELETE", f"{PASSWORDS}/{UUID}", callback=self._revoke)

    def _introspect(self, _request: Any) -> tuple[int, dict[str, str], str]:
        self.asked += 1
        told = {"code": self.code, "message": ""} if self.code else {"uuid": UUID, "app_id": self.app_id}
        return self.status, {}, json.dumps(told)

    def _revoke(self, _request: Any) -> tuple[int, dict[str, str], str]:
        self.revoked += 1
        return 200, {}, '{"deleted": true}'


@pytest.fixture
def wordpress() -> Iterator[WordPressDouble]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        yield WordPressDouble(wire)


@pytest.fixture
def old(store: Store) -> Site:
    """A site that version 0.1.0 connected, which has answered a signed request by now."""
    site = with_password(store, connected(store, "s1"))
    store.write(lambda connection: sites.save_home(connection, "s1", HOME))
    return site


def stored(store: Store) -> tuple[str, str]:
    with store.reading() as connection:
        site = sites.load(connection, "s1", store.sealer)
    return site.username, site.password


def give_back(returner: PasswordReturner) -> None:
    """Let it begin, and wait until it has ended."""
    before = set(threading.enumerate())
    returner.begin("s1")
    for thread in set(threading.enumerate()) - before:
        thread.join(WITHIN_SECONDS)


class TestReturn:
    def test_revokes_and_forgets_it(self, store: Store, old: Site, wordpress: WordPressDouble) -> None:
        give_back(PasswordReturner(store))
        assert stored(store) == ("", "")
        assert wordpress.revoked == 1

    def test_leaves_one_that_was_made_by_hand_to_its_owner(
        self, store: Store, old: Site, wordpress: WordPressDouble
    ) -> None:
        wordpress.app_id = ""
        give_back(PasswordReturner(store))
        assert stored(store) == ("", "")
        assert wordpress.revoked == 0

    def test_waits_until_the_site_answers_signed_requests(
        self, store: Store, wordpress: WordPressDouble
    ) -> None:
        with_password(store, connected(store, "s1"))
        give_back(PasswordReturner(store))
        assert stored(store)[0] == "bridge"
        assert wordpress.asked == 0

    def test_asks_nothing_of_a_site_without_one(self, store: Store, wordpress: WordPressDouble) -> None:
        connected(store, "s1")
        give_back(PasswordReturner(store))
        PasswordReturner(store).begin("gone")
        assert wordpress.asked == 0

    def test_of_a_site_that_fails_is_tried_again_after_an_hour(
        self, store: Store, old: Site, wordpress: WordPressDouble
    ) -> None:
        clock = Clock()
        returner = PasswordReturner(store, clock=clock)
        wordpress.status = 503
        for seconds, times in ((0, 1), (3599, 1), (2, 2)):
            clock.now += seconds
            give_back(returner)
            assert wordpress.asked == times
        assert stored(store) == (old.username, old.password)
        wordpress.status = 200
        clock.now += 3601
        give_back(returner)
        assert stored(store) == ("", "")

    @pytest.mark.parametrize(
        ("status", "code"),
        [(401, "rest_not_logged_in"), (403, "rest_forbidden"), (404, "rest_no_route")],
    )
    def test_forgets_one_that_is_of_no_use_any_more(
        self, store: Store, old: Site, wordpress: WordPressDouble, status: int, code: str
    ) -> None:
        wordpress.status, wordpress.code = status, code
        give_back(PasswordReturner(store))
        assert stored(store) == ("", "")


class TestBridge:
    @pytest.mark.parametrize("after", ["write", "check"])
    def test_gives_it_back_after_a_write_and_after_a_check(
        self, store: Store, old: Site, wordpress: WordPressDouble, after: str
    ) -> None:
        bridge = Bridge.create(store)
        if after == "write":
            bridge.mirror_worker.on_success(old)
        else:
            bridge.health_worker.on_checked("s1")
        until = time.monotonic() + WITHIN_SECONDS
        while stored(store) != ("", ""):
            assert time.monotonic() < until
            threading.Event().wait(0.01)
