"""Deactivation, activation and uninstallation tell the bridge, and nothing is left: docs/pairing.md."""

import json

from tests.conftest import STUB_SLUG
from tests.plugin_stub.bridge_double import BridgeDouble, BridgeRequest
from tests.plugin_stub.conftest import sign_in
from tests.plugin_stub.pairing import Admin, PairingBridge, code_file, stored
from tests.plugin_stub.posts import NUMBER, make
from tests.plugin_stub.sync import SyncClient, home_hash
from tests.wordpress import WordPress

PLUGIN = f"{STUB_SLUG}/load.php"
LOAD = "require_once ABSPATH . 'wp-admin/includes/plugin.php';"
# As WordPress runs it before it deletes the files: the plugin is not active, so it is not loaded.
UNINSTALL = f"{LOAD} uninstall_plugin( $plugin );"
LEFT = """
global $wpdb;
return array(
    $wpdb->get_col( "SELECT option_name FROM $wpdb->options WHERE option_name LIKE '%zoombridge%'" ),
    $wpdb->get_col( "SELECT meta_key FROM $wpdb->postmeta WHERE meta_key LIKE '%zoombridge%'" ),
);
"""


def deactivate(site: WordPress) -> None:
    site.php(f"{LOAD} deactivate_plugins( $plugin );", plugin=PLUGIN)


def goodbyes(bridge: BridgeDouble) -> list[tuple[str, str, object]]:
    """Return the signed requests: method, path, and the reason, if there is any."""
    assert all(request.is_signed for request in bridge.requests)
    return [(request.method, request.target, _reason(request)) for request in bridge.requests]


def _reason(request: BridgeRequest) -> object:
    return json.loads(request.body)["reason"] if request.body else None


GONE = ("POST", "/stub/goodbye", "deactivated")
UNINSTALLED = ("POST", "/stub/goodbye", "uninstalled")
HELLO = ("GET", "/stub/hello", None)


class TestDeactivation:
    def test_goodbye_and_greeting(self, paired: WordPress, bridge: BridgeDouble) -> None:
        deactivate(paired)
        assert goodbyes(bridge) == [GONE]
        paired.php(f"{LOAD} activate_plugin( $plugin );", plugin=PLUGIN)
        assert goodbyes(bridge) == [GONE, HELLO]

    def test_updates_say_nothing(self, paired: WordPress, bridge: BridgeDouble) -> None:
        """WordPress deactivates silently for the time of an update."""
        paired.php(f"{LOAD} deactivate_plugins( $plugin, true );", plugin=PLUGIN)
        paired.php(f"{LOAD} activate_plugin( $plugin, '', false, true );", plugin=PLUGIN)

        assert bridge.requests == []

    def test_without_a_pairing(self, site: WordPress, bridge: BridgeDouble) -> None:
        deactivate(site)
        site.php(f"{LOAD} activate_plugin( $plugin );", plugin=PLUGIN)
        deactivate(site)
        site.php(UNINSTALL, plugin=PLUGIN)

        assert bridge.requests == []

    def test_bridge_that_does_not_answer(self, paired: WordPress, bridge: BridgeDouble) -> None:
        bridge.hang()
        deactivate(paired)

        assert paired.php("return get_option( 'active_plugins' );") == []
        assert stored(paired)


class TestMute:
    def test_a_copy_says_nothing(self, paired: WordPress, bridge: BridgeDouble) -> None:
        paired.php(
            """
            $connection = get_option( 'zoombridge_connection' );
            update_option( 'zoombridge_connection', array( 'home' => $home ) + $connection, false );
            """,
            home=home_hash("https://production.example.org"),
        )
        deactivate(paired)
        paired.php(f"{LOAD} activate_plugin( $plugin );", plugin=PLUGIN)
        deactivate(paired)
        paired.php(UNINSTALL, plugin=PLUGIN)

        assert bridge.requests == []
        assert stored(paired) is None


class TestUninstallation:
    def test_leaves_nothing(self, site: WordPress, bridge: BridgeDouble) -> None:
        pairing = PairingBridge(bridge)
        with code_file(site, pairing.text):
            Admin(site, sign_in(site)).open("index.php")
        sync = pairing.client(site)
        post = make(site)["id"]
        writes = [sync.write("1", title="x"), sync.write(NUMBER, post, title="A meeting")]
        assert sync.send(*writes).codes == ["ok", "ok"]
        site.php(
            """
            set_transient( 'zoombridge/stub/calendar', array(), 300 );
            zoombridge_save_moving_state( zoombridge_moving_state() );
            add_post_meta( $post, '_zoombridge_html', 'x' );
            """,
            post=post,
        )
        deactivate(site)
        options, metas = site.php(LEFT)
        assert {"zoombridge_connection", "zoombridge_pairing", "zoombridge_moving"} <= set(options)
        assert "_zoombridge_made" in metas
        site.php(UNINSTALL, plugin=PLUGIN)

        assert site.php(LEFT) == [[], []]
        assert site.php("return get_the_title( $post );", post=post) == "A meeting"
        assert [request.target for request in bridge.requests[1:]] == ["/stub/goodbye"] * 2
        assert [_reason(request) for request in bridge.requests[1:]] == ["deactivated", "uninstalled"]

    def test_bridge_that_does_not_answer(self, paired: WordPress, bridge: BridgeDouble) -> None:
        bridge.hang()
        deactivate(paired)
        paired.php(UNINSTALL, plugin=PLUGIN)

        assert paired.php(LEFT) == [[], []]

    def test_by_one_process(self, paired: WordPress, bridge: BridgeDouble) -> None:
        """As WP-CLI does: the plugin is loaded while it is uninstalled."""
        paired.php(f"{LOAD} deactivate_plugins( $plugin ); uninstall_plugin( $plugin );", plugin=PLUGIN)

        assert goodbyes(bridge) == [GONE, UNINSTALLED]
        assert paired.php(LEFT) == [[], []]

    def test_answers_no_more(self, paired: WordPress) -> None:
        sync = SyncClient(paired)
        deactivate(paired)
        paired.php(UNINSTALL, plugin=PLUGIN)
        paired.php(f"{LOAD} activate_plugin( $plugin );", plugin=PLUGIN)

        assert sync.post(sync.envelope({"op": "hello"})).status_code == 401
