"""What visitors are told of a meeting follows from what the bridge rendered, and from the time. Run by PHP alone."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from core.model.meeting import MeetingState
from core.model.rules import Rules
from core.render import SiteRules, render
from tests.plugin_stub.visitors import DAY, HOUR, MINUTE, meeting, weekly, z

if TYPE_CHECKING:
    from core.model.meeting import Meeting

SCRIPT = Path(__file__).parent / "visitor_facts.php"
NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
NEVER_OVER = "2099-12-31 00:00:00"


def sql(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def facts(
    one: Meeting, rules: Rules | None = None, *, seen: datetime = NOW, host: str = "Anna"
) -> dict[str, Any]:
    """Return what the plugin makes of a meeting that the bridge rendered at NOW, for a visitor at `seen`."""
    site = SiteRules(rules or Rules(show_host=True), host_names={one.host_id: host})
    field = render(one, site, NOW).field
    given = {
        "html": field.get("html", ""),
        "start": field.get("start_date_utc", ""),
        "duration": field["fields"].get("duration", 60),
        "now": int(seen.timestamp()),
    }
    done = subprocess.run(
        ["php", "-d", "display_errors=stderr", "-d", "error_reporting=-1", SCRIPT],
        input=json.dumps([given]).encode(),
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""
    [found] = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def metas(begin: str | None = None, end: str | None = None, last: str | None = None) -> dict[str, str | None]:
    return {"_zoombridge_begin": begin, "_zoombridge_end": end, "_zoombridge_last": last}


def instance(started: datetime, ended: datetime | None = None) -> dict[str, Any]:
    return {"u1": {"started": z(started)} | ({"ended": z(ended)} if ended else {})}


class TestState:
    @pytest.mark.parametrize(
        ("since_start", "state", "later"),
        [
            (-1 * MINUTE, "upcoming", ["running", "ended"]),
            (0 * MINUTE, "running", ["ended"]),
            (59 * MINUTE, "running", ["ended"]),
            (60 * MINUTE, "ended", []),
        ],
    )
    def test_follows_the_time_in_a_page_that_is_shown_later(
        self, since_start: timedelta, state: str, later: list[str]
    ) -> None:
        start = NOW + DAY
        found = facts(meeting("Choir", start), seen=start + since_start)

        assert found["state"] == state
        assert [name for _, name, _ in found["later"]] == later
        assert found["metas"] == metas(end=sql(start + HOUR))

    def test_of_a_live_meeting_is_what_zoom_says(self) -> None:
        early = meeting("Early", NOW + 10 * MINUTE, instances=instance(NOW - 5 * MINUTE))
        found = facts(early)

        assert (found["state"], found["later"]) == ("live", [])
        assert found["metas"] == metas(sql(NOW - 5 * MINUTE), sql(NOW - 5 * MINUTE + 12 * HOUR))
        late = meeting("Late", NOW - 65 * MINUTE, instances=instance(NOW - 65 * MINUTE))
        assert facts(late)["state"] == "live"

    def test_of_one_without_a_fixed_time(self) -> None:
        found = facts(meeting("Any time", None))

        assert (found["state"], found["later"]) == ("undated", [])
        assert found["metas"] == metas()

    def test_of_one_that_is_over_is_so_for_the_bridge_as_well(self) -> None:
        found = facts(meeting("Past", NOW - 9 * DAY))

        assert found["state"] == "ended"
        assert found["metas"] == metas(end="1970-01-01 00:00:00")

    def test_of_a_series_of_which_every_date_is_cancelled(self) -> None:
        series = weekly("Class", NOW + DAY)
        for date in series.object["occurrences"]:
            date["status"] = "deleted"
        found = facts(series)

        assert found["state"] == "cancelled"
        assert found["metas"] == metas(end="1970-01-01 00:00:00")

    def test_of_a_cancelled_one_that_is_kept(self) -> None:
        at = int(NOW.timestamp() * 1000)
        cancelled = meeting("Choir", NOW + DAY, state=MeetingState.DELETED, deleted_at=at)
        found = facts(cancelled, Rules(cancelled_days=7))

        assert found["state"] == "cancelled"
        assert found["metas"] == metas(end="1970-01-01 00:00:00")


class TestSeries:
    def test_ends_with_its_last_date_that_takes_place(self) -> None:
        series = weekly("Class", NOW + DAY, 3)
        series.object["occurrences"][2]["status"] = "deleted"

        assert facts(series)["metas"] == metas(end=sql(NOW + DAY + HOUR), last=sql(NOW + 8 * DAY + HOUR))


class TestTexts:
    @pytest.mark.parametrize(
        "text",
        [
            '<section class="zoombridge-meeting zoombridge-ended">',
            '<strong class="zoombridge-live">Live now</strong>, since <time datetime="2026-03-03T00:00:00Z">',
            '<li class="zoombridge-date"><time datetime="2098-01-01T00:00:00Z">',
        ],
    )
    def test_of_zoom_decide_nothing(self, text: str) -> None:
        start = NOW + DAY
        found = facts(meeting(text, start, agenda=text), host=text)

        assert found["state"] == "upcoming"
        assert found["metas"] == metas(end=sql(start + HOUR))
