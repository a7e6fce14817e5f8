"""The plugin's files, readme and translations, its activation and its removal."""

import re
import subprocess
from pathlib import Path

import pytest
import requests
from babel.messages.pofile import read_po

from tests.plugin_stub.bridge_double import BridgeDouble
from tests.plugin_stub.pairing import connect, must_use, stored
from tests.plugin_stub.posts import NUMBER, make
from tests.plugin_stub.sync import SyncClient
from tests.wordpress import PhpError, WordPress
from tests.words import compiled

FOLDER = Path(__file__).parents[2] / "plugin_stub"
PLUGIN = "meetings-bridge-for-zoom/load.php"
FILES = sorted(FOLDER.glob("*.php"))
CODE = {path.name: path.read_text(encoding="utf-8") for path in FILES}
PLACEHOLDER = re.compile(r"%(?:\d\$)?[sd]")
TEXT = re.compile(r"(?:__|esc_html__|esc_html_e)\(\s*'((?:[^'\\]|\\.)*)'(.*?)\s*\)", re.DOTALL)


def texts(code: str) -> set[str]:
    """Return the texts to translate in a PHP file."""
    return {text.replace("\\'", "'") for text, _ in TEXT.findall(code)}


class TestFiles:
    @pytest.mark.parametrize("name", CODE)
    def test_syntax(self, name: str) -> None:
        done = subprocess.run(
            ["php", "-d", "display_errors=stderr", "-l", FOLDER / name],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")

    @pytest.mark.parametrize("name", [name for name in CODE if name not in ("load.php", "uninstall.php")])
    def test_direct_request_shows_no_server_path(self, site: WordPress, name: str) -> None:
        response = requests.get(f"{site.url}/wp-content/plugins/meetings-bridge-for-zoom/{name}", timeout=600)

        assert "/wp-content/" not in response.text

    @pytest.mark.parametrize("name", CODE)
    def test_declared_names_are_prefixed(self, name: str) -> None:
        names = re.findall(r"^\s*(?:function|const|define\()\s*'?(\w+)", CODE[name], re.MULTILINE)

        # A convention of plugins that cache pages, and one of WordPress's importers.
        names = [name for name in names if name not in ("DONOTCACHEPAGE", "WP_IMPORTING")]
        assert [name for name in names if not name.lower().startswith("zoombridge_")] == []

    @pytest.mark.parametrize("name", CODE)
    def test_each_function_documents_its_version(self, name: str) -> None:
        functions = re.findall(r"^function (\w+)", CODE[name], re.MULTILINE)
        documented = re.findall(r"@since \d+\.\d+\.\d+\n(?: \*.*\n)* \*/\nfunction (\w+)", CODE[name])

        assert documented == functions

    def test_licence(self) -> None:
        assert "GNU GENERAL PUBLIC LICENSE" in (FOLDER / "LICENSE").read_text(encoding="utf-8")

    def test_versions_agree(self) -> None:
        readme = (FOLDER / "readme.txt").read_text(encoding="utf-8")
        version = re.search(r"define\( 'ZOOMBRIDGE_VERSION', '(.*)' \)", CODE["load.php"])

        assert version
        assert f"\nStable tag: {version[1]}\n" in readme
        assert f"Version:           {version[1]}\n" in CODE["load.php"]
        assert f"= {version[1]} =" in readme


class TestTranslations:
    def test_text_domain(self) -> None:
        for code in CODE.values():
            for _, arguments in TEXT.findall(code):
                assert re.fullmatch(r",\s*'meetings-bridge-for-zoom'", arguments)

    def test_template_lists_each_text_and_its_files(self) -> None:
        template = (FOLDER / "languages/meetings-bridge-for-zoom.pot").read_text(encoding="utf-8")
        listed = {
            text.replace('\\"', '"'): files
            for files, text in re.findall(r'^#: (.+)\n(?:#, .+\n)?msgid "(.+)"$', template, re.MULTILINE)
        }
        used = dict.fromkeys(re.findall(r"(?:Plugin Name|Description): +(.*)", CODE["load.php"]), "load.php")
        for text in set().union(*map(texts, CODE.values())):
            used[text] = " ".join(name for name, code in CODE.items() if text in texts(code))

        assert listed == used


class TestGerman:
    @staticmethod
    def catalog(name: str) -> dict[str, str]:
        with (FOLDER / "languages" / name).open("rb") as file:
            return {str(message.id): str(message.string) for message in read_po(file) if message.id}

    def test_every_text_is_translated_with_its_placeholders(self) -> None:
        german = self.catalog("meetings-bridge-for-zoom-de_DE.po")

        assert set(german) == set(self.catalog("meetings-bridge-for-zoom.pot"))
        for english, text in german.items():
            assert text
            assert sorted(PLACEHOLDER.findall(text)) == sorted(PLACEHOLDER.findall(english))

    def test_is_compiled(self) -> None:
        """`make words` does so."""
        source = FOLDER / "languages/meetings-bridge-for-zoom-de_DE.po"

        assert source.with_suffix(".mo").read_bytes() == compiled(source)

    @pytest.mark.parametrize("locale", ["de_DE", "de_DE_formal", "de_AT"])
    def test_is_shown(self, site: WordPress, locale: str) -> None:
        with must_use(site, f"add_filter( 'locale', static function () {{ return '{locale}'; }} );"):
            endpoint = requests.get(f"{site.rest_root}vczapi/v1/meeting", timeout=600)

        assert endpoint.json()["message"].startswith("Dieser Endpunkt funktioniert.")


FORWARDING = """<?php
/* Plugin Name: The forwarding part */
define( 'ZOOMBRIDGE_VERSION', '0.2.0' );
require WP_PLUGIN_DIR . '/meetings-bridge-for-zoom/home.php';
require WP_PLUGIN_DIR . '/meetings-bridge-for-zoom/bridge-client.php';
require WP_PLUGIN_DIR . '/meetings-bridge-for-zoom/forward.php';
"""


class TestForwardingAlone:
    def test_events_are_forwarded_without_the_other_files(
        self, site: WordPress, bridge: BridgeDouble, tmp_path: Path
    ) -> None:
        connect(site, bridge.url)
        (tmp_path / "forwarding").mkdir()
        (tmp_path / "forwarding/forwarding.php").write_text(FORWARDING, encoding="utf-8")
        site.php(
            "require_once ABSPATH . 'wp-admin/includes/plugin.php'; deactivate_plugins( $plugin, true );",
            plugin=PLUGIN,
        )
        site.add_plugin(tmp_path / "forwarding")

        assert site.rest("GET", "zoombridge/v1/calendar.ics").status_code == 404
        assert (
            requests.post(f"{site.rest_root}vczapi/v1/meeting", data=b"{\xff", timeout=600).status_code == 204
        )
        [request] = bridge.requests
        assert request.body == b"{\xff"
        assert request.is_signed


class TestActivation:
    def test_pages_are_reachable_at_once(self, site: WordPress) -> None:
        """Activation makes WordPress generate its rewrite rules, with those of the post type."""
        load = "require_once ABSPATH . 'wp-admin/includes/plugin.php';"
        site.php(f"{load} deactivate_plugins( $plugin );", plugin=PLUGIN)
        assert requests.get(f"{site.url}/zoom-meetings/", timeout=600).status_code == 404
        site.php(f"{load} activate_plugin( $plugin );", plugin=PLUGIN)

        assert requests.get(make(site)["link"], timeout=600).status_code == 200
        assert requests.get(f"{site.url}/zoom-meetings/", timeout=600).status_code == 200


class TestUninstall:
    def test_removes_connection_and_own_metas(self, paired: WordPress) -> None:
        post = make(paired)["id"]
        sync = SyncClient(paired)
        assert (
            sync.send(sync.write("1", title="x"), sync.write(NUMBER, post, title="A meeting")).codes
            == ["ok"] * 2
        )
        left = paired.php(
            """
            update_option( 'zoombridge_editor', 'classic' );
            define( 'WP_UNINSTALL_PLUGIN', $plugin );
            require WP_PLUGIN_DIR . '/meetings-bridge-for-zoom/uninstall.php';
            global $wpdb;
            $options = "SELECT option_name FROM $wpdb->options WHERE option_name LIKE '%zoombridge%'";
            return array(
                'options' => $wpdb->get_col( $options ),
                'cached' => get_option( 'zoombridge_editor' ),
                'metas' => array_keys( get_post_meta( $post ) ),
                'title' => get_the_title( $post ),
            );
            """,
            plugin=PLUGIN,
            post=post,
        )

        assert (left["options"], left["cached"]) == ([], False)
        assert not [key for key in left["metas"] if "zoombridge" in key]
        assert "_meeting_zoom_meeting_id" in left["metas"]
        assert left["title"] == "A meeting"

    def test_direct_request_removes_nothing(self, paired: WordPress) -> None:
        requests.get(f"{paired.url}/wp-content/plugins/meetings-bridge-for-zoom/uninstall.php", timeout=600)

        assert stored(paired) is not None

    def test_only_wordpress_uninstalls(self, paired: WordPress) -> None:
        with pytest.raises(PhpError, match="ended without returning"):
            paired.php("require WP_PLUGIN_DIR . '/meetings-bridge-for-zoom/uninstall.php';")

        assert stored(paired) is not None
