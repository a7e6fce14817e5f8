"""The client that gives a password back, against a real WordPress with the plugin: real faults are named."""

from collections.abc import Callable

import pytest

from core.errors import Fault, SiteFaultError
from core.sites.returned_password import APP_ID
from core.wordpress.former_client import WordPressClient
from tests.wordpress import WordPress


def fault(call: Callable[[], object]) -> SiteFaultError:
    with pytest.raises(SiteFaultError) as caught:
        call()
    return caught.value


def test_a_wrong_application_password_is_named(site: WordPress) -> None:
    with WordPressClient(site.rest_root, site.user, "wrong wrong wrong") as stranger:
        assert fault(stranger.application_password).fault is Fault.CREDENTIALS


def test_the_plugin_of_this_version_takes_no_password(site: WordPress) -> None:
    with WordPressClient(site.rest_root, site.user, site.application_password) as client:
        assert fault(client.unpair).fault is Fault.STUB_MISSING


@pytest.mark.parametrize("permalinks", ["/%postname%/", ""])
def test_a_password_is_given_back(site: WordPress, permalinks: str) -> None:
    root = site.rest_root if permalinks else f"{site.url}/?rest_route=/"
    password = site.php(
        "update_option( 'permalink_structure', $permalinks ); delete_option( 'rewrite_rules' );"
        "return WP_Application_Passwords::create_new_application_password("
        " get_user_by( 'login', $user )->ID, [ 'name' => 'Bridge', 'app_id' => $app ] )[0];",
        user=site.user,
        app=APP_ID,
        permalinks=permalinks,
    )
    with WordPressClient(root, site.user, password) as once:
        held = once.application_password()
        assert held.app_id == APP_ID
        once.revoke(held)
        assert fault(once.application_password).fault is Fault.CREDENTIALS
