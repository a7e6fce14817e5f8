"""Lists, blocks and shortcodes of meetings, and a meeting's own page, as a real WordPress shows them to visitors."""

from __future__ import annotations

import gzip
import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from core.model.meeting import MeetingState
from core.model.rules import JoinLink, Rules
from tests.conftest import STUB
from tests.plugin_stub.conftest import VCZAPI, sign_in
from tests.plugin_stub.event_schema import problems
from tests.plugin_stub.visitors import DAY, HOUR, MINUTE, Writer, meeting, webinar, weekly

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.wordpress import WordPress

SCRIPT, STYLE = "assets/meetings.js?ver=", "assets/meetings.css?ver="
REGISTER = "https://us02web.zoom.us/meeting/register/tZ0abc"


@pytest.fixture
def writer(site: WordPress) -> Iterator[Writer]:
    with Writer(site) as made:
        yield made


def rendered(site: WordPress, content: str, *, user: int = 0, get: dict[str, str] | None = None) -> str:
    """Return what a block or a shortcode shows."""
    html: str = site.php(
        "wp_set_current_user( $user ); $_GET = $get; return do_shortcode( do_blocks( $content ) );",
        content=content,
        user=user,
        get=get or {},
    )
    return html


def block(name: str, **attributes: Any) -> str:
    return f"<!-- wp:zoombridge/{name} {json.dumps(attributes)} /-->"


def titles(html: str) -> list[str]:
    """Return the titles of shown items, in their order."""
    items = re.findall(r'<li class="zoombridge-item"([^>]*)>.*?<a href="[^"]*">(.*?)</a>', html, re.DOTALL)
    return [unescape(title) for attributes, title in items if not attributes.endswith("hidden")]


def get(link: str, **query: str) -> str:
    answer = requests.get(link, params=query, timeout=600)
    assert answer.status_code == 200
    return answer.text


def event(page: str) -> dict[str, Any]:
    """Return the description for search engines."""
    [text] = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    found: dict[str, Any] = json.loads(text)
    assert problems(found) == []
    return found


