"""What a site's owner decides on the page Settings, the whole way: to the pages that visitors see."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

import pytest
import requests
from playwright.sync_api import expect

from tests.conftest import new_context
from tests.end_to_end.browser import sign_in
from tests.end_to_end.events import HOST, Meeting, next_number
from tests.end_to_end.pages import InBrowser, InWordPress
from tests.end_to_end.pair import eventually
from tests.end_to_end.test_accessibility import look

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tests.end_to_end.pair import Pair

PASSCODE = "482915"
FORM: dict[str, Any] = {
    "kinds": ["meeting", "webinar"],
    "whose": "all",
    "status": "publish",
    "passcode": "shown",
    "join_link": "everybody",
    "recordings": "nobody",
}


class Owner:
    """Sends the forms of the page Settings, as a browser without JavaScript does."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair

    def decide(self, **form: Any) -> str:
        """Look at what other rules would do, save them, wait until the site follows; return what was shown."""
        shown = self._send("preview", "", form)
        assert shown.status_code == 200, shown.text
        mark = re.search(r'name="previewed" value="([0-9a-f]{32})"', shown.text)
        assert mark
        saved = self._send("save", mark[1], form)
        assert saved.status_code == 303, saved.text
        self.wait()
        return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", shown.text)))

    def wait(self) -> None:
        """Wait until every page has been looked at, and nothing is being written."""
        waiting = (
            "SELECT (SELECT count(*) FROM jobs WHERE kind = 'apply-rules' AND state IN ('queued', 'running'))"
            " + (SELECT count(*) FROM posts WHERE lease_until > 0)"
        )
        eventually(lambda: self.pair.rows(waiting)[0][0] == 0, within=600)

    def _send(self, do: str, previewed: str, form: dict[str, Any]) -> requests.Response:
        fields = {"site": self.pair.id, "do": do, "previewed": previewed, **FORM, **form}
        cookies = {"zoombridge": self.pair.session()}
        url = f"{self.pair.bridge.url}/settings"
        return requests.post(url, data=fields, cookies=cookies, timeout=300, allow_redirects=False)


@pytest.fixture
def owner(pair: Pair) -> Iterator[Owner]:
    """Who decides, and takes everything back afterwards."""
    made = Owner(pair)
    yield made
    made.decide()


@pytest.fixture
def named() -> str:
    """A topic of this test's own, so that its rules touch nothing else."""
    return f"Rehearsal {next_number()}"


def user(pair: Pair, login: str) -> int:
    """Return the id of an author on the site, whose name is O'Login."""
    made: int = pair.site.php(
        """
        $known = username_exists( $login );
        return $known ?: wp_insert_user( array( 'user_login' => $login, 'user_pass' => 'secret', 'role' => 'author',
            'display_name' => "O'" . ucfirst( $login ) ) );
        """,
        login=login,
    )
    return made


def category(pair: Pair, name: str) -> int:
    """Return the id of a category of meetings."""
    made: int = pair.site.php(
        """
        $known = term_exists( $name, 'zoom-meeting' );
        return (int) ( $known ? $known : wp_insert_term( $name, 'zoom-meeting' ) )['term_id'];
        """,
        name=name,
    )
    return made


def member(pair: Pair) -> requests.Session:
    """Somebody who is signed in to the site."""
    return sign_in(pair.site)


