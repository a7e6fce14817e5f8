"""The real WordPress is real: its REST API, its pages, its log, and its way back to the start."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.wordpress import PhpError, WordPress

PLUGIN = """<?php
/**
 * Plugin Name: For a test
 */
add_filter( 'the_content', static fn ( $content ) => $content . '<p>said by the plugin</p>' );
add_action(
	'init',
	static function () {
		register_post_type( 'parcel', array( 'public' => true, 'rewrite' => array( 'slug' => 'parcels' ) ) );
	}
);
"""


def titles(site: WordPress) -> list[str]:
    return [post["title"]["rendered"] for post in site.rest("GET", "wp/v2/posts").json()]


def post(site: WordPress, **fields: str) -> dict[str, object]:
    response = site.rest("POST", "wp/v2/posts", json={"status": "publish", **fields})
    assert response.status_code == 201, response.text
    made: dict[str, object] = response.json()
    return made


def plugin(site: WordPress, code: str, slug: str = "for-a-test") -> Path:
    folder = site.directory.parent / slug
    folder.mkdir(exist_ok=True)
    (folder / "main.php").write_text(f"<?php\n/* Plugin Name: For a test */\n{code}\n", encoding="utf-8")
    return folder


class TestRest:
    def test_post_is_made_trashed_restored_and_deleted(self, site: WordPress) -> None:
        path = f"wp/v2/posts/{post(site, title='Weekly meeting')['id']}"

        assert site.rest("DELETE", path).json()["status"] == "trash"
        assert site.rest("POST", path, json={"status": "publish"}).json()["status"] == "publish"
        assert site.rest("DELETE", path, params={"force": "true"}).json()["deleted"] is True
        assert site.rest("GET", path).status_code == 404

    def test_wrong_password_is_refused(self, site: WordPress) -> None:
        response = site.rest("POST", "wp/v2/posts", auth=(site.user, "wrong"), json={"title": "No"})

        assert response.status_code == 401

    def test_nobody_is_refused(self, site: WordPress) -> None:
        assert requests.post(f"{site.rest_root}wp/v2/posts", timeout=600).status_code == 401

    def test_long_authorization_reaches_php(self, site: WordPress) -> None:
        site.add_plugin(
            plugin(
                site,
                "add_action( 'init', function () {"
                " if ( isset( $_GET['authorization'] ) ) { die( $_SERVER['HTTP_AUTHORIZATION'] ); } } );",
            )
        )

        sent = "Bearer " + 4000 * "x"
        response = requests.get(
            site.url, params={"authorization": "1"}, headers={"Authorization": sent}, timeout=600
        )

        assert response.text == sent

    def test_rest_root_is_the_one_that_wordpress_gives(self, site: WordPress) -> None:
        assert site.php("return rest_url();") == site.rest_root


class TestPages:
    def test_visitor_sees_title_and_content(self, site: WordPress) -> None:
        link = post(site, title="Weekly meeting", content="<p>We meet at noon.</p>")["link"]

        page = requests.get(str(link), timeout=600)

        assert page.status_code == 200
        assert "Weekly meeting</h1>" in page.text
        assert "<p>We meet at noon.</p>" in page.text

    @pytest.mark.parametrize(
        "path",
        ["/wp-includes/css/buttons.css", "/wp-admin/css/common.css", "/wp-includes/js/underscore.min.js"],
    )
    def test_static_files_are_there(self, site: WordPress, path: str) -> None:
        response = requests.get(site.url + path, timeout=600)

        assert response.status_code == 200
        assert len(response.content) > 1000

    def test_page_that_is_not_there_is_wordpresss_own_404(self, site: WordPress) -> None:
        response = requests.get(f"{site.url}/nothing-here/", timeout=600)

        assert response.status_code == 404
        assert "<body" in response.text

    def test_admin_without_slash_is_redirected(self, site: WordPress) -> None:
        response = requests.get(f"{site.url}/wp-admin?x=1", allow_redirects=False, timeout=600)

        assert response.status_code == 301
        assert response.headers["Location"] == "/wp-admin/?x=1"


class TestLog:
    def test_ordinary_use_leaves_no_notice(self, site: WordPress) -> None:
        requests.get(str(post(site, title="Weekly meeting")["link"]), timeout=600)
        requests.get(f"{site.url}/wp-login.php", timeout=600)

        assert site.php_log() == ""

    def test_notice_is_seen(self, site: WordPress) -> None:
        site.php("return $nowhere;")

        assert "Undefined variable $nowhere" in site.php_log()

    def test_notice_of_the_server_is_seen(self, site: WordPress) -> None:
        site.add_plugin(plugin(site, "add_action( 'init', function () { $x = $nowhere; } );"))
        site.log_path.write_bytes(b"")

        requests.get(site.url, timeout=600)

        assert "Undefined variable $nowhere" in site.php_log()


class TestPhp:
    @pytest.fixture(params=["php", "command_line"])
    def run(self, request: pytest.FixtureRequest, site: WordPress) -> Callable[..., Any]:
        """Both ways to run code."""
        way: Callable[..., Any] = getattr(site, request.param)
        return way

    def test_value_comes_back(self, run: Callable[..., Any], site: WordPress) -> None:
        assert run("return array( 'home' => home_url(), 'two' => 2, 'none' => null );") == {
            "home": site.url,
            "two": 2,
            "none": None,
        }

    def test_arguments_are_variables(self, run: Callable[..., Any]) -> None:
        assert run("return $text . count( $list );", text="it's ", list=[1, 2]) == "it's 2"

    def test_what_is_printed_is_not_the_value(self, run: Callable[..., Any]) -> None:
        assert run("echo 'noise'; return 1;") == 1

    def test_exception_is_raised(self, run: Callable[..., Any]) -> None:
        with pytest.raises(PhpError, match="out of order"):
            run("throw new RuntimeException( 'out of order' );")

    def test_syntax_error_is_raised(self, run: Callable[..., Any]) -> None:
        with pytest.raises(PhpError, match="ParseError"):
            run("return (;")

    def test_early_end_is_raised_with_what_was_printed(self, run: Callable[..., Any]) -> None:
        with pytest.raises(PhpError, match=r"ended without returning(.|\n)*last words"):
            run("echo 'last words'; exit( 3 );")

    def test_fatal_error_is_raised_with_what_was_logged(self, run: Callable[..., Any]) -> None:
        with pytest.raises(PhpError, match=r"ended without returning(.|\n)*Allowed memory size"):
            run("ini_set( 'memory_limit', '64M' ); return str_repeat( 'x', 100 << 20 );")

    def test_notice_is_logged(self, run: Callable[..., Any], site: WordPress) -> None:
        run("return $nowhere;")

        assert "Undefined variable $nowhere" in site.php_log()

    def test_nothing_is_left_for_the_next(self, run: Callable[..., Any]) -> None:
        for _ in range(9):  # more than the server has processes
            assert (
                run(
                    """
                global $counted;
                define( 'ONLY_ONCE', 1 );
                function only_once() {}
                set_error_handler( static fn () => true );
                ini_set( 'precision', '3' );
                return $counted = ( $counted ?? 0 ) + 1;
                """
                )
                == 1
            )

    def test_both_ways_find_the_same(self, site: WordPress) -> None:
        code = """
            unset( $_SERVER['REQUEST_TIME'], $_SERVER['REQUEST_TIME_FLOAT'] );
            $settings = array_map(
                'ini_get',
                array( 'display_errors', 'error_log', 'html_errors', 'log_errors', 'max_execution_time', 'memory_limit' ),
            );
            $globals = array_keys( $GLOBALS );
            sort( $globals );
            $files = array_values( array_filter( get_included_files(), fn ( $one ) => 0 === strpos( $one, ABSPATH ) ) );
            return array(
                $_SERVER, $_GET, $_POST, $_COOKIE, $_REQUEST, $_FILES, file_get_contents( 'php://input' ), $settings,
                ob_get_level(), getcwd(), umask(), error_reporting(), is_admin(), get_current_user_id(), $globals, $files,
            );
            """

        assert site.php(code) == site.command_line(code)

    def test_strangers_cannot_run_code(self, site: WordPress) -> None:
        for path in ("", "0", "/", "0" * 32):
            headers = {"X-Request-File": "/nonexistent"}
            answer = requests.post(f"{site.url}/{path}", headers=headers, timeout=600)
            assert "</html>" in answer.text, "WordPress has answered"

        assert site.php_log() == ""

    def test_server_that_is_gone_is_told(self, site: WordPress, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(site, "url", "http://127.0.0.1:1")

        with pytest.raises(PhpError, match=r"ended without returning(.|\n)*did not answer"):
            site.php("return 1;")

    def test_no_mail_leaves(self, site: WordPress) -> None:
        assert site.php("return wp_mail( 'someone@example.com', 'Subject', 'Text' );") is True

    def test_nothing_is_asked_of_other_machines(self, site: WordPress) -> None:
        code = "$answer = wp_remote_get( 'https://wordpress.org/' ); return $answer->get_error_code();"

        assert site.php(code) == "http_request_not_executed"


class TestReset:
    def test_content_and_numbering_start_again(self, site: WordPress) -> None:
        before = titles(site)
        first = post(site, title="Weekly meeting")["id"]
        assert titles(site) != before

        site.reset()

        assert titles(site) == before
        assert post(site, title="Another")["id"] == first

    def test_options_and_users_start_again(self, site: WordPress) -> None:
        site.php("update_option( 'blogname', 'Renamed' ); wp_create_user( 'anna', 'secret' );")

        site.reset()

        assert site.php("return array( get_option( 'blogname' ), username_exists( 'anna' ) );") == [
            "A WordPress for tests",
            False,
        ]

    def test_tables_made_and_dropped(self, site: WordPress) -> None:
        tables = "global $wpdb; return $wpdb->get_col( 'SHOW TABLES' );"
        before = site.php(tables)
        site.php("global $wpdb; $wpdb->query( 'CREATE TABLE wp_extra ( id BIGINT )' );")
        site.php("global $wpdb; $wpdb->query( 'DROP TABLE wp_links' );")
        assert site.php(tables) != before

        site.reset()

        assert site.php(tables) == before

    def test_log_is_empty(self, site: WordPress) -> None:
        site.php("return $nowhere;")

        site.reset()

        assert site.php_log() == ""


class TestPlugins:
    def test_plugin_works_until_deactivated(self, site: WordPress, tmp_path: Path) -> None:
        (tmp_path / "main.php").write_text(PLUGIN, encoding="utf-8")
        link = str(post(site, title="Weekly meeting", content="Noon.")["link"])

        assert site.add_plugin(tmp_path, "for-a-test") == "for-a-test/main.php"
        assert "said by the plugin" in requests.get(link, timeout=600).text

        site.deactivate_plugin("for-a-test")
        assert "said by the plugin" not in requests.get(link, timeout=600).text

    def test_its_post_types_have_pretty_addresses(self, site: WordPress, tmp_path: Path) -> None:
        (tmp_path / "main.php").write_text(PLUGIN, encoding="utf-8")
        site.add_plugin(tmp_path, "for-a-test")

        link = site.php(
            "return get_permalink( wp_insert_post( array( 'post_type' => 'parcel',"
            "'post_title' => 'Blue', 'post_status' => 'publish' ) ) );"
        )

        assert link == f"{site.url}/parcels/blue/"
        assert requests.get(link, timeout=600).status_code == 200

    def test_folder_without_a_plugin_is_refused(self, site: WordPress, tmp_path: Path) -> None:
        with pytest.raises(PhpError, match="No file in the folder nothing has a plugin's header"):
            site.add_plugin(tmp_path, "nothing")