class TestList:
    def test_is_selected_and_ordered_by_the_dates(self, writer: Writer) -> None:
        site, now = writer.site, writer.now
        live = {"u": {"started": f"{now - 5 * MINUTE:%Y-%m-%dT%H:%M:%SZ}"}}
        _, _, _, under_way, *_ = writer.write(
            meeting("In a week", now + 7 * DAY),
            meeting("Yesterday", now - DAY),
            meeting("Last week", now - 7 * DAY),
            meeting("Under way", now - 10 * MINUTE),
            meeting("Any time", None),
            weekly("Class", now + DAY),
            webinar("Concert", now + 2 * DAY),
            meeting("Early", now + 20 * MINUTE, instances=live),
            meeting("Soon", now + HOUR),
        )
        hidden = writer.write(meeting("Draft", now + DAY), status="draft")
        secret = writer.write(meeting("With a password", now + DAY))
        site.php(
            "wp_update_post( array( 'ID' => $id, 'post_password' => 'x' ) );",
            id=secret[0],
        )
        assert hidden
        upcoming = ["Under way", "Early", "Soon", "Class", "Concert", "In a week", "Any time"]

        assert titles(rendered(site, block("meetings"))) == upcoming
        assert titles(rendered(site, "[zoom_meetings]")) == upcoming
        assert titles(rendered(site, block("meetings", view="cards"))) == upcoming
        assert titles(rendered(site, "[zoom_meetings which=past]")) == ["Yesterday", "Last week"]
        live_list = rendered(site, "[zoom_meetings which=live]")
        assert titles(live_list) == ["Under way", "Early"]
        assert live_list.count("Soon</a>") == 1, "for pages that a cache keeps"
        assert titles(rendered(site, block("meetings", kind="webinar"))) == ["Concert"]
        # VCZAPI's Import writes no kind.
        site.php("delete_post_meta( $id, '_vczapi_meeting_type' );", id=under_way)
        assert titles(rendered(site, block("meetings", kind="meeting", number=2))) == ["Under way", "Early"]
        archive = get(f"{site.url}/zoom-meetings/")
        places = [archive.index(f">{title}</a>") for title in (*upcoming, "Yesterday", "Last week")]
        assert places == sorted(places)

    def test_stands_in_for_what_vczapi_has_shown(self, writer: Writer) -> None:
        """Once VCZAPI is gone, WordPress would print its shortcodes."""
        site, now = writer.site, writer.now
        later, *_ = writer.write(
            meeting("Later", now + 2 * DAY),
            meeting("Soon", now + DAY),
            meeting("Over", now - DAY),
            webinar("Concert", now + DAY),
        )
        number = site.php("return get_post_meta( $id, '_meeting_zoom_meeting_id', true );", id=later)
        blocks = {
            "list-meetings": {"shortcodeType": "webinar", "postsToShow": 3, "displayType": "upcoming"},
            "show-meeting-post": {"postID": later},
            "show-live-meeting": {"selectedMeeting": {"value": number, "label": "x"}},
        }
        shown = {
            name: rendered(site, f"<!-- wp:vczapi/{name} {json.dumps(given)} /-->")
            for name, given in blocks.items()
        }

        assert titles(rendered(site, "[zoom_list_meetings]")) == ["Soon", "Later"]
        assert titles(rendered(site, '[zoom_list_meetings per_page="1" cols="2"]')) == ["Soon"]
        assert titles(rendered(site, '[zoom_list_meetings type="past"]')) == ["Over"]
        assert titles(rendered(site, "[zoom_list_webinars]")) == ["Concert"]
        assert titles(shown["list-meetings"]) == ["Concert"]
        single = (
            rendered(site, f'[zoom_meeting_post post_id="{later}"]'),
            rendered(site, f'[zoom_api_link meeting_id="{number}"]'),
            shown["show-meeting-post"],
            shown["show-live-meeting"],
        )
        assert {">Later</a>" in html for html in single} == {True}
        assert "not published" in rendered(site, "[zoom_meeting_post]")
        assert rendered(site, '[zoom_recordings host_id="x"]') == ""

    def test_holds_a_meeting_once_whose_metas_are_doubled(self, writer: Writer) -> None:
        """WordPress's importer adds the metas of a post again that is there."""
        site, now = writer.site, writer.now
        first, *_ = writer.write(*(meeting(name, now + day * DAY) for day, name in enumerate("ABC", 1)))
        site.php(
            """
            foreach ( get_post_meta( $post ) as $key => $values ) {
                add_post_meta( $post, $key, maybe_unserialize( $values[0] ) );
            }
            """,
            post=first,
        )
        for given in ({}, {"kind": "meeting"}):
            html = rendered(site, block("meetings", number=2, **given))
            assert (titles(html), "Page 1 of 2" in html) == (["A", "B"], True), given
        assert len(titles(rendered(site, block("meetings", which="live")))) == 0
        month = rendered(site, block("meetings", view="month"), get={"zb-month": f"{now + DAY:%Y-%m}"})
        assert month.count(">A</a>") == 1
        archive = get(f"{site.url}/zoom-meetings/")
        assert archive.count(">A</a>") == archive.count(">C</a>")

    def test_takes_no_sql_from_variables_of_a_query(self, site: WordPress) -> None:
        query = """
            $list = array( 'which' => 'all', 'kind' => '', 'now' => '', 'order' => $order );
            return ( new WP_Query( array( 'post_type' => 'zoom-meetings', 'zoombridge_list' => $list ) ) )->request;
        """
        assert "HOSTILE" not in site.php(query, order="DESC, HOSTILE()")
        assert "ID DESC" in site.php(query, order="DESC")

    def test_is_filtered_by_category_and_host(self, writer: Writer) -> None:
        site, now = writer.site, writer.now
        first, _ = writer.write(meeting("One", now + DAY), meeting("Two", now + 2 * DAY))
        user = site.php(
            """
            $user = wp_insert_user( array( 'user_login' => 'Anna B', 'user_pass' => 'x', 'role' => 'author' ) );
            wp_update_post( array( 'ID' => $id, 'post_author' => $user ) );
            wp_insert_term( 'Choirs', 'zoom-meeting' );
            wp_set_object_terms( $id, 'choirs', 'zoom-meeting' );
            return $user;
            """,
            id=first,
        )
        for attributes in (
            {"category": "choirs"},
            {"category": "x, choirs"},
            {"host": "Anna B"},
            {"host": str(user)},
        ):
            assert titles(rendered(site, block("meetings", **attributes))) == ["One"], attributes
        empty = rendered(site, block("meetings", category="none"))
        assert titles(empty) == []
        assert '<p class="zoombridge-empty">There are no upcoming meetings at the moment.</p>' in empty

    def test_has_pages(self, writer: Writer) -> None:
        site, now = writer.site, writer.now
        writer.write(*(meeting(f"Day {day}", now + day * DAY) for day in range(1, 6)))
        content = block("meetings", number=2)

        first = rendered(site, content)
        assert "Page 1 of 3" in first
        assert "Previous page" not in first
        [link] = re.findall(r'<a href="([^"]+)">Next page</a>', first)
        assert parse_qs(urlsplit(unescape(link)).query)["zb-page"] == ["2"]
        last = rendered(site, content, get={"zb-page": "3"})
        assert titles(last) == ["Day 5"]
        assert "Next page" not in last
        assert titles(rendered(site, content, get={"zb-page": "4"})) == []
        two = rendered(site, content + content, get={"zb-page-2": "2"})
        assert titles(two) == ["Day 1", "Day 2", "Day 3", "Day 4"]
        months = block("meetings", view="month")
        landmarks = re.findall(r'<nav [^>]*aria-label="([^"]+)"', rendered(site, content * 2 + months * 2))
        assert landmarks == [
            "Pages of meetings",
            "Pages of meetings (2)",
            "Other months (3)",
            "Other months (4)",
        ]
        assert "Page 1" not in rendered(site, "[zoom_meetings number=2 paging=no]")

    def test_items_hold_what_visitors_need(self, writer: Writer) -> None:
        topic = 'Q&A <script>alert(1)</script> "x" [zoom_countdown]'
        start = datetime(2098, 7, 1, 16, 0, tzinfo=UTC)
        writer.write(webinar(topic, start, duration=90, timezone="America/New_York"))

        html = rendered(writer.site, block("meetings"))

        assert "<script" not in html
        assert "zoombridge-of-countdown" not in html
        assert titles(html) == ['Q&A <script>alert(1)</script> "x" [zoom_countdown]'.replace('"x"', "“x”")]
        assert '<time datetime="2098-07-01T12:00:00-04:00" data-zb-time>' in html
        assert "12:00 pm</time>" in html
        assert "(America/New York, UTC\N{MINUS SIGN}04:00)" in html
        for text in ("Upcoming</strong>", "1 h 30 min", "Webinar", ">Join <"):
            assert text in html
        assert re.search(r'href="https://us02web\.zoom\.us/j/\d+\?pwd=aBc\.1"', html)

    def test_joining_follows_the_rules(self, writer: Writer) -> None:
        site, start = writer.site, writer.now + DAY
        writer.write(meeting("Nobody", start), rules=Rules(join_link=JoinLink.NOBODY))
        writer.write(meeting("Signed in", start), rules=Rules(join_link=JoinLink.SIGNED_IN))
        disabled, _ = writer.write(
            meeting("Disabled", start), meeting("Register", start, registration_url=REGISTER)
        )
        site.php("update_post_meta( $id, '_zoombridge_joining_disabled', '1' );", id=disabled)
        content = block("meetings")

        visitor, user = rendered(site, content), rendered(site, content, user=1)

        assert "us02web.zoom.us/j/" not in visitor
        assert visitor.count(">Sign in to join <") == 1
        assert visitor.count(REGISTER) == 1
        assert user.count("us02web.zoom.us/j/") == 1
        assert "Sign in to join" not in user

    def test_joining_is_for_members_where_a_plugin_says_so(self, writer: Writer) -> None:
        one = meeting("Choir", writer.now + DAY)
        [post] = writer.write(one)
        shown = writer.site.php(
            """
            add_filter( 'zoombridge_may_see_details', 'is_user_logged_in' );
            $GLOBALS['wp_query']->query( array( 'post_type' => 'zoom-meetings', 'p' => $post ) );
            $GLOBALS['wp_the_query'] = $GLOBALS['wp_query'];
            the_post();
            foreach ( array( 0, 1 ) as $user ) {
                wp_set_current_user( $user );
                ob_start();
                zoombridge_print_event();
                $shown[ ob_get_clean() ] = array(
                    do_shortcode( '[zoom_meetings]' ),
                    do_shortcode( '[zoom_meeting meeting="' . $number . '"]' ),
                    apply_filters( 'the_content', '' ),
                );
            }
            return array( $shown, zoombridge_hides_link( $post ), get_current_user_id() );
            """,
            post=post,
            number=one.number,
        )

        [(outside, hidden), (inside, seen)] = shown[0].items()
        assert not any("zoom.us/j/" in text or "zoombridge-join" in text for text in hidden)
        assert all("zoom.us/j/" in text for text in seen)
        assert all("Choir</a>" in text and "Upcoming</strong>" in text for text in hidden[:2])
        assert '"name":"Choir"' in outside
        assert ("Bring your notes" in outside, "Bring your notes" in inside) == (False, True)
        assert shown[1:] == [True, 1], "the calendar is for everybody"

    def test_month(self, writer: Writer) -> None:
        site = writer.site
        series = weekly("Class", datetime(2098, 7, 20, 10, tzinfo=UTC), 4)
        edge = meeting("Midnight", datetime(2098, 7, 31, 22, 30, tzinfo=UTC))  # August in Berlin
        writer.write(series, edge, meeting("Other", datetime(2098, 9, 1, 10, tzinfo=UTC)))
        content = "[zoom_meetings view=month]"

        july = rendered(site, content, get={"zb-month": "2098-07"})
        august = rendered(site, content, get={"zb-month": "2098-08"})

        assert re.findall(r"<caption>(.*?)</caption>", july) == ["July 2098"]
        days = r'datetime="(2098-\d\d-\d\d)"><span>\d+</span><span>[^<]+</span>'
        assert re.findall(days, july) == ["2098-07-20", "2098-07-27"]
        assert re.findall(days, august) == ["2098-08-01", "2098-08-03", "2098-08-10"]
        assert "Midnight" in august
        [back] = re.findall(r'href="([^"]+)" rel="nofollow">Previous month', august)
        assert parse_qs(urlsplit(unescape(back)).query)["zb-month"] == ["2098-07"]
        for wrong in ("2098-13", "x", "2098-07\n"):
            shown = rendered(site, content, get={"zb-month": wrong})
            assert f"<caption>{datetime.now(UTC):%B %Y}" in shown
        assert "There are no meetings in this month." in rendered(site, content, get={"zb-month": "2097-01"})

    def test_of_a_hundred_takes_one_query_more_than_a_query_loop(self, writer: Writer) -> None:
        [post] = writer.write(meeting("Number", writer.now + DAY))
        loop = (
            '<!-- wp:query {"query":{"perPage":100,"postType":"zoom-meetings","inherit":false}} -->'
            '<!-- wp:post-template --><!-- wp:post-title {"isLink":true} /--><!-- /wp:post-template -->'
            "<!-- wp:query-pagination --><!-- wp:query-pagination-next /--><!-- /wp:query-pagination --><!-- /wp:query -->"
        )
        counted = writer.site.php(
            """
            global $wpdb;
            $metas = $wpdb->get_results( "SELECT meta_key, meta_value FROM $wpdb->postmeta WHERE post_id = $post" );
            $copy  = $wpdb->get_row( "SELECT * FROM $wpdb->posts WHERE ID = $post", ARRAY_A );
            for ( $id = 1001; $id < 1100; $id++ ) {
                $wpdb->insert( $wpdb->posts, array( 'ID' => $id, 'post_name' => "number-$id" ) + $copy );
                foreach ( $metas as $meta ) {
                    $wpdb->insert( $wpdb->postmeta, array( 'post_id' => $id ) + (array) $meta );
                }
            }
            $counts = array();
            foreach ( $contents as $content ) {
                wp_cache_flush();
                wp_load_alloptions();
                $before   = $wpdb->num_queries;
                $html     = do_blocks( $content );
                $counts[] = array( substr_count( $html, 'Number<' ), $wpdb->num_queries - $before );
            }
            return $counts;
            """,
            post=post,
            contents=[loop, block("meetings", number=100), block("meetings", number=100, view="cards")],
        )
        (loop_count, loop_queries), *lists = counted
        assert loop_count == 100
        for count, queries in lists:
            assert count == 200, "title, and the join button's"
            assert queries <= loop_queries + 1


