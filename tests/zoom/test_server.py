"""The account's double answers as Zoom documents it, and the bridge's client gets along with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.errors import (
    ZoomCredentialsError,
    ZoomGoneError,
    ZoomLimitError,
    ZoomPageError,
    ZoomScopeError,
    ZoomUnreachableError,
    ZoomWebinarError,
)
from core.zoom.oauth import Credentials, Tokens
from core.zoom.rate_limit import Plan, RateLimiter
from core.zoom.rest import ZoomRest, session
from tests.zoom import Account, ZoomServer
from tests.zoom.server import CLIENT_ID, CLIENT_SECRET, PAGE_TOKEN_SECONDS
from tests.zoom.tokens import MemoryTokenStore

if TYPE_CHECKING:
    from collections.abc import Iterator


class Clock:
    """A clock that tests turn."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def zoom(clock: Clock) -> Iterator[ZoomServer]:
    account = Account(clock=clock)
    with ZoomServer(account, clock=clock) as server:
        yield server


def client(
    zoom: ZoomServer, clock: Clock, *, secret: str = CLIENT_SECRET, plan: Plan = Plan.BUSINESS
) -> ZoomRest:
    over = session()
    credentials = Credentials(zoom.account.account_id, CLIENT_ID, secret, zoom.oauth_url)
    return ZoomRest(over, Tokens(over, credentials, MemoryTokenStore(), clock=clock), RateLimiter(plan))


class TestTokens:
    def test_wrong_credentials(self, zoom: ZoomServer, clock: Clock) -> None:
        with pytest.raises(ZoomCredentialsError, match="Invalid client_id"):
            list(client(zoom, clock, secret="wrong").users())

    def test_a_new_one_ends_the_one_before(self, zoom: ZoomServer, clock: Clock) -> None:
        one, other = client(zoom, clock), client(zoom, clock)
        list(one.users())
        list(other.users())
        list(one.users())
        assert zoom.behaviour.tokens_given == 3

    def test_ends_after_an_hour(self, zoom: ZoomServer, clock: Clock) -> None:
        one = client(zoom, clock)
        list(one.users())
        clock.now += 3500
        list(one.users())
        assert zoom.behaviour.tokens_given == 2


class TestLists:
    def test_come_in_pages(self, zoom: ZoomServer, clock: Clock) -> None:
        users = [zoom.account.add_user(f"User {number}") for number in range(301)]
        assert [user["id"] for user in client(zoom, clock).users()] == [user.id for user in users]
        assert len(zoom.behaviour.asked) == 2

    def test_pages_end_after_a_quarter_of_an_hour(self, zoom: ZoomServer, clock: Clock) -> None:
        for number in range(301):
            zoom.account.add_user(f"User {number}")
        users = client(zoom, clock).users()
        next(users)
        clock.now += PAGE_TOKEN_SECONDS + 1
        with pytest.raises(ZoomPageError):
            list(users)

    def test_hold_meetings_or_webinars(self, zoom: ZoomServer, clock: Clock) -> None:
        user = zoom.account.add_user("Anna")
        meeting = zoom.account.make(user, "Choir", agenda="x" * 300)
        webinar = zoom.account.make(user, "Lecture", type=5)
        rest = client(zoom, clock)
        (listed,) = rest.meetings(user.id)
        assert (listed["id"], len(listed["agenda"])) == (meeting, 250)
        assert [item["id"] for item in rest.webinars(user.id)] == [webinar]

    def test_of_nobody(self, zoom: ZoomServer, clock: Clock) -> None:
        with pytest.raises(ZoomGoneError):
            list(client(zoom, clock).meetings("nobody"))


class TestSingles:
    def test_a_meeting_a_webinar_and_neither(self, zoom: ZoomServer, clock: Clock) -> None:
        user = zoom.account.add_user("Anna")
        meeting, webinar = zoom.account.make(user, "Choir"), zoom.account.make(user, "Lecture", type=5)
        rest = client(zoom, clock)
        assert rest.meeting(meeting).document["topic"] == "Choir"
        assert rest.webinar(webinar).document["topic"] == "Lecture"
        with pytest.raises(ZoomWebinarError):
            rest.meeting(webinar)
        zoom.account.delete(meeting)
        with pytest.raises(ZoomGoneError):
            rest.meeting(meeting)


class TestTrouble:
    def test_a_missing_scope_is_named(self, zoom: ZoomServer, clock: Clock) -> None:
        zoom.behaviour.scopes.discard("user:read:list_users:admin")
        with pytest.raises(ZoomScopeError) as caught:
            list(client(zoom, clock).users())
        assert caught.value.scopes == ("user:read:list_users:admin",)

    def test_limits_of_a_second_and_of_a_day(self, zoom: ZoomServer, clock: Clock) -> None:
        zoom.behaviour.plan = Plan.FREE
        hasty = client(zoom, clock, plan=Plan.BUSINESS)
        asked = [hasty.users() for _ in range(5)]
        with pytest.raises(ZoomLimitError) as caught:
            [list(users) for users in asked]
        assert (caught.value.daily, caught.value.wait) == (False, 1.0)
        zoom.behaviour.daily = 0
        with pytest.raises(ZoomLimitError) as caught:
            list(client(zoom, clock).users())
        assert caught.value.daily

    def test_its_own_pace_stays_below_the_limit(self, zoom: ZoomServer, clock: Clock) -> None:
        zoom.behaviour.plan = Plan.PRO
        patient = client(zoom, clock, plan=Plan.PRO)
        for _ in range(40):
            list(patient.users())
        assert zoom.behaviour.refused_by_limit == 0

    def test_trouble_of_zooms_own(self, zoom: ZoomServer, clock: Clock) -> None:
        zoom.behaviour.failing = 1
        rest = client(zoom, clock)
        with pytest.raises(ZoomUnreachableError):
            list(rest.users())
        assert list(rest.users()) == []
