"""The table "The five events, and their siblings for webinars", each row the whole way."""

from __future__ import annotations

import base64
import html
import json
import re
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
import requests

from tests.end_to_end.events import ACCOUNT, HOST, Meeting, in_days, z
from tests.end_to_end.pair import eventually

if TYPE_CHECKING:
    from datetime import datetime

    from tests.end_to_end.pair import Pair

BERLIN = ZoneInfo("Europe/Berlin")
DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
EDITED = "<p>What an editor wrote, with care.</p>"


def said(moment: datetime) -> str:
    """How the page says a date, but for the time of day."""
    local = moment.astimezone(BERLIN)
    return f"{local:%A, %B} {local.day}, {local.year}, "


def clock(moment: datetime) -> str:
    local = moment.astimezone(BERLIN)
    return f"{local.hour % 12 or 12}:{local.minute:02} {'AM' if local.hour < 12 else 'PM'}"


def categorised(pair: Pair) -> int:
    """Make a category for meetings, and return its id."""
    name = f"Concerts {in_days(0).timestamp()}"
    answer = pair.site.rest("POST", "wp/v2/zoom_meeting_cats", json={"name": name})
    if answer.status_code == 400:  # it is there already
        return int(answer.json()["data"]["term_id"])
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def pictured(pair: Pair) -> int:
    """Put a picture into the media library, and return its id."""
    headers = {"Content-Disposition": "attachment; filename=dot.png", "Content-Type": "image/png"}
    answer = pair.site.rest("POST", "wp/v2/media", data=DOT, headers=headers)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def details(metas: dict[str, str], pair: Pair) -> dict[str, Any]:
    """Return `_meeting_zoom_details`, whose outermost shape the caller has looked at."""
    decoded: dict[str, Any] = pair.site.php(
        "return json_decode( json_encode( unserialize( $it ) ), true );", it=metas["_meeting_zoom_details"]
    )
    return decoded


