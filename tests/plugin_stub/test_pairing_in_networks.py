"""Pairing in a network of sites: each pairs by itself, with a use of the code, and says its own goodbye."""

import json
import re
import shutil
from collections.abc import Iterator
from html import unescape

import pytest
import requests

from tests.conftest import STUB, STUB_SLUG
from tests.plugin_stub.bridge_double import BridgeDouble
from tests.plugin_stub.conftest import sign_in
from tests.plugin_stub.network import SITES, make_network, unexpected
from tests.plugin_stub.pairing import Admin, PairingBridge, code_file, connection, must_use
from tests.wordpress import WordPress

PLUGIN = f"{STUB_SLUG}/load.php"
LOAD = "require_once ABSPATH . 'wp-admin/includes/plugin.php';"
ON_EACH = """
$results = array();
foreach ( get_sites( array( 'fields' => 'ids' ) ) as $id ) {
    switch_to_blog( $id );
    $results[] = %s;
    restore_current_blog();
}
return $results;
"""


@pytest.fixture(scope="module")
def made() -> Iterator[WordPress]:
    with WordPress.start("debian-mariadb") as site:
        make_network(site)
        shutil.copytree(STUB, site.directory / "wp-content/plugins" / STUB_SLUG)
        site.php(f"{LOAD} activate_plugin( $plugin, '', true );", plugin=PLUGIN)
        site.snapshot()
        yield site
        log = site.php_log()
    assert unexpected(log) == []


@pytest.fixture
def network(made: WordPress) -> WordPress:
    """A network of two sites with the plugin active in all of it."""
    made.reset()
    return made


@pytest.fixture
def admins(network: WordPress) -> list[Admin]:
    """The administrator's browser on each site."""
    session = sign_in(network)
    return [Admin(network, session, path.rstrip("/")) for path in SITES]


def connections(site: WordPress) -> list[dict[str, str] | None]:
    found: list[dict[str, str] | None] = site.php(ON_EACH % "get_option( 'zoombridge_connection', null )")
    return found


# Whether something keeps an administrator of one site, and of the network, from changing files of all sites.
OBSTACLES = """
$one = wp_insert_user( array( 'user_login' => 'of-one', 'user_pass' => 'x', 'role' => 'administrator' ) );
return array_map(
    static function ( $id ) {
        wp_set_current_user( $id );
        return '' !== zoombridge_loader_obstacle();
    },
    array( $one, 1 )
);
"""


class TestPairing:
    def test_one_use_a_site(self, network: WordPress, bridge: BridgeDouble, admins: list[Admin]) -> None:
        pairing = PairingBridge(bridge, uses_left=1)
        first, second = admins
        with code_file(network, pairing.text) as is_there:
            [notice] = first.open()
            assert notice.text.startswith("Connected to")
            first.open()
            assert len(pairing.told) == 1
            assert is_there()
            pairing.uses_left, pairing.site = 0, "the-second"
            second.open()
            assert not is_there()

        assert [told.home for told in pairing.told] == [network.url, f"{network.url}/second"]
        assert pairing.told[1].rest_root == f"{network.url}/second/wp-json/"
        one, two = connections(network)
        assert one
        assert two
        assert one["key"] != two["key"] == pairing.key
        assert [one["site"], two["site"]] == ["a-new.site_2", "the-second"]

    def test_used_up_code_that_cannot_be_deleted(
        self, network: WordPress, bridge: BridgeDouble, admins: list[Admin]
    ) -> None:
        pairing = PairingBridge(bridge)
        keep = "add_filter( 'wp_delete_file', '__return_empty_string' );"
        with must_use(network, keep), code_file(network, pairing.text):
            for admin in admins:
                admin.open()

        assert len(pairing.requests) == 1
        assert connections(network)[1] is None


