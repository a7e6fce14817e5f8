"""An older plugin is told of the bridge's version, and installs it only if a release key has signed it."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests import release
from tests.conftest import STUB, STUB_SLUG
from tests.end_to_end.events import Meeting
from tests.end_to_end.pair import Pair
from tests.running import RunningBridge
from web.stub.plugin_zip import archive

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OLDER = "0.1.9"
VERSION = release.plugin_versions(STUB.parent)["header"]
KEY = Ed25519PrivateKey.generate()
# WordPress asks its own server first, which is not there, and goes on with the others if that has answered.
ASKED = """
define( 'ZOOMBRIDGE_RELEASE_KEY', $key );
add_filter( 'pre_http_request', static function ( $answer, $args, $url ) use ( $alter ) {
    if ( $alter && false !== strpos( $url, '/stub/update/package' ) ) { // A bridge that sends what it likes.
        $lines  = array( 'v1-answer', $args['headers']['X-Zoombridge-Signature'], '200', '', hash( 'sha256', 'foreign' ) );
        $signed = zoombridge_sign( zoombridge_get_connection()['key'], $lines );
        return array(
            'response' => array( 'code' => 200 ), 'body' => 'foreign', 'cookies' => array(),
            'headers' => array( 'x-zoombridge-answer' => $signed ),
        );
    }
    if ( false !== strpos( $url, 'api.wordpress.org' ) ) {
        $none = '{"plugins":[],"translations":[],"no_update":[]}';
        return array( 'response' => array( 'code' => 200 ), 'body' => $none, 'headers' => array(), 'cookies' => array() );
    }
    return $answer;
}, 10, 3 );
require_once ABSPATH . 'wp-admin/includes/admin.php';
require_once ABSPATH . 'wp-admin/includes/class-wp-upgrader.php';
require_once ABSPATH . 'wp-admin/includes/class-wp-ajax-upgrader-skin.php';
remove_all_filters( 'pre_site_transient_update_plugins' ); // By which the sites of tests are offline.
wp_set_current_user( 1 );
wp_clean_plugins_cache( true );
wp_update_plugins();
$offers = get_site_transient( 'update_plugins' )->response;
"""
INSTALLED = """
if ( isset( $package ) ) {
    $all = get_site_transient( 'update_plugins' );
    $all->response[ $plugin ] = (object) array( 'package' => $package, 'new_version' => '9.9', 'plugin' => $plugin );
    set_site_transient( 'update_plugins', $all );
}
$skin   = new WP_Ajax_Upgrader_Skin();
$result = ( new Plugin_Upgrader( $skin ) )->bulk_upgrade( array( $plugin ) ); // As the page Plugins does.
$code   = is_wp_error( $skin->result ) ? $skin->result->get_error_code() : $skin->get_errors()->get_error_code();
$done   = is_array( $result[ $plugin ] ?? null ) && is_plugin_active( $plugin );
return array( $done, $code, $skin->get_upgrade_messages() );
"""


class Scene:
    """A paired site with an older plugin."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.plugin = f"{STUB_SLUG}/load.php"

    @property
    def load(self) -> Path:
        return self.pair.site.directory / "wp-content/plugins" / self.plugin

    def make_older(self) -> None:
        self.pair.site.add_plugin(STUB, STUB_SLUG)
        self.load.write_text(self.load.read_text(encoding="utf-8").replace(VERSION, OLDER), encoding="utf-8")

    def offers(self, key: str) -> dict[str, Any]:
        found = self.pair.site.php(ASKED + "return $offers;", key=key, alter=False)
        return dict(found) if found else {}

    def install(self, key: str, *, alter: bool = False, **given: str) -> tuple[Any, str, list[str]]:
        result, code, said = self.pair.site.php(
            ASKED + INSTALLED, key=key, alter=alter, plugin=self.plugin, **given
        )
        return result, code, said

    @property
    def version(self) -> str:
        found = re.search(r"\* Version: +(\S+)", self.load.read_text(encoding="utf-8"))
        assert found
        return found[1]


@pytest.fixture(scope="class")
def scene(kept_pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The bridge has the plugin of this checkout, signed with a key of the test's own."""
    folder = tmp_path_factory.mktemp("updates")
    signed = folder / "release.json"
    signed.write_text(release.signature(archive(), VERSION, KEY), encoding="utf-8")
    with ExitStack() as stack:
        stack.callback(kept_pair.connect_again)
        stack.callback(kept_pair.site.add_plugin, STUB, STUB_SLUG)
        data = folder / "bridge"
        bridge = stack.enter_context(RunningBridge(data, "--plugin-signature", str(signed)))
        yield Scene(Pair(kept_pair.site, data, bridge=bridge))


@pytest.mark.usefixtures("older")
class TestUpdate:
    @pytest.fixture
    def older(self, scene: Scene) -> None:
        """Each begins with the older plugin."""
        scene.make_older()

    def test_is_offered_if_the_release_key_is_known(self, scene: Scene) -> None:
        offer = scene.offers(release.public_key(KEY))[scene.plugin]
        assert (offer["new_version"], offer["tested"], offer["requires_php"]) == (VERSION, "7.1", "7.4")
        assert scene.offers(release.public_key(Ed25519PrivateKey.generate())) == {}
        assert scene.offers("") == {}

    def test_is_refused_if_another_key_has_signed_it(self, scene: Scene) -> None:
        package = f"https://meetings-bridge-for-zoom.invalid/{VERSION}.zip"
        other = release.public_key(Ed25519PrivateKey.generate())
        _, code, said = scene.install(other, package=package)
        assert (code, scene.version) == ("zoombridge_unsigned_update", OLDER)
        assert "not signed by who releases the plugin" in " ".join(said)

    def test_is_refused_if_the_bridge_sends_another_file(self, scene: Scene) -> None:
        _, code, _ = scene.install(release.public_key(KEY), alter=True)
        assert (code, scene.version) == ("zoombridge_foreign_update", OLDER)

    def test_is_installed_and_the_site_stays_paired(self, scene: Scene) -> None:
        key = release.public_key(KEY)
        result, code, said = scene.install(key)
        assert (result, code) == (True, ""), said
        assert scene.version == VERSION
        assert scene.pair.is_connected
        assert scene.offers(key) == {}
        meeting = Meeting("meeting")
        scene.pair.tell(meeting.created())
        assert scene.pair.post(meeting.number)["status"] == "publish"

    def test_an_older_or_the_same_version_is_refused(self, scene: Scene) -> None:
        package = "https://meetings-bridge-for-zoom.invalid/9.9.zip"
        scene.pair.site.add_plugin(STUB, STUB_SLUG)
        _, code, _ = scene.install(release.public_key(KEY), package=package)
        assert code == "zoombridge_no_newer_update"
