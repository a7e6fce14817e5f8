"""What the plugin VCZAPI does by itself, on the double and on the real plugin: what ours has to live with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.wordpress.vczapi_site import DEPUTY, NUMBER, VczapiSite, details

if TYPE_CHECKING:
    from collections.abc import Iterator

ERROR = {"code": 3001, "message": "Meeting does not exist."}


@pytest.fixture
def plugin(vczapi: VczapiSite) -> Iterator[VczapiSite]:
    """The plugin without ours, and leave to complain as it does by itself."""
    vczapi.site.deactivate_plugin("meetings-bridge-for-zoom")
    yield vczapi
    vczapi.site.log_path.write_bytes(b"")


class TestForm:
    def test_update_sends_every_field(self, plugin: VczapiSite) -> None:
        plugin.press_update(plugin.make(details()))

        [(how, path, sent)] = plugin.changes()
        assert (how, path) == ("PATCH", f"meetings/{NUMBER}")
        assert sent["topic"] == "R&amp;D &quot;weekly&quot;"
        assert sent["agenda"].startswith("Written by an editor")
        assert (sent["type"], sent["duration"], sent["password"]) == (2, 60, "482915")
        assert sent["settings"]["alternative_hosts"] == ""
        assert sent["settings"]["mute_upon_entry"] is False
        assert sent["settings"]["waiting_room"] is True

    def test_alternative_hosts_are_ids(self, plugin: VczapiSite) -> None:
        plugin.press_update(plugin.make(details(), alternative_host_ids=[DEPUTY]))

        assert plugin.changes()[0][2]["settings"]["alternative_hosts"] == DEPUTY

    def test_empty_passcode_becomes_the_post_id(self, plugin: VczapiSite) -> None:
        post = plugin.make(details(password=""))

        plugin.press_update(post)

        assert str(plugin.changes()[0][2]["password"]) == str(post)

    @pytest.mark.parametrize(("duration", "sent"), [(50, 40), (45, 40), (40, 45)])
    def test_durations_that_it_does_not_offer_are_replaced(
        self, plugin: VczapiSite, duration: int, sent: int
    ) -> None:
        plugin.press_update(plugin.make(details(duration=duration)))

        assert plugin.changes()[0][2]["duration"] == sent

    def test_time_zone_that_it_does_not_offer_is_replaced(self, plugin: VczapiSite) -> None:
        plugin.press_update(plugin.make(details(timezone="Pacific/Apia")))

        assert plugin.changes()[0][2]["timezone"] == "Pacific/Midway"

    def test_details_become_what_zoom_answers(self, plugin: VczapiSite) -> None:
        post = plugin.make(details(password="", start_url=""))
        plugin.hold(details())

        plugin.press_update(post)

        stored = plugin.meta(post, "_meeting_zoom_details")
        assert stored["start_url"] == details()["start_url"]

    def test_refusal_replaces_the_details(self, plugin: VczapiSite) -> None:
        post = plugin.make(details())
        plugin.hold(details(), refusal=ERROR)

        plugin.press_update(post)

        assert plugin.meta(post, "_meeting_zoom_details") == ERROR
        assert "weekly" not in plugin.listed()

    def test_webinar(self, plugin: VczapiSite) -> None:
        plugin.press_update(plugin.make(details(type=5)))

        [(_, path, sent)] = plugin.changes()
        assert path == f"webinars/{NUMBER}"
        assert sent["settings"]["hd_video"] is False
        assert "type" not in sent

    def test_rest_and_functions_reach_zoom_never(self, plugin: VczapiSite) -> None:
        post = plugin.make(details())

        answer = plugin.site.rest("POST", f"wp/v2/zoom_meetings/{post}", json={"title": "Another"})

        assert answer.status_code == 200, answer.text
        assert plugin.changes() == []

    def test_absent_start_url_is_a_warning(self, plugin: VczapiSite) -> None:
        given = details()
        del given["start_url"]
        post = plugin.make(given)

        plugin.edit_screen(post)
        assert "start_url" in plugin.site.php_log()
        assert "Meeting not created yet." in plugin.list_screen()


class TestVisitors:
    @pytest.mark.parametrize("status", ["private", "draft", "trash"])
    def test_ajax_tells_anybody_the_link(self, plugin: VczapiSite, status: str) -> None:
        post = plugin.make(details(), site_option_logged_in="1")
        plugin.site.php(
            "wp_update_post( array( 'ID' => $post, 'post_status' => $status ) );", post=post, status=status
        )

        assert "pwd=aBc.1" in plugin.ajax_links(post, start="2099-01-01 10:00:00")
        assert plugin.ajax_links(post) == "", "not an hour after the start"

    def test_browser_join_prints_topic_and_passcode(self, plugin: VczapiSite) -> None:
        post = plugin.make(details(topic="<b>bold</b>"))

        page = plugin.browser_join(post)
        assert "<b>bold</b>" in page
        assert 'value="482915"' in page

    def test_undated_meeting_is_listed_as_now(self, plugin: VczapiSite) -> None:
        given = details()
        del given["start_time"]
        plugin.make(given)

        listed = plugin.listed()
        assert "weekly" in listed
        assert f"{datetime.now(UTC):%B}" in listed


class TestImport:
    def test_knows_posts_that_are_not_private_or_in_the_trash(self, plugin: VczapiSite) -> None:
        post = plugin.make(details())
        assert not plugin.import_meeting(NUMBER)["success"]

        plugin.site.php("wp_trash_post( $post );", post=post)
        assert plugin.import_meeting(NUMBER)["success"]

    def test_hosts_become_a_text(self, plugin: VczapiSite) -> None:
        plugin.hold(details())
        assert plugin.import_meeting(NUMBER)["success"]

        [post] = plugin.site.php(
            "return get_posts( array( 'post_type' => 'zoom-meetings', 'fields' => 'ids' ) );"
        )
        assert plugin.meta(post, "_meeting_fields")["alternative_host_ids"] == DEPUTY