class TestWhatIsPublished:
    def test_page_goes_with_its_topic_and_comes_back_with_what_an_editor_added(
        self, pair: Pair, owner: Owner, named: str
    ) -> None:
        meeting = Meeting("meeting", topic=named)
        pair.tell(meeting.created())
        post = pair.post(meeting.number)
        term = category(pair, "Courses")
        pair.edit(
            post["id"],
            content="<p>Bring the blue folder.</p>",
            slug=f"s-{meeting.number}",
            zoom_meeting_cats=[term],
        )
        link = pair.post(meeting.number)["link"]

        said = owner.decide(never=f"{named[:-2]}*")

        assert "page is trashed" in said
        assert pair.visit(link).status_code == 404
        assert pair.post(meeting.number)["status"] == "trash"
        pair.tell(meeting.updated(duration=90))
        assert pair.visit(link).status_code == 404, "what happens in Zoom does not bring it back"

        assert "page is restored" in owner.decide()

        page = pair.await_page(
            meeting.number, "Bring the blue folder.", "1 hour 30 minutes", meeting.join_url
        )
        assert named in page
        after = pair.post(meeting.number)
        assert (after["id"], after["link"], after["status"]) == (post["id"], link, "publish")
        assert after["zoom_meeting_cats"] == [term]

    def test_page_that_people_made_stays(self, pair: Pair, owner: Owner, named: str) -> None:
        meeting = Meeting("meeting", topic=named)
        made = pair.site.php(
            """
            return wp_insert_post( array( 'post_type' => 'zoom-meetings', 'post_status' => 'publish',
                'post_title' => $title, 'meta_input' => array( '_meeting_zoom_meeting_id' => $number ) ) );
            """,
            title=named,
            number=str(meeting.number),
        )
        pair.tell(meeting.created())

        said = owner.decide(never=named)

        assert "However, this page was created" in said
        assert pair.post(meeting.number)["status"] == "publish"
        pair.tell(meeting.updated(duration=90))
        pair.await_page(meeting.number, "1 hour 30 minutes")
        assert pair.post(meeting.number)["id"] == made

    def test_page_that_somebody_took_out_of_the_trash_stays(
        self, pair: Pair, owner: Owner, named: str
    ) -> None:
        meeting = Meeting("meeting", topic=named)
        pair.tell(meeting.created())
        post = pair.post(meeting.number)["id"]
        owner.decide(never=named)
        pair.site.php("wp_untrash_post( $post ); wp_publish_post( $post );", post=post)

        pair.tell(meeting.updated(duration=90))

        pair.await_page(meeting.number, "1 hour 30 minutes")

    def test_no_page_is_made_of_what_is_left_out(self, pair: Pair, owner: Owner, named: str) -> None:
        webinar = Meeting("webinar", topic=named)
        other = Meeting("meeting", topic=named, changes={"host_id": "anotherHost"})
        instant = Meeting("meeting", topic=named, changes={"type": 1})
        hers = Meeting("meeting", topic=named)
        owner.decide(kinds="meeting", whose="these", other_hosts=HOST, only=f"{named}\n")

        pair.tell(webinar.created(), other.created(), instant.created(), hers.created())

        assert [len(pair.posts(one.number)) for one in (webinar, other, instant, hers)] == [0, 0, 0, 1]
        reasons = dict(pair.rows("SELECT number, reason FROM posts WHERE reason IS NOT NULL"))
        assert "exclude webinars" in reasons[webinar.number]
        assert "Its host is not among those" in reasons[other.number]
        assert "instant" in reasons[instant.number]

        owner.decide(instant="yes")

        assert [len(pair.posts(one.number)) for one in (webinar, other, instant, hers)] == [1, 1, 1, 1]


