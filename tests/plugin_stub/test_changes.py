"""The plugin tells what others change of the bridge's posts: docs/sync.md, on a real WordPress."""

import itertools
import re
from typing import Any

import pytest
import requests

from tests.conftest import STUB_SLUG
from tests.plugin_stub.bridge_double import BridgeDouble
from tests.plugin_stub.conftest import VCZAPI, sign_in
from tests.plugin_stub.pairing import must_use
from tests.plugin_stub.sync import SyncClient, quick_edit
from tests.wordpress import WordPress

HELLO = {"op": "hello"}
NUMBERS = itertools.count(85393847045)
LOAD = "require_once ABSPATH . 'wp-admin/includes/plugin.php';"
CRON = "define( 'DOING_CRON', true );"
ROWS = """
global $wpdb;
return $wpdb->get_col( "SELECT autoload FROM $wpdb->options WHERE option_name LIKE 'zoombridge_changed%'" );
"""

FUTURE = """
$at = gmdate( 'Y-m-d H:i:s', time() + 9000 );
wp_update_post( array( 'ID' => $id, 'edit_date' => true, 'post_date' => $at, 'post_date_gmt' => $at,
    'post_status' => 'future' ) );
"""
# What is done to a post, its status then, and who did it.
WAYS = [
    ("wp_update_post( array( 'ID' => $id, 'post_title' => 'New' ) );", "publish", "plugin"),
    ("define( 'WP_CLI', true ); wp_trash_post( $id );", "trash", "user"),
    (f"{CRON} wp_trash_post( $id );", "trash", "cron"),
    ("wp_set_current_user( 1 ); wp_delete_post( $id, true );", "deleted", "user"),
    (f"{CRON} wp_delete_post( $id, true );", "deleted", "cron"),
    ("wp_trash_post( $id ); wp_untrash_post( $id ); wp_publish_post( $id );", "publish", "plugin"),
    ("wp_update_post( array( 'ID' => $id, 'post_type' => 'post' ) );", "deleted", "plugin"),
    ("update_post_meta( $id, '_vczapi_meeting_type', 'webinar' );", "publish", "plugin"),
    (FUTURE, "future", "plugin"),
]


@pytest.fixture
def sync(paired: WordPress) -> SyncClient:
    return SyncClient(paired)


def make(sync: SyncClient, **given: Any) -> int:
    fields = {"title": "A meeting", "status": "publish", "metas": {"set": {"kind": "meeting"}}} | given
    result = sync.send(sync.write(str(next(NUMBERS)), **fields)).result
    assert result["ok"], result
    post: int = result["post"]
    return post


