"""The page Held pages: an administrator decides about what a run would trash."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from core.model.meeting import Meeting
from core.store import jobs
from core.store.accounts import removals
from core.store.accounts.removals import FoundRemoval, RemovalState
from core.store.meetings import meetings
from core.store.posts import queue
from tests.core.conftest import connected
from tests.core.store.grants import granted
from tests.web.conftest import Http, text
from tests.web.pages.conftest import both_stores
from tests.web.pages.doors import Elements

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from core.bridge import Bridge
    from core.store.db.engine import Store

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
NUMBERS = (91_000_000_001, 91_000_000_002, 91_000_000_003)


@pytest.fixture
def held(store: Store) -> None:
    """Three held pages of one site; the topic of one is HTML."""
    site = connected(store, "s9")

    def write(connection: Connection) -> None:
        for number in NUMBERS:
            meetings.save(connection, store.sealer, Meeting("A", number), seen=0)
            queue.schedule_write(connection, "A", number, 1, now=1)
        found = [FoundRemoval(site.id, number, f"<b>Choir</b> {number % 10}") for number in NUMBERS]
        removals.note_found(connection, 1, "A", found, now=1)
        removals.set_state(connection, "A", NUMBERS, RemovalState.HELD)

    granted(store, "A", site.id)
    store.write(write)


def states(store: Store) -> dict[int, RemovalState]:
    with store.reading() as connection:
        still = {one.number: one.state for one in removals.held(connection)}
        return still | {one.number: one.state for one in removals.latest_decisions(connection, limit=9)}


def post(http: Http, session: dict[str, str], do: str, *numbers: int) -> str:
    form = [("account", "A"), ("do", do), *(("meeting", str(number)) for number in numbers)]
    answer = http("POST", "/accounts/held", urlencode(form).encode(), FORM | session)
    assert answer.code == 303
    return str(answer.headers["Location"])


@pytest.mark.usefixtures("held")
class TestHeldPages:
    @both_stores
    def test_are_listed_and_selected(self, http: Http, session: dict[str, str]) -> None:
        page = http("GET", "/accounts/held", headers=session)
        assert "<b>Choir" not in page.body.decode()
        boxes = [box for box in Elements(page).all("input") if box.get("name") == "meeting"]
        assert [(box["value"], "checked" in box) for box in boxes] == [(str(one), True) for one in NUMBERS]
        assert "more than 5 pages of a site within a day, or more than 50 %" in text(page)
        for number in NUMBERS:
            assert f"910 0000 000{number % 10}" in text(page)

    def test_are_announced(self, http: Http, session: dict[str, str]) -> None:
        assert "3 pages are held back" in text(http("GET", "/accounts", headers=session))
        overview = http("GET", "/", headers=session)
        assert "3 pages have been held back since" in text(overview)
        assert "Decide about held pages" in text(overview)
        assert "decides.<a" not in overview.body.decode()  # a space between

    @both_stores
    def test_approval_of_selected_ones_begins_a_job(
        self, http: Http, session: dict[str, str], bridge: Bridge
    ) -> None:
        assert post(http, session, "approve", *NUMBERS[:2]) == "/jobs/1"
        with bridge.store.reading() as connection:
            job = jobs.load(connection, 1)
        assert (job.kind, job.arguments, job.requested_by) == ("removal", {"account": "A"}, "anna")
        assert states(bridge.store) == {
            NUMBERS[0]: RemovalState.APPROVED,
            NUMBERS[1]: RemovalState.APPROVED,
            NUMBERS[2]: RemovalState.HELD,
        }
        assert "by anna" in text(http("GET", "/accounts/held", headers=session))
        assert "Removal of held pages" in text(http("GET", "/jobs/1", headers=session))

    @both_stores
    def test_dismissed_ones_stay(self, http: Http, session: dict[str, str], store: Store) -> None:
        after = post(http, session, "dismiss", *NUMBERS)
        assert set(states(store).values()) == {RemovalState.DISMISSED}
        page = text(http("GET", after, headers=session))
        assert "These pages stay" in page
        assert "No page is held" in page

    def test_says_so_where_somebody_else_has_decided_before(
        self, http: Http, session: dict[str, str], store: Store
    ) -> None:
        post(http, session, "approve", NUMBERS[0])
        after = post(http, session, "dismiss", *NUMBERS)
        page = text(http("GET", after, headers=session))
        assert "Only pages that were still held stay." in page
        assert states(store)[NUMBERS[0]] is RemovalState.APPROVED

    def test_as_many_as_are_listed_are_decided_about(self, http: Http, session: dict[str, str]) -> None:
        assert post(http, session, "dismiss", *range(1, 1001)) == "/accounts/held?done=decided"

    def test_nothing_selected_decides_nothing(
        self, http: Http, session: dict[str, str], store: Store
    ) -> None:
        after = post(http, session, "approve")
        assert "No meeting was selected" in text(http("GET", after, headers=session))
        assert set(states(store).values()) == {RemovalState.HELD}

    def test_viewers_decide_nothing(self, http: Http, viewer: dict[str, str], store: Store) -> None:
        form = urlencode([("account", "A"), ("do", "approve"), ("meeting", str(NUMBERS[0]))]).encode()
        assert http("POST", "/accounts/held", form, FORM | viewer).code == 403
        assert set(states(store).values()) == {RemovalState.HELD}
        page = http("GET", "/accounts/held", headers=viewer)
        assert page.code == 200
        assert "Trash selected pages" not in text(page)