class TestGoodbye:
    def test_each_site_says_its_own_and_nothing_is_left(
        self, network: WordPress, bridge: BridgeDouble, admins: list[Admin]
    ) -> None:
        pairing = PairingBridge(bridge, uses_left=5)
        with code_file(network, pairing.text):
            for admin, name in zip(admins, ("one", "two"), strict=True):
                pairing.site = name
                admin.open()
        bridge.requests.clear()
        network.php("update_site_option( 'zoombridge_spent_codes', array( 'x' ) );")
        network.php(f"{LOAD} deactivate_plugins( $plugin, false, true );", plugin=PLUGIN)
        network.php(f"{LOAD} uninstall_plugin( $plugin );", plugin=PLUGIN)

        told = [
            (request.headers["X-Zoombridge-Site"], json.loads(request.body)["reason"])
            for request in bridge.requests
        ]
        assert told == [
            ("one", "deactivated"),
            ("two", "deactivated"),
            ("one", "uninstalled"),
            ("two", "uninstalled"),
        ]
        left = """$GLOBALS['wpdb']->get_col(
            "SELECT option_name FROM {$GLOBALS['wpdb']->options} WHERE option_name LIKE '%zoombridge%'"
        )"""
        assert network.php(ON_EACH % left) == [[], []]
        assert network.php("return get_site_option( 'zoombridge_spent_codes' );") is False

    def test_bridges_that_do_not_answer_keep_nothing(
        self, network: WordPress, bridge: BridgeDouble, admins: list[Admin]
    ) -> None:
        pairing = PairingBridge(bridge, uses_left=5)
        with code_file(network, pairing.text):
            for admin in admins:
                admin.open()
        bridge.hang()
        network.php(f"{LOAD} deactivate_plugins( $plugin, false, true );", plugin=PLUGIN)
        network.php(f"{LOAD} uninstall_plugin( $plugin );", plugin=PLUGIN)

        assert connections(network) == [None, None]

    def test_deleted_site_says_it(self, network: WordPress, bridge: BridgeDouble) -> None:
        both = connection(network.url, bridge.url), connection(f"{network.url}/second", bridge.url)
        network.php(ON_EACH % "update_option( 'zoombridge_connection', $both[ $id - 1 ] )", both=both)
        network.php("wp_delete_site( 2 );")

        [told] = bridge.requests
        assert (told.target, told.is_signed) == ("/stub/goodbye", True)
        assert json.loads(told.body) == {"reason": "uninstalled"}
        assert network.php("return get_option( 'zoombridge_connection' )['key'];") == both[0]["key"]


class TestAlerts:
    def test_each_site_has_its_own(
        self, network: WordPress, bridge: BridgeDouble, admins: list[Admin]
    ) -> None:
        """The settings of a user hold for all sites."""
        both = connection(network.url, bridge.url), connection(f"{network.url}/second", bridge.url)
        network.php(
            ON_EACH
            % """array(
                update_option( 'zoombridge_connection', $both[ $id - 1 ] ),
                zoombridge_store_alerts( array( 'count' => 2, 'digest' => str_repeat( $id, 16 ) ) ),
            )""",
            both=both,
        )
        notice = "critical alerts about this site. <a"
        for admin in admins:
            link = re.search(r'href="([^"]*action=zoombridge_dismiss[^"]*)"', admin.get("index.php").text)
            assert link is not None
            assert admin.session.get(unescape(link[1]), allow_redirects=False, timeout=600).status_code == 302
        assert [notice in admin.get("index.php").text for admin in admins] == [False, False]


class TestVisitors:
    def test_meetings_of_several_sites_in_one_request(self, network: WordPress) -> None:
        posts = network.php(
            ON_EACH
            % """wp_insert_post( array(
                'post_type' => 'zoom-meetings', 'post_title' => 'x', 'post_status' => 'publish',
                'meta_input' => array( '_meeting_zoom_meeting_id' => '12345678' . $id ),
            ) )"""
        )
        found = network.php(
            """
            global $wpdb;
            // Metas that get their numbers at the same time would be looked for again.
            $wpdb->insert( $wpdb->get_blog_prefix( 2 ) . 'postmeta', array( 'meta_id' => 9999 ) );
            foreach ( array( 1, 2, 1, 2 ) as $id ) {
                switch_to_blog( $id );
                $found[] = zoombridge_find_post( '12345678' . $id );
                restore_current_blog();
            }
            return $found;
            """
        )
        assert found == posts * 2


class TestLoader:
    def test_each_site_forwards_by_its_own_pairing_until_the_last_has_no_plugin(
        self, network: WordPress, bridge: BridgeDouble
    ) -> None:
        network.php(
            """
            foreach ( array( 1 => 'one', 2 => 'two' ) as $id => $name ) {
                switch_to_blog( $id );
                $home = hash( 'sha256', zoombridge_normalize_home( get_option( 'home' ) ) );
                update_option( 'zoombridge_connection', array( 'site' => $name, 'home' => $home ) + $connection );
                restore_current_blog();
            }
            """,
            connection=connection(network.url, bridge.url),
        )
        assert network.php("return zoombridge_write_loader();")
        file = network.directory / "wp-content/mu-plugins/meetings-bridge-for-zoom-loader.php"
        # Nothing else would answer with it.
        with must_use(
            network, "add_action( 'muplugins_loaded', function () { status_header( 500 ); exit; } );"
        ):
            for path in SITES:
                url = f"{network.url}{path}wp-json/vczapi/v1/meeting"
                assert requests.post(url, b"{}", timeout=600).status_code == 204
        assert [one.headers["X-Zoombridge-Site"] for one in bridge.requests] == ["one", "two"]
        assert network.php(OBSTACLES) == [True, False]
        network.php(f"{LOAD} deactivate_plugins( $plugin, false, true );", plugin=PLUGIN)
        assert not file.exists()
