"""The sync protocol as the plugin answers it: docs/sync.md, on real WordPresses, with other plugins in the way.

The tests share one site: each uses meeting numbers of its own.
"""

import gzip
import itertools
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from html import unescape
from typing import Any

import pytest
import requests

from core.model.meeting import Meeting
from core.render import labels, text
from core.wordpress.signing import verify_request
from tests.plugin_stub.bridge_double import KEY, SITE, BridgeDouble, BridgeResponse, as_json
from tests.plugin_stub.conftest import VCZAPI, password_of, sign_in
from tests.plugin_stub.pairing import connect
from tests.plugin_stub.sync import MARK, REFUSED, SyncClient, envelope, verify
from tests.sync_docs import DOCS, example
from tests.wordpress import WordPress

OTHER_KEY = "fedcba9876543210" * 4
HELLO = {"op": "hello"}
NUMBERS = itertools.count(85393847045)

Neighbour = Callable[[str], str]


@pytest.fixture(scope="module")
def sync(wordpress: WordPress) -> SyncClient:
    """A paired site that the tests of this module share."""
    wordpress.reset()
    connect(wordpress, "https://bridge.example.org")
    return SyncClient(wordpress)


@pytest.fixture
def number() -> str:
    return str(next(NUMBERS))


@pytest.fixture
def neighbour(wordpress: WordPress) -> Iterator[Neighbour]:
    """Adds a plugin that runs on every request, and returns the name of its file below wp-content."""
    folder = wordpress.directory / "wp-content/mu-plugins"
    files = []

    def add(code: str) -> str:
        # With a name of its own, as PHP keeps compiled files.
        file = folder / f"neighbour-{secrets.token_hex(4)}.php"
        file.write_text(code if "<?php" in code else f"<?php {code}", encoding="utf-8")
        files.append(file)
        return f"mu-plugins/{file.name}"

    yield add
    for file in files:
        file.unlink()


def forget_log(site: WordPress) -> None:
    """Empty the log of PHP after a test that makes it complain."""
    site.log_path.write_bytes(b"")


def make(sync: SyncClient, number: str, **given: Any) -> int:
    result = sync.send(sync.write(number, **{"title": "A meeting", "status": "publish"} | given)).result
    assert result["ok"], result
    post: int = result["post"]
    return post


def raw(sync: SyncClient, post: int) -> tuple[dict[str, str], dict[str, str]]:
    """Return a post's row and its metas as the database holds them."""
    row, metas = sync.site.php(
        """
        global $wpdb;
        return array(
            $wpdb->get_row( "SELECT * FROM $wpdb->posts WHERE ID = " . (int) $post, ARRAY_A ),
            $wpdb->get_results( "SELECT meta_key, meta_value FROM $wpdb->postmeta WHERE post_id = " . (int) $post ),
        );
        """,
        post=post,
    )
    return row, {meta["meta_key"]: meta["meta_value"] for meta in metas}


def state(sync: SyncClient, post: int) -> dict[str, Any]:
    result = sync.send({"op": "read", "post": post}).result
    found: dict[str, Any] = result["state"]
    return found


def posts_of(sync: SyncClient, *numbers: str) -> list[int]:
    """Return how many posts each number has."""
    found = sync.send({"op": "find", "numbers": list(numbers)}).result["posts"]
    return [len(found[number]) for number in numbers]


def rows_written(sync: SyncClient) -> dict[str, Any]:
    """Return what an outsider must not change: all options, and how many posts, metas and users there are."""
    rows: dict[str, Any] = sync.site.php(
        """
        global $wpdb;
        $counts = array();
        foreach ( array( 'posts', 'postmeta', 'users', 'usermeta' ) as $table ) {
            $counts[ $table ] = $wpdb->get_var( 'SELECT COUNT(*) FROM ' . $wpdb->$table );
        }
        $options = $wpdb->get_results( "SELECT option_name, option_value FROM $wpdb->options
            WHERE option_name NOT LIKE '%transient%'" );
        return $counts + array( 'options' => array_column( $options, 'option_value', 'option_name' ) );
        """
    )
    return rows


class TestWaysIn:
    def test_hello(self, sync: SyncClient) -> None:
        answer = sync.send(HELLO)

        assert answer.error is None
        assert answer.result == {
            "i": 0,
            "ok": True,
            "version": "0.2.0",
            "home": sync.site.url,
            "name": "A WordPress for tests",
            "place": sync.site.php("return hash( 'sha256', ABSPATH . \"\\n\" . DB_NAME );"),
            "type": "stub",
            "page": f"{sync.site.url}/wp-admin/edit.php?post_type=zoom-meetings&page=zoombridge-settings",
            "endpoints": {
                name: f"{sync.site.rest_root}vczapi/v1/{name}" for name in ("meeting", "webinar", "recording")
            },
            "nonces": True,
            "charset": "utf8mb4",
            "trash": True,
            "rest": sync.site.rest_root,
            "vczapi_pro": None,
            "others": [],
            "loader": {"state": "none", "writable": True},
        }
        assert abs(answer.time - time.time()) < 60
        assert answer.inner["protocols"] == [2, 2]
        assert answer.inner["can"] == {"trash": True}
        assert answer.inner["changed"] == []
        assert answer.response.status_code == 200
        assert answer.response.headers["Cache-Control"] == "no-store"

    @pytest.mark.parametrize(
        "path", ["/?zoombridge_sync=1", "/?rest_route=/zoombridge/v1/sync", "/wp-json/zoombridge/v1/sync/"]
    )
    def test_each_address(self, sync: SyncClient, path: str) -> None:
        assert SyncClient(sync.site, path=path).send(HELLO).error is None

    def test_raw_encoding(self, sync: SyncClient) -> None:
        assert sync.send(HELLO, enc="raw").error is None

    def test_plain_permalinks(self, sync: SyncClient) -> None:
        choose = "update_option( 'permalink_structure', $structure ); delete_option( 'rewrite_rules' );"
        sync.site.php(choose, structure="")
        try:
            for path in ("/?zoombridge_sync=1", "/?rest_route=/zoombridge/v1/sync"):
                assert SyncClient(sync.site, path=path).send(HELLO).error is None
        finally:
            sync.site.php(choose, structure="/%postname%/")

    @pytest.mark.parametrize(
        "code",
        [
            "add_filter( 'rest_authentication_errors', function () { return new WP_Error( 'closed', 'x' ); } );",
            "add_action( 'rest_api_init', function () { wp_die( 'closed' ); } );",
            "add_action( 'parse_request', function () { wp_die( 'closed' ); }, -1000000 );",
            "add_action( 'template_redirect', function () { wp_redirect( '/wp-login.php' ); exit; } );",
        ],
        ids=["authentication", "init", "parse", "sign-in"],
    )
    def test_closed_rest(self, sync: SyncClient, neighbour: Neighbour, code: str) -> None:
        neighbour(code)

        assert sync.send(HELLO).error is None

    def test_other_methods_are_none_of_its_business(self, sync: SyncClient) -> None:
        assert requests.get(sync.site.url + sync.path, timeout=600).status_code == 404
        assert requests.get(f"{sync.site.url}/?zoombridge_sync=1", timeout=600).status_code == 200

    def test_parts_of_a_batch_do_not_reach_it(self, sync: SyncClient) -> None:
        request = {"method": "POST", "path": "/zoombridge/v1/sync", "body": sync.envelope(HELLO)}

        response = sync.site.rest("POST", "batch/v1", json={"requests": [request]})
        assert [each["status"] for each in response.json()["responses"]] == [404]


class TestOutsiders:
    @pytest.fixture(autouse=True)
    def _nothing_is_written(self, sync: SyncClient) -> Iterator[None]:
        before = rows_written(sync)
        yield
        assert rows_written(sync) == before

    def test_other_bodies(self, sync: SyncClient) -> None:
        for body in (b"", b"{", b"[]", b"null", b"[" * 5000, b'{"zb":2}', b"\xff\xfe", b"0" * 98304):
            response = sync.post(body)
            assert (response.status_code, response.content) == (401, REFUSED), body[:20]

    def test_changed_envelope(self, sync: SyncClient) -> None:
        changes: list[dict[str, Any]] = [
            {"sig": "0" * 64},
            {"sig": None},
            {"site": "another"},
            {"site": SITE + "\n"},
            {"t": "1"},
            {"t": 1.5},
            {"t": -1},
            {"n": "A" * 32},
            {"n": "a" * 31},
            {"epoch": -1},
            {"epoch": "1"},
            {"enc": "br"},
            {"d": "a=b"},
            {"d": {"a": 1}},
            {"home": "x"},
            {"zb": 1},
            {"zb": True},
            {"more": 1},
        ]
        for changed in changes:
            response = sync.post(sync.envelope(HELLO) | changed)
            assert (response.status_code, response.content) == (401, REFUSED), changed

    def test_each_field_is_signed(self, sync: SyncClient) -> None:
        others: dict[str, Any] = {
            "home": "0" * 64,
            "t": 1,
            "n": "0" * 32,
            "epoch": 7,
            "enc": "raw",
            "d": "eA",
        }
        for name, value in others.items():
            assert sync.post(sync.envelope(HELLO) | {name: value}).status_code == 401, name

    def test_key_of_another_site(self, sync: SyncClient) -> None:
        assert sync.post(sync.envelope(HELLO, key=OTHER_KEY)).content == REFUSED

    def test_large_body_is_not_read(self, sync: SyncClient) -> None:
        response = sync.post(b"x" * 7_000_000)

        assert (response.status_code, response.content) == (413, REFUSED)
        assert sync.post(b"x" * 98305).status_code == 413

    def test_body_without_a_length(self, sync: SyncClient) -> None:
        body = iter([json.dumps(sync.envelope(HELLO)).encode()])

        response = requests.post(sync.site.url + sync.path, data=body, timeout=600)
        assert (response.status_code, response.content) == (413, REFUSED)


class TestUsers:
    def test_no_role_opens_it(self, sync: SyncClient) -> None:
        unsigned = sync.envelope(HELLO) | {"sig": "0" * 64}
        for role in ("subscriber", "contributor", "author", "editor", "administrator"):
            auth = (f"sync-{role}", password_of(sync.site, f"sync-{role}", role))
            assert sync.post(unsigned, auth=auth).content == REFUSED

    def test_writes_as_nobody_whatever_cookie_comes(
        self, sync: SyncClient, neighbour: Neighbour, number: str
    ) -> None:
        neighbour(
            "add_action( 'save_post', function ( $post ) { update_post_meta( $post, 'saver', get_current_user_id() ); } );"
        )
        signed = sync.envelope(sync.write(number, title="x", status="draft"))
        session = sign_in(sync.site)

        response = session.post(sync.site.url + sync.path, json=signed, timeout=600)

        post = verify(response, signed["n"]).result["post"]
        assert raw(sync, post)[1]["saver"] == "0"

    def test_answer_sent_back_is_refused(self, sync: SyncClient) -> None:
        body = sync.send(HELLO).response.content
        assert sync.post(body.rsplit(MARK, 1)[1]).content == REFUSED

    def test_unpaired_site(self, sync: SyncClient) -> None:
        connection = sync.site.php("return get_option( 'zoombridge_connection' );")
        sync.site.php("delete_option( 'zoombridge_connection' );")
        try:
            assert sync.post(sync.envelope(HELLO)).content == REFUSED
        finally:
            sync.site.php("update_option( 'zoombridge_connection', $value, false );", value=connection)


