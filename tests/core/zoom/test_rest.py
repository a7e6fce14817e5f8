"""Reading an account over Zoom's REST API."""

import math
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import responses
from responses import matchers

from core.errors import (
    ZoomCredentialsError,
    ZoomGoneError,
    ZoomPageError,
    ZoomUnreachableError,
    ZoomWebinarError,
)
from core.zoom.oauth import OAUTH_URL, Credentials, Tokens
from core.zoom.rate_limit import PER_SECOND, Plan, RateLabel, RateLimiter
from core.zoom.rest import ZoomRest, session
from tests.zoom.tokens import MemoryTokenStore

API = "https://api-eu.zoom.us/v2"


@pytest.fixture
def zoom() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mocked:
        for value in ("first", "second", "third"):
            mocked.post(
                OAUTH_URL,
                json={"access_token": value, "expires_in": 3600, "api_url": "https://api-eu.zoom.us"},
            )
        yield mocked


@pytest.fixture
def rest() -> ZoomRest:
    over = session()
    tokens = Tokens(over, Credentials("account", "client", "secret"), MemoryTokenStore())
    return ZoomRest(over, tokens, RateLimiter(Plan.BUSINESS))


class TestLists:
    def test_every_page_is_read(self, zoom: responses.RequestsMock, rest: ZoomRest) -> None:
        first = matchers.query_param_matcher({"page_size": "300", "status": "active"})
        zoom.get(f"{API}/users", json={"users": [{"id": "a"}], "next_page_token": "more"}, match=[first])
        second = matchers.query_param_matcher(
            {"page_size": "300", "status": "active", "next_page_token": "more"}
        )
        zoom.get(f"{API}/users", json={"users": [{"id": "b"}], "next_page_token": ""}, match=[second])
        assert [user["id"] for user in rest.users()] == ["a", "b"]

    def test_pages_by_number_are_read_too(self, zoom: responses.RequestsMock, rest: ZoomRest) -> None:
        zoom.get(f"{API}/users/u/webinars", json={"webinars": [{"id": 1}], "page_number": 1, "page_count": 2})
        zoom.get(f"{API}/users/u/webinars", json={"webinars": [{"id": 2}], "page_number": 2, "page_count": 2})
        assert [webinar["id"] for webinar in rest.webinars("u")] == [1, 2]
        assert "page_number=2" in str(zoom.calls[-1].request.url)

    def test_an_empty_page_token_ends_the_list_whatever_the_page_number_says(
        self, zoom: responses.RequestsMock, rest: ZoomRest
    ) -> None:
        told = {"page_number": 1, "page_count": 2}
        zoom.get(f"{API}/users", json={"users": [{"id": "a"}], "next_page_token": "two", **told})
        zoom.get(f"{API}/users", json={"users": [{"id": "b"}], "next_page_token": "", **told})
        assert [user["id"] for user in rest.users()] == ["a", "b"]
        assert len(zoom.calls) == 3  # with the token's

    def test_a_stale_page_token_says_to_begin_again(
        self, zoom: responses.RequestsMock, rest: ZoomRest
    ) -> None:
        zoom.get(f"{API}/users", json={"users": [], "next_page_token": "old"})
        said = {"code": 300, "message": "The next page token is invalid or expired."}
        zoom.get(f"{API}/users", status=400, json=said)
        with pytest.raises(ZoomPageError):
            list(rest.users())

    def test_a_page_that_leads_to_itself_ends(self, zoom: responses.RequestsMock, rest: ZoomRest) -> None:
        zoom.get(f"{API}/users", json={"users": [], "next_page_token": "again"})
        with pytest.raises(ZoomPageError):
            list(rest.users())


class TestPaths:
    @pytest.mark.parametrize(
        ("identifier", "written"),
        [
            ("4444AAAiAAAAAiAiAiiAii==", "4444AAAiAAAAAiAiAiiAii%3D%3D"),
            ("/ajXp112QmuoKj4854875==", "%252FajXp112QmuoKj4854875%253D%253D"),
            ("a//b+c==", "a%252F%252Fb%252Bc%253D%253D"),
            ("a/b==", "a%2Fb%3D%3D"),
        ],
    )
    def test_identifiers_with_slashes_are_encoded_twice(
        self, zoom: responses.RequestsMock, rest: ZoomRest, identifier: str, written: str
    ) -> None:
        zoom.get(f"{API}/users/{written}/webinars", json={"webinars": []})
        assert list(rest.webinars(identifier)) == []
        assert f"/users/{written}/webinars" in str(zoom.calls[-1].request.url)


