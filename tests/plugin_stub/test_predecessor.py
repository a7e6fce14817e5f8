"""The move from the plugin under its former name, which is installed in another folder: one of the two always answers."""

import json
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from urllib3.util import SKIP_HEADER

from tests.conftest import STUB, STUB_SLUG
from tests.plugin_stub.bridge_double import BridgeDouble
from tests.plugin_stub.conftest import sign_in
from tests.plugin_stub.network import SITES, make_network, unexpected
from tests.plugin_stub.pairing import connect, connection
from tests.plugin_stub.sync import SyncClient
from tests.wordpress import WordPress

# Files that the plugin under its former name did not have, and which do something by themselves.
SINCE_THEN = ("predecessor.php", "goodbye.php")
# What it did not do when it was activated or deactivated.
HOOKS_SINCE_THEN = re.compile(
    r"register_\w+_hook\( __DIR__ \. '/load\.php', 'zoombridge_(?:hand_over|take_back)' \);\n"
)
OLD_SLUG = "zoom-wordpress-bridge"
OLD = f"{OLD_SLUG}/load.php"
NEW = f"{STUB_SLUG}/load.php"
OLD_VERSION, NEW_VERSION = "0.1.0", "0.2.0"
NUMBER = "85393847045"

Rows = dict[str, Any]

# Writes down every list of active plugins that is stored, before any other request can see the next one.
WITNESS = """<?php
$note = static function () {
    $listed = array_merge( get_option( 'active_plugins' ), array_keys( (array) get_site_option( 'active_sitewide_plugins' ) ) );
    file_put_contents( '%s', wp_json_encode( array_values( $listed ) ) . "\\n", FILE_APPEND );
};
add_action( 'update_option_active_plugins', $note );
add_action( 'update_site_option_active_sitewide_plugins', $note );
"""


# Tests may run as root, who can delete any file.
WITHOUT_PERMISSION = """<?php
add_filter( 'wp_delete_file', static function ( $file ) {
    return 'uninstall.php' === basename( $file ) ? '' : $file;
} );
"""
WITHOUT_ANY_PERMISSION = """<?php
add_filter( 'filesystem_method', static function () {
    require_once ABSPATH . 'wp-admin/includes/class-wp-filesystem-base.php';
    require_once ABSPATH . 'wp-admin/includes/class-wp-filesystem-direct.php';
    if ( ! class_exists( 'WP_Filesystem_Keeping' ) ) {
        class WP_Filesystem_Keeping extends WP_Filesystem_Direct {
            public function delete( $file, $recursive = false, $type = false ) {
                return 'uninstall.php' !== basename( $file ) && parent::delete( $file, $recursive, $type );
            }
        }
    }
    return 'Keeping';
} );
add_filter( 'request_filesystem_credentials', '__return_true' );
"""

Protect = Callable[[str], None]


def predecessor(folder: Path) -> Path:
    """Make the plugin under its former name from the files of today, as its last version was."""
    made = folder / OLD_SLUG
    shutil.copytree(STUB, made, ignore=shutil.ignore_patterns(*SINCE_THEN, "setup.php", "languages"))
    for path in made.glob("*.php"):
        code = path.read_text(encoding="utf-8")
        code = code.replace(STUB_SLUG, OLD_SLUG).replace("Meetings Bridge for Zoom", "Zoom WordPress Bridge")
        code = re.sub(r"( Version: +|'ZOOMBRIDGE_VERSION', ')[\d.]+", rf"\g<1>{OLD_VERSION}", code)
        for name in SINCE_THEN:
            code = code.replace(f"require_once __DIR__ . '/{name}';\n", "")
        code = HOOKS_SINCE_THEN.sub("", code)
        code = re.sub(
            r"\n\t*if \( zoombridge_predecessor_\w+\(\) \) \{.*?\n\t*\}\n", "\n", code, flags=re.DOTALL
        )
        # Its functions were in the main file, so that PHP defines them as soon as it has read the file.
        setup = (STUB / "setup.php").read_text(encoding="utf-8").partition("|| exit;\n")[2]
        code = code.replace("require_once __DIR__ . '/setup.php';\n", setup)
        assert "zoombridge_predecessor" not in code
        path.write_text(code, encoding="utf-8")
    load = (made / "load.php").read_text(encoding="utf-8")
    assert "\nfunction zoombridge_load_textdomain()" in load
    assert f"'ZOOMBRIDGE_VERSION', '{OLD_VERSION}'" in load
    return made


def old_folder(site: WordPress) -> Path:
    return site.directory / "wp-content/plugins" / OLD_SLUG