class TestChecks:
    @pytest.mark.parametrize("wrong", [-400, 400])
    def test_clock(self, sync: SyncClient, wrong: int) -> None:
        answer = sync.send(HELLO, t=int(time.time()) + wrong)

        assert (answer.error, answer.results) == ("clock", [])
        assert abs(answer.time - time.time()) < 60

    def test_moved(self, sync: SyncClient) -> None:
        answer = sync.send(HELLO, home="0" * 64)

        assert answer.error == "moved"
        assert answer.inner["error"]["home"] == sync.site.url

    def test_home_is_not_what_other_plugins_make_of_it(self, sync: SyncClient, neighbour: Neighbour) -> None:
        neighbour("add_filter( 'home_url', function ( $url ) { return $url . '/de'; } );")

        assert sync.send(HELLO).error is None

    @pytest.mark.parametrize(
        ("home", "normalized"),
        [
            ("HTTPS://Example.ORG:443/Blog/", "https://example.org/Blog"),
            ("http://example.org:80", "http://example.org"),
            ("http://example.org:8080/", "http://example.org:8080"),
            ("http://example.org:443", "http://example.org:443"),
        ],
    )
    def test_normalized_address(self, sync: SyncClient, home: str, normalized: str) -> None:
        assert sync.site.php("return zoombridge_normalize_home( $home );", home=home) == normalized

    def test_later_version(self, sync: SyncClient) -> None:
        assert sync.send(HELLO, zb=3).error == "update"
        # Signed as the version that it says.
        assert sync.post(sync.envelope(HELLO, zb=3, seal="zb2-door")).status_code == 401

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"no gzip",
            gzip.compress(b"{}")[:-4],
            gzip.compress(b'{"quiet":false,"operations":[{"i":0,"op":"hello"}]}') + b"more",
            gzip.compress(b"no JSON"),
            gzip.compress(b"[" * 100 + b"]" * 100),
        ],
        ids=["empty", "other", "cut", "more", "text", "deep"],
    )
    def test_damaged_data(self, sync: SyncClient, data: bytes) -> None:
        signed = envelope(sync.home, data, enc="raw")
        signed = envelope(sync.home, b"", d=signed["d"])

        assert verify(sync.post(signed), signed["n"]).error == "invalid"

    def test_gzip_bomb(self, sync: SyncClient, neighbour: Neighbour) -> None:
        neighbour("ini_set( 'memory_limit', '48M' );")
        bomb = b'{"quiet":false,"operations":[],"x":"' + b" " * 60_000_000 + b'"}'
        signed = envelope(sync.home, bomb)

        assert len(json.dumps(signed)) < 98304
        assert verify(sync.post(signed), signed["n"]).error == "invalid"

    @pytest.mark.parametrize(
        "message",
        [
            {"quiet": "perhaps"},
            {"budget_ms": 99},
            {"budget_ms": 20001},
            {"ack": {"a": 1}},
            {"quiet": "false"},
            {"operations": []},
            {"operations": {"a": 1}},
            {"operations": [{"op": "hello"}]},
            {"operations": [{"i": 0}]},
            {"operations": [{"i": 100, "op": "hello"}]},
            {"operations": [{"i": 1, "op": "hello"}, {"i": 1, "op": "hello"}]},
            {"operations": [{"i": 0, "op": ["hello"]}]},
            {"operations": ["hello"]},
            {"wishes": []},
        ],
        ids=str,
    )
    def test_invalid_message(self, sync: SyncClient, message: dict[str, Any]) -> None:
        answer = sync.send(HELLO, message=message)

        assert (answer.error, answer.results) == ("invalid", [])

    def test_invalid_operations_harm_no_other(self, sync: SyncClient) -> None:
        operations: list[dict[str, Any]] = [
            {"op": "options"},
            {"op": "pair", "bridge": "https://evil.example", "key": OTHER_KEY},
            {"op": "hello", "more": 1},
            {"op": "hello", "call": "maybe"},
            {"op": "unpair", "bridge": "https://evil.example"},
            {"op": "find", "numbers": ["x"]},
            {"op": "find", "numbers": [1]},
            {"op": "find", "numbers": []},
            {"op": "read"},
            {"op": "read", "post": "one"},
            {"op": "write", "number": "1"},
            {"op": "write", "seq": 0, "number": "1"},
            {"op": "write", "seq": 1, "number": "1", "status": "future"},
            {"op": "write", "seq": 1, "number": "1", "status": "trash"},
            {"op": "write", "seq": 1, "number": "1", "status": "inherit"},
            {"op": "write", "seq": 1, "number": "1", "title": None},
            {"op": "write", "seq": 1, "number": "1", "type": "page"},
            {"op": "write", "seq": 1, "number": "1", "metas": {"set": {"start_url": "x"}}},
            {"op": "write", "seq": 1, "number": "1", "metas": {"set": {"number": "2"}}},
            {"op": "write", "seq": 1, "number": "1", "metas": {"set": {"html": None}}},
            {"op": "write", "seq": 1, "number": "1", "metas": {"set": {"_edit_lock": "x"}}},
            {"op": "write", "seq": 1, "number": "1", "metas": {"lay_over": {"details": "[]"}}},
            {"op": "write", "seq": 1, "number": "1", "metas": {"lay_over": {"fields": [1]}}},
            {"op": "write", "seq": 1, "number": "1", "metas": {"remove": ["number"]}},
            {"op": "trash", "seq": 1, "number": "1"},
            {"op": "outcome", "n": "x"},
            {"op": "choices", "kind": "options"},
        ]

        assert sync.send(*operations, HELLO).codes == ["invalid"] * len(operations) + ["ok"]


