"""Metas of managed posts that others write: VCZAPI's button and Import, its form while the bridge adopts a post, other plugins."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import STUB_SLUG
from tests.plugin_stub.pairing import must_use
from tests.plugin_stub.sync import quick_edit
from tests.plugin_stub.vczapi import manage, sync
from tests.wordpress.vczapi_site import NUMBER, VczapiSite, details

if TYPE_CHECKING:
    from tests.plugin_stub.sync import SyncClient
    from tests.wordpress import WordPress

__all__ = ["sync"]

HELLO = {"op": "hello"}
KEYS = ("_meeting_zoom_details", "_meeting_fields", "_meeting_zoom_join_url", "_meeting_zoom_start_url")
# Another process adopts the post, after this one has read its metas.
ADOPTS = """<?php
add_filter( 'vczapi_updateMeetingInfo', function ( $update ) {
    global $wpdb;
    $id = (int) $_POST['post_ID'];
    get_post_meta( $id );
    $row = array( 'post_id' => $id, 'meta_key' => '_zoombridge_post', 'meta_value' => $id );
    $wpdb->insert( $wpdb->postmeta, $row );
    return $update;
}, 1 );
"""
# A plugin that copies a post with its metas, after each of the bridge's metas that is added.
COPIES = """
add_action( 'added_post_meta', function ( $meta_id, $post, $key ) {
    static $is_copying = false;
    if ( $is_copying || 0 !== strpos( $key, '_zoombridge_' ) ) {
        return;
    }
    $is_copying = true;
    $copy       = wp_insert_post( array( 'post_type' => 'zoom-meetings', 'post_title' => 'A copy' ) );
    foreach ( get_post_meta( $post ) as $name => $values ) {
        add_post_meta( $copy, $name, wp_slash( maybe_unserialize( $values[0] ) ) );
    }
    update_option( 'copies', array( $key => $copy ) + get_option( 'copies', array() ) );
    $is_copying = false;
}, 10, 3 );
"""


def changed(sync: SyncClient) -> list[tuple[int, list[str]]]:
    """Return which posts the site tells of, and which of their metas others have changed; acknowledge them."""
    told: list[dict[str, Any]] = sync.send(HELLO).inner["changed"]
    sync.send(HELLO, message={"ack": [{"post": one["post"], "version": one["version"]} for one in told]})
    return [(one["post"], one["altered"]) for one in told]


def stored(vczapi: VczapiSite, post: int) -> list[Any]:
    return [vczapi.meta(post, key) for key in KEYS]


class TestStartUrl:
    """It gives access to the host's account."""

    @pytest.mark.parametrize(
        ("code", "altered"),
        [
            ("update_post_meta( $post, '_meeting_zoom_start_url', $url );", None),
            (
                (
                    "$details = zoombridge_unfitted_meta( $post, '_meeting_zoom_details' ); $details->start_url = $url;"
                    "$details->topic = 'A \\\\ B'; update_post_meta( $post, '_meeting_zoom_details', wp_slash( $details ) );"
                ),
                ["details"],
            ),
            (
                (
                    "delete_post_meta( $post, '_meeting_fields' );"
                    "add_post_meta( $post, '_meeting_fields', array( 'start_url' => $url ), true );"
                ),
                ["fields"],
            ),
        ],
    )
    def test_of_another_plugin_does_not_stand_for_a_moment(
        self, vczapi: VczapiSite, sync: SyncClient, code: str, altered: list[str] | None
    ) -> None:
        post = vczapi.make(details())
        manage(sync, post, details={"topic": "Choir"})

        vczapi.site.php(code, post=post, url="https://us02web.zoom.us/s/1?zak=of-the-host")

        assert "zak" not in json.dumps(stored(vczapi, post))
        assert changed(sync) == ([] if altered is None else [(post, altered)])

    def test_of_vczapi_goes_when_the_bridge_adopts_the_post(
        self, vczapi: VczapiSite, sync: SyncClient
    ) -> None:
        post = vczapi.make(details())
        assert json.dumps(stored(vczapi, post)).count("zak") == 1 + bool(details()["start_url"])

        manage(sync, post, details={"topic": "Choir"})

        assert "zak" not in json.dumps(stored(vczapi, post))

    def test_of_vczapis_own_post_stays(self, vczapi: VczapiSite) -> None:
        post = vczapi.make(details())

        vczapi.press_update(post)

        assert "zak" in vczapi.meta(post, "_meeting_zoom_start_url")

    def test_of_a_form_that_saves_while_the_bridge_adopts_the_post(
        self, vczapi: VczapiSite, sync: SyncClient
    ) -> None:
        post = vczapi.make(details(), password="482915")
        sync.send(HELLO)
        shown = vczapi.form(post)
        plugin = vczapi.site.directory / "wp-content/mu-plugins/adopts.php"
        plugin.write_text(ADOPTS)
        try:
            vczapi.press_update(post, shown, option_mute_participants="1")
        finally:
            plugin.unlink()

        found = stored(vczapi, post)
        assert found[0]["topic"], "what VCZAPI writes otherwise, the bridge writes again"
        assert "zak" not in json.dumps(found)
        assert [one for one, _ in changed(sync)] == [post]