@pytest.fixture
def installed(site: WordPress, tmp_path: Path) -> Iterator[WordPress]:
    """A site on which the predecessor is active, and this plugin installed."""
    site.deactivate_plugin(STUB_SLUG)
    site.add_plugin(predecessor(tmp_path))
    yield site
    shutil.rmtree(old_folder(site), ignore_errors=True)


@pytest.fixture
def old(installed: WordPress, bridge: BridgeDouble) -> WordPress:
    """The same, paired with the double."""
    connect(installed, bridge.url)
    return installed


@pytest.fixture
def sync(old: WordPress) -> SyncClient:
    return SyncClient(old)


@pytest.fixture
def witness(wordpress: WordPress, tmp_path: Path) -> Iterator[Path]:
    """The file to which each stored list of active plugins is appended."""
    notes = tmp_path / "active"
    plugin = wordpress.directory / f"wp-content/mu-plugins/witness-{tmp_path.name}.php"
    plugin.write_text(WITNESS % notes, encoding="utf-8")
    yield notes
    plugin.unlink()


@pytest.fixture
def protect(wordpress: WordPress) -> Iterator[Protect]:
    """Adds code that keeps files from being deleted."""
    files = []

    def add(code: str) -> None:
        # With a name of its own, as PHP keeps compiled files.
        file = wordpress.directory / f"wp-content/mu-plugins/protect-{secrets.token_hex(4)}.php"
        file.write_text(code, encoding="utf-8")
        files.append(file)

    yield add
    for file in files:
        file.unlink()


def lists(notes: Path) -> list[set[str]]:
    """Return which of the two each stored list of active plugins had."""
    return [{OLD, NEW} & set(json.loads(line)) for line in notes.read_text(encoding="utf-8").splitlines()]


def version(sync: SyncClient) -> str:
    """Return the version of the plugin that answers a signed request."""
    answer = sync.send({"op": "hello"})
    assert answer.error is None
    answering: str = answer.result["version"]
    return answering


def is_forwarded(site: WordPress, bridge: BridgeDouble) -> bool:
    """Whether an event reaches the bridge, once."""
    before = len(bridge.requests)
    response = requests.post(f"{site.rest_root}vczapi/v1/meeting", data=b"{\xff", timeout=600)
    return (
        response.status_code == 204 and len(bridge.requests) == before + 1 and bridge.requests[-1].is_signed
    )


def plugins_page(session: requests.Session, site: WordPress, path: str = "wp-admin/plugins.php") -> str:
    response = session.get(f"{site.url}/{path}", timeout=600)
    assert response.status_code == 200, response.text[:500]
    return response.text


def link(page: str, action: str, plugin: str) -> str | None:
    """Return the address behind a link in the list of plugins."""
    name = quote(plugin, safe="")
    pattern = (
        rf'href="(plugins\.php\?action={action}&#?\w+;(?:plugin|checked%5B0%5D|checked\[\])={name}[^"]*)"'
    )
    found = re.search(pattern, page)
    return unescape(found[1]) if found else None


def press(
    session: requests.Session, site: WordPress, action: str, plugin: str, *, admin: str = "wp-admin"
) -> requests.Response:
    """Follow a link of the list of plugins in wp-admin, without the page that it leads to."""
    address = link(plugins_page(session, site, f"{admin}/plugins.php"), action, plugin)
    assert address, f"{plugin} has no link to {action}"
    # Deletion is to be confirmed by a form.
    form = {"verify-delete": "1"} if action == "delete-selected" else {}
    return session.post(f"{site.url}/{admin}/{address}", data=form, allow_redirects=False, timeout=600)


def activate(site: WordPress, *, admin: str = "wp-admin") -> requests.Session:
    """Activate the new plugin in wp-admin; return the session, before any other request."""
    session = sign_in(site)
    response = press(session, site, "activate", NEW, admin=admin)
    assert response.status_code == 302, response.text
    assert "activate=true" in response.headers["Location"]
    return session


def notices(page: str) -> list[str]:
    found = re.findall(r'<div class="notice notice-warning"><p>(.*?)</p></div>', page)
    return [unescape(text) for text in found]


def data(site: WordPress, post: int) -> Rows:
    """Return all that the plugin has stored: its options, and a post with its metas."""
    found: Rows = site.php(
        """
        global $wpdb;
        $options = $wpdb->get_results( "SELECT option_name, option_value FROM $wpdb->options
            WHERE option_name LIKE 'zoombridge%' ORDER BY option_name" );
        return array(
            'options' => array_column( $options, 'option_value', 'option_name' ),
            'post' => get_post( $post ),
            'metas' => get_post_meta( $post ),
        );
        """,
        post=post,
    )
    assert "zoombridge_connection" in found["options"]
    assert {"_zoombridge_seq", "_zoombridge_post", "_meeting_zoom_meeting_id"} <= set(found["metas"])
    return found


