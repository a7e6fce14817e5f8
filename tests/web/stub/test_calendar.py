"""Calendars for the stub: signed, cached, and never larger than the stub reads."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.core.events import ACCOUNT
from tests.core.store.grants import granted
from tests.core.store.kept import keep, stand
from tests.web.conftest import from_stub, is_answered_by_the_bridge
from web.stub.calendar import render_calendar

if TYPE_CHECKING:
    from tornado.httpclient import HTTPResponse

    from core.store.db.engine import Store
    from core.store.sites.sites import Site
    from tests.web.conftest import Http

NUMBER = 85393847045


@pytest.fixture
def mirrored(store: Store, wp_site: Site) -> Site:
    """A site that shows the account's meetings."""
    granted(store, ACCOUNT, wp_site.id)
    return wp_site


def meeting(store: Store, number: int = NUMBER, hours: float = 24, **given: Any) -> None:
    """Store a meeting with a page on the site."""
    keep(store, number, hours, now=int(time.time() * 1000), **given)
    stand(store, number)


def fetch(http: Http, site: Site, path: str = "/stub/calendar") -> HTTPResponse:
    headers = from_stub(site, "GET", path)
    answer = http("GET", path, headers=headers)
    assert is_answered_by_the_bridge(site, headers, answer)
    return answer


class TestCalendar:
    def test_holds_meetings_with_their_posts(self, http: Http, store: Store, mirrored: Site) -> None:
        meeting(store, topic="Choir")
        for path in ("/stub/calendar", f"/stub/calendar/{NUMBER}"):
            answer = fetch(http, mirrored, path)
            assert answer.code == 200
            assert b"SUMMARY:Choir\r\n" in answer.body
            assert f"X-ZOOMBRIDGE-POST:{NUMBER}\r\n".encode() in answer.body

    def test_is_rendered_once_for_many_requests(self, http: Http, store: Store, mirrored: Site) -> None:
        meeting(store, topic="Choir")
        first = fetch(http, mirrored)
        meeting(store, NUMBER + 1, topic="Practice")
        assert fetch(http, mirrored).body == first.body

    def test_that_a_meeting_has_none_is_cached_too(self, http: Http, store: Store, mirrored: Site) -> None:
        path = f"/stub/calendar/{NUMBER}"
        assert fetch(http, mirrored, path).code == 404
        meeting(store)
        assert fetch(http, mirrored, path).code == 404

    def test_is_only_for_the_stub(self, http: Http, store: Store, mirrored: Site) -> None:
        meeting(store)
        headers = from_stub(mirrored, "GET", "/stub/calendar", key="another")
        assert http("GET", "/stub/calendar", headers=headers).code == 401


class TestSize:
    def test_the_nearest_meetings_stay(self, store: Store, mirrored: Site) -> None:
        for index in range(8):
            meeting(store, NUMBER + index, hours=24 * (index + 1), topic=f"Day {index}", agenda="x" * 2000)
        whole = render_calendar(store, mirrored.id, None, now=time.time())
        assert whole is not None
        small = render_calendar(store, mirrored.id, None, now=time.time(), most_bytes=len(whole) // 2 + 500)
        assert small is not None
        assert [f"SUMMARY:Day {index}\r\n".encode() in small for index in range(8)] == [True] * 4 + [
            False
        ] * 4