class TestButton:
    """VCZAPI's button with which a site disables joining: the site's own choice, and no word about the meeting."""

    def test_survives_what_the_bridge_writes(self, vczapi: VczapiSite, sync: SyncClient) -> None:
        post = vczapi.make(details(start_url=""))
        manage(sync, post, details={"state": ""})
        before = stored(vczapi, post)
        link = vczapi.ajax_links(post, start="2099-01-01 10:00:00")
        assert "pwd=" in link

        press(vczapi, post, "end")
        manage(sync, post, details={"state": "", "topic": "Choir"})
        assert vczapi.ajax_links(post, start="2099-01-01 10:00:00") == ""
        press(vczapi, post, "resume")

        assert vczapi.ajax_links(post, start="2099-01-01 10:00:00") == link
        assert changed(sync) == []
        assert stored(vczapi, post)[1:] == before[1:]

    @pytest.mark.parametrize("managed_before", [False, True])
    @pytest.mark.parametrize("given", [{}, {"details": {"topic": "Choir"}}, {"details": {"state": ""}}])
    def test_of_before_the_first_write_survives_it_and_can_be_undone(
        self, vczapi: VczapiSite, sync: SyncClient, given: dict[str, Any], managed_before: bool
    ) -> None:
        post = vczapi.make(details(start_url="", state="ended"))
        if managed_before:  # by a version that knew nothing of the button
            vczapi.site.php(
                "add_post_meta( $post, '_zoombridge_revision', '1' );"
                "add_post_meta( $post, '_zoombridge_html', '<section class=\"zoombridge-upcoming\"></section>' );",
                post=post,
            )

        manage(sync, post, **given)
        manage(sync, post, details={"state": ""})  # the meeting starts
        assert vczapi.ajax_links(post, start="2099-01-01 10:00:00") == ""
        press(vczapi, post, "resume")

        assert "pwd=" in vczapi.ajax_links(post, start="2099-01-01 10:00:00")

    @pytest.mark.parametrize(
        ("html", "given"),
        [('<section class="zoombridge-ended"></section>', {"topic": "Choir"}), ("", {"state": "ended"})],
    )
    def test_is_not_what_ended_the_meeting(
        self, vczapi: VczapiSite, sync: SyncClient, html: str, given: dict[str, Any]
    ) -> None:
        post = vczapi.make(details(start_url="", state="ended"))
        vczapi.site.php(
            "add_post_meta( $post, '_zoombridge_revision', '1' ); add_post_meta( $post, '_zoombridge_html', $html );",
            post=post,
            html=html,
        )

        manage(sync, post, details=given)
        assert vczapi.meta(post, "_meeting_zoom_details")["state"] == "ended"
        manage(sync, post, details={"state": ""})

        assert "pwd=" in vczapi.ajax_links(post, start="2099-01-01 10:00:00")

    def test_of_a_meeting_that_has_ended_does_not_resume_it(
        self, vczapi: VczapiSite, sync: SyncClient
    ) -> None:
        post = vczapi.make(details(start_url=""))
        manage(sync, post, details={"state": "ended"})

        press(vczapi, post, "resume")

        assert vczapi.meta(post, "_meeting_zoom_details")["state"] == "ended"
        assert vczapi.ajax_links(post, start="2099-01-01 10:00:00") == ""


