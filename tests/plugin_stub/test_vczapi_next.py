"""Beside the next generation of VCZAPI: what the bridge writes is not sent to Zoom, and what editors save makes no meeting there.

The next generation cannot be had: the double stands for what was read of it. What holds beside any version is tried
beside the present one, too, which is the real plugin if it was named.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.plugin_stub.conftest import password_of
from tests.plugin_stub.pairing import connect
from tests.plugin_stub.sync import SyncClient
from tests.plugin_stub.test_vczapi_visitors import write
from tests.plugin_stub.vczapi import BRIDGE, disconnect, manage, sync
from tests.wordpress.vczapi_site import NUMBER, VczapiSite, details

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.plugin_stub.bridge_double import BridgeDouble
    from tests.wordpress import WordPress

__all__ = ["sync", "write"]

ADDON = Path(__file__).parent / "vczapi_addon"
ID = "vczapi_meeting_id"
TWINS = {
    ID: "_meeting_zoom_meeting_id",
    "vczapi_meeting_type": "_vczapi_meeting_type",
    "vczapi_meeting_join_url": "_meeting_zoom_join_url",
    "vczapi_meeting_start_date_utc": "_meeting_field_start_date_utc",
    "vczapi_meeting_fields": "_meeting_fields",
    "vczapi_meeting_zoom_details": "_meeting_zoom_details",
}
EDIT = "edit.php?post_type=zoom-meetings"


@pytest.fixture
def vczapi(site: WordPress) -> Iterator[VczapiSite]:
    """A site on which the next generation is active, as connected with Zoom."""
    started = VczapiSite.start(site, is_next=True)
    yield started
    started.stop()


@pytest.fixture(params=["present", "next"])
def any_generation(site: WordPress, request: pytest.FixtureRequest) -> Iterator[VczapiSite]:
    """A site with VCZAPI as it is, or with its next generation, which is paired with the bridge."""
    started = VczapiSite.start(site, is_next=request.param == "next")
    connect(site, BRIDGE)
    yield started
    started.stop()


def twins(vczapi: VczapiSite, post: int) -> dict[str, Any]:
    """Return the twins as the database holds them."""
    return {key: value for key in TWINS if (value := vczapi.meta(post, key)) is not None}


def shown(vczapi: VczapiSite, post: int, key: str) -> Any:
    """Return a meta as VCZAPI reads it."""
    return vczapi.site.command_line("return get_post_meta( $post, $key, true );", post=post, key=key)


def of_zoom(vczapi: VczapiSite) -> list[str]:
    """Return the meetings that were made at Zoom."""
    return [path for how, path, _ in vczapi.changes() if how == "POST"]


class TestTwins:
    def test_hold_what_the_bridge_writes(
        self, vczapi: VczapiSite, write: Callable[..., int], sync: SyncClient
    ) -> None:
        post = write()
        manage(sync, post, details={"settings": {"of_a_kind": {"deep": True}}})

        stored = twins(vczapi, post)
        raw = {twin: vczapi.meta(post, key) for twin, key in TWINS.items()}
        assert stored == raw | {
            "vczapi_meeting_zoom_details": {"start_url": ""} | raw["vczapi_meeting_zoom_details"]
        }
        assert "stdClass" not in vczapi.site.command_line(
            "return serialize( get_post_meta( $post, 'vczapi_meeting_zoom_details', true ) );", post=post
        )

    def test_are_kept_in_step(self, vczapi: VczapiSite, write: Callable[..., int], sync: SyncClient) -> None:
        post = write()

        manage(
            sync,
            post,
            join_url="",
            start_date_utc="2031-01-01 10:00:00",
            details={"join_url": "", "password": None, "topic": "Renamed"},
            fields={"duration": 15},
        )

        stored = twins(vczapi, post)
        assert not stored.get("vczapi_meeting_join_url")
        assert stored["vczapi_meeting_start_date_utc"] == "2031-01-01 10:00:00"
        assert stored["vczapi_meeting_fields"]["duration"] == 15
        found = stored["vczapi_meeting_zoom_details"]
        assert (found["join_url"], found["topic"], "password" in found) == ("", "Renamed", False)

    def test_keep_the_choices_of_the_site(
        self, vczapi: VczapiSite, write: Callable[..., int], sync: SyncClient
    ) -> None:
        post = write(fields={"site_option_browser_join": "1"})
        vczapi.site.php(
            """
            $fields = array( 'site_option_logged_in' => '1', 'site_option_browser_join' => '', 'duration' => 7 );
            update_post_meta( $post, 'vczapi_meeting_fields', $fields );
            """,
            post=post,
        )

        manage(sync, post, fields={"duration": 15})

        for found in (
            twins(vczapi, post)["vczapi_meeting_fields"],
            shown(vczapi, post, "vczapi_meeting_fields"),
        ):
            assert (found["site_option_logged_in"], found["site_option_browser_join"]) == ("1", "")
            assert found["duration"] == 15
        assert vczapi.meta(post, "_meeting_fields")["site_option_browser_join"] == "1"

    def test_choice_of_the_site_counts_for_visitors(
        self, vczapi: VczapiSite, write: Callable[..., int]
    ) -> None:
        post = write()
        assert "pwd=" in vczapi.ajax_links(post)

        vczapi.site.php(
            "update_post_meta( $post, 'vczapi_meeting_fields', array( 'site_option_logged_in' => '1' ) );",
            post=post,
        )

        assert vczapi.ajax_links(post) == ""

    def test_what_zoom_answers_is_not_stored_in_them(
        self, vczapi: VczapiSite, write: Callable[..., int]
    ) -> None:
        post = write(details(join_url="", password=None))
        vczapi.site.php(
            """
            foreach ( array( 'vczapi_meeting_zoom_details' => $told, 'vczapi_meeting_id' => 1 ) as $key => $value ) {
                update_post_meta( $post, $key, $value );
                add_post_meta( $post, $key, $value );
            }
            """,
            post=post,
            told=details(),
        )

        rows = vczapi.site.php(
            """
            global $wpdb;
            $query = "SELECT meta_value FROM $wpdb->postmeta WHERE post_id = %d AND meta_key LIKE 'vczapi\\_%%'";
            return $wpdb->get_col( $wpdb->prepare( $query, $post ) );
            """,
            post=post,
        )
        assert len(rows) == len(TWINS)
        stored = json.dumps([rows, shown(vczapi, post, "vczapi_meeting_zoom_details")])
        assert "zak" not in stored
        assert "pwd=" not in stored
        assert shown(vczapi, post, ID) == str(NUMBER)

    def test_are_no_custom_fields_that_a_theme_shows(
        self, vczapi: VczapiSite, write: Callable[..., int]
    ) -> None:
        post = write()

        printed = vczapi.site.php(
            """
            setup_postdata( $GLOBALS['post'] = get_post( $post ) );
            ob_start();
            @the_meta();
            return ob_get_clean();
            """,
            post=post,
        )

        assert "pwd=" not in printed
        assert str(NUMBER) not in printed
        vczapi.site.log_path.write_bytes(b"")  # WordPress has deprecated the_meta() since

    def test_of_other_posts_are_the_plugins(self, vczapi: VczapiSite, sync: SyncClient) -> None:
        post = vczapi.make(details())

        vczapi.site.php("update_post_meta( $post, 'vczapi_meeting_id', '7' );", post=post)

        assert shown(vczapi, post, ID) == "7"

    def test_on_a_site_that_is_not_paired_are_the_plugins(
        self, vczapi: VczapiSite, write: Callable[..., int]
    ) -> None:
        post = write()
        disconnect(vczapi.site)

        vczapi.site.php(
            """
            update_post_meta( $post, 'vczapi_meeting_start_date_utc', '2099-01-01 10:00:00' );
            update_post_meta( $post, 'vczapi_meeting_zoom_details', $told );
            """,
            post=post,
            told=details(topic="By hand"),
        )

        assert shown(vczapi, post, "vczapi_meeting_start_date_utc") == "2099-01-01 10:00:00"
        assert shown(vczapi, post, "vczapi_meeting_zoom_details")["topic"] == "By hand"
        assert "zak" not in json.dumps(twins(vczapi, post)), "start links stay out"
        assert shown(vczapi, post, ID) == str(NUMBER)

    def test_that_it_left_behind_are_kept_in_step(
        self, vczapi: VczapiSite, write: Callable[..., int], sync: SyncClient
    ) -> None:
        """The site has gone back to the version before."""
        post = write()
        vczapi.site.php("delete_option( 'vczapi_double_next' );")

        manage(sync, post, details={"topic": "Renamed"})

        assert twins(vczapi, post)["vczapi_meeting_zoom_details"]["topic"] == "Renamed"


class TestBefore:
    """The site has another version of VCZAPI, or none, and gets the next generation later."""

    def test_number_is_written_in_any_case(self, site: WordPress) -> None:
        connect(site, BRIDGE)
        sync = SyncClient(site)

        post = sync.send(sync.write("7", title="x", status="publish")).result["post"]

        found = twins(VczapiSite(site), post)
        assert found == {ID: "7"}, "the others are written where they are read"

    def test_posts_of_before_are_found_without_a_write(
        self, vczapi: VczapiSite, write: Callable[..., int]
    ) -> None:
        """An earlier version of this plugin wrote no twins."""
        post = write()
        vczapi.site.php(
            """
            global $wpdb;
            $wpdb->query( "DELETE FROM $wpdb->postmeta WHERE meta_key LIKE 'vczapi\\_meeting\\_%'" );
            wp_cache_flush();
            """
        )
        assert twins(vczapi, post) == {}

        assert shown(vczapi, post, ID) == str(NUMBER)
        assert shown(vczapi, post, "vczapi_meeting_zoom_details")["topic"] == details()["topic"]

    def test_twins_follow_with_the_next_write(
        self, vczapi: VczapiSite, write: Callable[..., int], sync: SyncClient
    ) -> None:
        vczapi.site.php("delete_option( 'vczapi_double_next' );")
        post = write()
        assert list(twins(vczapi, post)) == [ID]
        vczapi.site.php("update_option( 'vczapi_double_next', '1' );")

        manage(sync, post, details={"duration": 15})

        assert set(twins(vczapi, post)) == set(TWINS)


class TestEditors:
    @pytest.fixture(params=["bridge", "form"])
    def post(self, request: pytest.FixtureRequest, vczapi: VczapiSite, sync: SyncClient) -> int:
        """A post that the bridge made, or one that it adopted."""
        if request.param == "form":
            made = vczapi.make(details())
            manage(sync, made, details={"start_url": None})
            return made
        vczapi.hold(details())
        given: int = sync.send(sync.write(str(NUMBER), title="Weekly", status="publish")).result["post"]
        return given

    def test_save_by_rest(self, vczapi: VczapiSite, post: int) -> None:
        for title in ("One", "Two"):
            answer = vczapi.site.rest("POST", f"wp/v2/zoom_meetings/{post}", json={"title": title})
            assert answer.status_code == 200, answer.text

        assert of_zoom(vczapi) == []

    def test_quick_edit(self, vczapi: VczapiSite, post: int) -> None:
        page = vczapi.session.get(f"{vczapi.site.url}/wp-admin/{EDIT}", timeout=600).text
        nonce = re.search(r'name="_inline_edit" value="(\w+)"', page)
        assert nonce is not None
        form = {
            "action": "inline-save",
            "post_type": "zoom-meetings",
            "post_ID": str(post),
            "screen": "edit-zoom-meetings",
            "post_view": "list",
            "_inline_edit": nonce[1],
            "post_title": "Another title",
            "_status": "draft",
            "post_author": "1",
            **dict(
                zip(("aa", "mm", "jj", "hh", "mn", "ss"), ("2026", "03", "02", "10", "0", "0"), strict=True)
            ),
        }

        answer = vczapi.session.post(f"{vczapi.site.url}/wp-admin/admin-ajax.php", data=form, timeout=600)

        assert "Another title" in answer.text
        assert of_zoom(vczapi) == []

    def test_bulk_edit(self, vczapi: VczapiSite, post: int) -> None:
        address = f"{vczapi.site.url}/wp-admin/edit.php"
        page = vczapi.session.get(f"{vczapi.site.url}/wp-admin/{EDIT}", timeout=600).text
        nonce = re.search(r'name="_wpnonce" value="(\w+)"', page)
        assert nonce is not None
        form = {"post_type": "zoom-meetings", "_wpnonce": nonce[1], "post[]": str(post)}
        edit = {"action": "edit", "_status": "private", "bulk_edit": "Update"}

        vczapi.session.get(address, params=form | edit, timeout=600)

        assert vczapi.site.php("return get_post_status( $post );", post=post) == "private"
        assert of_zoom(vczapi) == []

    def test_posts_that_are_not_managed_reach_zoom(self, vczapi: VczapiSite, sync: SyncClient) -> None:
        """So that the tests above mean something."""
        post = vczapi.make(details())

        vczapi.site.rest("POST", f"wp/v2/zoom_meetings/{post}", json={"title": "One"})

        assert len(of_zoom(vczapi)) == 1


class TestWrites:
    """What the bridge writes reaches Zoom in no way, beside either generation."""

    def test_details_stand_and_zoom_hears_nothing(self, any_generation: VczapiSite) -> None:
        sync = SyncClient(any_generation.site)
        post = any_generation.make(details(state="ended"), site_option_logged_in="1")

        manage(sync, post, details={"topic": "Renamed"}, fields={"duration": 15})
        number = str(NUMBER)
        for wish in (
            sync.write(number, post, title="Renamed", content="<p>Text.</p>", status="private"),
            sync.target("trash", number, post),
            sync.target("restore", number, post),
        ):
            assert sync.send(wish).codes == ["ok"]

        found = any_generation.meta(post, "_meeting_zoom_details")
        assert (found["topic"], found.get("state"), found["password"]) == ("Renamed", None, "482915")
        assert any_generation.meta(post, "_zoombridge_joining_disabled") == "1"
        fields = any_generation.meta(post, "_meeting_fields")
        assert (fields["duration"], fields["site_option_logged_in"]) == (15, "1")
        assert sync.send(sync.target("delete", number, post)).codes == ["ok"]
        assert any_generation.changes() == []

    def test_form_that_is_open_while_an_event_comes_loses_nobodys_change(
        self, any_generation: VczapiSite
    ) -> None:
        sync = SyncClient(any_generation.site)
        post = any_generation.make(details())
        manage(sync, post, details={"start_url": None})
        opened = any_generation.form(post)
        changed = {"details": {"duration": 15}, "fields": {"duration": 15}}
        manage(sync, post, start_date_utc="2031-01-01 10:00:00", **changed)
        assert sync.send(sync.write(str(NUMBER), post, title="Renamed")).codes == ["ok"]

        any_generation.press_update(post, opened, content="By hand.", option_logged_in="1", jbh_time="5")

        after = any_generation.site.php("return get_post( $post );", post=post)
        assert (after["post_title"], after["post_content"]) == ("Renamed", "By hand.")
        fields = any_generation.meta(post, "_meeting_fields")
        assert (fields["duration"], fields["site_option_logged_in"]) == (15, "1")
        assert any_generation.meta(post, "_meeting_field_start_date_utc") == "2031-01-01 10:00:00"
        assert [body for _, _, body in any_generation.changes()] == [{"settings": {"jbh_time": 5}}]
        for twin in ("vczapi_meeting_fields", "vczapi_meeting_zoom_details"):
            assert shown(any_generation, post, twin)["duration"] == 15

    def test_no_callback_reaches_zoom_whatever_hook_it_sits_on(self, any_generation: VczapiSite) -> None:
        site = any_generation.site
        sync = SyncClient(site)
        term = site.php("return wp_insert_term( 'Concerts', 'zoom-meeting' )['term_id'];")
        site.add_plugin(ADDON, "vczapi-addon")
        site.php("delete_option( 'vczapi_addon' ); delete_option( 'cron' );")

        made = sync.send(sync.write(str(NUMBER), title="x", status="publish", terms=[term]))
        assert made.codes == ["ok"]
        post = made.result["post"]
        for wish in (
            sync.write(str(NUMBER), post, title="y", metas={"set": {"revision": 2}}),
            sync.target("trash", str(NUMBER), post),
            sync.target("restore", str(NUMBER), post, status="publish"),
        ):
            assert sync.send(wish).codes == ["ok"]

        counts = site.php("return get_option( 'vczapi_addon', array() );")
        back = site.php("return get_option( 'vczapi_addon_back' );")
        jobs = site.php("return wp_json_encode( _get_cron_array() );")
        site.deactivate_plugin("vczapi-addon")
        assert any_generation.changes() == []
        # A request shuts down while the next one may be counted already, and the counter has no lock.
        assert counts["shutdown"] > 0, "after the writes its callbacks are back"
        assert back == "10"
        during = {"wp_trash_post", "untrashed_post", "set_object_terms", "added_term_relationship"}
        assert during & set(counts) == set(), "during them none is called"
        assert "job" not in jobs

    def test_jobs_of_others_are_scheduled(self, any_generation: VczapiSite) -> None:
        site = any_generation.site
        sync = SyncClient(site)
        (site.directory / "wp-content/mu-plugins/neighbour.php").write_text(
            "<?php add_action( 'save_post', function () { wp_schedule_single_event( time() + 999, 'of_another' ); } );"
        )
        try:
            assert sync.send(sync.write(str(NUMBER), title="x", status="publish")).codes == ["ok"]
        finally:
            (site.directory / "wp-content/mu-plugins/neighbour.php").unlink()

        assert site.php("return (bool) wp_next_scheduled( 'of_another' );")

    def test_a_hundred_meetings_make_none_at_zoom(self, any_generation: VczapiSite) -> None:
        sync = SyncClient(any_generation.site)

        numbers = [str(number) for number in range(1, 101)]
        results: list[Any] = []
        while len(results) < 100:  # a request takes as many as it can in its time
            of_these = numbers[len(results) : len(results) + 20]
            answer = sync.send(*(sync.write(number, title="x", status="publish") for number in of_these))
            written = answer.codes.count("ok")
            assert answer.codes == ["ok"] * written + ["not_tried"] * (len(of_these) - written)
            assert written, "each request takes one at least"
            results += answer.results[:written]

        assert any_generation.changes() == []
        assert [any_generation.meta(result["post"], ID) for result in results[:3]] == numbers[:3]


class TestVersion:
    """A version that was not tried with the bridge is named where plugins are managed, and on the screens of meetings."""

    @pytest.mark.parametrize("screen", ["plugins.php", EDIT, "post-new.php?post_type=zoom-meetings"])
    def test_is_named(self, vczapi: VczapiSite, sync: SyncClient, screen: str) -> None:
        page = vczapi.session.get(f"{vczapi.site.url}/wp-admin/{screen}", timeout=600).text

        assert "“Video Conferencing with Zoom” 4.7.0 has not been tried" in page
        assert "install 4.6.7 again" in page

    def test_is_named_to_administrators_only(self, vczapi: VczapiSite, sync: SyncClient) -> None:
        password_of(vczapi.site, "eva", "editor")
        vczapi.sign_in("eva", "a-password")

        assert "has not been tried" not in vczapi.list_screen()

    def test_that_was_tried_is_not_named(self, vczapi: VczapiSite, sync: SyncClient) -> None:
        vczapi.site.php("delete_option( 'vczapi_double_next' );")

        assert "has not been tried" not in vczapi.list_screen()

    def test_of_before_leads_to_an_update(self, vczapi: VczapiSite, sync: SyncClient) -> None:
        warning = vczapi.site.php("return zoombridge_vczapi_warning();")
        assert "To be safe" in warning
        vczapi.site.php("update_option( 'vczapi_double_version', '4.5.0' );")

        assert "4.5.0 has not been tried" in vczapi.list_screen()
        assert "Update the plugin to 4.6.7." in vczapi.list_screen()

    def test_is_told_with_that_of_the_add_on(self, vczapi: VczapiSite, sync: SyncClient) -> None:
        folder = vczapi.site.directory / "wp-content/plugins/vczapi-pro"
        folder.mkdir(exist_ok=True)
        (folder / "vczapi-pro.php").write_text("<?php\n/* Plugin Name: PRO\n * Version: 1.7.5 */\n")
        vczapi.site.php(
            "require_once ABSPATH . 'wp-admin/includes/plugin.php'; activate_plugin( 'vczapi-pro/vczapi-pro.php' );"
        )

        answer = sync.send({"op": "hello"})

        vczapi.site.deactivate_plugin("vczapi-pro")
        shutil.rmtree(folder)
        assert (answer.inner["vczapi"], answer.result["vczapi_pro"]) == ("4.7.0", "1.7.5")

    def test_bridge_is_called_when_it_is_updated(self, site: WordPress, bridge: BridgeDouble) -> None:
        connect(site, bridge.url)
        for updated in ("another/another.php", "vczapi/vczapi.php"):
            site.php(
                """
                $done = array( 'type' => 'plugin', 'action' => 'update', 'plugins' => array( $plugin ) );
                do_action( 'upgrader_process_complete', new stdClass(), $done );
                """,
                plugin=updated,
            )

        [nudge] = bridge.wait_for_nudges(1)
        assert nudge.target == "/stub/changed"

    def test_updaters_may_not_say_what_they_did(self, site: WordPress) -> None:
        """WordPress's own callbacks read it since 6.5, so they are left out."""
        assert (
            site.php(
                """
                remove_all_actions( 'upgrader_process_complete' );
                add_action( 'upgrader_process_complete', 'zoombridge_note_update_of_plugins', 10, 2 );
                do_action( 'upgrader_process_complete', new stdClass() );
                return 'done';
                """
            )
            == "done"
        )
