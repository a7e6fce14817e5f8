"""Posts that were made by hand, as the plugin VCZAPI makes them, become the meetings' posts."""

from __future__ import annotations

import html
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from tests.end_to_end.events import Meeting, z
from tests.end_to_end.pair import eventually
from web.rpc import api

if TYPE_CHECKING:
    from tests.end_to_end.pair import Pair

DOUBLE = Path(__file__).parent.parent / "wordpress/vczapi/make.php"
OWN = {"site_option_logged_in": "1", "site_option_browser_join": "1"}


def by_hand(pair: Pair, meeting: Meeting, **fields: Any) -> int:
    """Make the post as the plugin's form does, and return its id."""
    given = {"id": meeting.number, "topic": meeting.topic, **meeting.object}
    given.pop("start_url")  # the plugin would keep it; what the bridge does about that has a test of its own
    made: int = pair.site.php(
        """
        function_exists( 'vczapi_double_make' ) || require $double;
        return vczapi_double_make( $details, $fields );
        """,
        double=str(DOUBLE),
        details=given,
        fields=fields,
    )
    return made


def kept_fields(pair: Pair, post: int) -> dict[str, Any]:
    fields: dict[str, Any] = pair.site.command_line(
        "return get_post_meta( $post, '_meeting_fields', true );", post=post
    )
    return fields


class TestWithoutPlugin:
    def test_created_adopts(self, pair: Pair, meeting: Meeting) -> None:
        post = by_hand(pair, meeting, **OWN)
        pair.edit(post, content="<p>Edited by hand.</p>", slug=f"by-hand-{meeting.number}")

        pair.tell(meeting.created())

        page = pair.await_page(meeting.number, meeting.topic, "Upcoming")
        assert "Edited by hand." in page
        assert meeting.join_url not in page, "the site requires sign-in for this meeting"
        after = pair.post(meeting.number)
        assert (after["id"], after["slug"]) == (post, f"by-hand-{meeting.number}")
        assert OWN.items() <= kept_fields(pair, post).items()

    def test_updated_adopts_and_changes_only_what_changed(self, pair: Pair, meeting: Meeting) -> None:
        """The bridge was connected long after the meeting was made: its creation was never seen."""
        post = by_hand(pair, meeting, **OWN)
        pair.edit(post, content="<p>Edited by hand.</p>")
        moved = meeting.start + timedelta(days=2)

        pair.tell(meeting.updated(start_time=z(moved), type=meeting.object["type"]))

        after = pair.post(meeting.number)
        assert after["id"] == post
        assert (after["title"]["raw"], after["status"]) == (meeting.topic, "publish")
        assert "Edited by hand." in after["content"]["raw"]
        fields = kept_fields(pair, post)
        assert OWN.items() <= fields.items()
        assert (fields["duration"], fields["password"]) == (60, "482915")
        metas = pair.metas(post)
        assert metas["_meeting_field_start_date_utc"] == f"{moved:%Y-%m-%d %H:%M:%S}"
        assert metas["_meeting_zoom_join_url"] == meeting.join_url

    def test_editors_title_stays_when_only_the_time_changes(self, pair: Pair, meeting: Meeting) -> None:
        post = by_hand(pair, meeting)
        pair.edit(post, title="Our grand rehearsal")

        pair.tell(meeting.created())
        pair.tell(meeting.updated(start_time=z(meeting.start + timedelta(days=2))))

        assert pair.post(meeting.number)["title"]["raw"] == "Our grand rehearsal"

    @pytest.mark.parametrize("status", ["draft", "private"])
    def test_draft_is_not_published(self, pair: Pair, meeting: Meeting, status: str) -> None:
        pair.edit(by_hand(pair, meeting), status=status)

        pair.tell(meeting.created())

        assert pair.post(meeting.number)["status"] == status

    def test_deleted_and_recovered(self, pair: Pair, meeting: Meeting) -> None:
        post = by_hand(pair, meeting, **OWN)
        link = pair.post(meeting.number)["link"]

        pair.tell(meeting.deleted())
        assert pair.visit(link).status_code == 404
        assert pair.post(meeting.number)["status"] == "trash"

        pair.tell(meeting.recovered())
        assert pair.visit(link).status_code == 200
        after = pair.post(meeting.number)
        assert (after["id"], after["status"], after["content"]["raw"]) == (
            post,
            "publish",
            "Written by an editor.",
        )

    def test_single_occurrences_only_go(self, pair: Pair, weekly: Meeting) -> None:
        post = by_hand(pair, weekly)

        pair.tell(weekly.created(), weekly.deleted([weekly.changes["occurrences"][0]]))

        after = pair.post(weekly.number)
        assert (after["id"], after["status"]) == (post, "publish")
        assert "zoombridge-cancelled" in pair.page(weekly.number)

    def test_permanently_deleted(self, pair: Pair, meeting: Meeting) -> None:
        post = by_hand(pair, meeting)

        pair.tell(meeting.permanently_deleted())

        assert pair.posts(meeting.number) == []
        assert pair.site.php("return get_post( $post );", post=post) is None

    def test_other_events_leave_it_alone(self, pair: Pair, meeting: Meeting) -> None:
        post = by_hand(pair, meeting)
        before, metas = pair.post(meeting.number), pair.metas(post)

        assert pair.send(meeting.joined()).status_code == 204

        pair.settled(meeting.number)
        assert (pair.post(meeting.number), pair.metas(post)) == (before, metas)