class TestOne:
    def test_meeting_and_countdown(self, writer: Writer) -> None:
        site, now = writer.site, writer.now
        one, other = meeting("One", now + 3 * DAY), meeting("Other", now + DAY)
        _, draft = (
            *writer.write(one, other),
            *writer.write(hidden := meeting("Hidden", now + DAY), status="private"),
        )[:2]
        assert draft

        shown = rendered(site, block("meeting", meeting=f"{one.number}"))
        assert ">One</a>" in shown
        assert "Add to your calendar" in shown
        spaced = f"{one.number}"[:3] + " " + f"{one.number}"[3:]
        assert ">One</a>" in rendered(site, f'[zoom_meeting meeting="{spaced}"]')
        counted = rendered(site, f"[zoom_countdown meeting={one.number}]")
        assert f'data-zb-countdown="{int(one.start_time.timestamp())}">3 days</time>' in counted  # type: ignore[union-attr]
        assert ">Other</a>" in rendered(site, block("countdown")), "the next"
        for missing in (hidden.number, 81234567890, "x", ""):
            assert "This meeting is not published on this site." in rendered(
                site, block("meeting", meeting=str(missing))
            )


class TestAssets:
    def test_are_small_and_loaded_where_they_are_used(self, writer: Writer) -> None:
        [post] = writer.write(meeting("One", writer.now + DAY))
        used = [
            writer.page("Block", block("meetings")),
            writer.page("Shortcode", "[zoom_countdown]"),
            writer.link(post),
        ]
        for link in used:
            text = get(link)
            assert text.count(SCRIPT) == text.count(STYLE) == 1
            assert STYLE in text.partition("</head>")[0]
        for link in (writer.page("Other", "Nothing"), writer.site.url):
            assert "assets/meetings." not in get(link)
        files = [STUB / "assets/meetings.js", STUB / "assets/meetings.css"]
        assert sum(len(gzip.compress(file.read_bytes())) for file in files) < 10_240


