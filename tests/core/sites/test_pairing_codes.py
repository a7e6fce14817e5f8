"""Codes are issued for whom they are meant, listed to who asked for them, and cancelled with their pairings."""

import pytest

from core.errors import (
    UnknownSiteError,
    ZoomBridgeError,
)
from core.sites import pairing_codes
from core.store.db.engine import Store
from tests.core.sites.pairing_plugin import BRIDGE, Plugin, issue, refusal


class TestCode:
    def test_is_of_a_bridge_and_of_a_user(self, store: Store) -> None:
        code = issue(store)
        assert code.text == f"{BRIDGE}#zb1.{code.id}.{code.secret}"
        assert pairing_codes.load_code(store, code.id, "/anna") == (code, [])
        assert pairing_codes.load_code(store, code.id, None) == (code, [])
        assert pairing_codes.load_code(store, code.id, "/ben") is None
        assert pairing_codes.open_codes(store, "/anna") == [(code, [])]
        assert pairing_codes.open_codes(store, "/ben") == []

    def test_is_not_shown_with_its_secret(self, store: Store) -> None:
        code = issue(store)
        assert code.secret not in repr(code)

    def test_that_is_cancelled_is_unknown(self, store: Store) -> None:
        code = issue(store)
        pairing_codes.cancel_code(store, code.id)
        assert pairing_codes.load_code(store, code.id, None) is None
        assert refusal(store, Plugin().body(code)) == (404, "zoombridge_pairing_unknown")

    @pytest.mark.parametrize("uses", [0, 101])
    def test_is_for_1_to_100_sites(self, store: Store, uses: int) -> None:
        with pytest.raises(ZoomBridgeError, match="1 to 100"):
            issue(store, uses=uses)

    @pytest.mark.parametrize(
        ("typed", "taken"),
        [
            ("https://bridge.example.org", "https://bridge.example.org"),
            (" https://bridge.example.org/ ", "https://bridge.example.org"),
            ("http://10.0.0.1:8765/zoom/", "http://10.0.0.1:8765/zoom"),
        ],
    )
    def test_takes_the_address_of_the_bridge_as_it_is_typed(self, typed: str, taken: str) -> None:
        assert pairing_codes.bridge_address(typed) == taken

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "bridge.example.org",
            "ftp://bridge.example.org",
            "https://",
            "https://b.example/?a",
            "https://a@b",
            "https://b:x",
            "https://b:99999",
            "https://b.example/it's",
            "https://b.example/\\",
            "https://x/" + "y" * 2000,
        ],
    )
    def test_wants_an_address_of_the_bridge(self, store: Store, url: str) -> None:
        with pytest.raises(ZoomBridgeError, match="address of the bridge"):
            pairing_codes.issue_code(store, bridge_url=url, requested_by="/anna")

    def test_refuses_an_address_that_is_none(self, store: Store) -> None:
        with pytest.raises(ZoomBridgeError, match="address of a site"):
            issue(store, address="ftp://example.org")

    def test_for_a_site_that_is_unknown_is_refused(self, store: Store) -> None:
        with pytest.raises(UnknownSiteError):
            issue(store, site_id="none")
