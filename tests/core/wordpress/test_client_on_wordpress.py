"""The client that connects a site, against a real WordPress with the plugin: real faults are named."""

from collections.abc import Iterator
from typing import Any

import pytest

from core.errors import Fault, SiteFaultError
from core.sites.returned_password import APP_ID
from core.wordpress.client import WordPressClient
from core.wordpress.discovery import discover
from tests.conftest import STUB_SLUG
from tests.wordpress import WordPress


@pytest.fixture
def client(site: WordPress) -> Iterator[WordPressClient]:
    with WordPressClient(site.rest_root, site.user, site.application_password) as made:
        yield made


def fault(call: Any, *arguments: Any) -> SiteFaultError:
    with pytest.raises(SiteFaultError) as caught:
        call(*arguments)
    return caught.value


def test_a_wrong_application_password_is_named(site: WordPress) -> None:
    with WordPressClient(site.rest_root, site.user, "wrong wrong wrong") as stranger:
        for call in (stranger.me, stranger.connection, stranger.application_password):
            assert fault(call).fault is Fault.CREDENTIALS


def test_a_user_with_too_few_rights_is_named(site: WordPress) -> None:
    password = site.php(
        "$id = wp_create_user('reader', wp_generate_password(), 'reader@example.org');"
        "return WP_Application_Passwords::create_new_application_password($id, ['name' => 'test'])[0];"
    )
    with WordPressClient(site.rest_root, "reader", password) as reader:
        assert "edit_posts" not in reader.me().capabilities
        found = fault(reader.pair, "https://bridge.example.org", "k3v9", "a" * 64)
    assert (found.fault, found.status) == (Fault.CREDENTIALS, 403)


def test_the_stub_switched_off_is_named(site: WordPress, client: WordPressClient) -> None:
    site.deactivate_plugin(STUB_SLUG)
    assert fault(client.connection).fault is Fault.STUB_MISSING


def test_pairing(client: WordPressClient) -> None:
    assert client.connection().paired is False
    paired = client.pair("https://bridge.example.org", "k3v9", "a" * 64)
    assert (paired.paired, paired.bridge, paired.site) == (True, "https://bridge.example.org", "k3v9")
    assert paired.type_owner == "stub"
    assert paired.endpoints["meeting"].endswith("/wp-json/vczapi/v1/meeting")
    assert client.unpair().paired is False


def test_me(site: WordPress, client: WordPressClient) -> None:
    me = client.me()
    assert me.name == site.user
    assert {"manage_options", "edit_others_posts"} <= me.capabilities


class TestDiscovery:
    @pytest.mark.parametrize("path", ["", "/", "/wp-admin/", "/?p=1"])
    def test_the_site_is_found_from_what_people_type(self, site: WordPress, path: str) -> None:
        found = discover(site.url + path)
        assert found.rest_root == site.rest_root
        assert found.name
        assert found.authorization_url.startswith(f"{site.url}/wp-admin/authorize-application.php")

    def test_with_plain_permalinks_what_it_finds_works(self, site: WordPress) -> None:
        site.php("update_option('permalink_structure', ''); delete_option('rewrite_rules');")
        found = discover(site.url)
        assert "rest_route" in found.rest_root
        with WordPressClient(found.rest_root, site.user, site.application_password) as plain:
            assert plain.connection().home == site.url

    def test_without_application_passwords_it_says_so(self, site: WordPress) -> None:
        must_use = site.directory / "wp-content" / "mu-plugins" / "no-application-passwords.php"
        must_use.write_text("<?php add_filter('wp_is_application_passwords_available', '__return_false');")
        try:
            found = fault(discover, site.url)
        finally:
            must_use.unlink()
        assert found.fault is Fault.NOT_WORDPRESS
        assert "disabled" in str(found)


def test_a_password_is_given_back(site: WordPress) -> None:
    password = site.php(
        "return WP_Application_Passwords::create_new_application_password("
        " get_user_by( 'login', $user )->ID, [ 'name' => 'Bridge', 'app_id' => $app ] )[0];",
        user=site.user,
        app=APP_ID,
    )
    with WordPressClient(site.rest_root, site.user, password) as once:
        held = once.application_password()
        assert held.app_id == APP_ID
        once.revoke(held)
        assert fault(once.me).fault is Fault.CREDENTIALS
