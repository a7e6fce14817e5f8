"""The page of a meeting under VCZAPI's templates: what they do not show is added, as the rules of the site have it."""

from __future__ import annotations

import html
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests

from core.model.meeting import Meeting, MeetingKind, MeetingState
from core.model.rules import JoinLink, Passcode, Recordings, Rules
from core.render import SiteRules, render
from core.wordpress.post_operations import CreatePost
from core.wordpress.sync_client import SyncClient
from core.wordpress.sync_posts import Mark
from tests.plugin_stub.bridge_double import KEY, SITE
from tests.plugin_stub.pairing import connect
from tests.plugin_stub.vczapi import BRIDGE
from tests.wordpress.vczapi_site import HOST, NUMBER, VczapiSite

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime.now(UTC).replace(microsecond=0)
PASSCODE = "4[b]<i>9"
ALL = Rules(
    show_host=True, recordings=Recordings.EVERYBODY, recording_passcode=True, registrations=True
)  # fmt: skip


def at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def meeting(**given: Any) -> Meeting:
    """Return a meeting of tomorrow, with a recording and two registrants."""
    object_ = {
        "topic": "Choir",
        "agenda": "Bring your notes",
        "type": 2,
        "start_time": at(NOW + timedelta(days=1)),
        "duration": 60,
        "timezone": "Europe/Berlin",
        "join_url": f"https://us02web.zoom.us/j/{NUMBER}?pwd=aBc.1",
        "password": PASSCODE,
        "host_id": HOST,
    }
    recording = {
        "started": at(NOW - timedelta(days=1)),
        "share_url": "https://zoom.us/rec/share/abc",
        "passcode": "rec-482915",
        "matched": "the-meeting",
        "state": "available",
        "files": {},
    }
    kept = {name: given.pop(name) for name in ("kind", "instances", "state", "deleted_at") if name in given}
    object_ = {name: value for name, value in {**object_, **given}.items() if value is not None}
    return Meeting(
        "account",
        NUMBER,
        object=object_,
        recordings={"u1": recording},
        registrants={"a": "approved", "b": "approved", "c": "pending"},
        **kept,
    )


def series() -> Meeting:
    dates = [
        {
            "occurrence_id": str(week),
            "start_time": at(NOW + timedelta(weeks=week)),
            "duration": 60,
            "status": "deleted" if week == 2 else "available",
        }
        for week in (1, 2, 3)
    ]
    return meeting(
        type=8,
        start_time=None,
        occurrences=dates,
        recurrence={"type": 2, "repeat_interval": 1, "end_times": 3},
    )


class Pages:
    """What the bridge writes to the site, and what visitors get of it."""

    def __init__(self, vczapi: VczapiSite) -> None:
        self.vczapi = vczapi
        self.site = vczapi.site
        self.client = SyncClient(self.site.rest_root, self.site.url, site=SITE, key=KEY, epoch=1)

    def make(self, one: Meeting, rules: Rules = ALL, *, status: str = "publish") -> int:
        """Make the post of a meeting, as the mirror does where VCZAPI is active without PRO."""
        post = render(one, SiteRules(rules, vczapi=True), NOW)
        fields = {**post.field, "fields": {**post.field["fields"], **dict.fromkeys(post.ticks, "1")}}
        create = CreatePost(
            {
                "title": post.title,
                "content": post.content,
                "status": status,
                "zoombridge": {**fields, "revision": 1},
            }
        )
        [made] = self.client.perform([create], [Mark(NUMBER, 1000)])
        post_id: int = made.id
        return post_id

    def page(self, post: int, *, signed_in: bool = False) -> str:
        """Return the page of a post, with text as it reads."""
        link: str = self.site.php("return get_permalink( $post );", post=post)
        answer = (self.vczapi.session if signed_in else requests).get(link, timeout=600)
        return answer.text

    def item(self, post: int, slug: str, name: str) -> str:
        """Return what a list of VCZAPI's shows of a post."""
        shown: str = self.site.php(
            """
            $GLOBALS['post'] = get_post( $post );
            ob_start();
            load_template( apply_filters( 'vcz_get_template_part', '', $slug, $name ), false );
            return trim( ob_get_clean() );
            """,
            post=post,
            slug=slug,
            name=name,
        )
        return shown

    def added(self, post: int, user: int = 0) -> str:
        """Return what is added where any template of VCZAPI shows a post to a user, such as by a shortcode."""
        shown: str = self.site.php(
            """
            wp_set_current_user( $user );
            $GLOBALS['post'] = get_post( $post );
            ob_start();
            do_action( 'vczapi_html_after_meeting_details' );
            do_action( 'vczoom_after_content' );
            return ob_get_clean();
            """,
            post=post,
            user=user,
        )
        return shown