class TestWrite:
    def test_creates_and_reads(self, sync: SyncClient, number: str) -> None:
        details = {
            "id": int(number),
            "topic": 'Fire drill 🚒 "C:\\temp" \\u00e9',
            "settings": {"a": 1},
            "empty": {},
        }
        fields = {"duration": 45, "password": "a\\b\"c'd", "hosts": ["one"]}
        written = sync.write(
            number,
            title="Fire &amp; drill 🚒",
            content="<p>C:\\temp</p>",
            status="publish",
            metas={
                "set": {
                    "kind": "meeting",
                    "join_url": "https://us02web.zoom.us/j/1?pwd=aBc.1",
                    "start_date_utc": "2026-03-02 09:00:00",
                    "html": "<p><time>10:00</time></p>",
                    "revision": 7,
                },
                "lay_over": {"details": json.dumps(details), "fields": fields, "pro": {"frequency": "2"}},
            },
        )

        answer = sync.send(written)

        result = answer.result
        names = {"title", "content", "status", "kind", "join_url", "start_date_utc", "html", "revision"}
        assert result["took"] == dict.fromkeys(names | {"details", "fields", "pro"}, True)
        assert (result["status"], result["seq"], result["by"]) == ("publish", f"1.{written['seq']}", "bridge")
        assert requests.get(result["link"], timeout=600).status_code == 200
        assert answer.inner["highest"] == {"epoch": 1, "seq": written["seq"]}
        found = state(sync, result["post"])
        assert json.loads(found["metas"].pop("details")) == details
        assert found == {
            "title": "Fire &amp; drill 🚒",
            "content": "<p>C:\\temp</p>",
            "status": "publish",
            "author": 1,
            "trashed_from": None,
            "metas": {
                "number": number,
                **written["metas"]["set"],
                "fields": fields,
                "pro": {"frequency": "2"},
            },
        }
        metas = raw(sync, result["post"])[1]
        assert metas["_zoombridge_post"] == str(result["post"])
        assert metas["_zoombridge_made"] == "bridge"
        assert metas["_meeting_zoom_start_url"] == ""
        assert metas["_meeting_zoom_details"].startswith('O:8:"stdClass"')

    def test_lays_over_and_removes(self, sync: SyncClient, number: str) -> None:
        post = make(
            sync,
            number,
            metas={
                "set": {"kind": "meeting", "html": "<p>x</p>"},
                "lay_over": {
                    "details": '{"a":1,"b":2,"settings":{"c":3,"d":4}}',
                    "fields": {"e": 5},
                    "pro": {"f": 6},
                },
            },
        )

        result = sync.send(
            sync.write(
                number,
                post,
                metas={
                    "lay_over": {"details": '{"a":null,"settings":{"c":null,"g":7}}', "fields": {"h": 8}},
                    "remove": ["html", "pro"],
                },
            )
        ).result

        assert result["took"] == dict.fromkeys(("details", "fields", "html", "pro"), True)
        metas = state(sync, post)["metas"]
        assert json.loads(metas["details"]) == {"b": 2, "settings": {"d": 4, "g": 7}}
        assert metas["fields"] == {"e": 5, "h": 8}
        assert (metas["kind"], metas["html"], metas["pro"]) == ("meeting", None, None)

    def test_details_keep_the_marks_of_what_depends_on_the_visitor(
        self, sync: SyncClient, number: str
    ) -> None:
        html = (
            '<section class="zoombridge"><!--zoombridge-in--><p>Passcode</p>'
            '<!--zoombridge-out--><p><a class="zoombridge-sign-in-link" href="#zoombridge-sign-in">Sign in</a></p>'
            "<!--zoombridge-end--></section>"
        )
        post = make(sync, number, metas={"set": {"html": html}})

        assert raw(sync, post)[1]["_zoombridge_html"] == html

    def test_never_stores_a_start_url(self, sync: SyncClient, number: str) -> None:
        given = {
            "details": '{"start_url":"key","a":{"start_url":"key"}}',
            "fields": {"start_url": "key", "b": 1},
        }
        post = make(sync, number, metas={"lay_over": given})

        assert "key" not in "".join(raw(sync, post)[1].values())

    def test_metas_alone_touch_no_row(self, sync: SyncClient, number: str, neighbour: Neighbour) -> None:
        post = make(sync, number, content="<p>x</p>")
        neighbour("add_action( 'save_post', function () { wp_die( 'saved' ); } );")
        before = raw(sync, post)[0]

        result = sync.send(
            sync.write(number, post, title="A meeting", status="publish", metas={"set": {"revision": 8}})
        ).result

        assert result["ok"], result
        assert raw(sync, post)[0] == before

    def test_what_is_not_written_stays_byte_for_byte(self, sync: SyncClient, number: str) -> None:
        post = sync.site.php(
            """
            $user = get_users( array( 'number' => 1 ) )[0];
            wp_set_current_user( $user->ID );
            kses_remove_filters();
            $id = wp_insert_post( wp_slash( array(
                'post_type'     => 'zoom-meetings',
                'post_status'   => 'publish',
                'post_title'    => 'A < B & "C" \\\\',
                'post_content'  => $content,
                'post_excerpt'  => '<script>x</script>A < B',
                'post_password' => 'a\\\\b',
                'post_name'     => 'my-slug-' . $number,
                'post_date'     => '2020-01-02 03:04:05',
                'post_author'   => $user->ID,
                'menu_order'    => 3,
                'page_template' => '',
            ) ) );
            add_post_meta( $id, '_meeting_zoom_meeting_id', $number );
            add_post_meta( $id, '_thumbnail_id', 77 );
            add_post_meta( $id, '_wp_page_template', 'of-another-theme.php' );
            return $id;
            """,
            number=number,
            content='<iframe src="https://v.example"></iframe><form action="/x"><input></form>\n[gallery ids="1"] a<b\\',
        )
        row, metas = raw(sync, post)
        changing = ("post_modified", "post_modified_gmt")

        def assert_kept(**changes: str) -> None:
            now, now_metas = raw(sync, post)
            assert now == row | {name: now[name] for name in changing} | changes
            assert {key: now_metas[key] for key in metas} == metas

        adopted = sync.send(
            sync.write(number, post, metas={"set": {"kind": "meeting", "revision": 1}})
        ).result
        assert adopted["ok"]
        assert raw(sync, post)[0] == row
        assert raw(sync, post)[1]["_zoombridge_made"] == "form"
        assert sync.send(sync.write(number, post, title="New")).codes == ["ok"]
        assert_kept(post_title="New")
        assert sync.send(sync.write(number, post, status="private")).codes == ["ok"]
        assert_kept(post_title="New", post_status="private")
        assert sync.send(sync.write(number, post, status="publish", title="Newer")).codes == ["ok"]
        assert sync.send(sync.target("trash", number, post)).result["status"] == "trash"
        assert state(sync, post)["trashed_from"] == "publish"
        assert sync.send(sync.target("restore", number, post)).result["status"] == "publish"
        assert_kept(post_title="Newer")
        assert sync.send(sync.target("trash", number, post)).codes == ["ok"]
        assert sync.send(sync.write(number, post, status="draft")).result["status"] == "draft"
        assert_kept(post_title="Newer", post_status="draft")

    def test_tells_which_texts_are_the_bridges(self, sync: SyncClient, number: str) -> None:
        post = make(sync, number, title="Fire & drill 🚒", content="<p>Leave.</p>")
        meta = "_meeting_zoom_details"

        def own_texts() -> list[str]:
            found: list[str] = sync.send({"op": "read", "post": post}).result["own_texts"]
            return found

        sync.site.php(
            "update_post_meta($post, $meta, (object) array('topic' => 'Other'));", post=post, meta=meta
        )
        assert own_texts() == ["title", "content"]
        sync.site.php("wp_update_post(array('ID' => $post, 'post_title' => 'Theirs'));", post=post)
        assert own_texts() == ["content"]
        sync.send(sync.target("write", number, post, title="Practice"))
        assert own_texts() == ["title", "content"]
        sync.site.php("wp_update_post(array('ID' => $post, 'post_content' => 'Theirs'));", post=post)
        sync.send(sync.target("write", number, post, metas={"set": {"revision": 9}}))
        assert own_texts() == ["title"]

    def test_tells_that_an_editor_has_changed_the_title(self, sync: SyncClient, number: str) -> None:
        metas = {"lay_over": {"details": '{"topic": "Tea &  <i>talk"}'}}
        post = make(sync, number, title="Fire & drill", metas=metas)

        def is_editors(title: str) -> bool:
            sync.site.php(
                "wp_update_post(array('ID' => $post, 'post_title' => $title));", post=post, title=title
            )
            answer = sync.send({"op": "read", "post": post}, {"op": "sweep", "after": post - 1})
            (told,) = {answer.results[0]["editors_title"], answer.results[1]["posts"][0]["editors_title"]}
            assert isinstance(told, bool)
            return told

        assert not is_editors("Fire &amp; drill")
        assert is_editors("Theirs")
        assert not is_editors("Tea &amp; &lt;i&gt;talk"), "it is Zoom's"
        assert is_editors("Theirs")
        sync.send(sync.target("write", number, post, title="Practice"))
        assert not is_editors("Practice")

    def test_leaves_a_title_that_an_editor_has_given(self, sync: SyncClient, number: str) -> None:
        metas = {"lay_over": {"details": '{"topic": "Tea"}'}}
        post = make(sync, number, title="Tea", status="draft", metas=metas)
        theirs = "wp_update_post(array('ID' => $post, 'post_title' => 'Theirs'));"
        row = "$row = get_post($post); return array($row->post_title, $row->post_name, $row->post_content);"

        result = sync.send(sync.target("write", number, post, title="Coffee", keep_title=True)).result
        assert (result["took"], result["editors_title"]) == ({"title": True}, False), "nobody has changed it"
        sync.site.php(theirs, post=post)
        asked = {"title": "Milk", "keep_title": True, "slug": "milk", "content": "<p>Warm</p>"}
        result = sync.send(sync.target("write", number, post, **asked)).result
        assert result["took"] == {"title": {"kept": "Theirs"}, "content": True}
        assert result["editors_title"] is True
        assert sync.site.php(row, post=post) == ["Theirs", "", "<p>Warm</p>"]
        result = sync.send(sync.target("write", number, post, title="Milk")).result
        assert (result["took"], result["editors_title"]) == ({"title": True}, False)

    def test_a_title_that_another_plugin_stored_differently_is_no_editors(
        self, sync: SyncClient, number: str, neighbour: Neighbour
    ) -> None:
        neighbour(
            "add_filter('wp_insert_post_data', static function ($data) {"
            "  $data['post_title'] = '[Z] ' . str_replace('[Z] ', '', $data['post_title']); return $data; } );"
        )

        def topic(title: str) -> dict[str, Any]:
            return {"title": title, "metas": {"lay_over": {"details": json.dumps({"topic": title})}}}

        post = make(sync, number, **topic("Tea"))
        for title in ("Coffee", "Milk"):
            result = sync.send(sync.target("write", number, post, keep_title=True, **topic(title))).result
            assert result["took"] == {"title": {"became": f"[Z] {title}"}, "details": True}
            assert (result["editors_title"], result["own_texts"]) == (False, ["content"])
        sync.send(sync.target("write", number, post, metas={"set": {"revision": 9}}))
        assert sync.send({"op": "read", "post": post}).result["editors_title"] is False
        sync.site.php("wp_update_post(array('ID' => $post, 'post_title' => 'Theirs'));", post=post)
        assert sync.send({"op": "read", "post": post}).result["editors_title"] is True

        session = sign_in(sync.site)
        page = session.get(f"{sync.site.url}/wp-admin/post.php?post={post}&action=edit", timeout=600).text
        button = re.search(r'href="([^"]*zoombridge_use_zooms_title[^"]*)"', page)
        assert button is not None
        assert session.get(unescape(button[1]), timeout=600).status_code == 200
        result = sync.send({"op": "read", "post": post}).result
        assert (result["state"]["title"], result["editors_title"]) == ("[Z] Milk", False)

    @pytest.mark.parametrize("title", ["Tea", "Coffee"])
    def test_nor_is_it_where_a_plugin_dies_after_that(
        self, sync: SyncClient, number: str, neighbour: Neighbour, title: str
    ) -> None:
        neighbour(
            "add_filter('wp_insert_post_data', static function ($data) {"
            "  $data['post_title'] = '[Z] ' . str_replace('[Z] ', '', $data['post_title']); return $data; } );"
            "add_action('save_post_zoom-meetings', static function ($id, $post) {"
            f"  if ('[Z] {title}' === $post->post_title) {{ throw new Exception('Sorry.'); }} }}, 10, 2);"
        )

        def post() -> int:
            [found] = sync.send({"op": "find", "numbers": [number]}).result["posts"][number]
            made: int = found["post"]
            return made

        for topic in ("Tea", "Coffee", "Milk"):
            metas = {"lay_over": {"details": json.dumps({"topic": topic})}}
            asked: dict[str, Any] = {"title": topic, "metas": metas}
            if topic == "Tea":
                result = sync.send(sync.write(number, **asked)).results[0]
            else:
                result = sync.send(sync.target("write", number, post(), keep_title=True, **asked)).results[0]
            assert result["ok"] is (topic != title)
            read = sync.send({"op": "read", "post": post()}).result
            assert (read["state"]["title"], read["editors_title"]) == (f"[Z] {topic}", False)

    def test_zooms_title_is_as_the_bridge_makes_it(self, sync: SyncClient) -> None:
        topics = [
            "A\x07B",
            "A\x85\x1c B",
            "\u200b",
            "\u3164",
            "",
            "\ue000",
            " a \xa0\u2028 b\t",
            "R&amp;D <b>",
            "x" * 600,
        ]
        titles = sync.site.php(
            "return array_map(static function ($topic) { return zoombridge_sync_zooms_title(array('metas' =>"
            " array('_meeting_zoom_details' => serialize((object) array('topic' => $topic))))); }, $topics);",
            topics=topics,
        )
        made = [
            text.title(labels.title(Meeting("an-account", 1, object={"topic": topic}))) for topic in topics
        ]
        assert titles == [unescape(title) for title in made]

    def test_dates_by_which_lists_are_selected_are_written_and_removed_with_the_start(
        self, sync: SyncClient, number: str, neighbour: Neighbour
    ) -> None:
        post = make(sync, number, metas={"set": {"start_date_utc": "2026-12-03 10:00:00"}})

        def end() -> list[str]:
            found: list[str] = sync.site.php("return get_post_meta($post, '_zoombridge_end');", post=post)
            return found

        assert end() == ["2026-12-03 11:00:00"]
        neighbour(
            "add_filter('query', static function ($sql) {"
            "  if (preg_match('/^(INSERT|UPDATE) .*_zoombridge_end/s', $sql)) {"
            "    throw new Exception('It stands already.');"
            "  } return $sql; });"
        )
        assert sync.send(sync.target("write", number, post, metas={"set": {"revision": 9}})).result["ok"]
        sync.send(sync.target("write", number, post, metas={"remove": ["start_date_utc"]}))
        assert end() == []

    def test_replaces_the_title_of_a_page_that_the_bridge_did_not_make(
        self, sync: SyncClient, number: str
    ) -> None:
        post = sync.site.php(
            "$id = wp_insert_post(array('post_type' => 'zoom-meetings', 'post_title' => 'By hand'));"
            "add_post_meta($id, '_meeting_zoom_meeting_id', $number); return $id;",
            number=number,
        )
        result = sync.send(sync.target("write", number, post, title="Milk", keep_title=True)).result
        assert (result["took"], result["editors_title"]) == ({"title": True}, False)

    def test_trash_keeps_the_status_for_restore(self, sync: SyncClient, number: str) -> None:
        post = make(sync, number, status="private")

        sync.send(sync.target("trash", number, post))
        assert sync.send(sync.target("restore", number, post)).result["status"] == "private"
        sync.send(sync.target("trash", number, post))
        assert sync.send(sync.target("restore", number, post, status="draft")).result["status"] == "draft"

    def test_deletes(self, sync: SyncClient, number: str) -> None:
        post = make(sync, number)

        assert sync.send(sync.target("delete", number, post)).result == {
            "i": 0,
            "ok": True,
            "post": post,
            "status": "deleted",
        }
        assert sync.send({"op": "read", "post": post}).codes == ["missing"]
        assert posts_of(sync, number) == [0]

    def test_texts_are_harmless(self, sync: SyncClient, number: str) -> None:
        attack = "<script>alert(1)</script><img src=x onerror=alert(1)>"
        operation = sync.write(
            number, title=attack, content=attack, status="publish", metas={"set": {"html": attack}}
        )

        result = sync.send(operation).result

        kept = 'alert(1)<img src="x">'
        assert result["took"] == {
            "title": True,
            "content": {"became": kept},
            "status": True,
            "html": {"became": kept},
        }
        found = state(sync, result["post"])
        assert found["content"] == found["metas"]["html"] == kept
        assert found["title"] == "&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;"

    def test_address_that_is_none(self, sync: SyncClient, number: str) -> None:
        result = sync.send(sync.write(number, metas={"set": {"join_url": "javascript:alert(1)"}})).result

        assert result["took"] == {"join_url": {"became": ""}}

    def test_slug_of_a_title_that_is_taken(self, sync: SyncClient) -> None:
        links = [
            sync.send(
                sync.write(
                    str(next(NUMBERS)),
                    title="Office hours",
                    status="publish",
                    metas={"set": {"start_date_utc": "2026-03-02 09:00:00"}},
                )
            ).result["link"]
            for _ in range(3)
        ]

        slugs = [link.rstrip("/").rsplit("/", 1)[1] for link in links]
        assert slugs[0] == "office-hours"
        assert [slug[:-4] for slug in slugs[1:]] == ["office-hours-2026-03-02-"] * 2
        assert len(set(slugs)) == 3

    def test_author_and_categories(self, sync: SyncClient) -> None:
        user, reader, term = sync.site.php(
            """
            $user = wp_insert_user( array( 'user_login' => 'hanna', 'user_pass' => 'x', 'role' => 'author' ) );
            update_user_meta( $user, 'user_zoom_hostid', 'HOST-1' );
            $reader = wp_insert_user( array( 'user_login' => 'rita', 'user_pass' => 'x', 'role' => 'subscriber' ) );
            return array( $user, $reader, wp_insert_term( 'Tea & cake', 'zoom-meeting' )['term_id'] );
            """
        )
        choices = sync.send(
            {"op": "choices", "kind": "authors"}, {"op": "choices", "kind": "categories"}
        ).results
        assert {"id": user, "name": "hanna"} in choices[0]["choices"]
        assert reader not in [choice["id"] for choice in choices[0]["choices"]]
        assert choices[1]["choices"] == [{"id": term, "name": "Tea & cake"}]

        def made(**given: Any) -> tuple[int, Any]:
            result = sync.send(sync.write(str(next(NUMBERS)), title="x", status="draft", **given)).result
            return state(sync, result["post"])["author"], result["took"]

        assert made(host="HOST-1")[0] == user
        assert made(host="HOST-2")[0] == 1
        author, took = made(author=user, terms=[term])
        assert (author, took["author"], took["terms"]) == (user, True, True)
        author, took = made(author=reader, terms=[term, 99999])
        assert (author, took["author"], took["terms"]) == (1, {"became": 1}, {"became": [term]})

    def test_quiet(self, sync: SyncClient, neighbour: Neighbour) -> None:
        neighbour(
            "add_action( 'save_post', function ( $post ) {"
            " update_post_meta( $post, 'quiet', defined( 'WP_IMPORTING' ) ? 'yes' : 'no' ); } );"
        )
        for quiet in (True, False):
            operation = sync.write(str(next(NUMBERS)), title="x", status="publish")
            post = sync.send(operation, message={"quiet": quiet}).result["post"]
            assert raw(sync, post)[1]["quiet"] == ("yes" if quiet else "no")

    def test_caches_are_purged_once(self, sync: SyncClient, neighbour: Neighbour) -> None:
        """Some plugins that cache pages wait for a post to be saved only, and metas alone are no save."""
        neighbour("add_action( 'zoombridge_written', function ( $ids ) { add_option( 'purged', array(), '', 'no' );"
            " update_option( 'purged', array_merge( get_option( 'purged' ), array( $ids ) ) ); } );")  # fmt: skip
        numbers = [str(next(NUMBERS)) for _ in range(2)]
        shown, draft = (
            result["post"]
            for result in sync.send(
                sync.write(numbers[0], title="x", status="publish"),
                sync.write(numbers[1], title="x", status="draft"),
            ).results
        )
        neighbour(
            """
            function told_to_forget( $what ) {
                update_option( 'forgotten', array_merge( get_option( 'forgotten', array() ), array( $what ) ), false );
            }
            class WPO_Page_Cache { public static function delete_single_post_cache( $id ) { told_to_forget( $id ); } }
            function w3tc_flush_post( $id ) { told_to_forget( $id ); }
            function wpfc_clear_post_cache_by_id( $id ) { told_to_forget( $id ); }
            function sg_cachepress_purge_cache( $url ) { told_to_forget( $url ); }
            foreach ( array( 'litespeed_purge_post', 'cache_enabler_clear_page_cache_by_post',
                'wphb_clear_page_cache' ) as $action ) {
                add_action( $action, 'told_to_forget' );
            }
            """
        )
        metas = {"set": {"html": "<p>Moved</p>"}}
        answer = sync.send(
            sync.write(numbers[0], shown, metas=metas), sync.write(numbers[1], draft, metas=metas)
        )

        purged, forgotten = sync.site.php(
            "return array( get_option( 'purged' ), get_option( 'forgotten' ) );"
        )
        assert purged == [[shown, draft]] * 2
        assert forgotten == [shown] * 6 + [answer.results[0]["link"]]