def make(sync: SyncClient) -> int:
    result = sync.send(
        sync.write(NUMBER, title="A meeting", status="publish", metas={"set": {"html": "<p>Join</p>"}})
    ).result
    assert result["ok"], result
    post: int = result["post"]
    return post


class TestActivation:
    def test_the_next_request_is_answered_by_the_new_plugin(
        self, old: WordPress, sync: SyncClient, bridge: BridgeDouble
    ) -> None:
        assert (version(sync), is_forwarded(old, bridge)) == (OLD_VERSION, True)
        activate(old)

        assert (version(sync), is_forwarded(old, bridge)) == (NEW_VERSION, True)

    def test_one_of_the_two_is_active_at_any_moment(self, old: WordPress, witness: Path) -> None:
        activate(old)

        assert lists(witness) == [{OLD, NEW}, {NEW}]

    def test_connection_settings_and_pages_stay(self, old: WordPress, sync: SyncClient) -> None:
        post = make(sync)
        before = data(old, post)
        session = activate(old)
        plugins_page(session, old)

        assert data(old, post) == before
        assert requests.get(before["post"]["guid"], timeout=600).status_code == 200
        assert sync.send(sync.write(NUMBER, post, title="Moved")).result["ok"]

    def test_a_silent_activation_is_noticed_by_the_next_request(
        self, old: WordPress, sync: SyncClient, bridge: BridgeDouble, witness: Path
    ) -> None:
        """WordPress activates silently after an update, without a word to the plugins."""
        old.php(
            "require_once ABSPATH . 'wp-admin/includes/plugin.php'; activate_plugin( $new, '', false, true );",
            new=NEW,
        )

        assert is_forwarded(old, bridge)
        assert version(sync) == NEW_VERSION
        assert lists(witness) == [{OLD, NEW}, {NEW}]

    def test_the_request_that_notices_is_answered_by_the_old_plugin(
        self, old: WordPress, sync: SyncClient
    ) -> None:
        old.php("update_option( 'active_plugins', array( $new, $old ) );", new=NEW, old=OLD)

        assert version(sync) == OLD_VERSION
        assert version(sync) == NEW_VERSION

    def test_a_plugin_that_is_only_listed_is_no_predecessor(
        self, old: WordPress, sync: SyncClient, bridge: BridgeDouble
    ) -> None:
        """Who deletes its folder by hand leaves it in the list."""
        shutil.rmtree(old_folder(old))
        old.php("update_option( 'active_plugins', array( $new, $old ) );", new=NEW, old=OLD)

        assert (version(sync), is_forwarded(old, bridge)) == (NEW_VERSION, True)

    def test_after_the_old_plugin_was_deactivated(
        self, old: WordPress, sync: SyncClient, bridge: BridgeDouble
    ) -> None:
        session = sign_in(old)
        assert press(session, old, "deactivate", OLD).status_code == 302
        assert press(session, old, "activate", NEW).status_code == 302

        assert (version(sync), is_forwarded(old, bridge)) == (NEW_VERSION, True)


