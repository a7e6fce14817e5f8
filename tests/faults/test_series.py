"""Series on a real WordPress: one post, the next date leading, rolling forward by itself; kinds that change."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
import requests

from tests.end_to_end.events import Meeting, series, z

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tests.faults.stepped import Stepped
    from tests.wordpress import WordPress

# What differs between the kinds of WordPress is their database, which none of this is about.
pytestmark = pytest.mark.parametrize("wordpress", ["debian-mariadb"], indirect=True)

BERLIN = ZoneInfo("Europe/Berlin")
VCZAPI = Path(__file__).parent.parent / "wordpress/vczapi"


@pytest.fixture
def with_vczapi(site: WordPress, stepped: Stepped) -> Iterator[Stepped]:
    """A site with the double of VCZAPI, without its PRO add-on, as `site add` finds it."""
    site.add_plugin(VCZAPI)
    stepped.connect(vczapi=True)
    yield stepped
    site.deactivate_plugin("vczapi")


def page(stepped: Stepped, number: int) -> str:
    answer = requests.get(stepped.post(number)["link"], timeout=600)
    assert answer.status_code == 200
    return html.unescape(answer.text)


def leading(shown: str) -> str:
    found = re.search(r'<time class="zoombridge-start" datetime="([^"]*)"', shown)
    assert found, shown
    return found[1]


def listed(shown: str) -> int:
    return shown.count('<li class="zoombridge-date')


def start_in_metas(stepped: Stepped, number: int) -> str:
    return str(stepped.post(number)["zoombridge_test"]["start_date_utc"])


def sql(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def until(stepped: Stepped, moment: datetime) -> None:
    """Let time pass until a moment. Nobody tells the bridge anything meanwhile."""
    stepped.run()
    while (due := stepped.next_due()) is not None and due < moment.timestamp() * 1000:
        stepped.to_the_next()
        stepped.run()
    stepped.forward((moment - stepped.clock.moment).total_seconds())
    stepped.run()


def converted(meeting: Meeting, event: str, zoom_type: int) -> dict[str, Any]:
    told = meeting.updated()
    told["event"] = event
    told["payload"] = {
        "account_id": told["payload"]["account_id"],
        "object": {**meeting.named, "type": zoom_type},
    }
    return told


class TestRollsForward:
    @pytest.mark.parametrize("kind", ["meeting", "webinar"])
    def test_by_itself(self, stepped: Stepped, kind: str) -> None:
        weekly = series(kind)
        stepped.tell(weekly.created())
        stepped.until_quiet()
        post = stepped.post(weekly.number)
        hour = timedelta(hours=1)

        for week in range(4):
            date = weekly.start + timedelta(weeks=week)
            shown = page(stepped, weekly.number)
            assert leading(shown).startswith(f"{date.astimezone(BERLIN):%Y-%m-%dT%H:%M}")
            assert start_in_metas(stepped, weekly.number) == sql(date)
            assert f'href="{weekly.join_url}"' in shown
            assert listed(shown) == 4 - week, "those that are over are not listed"
            until(stepped, date + hour + timedelta(seconds=1))

        until(stepped, weekly.start + timedelta(weeks=3) + 3 * hour)
        shown = page(stepped, weekly.number)
        assert f'href="{weekly.join_url}"' not in shown
        after = stepped.post(weekly.number)
        assert (after["id"], after["link"], after["status"]) == (post["id"], post["link"], "publish")

    def test_over_a_date_that_is_cancelled(self, stepped: Stepped) -> None:
        weekly = series("meeting")
        dates = weekly.changes["occurrences"]
        stepped.tell(weekly.created(), weekly.deleted([dates[1]]))
        stepped.until_quiet()
        assert start_in_metas(stepped, weekly.number) == sql(weekly.start)

        until(stepped, weekly.start + timedelta(hours=1, seconds=1))

        assert start_in_metas(stepped, weekly.number) == sql(weekly.start + timedelta(weeks=2))
        assert "zoombridge-cancelled" in page(stepped, weekly.number), "the date in between is told of"

    def test_nothing_is_written_between_the_dates(self, stepped: Stepped) -> None:
        weekly = series("meeting")
        stepped.tell(weekly.created())
        stepped.until_quiet()
        stepped.batch_sizes.clear()

        until(stepped, weekly.start - timedelta(hours=1))
        assert stepped.batch_sizes == []
        until(stepped, weekly.start + timedelta(hours=2))
        assert stepped.batch_sizes == [1, 1], "as it begins, and as it is over"


class TestWithoutPro:
    """The plugin VCZAPI refuses to show what recurs without its PRO add-on, so it is told of the next date."""

    @pytest.mark.parametrize("kind", ["meeting", "webinar"])
    def test_join_link_of_the_next_date(self, with_vczapi: Stepped, kind: str) -> None:
        weekly = series(kind)
        with_vczapi.tell(weekly.created())
        with_vczapi.until_quiet()

        for week in range(2):
            date = weekly.start + timedelta(weeks=week)
            shown = page(with_vczapi, weekly.number)
            assert "PRO version is required" not in shown
            assert f'<a class="vczapi-join" href="{weekly.join_url}"' in shown
            assert f"{date.astimezone(BERLIN):%Y-%m-%d %H:%M}" in shown
            assert f'<p class="vczapi-kind">{kind}</p>' in shown
            until(with_vczapi, date + timedelta(hours=1, seconds=1))
        with_vczapi.post(weekly.number)

    @pytest.mark.parametrize(("kind", "zoom_type"), [("meeting", 3), ("webinar", 6)])
    def test_join_link_without_a_fixed_time(self, with_vczapi: Stepped, kind: str, zoom_type: int) -> None:
        meeting = Meeting(kind, changes={"type": zoom_type, "start_time": None})
        with_vczapi.tell(meeting.created())
        with_vczapi.until_quiet()

        shown = page(with_vczapi, meeting.number)
        assert "PRO version is required" not in shown
        assert f'<a class="vczapi-join" href="{meeting.join_url}"' in shown

    def test_series_that_becomes_single(self, with_vczapi: Stepped) -> None:
        weekly = series("meeting")
        with_vczapi.tell(weekly.created())
        with_vczapi.until_quiet()
        moved = weekly.start + timedelta(days=2)
        with_vczapi.tell(
            weekly.updated(
                {"type": 8, "occurrences": weekly.changes["occurrences"]}, type=2, start_time=z(moved)
            )
        )
        with_vczapi.until_quiet()

        shown = page(with_vczapi, weekly.number)
        assert f"{moved.astimezone(BERLIN):%Y-%m-%d %H:%M}" in shown
        assert start_in_metas(with_vczapi, weekly.number) == sql(moved)


class TestOnOurOwnPage:
    def test_without_fixed_time(self, stepped: Stepped) -> None:
        meeting = Meeting("meeting", changes={"type": 3, "start_time": None})
        stepped.tell(meeting.created())
        stepped.until_quiet()
        assert f'href="{meeting.join_url}"' in page(stepped, meeting.number)
        assert stepped.next_due() is None, "nothing of it will change by itself"


class TestConverted:
    @pytest.mark.parametrize(("as_meeting", "as_webinar"), [(2, 5), (8, 9)])
    def test_to_a_webinar_and_back_is_one_post(
        self, with_vczapi: Stepped, as_meeting: int, as_webinar: int
    ) -> None:
        meeting = series("meeting") if as_meeting == 8 else Meeting("meeting")
        with_vczapi.tell(meeting.created())
        with_vczapi.until_quiet()
        before = with_vczapi.post(meeting.number)

        with_vczapi.tell(converted(meeting, "meeting.converted_to_webinar", as_webinar))
        with_vczapi.until_quiet()
        as_it_is = with_vczapi.post(meeting.number)
        assert as_it_is["zoombridge_test"]["kind"] == "webinar"
        assert '<p class="vczapi-kind">webinar</p>' in page(with_vczapi, meeting.number)

        meeting.kind = "webinar"
        with_vczapi.tell(meeting.updated(topic="A webinar now"))
        with_vczapi.until_quiet()
        assert with_vczapi.post(meeting.number)["title"]["raw"] == "A webinar now"

        meeting.topic, meeting.kind = "A webinar now", "meeting"
        with_vczapi.tell(converted(meeting, "webinar.converted_to_meeting", as_meeting))
        with_vczapi.until_quiet()

        after = with_vczapi.post(meeting.number)
        assert (after["id"], after["link"]) == (before["id"], before["link"])
        assert after["zoombridge_test"]["kind"] == "meeting"
        shown = page(with_vczapi, meeting.number)
        assert '<p class="vczapi-kind">meeting</p>' in shown
        assert "vczapi-join" in shown