class TestFind:
    def test_order_and_management(self, sync: SyncClient, number: str) -> None:
        first = make(sync, number)
        ids = sync.site.php(
            """
            $ids = array();
            for ( $i = 0; $i < 3; $i++ ) {
                $ids[] = wp_insert_post( array( 'post_type' => 'zoom-meetings', 'post_title' => 'x' ) );
                add_post_meta( $ids[ $i ], '_meeting_zoom_meeting_id', $number );
            }
            // A copy by another plugin, and a post of an earlier version of the bridge.
            add_post_meta( $ids[1], '_zoombridge_post', $first );
            add_post_meta( $ids[1], '_zoombridge_revision', 3 );
            add_post_meta( $ids[2], '_zoombridge_revision', 3 );
            $page = wp_insert_post( array( 'post_type' => 'page', 'post_title' => 'x' ) );
            add_post_meta( $page, '_meeting_zoom_meeting_id', $number );
            return $ids;
            """,
            number=number,
            first=first,
        )
        sync.send(sync.target("trash", number, first))

        found = sync.send({"op": "find", "numbers": [number, "404"]}).result["posts"]

        assert found["404"] == []
        assert [(each["post"], each["status"], each["managed"]) for each in found[number]] == [
            (ids[0], "draft", False),
            (ids[1], "draft", False),
            (ids[2], "draft", True),
            (first, "trash", True),
        ]
        hinted = sync.send({"op": "find", "numbers": [number], "hint": first}).result["posts"]
        assert [each["post"] for each in hinted[number]] == [first]
        wrong = sync.send({"op": "find", "numbers": [number], "hint": ids[1]}).result["posts"]
        assert wrong == {number: found[number]}

    def test_post_of_an_earlier_version_gets_its_mark(self, sync: SyncClient, number: str) -> None:
        post = sync.site.php(
            """
            $id = wp_insert_post( array( 'post_type' => 'zoom-meetings', 'post_title' => 'x' ) );
            add_post_meta( $id, '_meeting_zoom_meeting_id', $number );
            add_post_meta( $id, '_zoombridge_revision', 3 );
            return $id;
            """,
            number=number,
        )

        sync.send(sync.write(number, post, metas={"set": {"revision": 4}}))

        metas = raw(sync, post)[1]
        assert metas["_zoombridge_post"] == str(post)
        assert "_zoombridge_made" not in metas

    def test_a_number_that_another_request_commits_late_is_found(self, sync: SyncClient) -> None:
        """Its meta has a lower number than others that were there before."""
        found = sync.site.php(
            """
            global $wpdb;
            $post = wp_insert_post( array( 'post_type' => 'zoom-meetings', 'post_title' => 'x' ) );
            $meta = add_post_meta( $post, 'x', 'x' );
            add_post_meta( $post, 'y', 'y' );
            $reads = 0;
            add_filter( 'query', function ( $query ) use ( &$reads ) {
                $reads += (int) ( false !== strpos( $query, 'SELECT meta_value, post_id' ) );
                return $query;
            } );
            zoombridge_find_posts_with_number( $number, array( $number ) );
            zoombridge_find_post( $number );
            $wpdb->update( $wpdb->postmeta, array( 'meta_key' => '_meeting_zoom_meeting_id', 'meta_value' => $number ),
                array( 'meta_id' => $meta ) );
            return array( zoombridge_find_post( $number ) === $post, $reads );
            """,
            number=str(next(NUMBERS)),
        )
        assert found == [True, 1], "what was read ahead is not read again"

    def test_second_post_of_a_number(self, sync: SyncClient, number: str) -> None:
        post = make(sync, number)
        sync.send(sync.target("trash", number, post))

        result = sync.send(sync.write(number, title="x")).result
        assert (result["code"], result["post"]) == ("exists", post)