@pytest.fixture
def pages(vczapi: VczapiSite) -> Iterator[Pages]:
    connect(vczapi.site, BRIDGE)
    made = Pages(vczapi)
    yield made
    made.client.close()


class TestAdded:
    def test_once_and_nothing_that_the_templates_show(self, pages: Pages) -> None:
        text = pages.page(pages.make(meeting()))

        for name in ("passcode", "registered", "calendar-link", "recording-link"):
            assert text.count(f'class="zoombridge-{name}"') == 1, name
        assert "2 people registered" in text
        assert 'id="dpn-zvc-timer"' in text
        assert 'href="https://zoom.us/rec/share/abc"' in text
        assert "rec-482915" in text
        assert f"zoombridge/v1/calendar/{NUMBER}.ics" in text
        for name in ("status", "start", "duration", "host", "join-link"):
            assert f'class="zoombridge-{name}' not in text, name
        assert "Meeting details" not in text
        assert "<!--zoombridge" not in text

    def test_series_can_be_joined_and_has_its_dates(self, pages: Pages) -> None:
        post = pages.make(series())
        text = pages.page(post)

        assert "PRO version is required" not in text
        assert text.count('<li class="zoombridge-date') == 3
        assert "Cancelled" in text
        assert "Times in Europe/Berlin" in text, "The templates show the start in the visitor's own zone."
        assert "pwd=aBc.1" in pages.vczapi.ajax_links(post, start=at(NOW + timedelta(weeks=1)))

    def test_series_of_which_every_date_is_cancelled_cannot_be_joined(self, pages: Pages) -> None:
        one = series()
        dates = [{**date, "status": "deleted"} for date in one.object["occurrences"]]
        post = pages.make(replace(one, object={**one.object, "occurrences": dates}))

        text = pages.page(post)
        assert "<strong>Cancelled</strong>" in text
        assert "zoombridge-passcode" not in text
        assert pages.vczapi.ajax_links(post, start=at(NOW + timedelta(weeks=3))) == ""
        assert "4[b]" not in pages.vczapi.browser_join(post)

    def test_one_that_is_kept_after_it_was_cancelled(self, pages: Pages) -> None:
        cancelled = meeting(state=MeetingState.DELETED, deleted_at=int(NOW.timestamp() * 1000))
        post = pages.make(cancelled, replace(ALL, cancelled_days=7))

        text = pages.page(post)
        assert text.count("Cancelled</strong>") == 1, "where the template counts down to other meetings"
        assert 'id="dpn-zvc-timer"' not in text
        assert pages.vczapi.ajax_links(post, start=at(NOW + timedelta(days=1))) == ""
        assert pages.item(post, "shortcode/zoom", "listing") == ""
        assert "Choir" in pages.item(post, "content", "meeting")
        assert "Cancelled" in pages.item(post, "content", "meeting")

    def test_live(self, pages: Pages) -> None:
        started = {"u": {"started": at(NOW - timedelta(minutes=5))}}
        text = pages.page(pages.make(meeting(start_time=at(NOW - timedelta(minutes=6)), instances=started)))

        assert "Live now" in text

    def test_webinar(self, pages: Pages) -> None:
        text = pages.page(pages.make(meeting(kind=MeetingKind.WEBINAR, type=5)))

        assert text.count('class="zoombridge-calendar-link"') == 1

    def test_without_a_fixed_time(self, pages: Pages) -> None:
        post = pages.make(meeting(type=3, start_time=None))
        text = pages.page(post)

        assert "PRO version is required" not in text
        assert "No fixed time" in text
        assert "calendar-link" not in text
        assert "pwd=aBc.1" in pages.vczapi.ajax_links(post, start="2099-12-31 00:00:00")

    def test_text_of_zoom_is_text(self, pages: Pages) -> None:
        text = pages.page(pages.make(meeting()))

        assert "<i>9" not in text
        assert PASSCODE in html.unescape(text)


