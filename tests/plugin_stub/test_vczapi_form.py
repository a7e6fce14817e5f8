"""VCZAPI's form on posts that the bridge manages: only what the editor changed reaches Zoom, and nothing else is lost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.plugin_stub.conftest import password_of
from tests.plugin_stub.vczapi import disconnect, manage, sync
from tests.wordpress.vczapi_site import DEPUTY, HOST, NUMBER, VczapiSite, details

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.plugin_stub.sync import SyncClient

__all__ = ["sync"]

STRANGER = "a-host-of-another-account"
ERROR = {"code": 300, "message": "The <b>start</b> is invalid."}


@pytest.fixture
def adopt(vczapi: VczapiSite, sync: SyncClient) -> Callable[..., int]:
    """Make a post as the form does, and let the bridge adopt it."""

    def made(given: dict[str, Any] | None = None, /, *, pro: Any = None, **fields: Any) -> int:
        post = vczapi.make(given or details(), **fields)
        manage(sync, post, details={"start_url": None}, **({"pro": pro} if pro else {}))
        return post

    return made


class TestUpdate:
    @pytest.mark.parametrize(("kind", "duration"), [(2, 45), (2, 60), (5, 40)])
    def test_nothing_is_sent_if_nothing_was_changed(
        self, vczapi: VczapiSite, adopt: Callable[..., int], kind: int, duration: int
    ) -> None:
        post = adopt(
            details(type=kind, duration=duration, timezone="Pacific/Apia", password=""),
            alternative_host_ids=[STRANGER],
            password="482915",
        )
        before = [vczapi.meta(post, key) for key in ("_meeting_zoom_details", "_meeting_fields")]

        vczapi.press_update(post)

        assert vczapi.changes() == []
        after = [vczapi.meta(post, key) for key in ("_meeting_zoom_details", "_meeting_fields")]
        empty = {
            "site_option_logged_in": "",
            "site_option_browser_join": "",
            "site_option_enable_debug_log": "",
        }
        assert after[0] == before[0]
        assert {key: value or "" for key, value in after[1].items()} == before[1] | empty

    @pytest.mark.parametrize(
        ("changed", "sent"),
        [
            ({"post_title": 'R&D <3 "monthly"'}, {"topic": 'R&D <3 "monthly"'}),
            ({"password": "topsecret"}, {"password": "topsecret"}),
            ({"password": ""}, None),
            ({"option_duration_hour": "2", "option_duration_minutes": "30"}, {"duration": 150}),
            ({"option_mute_participants": "1"}, {"settings": {"mute_upon_entry": True}}),
            ({"disable_waiting_room": "yes"}, {"settings": {"waiting_room": False}}),
            ({"option_auto_recording": "cloud"}, {"settings": {"auto_recording": "cloud"}}),
            ({"option_logged_in": "1"}, None),
            ({"content": "Another text."}, None),
        ],
    )
    def test_only_what_was_changed_is_sent(
        self,
        vczapi: VczapiSite,
        adopt: Callable[..., int],
        changed: dict[str, str],
        sent: dict[str, Any] | None,
    ) -> None:
        post = adopt()

        vczapi.press_update(post, **changed)

        assert [body for _, _, body in vczapi.changes()] == ([] if sent is None else [sent])

    def test_title_does_not_grow(
        self, vczapi: VczapiSite, adopt: Callable[..., int], sync: SyncClient
    ) -> None:
        post = adopt()
        title = "R&amp;D"
        assert sync.send(sync.write(str(NUMBER), post, title=title)).result["ok"]

        vczapi.press_update(post, post_title=title + " &amp; more")

        [(_, _, body)] = vczapi.changes()
        assert body == {"topic": "R&D & more"}

    def test_new_start_has_the_meetings_own_time_zone(
        self, vczapi: VczapiSite, adopt: Callable[..., int]
    ) -> None:
        post = adopt(details(timezone="Pacific/Apia"))

        vczapi.press_update(post, start_date="2099-03-02 10:00")

        [(_, _, body)] = vczapi.changes()
        assert body == {"start_time": "2099-03-02T10:00:00", "timezone": "Pacific/Apia"}
        fields = vczapi.meta(post, "_meeting_fields")
        assert (fields["start_date"], fields["timezone"]) == ("2099-03-02 10:00", "Pacific/Apia")

    @pytest.mark.parametrize(
        "pro", [{"enabled_recurring": "on", "frequency": "2"}, {"enabled_recurring": "on", "frequency": "4"}]
    )
    def test_start_and_type_of_a_series_are_never_sent(
        self, vczapi: VczapiSite, adopt: Callable[..., int], pro: dict[str, str]
    ) -> None:
        post = adopt(pro=pro)

        page = vczapi.press_update(post, start_date="2099-03-02 10:00", password="x1y2z3")

        assert [body for _, _, body in vczapi.changes()] == [{"password": "x1y2z3"}]
        assert "The dates of a series were not changed" in page
        assert "The dates of a series" not in vczapi.edit_screen(post), "shown once"

    def test_alternative_hosts_that_the_form_does_not_offer_stay(
        self, vczapi: VczapiSite, adopt: Callable[..., int]
    ) -> None:
        post = adopt(alternative_host_ids=[STRANGER])

        vczapi.press_update(post, alternative_host_ids=[DEPUTY])

        [(_, _, body)] = vczapi.changes()
        assert set(body["settings"]["alternative_hosts"].split(",")) == {STRANGER, DEPUTY}
        assert set(vczapi.meta(post, "_meeting_fields")["alternative_host_ids"]) == {STRANGER, DEPUTY}

    def test_text_of_alternative_hosts_does_not_break_the_form(
        self, vczapi: VczapiSite, adopt: Callable[..., int]
    ) -> None:
        """As the plugin's own Import writes it."""
        post = adopt(alternative_host_ids="bob@example.org")

        vczapi.press_update(post)

        assert vczapi.changes() == []

    def test_event_that_comes_while_the_form_is_open_is_kept(
        self, vczapi: VczapiSite, adopt: Callable[..., int], sync: SyncClient
    ) -> None:
        post = adopt()
        opened = vczapi.form(post)
        manage(sync, post, details={"duration": 15}, fields={"duration": 15})

        vczapi.press_update(post, opened, option_mute_participants="1")

        assert [body for _, _, body in vczapi.changes()] == [{"settings": {"mute_upon_entry": True}}]
        assert vczapi.meta(post, "_meeting_fields")["duration"] == 15
        assert vczapi.meta(post, "_meeting_fields")["option_mute_participants"] == "1"
        assert vczapi.meta(post, "_meeting_zoom_details")["duration"] == 15

    def test_form_that_does_not_say_what_it_showed_sends_no_made_up_passcode(
        self, vczapi: VczapiSite, adopt: Callable[..., int]
    ) -> None:
        """Opened before this plugin was updated."""
        post = adopt(details(password=""))
        opened = [(name, value) for name, value in vczapi.form(post) if name != "zoombridge_shown"]

        vczapi.press_update(post, opened)

        [(_, _, body)] = vczapi.changes()
        assert not {"password", "type", "agenda"} & set(body)

    def test_private_links_of_zooms_answer_are_not_stored(
        self, vczapi: VczapiSite, adopt: Callable[..., int], sync: SyncClient
    ) -> None:
        post = adopt(details(start_url=""))
        vczapi.hold(details())
        manage(sync, post, join_url="", details={"join_url": "", "password": ""})

        vczapi.press_update(post, option_mute_participants="1")

        stored = json.dumps(
            [vczapi.meta(post, "_meeting_zoom_details"), vczapi.meta(post, "_meeting_zoom_start_url")]
        )
        assert "pwd=" not in stored
        assert "zak" not in stored
        assert not vczapi.meta(post, "_meeting_zoom_join_url")