class TestPage:
    def test_joining_when_it_is_useful(self, writer: Writer) -> None:
        site, now = writer.site, writer.now
        later, soon = (
            writer.link(post)
            for post in writer.write(meeting("Later", now + 3 * HOUR), meeting("Soon", now + 5 * MINUTE))
        )
        join = r'<p class="zoombridge-join"([^>]*)><a class="zoombridge-join-link'
        always = get(later)
        assert "hidden" not in re.findall(join, always)[0]
        assert "zoombridge-wait" not in always

        site.php("update_option( 'zoombridge_join_minutes', 15 );")
        waiting, open_now = get(later), get(soon)

        opens = int((now + 3 * HOUR - 15 * MINUTE).timestamp())
        closes = int((now + 5 * HOUR).timestamp())
        assert re.findall(join, waiting) == [f' data-zb-from="{opens}" data-zb-until="{closes}" hidden']
        assert f'data-zb-countdown="{opens}">3 hours</time>' in waiting
        assert "hidden" not in re.findall(join, open_now)[0]
        assert "zoombridge-wait" not in open_now
        assert "The link to join appears on" in rendered(site, block("meetings"))

    def test_calendars(self, writer: Writer) -> None:
        site, now = writer.site, writer.now
        start = now.replace(minute=0, second=0) + 2 * DAY
        one = meeting("R&D “weekly” #1", start)
        [post] = writer.write(one)
        link = writer.link(post)
        page = get(link)

        links = [
            unescape(href)
            for href in re.findall(r'href="([^"]+)"', page[page.index('class="zoombridge-add"') :])
        ]
        google, outlook, file, feed = links[:4]
        assert urlsplit(google).netloc == "calendar.google.com"
        asked = parse_qs(urlsplit(google).query)
        assert asked["text"] == ["R&D “weekly” #1"]
        assert asked["dates"] == [f"{start:%Y%m%dT%H%M%SZ}/{start + HOUR:%Y%m%dT%H%M%SZ}"]
        assert asked["location"] == asked["details"] == [link]
        assert urlsplit(outlook).netloc == "outlook.live.com"
        assert parse_qs(urlsplit(outlook).query)["enddt"] == [f"{start + HOUR:%Y-%m-%dT%H:%M:%SZ}"]
        assert file == f"{site.rest_root}zoombridge/v1/calendar/{one.number}.ics"
        assert feed == f"{site.rest_root}zoombridge/v1/calendar.ics".replace("http://", "webcal://")
        assert "zoom.us" not in google + outlook

        [over] = writer.write(meeting("Over", now - 2 * DAY))
        for gone in ("zoombridge-calendar", "webcal://", "zoombridge-join"):
            assert gone not in get(writer.link(over))

    def test_registration(self, writer: Writer) -> None:
        start = writer.now + DAY
        posts = writer.write(
            meeting("Zoom's", start, registration_url=REGISTER),
            meeting("Another's", start, registration_url="https://zoom.us.evil.example/register"),
        ) + writer.write(
            meeting("Hidden", start, registration_url=REGISTER), rules=Rules(join_link=JoinLink.NOBODY)
        )
        registering, other, hidden = (get(writer.link(post)) for post in posts)

        assert (
            f'<a class="zoombridge-register-link wp-element-button" href="{REGISTER}">Register</a>'
            in registering
        )
        assert "zoombridge-join-link" not in registering
        assert "evil.example" not in other
        assert "zoombridge-join-link" in other
        assert "register" not in hidden.lower()

    def test_shows_the_meetings_date_in_place_of_that_of_publishing(self, writer: Writer) -> None:
        [post] = writer.write(meeting("Far away", datetime(2098, 7, 31, 22, 30, tzinfo=UTC)))
        shown = writer.site.php(
            "$GLOBALS['post'] = get_post( $id ); return array( get_the_date( 'Y-m-d', $id ), get_the_date( 'Y', 1 ) );",
            id=post,
        )
        assert shown == ["2098-08-01", f"{datetime.now(UTC):%Y}"]