class TestSingles:
    def test_a_webinar_is_told_from_a_meeting(self, zoom: responses.RequestsMock, rest: ZoomRest) -> None:
        zoom.get(
            f"{API}/meetings/7", status=400, json={"code": 3000, "message": "Cannot access webinar info."}
        )
        with pytest.raises(ZoomWebinarError):
            rest.meeting(7)

    def test_what_is_gone_is_gone(self, zoom: responses.RequestsMock, rest: ZoomRest) -> None:
        zoom.get(
            f"{API}/meetings/7",
            status=404,
            json={"code": 3001, "message": "Meeting 7 is not found or has expired."},
        )
        with pytest.raises(ZoomGoneError):
            rest.meeting(7)

    @pytest.mark.parametrize(
        "body", ["<html>", "[]", "", '{"id": 7, "more": ' + 5000 * "[" + 5000 * "]" + "}"]
    )
    def test_an_answer_that_is_none_tells_nothing_of_the_meeting(
        self, zoom: responses.RequestsMock, rest: ZoomRest, body: str
    ) -> None:
        zoom.get(f"{API}/meetings/7", body=body)
        with pytest.raises(ZoomUnreachableError):
            rest.meeting(7)

    def test_is_of_a_moment_by_zooms_own_clock(self, zoom: responses.RequestsMock, rest: ZoomRest) -> None:
        zoom.get(f"{API}/meetings/7", json={"id": 7}, headers={"Date": "Tue, 03 Mar 2026 12:00:05 GMT"})
        assert rest.meeting(7).at == int(datetime(2026, 3, 3, 12, 0, 4, tzinfo=UTC).timestamp() * 1000)

    def test_past_occurrences_are_asked_for(self, zoom: responses.RequestsMock, rest: ZoomRest) -> None:
        zoom.get(f"{API}/webinars/7", json={"id": 7})
        rest.webinar(7)
        assert "show_previous_occurrences=true" in str(zoom.calls[-1].request.url)


class TestTokenOfTheAccount:
    def test_a_token_that_somebody_elses_ended_is_replaced(
        self, zoom: responses.RequestsMock, rest: ZoomRest
    ) -> None:
        old = matchers.header_matcher({"Authorization": "Bearer first"})
        zoom.get(f"{API}/meetings/7", status=401, json={"code": 124, "message": "expired"}, match=[old])
        new = matchers.header_matcher({"Authorization": "Bearer second"})
        zoom.get(f"{API}/meetings/7", json={"id": 7}, match=[new])
        assert rest.meeting(7).document == {"id": 7}

    def test_is_not_asked_for_without_end(self, zoom: responses.RequestsMock, rest: ZoomRest) -> None:
        zoom.get(f"{API}/meetings/7", status=401, json={"code": 124, "message": "expired"})
        with pytest.raises(ZoomCredentialsError):
            rest.meeting(7)
        assert len(zoom.calls) == 4  # two tokens, two questions


class Time:
    """A clock that goes on by sleeping."""

    def __init__(self) -> None:
        self.now = 1000.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class TestPace:
    @pytest.mark.parametrize("plan", Plan)
    @pytest.mark.parametrize("label", RateLabel)
    def test_leaves_a_share_of_every_second_to_others(self, plan: Plan, label: RateLabel) -> None:
        time = Time()
        pace = RateLimiter(plan, time.sleep, time.clock)
        turns = []
        for _ in range(300):
            pace.acquire(label)
            turns.append(time.now)
        most = max(sum(first <= turn < first + 1 for turn in turns) for first in turns)
        limit = PER_SECOND[plan][label]
        assert most <= max(math.ceil(0.8 * limit), 0.9 * limit)
        assert len(turns) / (turns[-1] - turns[0]) >= 0.79 * limit

    def test_labels_have_shares_of_their_own(self) -> None:
        def sleep(_: float) -> None:
            raise AssertionError("held back")

        pace = RateLimiter(Plan.FREE, sleep)
        for label in RateLabel:
            pace.acquire(label)

    def test_turns_that_went_by_while_the_process_stood_still_are_not_taken_all_at_once(self) -> None:
        time = Time()
        asleep, awake = threading.Barrier(17), threading.Event()
        again: list[float] = []

        def sleep(seconds: float) -> None:
            if awake.is_set():
                again.append(seconds)
                return
            asleep.wait(600)
            assert awake.wait(600)

        pace = RateLimiter(Plan.BUSINESS, sleep, time.clock)
        for _ in range(8):
            pace.acquire(RateLabel.LIGHT)  # what may go at once after a rest
        with ThreadPoolExecutor(16) as threads:
            turns = [threads.submit(pace.acquire, RateLabel.LIGHT) for _ in range(16)]
            asleep.wait(600)
            time.sleep(10)
            awake.set()
            for turn in turns:
                turn.result(600)
        assert sorted(again) == [pytest.approx(number / 64) for number in range(1, 9)]

    def test_threads_wait_for_different_turns(self) -> None:
        slept: list[float] = []
        pace = RateLimiter(Plan.FREE, slept.append, lambda: 1000.0)
        for _ in range(4):
            pace.acquire(RateLabel.HEAVY)
        assert slept == [pytest.approx(1.25), pytest.approx(2.5), pytest.approx(3.75)]