class TestDeletion:
    @pytest.fixture
    def post(self, sync: SyncClient) -> int:
        return make(sync)

    def test_in_wp_admin_keeps_all_data(
        self, old: WordPress, sync: SyncClient, bridge: BridgeDouble, post: int
    ) -> None:
        before = data(old, post)
        session = activate(old)
        response = press(session, old, "delete-selected", OLD)

        assert response.status_code == 302, response.text
        assert not old_folder(old).exists()
        assert data(old, post) == before
        assert (version(sync), is_forwarded(old, bridge)) == (NEW_VERSION, True)
        assert sync.send(sync.write(NUMBER, post, title="Moved")).result["ok"]
        assert notices(plugins_page(session, old)) == []

    def test_keeps_all_data_where_nobody_has_seen_wp_admin_since(self, old: WordPress, post: int) -> None:
        before = data(old, post)
        old.php("update_option( 'active_plugins', array( $new ) );", new=NEW)
        assert (old_folder(old) / "uninstall.php").exists()
        deleted = old.php(
            """
            require_once ABSPATH . 'wp-admin/includes/plugin.php';
            require_once ABSPATH . 'wp-admin/includes/file.php';
            return delete_plugins( array( $old ) );
            """,
            old=OLD,
        )

        assert deleted is True
        assert not old_folder(old).exists()
        assert data(old, post) == before

    def test_keeps_all_data_where_the_new_plugin_is_inactive_by_then(self, old: WordPress, post: int) -> None:
        """On a network, wp-admin deletes plugins on a page where those of a single site are not loaded."""
        before = data(old, post)
        session = activate(old)
        plugins_page(session, old)
        assert press(session, old, "deactivate", NEW).status_code == 302
        response = press(session, old, "delete-selected", OLD)

        assert response.status_code == 302, response.text
        assert not old_folder(old).exists()
        assert data(old, post) == before

    def test_deletes_the_file_that_deletes_data_with_the_credentials_of_the_administrator(
        self, old: WordPress, protect: Protect, post: int
    ) -> None:
        """As where only FTP may write."""
        protect(WITHOUT_PERMISSION)
        before = data(old, post)
        session = activate(old)
        [notice] = notices(plugins_page(session, old))
        response = press(session, old, "delete-selected", OLD)

        assert "Do not delete “Zoom WordPress Bridge” yet" in notice
        assert response.status_code == 302, response.text
        assert not old_folder(old).exists()
        assert data(old, post) == before

    def test_is_refused_while_the_file_that_deletes_data_cannot_be_deleted(
        self, old: WordPress, protect: Protect, post: int
    ) -> None:
        protect(WITHOUT_PERMISSION)
        protect(WITHOUT_ANY_PERMISSION)
        before = data(old, post)
        session = activate(old)
        response = press(session, old, "delete-selected", OLD)

        assert response.status_code == 500
        [notice] = notices(plugins_page(session, old))
        for text in (unescape(response.text), notice):
            assert "Do not delete “Zoom WordPress Bridge” yet" in text
            assert str(old_folder(old) / "uninstall.php") in text
        assert (old_folder(old) / "load.php").exists()
        assert data(old, post) == before

    def test_is_announced_on_the_page_of_plugins_only(self, old: WordPress) -> None:
        session = activate(old)
        [notice] = notices(plugins_page(session, old))

        assert "You can delete “Zoom WordPress Bridge”." in notice
        assert notices(plugins_page(session, old, "wp-admin/index.php")) == []
        assert not (old_folder(old) / "uninstall.php").exists()
        assert (old_folder(old) / "load.php").exists()

    def test_of_another_plugin_is_not_touched(self, old: WordPress, tmp_path: Path) -> None:
        other = tmp_path / "other"
        other.mkdir()
        (other / "other.php").write_text("<?php\n/* Plugin Name: Another */\n", encoding="utf-8")
        (other / "uninstall.php").write_text("<?php update_option( 'other_ran', 'yes' );", encoding="utf-8")
        old.add_plugin(other)
        session = activate(old)
        press(session, old, "deactivate", "other/other.php")
        press(session, old, "delete-selected", "other/other.php")

        assert old.php("return get_option( 'other_ran' );") == "yes"


class TestReturn:
    def test_wp_admin_does_not_activate_the_old_plugin_beside_the_new_one(
        self, old: WordPress, sync: SyncClient, bridge: BridgeDouble
    ) -> None:
        session = activate(old)
        page = plugins_page(session, old)
        nonce = re.search(r'id="_wpnonce" name="_wpnonce" value="(\w+)"', page)
        assert nonce
        form = {"action": "activate-selected", "checked[]": OLD, "_wpnonce": nonce[1]}
        session.post(f"{old.url}/wp-admin/plugins.php", data=form, timeout=600)

        assert link(page, "activate", OLD) is None
        assert link(page, "deactivate", NEW) is not None
        assert not old.php("return in_array( $old, get_option( 'active_plugins' ), true );", old=OLD)
        assert (version(sync), is_forwarded(old, bridge)) == (NEW_VERSION, True)

    def test_the_old_plugin_works_again_in_place_of_the_new_one(
        self, old: WordPress, sync: SyncClient, bridge: BridgeDouble
    ) -> None:
        post = make(sync)
        session = activate(old)
        assert press(session, old, "deactivate", NEW).status_code == 302
        assert press(session, old, "activate", OLD).status_code == 302

        assert (version(sync), is_forwarded(old, bridge)) == (OLD_VERSION, True)
        assert sync.send(sync.write(NUMBER, post, title="Back")).result["ok"]
        activate(old)
        assert (version(sync), is_forwarded(old, bridge)) == (NEW_VERSION, True)

    def test_deleting_the_new_plugin_keeps_what_the_active_old_one_uses(
        self, old: WordPress, sync: SyncClient
    ) -> None:
        post = make(sync)
        before = data(old, post)
        old.php(
            "require_once ABSPATH . 'wp-admin/includes/plugin.php'; uninstall_plugin( $new );",
            new=NEW,
        )

        assert data(old, post) == before