class TestOrder:
    def test_same_message_again(self, sync: SyncClient, number: str) -> None:
        signed = sync.envelope(sync.write(number, title="x", status="draft"))
        assert verify(sync.post(signed), signed["n"]).codes == ["ok"]

        again = verify(sync.post(signed), signed["n"])
        assert (again.error, again.results) == ("replayed", [])

    def test_twenty_at_once(self, sync: SyncClient, number: str) -> None:
        signed = sync.envelope(sync.write(number, title="x", status="draft"))
        with ThreadPoolExecutor(20) as pool:
            answers = [verify(each, signed["n"]) for each in pool.map(sync.post, [signed] * 20)]

        assert sorted(answer.error or "" for answer in answers) == [""] + ["replayed"] * 19
        assert posts_of(sync, number) == [1]

    def test_one_operation_in_twenty_messages_at_once(self, sync: SyncClient, number: str) -> None:
        operation = sync.write(number, title="x", status="draft")
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda _: sync.send(operation), range(20)))

        results = [answer.result for answer in answers]
        assert len([each for each in results if each["ok"] and not each.get("already")]) == 1
        assert {each.get("code") for each in results} <= {None, "busy", "exists"}
        assert posts_of(sync, number) == [1]

    def test_same_operation_in_a_new_message(self, sync: SyncClient, number: str) -> None:
        operations = [sync.write(number, title="x", status="publish")]
        post = sync.send(*operations).result["post"]
        for operation in (
            operations[0],
            sync.write(number, post, title="y"),
            sync.target("trash", number, post),
            sync.target("restore", number, post),
        ):
            first = sync.send(operation).result
            before = raw(sync, post)
            again = sync.send(operation).result

            assert again.pop("already") is True
            assert {name: again[name] for name in again} == {name: first[name] for name in again}
            assert raw(sync, post) == before

    def test_older_operation_in_a_new_message(self, sync: SyncClient, number: str) -> None:
        post = make(sync, number)
        older = [
            sync.write(number, post, title="old"),
            sync.target("trash", number, post),
            sync.target("delete", number, post),
        ]
        newest = sync.send(sync.write(number, post, title="new")).result

        for operation in older:
            result = sync.send(operation).result
            assert result["code"] == "stale"
            assert (result["post"], result["digest"]) == (post, newest["digest"])
        assert state(sync, post)["title"] == "new"

    def test_another_operation_of_the_same_number(self, sync: SyncClient, number: str) -> None:
        post = make(sync, number)
        sync.send(sync.write(number, post, title="y"))

        assert sync.send(sync.target("delete", number, post) | {"seq": sync.seq - 1}).codes == ["invalid"]
        assert posts_of(sync, number) == [1]

    def test_delete_after_the_meeting_was_made_again(self, sync: SyncClient, number: str) -> None:
        creation = sync.write(number, title="x", status="draft")
        post = sync.send(creation).result["post"]
        deletion = sync.target("delete", number, post)
        sync.send(deletion)

        assert sync.send(creation).codes == ["stale"], "an older creation does not bring the post back"
        again = make(sync, number)
        assert sync.send(deletion).codes == ["missing"]
        assert state(sync, again)["title"] == "A meeting"

    def test_clock_set_back_after_pruning(self, sync: SyncClient) -> None:
        insert = """
            global $wpdb;
            for ( $i = 0; $i < $count; $i++ ) {
                zoombridge_insert_option_row( zoombridge_sync_nonce_name( $time, md5( (string) $i ) ), '1|done' );
            }
        """
        names = """
            global $wpdb;
            return array_map( 'intval', array(
                $wpdb->get_var( "SELECT COUNT(*) FROM $wpdb->options WHERE option_name LIKE 'zoombridge_n_%'" ),
                zoombridge_read_option_row( 'zoombridge_watermark' ),
            ) );
        """
        old = int(time.time()) - 5000
        sync.site.php(insert, time=old, count=230)
        before = sync.site.php(names)[0]

        assert sync.send(HELLO).error is None
        assert sync.site.php(names) == [before - 200 + 1, old]
        assert sync.send(HELLO).error is None
        assert sync.site.php(names) == [before - 230 + 2, old]

        watermark = "zoombridge_raise_option_row( 'zoombridge_watermark', (string) $time );"
        sync.site.php(watermark, time=int(time.time()) + 100)
        try:
            assert sync.send(HELLO).error == "replayed", "as if that time had been reached before"
        finally:
            sync.site.php("delete_option( 'zoombridge_watermark' );")

    def test_outcome(self, sync: SyncClient, number: str) -> None:
        signed = sync.envelope(sync.write(number, title="x", status="draft"))
        sync.post(signed)

        known = sync.send({"op": "outcome", "n": signed["n"]}).result
        assert (known["known"], known["at"], known["done"]) == (True, None, True)
        unknown = sync.send({"op": "outcome", "n": "0" * 32}).result
        assert (unknown["known"], unknown["at"], unknown["done"]) == (False, None, False)

    def test_budget(self, sync: SyncClient, neighbour: Neighbour) -> None:
        neighbour("add_action( 'save_post', function () { usleep( 150000 ); } );")
        numbers = [str(next(NUMBERS)) for _ in range(3)]
        operations = [sync.write(each, title="x", status="draft") for each in numbers]

        answer = sync.send(*operations, message={"budget_ms": 100})

        assert answer.codes == ["ok", "not_tried", "not_tried"]
        assert posts_of(sync, *numbers) == [1, 0, 0]

    def test_short_of_memory(self, sync: SyncClient, neighbour: Neighbour) -> None:
        neighbour("ini_set( 'memory_limit', '64M' ); $GLOBALS['ballast'] = str_repeat( 'x', 40000000 );")
        numbers = [str(next(NUMBERS)) for _ in range(2)]

        answer = sync.send(*(sync.write(each, title="x", status="draft") for each in numbers))
        assert answer.codes == ["ok", "not_tried"]


class TestTwoBridges:
    def test_the_one_with_the_lower_epoch_writes_nothing(self, sync: SyncClient, number: str) -> None:
        post = make(sync, number)
        other = SyncClient(sync.site, epoch=sync.epoch + 1)
        try:
            assert other.send(other.write(number, post, title="taken over")).codes == ["ok"]
            before = raw(sync, post)

            answer = sync.send(
                sync.write(number, post, title="late"), sync.write(str(next(NUMBERS)), title="new")
            )

            assert (answer.error, answer.results) == ("superseded", [])
            assert answer.inner["error"]["epoch"] == other.epoch
            assert answer.inner["highest"] == {"epoch": other.epoch, "seq": 1}
            assert raw(sync, post) == before
        finally:
            # The other tests go on as a bridge of that epoch.
            sync.epoch = other.epoch
            sync.seq = max(sync.seq, other.seq)

    def test_taken_over_in_the_middle(self, sync: SyncClient, neighbour: Neighbour) -> None:
        numbers = [str(next(NUMBERS)) for _ in range(3)]
        neighbour("add_action( 'save_post', function () { zoombridge_sync_raise_epoch( 1000 ); } );")
        try:
            answer = sync.send(*(sync.write(each, title="x", status="draft") for each in numbers))

            assert answer.codes == ["ok", "not_tried", "not_tried"]
        finally:
            sync.site.php(
                "global $wpdb; $wpdb->delete( $wpdb->options, array( 'option_name' => 'zoombridge_epoch' ) );"
            )


@contextmanager
def pairing(sync: SyncClient, bridge: str) -> Iterator[None]:
    """The site is paired with a bridge at this address; afterwards as before."""
    before = sync.site.php("return get_option( 'zoombridge_connection' );")
    save = "update_option( 'zoombridge_connection', $value, false );"
    sync.site.php(save, value=before | {"bridge": bridge})
    try:
        yield
    finally:
        sync.site.php(save, value=before)


class TestCall:
    def call(self, sync: SyncClient) -> dict[str, Any]:
        result = sync.send(HELLO | {"call": True}).result
        assert result["ok"], result
        called: dict[str, Any] = result["bridge"]
        return called

    def test_hello_calls_the_bridge_only_if_asked(self, sync: SyncClient, bridge: BridgeDouble) -> None:
        with pairing(sync, bridge.url):
            for given in ({}, {"call": False}):
                assert "bridge" not in sync.send(HELLO | given).result

        assert bridge.requests == []

    def test_hello_reaches_the_bridge(self, sync: SyncClient, bridge: BridgeDouble) -> None:
        bridge.respond = lambda _: as_json({"version": "0.1.0"})

        with pairing(sync, bridge.url):
            called = self.call(sync)

        assert called == {
            "address": bridge.url,
            "reached": True,
            "status": 200,
            "message": "",
            "version": "0.1.0",
        }
        [request] = bridge.requests
        assert (request.method, request.target, request.body) == ("GET", "/stub/hello", b"")
        assert request.is_signed
        # The bridge's own code accepts it, as the double's does.
        headers = {name.lower(): value for name, value in request.headers.items()}
        verify_request(KEY, headers, method="GET", target="/stub/hello", body=b"", now=None)

    def test_hello_does_not_reach_the_bridge(self, sync: SyncClient) -> None:
        # No server listens on port 1.
        with pairing(sync, "http://127.0.0.1:1"):
            called = self.call(sync)

        assert (called["address"], called["reached"], called["status"]) == ("http://127.0.0.1:1", False, None)
        assert "http://127.0.0.1:1 could not be reached" in called["message"]

    def test_hello_reaches_a_bridge_with_another_key(self, sync: SyncClient, bridge: BridgeDouble) -> None:
        bridge.respond = lambda _: BridgeResponse(401, b"{}", signed_with=None)

        with pairing(sync, bridge.url):
            called = self.call(sync)

        assert (called["reached"], called["status"]) == (False, 401)
        assert "clock" in called["message"]
        assert "connect the site again" in called["message"]

    def test_hello_hands_on_the_message_of_the_bridge(self, sync: SyncClient, bridge: BridgeDouble) -> None:
        bridge.respond = lambda _: as_json({"code": "busy", "message": "The log's disk is full."}, 503)

        with pairing(sync, bridge.url):
            called = self.call(sync)

        assert (called["reached"], called["status"]) == (True, 503)
        assert called["message"] == "The log's disk is full."

    def test_hello_reaches_a_bridge_that_says_nothing(self, sync: SyncClient, bridge: BridgeDouble) -> None:
        bridge.respond = lambda _: BridgeResponse(500, b"oh")

        with pairing(sync, bridge.url):
            called = self.call(sync)

        assert (called["reached"], called["status"]) == (True, 500)
        assert "status 500" in called["message"]


class TestUnpair:
    @pytest.fixture(autouse=True)
    def _paired_again(self, sync: SyncClient) -> Iterator[None]:
        with pairing(sync, "https://bridge.example.org"):
            yield

    def test_unpair_answers_and_ends_the_pairing(self, sync: SyncClient) -> None:
        answer = sync.send({"op": "unpair"})

        assert answer.result == {"i": 0, "ok": True, "paired": False}
        assert sync.site.php("return get_option( 'zoombridge_connection', 'none' );") == "none"
        assert sync.post(sync.envelope(HELLO)).content == REFUSED

    def test_nothing_is_done_after_unpair(self, sync: SyncClient, number: str) -> None:
        answer = sync.send({"op": "unpair"}, sync.write(number, title="x", status="publish"), HELLO)

        assert answer.codes == ["ok", "not_tried", "not_tried"]

    def test_unpair_leaves_posts_as_they_are(self, sync: SyncClient, number: str) -> None:
        post = make(sync, number)
        before = raw(sync, post)

        sync.send({"op": "unpair"})

        assert raw(sync, post) == before

    def test_nothing_is_done_once_another_request_has_ended_the_pairing(
        self, sync: SyncClient, neighbour: Neighbour
    ) -> None:
        """WordPress caches the connection in each process."""
        numbers = [str(next(NUMBERS)) for _ in range(2)]
        neighbour(
            "add_action( 'save_post', function () { zoombridge_delete_option_row( 'zoombridge_connection' ); } );"
        )

        answer = sync.send(*(sync.write(each, title="x", status="draft") for each in numbers))

        assert answer.codes == ["ok", "not_tried"]

    def test_unpair_that_the_database_refuses_is_told(self, sync: SyncClient, neighbour: Neighbour) -> None:
        neighbour(
            "add_filter( 'query', function ( $sql ) {"
            " return preg_match( '/^DELETE .*options/', $sql ) && strpos( $sql, 'zoombridge_connection' ) ?"
            " 'SELECT 1' : $sql; } );"
        )

        assert sync.send({"op": "unpair"}).codes == ["failed"]