class TestCreated:
    def test_visitor_sees_all_of_it(self, pair: Pair, meeting: Meeting) -> None:
        meeting.changes["agenda"] = "Bring the blue folder.\nSee https://example.org/notes"

        assert pair.send(meeting.created()).status_code == 204

        page = pair.await_page(meeting.number, meeting.topic)
        assert "Bring the blue folder." in page
        assert '<a href="https://example.org/notes">' in page
        assert said(meeting.start) + clock(meeting.start) in page
        assert "Europe/Berlin" in page
        assert "1 hour" in page
        assert f'href="{meeting.join_url}"' in page
        assert "482915" in page
        assert "Upcoming" in page
        assert f"Join the {meeting.kind}" in page
        assert "zak=" not in page

    def test_once_however_often_and_wherever_it_is_sent(self, pair: Pair, meeting: Meeting) -> None:
        event = meeting.created()
        for route in ("meeting", "meeting", "webinar", "recording"):
            assert pair.send(event, route=route).status_code == 204

        pair.await_page(meeting.number, meeting.topic)
        pair.settled(meeting.number)
        assert len(pair.posts(meeting.number)) == 1
        assert len(pair.logged(meeting.number)) == 1

    def test_once_when_all_are_sent_at_once(self, pair: Pair, meeting: Meeting) -> None:
        event = meeting.created()
        answers: list[requests.Response] = []
        senders = [threading.Thread(target=lambda: answers.append(pair.send(event))) for _ in range(4)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()

        assert [answer.status_code for answer in answers] == [204] * 4
        pair.await_page(meeting.number, meeting.topic)
        pair.settled(meeting.number)
        assert len(pair.posts(meeting.number)) == 1

    def test_text_of_zooms_is_text(self, pair: Pair, meeting: Meeting) -> None:
        meeting.topic = "<script>alert(1)</script> & [gallery] \\ 👋"
        meeting.changes["agenda"] = "<img src=x onerror=alert(2)> [gallery]"

        pair.tell(meeting.created())

        raw = pair.visit(pair.post(meeting.number)["link"]).text
        assert "<script>alert(1)" not in raw
        assert "<img src=x" not in raw
        shown = html.unescape(raw)
        assert "<img src=x onerror=alert(2)> [gallery]" in shown
        assert re.search(r"<h1[^>]*>\s*<script>alert\(1\)</script> & \[gallery\] \\ 👋", shown)

    def test_metas_have_the_shapes_of_the_plugin(self, pair: Pair, kind: str) -> None:
        meeting = Meeting(kind, topic='Über "alles" \\ 👋')
        pair.tell(meeting.created())

        metas = pair.metas(pair.post(meeting.number)["id"])
        local = meeting.start.astimezone(BERLIN)
        assert metas["_meeting_zoom_meeting_id"] == str(meeting.number)
        assert metas["_meeting_zoom_join_url"] == meeting.join_url
        assert metas["_meeting_zoom_start_url"] == ""
        assert metas["_meeting_field_start_date_utc"] == f"{meeting.start:%Y-%m-%d %H:%M:%S}"
        assert metas["_vczapi_meeting_type"] == kind
        assert "_vczapi_pro_meeting_details" not in metas

        # As PHP wrote them: a stdClass, integers as integers, an array of arrays.
        raw = metas["_meeting_zoom_details"]
        assert raw.startswith('O:8:"stdClass"')
        assert f's:2:"id";i:{meeting.number};' in raw
        assert f's:4:"type";i:{2 if kind == "meeting" else 5};' in raw
        assert 's:8:"settings";O:8:"stdClass"' in raw
        assert "start_url" not in raw
        told = details(metas, pair)
        assert told["topic"] == meeting.topic
        assert told["start_time"] == z(meeting.start)
        assert told["timezone"] == "Europe/Berlin"
        assert told["settings"]["auto_recording"] == "cloud"

        fields = metas["_meeting_fields"]
        assert fields.startswith("a:")
        assert f's:12:"meeting_type";i:{1 if kind == "meeting" else 2};' in fields
        assert "anna@example.org" not in raw + fields  # an alternative host, known by address alone
        kept = pair.site.php("return unserialize( $it );", it=fields)
        assert kept["userId"] == HOST
        assert kept["start_date"] == f"{local:%Y-%m-%d %H:%M}"
        assert kept["timezone"] == "Europe/Berlin"
        assert kept["duration"] == 60
        assert kept["password"] == "482915"
        assert kept["option_host_video"] == "1"
        assert kept["option_auto_recording"] == "cloud"
        if kind == "meeting":
            assert kept["disable_waiting_room"] == "yes"
            assert kept["join_before_host"] == "1"
            assert kept["option_mute_participants"] == "1"
            assert kept["option_participants_video"] == ""
        else:
            assert kept["panelists_video"] == "1"
            assert kept["practice_session"] == "1"

    def test_series_says_how_it_recurs(self, pair: Pair, weekly: Meeting) -> None:
        pair.tell(weekly.created())

        page = pair.page(weekly.number)
        for week in range(4):
            assert said(weekly.start + timedelta(weeks=week)) in page
        pro = pair.site.php(
            "return unserialize( $it );",
            it=pair.metas(pair.post(weekly.number)["id"])["_vczapi_pro_meeting_details"],
        )
        assert pro == {
            "enabled_recurring": "on",
            "frequency": "2",
            "interval": "1",
            "weekly_occurence": ["3"],
            "end_type": "by_occurrence",
            "end_occurence": "4",
        }

    def test_host_is_the_author(self, pair: Pair, meeting: Meeting) -> None:
        author = pair.site.php(
            """
            $user = username_exists( 'host' ) ?: wp_create_user( 'host', 'secret', 'host@example.org' );
            update_user_meta( $user, 'user_zoom_hostid', $host );
            return $user;
            """,
            host="theHostOfThisOne",
        )
        meeting.changes["host_id"] = "theHostOfThisOne"

        pair.tell(meeting.created())

        assert pair.post(meeting.number)["author"] == author


class TestUpdated:
    def test_visitor_sees_what_changed(self, pair: Pair, meeting: Meeting) -> None:
        pair.tell(meeting.created())
        moved = meeting.start + timedelta(days=1, hours=2)

        assert (
            pair.send(
                meeting.updated(
                    topic="Choir, with the orchestra",
                    start_time=z(moved),
                    duration=90,
                    agenda="Doors open ten minutes before.",
                    timezone="Europe/Berlin",
                )
            ).status_code
            == 204
        )

        # Metas are written before the post itself, so that other plugins see them when it is saved.
        page = pair.await_page(
            meeting.number,
            "Choir, with the orchestra",
            said(moved) + clock(moved),
            "Doors open ten minutes before.",
        )
        assert "1 hour 30 minutes" in page
        assert f'href="{meeting.join_url}"' in page, "what did not change stays"
        metas = pair.metas(pair.post(meeting.number)["id"])
        assert metas["_meeting_field_start_date_utc"] == f"{moved:%Y-%m-%d %H:%M:%S}"
        told = details(metas, pair)
        assert (told["start_time"], told["duration"], told["host_id"]) == (z(moved), 90, HOST)
        assert told["settings"]["auto_recording"] == "cloud"

    def test_only_changed_settings_change(self, pair: Pair, meeting: Meeting) -> None:
        pair.tell(meeting.created(), meeting.updated(settings={"auto_recording": "none"}))

        settings = details(pair.metas(pair.post(meeting.number)["id"]), pair)["settings"]
        expected = meeting.object["settings"] | {"auto_recording": "none"}
        # Addresses of people: without a connected account nobody knows their ids, and nothing else is kept of them.
        del expected["alternative_hosts"]
        assert settings == expected

    def test_what_is_the_editors_stays(self, pair: Pair, meeting: Meeting) -> None:
        pair.tell(meeting.created())
        before = pair.post(meeting.number)
        category, picture = categorised(pair), pictured(pair)
        author = pair.site.php(
            "return username_exists( 'anna' ) ?: wp_create_user( 'anna', 'secret', 'anna@example.org' );"
        )
        pair.edit(
            before["id"],
            title="Our grand rehearsal",
            content=EDITED,
            slug=f"grand-{meeting.number}",
            author=author,
            featured_media=picture,
            zoom_meeting_cats=[category],
        )
        edited = pair.post(meeting.number)
        assert (edited["featured_media"], edited["zoom_meeting_cats"]) == (picture, [category])
        moved = meeting.start + timedelta(days=3)

        pair.tell(meeting.updated(start_time=z(moved), agenda="Another agenda"))

        page = pair.await_page(meeting.number, said(moved))
        assert "What an editor wrote, with care." in page
        assert "Our grand rehearsal" in page
        assert "Another agenda" not in page
        after = pair.post(meeting.number)
        for key in (
            "id", "status", "slug", "author", "featured_media", "title", "content", "link", "zoom_meeting_cats",
        ):  # fmt: skip
            assert after[key] == edited[key], key
        assert after["slug"] == f"grand-{meeting.number}"

    def test_new_topic_leaves_an_editors_title_until_it_is_given_back(
        self, pair: Pair, meeting: Meeting
    ) -> None:
        pair.tell(meeting.created())
        theirs = f"Rehearsal no. {meeting.number}"  # other pages may be named on this one
        pair.edit(pair.post(meeting.number)["id"], title=theirs)
        pair.await_page(meeting.number, theirs)

        pair.tell(meeting.updated(topic="Concert", duration=75))
        pair.await_page(meeting.number, f"{theirs}</h1>", "1 hour 15 minutes")

        page = f"{pair.bridge.url}/meetings/{ACCOUNT}/{meeting.number}"
        session = requests.Session()
        session.cookies.set("zoombridge", pair.session())
        asked = session.get(page, timeout=600)
        assert "Its title was changed in WordPress" in asked.text
        form = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', asked.text))
        session.post(page, data={**form, "do": "title"}, timeout=600).raise_for_status()
        pair.await_page(meeting.number, "Concert</h1>", gone=(theirs,))

    @pytest.mark.parametrize("status", ["draft", "private"])
    def test_status_of_an_editors_stays(self, pair: Pair, meeting: Meeting, status: str) -> None:
        pair.tell(meeting.created())
        pair.edit(pair.post(meeting.number)["id"], status=status)

        pair.tell(meeting.updated(topic="Concert"))

        after = pair.post(meeting.number)
        assert (after["status"], after["title"]["raw"]) == (status, "Concert")
        assert pair.visit(after["link"]).status_code == 404

    def test_order_of_arrival_does_not_matter(self, pair: Pair, meeting: Meeting) -> None:
        created, first = meeting.created(), meeting.updated(topic="First")
        second = meeting.updated(topic="Second")

        pair.tell(second)
        pair.tell(created)
        pair.tell(first)

        pair.await_page(meeting.number, "Second</h1>")

    def test_unknown_one_appears_when_enough_is_told(self, pair: Pair, meeting: Meeting) -> None:
        """The bridge was connected after the meeting was made."""
        pair.tell(meeting.updated(topic="Half a meeting"))
        assert pair.posts(meeting.number) == []

        whole = {key: value for key, value in meeting.object.items() if key != "id"}
        pair.tell(meeting.updated(**whole))

        pair.await_page(meeting.number, meeting.topic)


class TestMovedToAnotherAccount:
    """One meeting of one number, whichever account tells of it, and at last none."""

    def test_is_the_same_page(self, pair: Pair, meeting: Meeting) -> None:
        pair.tell(meeting.created())
        before = pair.post(meeting.number)
        pair.edit(before["id"], content=EDITED)
        moved = meeting.start + timedelta(days=3)
        theirs = meeting.updated(topic="In the new account", start_time=z(moved))
        theirs["payload"]["account_id"] = f"NewAccount{meeting.number}"

        pair.tell(theirs)
        without = meeting.updated(agenda="Songs")
        del without["payload"]["account_id"]
        pair.tell(without)

        page = pair.await_page(meeting.number, said(moved))
        assert "In the new account" in page
        assert "What an editor wrote, with care." in page
        assert pair.post(meeting.number)["id"] == before["id"]
        gone = meeting.deleted()
        gone["payload"]["account_id"] = f"NewAccount{meeting.number}"
        pair.tell(gone)
        assert pair.post(meeting.number)["status"] == "trash"


class TestDeleted:
    def test_post_is_in_the_trash(self, pair: Pair, meeting: Meeting) -> None:
        pair.tell(meeting.created())
        link = pair.post(meeting.number)["link"]
        assert pair.visit(link).status_code == 200

        assert pair.send(meeting.deleted()).status_code == 204

        pair.await_status(meeting.number, "trash")
        assert pair.visit(link).status_code == 404

    def test_single_of_an_ordinary_meeting_means_the_meeting(self, pair: Pair, meeting: Meeting) -> None:
        pair.tell(meeting.created())
        event = meeting.deleted()
        event["payload"]["operation"] = "single"

        pair.tell(event)

        assert pair.post(meeting.number)["status"] == "trash"

    def test_single_occurrences_only_go(self, pair: Pair, weekly: Meeting) -> None:
        pair.tell(weekly.created())
        link = pair.post(weekly.number)["link"]
        dates = weekly.changes["occurrences"]

        pair.tell(weekly.deleted([dates[0], dates[2]]))

        assert pair.post(weekly.number)["status"] == "publish"
        page = html.unescape(pair.visit(link).text)
        assert len(re.findall("zoombridge-cancelled", page)) == 2
        second = weekly.start + timedelta(weeks=1)
        leading = re.search(r'<time class="zoombridge-start"[^>]*>(.*?)</time>', page, re.DOTALL)
        assert leading
        assert said(second) in leading[1]
        metas = pair.metas(pair.post(weekly.number)["id"])
        assert metas["_meeting_field_start_date_utc"] == f"{second:%Y-%m-%d %H:%M:%S}"

    def test_occurrences_come_back(self, pair: Pair, weekly: Meeting) -> None:
        dates = weekly.changes["occurrences"]
        pair.tell(weekly.created(), weekly.deleted([dates[1]]))
        assert "zoombridge-cancelled" in pair.page(weekly.number)

        pair.tell(weekly.recovered([dates[1]]))

        assert "zoombridge-cancelled" not in pair.page(weekly.number)

    def test_whole_series_goes(self, pair: Pair, weekly: Meeting) -> None:
        pair.tell(weekly.created())
        link = pair.post(weekly.number)["link"]

        pair.tell(weekly.deleted())

        assert pair.post(weekly.number)["status"] == "trash"
        assert pair.visit(link).status_code == 404

    def test_known_by_its_deletion_only_makes_nothing(self, pair: Pair, meeting: Meeting) -> None:
        pair.tell(meeting.deleted())

        assert pair.posts(meeting.number) == []


class TestRecovered:
    def test_published_again_at_its_address(self, pair: Pair, meeting: Meeting) -> None:
        pair.tell(meeting.created())
        before = pair.post(meeting.number)
        pair.edit(before["id"], content=EDITED)
        pair.tell(meeting.deleted())

        assert pair.send(meeting.recovered()).status_code == 204

        page = pair.await_page(meeting.number, meeting.topic, "Upcoming")
        assert "What an editor wrote, with care." in page
        after = pair.post(meeting.number)
        assert (after["id"], after["status"], after["link"]) == (before["id"], "publish", before["link"])

    @pytest.mark.parametrize("status", ["draft", "private"])
    def test_with_the_status_it_had(self, pair: Pair, meeting: Meeting, status: str) -> None:
        pair.tell(meeting.created())
        pair.edit(pair.post(meeting.number)["id"], status=status)
        pair.tell(meeting.deleted())
        assert pair.post(meeting.number)["status"] == "trash"

        pair.tell(meeting.recovered())

        assert pair.post(meeting.number)["status"] == status

    def test_trashed_by_a_person_stays_in_the_trash(self, pair: Pair, meeting: Meeting) -> None:
        pair.tell(meeting.created())
        post = pair.post(meeting.number)["id"]
        pair.site.rest("DELETE", f"wp/v2/zoom_meetings/{post}")

        pair.tell(meeting.deleted(), meeting.recovered())

        assert pair.post(meeting.number)["status"] == "trash"


class TestPermanentlyDeleted:
    @pytest.mark.parametrize("trashed_first", [True, False])
    def test_gone_for_good(self, pair: Pair, meeting: Meeting, trashed_first: bool) -> None:
        pair.tell(meeting.created())
        post = pair.post(meeting.number)
        if trashed_first:
            pair.tell(meeting.deleted())

        assert pair.send(meeting.permanently_deleted()).status_code == 204

        # Not over REST, where WordPress warns of a post that is deleted while it is shown.
        eventually(lambda: pair.site.php("return get_post( $post );", post=post["id"]) is None)
        assert pair.posts(meeting.number) == []
        assert pair.visit(post["link"]).status_code == 404
        assert not pair.metas(post["id"])

    def test_from_the_trash_of_a_person_too(self, pair: Pair, meeting: Meeting) -> None:
        pair.tell(meeting.created())
        pair.site.rest("DELETE", f"wp/v2/zoom_meetings/{pair.post(meeting.number)['id']}")

        pair.tell(meeting.permanently_deleted())

        assert pair.posts(meeting.number) == []

    def test_late_update_does_not_bring_it_back(self, pair: Pair, meeting: Meeting) -> None:
        created, late = meeting.created(), meeting.updated(topic="Too late")
        pair.tell(created, meeting.permanently_deleted())

        pair.tell(late)

        assert pair.posts(meeting.number) == []


class TestOthers:
    def test_taken_and_ignored(self, pair: Pair, meeting: Meeting) -> None:
        pair.tell(meeting.created())
        before = pair.post(meeting.number)

        assert pair.send(meeting.joined()).status_code == 204

        pair.settled(meeting.number)
        line = pair.logged(meeting.number)[-1]
        assert (line.event, line.outcome) == (f"{meeting.kind}.participant_joined", "ignored")
        assert line.reason
        assert pair.post(meeting.number) == before

    def test_nothing_is_made_of_them(self, pair: Pair, meeting: Meeting) -> None:
        assert pair.send(meeting.joined()).status_code == 204

        pair.settled(meeting.number)
        assert pair.posts(meeting.number) == []

    def test_of_unheard_names(self, pair: Pair) -> None:
        event = {"event": "phone.rang", "event_ts": 1, "payload": {"account_id": "A", "object": {}}}

        answer = pair.send(json.dumps(event).encode())

        assert (answer.status_code, answer.content) == (204, b"")
        line = pair.last_logged()
        assert (line.event, line.outcome) == ("phone.rang", "ignored")


class TestPersonsDecision:
    def test_post_deleted_for_good_is_not_made_again(self, pair: Pair, meeting: Meeting) -> None:
        pair.tell(meeting.created())
        post = pair.post(meeting.number)["id"]
        pair.site.rest("DELETE", f"wp/v2/zoom_meetings/{post}", params={"force": "true"})

        pair.tell(meeting.updated(topic="Concert"), meeting.updated(topic="Opera"))

        assert pair.posts(meeting.number) == []
