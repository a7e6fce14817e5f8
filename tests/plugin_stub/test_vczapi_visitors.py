"""What VCZAPI answers to visitors about posts that the bridge manages, on every address that has a link or a passcode."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.plugin_stub.vczapi import manage, sync
from tests.wordpress.vczapi_site import DEPUTY, NUMBER, VczapiSite, details

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.plugin_stub.sync import SyncClient

__all__ = ["sync"]

LINK = "pwd=aBc.1"
PASSCODE = "482915"
JOINABLE = '<p class="zoombridge-join"><a href="x">Join</a></p>'
SOON = "2099-01-01 10:00:00"


@pytest.fixture
def write(sync: SyncClient) -> Callable[..., int]:
    """Let the bridge write a post of its own, as the rules that are given have it."""

    def made(given: dict[str, Any] | None = None, /, status: str = "publish", **metas: Any) -> int:
        document = (given or details()) | {"start_url": None, "settings": {}}
        document = {key: value for key, value in document.items() if value is not None}
        merged = {"details": json.dumps(document), "fields": _fields(document) | metas.pop("fields", {})}
        changes = {
            "set": {
                "kind": "meeting",
                "join_url": document.get("join_url", ""),
                "start_date_utc": metas.pop("start_date_utc", "2020-01-01 10:00:00"),
                "html": metas.pop("html", JOINABLE),
                "revision": 1,
            },
            "lay_over": merged | metas,
        }
        result = sync.send(
            sync.write(str(NUMBER), title="Weekly", content="Text.", status=status, metas=changes)
        ).result
        assert result["ok"], result
        post: int = result["post"]
        return post

    return made


def _fields(document: dict[str, Any]) -> dict[str, Any]:
    return {
        "meeting_type": 1,
        "start_date": "2020-01-01 11:00",
        "timezone": document["timezone"],
        "duration": document["duration"],
        "password": PASSCODE,
        "userId": document["host_id"],
    }


class TestJoinLinks:
    def test_live_meeting_keeps_its_link(self, vczapi: VczapiSite, write: Callable[..., int]) -> None:
        """The plugin by itself hides it an hour after the start."""
        assert LINK in vczapi.ajax_links(write())

    def test_link_goes_when_the_bridge_takes_it(self, vczapi: VczapiSite, write: Callable[..., int]) -> None:
        assert LINK not in vczapi.ajax_links(write(html="<p>Over</p>"))

    @pytest.mark.parametrize("status", ["private", "draft", "pending"])
    def test_hidden_with_the_post(self, vczapi: VczapiSite, write: Callable[..., int], status: str) -> None:
        post = write(status=status)

        assert vczapi.ajax_links(post, start=SOON) == ""
        assert LINK in vczapi.ajax_links(post, start=SOON, signed_in=True), "who may see the post"

    def test_hidden_in_the_trash(
        self, vczapi: VczapiSite, write: Callable[..., int], sync: SyncClient
    ) -> None:
        post = write()
        assert sync.send(sync.target("trash", str(NUMBER), post)).result["ok"]

        assert vczapi.ajax_links(post, start=SOON) == ""
        assert vczapi.ajax_links(post, start=SOON, signed_in=True) == ""

    def test_hidden_behind_the_posts_password(self, vczapi: VczapiSite, write: Callable[..., int]) -> None:
        post = write()
        vczapi.site.php("wp_update_post( array( 'ID' => $post, 'post_password' => 'x' ) );", post=post)

        assert vczapi.ajax_links(post, start=SOON) == ""
        assert PASSCODE not in vczapi.browser_join(post)

    @pytest.mark.parametrize(
        "given",
        [
            {"fields": {"site_option_logged_in": "1"}},
            {"fields": {"site_option_logged_in": "1"}, "html": "<p>Over</p>"},
        ],
    )
    def test_for_those_who_are_signed_in(
        self, vczapi: VczapiSite, write: Callable[..., int], given: dict[str, Any]
    ) -> None:
        post = write(**given)

        assert vczapi.ajax_links(post, start=SOON) == ""
        assert PASSCODE not in vczapi.browser_join(post)
        assert LINK in vczapi.ajax_links(post, start=SOON, signed_in=True)

    def test_hidden_by_the_rules(self, vczapi: VczapiSite, write: Callable[..., int]) -> None:
        post = write(details(join_url="", password=""))

        assert vczapi.ajax_links(post, start=SOON) == ""
        assert PASSCODE not in vczapi.browser_join(post)

    def test_ended(self, vczapi: VczapiSite, write: Callable[..., int]) -> None:
        post = write(details(state="ended"))

        assert vczapi.ajax_links(post, start=SOON) == ""
        assert PASSCODE not in vczapi.browser_join(post)

    def test_author_starts_the_meeting_without_the_hosts_key(
        self, vczapi: VczapiSite, write: Callable[..., int]
    ) -> None:
        """VCZAPI shows the start link of the details to them: here one at which the host has to sign in."""
        post = write()
        shown = vczapi.ajax_links(post, start=SOON, signed_in=True)

        assert f'href="https://zoom.us/s/{NUMBER}"' in shown
        assert "zak" not in shown
        assert "zoom.us/s/" not in vczapi.ajax_links(post, start=SOON)


class TestBrowserJoin:
    def test_shows_the_passcode_that_rules_show(self, vczapi: VczapiSite, write: Callable[..., int]) -> None:
        assert f'value="{PASSCODE}"' in vczapi.browser_join(write())

    def test_hides_the_passcode_that_rules_hide(self, vczapi: VczapiSite, write: Callable[..., int]) -> None:
        page = vczapi.browser_join(write(details(password="")))

        assert "weekly" in page, "the form itself"
        assert PASSCODE not in page

    def test_has_no_markup_of_hosts(self, vczapi: VczapiSite, write: Callable[..., int]) -> None:
        post = write(details(topic="<b>bold</b> & <script>x</script>", password='"><i>'))

        page = vczapi.browser_join(post)
        assert "&lt;b&gt;bold&lt;/b&gt; &amp; &lt;script&gt;" in page
        assert "<b>bold" not in page
        assert '"><i>' not in page


class TestShortcodes:
    def test_end_without_a_beginning(self, vczapi: VczapiSite) -> None:
        """Another plugin may apply the filter itself; what Zoom answers to the next shortcode is fitted all the same."""
        assert vczapi.site.php(
            """
            $in_shortcode = array();
            foreach ( array( 'do_shortcode_tag', 'pre_do_shortcode_tag', 'do_shortcode_tag' ) as $hook ) {
                apply_filters( $hook, false, 'zoom_api_link', array(), array() );
                $in_shortcode[] = zoombridge_is_in_vczapi_shortcode();
            }
            return $in_shortcode;
            """
        ) == [False, True, False]


class TestMetas:
    def test_absent_ones_stay_absent(self, vczapi: VczapiSite, write: Callable[..., int]) -> None:
        assert vczapi.site.php(
            """
            delete_post_meta( $post, '_meeting_fields' );
            return array( metadata_exists( 'post', $post, '_meeting_fields' ), get_post_meta( $post, '_meeting_fields' ) );
            """,
            post=write(),
        ) == [False, []]


class TestLists:
    def test_undated_meeting_is_not_now(self, vczapi: VczapiSite, write: Callable[..., int]) -> None:
        given = details()
        del given["start_time"]
        write(
            given,
            start_date_utc="2099-12-31 00:00:00",
            pro={"enabled_recurring": "on", "frequency": "4"},
            fields={"start_date": ""},
        )

        listed = vczapi.listed()
        assert "Weekly" in listed
        assert "No fixed time" in listed
        assert "2099" not in listed
        assert "Meeting not created yet." not in vczapi.list_screen()
        assert vczapi.complaints() == []

    def test_dated_meeting_has_its_date(self, vczapi: VczapiSite, write: Callable[..., int]) -> None:
        write(details(start_time="2099-03-02T09:00:00Z"), start_date_utc="2099-03-02 09:00:00")

        listed = vczapi.listed()
        assert "March 2, 2099" in listed
        assert "No fixed time" not in listed

    def test_start_link_in_wp_admin_asks_to_sign_in(
        self, vczapi: VczapiSite, write: Callable[..., int]
    ) -> None:
        post = write()

        assert f'href="https://zoom.us/s/{NUMBER}"' in vczapi.list_screen()
        assert "zoom.us/s/" not in json.dumps(vczapi.meta(post, "_meeting_zoom_details"))
        assert vczapi.complaints() == []


class TestMeetingsOfAHost:
    """The shortcode `[zoom_list_host_meetings]` reads its list on each view."""

    def test_take_as_few_queries_for_many_as_for_one(self, vczapi: VczapiSite, sync: SyncClient) -> None:
        numbers = [str(number) for number in range(81000000000, 81000000050)]
        for status, of_status in (("publish", numbers[:48]), ("private", numbers[48:])):
            changes = {"set": {"revision": 1, "kind": "meeting"}, "lay_over": {"details": '{"topic":"Ours"}'}}
            writes = [sync.write(number, title="x", status=status, metas=changes) for number in of_status]
            assert set(sync.send(*writes).codes) == {"ok"}

        shown, queries = vczapi.site.php(
            """
            $meetings = array();
            foreach ( array_merge( $numbers, array( '7', 8 ), array( $numbers[0] ) ) as $number ) {
                $meetings[] = (object) array( 'id' => (int) $number, 'topic' => 'Of Zoom', 'join_url' => 'x' );
            }
            $meetings[] = (object) array( 'topic' => 'Without a number' );
            wp_cache_flush();
            get_option( 'active_plugins' );
            $before = $GLOBALS['wpdb']->num_queries;
            $shown  = zoombridge_fit_meeting_list( $meetings );
            return array( array_column( $shown, 'topic' ), $GLOBALS['wpdb']->num_queries - $before );
            """,
            numbers=numbers,
        )

        assert shown == ["Ours"] * 48 + ["Of Zoom"] * 2 + ["Ours", "Without a number"]
        assert queries < 10


class TestImport:
    @pytest.mark.parametrize("status", ["publish", "private", "trash"])
    def test_makes_no_second_post(self, vczapi: VczapiSite, write: Callable[..., int], status: str) -> None:
        post = write()
        vczapi.hold(details())
        vczapi.site.php(
            "wp_update_post( array( 'ID' => $post, 'post_status' => $status ) );", post=post, status=status
        )

        assert not vczapi.import_meeting(NUMBER)["success"]

    def test_imported_post_is_adopted(self, vczapi: VczapiSite, sync: SyncClient) -> None:
        """It writes the alternative hosts as a text, with which its own form would end in an error."""
        vczapi.hold(details())
        assert vczapi.import_meeting(NUMBER)["success"]
        [post] = vczapi.site.php(
            "return get_posts( array( 'post_type' => 'zoom-meetings', 'fields' => 'ids' ) );"
        )
        manage(sync, post, details={"topic": "Weekly"})

        assert "alternative_host_ids" in vczapi.edit_screen(post)
        assert vczapi.meta(post, "_meeting_fields")["alternative_host_ids"] == DEPUTY