class TestHowAPageIsMade:
    def test_status_author_and_category_are_those_decided_and_then_peoples(
        self, pair: Pair, owner: Owner, named: str
    ) -> None:
        zoe, bert = user(pair, "zoe"), user(pair, "bert")
        courses, concerts = category(pair, "Courses"), category(pair, "Concerts")
        owner.decide(
            status="draft",
            author_host=[HOST],
            author_user=[str(zoe)],
            meeting_category=str(courses),
            webinar_category=str(concerts),
            show_host="yes",
        )
        meeting, webinar = Meeting("meeting", topic=named), Meeting("webinar", topic=named)
        pair.tell(meeting.created(), webinar.created())

        made = pair.post(meeting.number)
        assert (made["status"], made["author"], made["zoom_meeting_cats"]) == ("draft", zoe, [courses])
        assert pair.post(webinar.number)["zoom_meeting_cats"] == [concerts]
        assert pair.visit(made["link"]).status_code == 404

        pair.edit(made["id"], status="publish", author=bert, zoom_meeting_cats=[concerts])
        pair.tell(meeting.updated(duration=90))
        page = pair.await_page(meeting.number, "1 hour 30 minutes")
        after = pair.post(meeting.number)
        assert (after["status"], after["author"], after["zoom_meeting_cats"]) == ("publish", bert, [concerts])
        assert "O'Zoe" in page, "the host is called as the author who was chosen"

        owner.decide()
        assert "O'Zoe" not in pair.page(meeting.number)
        assert pair.post(meeting.number)["author"] == bert

    def test_author_who_is_gone_does_not_keep_a_page_from_being_made(
        self, pair: Pair, owner: Owner, named: str
    ) -> None:
        gone = user(pair, "gone")
        owner.decide(author_host=[HOST], author_user=[str(gone)])
        pair.site.php("require_once ABSPATH . 'wp-admin/includes/user.php'; wp_delete_user( $id );", id=gone)
        meeting = Meeting("meeting", topic=named)

        pair.tell(meeting.created())

        assert pair.post(meeting.number)["status"] == "publish"
        ((message,),) = pair.rows(
            "SELECT message FROM attempts WHERE number = ? AND did = 'created'", meeting.number
        )
        assert "did not accept the author" in message
        owner.decide()


class TestWhatAPageShows:
    @pytest.fixture
    def shown(self, pair: Pair, named: str) -> Meeting:
        """A meeting whose page is there."""
        meeting = Meeting("meeting", topic=named)
        pair.tell(meeting.created())
        pair.await_page(meeting.number, meeting.join_url, PASSCODE)
        return meeting

    def test_join_link_only_to_who_is_signed_in(self, pair: Pair, owner: Owner, shown: Meeting) -> None:
        link = pair.post(shown.number)["link"]
        assert "page is updated" in owner.decide(join_link="signed_in")

        visitors = pair.visit(link).text
        assert named_in(visitors, shown)
        for secret in (PASSCODE, "example.zoom.us", "zoombridge-in", "pwd="):
            assert secret not in visitors
        assert "Sign in to see how to join the meeting" in visitors
        (login,) = re.findall(r'<a class="zoombridge-sign-in-link" href="([^"]+)"', visitors)
        assert 'id="loginform"' in requests.get(html.unescape(login), timeout=600).text
        members = html.unescape(member(pair).get(link, timeout=600).text)
        assert shown.join_url in members
        assert PASSCODE in members
        assert "zoombridge-sign-in" not in members
        assert pair.visit(link).text.count(PASSCODE) == 0, "also after who is signed in has seen it"

        owner.decide()
        assert shown.join_url in pair.page(shown.number)

    def test_passcode_is_nowhere_in_the_page(self, pair: Pair, owner: Owner, shown: Meeting) -> None:
        owner.decide(passcode="hidden")

        link = pair.post(shown.number)["link"]
        for page in (pair.visit(link).text, member(pair).get(link, timeout=600).text):
            assert f'href="{shown.join_url.partition("?")[0]}"' in html.unescape(page)
            assert PASSCODE not in page
            assert "pwd=" not in page

        owner.decide(passcode="in_link")
        page = pair.page(shown.number)
        assert shown.join_url in page
        assert PASSCODE not in page

    def test_join_link_to_nobody(self, pair: Pair, owner: Owner, shown: Meeting) -> None:
        owner.decide(join_link="nobody")

        link = pair.post(shown.number)["link"]
        for page in (pair.visit(link).text, member(pair).get(link, timeout=600).text):
            assert named_in(page, shown)
            for secret in (PASSCODE, "example.zoom.us", "pwd="):
                assert secret not in page