WAYS_TO_DIE = {
    "throw": "throw new RuntimeException( 'thrown' );",
    "error": "no_such_function();",
    "wp_die": "wp_die( 'died' );",
    "exit": "exit( 'ended' );",
    "redirect": "wp_redirect( '/elsewhere' ); exit;",
    "memory": "$GLOBALS['all'] = array(); while ( true ) { $GLOBALS['all'][] = str_repeat( 'x', 100000 ); }",
    "fatal": "trigger_error( 'fatal', E_USER_ERROR );",
    "time": "set_time_limit( 1 ); while ( true ) { md5( 'x' ); }",
}


class TestDying:
    @pytest.mark.parametrize("way", WAYS_TO_DIE)
    def test_one_takes_no_other_with_it(self, sync: SyncClient, neighbour: Neighbour, way: str) -> None:
        count = 50 if way == "exit" else 10
        file = neighbour(
            f"add_action( 'save_post', function ( $id, $post ) {{ if ( 'Seventh' === $post->post_title ) {{"
            f" {WAYS_TO_DIE[way]} }} }}, 10, 2 );"
        )
        numbers = [str(next(NUMBERS)) for _ in range(count)]
        operations = [
            sync.write(each, title="Seventh" if index == 6 else "Another", status="publish")
            for index, each in enumerate(numbers)
        ]

        signed = sync.envelope(*operations)
        answer = verify(sync.post(signed), signed["n"])

        assert answer.error is None
        assert answer.codes == ["ok"] * 6 + ["failed"] + ["not_tried"] * (count - 7)
        assert answer.results[6]["file"] == file
        assert answer.results[6]["text"]
        outcome = sync.send({"op": "outcome", "n": signed["n"]}).result
        assert (outcome["known"], outcome["at"], outcome["done"]) in ((True, 6, False), (True, None, True))

        again = sync.send(*operations[:6])
        assert [each.get("already") for each in again.results] == [True] * 6
        remaining = operations[7:]
        while remaining:  # A busy machine may need more than one message.
            codes = sync.send(*remaining).codes
            assert set(codes) <= {"ok", "not_tried"}
            remaining = remaining[codes.count("ok") :]
        alone = sync.send(operations[6]).result
        assert alone["code"] in ("exists", "failed")
        assert posts_of(sync, *numbers) == [1] * count
        forget_log(sync.site)

    def test_locks_are_released(self, sync: SyncClient, neighbour: Neighbour, number: str) -> None:
        post = make(sync, number)
        neighbour(
            "add_action( 'save_post', function ( $id, $post ) { if ( 'die' === $post->post_title ) { exit; } }, 10, 2 );"
        )

        assert sync.send(sync.write(number, post, title="die")).codes == ["failed"]
        assert sync.send(sync.write(number, post, title="live")).codes == ["ok"]

    def test_ended_again_while_it_shuts_down(
        self, sync: SyncClient, neighbour: Neighbour, number: str
    ) -> None:
        neighbour(
            "add_action( 'save_post', function () { exit; } ); add_action( 'shutdown', function () { exit; } );"
        )

        assert sync.send(sync.write(number, title="x")).codes == ["failed"]

    def test_purging_of_caches_does_not_lose_the_answer(
        self, sync: SyncClient, neighbour: Neighbour, number: str
    ) -> None:
        neighbour("add_action( 'zoombridge_written', function () { exit( 'purged' ); } );")

        assert sync.send(sync.write(number, title="x", status="draft")).codes == ["ok"]


class TestStolenKey:
    def test_no_other_post_type(self, sync: SyncClient, number: str) -> None:
        page = sync.site.php(
            """
            $id = wp_insert_post( array( 'post_type' => 'page', 'post_title' => 'Mine', 'post_status' => 'publish' ) );
            add_post_meta( $id, '_meeting_zoom_meeting_id', $number );
            return $id;
            """,
            number=number,
        )
        before = raw(sync, page)

        answer = sync.send(
            {"op": "read", "post": page},
            sync.write(number, page, title="x"),
            sync.target("trash", number, page),
            sync.target("restore", number, page),
            sync.target("delete", number, page),
        )

        assert answer.codes == ["missing"] * 5
        assert raw(sync, page) == before

    def test_no_post_of_another_meeting(self, sync: SyncClient, number: str) -> None:
        post = make(sync, number)
        before = raw(sync, post)
        other = str(next(NUMBERS))

        answer = sync.send(
            sync.write(other, post, title="x"),
            sync.target("trash", other, post),
            sync.target("restore", other, post),
            sync.target("delete", other, post),
        )

        assert answer.codes == ["missing"] * 4
        assert raw(sync, post) == before

    def test_no_option_and_no_user(self, sync: SyncClient, number: str) -> None:
        before = rows_written(sync)
        sync.send(
            sync.write(
                number,
                title="wp_user_roles",
                host="' OR 1=1 --",
                author=1,
                status="publish",
                metas={
                    "lay_over": {
                        "fields": {"wp_capabilities": "a"},
                        "details": '{"o":"O:8:\\"stdClass\\":0:{}"}',
                    }
                },
            )
        )
        after = rows_written(sync)

        own = {name for name in before["options"] | after["options"] if name.startswith("zoombridge_")}
        for rows in (before, after):
            rows["options"] = {name: value for name, value in rows["options"].items() if name not in own}
        assert after["options"] == before["options"]
        assert (after["users"], after["usermeta"]) == (before["users"], before["usermeta"])


class TestNeighbours:
    @pytest.mark.parametrize(
        "code",
        [
            "echo 'Notice: something';",
            "ob_get_level() && ob_end_flush(); echo 'Notice: something'; flush();",
            "\ufeff<?php ",
            "add_action( 'save_post', function () { echo 'saved'; } );",
            "ob_start();",
            "ob_start( function ( $output ) { return strtoupper( $output ); } );",
            "register_shutdown_function( function () { echo 'the end'; } );",
            "echo 'begin'; register_shutdown_function( function () { echo PHP_EOL . 'the end'; } );",
            "add_action( 'shutdown', function () { echo 'the end'; }, PHP_INT_MIN );",
            "add_filter( 'wp_redirect', '__return_false' ); header( 'Location: /elsewhere' );",
        ],
        ids=["before", "sent", "BOM", "amid", "buffer", "filter", "after", "around", "shutdown", "header"],
    )
    def test_output(self, sync: SyncClient, neighbour: Neighbour, number: str, code: str) -> None:
        neighbour(code)
        signed = sync.envelope(sync.write(number, title="x", status="draft"))

        response = sync.post(signed)

        assert "Location" not in response.headers
        # What follows the answer's line does not count.
        before, mark, after = response.content.rpartition(MARK)
        response._content = before + mark + after.split(b"\n")[0] + b"\n"
        assert verify(response, signed["n"]).codes == ["ok"]

    def test_title_filter(self, sync: SyncClient, neighbour: Neighbour, number: str) -> None:
        neighbour(
            "add_filter( 'title_save_pre', function ( $title ) { return 'ACME: ' . $title; } );"
            "add_filter( 'content_save_pre', function ( $content ) { return $content . '<p>Ad</p>'; } );"
        )

        result = sync.send(sync.write(number, title="x", content="<p>c</p>", status="publish")).result
        assert result["took"] == {
            "title": {"became": "ACME: x"},
            "content": {"became": "<p>c</p><p>Ad</p>"},
            "status": True,
        }
        result = sync.send(sync.write(number, result["post"], title="y")).result
        assert result["took"] == {"title": {"became": "ACME: y"}}
        assert state(sync, result["post"])["content"] == "<p>c</p><p>Ad</p>", "what is not written stays"

    def test_plugin_that_always_rewrites(self, sync: SyncClient, neighbour: Neighbour, number: str) -> None:
        neighbour(
            "add_filter( 'wp_insert_post_data', function ( $data ) {"
            " $data['post_title'] = 'Mine'; $data['post_status'] = 'draft'; $data['post_excerpt'] = 'x'; return $data; } );"
            "add_filter( 'update_post_metadata', function ( $check, $id, $key ) {"
            " return '_zoombridge_html' === $key ? true : $check; }, 10, 3 );"
        )
        post = make(sync, number, status="private", metas={"set": {"html": "<p>1</p>"}})

        result = sync.send(
            sync.write(number, post, title="x", status="publish", metas={"set": {"html": "<p>2</p>"}})
        ).result

        assert result["took"] == {
            "title": {"became": "Mine"},
            "status": {"became": "draft"},
            "html": {"became": "<p>1</p>"},
        }
        assert result["status"] == "draft"

    def test_a_plugin_that_adds_metas_to_a_new_post_does_not_double_them(
        self, sync: SyncClient, neighbour: Neighbour, number: str
    ) -> None:
        neighbour(
            "add_action( 'added_post_meta', function ( $meta_id, $id, $key ) { if ( '_zoombridge_post' === $key ) {"
            " add_post_meta( $id, '_zoombridge_html', 'theirs' ); } }, 10, 3 );"
        )

        result = sync.send(sync.write(number, title="x", metas={"set": {"html": "<p>ours</p>"}})).result

        assert result["took"]["html"] is True
        told = sync.site.php("return get_post_meta( $id, '_zoombridge_html' );", id=result["post"])
        assert told == ["<p>ours</p>"]

    def test_a_meta_that_is_stored_in_another_form_is_replaced(self, sync: SyncClient, number: str) -> None:
        post = make(sync, number, metas={"lay_over": {"fields": {"duration": 1.5}}})
        before = sync.site.php(
            """
            global $wpdb;
            $raw   = 'a:1:{s:8:"duration";d:1.50;}';
            $where = array( 'post_id' => $post, 'meta_key' => '_meeting_fields' );
            $wpdb->update( $wpdb->postmeta, array( 'meta_value' => $raw ), $where );
            return $raw;
            """,
            post=post,
        )
        assert raw(sync, post)[1]["_meeting_fields"] == before

        result = sync.send(
            sync.write(number, post, metas={"lay_over": {"fields": {"timezone": "Europe/Berlin"}}})
        ).result

        assert result["took"] == {"fields": True}
        assert state(sync, post)["metas"]["fields"] == {"duration": 1.5, "timezone": "Europe/Berlin"}

    def test_stale_object_cache(self, sync: SyncClient, neighbour: Neighbour, number: str) -> None:
        post = make(sync, number, metas={"set": {"html": "<p>1</p>", "revision": 1}})
        neighbour(
            f"add_action( 'init', function () {{ get_post( {post} ); $post = clone get_post( {post} );"
            f" $post->post_title = 'New'; $post->post_content = 'stale'; wp_cache_set( {post}, $post, 'posts' );"
            f" $metas = get_post_meta( {post} ); $metas['_zoombridge_html'] = array( '<p>2</p>' );"
            f" wp_cache_set( {post}, $metas, 'post_meta' ); }} );"
        )

        result = sync.send(sync.write(number, post, title="New", metas={"set": {"html": "<p>2</p>"}})).result

        assert result["took"] == {"title": True, "html": True}
        row, metas = raw(sync, post)
        assert (row["post_title"], row["post_content"], metas["_zoombridge_html"]) == ("New", "", "<p>2</p>")

    def test_object_cache_that_does_not_know_of_the_pairing(
        self, sync: SyncClient, neighbour: Neighbour
    ) -> None:
        """A request that began before it has written back which options are not there."""
        neighbour(
            "wp_using_ext_object_cache( true );"
            " wp_cache_set( 'notoptions', array( 'zoombridge_connection' => true ), 'options' );"
        )

        assert sync.send(HELLO).codes == ["ok"]
        event = requests.post(f"{sync.site.rest_root}vczapi/v1/meeting", data=b"{}", timeout=600)
        assert (event.status_code, event.json()["code"]) == (503, "zoombridge_unreachable")

    def test_lists_cached_before_the_end_of_a_transaction_are_forgotten(
        self, sync: SyncClient, neighbour: Neighbour, number: str
    ) -> None:
        """Visitors who read before that cache what stood before, and an object cache that lasts would keep it."""
        neighbour(
            "add_filter( 'query', function ( $query ) { if ( 'COMMIT' === $query ) {"
            " $GLOBALS['cached_lists'] = wp_cache_get( 'last_changed', 'posts' ); } return $query; } );"
            " add_action( 'zoombridge_written', function () {"
            " $is_stale = wp_cache_get( 'last_changed', 'posts' ) === $GLOBALS['cached_lists'];"
            " file_put_contents( WP_CONTENT_DIR . '/lists.txt', $is_stale ? 'stale' : 'new' ); }, PHP_INT_MAX );"
        )
        told = sync.site.directory / "wp-content/lists.txt"
        begin = {"set": {"start_date_utc": "2036-03-24 18:00:00"}}
        post = make(sync, number, metas=begin)
        after = {"create": told.read_text(encoding="utf-8")}
        for operation in (
            sync.write(number, post, metas={"set": {"start_date_utc": "2036-03-25 18:00:00"}}),
            sync.target("trash", number, post),
            sync.target("restore", number, post),
            sync.target("delete", number, post),
        ):
            told.unlink()
            assert sync.send(operation).codes == ["ok"]
            after[operation["op"]] = told.read_text(encoding="utf-8")
        told.unlink()
        assert after == dict.fromkeys(("create", "write", "trash", "restore", "delete"), "new")

    def test_stale_status_in_the_cache(self, sync: SyncClient, neighbour: Neighbour, number: str) -> None:
        post = make(sync, number)
        sync.send(sync.target("trash", number, post))
        neighbour(
            f"add_action( 'init', function () {{ $post = clone get_post( {post} ); $post->post_status = 'publish';"
            f" wp_cache_set( {post}, $post, 'posts' ); }} );"
        )

        assert sync.send(sync.target("restore", number, post)).result["status"] == "publish"
        assert raw(sync, post)[0]["post_status"] == "publish"

    def test_no_trash(self, sync: SyncClient, neighbour: Neighbour, number: str) -> None:
        post = make(sync, number)
        neighbour("define( 'EMPTY_TRASH_DAYS', 0 );")

        answer = sync.send(sync.target("trash", number, post), HELLO)

        assert answer.codes == ["no_trash", "ok"]
        assert answer.inner["can"] == {"trash": False}
        assert answer.results[1]["trash"] is False
        assert state(sync, post)["status"] == "publish"

    def test_plugin_that_prevents_deletion(self, sync: SyncClient, neighbour: Neighbour, number: str) -> None:
        post = make(sync, number)
        neighbour("add_filter( 'pre_delete_post', '__return_false' );")

        assert sync.send(sync.target("delete", number, post)).codes == ["refused"]

    @pytest.mark.parametrize("charset", ["utf8mb3", "latin1"])
    def test_narrow_tables(self, sync: SyncClient, number: str, charset: str) -> None:
        if sync.site.kind == "playground-sqlite":
            pytest.skip("SQLite has no charsets")
        convert = """
            global $wpdb;
            foreach ( array( $wpdb->posts, $wpdb->postmeta ) as $table ) {
                $wpdb->query( "ALTER TABLE $table CONVERT TO CHARACTER SET $charset" );
            }
            return $wpdb->last_error;
        """
        assert sync.site.php(convert, charset=charset) == ""
        try:
            text = "Fire 🚒 drill \u2192 für"
            operation = sync.write(
                number,
                title=text,
                content=f"<p>{text}</p>",
                status="publish",
                metas={
                    "set": {"html": f"<p>{text}</p>"},
                    "lay_over": {"details": json.dumps({"topic": text}), "fields": {"topic": text}},
                },
            )
            result = sync.send(operation).result

            assert set(result["took"].values()) == {True}, result
            kept = text.replace("🚒", "&#x1f692;")
            kept = kept.replace("\u2192", "&#x2192;") if charset == "latin1" else kept
            found = state(sync, result["post"])
            assert found["title"] == kept
            assert found["content"] == found["metas"]["html"] == f"<p>{kept}</p>"
            assert json.loads(found["metas"]["details"]) == found["metas"]["fields"] == {"topic": kept}
            assert sync.send(HELLO).result["charset"] == charset
            # As the first version left its posts.
            sync.site.php("delete_post_meta($post, '_zoombridge_wrote');", post=result["post"])
            assert sync.send({"op": "read", "post": result["post"]}).result["editors_title"] is False
        finally:
            assert sync.site.php(convert, charset="utf8mb4") == ""


