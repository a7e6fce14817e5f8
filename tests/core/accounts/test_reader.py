"""Read single lists and meetings through every fault that Zoom's sources show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.accounts.reader import AccountReader
from core.errors import ZoomLimitError, ZoomRestError, ZoomScopeError
from core.zoom.oauth import Credentials, Tokens
from core.zoom.rate_limit import Plan, RateLimiter
from core.zoom.readings import Absence, Reading, Unclear
from core.zoom.rest import ZoomRest, session
from tests.zoom import faults
from tests.zoom.faults import FAULTS, Fault, Place
from tests.zoom.server import CLIENT_ID, CLIENT_SECRET
from tests.zoom.tokens import MemoryTokenStore

if TYPE_CHECKING:
    from tests.zoom import ZoomServer

# Every fault, whether a source shows it for the path or not. Limits are about the account, and so waited for.
LIMITS = (faults.PER_SECOND, faults.PER_DAY, faults.PER_DAY_BARE)
FAULTS_OF_ITEMS = [fault for fault in FAULTS if fault not in LIMITS]
every_fault = pytest.mark.parametrize("fault", FAULTS_OF_ITEMS, ids=lambda fault: fault.name)


@pytest.fixture
def reader(zoom: ZoomServer) -> AccountReader:
    zoom.behaviour.is_limited = False
    over = session(at_once=4)
    credentials = Credentials(zoom.account.account_id, CLIENT_ID, CLIENT_SECRET, zoom.oauth_url)
    tokens = Tokens(over, credentials, MemoryTokenStore())
    return AccountReader(ZoomRest(over, tokens, RateLimiter(Plan.BUSINESS, sleep=lambda _: None)))


class TestRead:
    @every_fault
    def test_an_existing_meeting_is_never_absent_unless_zoom_says_so_of_it(
        self, zoom: ZoomServer, reader: AccountReader, fault: Fault
    ) -> None:
        number = zoom.account.make(zoom.account.add_user("Anna"), "Choir")
        zoom.refuse(Place.MEETING.path(number=number), fault)
        found = reader.read(number, is_webinar=False)
        assert isinstance(found, Absence) is fault.says_gone
        assert isinstance(found, Unclear) is not fault.says_gone

    @every_fault
    def test_an_existing_webinar_is_never_absent_unless_zoom_says_so_of_it(
        self, zoom: ZoomServer, reader: AccountReader, fault: Fault
    ) -> None:
        number = zoom.account.make(zoom.account.add_user("Anna"), "Lecture", type=5)
        zoom.refuse(Place.WEBINAR.path(number=number), fault)
        found = reader.read(number, is_webinar=True)
        # Even where its own path says so: the other one says that it is a webinar.
        assert isinstance(found, Unclear)

    @every_fault
    def test_a_meeting_that_became_a_webinar_is_not_absent(
        self, zoom: ZoomServer, reader: AccountReader, fault: Fault
    ) -> None:
        number = zoom.account.make(zoom.account.add_user("Anna"), "Lecture", type=5)
        zoom.refuse(Place.WEBINAR.path(number=number), fault)
        assert isinstance(reader.read(number, is_webinar=False), Unclear)

    @every_fault
    def test_a_webinar_that_became_a_meeting_is_absent_only_where_both_say_so(
        self, zoom: ZoomServer, reader: AccountReader, fault: Fault
    ) -> None:
        number = zoom.account.make(zoom.account.add_user("Anna"), "Choir")
        zoom.refuse(Place.MEETING.path(number=number), fault)
        found = reader.read(number, is_webinar=True)
        assert isinstance(found, Absence) is fault.says_gone

    @every_fault
    def test_a_deleted_meeting_is_absent_where_no_webinar_can_be_meant(
        self, zoom: ZoomServer, reader: AccountReader, fault: Fault
    ) -> None:
        number = zoom.account.make(zoom.account.add_user("Anna"), "Choir")
        zoom.account.delete(number)
        zoom.refuse(Place.WEBINAR.path(number=number), fault)
        found = reader.read(number, is_webinar=False)
        denies = [faults.NO_SCOPE, faults.NO_SCOPE_UNNAMED, faults.NO_WEBINAR_PLAN, faults.INVALID_WEBINAR]
        denies += [faults.NO_MEETINGS_LICENCE, faults.STALE_PAGE]
        assert isinstance(found, Absence) is (fault.says_gone or fault in denies)

    def test_converted_ones_are_read_as_what_they_are(self, zoom: ZoomServer, reader: AccountReader) -> None:
        anna = zoom.account.add_user("Anna")
        meeting, webinar = zoom.account.make(anna, "Choir"), zoom.account.make(anna, "Lecture", type=5)
        assert isinstance(reader.read(meeting, is_webinar=True), Reading)
        assert isinstance(reader.read(webinar, is_webinar=False), Reading)

    def test_a_fault_that_passes_is_none(self, zoom: ZoomServer, reader: AccountReader) -> None:
        number = zoom.account.make(zoom.account.add_user("Anna"), "Choir")
        zoom.refuse(Place.MEETING.path(number=number), faults.OUTAGE, times=1)
        assert isinstance(reader.read(number, is_webinar=False), Reading)

    @pytest.mark.parametrize("fault", LIMITS, ids=lambda fault: fault.name)
    def test_limits_are_raised(self, zoom: ZoomServer, reader: AccountReader, fault: Fault) -> None:
        number = zoom.account.make(zoom.account.add_user("Anna"), "Choir")
        zoom.refuse(Place.MEETING.path(number=number), fault)
        with pytest.raises(ZoomLimitError):
            reader.read(number, is_webinar=False)

    def test_an_outage_of_the_account_is_raised(self, zoom: ZoomServer, reader: AccountReader) -> None:
        number = zoom.account.make(zoom.account.add_user("Anna"), "Choir")
        zoom.behaviour.failing = 100
        with pytest.raises(ZoomRestError, match="internal problem"):
            reader.read(number, is_webinar=False)

    def test_what_the_app_may_not_read_is_not_asked_for_long(
        self, zoom: ZoomServer, reader: AccountReader
    ) -> None:
        anna = zoom.account.add_user("Anna")
        numbers = [zoom.account.make(anna, f"Choir {number}") for number in range(9)]
        zoom.behaviour.scopes.discard("meeting:read:meeting:admin")
        found = [reader.read(number, is_webinar=False) for number in numbers]
        assert all(isinstance(one, Unclear) and "meeting:read:meeting:admin" in one.message for one in found)
        assert len(zoom.behaviour.requests) == 3

    def test_one_that_may_not_be_read_does_not_stop_the_others(
        self, zoom: ZoomServer, reader: AccountReader
    ) -> None:
        anna = zoom.account.add_user("Anna")
        numbers = [zoom.account.make(anna, f"Choir {number}") for number in range(9)]
        refused, readable = numbers[1:5], numbers[5:]
        for number in refused:
            zoom.refuse(Place.MEETING.path(number=number), faults.NO_SCOPE)
        assert isinstance(reader.read(numbers[0], is_webinar=False), Reading)
        # Answers to concurrent requests come in any order: here all refusals come first.
        assert [isinstance(reader.read(number, is_webinar=False), Unclear) for number in refused] == [
            True
        ] * 4
        found = reader.read_each((number, False) for number in readable)
        assert [isinstance(found[number], Reading) for number in readable] == [True] * 4

    def test_an_answer_about_another_meeting_is_no_reading(
        self, zoom: ZoomServer, reader: AccountReader
    ) -> None:
        number = zoom.account.make(zoom.account.add_user("Anna"), "Choir")
        zoom.account.held[number] = {**zoom.account.held[number], "id": 91_999_999_999}
        assert isinstance(reader.read(number, is_webinar=False), Unclear)


class TestListUser:
    @every_fault
    def test_the_webinars_come_where_the_meetings_do_not(
        self, zoom: ZoomServer, reader: AccountReader, fault: Fault
    ) -> None:
        anna = zoom.account.add_user("Anna")
        zoom.account.make(anna, "Choir")
        webinar = zoom.account.make(anna, "Lecture", type=5)
        zoom.refuse(Place.MEETINGS.path(user=anna.id), fault)
        found = reader.list_user(anna.id)
        assert list(found.items) == [webinar]
        assert [(one.kind, one.is_usual) for one in found.skipped] == [("meeting", False)]
        assert found.skipped[0].message

    @every_fault
    def test_the_meetings_come_where_the_webinars_do_not(
        self, zoom: ZoomServer, reader: AccountReader, fault: Fault
    ) -> None:
        anna = zoom.account.add_user("Anna")
        meeting = zoom.account.make(anna, "Choir")
        zoom.account.make(anna, "Lecture", type=5)
        zoom.refuse(Place.WEBINARS.path(user=anna.id), fault)
        found = reader.list_user(anna.id)
        assert list(found.items) == [meeting]
        assert [one.kind for one in found.skipped] == ["webinar"]

    def test_no_plan_for_webinars_is_usual(self, zoom: ZoomServer, reader: AccountReader) -> None:
        anna = zoom.account.add_user("Anna", has_webinar_plan=False)
        found = reader.list_user(anna.id)
        assert [(one.kind, one.is_usual) for one in found.skipped] == [("webinar", True)]
        assert "webinar license" in found.skipped[0].message

    def test_the_limit_of_a_day_is_raised(self, zoom: ZoomServer, reader: AccountReader) -> None:
        anna = zoom.account.add_user("Anna")
        zoom.behaviour.daily = 0
        with pytest.raises(ZoomLimitError):
            reader.list_user(anna.id)

    def test_wrong_credentials_are_raised(self, zoom: ZoomServer, reader: AccountReader) -> None:
        anna = zoom.account.add_user("Anna")
        zoom.refuse(Place.MEETINGS.path(user=anna.id), faults.TOKEN_REJECTED)
        zoom.refuse(Place.USERS.path(), faults.NO_SCOPE)
        with pytest.raises(ZoomScopeError):
            reader.list_user(anna.id)