class TestRefusal:
    def test_is_told_and_changes_nothing(self, vczapi: VczapiSite, adopt: Callable[..., int]) -> None:
        post = adopt()
        vczapi.hold(details(), refusal=ERROR)
        before = vczapi.meta(post, "_meeting_zoom_details")

        page = vczapi.press_update(post, option_duration_hour="3")

        assert vczapi.meta(post, "_meeting_zoom_details") == before
        assert vczapi.meta(post, "_meeting_fields")["duration"] == 60
        assert "Zoom refused the changes. Nothing was changed there: The start is invalid." in page

    def test_error_keys_go_with_the_next_write(self, vczapi: VczapiSite, sync: SyncClient) -> None:
        post = vczapi.make(details())
        vczapi.hold(details(), refusal=ERROR)
        vczapi.press_update(post)
        assert vczapi.meta(post, "_meeting_zoom_details") == ERROR
        # What the plugin says of its own post is its own affair.
        vczapi.site.log_path.write_bytes(b"")

        manage(sync, post, details=details() | {"start_url": None})

        assert not {"code", "message"} & set(vczapi.meta(post, "_meeting_zoom_details"))
        assert "R&D" in vczapi.listed()
        assert "is invalid" not in vczapi.edit_screen(post)
        assert "Meeting not created yet." not in vczapi.list_screen()
        assert vczapi.complaints() == []

    def test_error_keys_of_before_are_not_shown_before_they_go(
        self, vczapi: VczapiSite, adopt: Callable[..., int]
    ) -> None:
        """A version before this one let the plugin write them."""
        post = adopt()
        vczapi.site.php(
            """
            $details = zoombridge_unfitted_meta( $post, '_meeting_zoom_details' );
            $details->code    = 300;
            $details->message = 'The start is invalid.';
            update_post_meta( $post, '_meeting_zoom_details', $details );
            """,
            post=post,
        )
        assert "code" in vczapi.meta(post, "_meeting_zoom_details")

        assert "R&D" in vczapi.listed()
        assert "is invalid" not in vczapi.edit_screen(post)
        assert "is invalid" not in vczapi.list_screen()


