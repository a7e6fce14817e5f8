"""The plugin as a plugin: its size, its readme, its strings, and what it leaves behind."""

import re
import subprocess
from pathlib import Path

import pytest
import requests

from tests.plugin_stub.test_field import make
from tests.wordpress import WordPress

FOLDER = Path(__file__).parents[2] / "plugin_stub"
PLUGIN = "zoom-wordpress-bridge/load.php"
FILES = sorted(FOLDER.glob("*.php"))
CODE = {path.name: path.read_text(encoding="utf-8") for path in FILES}


class TestFiles:
    def test_stub_is_tiny(self) -> None:
        """It places what it was given, and decides nothing."""
        assert sum(len(code.splitlines()) for code in CODE.values()) < 600

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
    def test_opened_by_itself_does_nothing(self, site: WordPress, name: str) -> None:
        """Nothing of it says where on the server it stands."""
        response = requests.get(f"{site.url}/wp-content/plugins/zoom-wordpress-bridge/{name}", timeout=30)

        assert "/wp-content/" not in response.text

    @pytest.mark.parametrize("name", CODE)
    def test_everything_is_prefixed(self, name: str) -> None:
        for declared in re.findall(r"^\s*(?:function|const|define\()\s*'?(\w+)", CODE[name], re.MULTILINE):
            assert declared.lower().startswith("zoombridge_")

    def test_text_domain(self) -> None:
        for code in CODE.values():
            for call in re.findall(r"(?:__|esc_html__)\( '(?:[^'\\]|\\.)*'(.*?)\)", code):
                assert call.startswith(", 'zoom-wordpress-bridge'")

    def test_strings_are_in_the_template(self) -> None:
        template = (FOLDER / "languages/zoom-wordpress-bridge.pot").read_text(encoding="utf-8")
        used = {
            text.replace("\\'", "'")
            for code in CODE.values()
            for text in re.findall(r"(?:__|esc_html__)\( '((?:[^'\\]|\\.)*)'", code)
        }
        listed = {text.replace('\\"', '"') for text in re.findall(r'^msgid "(.+)"$', template, re.MULTILINE)}

        header = set(re.findall(r"(?:Plugin Name|Description): +(.*)", CODE["load.php"]))
        assert listed == used | header

    def test_versions_agree(self) -> None:
        readme = (FOLDER / "readme.txt").read_text(encoding="utf-8")
        version = re.search(r"define\( 'ZOOMBRIDGE_VERSION', '(.*)' \)", CODE["load.php"])

        assert version
        assert f"\nStable tag: {version[1]}\n" in readme
        assert f"Version:           {version[1]}\n" in CODE["load.php"]
        assert f"= {version[1]} =" in readme

    def test_licence(self) -> None:
        assert "GNU GENERAL PUBLIC LICENSE" in (FOLDER / "LICENSE").read_text(encoding="utf-8")


class TestLifetime:
    def test_pages_work_from_the_first_request(self, site: WordPress) -> None:
        """Activating makes WordPress write its rewrite rules anew, with the type's."""
        load = "require_once ABSPATH . 'wp-admin/includes/plugin.php';"
        site.php(f"{load} deactivate_plugins( $plugin );", plugin=PLUGIN)
        assert requests.get(f"{site.url}/zoom-meetings/", timeout=30).status_code == 404
        site.php(f"{load} activate_plugin( $plugin );", plugin=PLUGIN)

        assert requests.get(make(site)["link"], timeout=30).status_code == 200
        assert requests.get(f"{site.url}/zoom-meetings/", timeout=30).status_code == 200

    def test_uninstalled(self, paired: WordPress) -> None:
        post = make(paired)["id"]
        left = paired.php(
            """
            define( 'WP_UNINSTALL_PLUGIN', $plugin );
            require WP_PLUGIN_DIR . '/zoom-wordpress-bridge/uninstall.php';
            global $wpdb;
            $options = "SELECT option_name FROM $wpdb->options WHERE option_name LIKE '%zoombridge%'";
            return array(
                'options' => $wpdb->get_col( $options ),
                'metas' => array_keys( get_post_meta( $post ) ),
                'title' => get_the_title( $post ),
            );
            """,
            plugin=PLUGIN,
            post=post,
        )

        assert left["options"] == []
        assert not [key for key in left["metas"] if "zoombridge" in key]
        assert "_meeting_zoom_meeting_id" in left["metas"]
        assert left["title"] == "A meeting"

    def test_not_uninstalled_by_a_visitor(self, paired: WordPress) -> None:
        requests.get(f"{paired.url}/wp-content/plugins/zoom-wordpress-bridge/uninstall.php", timeout=30)

        assert paired.rest("GET", "zoombridge/v1/connection").json()["paired"] is True