class TestRules:
    """As without VCZAPI."""

    @pytest.mark.parametrize(
        ("rules", "visitor", "member"),
        [
            (replace(ALL, join_link=JoinLink.EVERYBODY), True, True),
            (replace(ALL, join_link=JoinLink.SIGNED_IN), False, True),
            (replace(ALL, join_link=JoinLink.NOBODY), False, False),
            (replace(ALL, passcode=Passcode.IN_LINK), False, False),
            (replace(ALL, passcode=Passcode.HIDDEN), False, False),
        ],
    )
    def test_passcode(self, pages: Pages, rules: Rules, visitor: bool, member: bool) -> None:
        post = pages.make(meeting(), rules)

        for signed_in, sees in ((False, visitor), (True, member)):
            text = pages.page(post, signed_in=signed_in)
            assert (PASSCODE in html.unescape(text)) is sees
            assert ("zoombridge-passcode" in text) is sees

    @pytest.mark.parametrize(
        ("recordings", "visitor", "member"),
        [
            (Recordings.EVERYBODY, True, True),
            (Recordings.SIGNED_IN, False, True),
            (Recordings.NOBODY, False, False),
        ],
    )
    def test_recordings(self, pages: Pages, recordings: Recordings, visitor: bool, member: bool) -> None:
        post = pages.make(meeting(), replace(ALL, recordings=recordings))

        for signed_in, sees in ((False, visitor), (True, member)):
            text = pages.page(post, signed_in=signed_in)
            assert ("zoom.us/rec" in text) is sees
            assert ("rec-482915" in text) is sees
            asks = recordings is Recordings.SIGNED_IN and not signed_in
            assert ("Sign in to watch the recordings" in text) is asks

    def test_registrations(self, pages: Pages) -> None:
        text = pages.page(pages.make(meeting(), replace(ALL, registrations=False)))

        assert "registered" not in text