def failing(pattern: str) -> str:
    """Return code of a plugin, with which the queries that a pattern matches fail."""
    return (
        f"add_filter( 'query', function ( $query ) {{ return preg_match( '~{pattern}~s', $query ) ?"
        " 'SELECT nothing FROM nowhere' : $query; } );"
    )


ROWS, METAS = r"SELECT \* FROM \S+ WHERE ID IN", r"SELECT post_id, .* WHERE post_id IN [^)]*\) AND"


class TestFailingReads:
    """What the database does not answer is not taken for what is not there."""

    @pytest.fixture(autouse=True)
    def _log(self, sync: SyncClient) -> Iterator[None]:
        yield
        forget_log(sync.site)

    @pytest.mark.parametrize("pattern", [ROWS, METAS], ids=["rows", "metas"])
    def test_a_post_is_not_missing(
        self, sync: SyncClient, neighbour: Neighbour, number: str, pattern: str
    ) -> None:
        post = make(sync, number, metas={"set": {"html": "<p>1</p>"}})
        before = raw(sync, post)
        neighbour(failing(pattern))
        for operation in (
            {"op": "read", "post": post},
            sync.write(number, post, metas={"set": {"html": "<p>2</p>"}}),
            sync.target("trash", number, post),
            sync.target("delete", number, post),
            {"op": "find", "numbers": [number], "hint": post},
            {"op": "sweep", "after": post - 1},
        ):
            assert sync.send(operation).codes == ["failed"], operation["op"]
        assert raw(sync, post) == before

    def test_a_meeting_gets_no_second_post(self, sync: SyncClient, neighbour: Neighbour, number: str) -> None:
        make(sync, number)
        neighbour(failing("SELECT .*_meeting_zoom_meeting_id"))

        assert sync.send(sync.write(number, title="x"), HELLO).codes == ["failed", "not_tried"]
        assert sync.send({"op": "find", "numbers": [number]}).codes == ["failed"]
        count = "global $wpdb; return (int) $wpdb->get_var( $wpdb->prepare( $query, $number ) );"
        query = "SELECT COUNT(*) FROM wp_postmeta WHERE meta_key LIKE '_meeting_zoom_meeting%%' AND meta_value = %s"
        assert sync.site.php(count, query=query, number=number) == 1

    def test_pages_are_not_swept_away(self, sync: SyncClient, neighbour: Neighbour, number: str) -> None:
        post = make(sync, number)
        neighbour(failing("SELECT DISTINCT p.ID"))

        assert sync.send({"op": "sweep", "after": post - 1}).codes == ["failed"]

    @pytest.mark.parametrize("pattern", [ROWS, METAS], ids=["rows", "metas"])
    def test_changed_pages_are_not_deleted(
        self, sync: SyncClient, neighbour: Neighbour, number: str, pattern: str
    ) -> None:
        post = make(sync, number)
        sync.site.php("wp_update_post( array( 'ID' => $post, 'post_title' => 'Ours' ) );", post=post)
        assert post in [change["post"] for change in sync.send(HELLO).inner["changed"]]
        neighbour(failing(pattern))

        assert sync.send({"op": "outcome", "n": "0" * 32}).inner["changed"] == []


# SQLite has none: its transactions wait for their turn.
WITH_DEADLOCKS = pytest.mark.parametrize("wordpress", ["debian-mariadb"], indirect=True)


