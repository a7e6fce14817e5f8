"""The pages Overview and Meetings on a real WordPress, in both shells: found, written again, made again."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from playwright.sync_api import expect

from tests.conftest import new_context
from tests.end_to_end.events import Meeting, next_number
from tests.end_to_end.looks import WIDTHS, assert_fits
from tests.end_to_end.pages import Frame, InBrowser, InWordPress
from tests.end_to_end.pair import eventually

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

    from tests.end_to_end.pair import Pair


@pytest.fixture(params=[InBrowser, InWordPress], ids=["browser", "wp-admin"])
def frame(request: pytest.FixtureRequest, pair: Pair) -> Frame:
    """Where the pages stand."""
    made: Frame = request.param(pair)
    return made


@pytest.fixture
def rehearsal(pair: Pair) -> Meeting:
    """A meeting of this test's own, tomorrow, with its page."""
    start = (datetime.now(UTC) + timedelta(days=1)).replace(minute=0, second=0, microsecond=0)
    made = Meeting("meeting", topic=f"Rehearsal {next_number()}", start=start)
    pair.tell(made.created())
    return made


def find(page: Page, frame: Frame, words: str) -> None:
    """Search the list as a person does, by its form."""
    page.goto(frame.address("/meetings"))
    page.get_by_label("Topic or number").fill(words)
    page.get_by_role("button", name="Search").click()


def post(page: Page) -> Locator:
    """Find the part of a meeting's page about its post."""
    return page.locator("#zb-posts section")


class TestFind:
    @pytest.mark.parametrize("by", ["topic", "number"])
    def test_leads_to_the_page_of_a_meeting(
        self, pair: Pair, page: Page, frame: Frame, rehearsal: Meeting, by: str
    ) -> None:
        frame.enter(page)
        spaced = f"{str(rehearsal.number)[:3]} {str(rehearsal.number)[3:]}"
        find(page, frame, rehearsal.topic.lower() if by == "topic" else spaced)
        page.get_by_role("link", name=rehearsal.topic).click()
        expect(page.get_by_role("heading", name=rehearsal.topic)).to_be_visible()
        expect(post(page)).to_contain_text("Synced")
        view = page.get_by_role("link", name="View page")
        assert view.get_attribute("href") == pair.post(rehearsal.number)["link"]
        page.get_by_role("link", name="Edit in WordPress").click()
        # In the bridge's own shell, WordPress asks who it is first.
        assert f"post={pair.post(rehearsal.number)['id']}&action=edit" in unquote(page.url)

    @pytest.mark.parametrize("width", WIDTHS)
    def test_fits(self, page: Page, frame: Frame, rehearsal: Meeting, width: int) -> None:
        page.set_viewport_size({"width": width, "height": 800})
        frame.enter(page)
        for path in ("/", "/meetings", f"/meetings?q={rehearsal.number}"):
            page.goto(frame.address(path))
            assert_fits(page)
        page.get_by_role("link", name=rehearsal.topic).click()
        page.locator("#zb-posts summary").click()
        assert_fits(page)

    def test_works_without_javascript(self, browser: Browser, frame: Frame, rehearsal: Meeting) -> None:
        context = new_context(browser, java_script_enabled=False)
        try:
            page = context.new_page()
            frame.enter(page)
            find(page, frame, rehearsal.topic)
            page.get_by_role("link", name=rehearsal.topic).click()
            page.get_by_role("button", name="Resync page").click()
            expect(page.get_by_role("status").first).to_contain_text("Resync requested.")
        finally:
            context.close()


def request_resync(page: Page) -> None:
    """Press the button, again where the bridge is writing the page just then: it hears of what an editor saves."""
    status = page.get_by_role("status").first

    def is_requested() -> bool:
        page.get_by_role("button", name="Resync page").click()
        expect(status).to_contain_text(re.compile("Resync requested|is writing this page right now"))
        return "Resync requested." in status.inner_text()

    eventually(is_requested)


class TestAgain:
    def test_makes_a_page_that_somebody_deleted(
        self, pair: Pair, page: Page, frame: Frame, rehearsal: Meeting
    ) -> None:
        deleted = pair.post(rehearsal.number)["id"]
        answer = pair.site.rest("DELETE", f"wp/v2/zoom_meetings/{deleted}", params={"force": "true"})
        assert answer.status_code == 200
        pair.tell(rehearsal.updated(topic=rehearsal.topic + ", moved"))
        assert pair.posts(rehearsal.number) == []

        frame.enter(page)
        find(page, frame, str(rehearsal.number))
        expect(page.get_by_role("row", name=rehearsal.topic)).to_contain_text("Deleted on the site")
        page.get_by_role("link", name=rehearsal.topic).click()
        expect(post(page)).to_contain_text("t be recreated automatically.")
        page.get_by_role("button", name="Recreate page").click()

        expect(page.get_by_role("status").first).to_contain_text("Requested.")
        expect(post(page).get_by_role("heading")).to_contain_text("Synced")
        made = pair.post(rehearsal.number)
        assert made["id"] != deleted
        assert rehearsal.topic + ", moved" in pair.page(rehearsal.number)
        expect(page.get_by_role("button", name="Recreate page")).to_have_count(0)

    def test_writes_what_the_bridge_decides_and_leaves_the_rest(
        self, pair: Pair, page: Page, frame: Frame, rehearsal: Meeting
    ) -> None:
        made = pair.post(rehearsal.number)["id"]
        pair.edit(made, content="An editor was here.")
        # By SQL, which no hook sees: what WordPress tells of is written again without being asked.
        pair.site.php(
            """
            foreach ( array( '_zoombridge_html', '_meeting_zoom_join_url' ) as $key ) {
                $GLOBALS['wpdb']->delete( $GLOBALS['wpdb']->postmeta, array( 'post_id' => $post, 'meta_key' => $key ) );
            }
            """,
            post=made,
        )
        assert "_zoombridge_html" not in pair.metas(made)

        frame.enter(page)
        find(page, frame, str(rehearsal.number))
        page.get_by_role("link", name=rehearsal.topic).click()
        request_resync(page)
        eventually(lambda: "_zoombridge_html" in pair.metas(made))
        pair.settled(rehearsal.number)
        assert pair.metas(made)["_meeting_zoom_join_url"] == rehearsal.join_url
        assert "An editor was here." in pair.page(rehearsal.number)


class TestHistory:
    def test_tells_what_happened_and_when_it_was_there(
        self, pair: Pair, page: Page, frame: Frame, rehearsal: Meeting
    ) -> None:
        pair.tell(rehearsal.updated({"duration": 60}, duration=90))
        frame.enter(page)
        find(page, frame, str(rehearsal.number))
        page.get_by_role("link", name=rehearsal.topic).click()
        happened = page.locator(".zoombridge-history > li")
        expect(happened).to_have_count(2)
        expect(happened.first).to_contain_text("meeting.updated")
        expect(happened.first).to_contain_text("Changed: Duration")
        expect(happened.first).to_contain_text("90 minutes")
        for place in range(2):
            expect(happened.nth(place)).to_contain_text("after it was received")


class TestOverview:
    def test_brings_itself_up_to_date(self, pair: Pair, page: Page, frame: Frame) -> None:
        frame.enter(page)
        page.goto(frame.address("/"))
        expect(page.locator("#zb-overview svg[role=img]").first).to_be_visible()
        counted = page.locator("#zb-overview svg[role=img]").first.get_by_text("events in total")
        before = counted.text_content()
        pair.tell(Meeting("meeting", topic="One more").created())
        expect(counted).not_to_have_text(before or "", timeout=600_000)