class TestSiteForbidsJoining:
    """By options of VCZAPI in the post, where the rules of the bridge show link and passcode to everybody."""

    def test_without_signing_in(self, pages: Pages) -> None:
        post = pages.make(meeting())
        require_login(pages, post)

        text = pages.page(post)
        assert PASSCODE not in html.unescape(text)
        assert "zoombridge-passcode" not in text
        for name in ("registered", "calendar-link", "recording-link"):
            assert text.count(f'class="zoombridge-{name}"') == 1, name
        assert PASSCODE in html.unescape(pages.page(post, signed_in=True))

    def test_by_the_button(self, pages: Pages) -> None:
        post = pages.make(meeting())
        pages.vczapi.press_button(post, NUMBER, "end")

        for signed_in in (False, True):
            assert PASSCODE not in html.unescape(pages.page(post, signed_in=signed_in))
        pages.vczapi.press_button(post, NUMBER, "resume")
        assert PASSCODE in html.unescape(pages.page(post))

    def test_status_stays(self, pages: Pages) -> None:
        started = {"u": {"started": at(NOW - timedelta(minutes=5))}}
        post = pages.make(meeting(start_time=at(NOW - timedelta(minutes=6)), instances=started))
        require_login(pages, post)

        assert "Live now" in pages.page(post)
        assert "zoombridge-passcode" not in pages.page(post)

    def test_without_the_plugin(self, pages: Pages) -> None:
        post = pages.make(meeting())
        require_login(pages, post)
        pages.vczapi.stop()
        try:
            text = html.unescape(pages.page(post))
            member = html.unescape(pages.page(post, signed_in=True))
        finally:
            VczapiSite.start(pages.site)

        for secret in (PASSCODE, "pwd=aBc.1"):
            assert secret not in text
            assert secret in member
        assert "Meeting details" in text
        assert text.count('class="zoombridge-calendar-link"') == 1

    @pytest.mark.parametrize("user", [0, 1])
    def test_page_caches_keep_what_visitors_see(self, pages: Pages, user: int) -> None:
        post = pages.make(meeting())
        require_login(pages, post)

        defined = pages.site.php(
            """
            wp_set_current_user( $user );
            zoombridge_details( get_post( $post ) );
            return defined( 'DONOTCACHEPAGE' );
            """,
            post=post,
            user=user,
        )
        assert defined is (user == 1)

    def test_passcode_in_an_unknown_place_shows_nothing(self, pages: Pages) -> None:
        post = pages.make(meeting())
        require_login(pages, post)
        pages.site.php(
            "update_post_meta( $post, '_zoombridge_html', $html );",
            post=post,
            html='<!--zoombridge-below--><b class="zoombridge-passcode">x</b><!--zoombridge-below-end-->',
        )

        assert pages.added(post) == ""
        assert "zoombridge-passcode" in pages.added(post, user=1)


def require_login(pages: Pages, post: int) -> None:
    """Tick *Requires Login*, as in VCZAPI's form."""
    pages.site.command_line(
        """
        $fields = get_post_meta( $post, '_meeting_fields', true );
        update_post_meta( $post, '_meeting_fields', array( 'site_option_logged_in' => '1' ) + $fields );
        """,
        post=post,
    )


class TestHidden:
    """With the post, wherever a template shows it."""

    @pytest.mark.parametrize(
        ("status", "is_public"), [("private", False), ("draft", False), ("publish", True)]
    )
    def test_by_its_status(self, pages: Pages, status: str, is_public: bool) -> None:
        post = pages.make(meeting(), status=status)

        assert ("rec-482915" in pages.added(post)) is is_public
        assert "rec-482915" in pages.added(post, user=1)

    def test_in_the_trash(self, pages: Pages) -> None:
        post = pages.make(meeting())
        pages.site.php("wp_trash_post( $post );", post=post)

        assert pages.added(post, user=1) == ""

    def test_behind_its_password(self, pages: Pages) -> None:
        post = pages.make(meeting())
        pages.site.php("wp_update_post( array( 'ID' => $post, 'post_password' => 'x' ) );", post=post)

        assert pages.added(post) == ""
        assert "zoombridge-recording" not in pages.page(post)

    def test_of_a_copy_that_the_bridge_does_not_manage(self, pages: Pages) -> None:
        post = pages.make(meeting())
        copy = pages.site.command_line(
            """
            $copy = wp_insert_post( array( 'post_type' => 'zoom-meetings', 'post_title' => 'Copy',
                'post_status' => 'publish' ) );
            foreach ( get_post_meta( $post ) as $key => $values ) {
                add_post_meta( $copy, $key, wp_slash( maybe_unserialize( $values[0] ) ) );
            }
            return $copy;
            """,
            post=post,
        )

        assert "rec-482915" in pages.added(post)
        assert pages.added(copy) == ""


def test_without_the_plugin_the_marks_do_not_show(pages: Pages) -> None:
    post = pages.make(meeting())
    pages.vczapi.stop()
    try:
        text = pages.page(post)
    finally:
        VczapiSite.start(pages.site)

    assert "Meeting details" in text
    assert text.count('class="zoombridge-recording-link"') == 1
    assert "<!--zoombridge" not in text
