"""The loader: installed on request, it forwards events before plugins load, and goes with the plugin."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.conftest import STUB_SLUG
from tests.plugin_stub.bridge_double import BridgeDouble, BridgeResponse, as_json, html
from tests.plugin_stub.conftest import sign_in
from tests.plugin_stub.pairing import Admin
from tests.plugin_stub.test_forward import BODIES, ZOOM, send
from tests.wordpress import WordPress

PLUGIN = f"{STUB_SLUG}/load.php"
LOAD = "require_once ABSPATH . 'wp-admin/includes/plugin.php';"
# Another plugin, which leaves a line in a file whenever it is loaded.
WITNESS = "<?php\n/* Plugin Name: A witness */\nfile_put_contents( WP_CONTENT_DIR . '/witness', 'x', FILE_APPEND );\n"


@pytest.fixture
def admin(paired: WordPress, bridge: BridgeDouble) -> Admin:
    bridge.respond = lambda _: html("<p>The page.</p>")
    return Admin(paired, sign_in(paired))


@pytest.fixture
def file(paired: WordPress) -> Iterator[Path]:
    path = paired.directory / "wp-content/mu-plugins/meetings-bridge-for-zoom-loader.php"
    yield path
    path.unlink(missing_ok=True)


@pytest.fixture
def witness(paired: WordPress) -> Iterator[Path]:
    """The file that grows whenever WordPress loads its plugins."""
    content = paired.directory / "wp-content"
    (content / "plugins/witness.php").write_text(WITNESS)
    paired.php(f"{LOAD} activate_plugin( 'witness.php' );")
    (content / "witness").unlink(missing_ok=True)
    yield content / "witness"
    (content / "plugins/witness.php").unlink()
    (content / "witness").unlink(missing_ok=True)


@contextmanager
def configured(site: WordPress, code: str) -> Iterator[None]:
    """Have WordPress run a line of its configuration before all others."""
    config = site.directory / "wp-config.php"
    before = config.read_text(encoding="utf-8")
    config.write_text(before.replace("<?php\n", f"<?php\n{code}\n", 1), encoding="utf-8")
    try:
        yield
    finally:
        config.write_text(before, encoding="utf-8")


def write(site: WordPress) -> None:
    assert site.php("return zoombridge_write_loader();")


class TestLoader:
    def test_from_its_button_to_its_removal(
        self, paired: WordPress, bridge: BridgeDouble, admin: Admin, file: Path, witness: Path
    ) -> None:
        [notice] = admin.press_on_page("install_loader")
        assert notice.text == "The loader is installed."
        assert file.is_file()
        assert (
            "The loader is active"
            in admin.get("edit.php?post_type=zoom-meetings&page=zoombridge-settings").text
        )
        assert "The loader is active" in paired.php("return zoombridge_test_health()['description'];")

        # Byte for byte and with the same headers, without any other plugin.
        bridge.respond = lambda _: BridgeResponse()
        bridge.requests.clear()
        witness.unlink(missing_ok=True)
        odd = {"x-zm-anything-new": "back\\slash \"quote\" 'x'"}
        for name in ("all bytes", "malformed", "emoji as escapes"):
            assert send(paired, BODIES[name], headers=odd).status_code == 204
        early = bridge.requests[:]
        assert not witness.exists()
        assert [one.body for one in early] == [
            BODIES[name] for name in ("all bytes", "malformed", "emoji as escapes")
        ]
        assert all(one.is_signed for one in early)
        file.rename(file.with_suffix(".away"))
        assert send(paired, BODIES["malformed"], headers=odd).status_code == 204
        file.with_suffix(".away").rename(file)
        assert witness.exists()
        ordinary = bridge.requests[-1]
        varying = {"x-zoombridge-timestamp", "x-zoombridge-signature", "x-zoombridge-context"}
        assert [(name, value) for name, value in early[1].headers.items() if name.lower() not in varying] == [
            (name, value) for name, value in ordinary.headers.items() if name.lower() not in varying
        ]
        assert early[1].context.keys() == ordinary.context.keys()

        # With the plugin it goes, and comes back.
        paired.php(f"{LOAD} deactivate_plugins( $plugin );", plugin=PLUGIN)
        assert not file.exists()
        paired.php(f"{LOAD} activate_plugin( $plugin );", plugin=PLUGIN)
        assert file.exists()
        bridge.respond = lambda _: html("<p>The page.</p>")
        [notice] = admin.press_on_page("remove_loader")
        assert "is removed" in notice.text
        assert not file.exists()

    def test_does_nothing_for_all_else(
        self, paired: WordPress, bridge: BridgeDouble, file: Path, witness: Path
    ) -> None:
        write(paired)
        root = paired.rest_root
        bridge.requests.clear()
        for path in ("vczapi/v1/other", "vczapi/v1/", "wp/v2/posts?x=vczapi/v1/meeting"):
            witness.unlink(missing_ok=True)
            assert requests.post(f"{root}{path}", b"{}", headers=ZOOM, timeout=600).status_code in (401, 404)
            assert witness.exists()
        assert requests.get(f"{root}vczapi/v1/meeting", timeout=600).status_code == 405
        assert bridge.requests == []
        # The forms of the address that WordPress knows.
        witness.unlink()
        for address in (
            "/?rest_route=/vczapi/v1/meeting",
            "/index.php/wp-json/vczapi/v1/webinar",
            "/wp-json/vczapi/v1/recording/",
        ):
            assert (
                requests.post(f"{paired.url}{address}", b"{}", headers=ZOOM, timeout=600).status_code == 204
            )
        assert [one.target for one in bridge.requests] == [
            f"/wp-json/vczapi/v1/{name}" for name in ("meeting", "webinar", "recording")
        ]
        assert not witness.exists()

    def test_does_nothing_without_the_plugin(
        self, paired: WordPress, bridge: BridgeDouble, file: Path
    ) -> None:
        write(paired)
        paired.php("update_option( 'active_plugins', array() );")
        bridge.requests.clear()
        assert send(paired).status_code == 404
        folder = paired.directory / "wp-content/plugins" / STUB_SLUG
        shutil.move(folder, folder.with_suffix(".away"))
        try:
            assert send(paired).status_code == 404
        finally:
            shutil.move(folder.with_suffix(".away"), folder)
        assert bridge.requests == []

    def test_bridge_that_is_down_has_zoom_send_again(
        self, paired: WordPress, bridge: BridgeDouble, file: Path
    ) -> None:
        write(paired)
        paired.php(
            "update_option( 'zoombridge_connection', array( 'bridge' => 'http://127.0.0.1:1' ) + get_option( 'zoombridge_connection' ) );"
        )
        answer = send(paired)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "300")
        assert "127.0.0.1" not in answer.text

    def test_says_why_it_cannot_be_installed(self, paired: WordPress, admin: Admin, file: Path) -> None:
        with configured(paired, "define( 'DISALLOW_FILE_MODS', true );"):
            page = admin.get("edit.php?post_type=zoom-meetings&page=zoombridge-settings").text
            with pytest.raises(ValueError, match="substring not found"):
                admin.press_on_page("install_loader")
        assert "It cannot be installed here. This site forbids changes of files (DISALLOW_FILE_MODS)." in page
        assert not file.exists()
        # A folder that not even root can write to.
        with configured(paired, "define( 'WPMU_PLUGIN_DIR', '/proc/no-folder-here' );"):
            reason = paired.php(
                "wp_set_current_user( 1 ); zoombridge_change_loader( true ); return zoombridge_pairing_state()['flash'];"
            )["detail"]
        expected = "The web server cannot write to the folder /proc/no-folder-here."
        assert reason == f"The loader could not be changed. {expected}"

    def test_one_that_is_wanted_and_does_not_work_is_told_everywhere(
        self, paired: WordPress, bridge: BridgeDouble, admin: Admin, file: Path
    ) -> None:
        page_or_version = {"/stub/hello": as_json({"version": "0.2.0"})}
        bridge.respond = lambda request: page_or_version.get(request.target, html("<p>The page.</p>"))
        admin.press_on_page("install_loader")
        states = []
        for code in (None, "<?php // ZOOMBRIDGE_LOADER\n", ""):
            if code is not None:
                file.write_text(code)
            if code == "":
                file.unlink()
            page = admin.get("edit.php?post_type=zoom-meetings&page=zoombridge-settings").text
            found = paired.php("return zoombridge_test_health();")
            states.append((paired.php("return zoombridge_loader_state();"), found["status"]))
            assert paired.php("return esc_html( zoombridge_loader_status() );") in page
            assert paired.php("return esc_html( zoombridge_loader_status() );") in found["description"]
            assert ('value="install_loader"' in page) is (code is not None)
            assert 'value="remove_loader"' in page
        assert states == [("active", "good"), ("outdated", "recommended"), ("missing", "recommended")]
        admin.press_on_page("install_loader")
        assert paired.php("return zoombridge_loader_state();") == "active"

    def test_leaves_the_file_of_somebody_else(self, paired: WordPress, admin: Admin, file: Path) -> None:
        file.write_text("<?php // Ours.\n")
        page = admin.get("edit.php?post_type=zoom-meetings&page=zoombridge-settings").text
        assert "is not from this plugin" in page
        paired.php(f"{LOAD} deactivate_plugins( $plugin );", plugin=PLUGIN)
        assert file.read_text() == "<?php // Ours.\n"

    def test_nobody_else_installs_it(self, paired: WordPress, admin: Admin, file: Path) -> None:
        form = {"action": "zoombridge", "zoombridge_do": "install_loader", "_zoombridge_nonce": "x"}
        for session in (admin.session, requests.Session()):
            session.post(f"{paired.url}/wp-admin/admin-post.php", data=form, timeout=600)
        assert not file.exists()