class TestEvent:
    def test_describes_the_meeting(self, writer: Writer) -> None:
        topic = "</script><script>alert(1)</script> & “more”"
        start = datetime(2098, 7, 1, 16, tzinfo=UTC)
        one = meeting(topic, start, agenda="Bring <b>notes</b> & pens")
        [post] = writer.write(one)

        page = get(writer.link(post))

        assert "alert(1)</script>" not in page
        found = event(page)
        assert found == {
            "@context": "https://schema.org",
            "@type": "Event",
            "name": topic,
            "url": writer.link(post),
            "startDate": "2098-07-01T18:00:00+02:00",
            "endDate": "2098-07-01T19:00:00+02:00",
            "eventStatus": "https://schema.org/EventScheduled",
            "eventAttendanceMode": "https://schema.org/OnlineEventAttendanceMode",
            "location": {"@type": "VirtualLocation", "url": writer.link(post)},
            "organizer": {
                "@type": "Organization",
                "name": "A WordPress for tests",
                "url": f"{writer.site.url}/",
            },
            "description": "Bring <b>notes</b> & pens",
        }
        for name, wrong in (
            ("name", " "),
            ("startDate", "2098-07-01T18:00:00"),
            ("location", post),
            ("offers", {}),
        ):
            assert problems(found | {name: wrong}), name
        assert problems({name: value for name, value in found.items() if name != "organizer"})
        assert datetime.fromisoformat(found["endDate"]) - datetime.fromisoformat(found["startDate"]) == HOUR

    def test_says_that_a_series_is_cancelled_and_nothing_of_others(self, writer: Writer) -> None:
        site, start = writer.site, writer.now + DAY
        cancelled = weekly("Class", start)
        for date in cancelled.object["occurrences"]:
            date["status"] = "deleted"
        [gone, undated, secret] = writer.write(cancelled, meeting("Any time", None), meeting("Secret", start))
        single = meeting(
            "Talk", start, state=MeetingState.DELETED, deleted_at=int(writer.now.timestamp() * 1000)
        )
        [kept] = writer.write(single, rules=Rules(cancelled_days=7))
        site.php("wp_update_post( array( 'ID' => $id, 'post_password' => 'x' ) );", id=secret)

        for post in (gone, kept):
            assert event(get(writer.link(post)))["eventStatus"] == "https://schema.org/EventCancelled"
        page = get(writer.link(kept))
        assert "<strong>Cancelled</strong>" in page
        assert "zoom.us" not in page
        assert "Talk" not in get(writer.page("Next", "[zoom_meetings]"))
        assert "Cancelled" in get(writer.page("Before", '[zoom_meetings which="past"]'))
        for post in (undated, secret):
            assert "ld+json" not in get(writer.link(post))


class TestSetting:
    def test_is_saved_under_reading(self, site: WordPress) -> None:
        session = sign_in(site)
        page = session.get(f"{site.url}/wp-admin/options-reading.php", timeout=600).text
        assert '<label for="zoombridge_join_minutes">Joining Zoom meetings</label>' in page
        [nonce] = re.findall(r'name="_wpnonce" value="(\w+)"', page)
        form = {
            "option_page": "reading",
            "action": "update",
            "_wpnonce": nonce,
            "zoombridge_join_minutes": "-15",
        }
        session.post(f"{site.url}/wp-admin/options.php", data=form, timeout=600)

        assert site.php("return zoombridge_join_minutes();") == 15


class TestWithVczapi:
    def test_nothing_stands_twice(self, writer: Writer) -> None:
        site = writer.site
        site.add_plugin(VCZAPI)
        [post] = writer.write(meeting("One", writer.now + timedelta(days=1)))
        page = get(writer.link(post))

        assert page.count("zoombridge-add") == page.count('class="zoombridge-subscribe"') == 1
        assert page.count("us02web.zoom.us/j/") == 1, "the template's own link"
        assert event(page)["name"] == "One"
        assert titles(rendered(site, "[zoom_meetings]")) == ["One"]