@pytest.fixture
def network(bridge: BridgeDouble, tmp_path: Path) -> Iterator[WordPress]:
    """A network of two sites, at / and /second/, on which the predecessor is active and paired."""
    with WordPress.start("debian-mariadb") as site:
        make_network(site)
        plugins = site.directory / "wp-content/plugins"
        shutil.copytree(predecessor(tmp_path), plugins / OLD_SLUG)
        shutil.copytree(STUB, plugins / STUB_SLUG)
        yield site
        log = site.php_log()
    assert unexpected(log) == []


IN_NETWORK = "wp-admin/network"


def activate_old(site: WordPress, *, network_wide: bool) -> None:
    """Activate the predecessor for the network, or on each of its sites."""
    site.php(
        """
        require_once ABSPATH . 'wp-admin/includes/plugin.php';
        foreach ( get_sites( array( 'fields' => 'ids' ) ) as $id ) {
            switch_to_blog( $id );
            $activated = activate_plugin( $old, '', $network_wide );
            if ( is_wp_error( $activated ) ) {
                throw new RuntimeException( $activated->get_error_message() );
            }
            delete_option( 'rewrite_rules' );
            restore_current_blog();
        }
        """,
        old=OLD,
        network_wide=network_wide,
    )


def answers(site: WordPress, bridge: BridgeDouble) -> list[str]:
    """Return the version of the plugin that answers on each site, which also forwards an event."""
    versions = []
    for blog, path in enumerate(SITES, 1):
        site.php(
            "update_blog_option( $blog, 'zoombridge_connection', $connection );",
            blog=blog,
            connection=connection(f"{site.url}{path}".rstrip("/"), bridge.url),
        )
        # Without a name of the client's own, which would be forwarded.
        headers = {"User-Agent": SKIP_HEADER}
        url = f"{site.url}{path}wp-json/vczapi/v1/meeting"
        event = requests.post(url, data=path.encode(), headers=headers, timeout=600)
        assert (event.status_code, bridge.requests[-1].body) == (204, path.encode())
        versions.append(bridge.requests[-1].headers["User-Agent"].rpartition("/")[2])
    return versions


class TestNetwork:
    def test_the_network_wide_activation_replaces_a_network_wide_predecessor(
        self, network: WordPress, bridge: BridgeDouble, tmp_path: Path
    ) -> None:
        activate_old(network, network_wide=True)
        assert answers(network, bridge) == [OLD_VERSION, OLD_VERSION]
        notes = tmp_path / "active"
        witness = network.directory / "wp-content/mu-plugins/witness.php"
        witness.write_text(WITNESS % notes, encoding="utf-8")
        activate(network, admin=IN_NETWORK)

        assert lists(notes) == [{OLD, NEW}, {NEW}]
        assert answers(network, bridge) == [NEW_VERSION, NEW_VERSION]

    def test_the_network_wide_activation_replaces_the_predecessor_of_each_site(
        self, network: WordPress, bridge: BridgeDouble
    ) -> None:
        activate_old(network, network_wide=False)
        assert answers(network, bridge) == [OLD_VERSION, OLD_VERSION]
        activate(network, admin=IN_NETWORK)
        # The second site notices by its own first request.
        requests.get(f"{network.url}/second/", timeout=600)

        assert answers(network, bridge) == [NEW_VERSION, NEW_VERSION]

    def test_a_single_site_does_not_take_the_predecessor_from_the_others(
        self, network: WordPress, bridge: BridgeDouble
    ) -> None:
        activate_old(network, network_wide=True)
        session = activate(network)

        assert answers(network, bridge) == [OLD_VERSION, OLD_VERSION]
        [notice] = notices(plugins_page(session, network))
        assert "active in the whole network" in notice
        assert (old_folder(network) / "uninstall.php").exists()

    def test_deletion_in_the_network_keeps_the_data_of_each_site(
        self, network: WordPress, bridge: BridgeDouble
    ) -> None:
        activate_old(network, network_wide=True)
        answers(network, bridge)
        session = activate(network, admin=IN_NETWORK)
        response = press(session, network, "delete-selected", OLD, admin=IN_NETWORK)

        assert response.status_code == 302, response.text
        assert not old_folder(network).exists()
        for path in SITES:
            event = requests.post(f"{network.url}{path}wp-json/vczapi/v1/meeting", data=b"x", timeout=600)
            assert event.status_code == 204