def changed(sync: SyncClient, *, ack: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
    """Return what the answer to a request tells."""
    told = sync.send(HELLO, message={"ack": ack or []}).inner["changed"]
    assert isinstance(told, list)
    return told


def seen(sync: SyncClient) -> list[tuple[int, str, str]]:
    """Return post, status and who changed it, and acknowledge them."""
    told = changed(sync)
    changed(sync, ack=[{"post": one["post"], "version": one["version"]} for one in told])
    return [(one["post"], one["status"], one["by"]) for one in told]


def swept(sync: SyncClient) -> dict[int, dict[str, Any]]:
    result = sync.send({"op": "sweep", "after": 0}).result
    assert result["next"] is None
    return {one["post"]: one for one in result["posts"]}


def listed(sync: SyncClient, session: requests.Session) -> dict[str, str]:
    """Return the fields that the list of meetings has for its quick edit."""
    page = session.get(f"{sync.site.url}/wp-admin/edit.php?post_type=zoom-meetings", timeout=600).text
    found = re.findall(r'name="(_inline_edit|zoombridge_listed)" value="([^"]*)"', page)
    assert len(found) == 2
    return dict(found)


class TestOlderScreens:
    """What somebody sends from a list or screen that shows what the bridge has replaced since."""

    @pytest.fixture
    def session(self, sync: SyncClient) -> requests.Session:
        return sign_in(sync.site)

    def test_quick_edit_keeps_a_title_that_was_not_typed(
        self, sync: SyncClient, session: requests.Session
    ) -> None:
        post = make(sync, title="Tea")
        fields = listed(sync, session)
        number = str(next(NUMBERS) - 1)
        sync.send(sync.target("write", number, post, title="Coffee"))
        assert "Coffee" in quick_edit(sync, session, fields, post, "Tea", post_name="an-address").text
        result = sync.send({"op": "read", "post": post}).result
        assert (result["state"]["title"], result["editors_title"]) == ("Coffee", False)
        assert result["link"].endswith("/an-address/")
        assert "Theirs" in quick_edit(sync, session, fields, post, "Theirs").text
        assert sync.send({"op": "read", "post": post}).result["editors_title"] is True
        assert "Tea" in quick_edit(sync, session, fields, post, "Tea").text, "typed again, in the same list"
        assert sync.send({"op": "read", "post": post}).result["state"]["title"] == "Tea"

    def test_an_autosave_keeps_what_the_bridge_has_replaced(
        self, sync: SyncClient, session: requests.Session
    ) -> None:
        post = make(sync, title="Tea", content="<p>Hot</p>\n", status="draft")
        number = str(next(NUMBERS) - 1)
        sync.site.php("wp_update_post(array('ID' => $post, 'post_author' => 1));", post=post)
        page = session.get(f"{sync.site.url}/wp-admin/post.php?post={post}&action=edit", timeout=600).text
        nonce = re.search(r'createNonceMiddleware\( "(\w+)"', page)
        assert nonce is not None
        rest = {"X-WP-Nonce": nonce[1]}

        def autosaved(**sent: str) -> list[str]:
            address = f"{sync.site.rest_root}wp/v2/zoom_meetings/{post}/autosaves"
            answer = session.post(address, json={"excerpt": ""} | sent, headers=rest, timeout=600)
            assert answer.status_code == 200, answer.text
            stands: list[str] = sync.site.php(
                "$row = get_post($post); return array($row->post_title, $row->post_content);", post=post
            )
            return stands

        sync.send(sync.target("write", number, post, title="Water", content="<p>Cool</p>"))
        sync.send(sync.target("write", number, post, title="Coffee", content="<p>Cold</p>\n"))
        for content in ("Cold", "Cool", "Hot"):  # As the visual editor writes it.
            assert autosaved(title="Tea", content=content) == ["Coffee", "<p>Cold</p>\n"]
        assert autosaved(title="Tea", content="Typed") == ["Coffee", "Typed"]
        sync.send(sync.target("write", number, post, content="<p>Warm</p>\n"))
        assert autosaved(title="Theirs", content="Typed") == ["Theirs", "<p>Warm</p>\n"]
        assert autosaved(title="Tea", content="More") == ["Tea", "More"], (
            "nothing there is the bridge's any more"
        )


class TestHooks:
    def test_quick_edit(self, sync: SyncClient, bridge: BridgeDouble) -> None:
        post = make(sync)
        session = sign_in(sync.site)
        answer = quick_edit(sync, session, listed(sync, session), post, "Another title", _status="draft")
        assert "Another title" in answer.text

        [told] = changed(sync)
        assert (told["post"], told["status"], told["by"]) == (post, "draft", "user")
        assert told["number"] == str(next(NUMBERS) - 1)
        assert (told["password"], told["ours"]) == (False, False)
        [nudge] = bridge.wait_for_nudges(1)
        assert (nudge.method, nudge.body, nudge.is_signed) == ("POST", b"", True)

    def test_bulk_edit_and_trash(self, sync: SyncClient, bridge: BridgeDouble) -> None:
        posts = [make(sync) for _ in range(3)]
        session = sign_in(sync.site)
        address = f"{sync.site.url}/wp-admin/edit.php"
        page = session.get(f"{address}?post_type=zoom-meetings", timeout=600).text
        nonce = re.search(r'name="_wpnonce" value="(\w+)"', page)
        assert nonce is not None
        form = {"post_type": "zoom-meetings", "_wpnonce": nonce[1], "post[]": posts}
        edit = {"action": "edit", "_status": "private", "bulk_edit": "Update"}
        session.get(address, params={**form, **edit}, timeout=600)
        assert seen(sync) == [(post, "private", "user") for post in posts]
        session.get(address, params={**form, "action": "trash"}, timeout=600)
        assert seen(sync) == [(post, "trash", "user") for post in posts]
        nudges = bridge.wait_for_nudges(2)
        assert len(nudges) == 2, "One call for each request, not for each post."
        ids = {nudge.context["request"] for nudge in nudges}
        assert len(ids) == 2, "The bridge takes each once, also within one second."

    def test_other_ways(self, sync: SyncClient) -> None:
        for code, status, by in WAYS:
            post = make(sync)
            sync.site.php(code, id=post)
            assert seen(sync) == [(post, status, by)], code
            assert changed(sync) == []

    def test_a_password(self, sync: SyncClient) -> None:
        post = make(sync)
        sync.site.php("wp_update_post( array( 'ID' => $id, 'post_password' => 'x' ) );", id=post)
        [told] = changed(sync)
        assert (told["status"], told["password"], told["ours"]) == ("publish", True, True)

    def test_it_is_told_which_metas_are_not_as_the_bridge_left_them(self, sync: SyncClient) -> None:
        post = make(
            sync, metas={"set": {"kind": "meeting", "join_url": "https://zoom.us/j/1", "html": "<p>x</p>"}}
        )
        number = str(next(NUMBERS) - 1)

        def altered(code: str) -> list[str]:
            sync.site.php(code, id=post)
            [told] = changed(sync)
            assert swept(sync)[post]["altered"] == told["altered"]
            names: list[str] = told["altered"]
            return names

        assert altered("wp_update_post( array( 'ID' => $id, 'post_title' => 'New' ) );") == []
        assert altered("update_post_meta( $id, '_meeting_zoom_join_url', 'https://x' );") == ["join_url"]
        assert altered("delete_post_meta( $id, '_zoombridge_html' );") == ["html", "join_url"]
        # What an operation does not write is known to be of others, as before.
        sync.send(sync.write(number, post, metas={"set": {"html": "<p>y</p>"}}))
        sync.send(sync.target("trash", number, post), sync.target("restore", number, post))
        assert altered("add_post_meta( $id, '_vczapi_pro_meeting_details', array( 1 ) );") == [
            "join_url",
            "pro",
        ]
        sync.send(
            sync.write(number, post, metas={"set": {"join_url": "https://zoom.us/j/1"}, "remove": ["pro"]})
        )
        assert swept(sync)[post]["altered"] == []

    def test_it_is_told_also_where_php_separates_queries_otherwise(self, sync: SyncClient) -> None:
        with must_use(sync.site, "ini_set( 'arg_separator.output', ';' );"):
            post = make(sync, metas={"set": {"kind": "meeting", "html": "<p>x</p>"}})
            sync.site.php("wp_update_post( array( 'ID' => $id, 'post_title' => 'New' ) );", id=post)

            assert [told["altered"] for told in changed(sync)] == [[]]

    def test_what_changes_nothing_is_not_told(self, sync: SyncClient, bridge: BridgeDouble) -> None:
        for code in (
            "wp_update_post( array( 'ID' => $id, 'menu_order' => 7 ) );",
            "add_post_meta( $id, 'views', 7 ); update_post_meta( $id, '_vczapi_meeting_type', 'meeting' );",
            "wp_update_post( array( 'ID' => $id ) );",
        ):
            sync.site.php(code, id=make(sync))
            assert (changed(sync), bridge.nudges) == ([], []), code

    def test_posts_that_are_not_the_bridges_are_not_told(
        self, sync: SyncClient, bridge: BridgeDouble
    ) -> None:
        copy = """
            $copy = wp_insert_post( array( 'post_type' => 'zoom-meetings', 'post_title' => 'x' ) );
            foreach ( get_post_meta( $id ) as $key => $values ) {
                add_post_meta( $copy, $key, $values[0] );
            }
            wp_update_post( array( 'ID' => $copy, 'post_title' => 'y' ) );
            wp_delete_post( $copy, true );
            wp_insert_post( array( 'post_title' => 'Another post', 'post_status' => 'publish' ) );
        """
        sync.site.php(copy, id=make(sync))
        assert (changed(sync), bridge.nudges) == ([], [])

    def test_the_bridges_own_writes_are_not_told(self, sync: SyncClient, bridge: BridgeDouble) -> None:
        post = make(sync)
        number = str(next(NUMBERS) - 1)
        sync.send(sync.write(number, post, title="New", content="<p>x</p>", status="draft"))
        sync.send(sync.target("trash", number, post), sync.target("restore", number, post))
        sync.send(sync.target("delete", number, post))
        assert (changed(sync), bridge.nudges) == ([], [])


class TestRows:
    def test_only_the_acknowledged_version_is_forgotten(self, sync: SyncClient) -> None:
        post = make(sync)
        sync.site.php("wp_trash_post( $id );", id=post)
        [first] = changed(sync)
        sync.site.php("wp_untrash_post( $id );", id=post)
        ack = [{"post": post, "version": first["version"]}]
        [second] = changed(sync, ack=ack)
        assert (second["status"], second["version"] != first["version"]) == ("draft", True)
        assert [one["version"] for one in changed(sync, ack=ack)] == [second["version"]]
        assert changed(sync, ack=[{"post": post, "version": second["version"]}]) == []

    def test_many_changes_come_in_parts(self, sync: SyncClient) -> None:
        posts = [make(sync) for _ in range(3)]
        rows = """
            global $wpdb;
            foreach ( range( 1, 60 ) as $n ) {
                add_option( 'zoombridge_changed_' . ( 900000 + $n ), '0123456789abcdef|user|1|' . $n, '', false );
            }
            foreach ( $posts as $id ) {
                wp_trash_post( $id );
            }
        """
        sync.site.php(rows, posts=posts)
        told = changed(sync)
        assert len(told) == 50
        assert {one["status"] for one in told} == {"deleted"}
        rest = changed(sync, ack=[{"post": one["post"], "version": one["version"]} for one in told])
        assert [one["post"] for one in rest] == [*range(900051, 900061), *posts]

    def test_they_are_loaded_with_no_page_and_go_with_the_plugin(self, sync: SyncClient) -> None:
        sync.site.php("wp_trash_post( $id );", id=make(sync))
        assert sync.site.php(ROWS) == ["no"]
        sync.site.php(
            f"{LOAD} deactivate_plugins( $plugin, true ); uninstall_plugin( $plugin );",
            plugin=f"{STUB_SLUG}/load.php",
        )
        assert sync.site.php(ROWS) == []

    def test_a_site_without_a_bridge_notes_nothing(self, sync: SyncClient) -> None:
        post = make(sync)
        sync.send({"op": "unpair"})
        sync.site.php("wp_trash_post( $id );", id=post)
        assert sync.site.php(ROWS) == []

    @pytest.mark.parametrize("ack", [[7], [{"post": 1}], [{"post": 1, "version": "x"}], ["a"] * 201])
    def test_a_malformed_acknowledgement_is_refused(self, sync: SyncClient, ack: list[Any]) -> None:
        assert sync.send(HELLO, message={"ack": ack}).error == "invalid"

    def test_a_refused_request_tells_nothing(self, sync: SyncClient) -> None:
        sync.site.php("wp_trash_post( $id );", id=make(sync))
        answer = sync.send(HELLO, home="0" * 64)
        assert (answer.error, answer.inner["changed"]) == ("moved", [])


class TestNudge:
    def test_a_bridge_that_does_not_answer_keeps_nobody_waiting(
        self, sync: SyncClient, bridge: BridgeDouble
    ) -> None:
        post = make(sync)
        bridge.hang()
        sync.site.php("wp_trash_post( $id );", id=post)
        assert seen(sync) == [(post, "trash", "plugin")]

    def test_with_outgoing_requests_blocked_the_next_answer_tells(
        self, sync: SyncClient, bridge: BridgeDouble
    ) -> None:
        post = make(sync)
        block = "add_filter( 'pre_http_request', function () { return new WP_Error( 'blocked', 'No.' ); } );"
        sync.site.php(f"{block} wp_trash_post( $id );", id=post)
        assert (seen(sync), bridge.nudges) == ([(post, "trash", "plugin")], [])

    def test_vczapi_comes_and_goes(self, sync: SyncClient, bridge: BridgeDouble) -> None:
        sync.site.add_plugin(VCZAPI)
        [file] = [
            name for name in sync.site.php(f"{LOAD} return array_keys( get_plugins() );") if "vczapi" in name
        ]
        bridge.wait_for_nudges(1)
        bridge.nudges.clear()
        sync.site.php(f"{LOAD} deactivate_plugins( $file );", file=file)
        assert sync.send(HELLO).inner["vczapi"] is None
        sync.site.php(f"{LOAD} activate_plugin( $file );", file=file)
        assert sync.send(HELLO).inner["vczapi"] is not None
        assert len(bridge.wait_for_nudges(2)) == 2
        sync.site.deactivate_plugin("vczapi")


class TestSweep:
    def test_it_sees_what_hooks_do_not(self, sync: SyncClient) -> None:
        posts = [make(sync) for _ in range(4)]
        before = swept(sync)
        assert list(before) == posts
        assert all(one["ours"] and one["status"] == "publish" and one["link"] for one in before.values())
        by_sql = """
            global $wpdb;
            $wpdb->update( $wpdb->posts, array( 'post_status' => 'draft' ), array( 'ID' => $posts[0] ) );
            $wpdb->update( $wpdb->posts, array( 'post_password' => 'x' ), array( 'ID' => $posts[1] ) );
            $wpdb->delete( $wpdb->posts, array( 'ID' => $posts[2] ) );
        """
        sync.site.php(by_sql, posts=posts)
        assert changed(sync) == []
        after = swept(sync)
        assert [(one["post"], one["status"], one["password"], one["ours"]) for one in after.values()] == [
            (posts[0], "draft", False, False),
            (posts[1], "publish", True, True),
            (posts[3], "publish", False, True),
        ]
        assert after[posts[0]]["digest"] != before[posts[0]]["digest"]
        assert after[posts[3]] == before[posts[3]]

    def test_its_pages_leave_nothing_out(self, sync: SyncClient) -> None:
        many = """
            global $wpdb;
            foreach ( range( 1, $count ) as $n ) {
                $wpdb->insert( $wpdb->posts, array( 'post_type' => 'zoom-meetings', 'post_status' => 'publish', 'post_title' => $n,
                    'post_content' => '', 'post_excerpt' => '', 'to_ping' => '', 'pinged' => '', 'post_content_filtered' => '' ) );
                $id = $wpdb->insert_id;
                // Every seventh is a copy of another post.
                $wpdb->insert( $wpdb->postmeta,
                    array( 'post_id' => $id, 'meta_key' => '_zoombridge_post', 'meta_value' => $n % 7 ? $id : 1 ) );
            }
            return $id;
        """
        last: int = sync.site.php(many, count=1020)
        first = last - 1019
        found: list[int] = []
        afters: list[int | None] = [0]
        while afters[-1] is not None:
            result = sync.send({"op": "sweep", "after": afters[-1]}).result
            found += [one["post"] for one in result["posts"]]
            afters.append(result["next"])
        assert afters == [0, found[0] + 499, found[0] + 999, None]
        assert found == [first + n - 1 for n in range(1, 1021) if n % 7]

    def test_a_restored_database_shows_by_the_visits(self, sync: SyncClient) -> None:
        def visit(number: int) -> int:
            told: int = sync.send({"op": "hello", "visit": number}).result["visit"]
            return told

        assert [visit(number) for number in (1, 2, 2, 3)] == [0, 1, 2, 2]
        assert "visit" not in sync.send(HELLO).result