class TestEditors:
    def test_may_use_the_form(self, vczapi: VczapiSite, adopt: Callable[..., int]) -> None:
        post = adopt()
        password_of(vczapi.site, "eva", "editor")
        vczapi.sign_in("eva", "a-password")

        vczapi.press_update(post, option_auto_recording="local")

        assert [body for _, _, body in vczapi.changes()] == [{"settings": {"auto_recording": "local"}}]


class TestOtherPosts:
    def test_posts_that_the_bridge_does_not_manage_are_the_plugins(
        self, vczapi: VczapiSite, sync: SyncClient
    ) -> None:
        post = vczapi.make(details(host_id=HOST))

        vczapi.press_update(post)

        assert vczapi.changes()[0][2]["type"] == 2


class TestSiteThatIsNotPaired:
    """No event would bring what the form changed: the posts are VCZAPI's again."""

    def test_form_saves_what_it_shows(self, vczapi: VczapiSite, adopt: Callable[..., int]) -> None:
        post = adopt()
        disconnect(vczapi.site)

        vczapi.press_update(post, start_date="2099-03-02 10:00", option_duration_hour="2")

        found = vczapi.meta(post, "_meeting_zoom_details")
        assert (found["start_time"], found["duration"]) == ("2099-03-02T10:00:00", 120)
        assert vczapi.meta(post, "_meeting_field_start_date_utc").startswith("2099-03-02")
        assert vczapi.meta(post, "_meeting_fields")["start_date"] == "2099-03-02 10:00"
        assert "zak" not in json.dumps([found, vczapi.meta(post, "_meeting_zoom_start_url")])

    def test_passcode_that_visitors_do_not_see_stays(
        self, vczapi: VczapiSite, adopt: Callable[..., int]
    ) -> None:
        post = adopt(details(password=""), password="482915")
        disconnect(vczapi.site)

        vczapi.press_update(post)

        assert vczapi.changes()[0][2]["password"] == "482915"

    def test_button_resumes_what_the_bridge_ended(
        self, vczapi: VczapiSite, adopt: Callable[..., int], sync: SyncClient
    ) -> None:
        post = adopt()
        manage(sync, post, details={"state": "ended"})
        disconnect(vczapi.site)

        for state in ("end", "resume"):
            assert vczapi.ajax_links(post, start="2099-01-01 10:00:00") == ""
            assert vczapi.press_button(post, NUMBER, state)["success"]

        assert "pwd=" in vczapi.ajax_links(post, start="2099-01-01 10:00:00")
