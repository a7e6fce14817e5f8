"""What a site shows of a meeting, behaviour by behaviour."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from core.model.meeting import Meeting, MeetingKind, MeetingState
from core.model.rules import Author, JoinLink, NewPostStatus, Passcode, Rules
from core.render import Post, Presence, SiteRules, render
from core.render.vczapi_meta import NEVER_OVER

NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
PLAIN = SiteRules()
FREE = SiteRules(vczapi=True)
PRO = SiteRules(vczapi=True, vczapi_pro=True)
SINGLE: dict[str, Any] = {
    "topic": "Choir practice",
    "type": 2,
    "start_time": "2026-03-24T18:00:00Z",
    "duration": 90,
    "timezone": "Europe/Berlin",
    "join_url": "https://us02web.zoom.us/j/85393847045?pwd=abc",
    "password": "sing4us",
    "host_id": "x1yCzABCDEfg23HiJKl4mN",
}
# Europe/Berlin moves its clocks forward on Sunday, 29 March 2026.
WEEKLY: dict[str, Any] = {
    **SINGLE,
    "type": 8,
    "start_time": "2026-03-15T09:00:00Z",
    "occurrences": [
        {"occurrence_id": "1", "start_time": "2026-03-15T09:00:00Z", "duration": 60, "status": "available"},
        {"occurrence_id": "2", "start_time": "2026-03-22T09:00:00Z", "duration": 60, "status": "deleted"},
        {"occurrence_id": "3", "start_time": "2026-03-29T08:00:00Z", "duration": 45, "status": "available"},
        {"occurrence_id": "4", "start_time": "2026-04-05T08:00:00Z", "duration": 60, "status": "available"},
    ],
    "recurrence": {
        "type": 2,
        "repeat_interval": 1,
        "weekly_days": "1",
        "end_date_time": "2026-04-06T21:59:00Z",
    },
}


def meeting(
    base: Mapping[str, Any] = SINGLE,
    *,
    kind: MeetingKind = MeetingKind.MEETING,
    state: MeetingState = MeetingState.SCHEDULED,
    without: str = "",
    **changes: Any,
) -> Meeting:
    told = {key: value for key, value in {**base, **changes}.items() if key != without}
    return Meeting("account", 85393847045, kind=kind, state=state, object=told)


def shown(of: Meeting, now: datetime = NOW, site: SiteRules = PLAIN) -> Post:
    post = render(of, site, now)
    assert post.presence is Presence.SHOWN, post.reason
    return post


def details(post: Post) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(post.field["details"])
    return decoded


class Page(HTMLParser):
    """The tags, links and texts of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.times: list[str] = []
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.feed(html)
        self.close()
        self.text = " ".join(" ".join(self.texts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self.attributes.update(given)
        if (
            tag == "a" and given.get("href") != "#zoombridge-calendar"
        ):  # which is there for all that has a time
            self.links.append(given.get("href") or "")
        if tag == "time":
            self.times.append(given.get("datetime") or "")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def page(post: Post) -> Page:
    return Page(post.field["html"])


class TestPresence:
    def test_a_complete_meeting_is_shown_with_the_status_that_the_site_wants(self) -> None:
        post = render(meeting(), SiteRules(Rules(status=NewPostStatus.DRAFT)), NOW)
        assert (post.presence, post.status, post.reason) == (Presence.SHOWN, "draft", "")

    def test_a_deleted_meeting_belongs_in_the_trash_and_offers_no_link(self) -> None:
        post = render(meeting(state=MeetingState.DELETED), PLAIN, NOW)
        assert post.presence is Presence.TRASHED
        assert "recovered" in post.reason
        assert page(post).links == []
        assert "Cancelled" in page(post).text
        assert "zoom.us" not in json.dumps(post.field)
        assert post.until is None

    def cancelled(
        self, base: Mapping[str, Any] = SINGLE, *, before: timedelta = timedelta(days=1)
    ) -> Meeting:
        at = int((NOW - before).timestamp() * 1000)
        return replace(meeting(base, state=MeetingState.DELETED), deleted_at=at)

    def test_a_site_may_keep_the_page_of_a_cancelled_meeting_for_some_days(self) -> None:
        post = render(self.cancelled(), ruled(cancelled_days=3), NOW)
        assert post.presence is Presence.CANCELLED
        assert post.until == NOW + timedelta(days=2)
        html = post.field["html"]
        assert "zoombridge-cancelled" in html
        assert "Cancelled" in html
        assert "Tuesday, March 24, 2026, 7:00 PM" in html
        assert "calendar" not in html
        assert "zoom.us" not in json.dumps([post.title, post.content, dict(post.field)])
        assert "sing4us" not in html
        assert post.field["start_date_utc"] == "2026-03-24 18:00:00"
        assert (
            render(self.cancelled(), ruled(cancelled_days=3), NOW + timedelta(days=2)).presence
            is Presence.TRASHED
        )

    def test_of_a_series_it_says_so_of_each_date(self) -> None:
        post = render(self.cancelled(WEEKLY), ruled(cancelled_days=90), NOW)
        assert post.field["html"].count("<strong>Cancelled</strong>") == 4
        assert post.until == datetime(2026, 3, 22, 10, 0, tzinfo=UTC)

    def test_it_stays_only_where_the_site_would_show_the_meeting_and_the_deletion_is_known(self) -> None:
        for of, site in (
            (self.cancelled(), PLAIN),
            (self.cancelled(), ruled(cancelled_days=3, never=("choir*",))),
            (self.cancelled(before=timedelta(days=3)), ruled(cancelled_days=3)),
            (meeting(state=MeetingState.DELETED), ruled(cancelled_days=3)),
        ):
            assert render(of, site, NOW).presence is Presence.TRASHED
        gone = replace(self.cancelled(), state=MeetingState.PERMANENTLY_DELETED)
        assert render(gone, ruled(cancelled_days=3), NOW).presence is Presence.GONE

    def test_one_deleted_for_good_is_gone(self) -> None:
        post = render(meeting(state=MeetingState.PERMANENTLY_DELETED), PLAIN, NOW)
        assert (post.presence, post.field, post.until) == (Presence.GONE, {}, None)

    @pytest.mark.parametrize(("kind_of_meeting", "word"), [(1, "instant"), (4, "personal")])
    def test_instant_meetings_and_personal_rooms_are_withheld(self, kind_of_meeting: int, word: str) -> None:
        post = render(meeting(type=kind_of_meeting), PLAIN, NOW)
        assert post.presence is Presence.WITHHELD
        assert word in post.reason

    @pytest.mark.parametrize(
        ("missing", "word"),
        [("topic", "topic"), ("join_url", "join link"), ("type", "type"), ("start_time", "time")],
    )
    def test_an_incomplete_meeting_is_withheld_and_the_reason_names_what_is_missing(
        self, missing: str, word: str
    ) -> None:
        post = render(meeting(without=missing), PLAIN, NOW)
        assert post.presence is Presence.WITHHELD
        assert word in post.reason
        assert "html" not in post.field

    def test_of_an_incomplete_meeting_only_what_is_known_is_written(self) -> None:
        """A post that people made knows more, and must not lose it."""
        post = render(Meeting("account", 7, object={"id": 7, "topic": "Renamed"}), PRO, NOW)
        assert post.field == {
            "number": "7",
            "kind": "meeting",
            "details": '{"id":7,"topic":"Renamed"}',
            "fields": {"meeting_type": 1},
        }


class TestTitleAndContent:
    def test_a_topic_is_shown_letter_by_letter(self) -> None:
        assert shown(meeting(topic='A & B <script>alert("x")</script>')).title == (
            'A &amp; B &lt;script&gt;alert("x")&lt;/script&gt;'
        )

    def test_a_topic_becomes_one_line_of_bounded_length(self) -> None:
        assert shown(meeting(topic="a\r\nb\x00\tc")).title == "a b c"
        long = shown(meeting(topic="ü" * 100_000)).title
        assert len(long) == 500
        assert long.endswith("…")

    def test_an_address_holds_no_passcode(self) -> None:
        pasted = "Choir https://us02web.zoom.us/j/1?pwd=abc  singing4us"
        assert "singing4us" in shown(meeting(topic=pasted, password="singing4us")).title
        assert shown(meeting(topic=pasted, password="singing4us")).slug == "Choir"
        assert shown(meeting(topic="https://us02web.zoom.us/j/1?pwd=abc")).slug == "Zoom meeting"
        assert shown(meeting(topic="A  choir", password="singing4us")).slug == ""

    def test_an_agenda_becomes_paragraphs_and_lines(self) -> None:
        content = shown(meeting(agenda="First,\r\nsecond.\n\n \n\nThird <b>&amp;</b>\n")).content
        assert content == "<p>First,<br />\nsecond.</p>\n<p>Third &lt;b&gt;&amp;amp;&lt;/b&gt;</p>\n"

    def test_an_agenda_runs_no_shortcode_and_embeds_nothing(self) -> None:
        content = shown(meeting(agenda="[gallery]\n\nhttps://example.org/a?b=1&c=2.")).content
        assert "[" not in content
        assert (
            content.splitlines()[-1]
            == '<p><a href="https://example.org/a?b=1&amp;c=2">https://example.org/a?b=1&amp;c=2</a>.</p>'
        )

    def test_without_an_agenda_there_is_no_content(self) -> None:
        assert shown(meeting()).content == ""
        assert shown(meeting(agenda=" \n ")).content == ""


class TestPage:
    def test_it_shows_time_in_the_meetings_own_zone_duration_passcode_and_link(self) -> None:
        seen = page(shown(meeting()))
        assert "Tuesday, March 24, 2026, 7:00 PM" in seen.text
        assert "(Europe/Berlin, UTC+01:00)" in seen.text
        assert "1 hour 30 minutes" in seen.text
        assert "sing4us" in seen.text
        assert "Join the meeting" in seen.text
        assert seen.times == ["2026-03-24T19:00:00+01:00"]
        assert seen.links == ["https://us02web.zoom.us/j/85393847045?pwd=abc"]

    @pytest.mark.parametrize(
        ("zone", "said"),
        [
            (
                "America/St_Johns",
                "Tuesday, March 24, 2026, 3:30 PM (America/St Johns, UTC\N{MINUS SIGN}02:30)",
            ),
            ("Asia/Calcutta", "Tuesday, March 24, 2026, 11:30 PM (Asia/Calcutta, UTC+05:30)"),
            ("SST", "Wednesday, March 25, 2026, 5:00 AM (Pacific/Guadalcanal, UTC+11:00)"),
            ("", "Tuesday, March 24, 2026, 6:00 PM (UTC)"),
            ("Mars/Olympus", "Tuesday, March 24, 2026, 6:00 PM (UTC)"),
        ],
    )
    def test_it_speaks_of_every_zone(self, zone: str, said: str) -> None:
        assert said in page(shown(meeting(timezone=zone))).text

    def test_midnight_and_noon_are_twelve(self) -> None:
        assert "12:00 AM" in page(shown(meeting(start_time="2026-03-24T23:00:00Z"))).text
        assert "12:05 PM" in page(shown(meeting(start_time="2026-03-24T11:05:00Z"))).text

    @pytest.mark.parametrize(
        ("moment", "status", "links"),
        [
            ("2026-03-24T17:59:59", "Upcoming", 1),
            ("2026-03-24T18:00:00", "Under way", 1),
            ("2026-03-24T19:29:59", "Under way", 1),
            ("2026-03-24T19:30:00", "The scheduled time is over", 1),
            ("2026-03-24T20:29:59", "The scheduled time is over", 1),
            ("2026-03-24T20:30:00", "Ended", 0),
        ],
    )
    def test_its_status_follows_the_clock_and_the_link_stays_an_hour_longer(
        self, moment: str, status: str, links: int
    ) -> None:
        post = shown(meeting(), datetime.fromisoformat(f"{moment}Z"))
        assert status in page(post).text
        assert len(page(post).links) == links

    def test_of_unknown_length_it_is_under_way_while_the_link_is_there(self) -> None:
        start = datetime(2026, 3, 24, 18, tzinfo=UTC)
        untimed = meeting(duration=0)
        assert "Under way" in page(shown(untimed, start + timedelta(minutes=59))).text
        assert "Ended" in page(shown(untimed, start + timedelta(hours=1))).text

    def test_a_webinar_is_called_one(self) -> None:
        assert "Join the webinar" in page(shown(meeting(type=5, kind=MeetingKind.WEBINAR))).text

    @pytest.mark.parametrize(
        "hostile",
        [
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            " https://zoom.us/j/1",
            "https://zoom.us/j/1\njavascript:alert(1)",
            "data:text/html,<script>",
            "//zoom.us/j/1",
            'https://zoom.us/"><script>alert(1)</script>',
            "https://",
            "https://[::1/",
            "https://zoom.us:port/",
            "https://zoom.us/" + "a" * 3000,
        ],
    )
    def test_a_join_link_that_is_no_web_address_is_no_link(self, hostile: str) -> None:
        post = shown(meeting(join_url=hostile))
        assert page(post).links == []
        assert post.field["join_url"] == ""
        assert details(post)["join_url"] == ""

    def test_a_passcode_is_shown_as_it_is_and_runs_no_shortcode(self) -> None:
        post = shown(meeting(password="[a]<b>&"))
        assert "[a]<b>&" in page(post).text
        assert "[" not in post.field["html"]
        assert post.field["fields"]["password"] == "[a]<b>&"

    def test_it_keeps_to_its_tags_and_attributes_and_class_names(self) -> None:
        for of in (meeting(), meeting(WEEKLY), meeting(WEEKLY, type=3), meeting(state=MeetingState.DELETED)):
            seen = page(render(of, PLAIN, NOW))
            allowed = "section p dl dt dd ul ol li a strong time span h2"
            assert set(seen.tags) <= set(allowed.split())
            assert seen.attributes <= {"class", "href", "datetime"}

    def test_an_agenda_belongs_to_the_content_alone(self) -> None:
        assert "Sing along" not in shown(meeting(agenda="Sing along")).field["html"]


class TestSeries:
    def test_the_next_date_leads_and_cancelled_ones_are_said_to_be(self) -> None:
        post = shown(meeting(WEEKLY))
        seen = page(post)
        assert seen.text.index("Next date") < seen.text.index("Sunday, March 29, 2026, 10:00 AM")
        assert seen.times == [
            "2026-03-29T10:00:00+02:00",  # leads
            "2026-03-22T10:00:00+01:00",
            "2026-03-29T10:00:00+02:00",
            "2026-04-05T10:00:00+02:00",
        ]
        assert "Sunday, March 22, 2026, 10:00 AM Cancelled" in seen.text
        assert "45 minutes" in seen.text
        assert post.field["start_date_utc"] == "2026-03-29 08:00:00"
        assert post.field["fields"]["start_date"] == "2026-03-29 10:00"

    def test_it_rolls_forward_when_a_date_is_over(self) -> None:
        over = datetime(2026, 3, 29, 8, 45, tzinfo=UTC)
        series = meeting(WEEKLY)
        before, after = shown(series, over - timedelta(seconds=1)), shown(series, over)
        assert before.until == over
        assert "Under way" in page(before).text
        assert before.field["start_date_utc"] == "2026-03-29 08:00:00"
        assert after.field["start_date_utc"] == "2026-04-05 08:00:00"
        assert page(after).times == ["2026-04-05T10:00:00+02:00"] * 2
        assert len(page(after).links) == 1

    def test_after_its_last_date_it_ends_as_a_single_meeting_does(self) -> None:
        end = datetime(2026, 4, 5, 9, tzinfo=UTC)
        assert shown(meeting(WEEKLY), end).until == end + timedelta(hours=1)
        last = shown(meeting(WEEKLY), end + timedelta(hours=1))
        assert "Ended" in page(last).text
        assert page(last).links == []
        assert last.until is None

    def test_with_every_date_cancelled_it_is_cancelled(self) -> None:
        dates = [{**date, "status": "deleted"} for date in WEEKLY["occurrences"]]
        post = shown(meeting(WEEKLY, occurrences=dates))
        assert page(post).text.startswith("Meeting details Cancelled")
        assert page(post).links == []

    def test_with_every_date_cancelled_its_texts_have_no_link_either(self) -> None:
        dates = [{**date, "status": "deleted"} for date in WEEKLY["occurrences"]]
        invitation = "Join: https://us02web.zoom.us/j/81234567890?pwd=abc"
        post = shown(meeting(WEEKLY, occurrences=dates, agenda=invitation))
        assert "zoom.us" in shown(meeting(WEEKLY, agenda=invitation)).content
        assert "zoom.us" not in post.content
        assert "zoom.us/j/" not in str(post.field)

    def test_whose_dates_zoom_has_not_told_it_stays_open_after_the_first(self) -> None:
        series = meeting(WEEKLY, without="occurrences")
        assert "Ended" not in page(shown(series)).text
        assert len(page(shown(series)).links) == 1
        assert shown(series).field["start_date_utc"] == NEVER_OVER

    def test_a_long_one_lists_so_many_dates_and_says_how_many_more(self) -> None:
        first = datetime(2026, 4, 1, 8, tzinfo=UTC)
        dates = [
            {
                "occurrence_id": str(day),
                "start_time": (first + timedelta(days=day)).isoformat(),
                "duration": 60,
            }
            for day in range(500)
        ]
        seen = page(shown(meeting(WEEKLY, occurrences=dates)))
        assert len(seen.times) == 61
        assert "and 440 more dates" in seen.text

    def test_occurrences_left_over_from_a_series_do_not_make_a_single_meeting_one(self) -> None:
        post = shown(meeting(WEEKLY, type=2, start_time="2026-03-24T18:00:00Z"))
        assert page(post).times == ["2026-03-24T19:00:00+01:00"]
        assert details(post)["occurrences"] is None
        assert details(post)["recurrence"] is None


class TestWithoutFixedTime:
    def test_it_is_joinable_listed_and_never_over(self) -> None:
        post = shown(meeting(type=3, without="start_time"))
        assert "No fixed time" in page(post).text
        assert len(page(post).links) == 1
        assert page(post).times == []
        assert post.field["start_date_utc"] == NEVER_OVER
        assert post.field["fields"]["start_date"] == ""
        assert post.until is None

    def test_a_start_time_left_over_is_removed(self) -> None:
        post = shown(meeting(type=3))
        assert details(post)["start_time"] is None
        assert page(post).times == []


class TestUntil:
    def test_it_walks_through_every_change_of_a_single_meeting(self) -> None:
        moments, now = [], NOW
        while (until := shown(meeting(), now).until) is not None:
            moments.append(f"{until:%H:%M}")
            now = until
        assert moments == ["18:00", "19:30", "20:30"]

    def test_the_zone_of_now_does_not_matter(self) -> None:
        elsewhere = NOW.astimezone(meeting(timezone="Asia/Tokyo").timezone)
        assert shown(meeting(WEEKLY), elsewhere) == shown(meeting(WEEKLY), NOW)


class TestField:
    def test_a_single_meeting(self) -> None:
        field = dict(shown(meeting(uuid="abc==", id="85393847045", contact="Anna")).field)
        del field["html"]
        assert json.loads(field.pop("details")) == {
            "uuid": "abc==",
            "id": 85393847045,
            "host_id": "x1yCzABCDEfg23HiJKl4mN",
            "topic": "Choir practice",
            "type": 2,
            "start_time": "2026-03-24T18:00:00Z",
            "duration": 90,
            "timezone": "Europe/Berlin",
            "join_url": "https://us02web.zoom.us/j/85393847045?pwd=abc",
            "password": "sing4us",
            "occurrences": None,
            "recurrence": None,
        }
        assert field == {
            "number": "85393847045",
            "kind": "meeting",
            "fields": {
                "userId": "x1yCzABCDEfg23HiJKl4mN",
                "meeting_type": 1,
                "start_date": "2026-03-24 19:00",
                "timezone": "Europe/Berlin",
                "duration": 90,
                "password": "sing4us",
            },
            "pro": None,
            "join_url": "https://us02web.zoom.us/j/85393847045?pwd=abc",
            "start_date_utc": "2026-03-24 18:00:00",
            "host": "x1yCzABCDEfg23HiJKl4mN",
        }

    def test_settings_become_options_only_where_zoom_said_them(self) -> None:
        settings = {
            "join_before_host": True,
            "jbh_time": 5,
            "host_video": False,
            "participant_video": True,
            "mute_upon_entry": False,
            "auto_recording": "cloud",
            "waiting_room": False,
            "meeting_authentication": True,
            "alternative_host_ids": ["a-id", "b-id"],
            "hd_video": True,
        }
        fields = shown(meeting(settings=settings)).field["fields"]
        assert {key: fields[key] for key in fields.keys() - SINGLE.keys() - {"userId", "start_date"}} == {
            "meeting_type": 1,
            "join_before_host": "1",
            "jbh_time": 5,
            "option_host_video": "",
            "option_participants_video": "1",
            "option_mute_participants": "",
            "option_auto_recording": "cloud",
            "disable_waiting_room": "yes",
            "meeting_authentication": "1",
            "alternative_host_ids": ["a-id", "b-id"],
        }

    def test_a_webinar_has_options_of_its_own(self) -> None:
        settings = {
            "panelists_video": True,
            "practice_session": False,
            "hd_video": True,
            "join_before_host": True,
        }
        post = shown(meeting(type=5, kind=MeetingKind.WEBINAR, settings=settings))
        fields = post.field["fields"]
        assert (post.field["kind"], fields["meeting_type"]) == ("webinar", 2)
        assert (fields["panelists_video"], fields["practice_session"], fields["hd_video"]) == ("1", "", "1")
        assert "join_before_host" not in fields

    def test_nothing_that_must_stay_secret_is_in_it(self) -> None:
        hostile: dict[str, Any] = {
            "start_url": "https://zoom.us/s/1?zak=SECRET",
            "h323_password": "SECRET",
            "settings": {
                "start_url": "SECRET",
                "meeting_invitees": [{"email": "SECRET"}],
                "language_interpretation": {"enable": True, "interpreters": [{"email": "SECRET"}]},
                "breakout_room": {"rooms": [{"name": "one", "participants": ["SECRET"]}]},
            },
            "clientid": "SECRET",
            "registrants": ["SECRET"],
        }
        for site in (PLAIN, FREE, PRO):
            assert "SECRET" not in json.dumps(dict(shown(meeting(**hostile), site=site).field))

    def test_the_sites_own_options_are_never_written(self) -> None:
        settings = {"site_option_logged_in": True, "logged_in": True}
        fields = shown(meeting(settings=settings, site_option_logged_in="1")).field["fields"]
        assert not [key for key in fields if key.startswith("site_option")]

    def test_types_are_the_integers_that_the_plugin_compares(self) -> None:
        told = details(shown(meeting(type="2", duration="90", id="85393847045")))
        assert (told["type"], told["duration"], told["id"]) == (2, 90, 85393847045)

    def test_a_zone_is_given_by_a_name_that_php_knows(self) -> None:
        post = shown(meeting(timezone="SST"))
        assert details(post)["timezone"] == post.field["fields"]["timezone"] == "Pacific/Guadalcanal"
        assert post.field["fields"]["start_date"] == "2026-03-25 05:00"
        assert details(shown(meeting(without="timezone")))["timezone"] == "UTC"

    def test_an_object_beyond_all_measure_still_fits_what_the_stub_takes(self) -> None:
        dates = [{**WEEKLY["occurrences"][3], "note": "x" * 1000} for _ in range(900)]
        post = shown(meeting(WEEKLY, occurrences=dates, agenda="y" * 500_000))
        assert len(post.field["details"]) < 262_144
        assert details(post)["type"] == 8


class TestPro:
    def recurring(self, **rule: Any) -> dict[str, Any]:
        pro: dict[str, Any] = shown(meeting(WEEKLY, recurrence=rule), site=PRO).field["pro"]
        return {key: value for key, value in pro.items() if value is not None}

    def test_weekly_until_a_day(self) -> None:
        pro = shown(meeting(WEEKLY), site=PRO).field["pro"]
        assert {key: value for key, value in pro.items() if value is not None} == {
            "enabled_recurring": "on",
            "frequency": "2",
            "interval": "1",
            "weekly_occurence": ["1"],
            "end_type": "by_date",
            "end_datetime": "2026-04-06",
        }

    def test_what_an_earlier_rule_said_is_removed(self) -> None:
        pro = shown(meeting(WEEKLY), site=PRO).field["pro"]
        assert "monthly_occurence_day" in pro
        assert pro["monthly_occurence_day"] is None

    @pytest.mark.parametrize("end", ["2026-04-06T22:30:00Z", " 2026-04-06T22:30:00.000Z ", "1775514600"])
    def test_the_last_day_is_that_of_the_meetings_zone(self, end: str) -> None:
        assert self.recurring(type=1, end_date_time=end)["end_datetime"] == "2026-04-07"

    def test_daily_so_many_times(self) -> None:
        assert self.recurring(type=1, repeat_interval=2, end_times=5) == {
            "enabled_recurring": "on",
            "frequency": "1",
            "interval": "2",
            "end_type": "by_occurrence",
            "end_occurence": "5",
        }

    def test_weekly_on_several_days_with_spaces(self) -> None:
        assert self.recurring(type=2, weekly_days="2, 4,9,")["weekly_occurence"] == ["2", "4"]

    def test_monthly_on_a_day(self) -> None:
        assert self.recurring(type=3, monthly_day=31) == {
            "enabled_recurring": "on",
            "frequency": "3",
            "monthly_occurence_type": "1",
            "monthly_occurence_day": "31",
        }

    def test_monthly_on_the_last_friday(self) -> None:
        assert self.recurring(type=3, monthly_week=-1, monthly_week_day=6) == {
            "enabled_recurring": "on",
            "frequency": "3",
            "monthly_occurence_type": "2",
            "monthly_occurence_week": "-1",
            "monthly_occurence_week_day": "6",
        }

    def test_no_fixed_time(self) -> None:
        pro = shown(meeting(type=3, without="start_time")).field["pro"]
        assert (pro["enabled_recurring"], pro["frequency"]) == ("on", "4")

    def test_a_single_meeting_leaves_what_else_the_add_on_keeps_there(self) -> None:
        pro = shown(meeting(), site=PRO).field["pro"]
        assert pro
        assert set(pro.values()) == {None}, "each key is removed by itself, and no other"

    def test_a_meeting_in_the_personal_room(self) -> None:
        assert shown(meeting(settings={"use_pmi": True})).field["pro"]["use_pmi"] == "2"


class TestTheFreePlugin:
    """Without its PRO add-on the plugin shows no link for types 3, 6, 8 and 9."""

    def test_a_series_is_a_single_meeting_at_its_next_date(self) -> None:
        post = shown(meeting(WEEKLY), site=FREE)
        told = details(post)
        assert (told["type"], told["start_time"], told["duration"]) == (2, "2026-03-29T08:00:00Z", 45)
        assert (told["occurrences"], told["recurrence"]) == (None, None)

    def test_it_rolls_forward_there_too(self) -> None:
        told = details(shown(meeting(WEEKLY), datetime(2026, 3, 30, tzinfo=UTC), FREE))
        assert told["start_time"] == "2026-04-05T08:00:00Z"

    @pytest.mark.parametrize(("series", "single"), [(9, 5), (6, 5)])
    def test_a_webinar_is_a_single_webinar(self, series: int, single: int) -> None:
        post = shown(meeting(WEEKLY, type=series, kind=MeetingKind.WEBINAR), site=FREE)
        assert details(post)["type"] == single

    def test_without_a_fixed_time_it_is_a_single_one_without_a_date(self) -> None:
        told = details(shown(meeting(type=3), site=FREE))
        assert (told["type"], told["start_time"]) == (2, None)

    def test_the_truth_stays_in_our_html_and_in_the_recurrence(self) -> None:
        free, pro = shown(meeting(WEEKLY), site=FREE), shown(meeting(WEEKLY), site=PRO)
        assert free.field["html"] == pro.field["html"]
        assert free.field["pro"] == pro.field["pro"]

    @pytest.mark.parametrize("site", [PLAIN, PRO])
    def test_elsewhere_it_is_told_as_it_is(self, site: SiteRules) -> None:
        told = details(shown(meeting(WEEKLY), site=site))
        assert told["type"] == 8
        assert told["occurrences"] == WEEKLY["occurrences"]


SECRET: dict[str, Any] = {
    "password": "sing4us",
    "join_url": "https://us02web.zoom.us/j/85393847045?pwd=aBc.1&from=addon",
}
WITHOUT = "https://us02web.zoom.us/j/85393847045?from=addon"
ANNA = Author("x1yCzABCDEfg23HiJKl4mN", 7, "Anna <Choir>")


def ruled(**decided: Any) -> SiteRules:
    return SiteRules(Rules(**decided), vczapi=True)


class TestRules:
    def test_a_meeting_that_is_left_out_is_withheld_by_rule_and_all_else_stays_known(self) -> None:
        post = render(meeting(), ruled(never=("choir*",)), NOW)
        assert (post.presence, post.by_rule) == (Presence.WITHHELD, True)
        assert "“choir*”" in post.reason
        assert post.field == shown(meeting(), site=FREE).field, "one that people made is kept right"

    def test_one_that_is_not_known_yet_is_not_withheld_by_rule(self) -> None:
        post = render(meeting(without="join_url"), ruled(never=("orchestra*",)), NOW)
        assert (post.presence, post.by_rule) == (Presence.WITHHELD, False)

    @pytest.mark.parametrize(("kind_of_meeting", "rule"), [(1, "instant"), (4, "personal_rooms")])
    def test_instant_meetings_and_personal_rooms_are_shown_where_they_are_wanted(
        self, kind_of_meeting: int, rule: str
    ) -> None:
        post = shown(meeting(type=kind_of_meeting, without="start_time"), site=ruled(**{rule: True}))
        assert page(post).links == ["https://us02web.zoom.us/j/85393847045?pwd=abc"]

    @pytest.mark.parametrize("state", [MeetingState.DELETED, MeetingState.PERMANENTLY_DELETED])
    def test_zoom_goes_first(self, state: MeetingState) -> None:
        post = render(meeting(state=state), ruled(kinds=frozenset()), NOW)
        assert post.presence in (Presence.TRASHED, Presence.GONE)
        assert not post.by_rule

    def test_a_new_post_has_the_status_author_and_category_that_were_decided(self) -> None:
        site = ruled(status=NewPostStatus.PENDING, authors=(ANNA,), meeting_category=3, webinar_category=4)
        post = shown(meeting(), site=site)
        assert (post.status, post.author, post.category) == ("pending", 7, 3)
        other = shown(meeting(kind=MeetingKind.WEBINAR, type=5, host_id="another"), site=site)
        assert (other.author, other.category) == (None, 4)


class TestPasscode:
    def test_hidden_is_nowhere_that_a_visitor_could_look(self) -> None:
        told: dict[str, Any] = {"encrypted_password": "aBc.1", "h323_password": "123456"}
        post = shown(meeting(**SECRET, **told), site=ruled(passcode=Passcode.HIDDEN))
        assert page(post).links == [WITHOUT]
        assert "Passcode" not in page(post).text
        assert post.field["join_url"] == details(post)["join_url"] == WITHOUT
        assert details(post)["password"] == ""
        for key in ("encrypted_password", "h323_password", "pstn_password"):
            assert details(post)[key] is None, "which takes it out of a post that people made"
        rest = {**post.field, "fields": {**post.field["fields"], "password": ""}}
        assert "sing4us" not in json.dumps(rest)
        assert "aBc.1" not in json.dumps(rest)

    def test_hidden_stays_where_the_plugin_sends_it_back_to_zoom_from(self) -> None:
        post = shown(meeting(**SECRET), site=ruled(passcode=Passcode.HIDDEN))
        assert post.field["fields"]["password"] == "sing4us"

    @pytest.mark.parametrize(
        ("rules", "seen", "hidden"),
        [
            ({}, ["pwd=aBc.1", "sing4us"], []),
            ({"passcode": Passcode.IN_LINK}, ["pwd=aBc.1"], ["sing4us"]),
            ({"passcode": Passcode.HIDDEN}, ["zoom.us/j/85393847045"], ["sing4us", "pwd="]),
            ({"join_link": JoinLink.SIGNED_IN}, [], ["sing4us", "pwd=", "zoom.us"]),
            ({"join_link": JoinLink.NOBODY}, [], ["sing4us", "pwd=", "zoom.us"]),
        ],
    )
    def test_invitation_in_topic_and_agenda_follows_the_rules(
        self, rules: dict[str, Any], seen: list[str], hidden: list[str]
    ) -> None:
        invitation = "Join https://us02web.zoom.us/j/85393847045?pwd=aBc.1 with sing4us"
        told = SECRET | {"topic": f"Choir. {invitation}", "agenda": invitation}
        post = shown(meeting(**told), site=ruled(**rules))
        for text in (post.title, post.content, details(post)["agenda"], details(post)["topic"]):
            assert all(part in text for part in seen)
            assert not any(part in text for part in hidden)
            assert "Join" in text

    def test_in_the_link_alone(self) -> None:
        post = shown(meeting(**SECRET), site=ruled(passcode=Passcode.IN_LINK))
        assert page(post).links == [SECRET["join_url"]]
        assert "sing4us" not in post.field["html"]
        assert details(post)["password"] == ""
        assert "encrypted_password" not in details(post)

    @pytest.mark.parametrize(
        ("url", "left"),
        [
            ("https://zoom.us/j/1?pwd=x", "https://zoom.us/j/1"),
            ("https://zoom.us/w/1?tk=t&PWD=x&uuid=u", "https://zoom.us/w/1?tk=t&uuid=u"),
            ("https://zoom.us/j/1?%70wd=x", "https://zoom.us/j/1"),
            ("https://zoom.us/j/1?code=sing4us&a=b", "https://zoom.us/j/1?a=b"),
            ("https://zoom.us/j/1?a=b#pwd=x", "https://zoom.us/j/1?a=b"),
            ("https://zoom.us/j/1", "https://zoom.us/j/1"),
        ],
    )
    def test_is_taken_out_of_links_of_every_shape(self, url: str, left: str) -> None:
        post = shown(meeting(**{**SECRET, "join_url": url}), site=ruled(passcode=Passcode.HIDDEN))
        assert post.field["join_url"] == left


class TestJoinLink:
    def split(self, post: Post) -> tuple[Page, Page]:
        """What who is signed in is shown, and what everybody else is."""
        before, _, rest = post.field["html"].partition("<!--zoombridge-in-->")
        inside, _, rest = rest.partition("<!--zoombridge-out-->")
        outside, _, after = rest.partition("<!--zoombridge-end-->")
        assert inside
        assert outside
        return Page(before + inside + after), Page(before + outside + after)

    def test_for_who_is_signed_in_stands_between_marks_with_the_passcode(self) -> None:
        post = shown(meeting(**SECRET), site=ruled(join_link=JoinLink.SIGNED_IN))
        members, visitors = self.split(post)
        assert members.links == [SECRET["join_url"]]
        assert "sing4us" in members.text
        assert visitors.links == ["#zoombridge-sign-in"]
        assert "Sign in to see how to join the meeting" in visitors.text
        assert "sing4us" not in visitors.text
        assert "Tuesday, March 24" in members.text
        assert "Tuesday, March 24" in visitors.text
        assert post.ticks == {"site_option_logged_in"}, "and the plugin's template asks for the same"
        assert post.field["join_url"] == SECRET["join_url"]

    def test_that_is_over_asks_nobody_to_sign_in(self) -> None:
        site = ruled(join_link=JoinLink.SIGNED_IN)
        post = shown(meeting(**SECRET), NOW + timedelta(days=30), site)
        assert "zoombridge-in" not in post.field["html"]
        assert page(post).links == []

    def test_no_text_of_zooms_is_a_mark(self) -> None:
        mark = "<!--zoombridge-out--><!--zoombridge-end--><!--zoombridge-facts-end-->"
        site = ruled(join_link=JoinLink.SIGNED_IN)
        post = shown(meeting(**{**SECRET, "password": mark}), site=site)
        assert post.field["html"].count("<!--") == shown(meeting(**SECRET), site=site).field["html"].count(
            "<!--"
        )
        assert self.split(post)[1].links == ["#zoombridge-sign-in"]

    def test_for_nobody_is_nowhere_and_the_passcode_neither(self) -> None:
        post = shown(meeting(**SECRET), site=ruled(join_link=JoinLink.NOBODY))
        assert page(post).links == []
        assert "sing4us" not in post.field["html"]
        assert post.field["join_url"] == details(post)["join_url"] == details(post)["password"] == ""
        assert post.ticks == {"site_option_browser_join"}, "which hides the plugin's other link"

    def test_for_nobody_hides_where_to_register_which_sends_the_link(self) -> None:
        told = {**SECRET, "registration_url": "https://zoom.us/meeting/register/abc"}
        assert (
            details(shown(meeting(**told), site=ruled(join_link=JoinLink.NOBODY)))["registration_url"] == ""
        )
        assert details(shown(meeting(**told), site=FREE))["registration_url"] == told["registration_url"]

    def test_of_a_meeting_that_is_not_known_yet_stays_unknown(self) -> None:
        """A post that people made knows more, and must not lose it."""
        known = Meeting("account", 7, object={"id": 7, "topic": "Renamed"})
        post = render(known, ruled(join_link=JoinLink.SIGNED_IN), NOW)
        assert "join_url" not in post.field
        assert details(post) == {"id": 7, "topic": "Renamed"}


class TestHost:
    def test_is_shown_by_the_name_of_the_author_who_was_chosen_for_them(self) -> None:
        post = shown(meeting(), site=ruled(authors=(ANNA,), show_host=True))
        assert "Host Anna <Choir>" in page(post).text
        assert "&lt;Choir&gt;" in post.field["html"]

    @pytest.mark.parametrize(
        "site", [ruled(authors=(ANNA,)), ruled(show_host=True), ruled(authors=(Author("x", 7, "X"),), show_host=True)]
    )  # fmt: skip
    def test_is_not_where_that_is_not_wanted_or_the_name_not_known(self, site: SiteRules) -> None:
        assert "Host" not in page(shown(meeting(host_email="anna@example.org"), site=site)).text