class TestGoing:
    def test_vczapi_finds_in_its_metas_what_it_needs(self, vczapi: VczapiSite, sync: SyncClient) -> None:
        post = vczapi.make(details(start_url=""))
        manage(sync, post, details={"password": ""})
        other = vczapi.make(details(id=7, start_url=""))
        before = vczapi.meta(other, "_meeting_zoom_details")
        press(vczapi, post, "end")

        def found() -> tuple[str, str, bool]:
            stored = vczapi.meta(post, "_meeting_zoom_details")
            is_disabled = vczapi.meta(post, "_zoombridge_joining_disabled") == "1"
            return stored.get("state", ""), stored["password"], is_disabled

        assert found() == ("", "", True)
        vczapi.site.deactivate_plugin(STUB_SLUG)
        assert found()[:2] == ("ended", "482915")
        activate(vczapi.site)
        assert found() == ("", "", True)
        vczapi.site.deactivate_plugin(STUB_SLUG)
        press(vczapi, post, "resume")
        activate(vczapi.site)
        assert found() == ("", "", False)
        assert vczapi.meta(post, "_zoombridge_handed_over") is None
        assert vczapi.meta(other, "_meeting_zoom_details") == before, "the bridge does not manage it"

    def test_meetings_of_posts_in_the_trash_stay_in_zoom(self, vczapi: VczapiSite, sync: SyncClient) -> None:
        """There the bridge moves what the rules leave out; later, WordPress empties the trash."""
        numbers = (NUMBER, 7, 8)
        posts = [vczapi.make(details(id=number, start_url="")) for number in numbers]
        for number, post in zip(numbers, posts, strict=True):
            changes = {"set": {"revision": 1}}
            writes = [sync.write(str(number), post, metas=changes), sync.target("trash", str(number), post)]
            assert sync.send(*writes).codes == ["ok", "ok"]

        vczapi.site.deactivate_plugin(STUB_SLUG)
        vczapi.site.php("wp_delete_post( $post, true );", post=posts[0])
        activate(vczapi.site, silent=True)  # as some plugins that manage others do: its hook is not called

        deleted = vczapi.site.php("return get_option( 'vczapi_double_deletes', array() );")
        assert (vczapi.changes(), deleted) == ([], [])
        assert sync.send(sync.target("restore", "7", posts[1])).result["status"] == "publish"
        assert vczapi.meta(posts[1], "_meeting_zoom_meeting_id") == "7"
        sync.send(HELLO)
        assert vczapi.meta(posts[2], "_meeting_zoom_meeting_id") == "8"


class TestAdoption:
    def test_copy_that_is_made_meanwhile_is_not_managed(self, vczapi: VczapiSite, sync: SyncClient) -> None:
        post = vczapi.make(details())
        with must_use(vczapi.site, COPIES):
            manage(sync, post, details={"topic": "Choir"}, html="<p>x</p>", join_url="https://zoom.us/j/1")

        copies = vczapi.site.php(
            """
            $found = array();
            foreach ( get_option( 'copies' ) as $key => $id ) {
                $found[ $key ] = zoombridge_is_managed_post( $id );
            }
            return $found;
            """
        )
        assert "_zoombridge_revision" in copies
        assert set(copies.values()) == {False}


class TestOtherWays:
    def test_quick_edit_touches_no_meta_and_reaches_no_zoom(
        self, vczapi: VczapiSite, sync: SyncClient
    ) -> None:
        post = vczapi.make(details(start_url=""))
        manage(sync, post, details={"topic": "Choir"})
        before = stored(vczapi, post)
        nonce = re.search(r'name="_inline_edit" value="(\w+)"', vczapi.list_screen())
        assert nonce is not None
        answer = quick_edit(sync, vczapi.session, {"_inline_edit": nonce[1]}, post, "Another title")

        assert "Another title" in answer.text
        assert (stored(vczapi, post), vczapi.changes()) == (before, [])
        assert changed(sync) == [(post, [])]

    def test_import_of_a_managed_meeting(self, vczapi: VczapiSite, sync: SyncClient) -> None:
        post = vczapi.make(details(start_url=""))
        manage(sync, post, details={"topic": "Choir"})
        before = stored(vczapi, post)

        assert not vczapi.import_meeting(NUMBER)["success"]

        assert stored(vczapi, post) == before
        assert changed(sync) == []


def press(vczapi: VczapiSite, post: int, state: str) -> None:
    """Press VCZAPI's button below a post."""
    told = vczapi.press_button(post, NUMBER, state)
    assert told["success"], told


def activate(site: WordPress, *, silent: bool = False) -> None:
    """Activate our plugin, which is there; `silent`: without calling its hook."""
    site.php(
        "require_once ABSPATH . 'wp-admin/includes/plugin.php'; activate_plugin( $plugin, '', false, $silent );",
        plugin=f"{STUB_SLUG}/load.php",
        silent=silent,
    )