class TestUndone:
    """The database undoes a transaction, after a deadlock all of it: nothing counts as written, and it is tried again."""

    @pytest.fixture
    def deadlock(self, sync: SyncClient, neighbour: Neighbour) -> Iterator[Callable[[str], None]]:
        """Lets the database end the transaction at the next statement that a pattern matches, once.

        As `test_real_deadlock` saw of MariaDB: all of the transaction is undone, and the statement has this error.
        """
        order = sync.site.directory / "wp-content/deadlock.txt"

        def prepare(pattern: str) -> None:
            order.touch()
            neighbour(
                "add_filter( 'query', function ( $query ) { global $wpdb; $order = WP_CONTENT_DIR . '/deadlock.txt';"
                f" if ( ! preg_match( '~^{pattern}~s', $query ) || ! file_exists( $order ) ) {{ return $query; }}"
                " unlink( $order ); mysqli_query( $wpdb->dbh, 'ROLLBACK' );"
                " return \"SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT ="
                " 'Deadlock found when trying to get lock; try restarting transaction'\"; } );"
            )

        yield prepare
        assert not order.exists(), "no such statement came"
        forget_log(sync.site)

    @WITH_DEADLOCKS
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE .*_zoombridge_wrote",
            "UPDATE .*_zoombridge_html",
            "INSERT .*_meeting_zoom_join_url",
            "UPDATE .wp_posts",
            "COMMIT",
            "UPDATE .*_zoombridge_seq",
        ],
    )
    def test_write(
        self, sync: SyncClient, deadlock: Callable[[str], None], number: str, statement: str
    ) -> None:
        first = {"html": "<p>1</p>", "start_date_utc": "2036-03-24 18:00:00"}
        then = {
            "html": "<p>2</p>",
            "start_date_utc": "2036-03-25 18:00:00",
            "join_url": "https://zoom.us/j/1",
        }
        post = make(sync, number, content="<p>a</p>", metas={"set": first})
        deadlock(statement)
        operation = sync.write(number, post, title="New", content="<p>b</p>", metas={"set": then})

        assert sync.send(operation, HELLO).codes == ["busy", "not_tried"]
        result = sync.send(operation).result

        assert (result["ok"], result["by"], result["own_texts"]) == (True, "bridge", ["title", "content"])
        assert set(result["took"].values()) == {True}
        assert raw(sync, post)[1]["_zoombridge_end"] == "2036-03-25 19:00:00"
        assert sync.send(operation).result["already"] is True

    @WITH_DEADLOCKS
    @pytest.mark.parametrize(
        "statement",
        [
            "INSERT INTO .wp_posts",
            "INSERT .*_meeting_zoom_meeting_id",
            "INSERT .*_zoombridge_wrote",
            "COMMIT",
        ],
    )
    def test_create(
        self, sync: SyncClient, deadlock: Callable[[str], None], number: str, statement: str
    ) -> None:
        deadlock(statement)
        operation = sync.write(number, title="x", status="publish", metas={"set": {"html": "<p>1</p>"}})

        assert sync.send(operation, HELLO).codes == ["busy", "not_tried"]
        result = sync.send(operation).result

        assert (result["ok"], result["by"], result["own_texts"]) == (True, "bridge", ["title", "content"])
        assert posts_of(sync, number) == [1]
        orphans = """
            global $wpdb;
            return $wpdb->get_col( "SELECT DISTINCT m.post_id FROM $wpdb->postmeta m
                LEFT JOIN $wpdb->posts p ON p.ID = m.post_id WHERE p.ID IS NULL" );
        """
        assert sync.site.php(orphans) == []

    @WITH_DEADLOCKS
    def test_real_deadlock(self, sync: SyncClient, neighbour: Neighbour, number: str) -> None:
        """Another connection holds the row that is written next, and waits for the lock of this post: MariaDB ends ours."""
        first = {"html": "<p>1</p>", "start_date_utc": "2036-03-24 18:00:00"}
        then = {"html": "<p>2</p>", "start_date_utc": "2036-03-25 18:00:00"}
        post = make(sync, number, content="<p>a</p>", metas={"set": first})
        order = sync.site.directory / "wp-content/deadlock.txt"
        order.touch()
        neighbour(
            f"""<?php
            add_filter( 'query', function ( $query ) {{
                static $other = null;
                $order = WP_CONTENT_DIR . '/deadlock.txt';
                if ( file_exists( $order ) && preg_match( '~^UPDATE .wp_posts~', $query ) ) {{
                    unlink( $order );
                    $other = ( new wpdb( DB_USER, DB_PASSWORD, DB_NAME, DB_HOST ) )->dbh;
                    mysqli_query( $other, 'START TRANSACTION' );
                    // The one that has written less is undone.
                    mysqli_query( $other, "INSERT INTO wp_termmeta (term_id, meta_key) SELECT 0, 'x' FROM seq_1_to_500" );
                    // By its primary key: by other indexes, MariaDB may have locked rows for ours that it only passed.
                    mysqli_query( $other, "SELECT * FROM wp_posts WHERE ID = {post} FOR UPDATE" );
                    $lock = "UPDATE wp_options SET option_value = 0 WHERE option_name = 'zoombridge_writing_{post}'";
                    mysqli_query( $other, $lock, MYSQLI_ASYNC );
                }} elseif ( $other ) {{
                    mysqli_reap_async_query( $other );
                    mysqli_query( $other, 'ROLLBACK' );
                    $other = null;
                }}
                return $query;
            }} );"""
        )
        operation = sync.write(number, post, content="<p>b</p>", metas={"set": then})

        answer = sync.send(operation, HELLO)
        result = sync.send(operation).result

        assert answer.codes == ["busy", "not_tried"]
        assert "Deadlock found" in answer.results[0]["text"]
        assert not order.exists()
        assert (result["ok"], result["by"]) == (True, "bridge")
        assert raw(sync, post)[1]["_zoombridge_html"] == "<p>2</p>"
        assert raw(sync, post)[1]["_zoombridge_end"] == "2036-03-25 19:00:00"
        forget_log(sync.site)

    def test_is_in_no_cache(self, sync: SyncClient, neighbour: Neighbour, number: str) -> None:
        """An object cache that lasts would show it to visitors."""
        post = make(sync, number, metas={"set": {"html": "<p>1</p>"}})
        neighbour(
            "add_filter( 'query', function ( $query ) { if ( false !== strpos( $query, '|done' ) ) {"
            f" $metas = wp_cache_get( {post}, 'post_meta' );"
            " file_put_contents( WP_CONTENT_DIR . '/cached.txt', wp_json_encode( $metas['_zoombridge_html'] ?? null ) ); }"
            r" return preg_match( '/^UPDATE `\w+posts` /', $query ) ? 'UPDATE nowhere SET x = 1' : $query; } );"
        )

        result = sync.send(sync.write(number, post, title="New", metas={"set": {"html": "<p>2</p>"}})).result

        assert result["code"] == "column"
        assert raw(sync, post)[1]["_zoombridge_html"] == "<p>1</p>"
        told = sync.site.directory / "wp-content/cached.txt"
        assert json.loads(told.read_text(encoding="utf-8")) in (None, ["<p>1</p>"])
        told.unlink()
        forget_log(sync.site)


class TestVczapi:
    @pytest.fixture
    def vczapi(self, sync: SyncClient) -> Iterator[WordPress]:
        sync.site.add_plugin(VCZAPI)
        yield sync.site
        sync.site.deactivate_plugin("vczapi")

    def test_form_that_saves(self, sync: SyncClient, number: str) -> None:
        sync.site.php("update_option( 'zoombridge_saving_17', time(), false );")
        try:
            assert sync.send(sync.write(number, title="x")).codes == ["busy"]
        finally:
            sync.site.php("delete_option( 'zoombridge_saving_17' );")
        assert sync.send(sync.write(number, title="x")).codes == ["ok"]

    def test_another_request_that_makes_or_writes_it(self, sync: SyncClient, number: str) -> None:
        post = make(sync, number)
        other = str(next(NUMBERS))
        locks = [f"zoombridge_making_{other}", f"zoombridge_writing_{post}"]
        hold = "foreach ( $locks as $lock ) { update_option( $lock, time(), false ); }"
        sync.site.php(hold, locks=locks)

        assert (
            sync.send(sync.write(other, title="x"), sync.write(number, post, title="x")).codes == ["busy"] * 2
        )
        sync.site.php("foreach ( $locks as $lock ) { delete_option( $lock ); }", locks=locks)

    def test_new_post_is_locked_until_its_creation_is_recorded(
        self, sync: SyncClient, number: str, neighbour: Neighbour
    ) -> None:
        """Other requests find it from its insertion on: one that wrote it now would be overwritten by the record."""
        neighbour(
            """
            add_action( 'save_post_zoom-meetings', function ( $id ) {
                update_option( 'locked_then', zoombridge_read_option_row( "zoombridge_writing_$id" ) );
            } );
            """
        )

        post = make(sync, number)

        assert sync.site.php("return get_option( 'locked_then' );")
        assert (
            sync.site.php("return zoombridge_read_option_row( $name );", name=f"zoombridge_writing_{post}")
            is None
        )
        assert sync.send(sync.write(number, post, title="x")).codes == ["ok"]

    def test_its_callbacks_are_off_and_back(
        self, sync: SyncClient, vczapi: WordPress, neighbour: Neighbour, number: str
    ) -> None:
        neighbour(
            "add_action( 'zoombridge_written', function () {"
            " update_option( 'vczapi_is_back', zoombridge_vczapi_callbacks() ? 'yes' : 'no', false ); } );"
        )
        post = vczapi.php(
            "return vczapi_double_make( array( 'id' => (int) $number, 'topic' => 'x', 'agenda' => 'z' ) );",
            number=number,
        )
        answer = sync.send(
            sync.write(number, post, title="y", metas={"lay_over": {"details": '{"topic":"y"}'}})
        )
        assert answer.codes == ["ok"]
        assert answer.inner["vczapi"] == "4.6.7"
        assert json.loads(state(sync, post)["metas"]["details"])["agenda"] == "z"

        assert sync.send(sync.target("delete", number, post)).codes == ["ok"]
        assert vczapi.php("return get_option( 'vczapi_double_deletes', array() );") == []
        assert vczapi.php("return get_option( 'vczapi_is_back' );") == "yes"

    def test_no_request_reaches_zoom(self, sync: SyncClient, neighbour: Neighbour, number: str) -> None:
        neighbour(
            "add_action( 'save_post', function ( $post ) { $codes = array();"
            " foreach ( array( 'https://api.zoom.us/v2', 'https://ZOOM.us/', 'http://127.0.0.1:9/' ) as $url ) {"
            " $codes[] = wp_remote_get( $url )->get_error_code(); }"
            " update_post_meta( $post, 'codes', implode( ' ', $codes ) ); } );"
        )
        post = make(sync, number)

        refused = "zoombridge_zoom_knows"
        assert raw(sync, post)[1]["codes"] == f"{refused} {refused} http_request_failed"


class TestExample:
    """The example of docs/sync.md, computed by the plugin."""

    def test_keys(self, sync: SyncClient) -> None:
        for name, purpose in (("requests", "bridge>site"), ("answers", "answers"), ("site", "site>bridge")):
            key = sync.site.php(
                "return bin2hex( zoombridge_sync_key( $key, $purpose ) );", key=KEY, purpose=purpose
            )
            assert re.search(rf"^    {name} +{key}$", DOCS, re.MULTILINE)

    def test_request(self, sync: SyncClient) -> None:
        request = example('{"zb":2')
        code = """
            $envelope = zoombridge_sync_parse_envelope( $body );
            return array( zoombridge_sync_is_signed( $envelope, $key ), zoombridge_sync_unpack( $envelope ) );
        """

        is_signed, message = sync.site.php(code, body=json.dumps(request), key=KEY)

        assert is_signed
        assert message == example('{"quiet":false')
        home = "return hash( 'sha256', zoombridge_normalize_home( 'https://example.org/blog' ) );"
        assert request["home"] == sync.site.php(home)

    def test_answer(self, sync: SyncClient) -> None:
        answer = example('{"n":"')
        inner = example('{"error":null')

        line = sync.site.php(
            "return zoombridge_sync_sign_answer( $n, $inner, $key, $t );",
            n=answer["n"],
            inner=inner,
            key=KEY,
            t=answer["t"],
        )

        told = json.loads(line.removeprefix("\n#zb2:"))
        assert told | {"stub": answer["stub"]} == answer, "only its version may be another one"


class TestChanges:
    """More of it is in test_changes.py; this depends on the database."""

    def test_a_change_is_told_until_its_version_is_acknowledged(self, sync: SyncClient, number: str) -> None:
        def told(**message: Any) -> list[dict[str, Any]]:
            return [one for one in sync.send(HELLO, message=message).inner["changed"] if one["post"] == post]

        others = sync.send(HELLO).inner["changed"]  # of the tests before
        sync.send(
            HELLO, message={"ack": [{name: one[name] for name in ("post", "version")} for one in others]}
        )
        post = make(sync, number)
        sync.site.php("wp_trash_post( $id ); wp_untrash_post( $id );", id=post)
        [change] = told()
        assert [change] == told()
        assert (change["number"], change["status"], change["by"]) == (number, "draft", "plugin")
        assert told(ack=[{"post": post, "version": change["version"]}]) == []
        found = sync.send({"op": "sweep", "after": post - 1}).result["posts"]
        assert {name: value for name, value in change.items() if name not in ("version", "by", "at")} in found
