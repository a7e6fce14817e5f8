"""The account's double answers as Zoom documents it, and the bridge's client gets along with it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import requests

from core.errors import (
    ZoomCredentialsError,
    ZoomGoneError,
    ZoomLimitError,
    ZoomPageError,
    ZoomRestError,
    ZoomScopeError,
    ZoomUnreachableError,
    ZoomWebinarError,
)
from core.zoom.oauth import Credentials, Tokens
from core.zoom.rate_limit import Plan, RateLimiter
from core.zoom.rest import ZoomRest, session
from tests.zoom import Account, ZoomServer, faults, schema
from tests.zoom.account import WITHOUT_MEETINGS
from tests.zoom.faults import FAULTS, Fault, Place, faults_of
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
    zoom: ZoomServer,
    clock: Clock,
    *,
    secret: str = CLIENT_SECRET,
    plan: Plan = Plan.BUSINESS,
    hasty: bool = False,
) -> ZoomRest:
    over = session()
    credentials = Credentials(zoom.account.account_id, CLIENT_ID, secret, zoom.oauth_url)
    tokens = Tokens(over, credentials, MemoryTokenStore(), clock=clock)
    return ZoomRest(over, tokens, RateLimiter(plan, sleep=lambda _: None) if hasty else RateLimiter(plan))


def read(zoom: ZoomServer, path: str, **query: str) -> requests.Response:
    """Read a path with a token of its own."""
    given = requests.post(
        zoom.oauth_url,
        params={"grant_type": "account_credentials", "account_id": zoom.account.account_id},
        auth=(CLIENT_ID, CLIENT_SECRET),
        timeout=600,
    ).json()
    headers = {"Authorization": f"Bearer {given['access_token']}"}
    return requests.get(f"{zoom.url}/v2{path}", params=query, headers=headers, timeout=600)


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
        assert len(zoom.behaviour.requests) == 2

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
        with pytest.raises(ZoomRestError) as caught:
            list(client(zoom, clock).meetings("nobody"))
        assert (type(caught.value), caught.value.code) == (ZoomRestError, 1001)


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


class TestRefusals:
    def test_a_missing_scope_is_named(self, zoom: ZoomServer, clock: Clock) -> None:
        zoom.behaviour.scopes.discard("user:read:list_users:admin")
        with pytest.raises(ZoomScopeError) as caught:
            list(client(zoom, clock).users())
        assert caught.value.scopes == ("user:read:list_users:admin",)

    def test_the_limit_of_a_second_is_waited_for(self, zoom: ZoomServer, clock: Clock) -> None:
        zoom.account.add_user("Anna")
        zoom.refuse("/users", faults.PER_SECOND, times=4)
        assert len(list(client(zoom, clock, hasty=True).users())) == 1
        assert len(zoom.behaviour.requests) == 5

    def test_limits_of_a_second_and_of_a_day(self, zoom: ZoomServer, clock: Clock) -> None:
        zoom.refuse("/users", faults.PER_SECOND)
        with pytest.raises(ZoomLimitError) as caught:
            list(client(zoom, clock, hasty=True).users())
        assert (caught.value.daily, caught.value.wait) == (False, 1.0)
        zoom.behaviour.faults.clear()
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


class TestUsers:
    def test_without_meetings_basic(self, zoom: ZoomServer) -> None:
        user = zoom.account.add_user("Anna")
        meeting, webinar = zoom.account.make(user, "Choir"), zoom.account.make(user, "Lecture", type=5)
        zoom.account.change_user(user, type=WITHOUT_MEETINGS, has_webinar_plan=False)
        answers = {
            path: read(zoom, path)
            for path in (
                Place.MEETINGS.path(user=user.id),
                Place.WEBINARS.path(user=user.id),
                Place.MEETING.path(number=meeting),
                Place.WEBINAR.path(number=webinar),
            )
        }
        assert [(one.status_code, one.json()["code"]) for one in answers.values()] == [
            (400, 3161),
            (400, 200),
            (400, 3161),
            (400, 200),
        ]

    def test_inactive_and_pending_ones_are_listed_only_where_they_are_asked_for(
        self, zoom: ZoomServer
    ) -> None:
        active, gone = zoom.account.add_user("Anna"), zoom.account.add_user("Bert")
        pending = zoom.account.add_user("Cleo", status="pending")
        zoom.account.deactivate(gone)
        assert [user["id"] for user in read(zoom, "/users").json()["users"]] == [active.id]
        assert [user["id"] for user in read(zoom, "/users", status="inactive").json()["users"]] == [gone.id]
        (listed,) = read(zoom, "/users", status="pending").json()["users"]
        assert listed["email"] == pending.email
        assert "id" not in listed

    def test_meetings_of_a_removed_one_go_to_the_heir_or_with_the_user(self, zoom: ZoomServer) -> None:
        told: list[dict[str, Any]] = []
        heir = zoom.account.add_user("Anna")
        leavers = [zoom.account.add_user(f"Leaver {number}") for number in range(3)]
        handed_on, deleted, elsewhere = (zoom.account.make(user, user.first_name) for user in leavers)
        zoom.account.tell = told.append
        zoom.account.remove_user(leavers[0], heir=heir)
        zoom.account.remove_user(leavers[1])
        zoom.account.remove_user(leavers[2], is_deleted=False)
        assert [event["event"] for event in told] == ["user.deleted", "user.deleted", "user.disassociated"]
        assert read(zoom, Place.MEETING.path(number=handed_on)).json()["host_id"] == heir.id
        refused = [read(zoom, Place.MEETING.path(number=number)) for number in (deleted, elsewhere)]
        assert [(one.status_code, one.json()["code"]) for one in refused] == [(404, 3001), (400, 1010)]


class TestMissing:
    def test_expired_numbers_are_answered_like_deleted_ones(self, zoom: ZoomServer, clock: Clock) -> None:
        user = zoom.account.add_user("Anna")
        single, series = zoom.account.make(user, "Choir"), zoom.account.make(user, "Circle", type=3)
        clock.now += 38 * 24 * 3600  # 30 days after the date of the single one
        listed = read(zoom, Place.MEETINGS.path(user=user.id)).json()["meetings"]
        assert [one["id"] for one in listed] == [series]
        answer = read(zoom, Place.MEETING.path(number=single))
        assert (answer.status_code, answer.json()["code"]) == (404, 3001)
        zoom.account.expire(series)
        assert read(zoom, Place.MEETING.path(number=series)).status_code == 404

    def test_lists_may_miss_meetings_that_are_there(self, zoom: ZoomServer) -> None:
        user = zoom.account.add_user("Anna")
        missed, instant = zoom.account.make(user, "Choir"), zoom.account.make(user, "Now", type=1)
        zoom.account.unlisted.add(missed)
        assert read(zoom, Place.MEETINGS.path(user=user.id)).json()["meetings"] == []
        assert all(read(zoom, Place.MEETING.path(number=number)).ok for number in (missed, instant))

    def test_upcoming_and_previous_lists_reach_six_months(self, zoom: ZoomServer, clock: Clock) -> None:
        user = zoom.account.add_user("Anna")
        near = zoom.account.make(user, "Near", type=8, start_time="2027-03-01T10:00:00Z")
        far = zoom.account.make(user, "Far", type=8, start_time="2027-12-01T10:00:00Z")

        def listed(type_: str) -> list[int]:
            answer = read(zoom, Place.MEETINGS.path(user=user.id), type=type_)
            return [one["id"] for one in answer.json()["meetings"]]

        assert [listed(type_) for type_ in ("scheduled", "upcoming", "upcoming_meetings")] == [
            [near, far],
            [near],
            [near],
        ]
        assert listed("previous_meetings") == []
        clock.now += 200 * 24 * 3600
        assert (listed("upcoming"), listed("previous_meetings")) == ([far], [near])
        clock.now += 100 * 24 * 3600
        assert listed("previous_meetings") == []

    def test_previous_occurrences_are_shown_only_where_they_are_asked_for(self, zoom: ZoomServer) -> None:
        dates = [
            {"occurrence_id": str(index), "start_time": start, "duration": 60, "status": "available"}
            for index, start in enumerate(("2027-01-01T10:00:00Z", "2027-02-01T10:00:00Z"))
        ]
        series = zoom.account.make(zoom.account.add_user("Anna"), "Choir", type=8, occurrences=dates)
        path = Place.MEETING.path(number=series)
        assert read(zoom, path).json()["occurrences"] == dates[1:]
        assert read(zoom, path, show_previous_occurrences="true").json()["occurrences"] == dates


class TestFaults:
    def test_each_names_its_source_and_where_it_is_seen(self) -> None:
        assert len({fault.name for fault in FAULTS}) == len(FAULTS)
        assert all(fault.source and fault.places for fault in FAULTS)
        assert all(faults_of(place) for place in Place)

    def test_only_404_with_3001_says_gone(self) -> None:
        assert [fault for fault in FAULTS if fault.says_gone] == [faults.MEETING_GONE, faults.WEBINAR_GONE]

    @pytest.mark.parametrize(
        ("place", "fault"),
        [
            pytest.param(place, fault, id=f"{place.name}: {fault.name}")
            for place in Place
            for fault in faults_of(place)
        ],
    )
    def test_are_answered_at_their_place(self, zoom: ZoomServer, place: Place, fault: Fault) -> None:
        user = zoom.account.add_user("Anna")
        webinar = place in (Place.WEBINAR, Place.WEBINARS)
        number = zoom.account.make(user, "Choir", type=5 if webinar else 2)
        path = place.path(user=user.id, number=number)
        zoom.refuse(path, fault, times=1)
        refused, after = read(zoom, path), read(zoom, path)
        assert refused.status_code == fault.status
        said = refused.json()["message"] if fault.code is not None else ""
        assert refused.headers["Content-Type"] == fault.content_type
        assert all(part in said for part in re.split(r"\{\w+\}", fault.message))
        assert "{" not in said
        assert after.ok

    def test_the_limit_of_a_second_has_no_retry_after_and_that_of_a_day_has_a_date(
        self, zoom: ZoomServer
    ) -> None:
        zoom.refuse("/users", faults.PER_SECOND, times=1)
        second, fine = read(zoom, "/users"), read(zoom, "/users")
        zoom.behaviour.daily = 0
        day = read(zoom, "/users")
        kinds = [answer.headers["X-RateLimit-Type"] for answer in (second, fine, day)]
        assert kinds == ["QPS", "QPS", "Daily-limit"]
        assert "Retry-After" not in second.headers
        assert day.headers["Retry-After"] == "2027-01-16T00:00:00Z"


class TestSchemas:
    """Answers and events have the names and types of Zoom's own descriptions."""

    def test_are_those_of_the_descriptions(self) -> None:
        folder = schema.descriptions()
        assert folder is None or schema.of_descriptions(folder) == schema.schemas()

    def test_answers(self, zoom: ZoomServer) -> None:
        user = zoom.account.add_user("Anna")
        zoom.account.add_user("Bert", status="pending")
        dates = [
            {
                "occurrence_id": "1",
                "start_time": "2027-02-01T10:00:00Z",
                "duration": 60,
                "status": "available",
            }
        ]
        meetings = [
            zoom.account.make(user, "Choir", type=2),
            zoom.account.make(user, "Series", type=8, occurrences=dates),
            zoom.account.make(user, "Undated", type=3),
        ]
        webinars = [
            zoom.account.make(user, "Lecture", type=5),
            zoom.account.make(user, "Course", type=9, occurrences=dates),
        ]
        shapes = schema.schemas()
        answers = [
            ("/users", read(zoom, "/users")),
            ("/users", read(zoom, "/users", status="pending")),
            ("/users/{userId}/meetings", read(zoom, Place.MEETINGS.path(user=user.id))),
            ("/users/{userId}/webinars", read(zoom, Place.WEBINARS.path(user=user.id))),
            *(("/meetings/{meetingId}", read(zoom, Place.MEETING.path(number=one))) for one in meetings),
            *(("/webinars/{webinarId}", read(zoom, Place.WEBINAR.path(number=one))) for one in webinars),
        ]
        found = [schema.deviations(answer.json(), shapes[shape], shape) for shape, answer in answers]
        assert found == [[]] * len(answers)

    def test_events(self) -> None:
        told: list[dict[str, Any]] = []
        account = Account(tell=told.append)
        user = account.add_user("Anna")
        for zoom_type in (2, 3, 5, 8, 9):
            number = account.make(user, "Choir", type=zoom_type)
            account.change(number, topic="Choir in the hall")
            account.start(number, "Instance==")
            account.end(number, "Instance==")
            account.delete(number)
            account.recover(number)
        assert {event["event"] for event in told} == set(schema.EVENTS)
        shapes = schema.schemas()
        assert [schema.deviations(event, shapes[event["event"]], event["event"]) for event in told] == [
            []
        ] * len(told)

    @pytest.mark.parametrize(
        ("value", "told"),
        [
            ({"users": [{"email": "a@example.org", "type": 4}]}, ".users[].type: 4 is none of [1, 2, 3, 99]"),
            ({"users": [{"type": 1}]}, ".users[].email: missing"),
            ({"page_size": "30"}, ".page_size: '30' is no integer"),
            ({"owner": 1}, ".owner: unknown"),
        ],
    )
    def test_deviations_are_seen(self, value: Any, told: str) -> None:
        assert schema.deviations(value, schema.schemas()["/users"]) == [told]