class TestWithVczapi:
    """The plugin's own template shows the pages, from the metas alone."""

    @pytest.fixture
    def shown(self, with_vczapi: Pair, named: str) -> Meeting:
        """A meeting whose page is there."""
        meeting = Meeting("meeting", topic=named)
        with_vczapi.tell(meeting.created())
        with_vczapi.await_page(meeting.number, meeting.join_url, PASSCODE, "vczapi-single")
        return meeting

    def test_page_goes_and_comes_back(self, with_vczapi: Pair, owner: Owner, shown: Meeting) -> None:
        link = with_vczapi.post(shown.number)["link"]
        owner.decide(never=shown.topic)
        assert with_vczapi.visit(link).status_code == 404
        owner.decide()
        assert "vczapi-join" in with_vczapi.visit(link).text
        deletes = with_vczapi.site.php("return get_option( 'vczapi_double_deletes', array() );")
        assert str(shown.number) not in [str(number) for number in deletes], "nothing was deleted at Zoom"

    def test_join_link_only_to_who_is_signed_in(
        self, with_vczapi: Pair, owner: Owner, shown: Meeting
    ) -> None:
        link = with_vczapi.post(shown.number)["link"]
        owner.decide(join_link="signed_in")

        visitors = with_vczapi.visit(link).text
        assert "You need to log in." in visitors
        assert PASSCODE not in visitors
        assert "example.zoom.us" not in visitors
        assert shown.join_url in html.unescape(member(with_vczapi).get(link, timeout=600).text)
        # A new one, too.
        other = Meeting("meeting", topic=shown.topic)
        with_vczapi.tell(other.created())
        assert "You need to log in." in with_vczapi.page(other.number)

        owner.decide()
        for meeting in (shown, other):
            assert meeting.join_url in with_vczapi.page(meeting.number)

    def test_what_people_had_ticked_stays(self, with_vczapi: Pair, owner: Owner, shown: Meeting) -> None:
        with_vczapi.site.command_line(
            """
            $fields = get_post_meta( $post, '_meeting_fields', true );
            update_post_meta( $post, '_meeting_fields', array( 'site_option_logged_in' => '1' ) + $fields );
            """,
            post=with_vczapi.post(shown.number)["id"],
        )
        owner.decide(join_link="signed_in")
        owner.decide()
        assert "You need to log in." in with_vczapi.page(shown.number)

    def test_passcode_is_nowhere_in_the_page_and_stays_in_the_plugins_form(
        self, with_vczapi: Pair, owner: Owner, shown: Meeting
    ) -> None:
        owner.decide(passcode="hidden")
        post = with_vczapi.post(shown.number)
        for page in (
            with_vczapi.visit(post["link"]).text,
            member(with_vczapi).get(post["link"], timeout=600).text,
        ):
            assert shown.join_url.partition("?")[0] in page
            for secret in (PASSCODE, "pwd=", "pak="):
                assert secret not in page
        # It would else be taken from the meeting when somebody saves the form.
        assert post["zoombridge_test"]["fields"]["password"] == PASSCODE

    def test_join_link_to_nobody(self, with_vczapi: Pair, owner: Owner, shown: Meeting) -> None:
        owner.decide(join_link="nobody")
        page = with_vczapi.page(shown.number)
        assert "vczapi-single" in page
        for secret in (PASSCODE, "example.zoom.us", "vczapi-browser", "pak="):
            assert secret not in page
        owner.decide()
        assert "vczapi-browser" in with_vczapi.page(shown.number)

    def test_status_author_and_category(self, with_vczapi: Pair, owner: Owner, named: str) -> None:
        zoe, courses = user(with_vczapi, "zoe"), category(with_vczapi, "Courses")
        owner.decide(
            status="private",
            author_host=[HOST],
            author_user=[str(zoe)],
            meeting_category=str(courses),
        )
        meeting = Meeting("meeting", topic=named)
        with_vczapi.tell(meeting.created())
        made = with_vczapi.post(meeting.number)
        assert (made["status"], made["author"], made["zoom_meeting_cats"]) == ("private", zoe, [courses])