class TestWithPlugin:
    """Its template shows the post, from the metas alone; and it would tell Zoom of deletions."""

    def test_its_template_shows_a_new_post(self, with_vczapi: Pair, meeting: Meeting) -> None:
        with_vczapi.tell(meeting.created())

        page = with_vczapi.page(meeting.number)
        local = meeting.start.astimezone(tz(meeting))
        assert "vczapi-single" in page
        assert f'<p class="vczapi-kind">{meeting.kind}</p>' in page
        assert f'<p class="vczapi-start">{local:%Y-%m-%d %H:%M} Europe/Berlin</p>' in page
        assert '<p class="vczapi-duration">60</p>' in page
        assert f'<a class="vczapi-join" href="{meeting.join_url}">' in page
        assert 'class="zoombridge-meeting ' not in page, "shown once, by the plugin's template"

    def test_its_template_shows_what_changed(self, with_vczapi: Pair, meeting: Meeting) -> None:
        moved = meeting.start + timedelta(days=2, hours=1)

        with_vczapi.tell(meeting.created(), meeting.updated(start_time=z(moved), duration=90))

        local = moved.astimezone(tz(meeting))
        page = with_vczapi.page(meeting.number)
        assert f'<p class="vczapi-start">{local:%Y-%m-%d %H:%M} Europe/Berlin</p>' in page
        assert '<p class="vczapi-duration">90</p>' in page

    def test_its_own_post_is_adopted(self, with_vczapi: Pair, meeting: Meeting) -> None:
        post = by_hand(with_vczapi, meeting, site_option_logged_in="1")
        with_vczapi.edit(post, content="<p>Edited by hand.</p>")

        with_vczapi.tell(meeting.created(), meeting.updated(duration=45))

        assert with_vczapi.post(meeting.number)["id"] == post
        page = with_vczapi.page(meeting.number)
        assert "You need to log in." in page, "the site's own choice"
        assert meeting.join_url not in page
        assert "Edited by hand." in page
        assert '<p class="vczapi-duration">45</p>' in page

    def test_series_has_a_join_link_although_the_plugin_asks_for_pro(
        self, with_vczapi: Pair, weekly: Meeting
    ) -> None:
        with_vczapi.tell(weekly.created())

        page = with_vczapi.page(weekly.number)
        assert "PRO version is required" not in page
        assert f'<a class="vczapi-join" href="{weekly.join_url}">' in page

    def test_single_occurrences_only_go(self, with_vczapi: Pair, weekly: Meeting) -> None:
        by_hand(with_vczapi, weekly)

        with_vczapi.tell(weekly.created(), weekly.deleted([weekly.changes["occurrences"][0]]))

        second = (weekly.start + timedelta(weeks=1)).astimezone(tz(weekly))
        assert with_vczapi.post(weekly.number)["status"] == "publish"
        assert f'<p class="vczapi-start">{second:%Y-%m-%d %H:%M} ' in with_vczapi.page(weekly.number)

    def test_meeting_without_a_fixed_time(self, with_vczapi: Pair, kind: str) -> None:
        undated = Meeting(kind, changes={"type": 3 if kind == "meeting" else 6})
        event = undated.created()
        event["payload"]["object"].pop("start_time")

        with_vczapi.tell(event)

        assert f'<a class="vczapi-join" href="{undated.join_url}">' in with_vczapi.page(undated.number)

    def test_disabled_join_stays_disabled(self, with_vczapi: Pair, meeting: Meeting) -> None:
        """Its button "Disable join" keeps its word in the details, among what Zoom says."""
        post = by_hand(with_vczapi, meeting)
        with_vczapi.tell(meeting.created())
        with_vczapi.site.command_line(
            """
            $details = get_post_meta( $post, '_meeting_zoom_details', true );
            $details->state = 'ended';
            update_post_meta( $post, '_meeting_zoom_details', $details );
            """,
            post=post,
        )

        with_vczapi.tell(meeting.updated(duration=45))

        assert "This meeting has ended." in with_vczapi.page(meeting.number)

    @pytest.mark.parametrize("by", ["bridge", "hand"])
    def test_deleted_recovered_and_deleted_for_good_without_telling_zoom(
        self, with_vczapi: Pair, meeting: Meeting, by: str
    ) -> None:
        pair = with_vczapi
        if by == "hand":
            by_hand(pair, meeting)
        pair.tell(meeting.created())
        link = pair.post(meeting.number)["link"]

        pair.tell(meeting.deleted())
        assert pair.visit(link).status_code == 404
        pair.tell(meeting.recovered())
        assert "vczapi-join" in html.unescape(pair.visit(link).text)
        pair.tell(meeting.deleted(), meeting.permanently_deleted())

        eventually(lambda: not pair.posts(meeting.number))
        assert deletes(pair, meeting) == 0

    def test_post_that_the_bridge_never_wrote_is_deleted_without_telling_zoom(
        self, with_vczapi: Pair, meeting: Meeting
    ) -> None:
        by_hand(with_vczapi, meeting)

        with_vczapi.tell(meeting.permanently_deleted())

        assert with_vczapi.posts(meeting.number) == []
        assert deletes(with_vczapi, meeting) == 0

    def test_emptied_trash_does_not_tell_zoom(self, with_vczapi: Pair, meeting: Meeting) -> None:
        with_vczapi.tell(meeting.created(), meeting.deleted())

        with_vczapi.site.php("wp_delete_post( $post, true );", post=with_vczapi.post(meeting.number)["id"])

        assert deletes(with_vczapi, meeting) == 0

    def test_double_does_tell_zoom_of_others(self, with_vczapi: Pair, meeting: Meeting) -> None:
        """So that the tests above mean something."""
        post = by_hand(with_vczapi, meeting)

        with_vczapi.site.rest("DELETE", f"wp/v2/zoom_meetings/{post}", params={"force": "true"})

        assert deletes(with_vczapi, meeting) == 1


