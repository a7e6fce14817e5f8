"""Disconnect a site: both sides forget it, and a password that version 0.1.0 stored is given back."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import responses

from core.errors import UnknownSiteError
from core.sites.disconnect import disconnect
from core.sites.returned_password import APP_ID
from core.store.db.engine import Store
from core.store.sites import sites
from core.store.sites.sites import Site
from tests.core.conftest import with_password
from tests.core.wordpress.plugin_double import PluginDouble

UUID = "0a1b2c3d-0000-4000-8000-000000000000"

Reply = tuple[int, dict[str, str], str | bytes]


class WordPressDouble:
    """The answers of one WordPress. `signed` is the plugin's side of the sync protocol."""

    def __init__(self, wire: responses.RequestsMock, site: Site) -> None:
        self.signed = PluginDouble(site.key, site.id, site.home, time.time)
        self.blocks_signed = False  # a firewall does
        self.is_old = False  # the plugin's version is 0.1.0
        self.revoked = 0
        passwords = f"{site.rest_root}wp/v2/users/me/application-passwords"
        for method, url, callback in (
            ("POST", f"{site.rest_root}zoombridge/v1/sync", self._sync),
            ("POST", f"{site.home}/", self._sync),
            ("DELETE", f"{site.rest_root}zoombridge/v1/connection", self._unpair),
            ("GET", f"{passwords}/introspect", self._introspect),
            ("DELETE", f"{passwords}/{UUID}", self._revoke),
        ):
            wire.add_callback(method, url, callback=callback)

    def _sync(self, request: Any) -> Reply:
        if self.blocks_signed or self.is_old:
            return 403, {}, "<title>Blocked by a firewall</title>"
        status, body = self.signed.handle(request.body)
        return status, {}, body

    def _unpair(self, _request: Any) -> Reply:
        if not self.is_old:
            return 404, {}, '{"code": "rest_no_route", "message": "No route."}'
        self.signed.paired = False
        return 200, {}, '{"stub": "0.1.0", "paired": false}'

    def _introspect(self, _request: Any) -> Reply:
        return 200, {}, json.dumps({"uuid": UUID, "app_id": APP_ID})

    def _revoke(self, _request: Any) -> Reply:
        self.revoked += 1
        return 200, {}, '{"deleted": true, "previous": {}}'


@pytest.fixture
def wordpress(site: Site) -> Iterator[WordPressDouble]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        yield WordPressDouble(wire, site)


def every(store: Store) -> list[Site]:
    with store.reading() as connection:
        return sites.list_all(connection, store.sealer)


def test_forgets_the_site_on_both_sides(store: Store, site: Site, wordpress: WordPressDouble) -> None:
    _, problem = disconnect(store, site.url)
    assert problem == ""
    assert every(store) == []
    assert not wordpress.signed.paired
    assert wordpress.revoked == 0
    with pytest.raises(UnknownSiteError):
        disconnect(store, site.id)


def test_that_was_unpaired_there_already(store: Store, site: Site, wordpress: WordPressDouble) -> None:
    wordpress.signed.paired = False
    assert disconnect(store, site.id)[1] == ""


def test_says_that_the_site_could_not_be_told(store: Store, site: Site, wordpress: WordPressDouble) -> None:
    wordpress.blocks_signed = True
    _, problem = disconnect(store, site.id)
    assert "Blocked by a firewall" in problem
    assert every(store) == []


class TestPasswordOfVersion010:
    def test_is_given_back(self, store: Store, site: Site, wordpress: WordPressDouble) -> None:
        with_password(store, site)
        disconnect(store, site.id)
        assert wordpress.revoked == 1
        assert not wordpress.signed.paired

    def test_unpairs_a_plugin_of_that_version(
        self, store: Store, site: Site, wordpress: WordPressDouble
    ) -> None:
        with_password(store, site)
        wordpress.is_old = True
        _, problem = disconnect(store, site.id)
        assert problem == ""
        assert not wordpress.signed.paired
        assert wordpress.revoked == 1

    def test_unpairs_no_newer_plugin(self, store: Store, site: Site, wordpress: WordPressDouble) -> None:
        with_password(store, site)
        wordpress.blocks_signed = True
        _, problem = disconnect(store, site.id)
        assert "Blocked by a firewall" in problem
        assert wordpress.revoked == 1