class TestInChromium:
    @pytest.mark.parametrize("frame", [InBrowser, InWordPress])
    def test_look_save_and_see_how_far_it_is(
        self, pair: Pair, owner: Owner, page: Page, frame: type, named: str
    ) -> None:
        meeting = Meeting("meeting", topic=named)
        pair.tell(meeting.created())
        where = frame(pair)
        where.enter(page)
        page.goto(where.address("/settings"))

        page.get_by_label("Never topics matching").fill(named)
        page.get_by_label("Visible to visitors who are signed in to the site").check()
        page.get_by_role("button", name="Preview changes").last.click()

        preview = page.locator("#zb-preview")
        expect(preview.get_by_role("row", name=named)).to_contain_text("page is trashed")
        expect(page.get_by_label("Never topics matching")).to_have_value(named)
        assert pair.post(meeting.number)["status"] == "publish"

        preview.get_by_role("button", name="Save").click()

        expect(page.get_by_text("Saved. Every page of the site is now checked")).to_be_visible()
        expect(page.locator("#zb-review")).to_contain_text("Done", timeout=60_000)
        expect(page.get_by_label("Never topics matching")).to_have_value(named)
        owner.wait()
        assert pair.post(meeting.number)["status"] == "trash"

    @pytest.mark.parametrize("frame", [InBrowser, InWordPress])
    @pytest.mark.parametrize("is_wrong", [False, True])
    def test_everybody_can_use_what_comes_back(
        self, pair: Pair, owner: Owner, page: Page, frame: type, is_wrong: bool
    ) -> None:
        """As tests/end_to_end/test_accessibility.py looks at what is asked for by a link."""
        pair.tell(Meeting("meeting").created())
        where = frame(pair)
        where.enter(page)
        page.goto(where.address("/settings"))
        page.get_by_label("Never topics matching").fill("x" * 201 if is_wrong else "choir*")
        page.get_by_label("Only inside the link").check()
        with page.expect_navigation() as navigation:
            page.get_by_role("button", name="Preview changes").last.click()
        status = 422 if is_wrong else 200
        look(page, where, "/settings", navigation.value, statuses=(status,))

    def test_without_javascript(self, pair: Pair, owner: Owner, browser: Browser, named: str) -> None:
        meeting = Meeting("meeting", topic=named)
        pair.tell(meeting.created())
        context = new_context(browser, java_script_enabled=False)
        try:
            page = context.new_page()
            where = InWordPress(pair)
            where.enter(page)
            page.goto(where.address("/settings"))
            page.get_by_label("Never topics matching").fill(named)
            page.get_by_role("button", name="Preview changes").last.click()
            page.locator("#zb-preview").get_by_role("button", name="Save").click()
            expect(page.get_by_text("Saved. Every page of the site is now checked")).to_be_visible()
            owner.wait()
            again = page.get_by_role("link", name="Refresh")
            if again.count():
                again.click()
            expect(page.locator("#zb-review")).to_contain_text("Done")
        finally:
            context.close()
        assert pair.post(meeting.number)["status"] == "trash"

    def test_by_keyboard_enter_looks_and_saves_nothing(self, pair: Pair, owner: Owner, page: Page) -> None:
        where = InBrowser(pair)
        where.enter(page)
        page.goto(where.address("/settings"))
        page.get_by_label("Another host: e-mail address").fill("nobody@example.org")
        page.keyboard.press("Enter")
        expect(page.locator("#zb-preview")).to_be_visible()
        assert "nobody@example.org" not in str(pair.rows("SELECT rules FROM sites"))


def named_in(page: str, meeting: Meeting) -> bool:
    """Whether this is the meeting's page, with its time."""
    return meeting.topic in page and "Meeting details" in page