class TestFromPro:
    """VCZAPI and its PRO add-on are active: PRO has made posts, and its webhook has been silent since."""

    @staticmethod
    def by_pro(pair: Pair, meeting: Meeting, **fields: Any) -> int:
        """Make a post as PRO does from an event."""
        given = {"id": meeting.number, "topic": meeting.topic, **meeting.object}
        given.pop("start_url")
        made: int = pair.site.php(
            "return vczapi_pro_double_make( $details, $fields, $pro );",
            details=given,
            fields=fields,
            pro={"enabled_recurring": "on", "frequency": "1", "registration": {"of": ["PRO"]}},
        )
        return made

    def test_event_comes_to_the_bridge_alone(self, with_pro: Pair, meeting: Meeting) -> None:
        with_pro.tell(meeting.created())

        post = with_pro.post(meeting.number)
        assert with_pro.metas(post["id"])["_zoombridge_made"] == "bridge"
        assert [one.outcome for one in with_pro.logged(meeting.number)] == ["applied"]
        assert with_pro.site.php("return get_option( 'vczapi_pro_double_calls', 0 );") == 0

    @pytest.mark.parametrize("status", ["publish", "draft", "private"])
    def test_post_is_adopted_with_the_choices_of_the_site(
        self, with_pro: Pair, weekly: Meeting, status: str
    ) -> None:
        post = self.by_pro(with_pro, weekly, **OWN)
        with_pro.edit(post, content="<p>Edited by hand.</p>", status=status)

        with_pro.tell(weekly.created(), weekly.updated(topic="Another"))

        after = with_pro.post(weekly.number)
        assert (after["id"], after["status"], after["title"]["raw"]) == (post, status, "Another")
        assert after["author"] == 1, "PRO gave it none"
        assert "Edited by hand." in after["content"]["raw"]
        assert OWN.items() <= kept_fields(with_pro, post).items()
        pro = with_pro.site.command_line(
            "return get_post_meta( $post, '_vczapi_pro_meeting_details', true );", post=post
        )
        assert (pro["frequency"], pro["registration"]) == ("2", {"of": ["PRO"]})

    def test_series_is_still_shown_by_its_dates(self, with_pro: Pair, weekly: Meeting) -> None:
        self.by_pro(with_pro, weekly)

        with_pro.tell(weekly.created(), weekly.deleted([weekly.changes["occurrences"][0]]))

        assert with_pro.post(weekly.number)["status"] == "publish", "PRO puts the whole series into the trash"

    def test_one_of_several_posts_is_managed_and_the_others_are_named(
        self, with_pro: Pair, meeting: Meeting
    ) -> None:
        draft, seen, other = (self.by_pro(with_pro, meeting) for _ in range(3))
        with_pro.edit(draft, status="draft")
        before = [(with_pro.metas(post), stored(with_pro, post)) for post in (draft, other)]

        with_pro.tell(meeting.created())

        assert [post["id"] for post in with_pro.posts(meeting.number)] == [draft, seen, other]
        assert with_pro.metas(seen)["_zoombridge_post"] == str(seen)
        assert [(with_pro.metas(post), stored(with_pro, post)) for post in (draft, other)] == before
        told = {
            check.name: check
            for check in with_pro.rpc.call(api.SITE_CHECK, api.SiteRequest(site=with_pro.site.url))
        }
        assert told["other pages"].ok
        assert f"{draft}, {other}" in told["other pages"].message
        assert "Its webhook is silent: the bridge answers Zoom's events." in told["PRO webhook"].message
        assert told["PRO webhook"].since
        for post in (draft, other):
            with_pro.site.php("wp_delete_post( $post, true );", post=post)
        assert deletes(with_pro, meeting) == 0

    def test_post_in_the_trash_stays_there(self, with_pro: Pair, weekly: Meeting) -> None:
        """PRO, or a person, has put it there: the bridge cannot know."""
        post = self.by_pro(with_pro, weekly)
        with_pro.site.php("wp_trash_post( $post );", post=post)

        with_pro.tell(weekly.updated(duration=45, type=8))

        after = with_pro.post(weekly.number)
        assert (after["id"], after["status"]) == (post, "trash")


def stored(pair: Pair, post: int) -> dict[str, Any]:
    """Return the row of a post."""
    found: dict[str, Any] = pair.site.php("return (array) get_post( $post );", post=post)
    return found


def deletes(pair: Pair, meeting: Meeting) -> int:
    """Return how often the plugin would have told Zoom to delete this meeting."""
    told = pair.site.php("return get_option( 'vczapi_double_deletes', array() );")
    return [str(number) for number in told].count(str(meeting.number))


def tz(meeting: Meeting) -> ZoneInfo:
    return ZoneInfo(str(meeting.object["timezone"]))
