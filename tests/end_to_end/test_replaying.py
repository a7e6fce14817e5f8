"""An event, looked up among the others, inspected and replayed, in a real Chromium and in both frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.end_to_end.events import Meeting
from tests.end_to_end.looks import WIDTHS, assert_fits
from tests.end_to_end.pages import Frame, InBrowser, InWordPress

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.end_to_end.pair import Pair

_SHOTS: str | None = None


@pytest.fixture(params=[InBrowser, InWordPress])
def frame(request: pytest.FixtureRequest, pair: Pair, page: Page) -> Frame:
    """Each of the two frames, signed in."""
    made: Frame = request.param(pair)
    made.enter(page)
    return made


def test_an_event_is_found_inspected_and_replayed(pair: Pair, page: Page, frame: Frame) -> None:
    meeting = Meeting("meeting", topic="Choir rehearsal")
    pair.tell(meeting.created(), meeting.updated(topic="Choir in spring"))
    pair.await_page(meeting.number, "Choir in spring")
    pair.settled(meeting.number)
    tried = "SELECT count(*) FROM attempts WHERE number = ?"
    before = pair.rows(tried, meeting.number)[0][0]

    page.goto(frame.address("/events"))
    page.get_by_label("Meeting number").fill(str(meeting.number))
    page.get_by_role("button", name="Search").click()
    root = page.locator(frame.root)
    expect(root.get_by_text("2 events match.")).to_be_visible()
    lines = root.get_by_role("row")
    expect(lines).to_have_count(3)
    expect(lines.nth(1)).to_contain_text("Applied")

    lines.nth(1).get_by_role("link", name="meeting.updated").click()
    changed = root.get_by_role("table", name="Changes").get_by_role("row", name="Topic")
    expect(changed).to_contain_text("Choir rehearsal")
    expect(changed).to_contain_text("Choir in spring")
    expect(root.get_by_text("signature of the request body is valid")).to_be_visible()
    expect(root.locator(".zoombridge-badge").get_by_text("Delivered")).to_be_visible()
    assert "KEY-TO-THE-HOSTS-ACCOUNT" not in page.content()
    look(page, frame, "event")

    root.get_by_role("link", name="Replay event").click()
    expect(root.get_by_text("One event", exact=True)).to_be_visible()
    look(page, frame, "replay")
    root.get_by_role("button", name="Start replay").click()
    # The page brings itself up to date.
    expect(root.locator(".zoombridge-progress").get_by_text("Done")).to_be_visible(timeout=600_000)
    expect(root.get_by_text("Pages checked: 1")).to_be_visible()
    look(page, frame, "job")
    pair.settled(meeting.number)
    assert pair.rows(tried, meeting.number)[0][0] == before + 1
    assert pair.post(meeting.number)["title"]["raw"] == "Choir in spring"


def test_a_list_without_a_match_leads_on(pair: Pair, page: Page, frame: Frame) -> None:
    meeting = Meeting("meeting", topic="Choir rehearsal")
    pair.tell(meeting.created())
    pair.await_page(meeting.number, "Choir rehearsal")
    page.goto(frame.address(f"/events?number={meeting.number}&outcome=failed"))
    root = page.locator(frame.root)
    expect(root.get_by_role("heading", name="No matches")).to_be_visible()
    look(page, frame, "none")
    root.get_by_role("link", name="Show all events").click()
    expect(root.get_by_role("row").nth(1)).to_be_visible()
    look(page, frame, "events")


def look(page: Page, frame: Frame, name: str) -> None:
    """See that the page fits a wide window and a narrow one."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert_fits(page)
        if _SHOTS:
            page.screenshot(path=f"{_SHOTS}/{frame.name}-{name}-{width}.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 900})
