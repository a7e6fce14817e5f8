"""What other rules would do to a site's last meetings, before they are saved."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from core.model.meeting import MeetingKind
from core.model.rules import Author, JoinLink, NewPostStatus, Passcode, Rules
from core.sites import preview as rules_preview
from core.sites.preview import MOST_MEETINGS, PostChange, PostPart, PreviewOutcome, preview_rules
from core.store.db.engine import Store
from core.store.events import log
from core.store.sites import rules
from core.store.sites.sites import Site
from core.zoom.probe import FIRST_NUMBER, ProbeEvents
from tests.core.events import NUMBER
from tests.core.pipeline.test_mirror_worker import Bench
from tests.core.store.entries import entry

CHOIR = Rules(never=("choir",))


@pytest.fixture
def bench(store: Store, site: Site) -> Bench:
    return Bench(store)


def look(bench: Bench, decided: Rules) -> PostChange:
    """What would come of the one meeting that there is."""
    found = preview_rules(bench.store, bench.site(), decided, clock=bench.clock)
    (change,) = found.changes
    assert found.differences == ([] if change.outcome is PreviewOutcome.SAME else [change])
    assert found.count(change.outcome) == 1
    return change


def decide(bench: Bench, decided: Rules) -> None:
    bench.store.write(lambda connection: rules.save(connection, "s1", decided))


def made(bench: Bench, **object_: Any) -> None:
    """Let there be a meeting with a page."""
    bench.happens(NUMBER, host_id="anna", password="sing4us", **object_)
    bench.work()


class TestOutcome:
    def test_same(self, bench: Bench) -> None:
        made(bench)
        for decided in (Rules(), Rules(never=("orchestra",)), Rules(status=NewPostStatus.DRAFT)):
            assert look(bench, decided).outcome is PreviewOutcome.SAME

    def test_gets_a_page(self, bench: Bench) -> None:
        made(bench, type=1)
        change = look(bench, Rules(instant=True, status=NewPostStatus.DRAFT, meeting_category=4))
        assert change.outcome is PreviewOutcome.GETS
        assert (change.after.status, change.after.category) == ("draft", 4)

    def test_loses_its_page_and_gets_it_back(self, bench: Bench) -> None:
        made(bench)
        change = look(bench, CHOIR)
        assert change.outcome is PreviewOutcome.LOSES
        assert "“choir”" in change.reason
        decide(bench, CHOIR)
        bench.happens(NUMBER, "meeting.updated", duration=90)
        bench.work()
        assert look(bench, CHOIR).outcome is PreviewOutcome.SAME
        assert look(bench, Rules()).outcome is PreviewOutcome.RETURNS

    def test_loses_the_page_of_a_cancelled_meeting_that_was_kept(self, bench: Bench) -> None:
        decide(bench, Rules(cancelled_days=7))
        made(bench)
        bench.at = bench.clock.ms
        bench.happens(NUMBER, "meeting.deleted")
        bench.work()
        assert look(bench, Rules(cancelled_days=8)).outcome is PreviewOutcome.SAME
        change = look(bench, Rules())
        assert (change.outcome, "deleted" in change.reason) == (PreviewOutcome.LOSES, True)

    def test_is_not_made_any_more(self, bench: Bench) -> None:
        bench.happens(NUMBER)
        assert look(bench, CHOIR).outcome is PreviewOutcome.NONE

    def test_keeps_the_page_that_people_made(self, bench: Bench) -> None:
        made(bench)
        row = bench.row(NUMBER)
        assert look(bench, CHOIR).outcome is PreviewOutcome.LOSES
        bench.doubles["s1"].posts.clear()
        bench.doubles["s1"].made_by_hand(NUMBER)
        assert row.post_id is not None
        bench.doubles["s1"].posts[row.post_id + 1] = bench.doubles["s1"].posts.pop(row.post_id)
        bench.happens(NUMBER, "meeting.updated", duration=90)
        bench.work()
        assert look(bench, CHOIR).outcome is PreviewOutcome.KEEPS

    @pytest.mark.parametrize("name", ["meeting.deleted", "meeting.permanently_deleted"])
    def test_same_for_what_zoom_deleted(self, bench: Bench, name: str) -> None:
        made(bench)
        bench.happens(NUMBER, name)
        bench.work()
        assert look(bench, CHOIR).outcome is PreviewOutcome.SAME

    def test_same_for_what_a_person_deleted_for_good(self, bench: Bench) -> None:
        made(bench)
        bench.doubles["s1"].posts.clear()
        bench.happens(NUMBER, "meeting.updated", duration=90)
        bench.work()
        assert look(bench, CHOIR).outcome is PreviewOutcome.SAME

    @pytest.mark.parametrize(
        ("decided", "parts"),
        [
            (Rules(passcode=Passcode.IN_LINK), (PostPart.PASSCODE,)),
            (Rules(passcode=Passcode.HIDDEN), (PostPart.PASSCODE,)),
            (Rules(join_link=JoinLink.SIGNED_IN), (PostPart.JOIN_LINK,)),
            (Rules(join_link=JoinLink.NOBODY), (PostPart.JOIN_LINK, PostPart.PASSCODE)),
            (Rules(show_host=True, authors=(Author("anna", 7, "Anna"),)), (PostPart.HOST,)),
        ],
    )
    def test_changes_what_is_shown(self, bench: Bench, decided: Rules, parts: tuple[PostPart, ...]) -> None:
        made(bench)
        change = look(bench, decided)
        assert (change.outcome, change.parts) == (PreviewOutcome.CHANGES, parts)


class TestPreview:
    def test_is_of_the_meetings_that_something_happened_to_last(self, bench: Bench) -> None:
        for number in range(1, MOST_MEETINGS + 4):
            bench.happens(number)
        bench.happens(2, "meeting.updated", duration=90)
        found = preview_rules(bench.store, bench.site(), CHOIR, clock=bench.clock)
        numbers = [change.meeting.number for change in found.changes]
        assert numbers[0] == 2
        assert numbers[1:] == list(range(MOST_MEETINGS + 3, 4, -1))
        assert found.count(PreviewOutcome.NONE) == MOST_MEETINGS

    def test_saves_nothing(self, bench: Bench) -> None:
        made(bench)
        look(bench, CHOIR)
        assert bench.site().rules == {}

    def test_compares_with_the_rules_that_are_saved(self, bench: Bench) -> None:
        made(bench)
        decide(bench, Rules(kinds=frozenset({MeetingKind.WEBINAR})))
        assert look(bench, Rules(kinds=frozenset({MeetingKind.WEBINAR}))).outcome is PreviewOutcome.SAME

    def test_of_a_site_without_meetings_is_empty(self, bench: Bench) -> None:
        assert rules_preview.preview_rules(bench.store, bench.site(), CHOIR, clock=bench.clock).changes == []


class TestTest:
    """The made-up meeting of *Test it* has a page whatever is left out, and is nobody's meeting."""

    def test_has_a_page_whatever_the_rules_leave_out(self, bench: Bench) -> None:
        trial = ProbeEvents("s1", FIRST_NUMBER, "token")
        decide(bench, Rules(kinds=frozenset(), status=NewPostStatus.DRAFT))
        told = json.loads(trial.created(datetime(2036, 1, 1, tzinfo=UTC)))
        line = entry(bench.store, told, site_id="s1")
        bench.store.write(lambda connection: log.append(connection, [line]))
        bench.folding.fold_pending()
        bench.work()
        assert bench.doubles["s1"].only["status"] == "draft"
        assert preview_rules(bench.store, bench.site(), Rules(), clock=bench.clock).changes == []
