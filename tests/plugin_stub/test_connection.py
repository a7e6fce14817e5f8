"""The connection: pairing over WordPress's REST API."""

from typing import Any

import pytest
import requests

from tests.plugin_stub.bridge_double import KEY, SITE
from tests.plugin_stub.sync import home_hash
from tests.wordpress import WordPress

ROUTE = "zoombridge/v1/connection"
CONNECTION = {"bridge": "https://bridge.example.org", "site": SITE, "key": KEY}


def stored(site: WordPress) -> Any:
    return site.php("return get_option( 'zoombridge_connection', null );")


class TestPairing:
    def test_not_paired(self, site: WordPress) -> None:
        answer = site.rest("GET", ROUTE).json()

        assert answer == {
            "stub": "0.2.0",
            "paired": False,
            "bridge": None,
            "site": None,
            "home": site.url,
            "epoch": 0,
            "endpoints": {
                name: f"{site.rest_root}vczapi/v1/{name}" for name in ("meeting", "webinar", "recording")
            },
            "type": "stub",
            "vczapi": None,
            "vczapi_pro": False,
            "page": f"{site.url}/wp-admin/edit.php?post_type=zoom-meetings&page=zoombridge-settings",
        }

    def test_save_read_and_delete(self, site: WordPress) -> None:
        saved = site.rest("POST", ROUTE, json=CONNECTION | {"bridge": "https://bridge.example.org/"})

        assert saved.json() == site.rest("GET", ROUTE).json()
        assert saved.json()["paired"] is True
        assert saved.json()["bridge"] == "https://bridge.example.org"
        assert saved.json()["site"] == SITE
        assert KEY not in saved.text
        # The address at which it was first used.
        assert stored(site) == CONNECTION | {"home": home_hash(site.url)}

        assert site.rest("DELETE", ROUTE).json()["paired"] is False
        assert stored(site) is None

    @pytest.mark.parametrize(
        "wrong",
        [
            {"key": "0" * 63},
            {"key": "G" * 64},
            {"key": KEY + "\n"},
            {"bridge": "ftp://bridge.example.org"},
            {"bridge": "https://user:password@bridge.example.org"},
            {"bridge": "https://bridge.example.org/?a=b"},
            {"bridge": "bridge.example.org"},
            {"bridge": None},
            {"site": ""},
            {"site": "a\r\nX-Header: b"},
            {"site": ["a"]},
        ],
        ids=str,
    )
    def test_invalid_values_are_refused(self, site: WordPress, wrong: dict[str, object]) -> None:
        assert site.rest("POST", ROUTE, json=CONNECTION | wrong).status_code == 400
        assert stored(site) is None

    def test_all_three_are_required(self, site: WordPress) -> None:
        for name in CONNECTION:
            connection = {other: value for other, value in CONNECTION.items() if other != name}
            assert site.rest("POST", ROUTE, json=connection).status_code == 400

    @pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
    def test_only_users_who_can_manage_options(self, site: WordPress, method: str) -> None:
        url = site.rest_root + ROUTE
        editor = site.php(
            """
            $id = wp_create_user( 'editor', 'a-password', 'editor@example.com' );
            get_user_by( 'id', $id )->set_role( 'editor' );
            return WP_Application_Passwords::create_new_application_password( $id, array( 'name' => 'x' ) )[0];
            """
        )

        assert requests.request(method, url, json=CONNECTION, timeout=90).status_code == 401
        response = requests.request(method, url, json=CONNECTION, auth=("editor", editor), timeout=90)
        assert response.status_code == 403
        assert stored(site) is None

    def test_with_vczapi(self, with_vczapi: WordPress) -> None:
        answer = with_vczapi.rest("GET", ROUTE).json()

        assert answer["type"] == "other"
        assert answer["vczapi"] == "4.6.7"
        assert answer["vczapi_pro"] is False
        assert answer["page"].endswith("page=zoom-video-conferencing-settings&tab=zoombridge")

    def test_with_the_pro_add_on(self, with_vczapi: WordPress) -> None:
        with_vczapi.php(
            """
            update_option( 'active_plugins', array_merge( get_option( 'active_plugins' ),
                array( 'vczapi-pro/vczapi-pro.php' ) ) );
            """
        )

        assert with_vczapi.rest("GET", ROUTE).json()["vczapi_pro"] is True
