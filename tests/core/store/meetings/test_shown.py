"""One number, one meeting on a site: several accounts tell of it, and one post follows."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from core.model.fold import GONE, SNAPSHOT
from core.pipeline.retention import Retention
from core.store.db.schema import meetings as meetings_table
from core.store.db.schema import posts as posts_table
from core.store.events import log
from core.store.meetings import calendar, shown
from core.store.meetings import search as meeting_search
from core.store.meetings.search import MeetingFilter, Period
from core.store.posts.queue import PostState
from tests.core.conftest import connected
from tests.core.events import SAMPLES, event
from tests.core.pipeline.test_mirror_worker import Bench
from tests.core.store.entries import entry
from tests.core.store.grants import granted

if TYPE_CHECKING:
    from core.store.db.engine import Store
    from core.store.sites.sites import Site

NUMBER = 81234567890
CHOIR: dict[str, Any] = {
    "id": NUMBER,
    "topic": "Choir rehearsal",
    "type": 2,
    "start_time": "2036-12-01T18:00:00Z",
    "duration": 60,
    "join_url": "https://zoom.us/j/81234567890?pwd=Old",
}
DAY = 24 * 3600


class Accounts:
    """Accounts A and B, a site to which both are granted, and what they tell it."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.store = bench.store
        granted(self.store, "A", "s1")
        granted(self.store, "B", "s1")

    def tell(
        self, name: str, at: int, account_id: str | None = "A", site_id: str | None = "s1", **object_: Any
    ) -> None:
        """Let an account tell of the meeting, and write what is due."""
        whole = CHOIR | object_ if name == "created" else {"id": NUMBER, **object_}
        self.send(event(f"meeting.{name}", at, account_id=account_id, **whole), site_id)

    def send(self, told: dict[str, Any], site_id: str | None = "s1") -> None:
        line = entry(self.store, told, site_id=site_id)
        self.store.write(lambda connection: log.append(connection, [line]))
        self.bench.folding.fold_pending()
        self.bench.work()

    def absent(self, at: int, account_id: str) -> None:
        self.send(
            event(SNAPSHOT, at, account_id=account_id, payload={"operation": GONE}, id=NUMBER), site_id=None
        )

    def owners(self, site_id: str = "s1") -> list[tuple[str, str]]:
        query = select(posts_table.c.account_id, posts_table.c.state)
        with self.store.reading() as connection:
            rows = connection.execute(query.where(posts_table.c.site_id == site_id))
            return [(row.account_id, row.state) for row in rows]

    @property
    def post(self) -> dict[str, Any]:
        return self.bench.doubles["s1"].only

    def topic(self, site_id: str = "s1") -> str:
        with self.store.reading() as connection:
            found = shown.of_site(connection, self.store.sealer, site_id, [NUMBER])
        return found[NUMBER][0].topic


@pytest.fixture
def accounts(store: Store, site: Site) -> Accounts:
    return Accounts(Bench(store))


class TestOfSite:
    def test_the_new_account_writes_the_same_post(self, accounts: Accounts) -> None:
        accounts.tell("created", 1)
        before = accounts.bench.row(NUMBER).post_id
        accounts.tell("updated", 2, "B", topic="In the new account")
        assert (accounts.post["title"], accounts.bench.row(NUMBER).post_id) == ("In the new account", before)
        assert accounts.owners() == [("B", PostState.SYNCED)]

    @pytest.mark.parametrize(
        ("name", "status", "title"),
        [
            ("account_transfer_leaves_a_twin", "trash", "In the new account"),
            ("old_account_writes_over_the_new", "publish", "In the new account"),
        ],
    )
    def test_the_reported_cases(self, accounts: Accounts, name: str, status: str, title: str) -> None:
        granted(accounts.store, "AcctA", "s1")
        granted(accounts.store, "AcctB", "s1")
        for told in json.loads((SAMPLES / "cases" / f"{name}.json").read_text()):
            accounts.send(told)
        assert (accounts.post["status"], accounts.post["title"]) == (status, title)
        # The dates of both accounts pass, and none of them comes back.
        start = datetime(2026, 12, 1, tzinfo=UTC)
        for days in range(12):
            accounts.bench.clock.now = (start + timedelta(days=days)).timestamp()
            accounts.bench.work()
            assert (accounts.post["status"], accounts.post["title"]) == (status, title)
        assert len(accounts.bench.doubles["s1"].posts) == 1

    def test_what_editors_wrote_stays_through_a_move(self, accounts: Accounts) -> None:
        accounts.tell("created", 1)
        accounts.post["content"] = "<p>By an editor</p>"
        accounts.tell("updated", 2, "B", topic="In the new account", agenda="Songs")
        accounts.tell("updated", 3, "A", duration=90)
        assert accounts.post["content"] == "<p>By an editor</p>"

    def test_a_change_of_an_account_that_does_not_own_it_is_written_too(self, accounts: Accounts) -> None:
        accounts.tell("created", 1)
        accounts.tell("updated", 5, "B", topic="In the new account")
        accounts.tell("updated", 3, "A", start_time="2036-12-24T18:00:00Z")  # late
        assert accounts.owners() == [("B", PostState.SYNCED)]
        assert "2036-12-24" in json.dumps(accounts.post)
        assert accounts.post["title"] == "In the new account"

    def test_a_late_deletion_of_the_old_account_leaves_the_page(self, accounts: Accounts) -> None:
        accounts.tell("created", 1)
        accounts.tell("updated", 5, "B", topic="In the new account")
        accounts.tell("deleted", 3, "A")
        assert accounts.post["status"] == "publish"
        accounts.tell("deleted", 6, "A")
        assert accounts.post["status"] == "trash"
        accounts.tell("updated", 7, "B", topic="Still here")
        assert (accounts.post["status"], accounts.post["title"]) == ("publish", "Still here")

    def test_that_the_old_account_has_it_no_more_leaves_the_page(self, accounts: Accounts) -> None:
        accounts.tell("created", 1)
        accounts.tell("updated", 2, "B", topic="In the new account")
        accounts.absent(3, "A")
        assert accounts.post["status"] == "publish"
        assert accounts.owners() == [("B", PostState.SYNCED)]

    def test_an_account_that_is_not_granted_changes_nothing(self, accounts: Accounts) -> None:
        connected(accounts.store, "s2")
        granted(accounts.store, "C", "s2")
        accounts.tell("created", 1)
        before = dict(accounts.post)
        for at, name in enumerate(("updated", "deleted", "permanently_deleted", "created"), 2):
            accounts.tell(name, at, "C", topic="Theirs")
        assert accounts.post == before
        assert accounts.owners() == [("A", PostState.SYNCED)]
        accounts.tell("created", 9, "C", site_id="s2", topic="Theirs")
        assert (accounts.topic(), accounts.topic("s2")) == ("Choir rehearsal", "Theirs")
        assert accounts.post == before

    def test_events_without_an_account_belong_to_their_site(self, accounts: Accounts) -> None:
        connected(accounts.store, "s2")
        accounts.tell("created", 1, None, topic="Of the first")
        accounts.tell("created", 1, None, site_id="s2", topic="Of the second")
        accounts.tell("updated", 2, None, topic="Changed on the first")
        assert (accounts.topic(), accounts.topic("s2")) == ("Changed on the first", "Of the second")
        same = event("meeting.updated", 3, account_id=None, id=NUMBER, topic="The same")
        accounts.send(same)
        assert (accounts.topic(), accounts.topic("s2")) == ("The same", "Of the second")
        accounts.send(same, "s2")
        assert accounts.topic("s2") == "The same"

    def test_an_event_without_an_account_changes_the_known_meeting(self, accounts: Accounts) -> None:
        accounts.tell("created", 1)
        accounts.tell("updated", 2, None, topic="Renamed")
        assert len(accounts.bench.doubles["s1"].posts) == 1
        assert accounts.post["title"] == "Renamed"
        assert "2036-12-01" in json.dumps(accounts.post)
        accounts.tell("deleted", 3, None)
        assert accounts.post["status"] == "trash"

    def test_is_the_same_after_the_log_dropped_the_events(self, accounts: Accounts) -> None:
        accounts.tell("created", 1)
        accounts.tell("updated", 2, "B", topic="In the new account")
        before = dict(accounts.post)
        Retention(accounts.store, days=1, events=10, clock=lambda: 90.0 * DAY).drop()
        accounts.tell("updated", 3, "B", duration=90)
        assert accounts.post["title"] == before["title"]
        assert "2036-12-01" in json.dumps(accounts.post)

    @pytest.mark.parametrize("last", ["deleted", "ended"])
    def test_has_no_value_of_the_old_account_after_the_log_dropped_the_events(
        self, accounts: Accounts, last: str
    ) -> None:
        accounts.tell("created", 1)
        accounts.tell("updated", 2, "B", topic="In the new account", start_time="2036-12-09T18:00:00Z")
        accounts.tell(last, 3, "A" if last == "deleted" else "B", type=2, uuid="u")
        Retention(accounts.store, days=1, events=10, clock=lambda: 90.0 * DAY).drop()
        accounts.tell("updated", 4, "B", duration=90)
        assert (accounts.post["title"], accounts.post["status"]) == ("In the new account", "publish")
        assert "2036-12-09" in json.dumps(accounts.post)
        assert "2036-12-01" not in json.dumps(accounts.post)

    def test_a_worker_that_began_before_the_move_does_not_end_it(self, accounts: Accounts) -> None:
        accounts.tell("created", 1)
        accounts.bench.clock.now += 1000
        line = entry(accounts.store, event("meeting.updated", 2, account_id="A", id=NUMBER, duration=90))
        accounts.store.write(lambda connection: log.append(connection, [line]))
        accounts.bench.folding.fold_pending()
        taken = accounts.bench.claim()
        accounts.tell("updated", 3, "B", topic="In the new account")
        accounts.bench.mirror.mirror(taken)
        while accounts.bench.work():
            pass
        assert accounts.post["title"] == "In the new account"


class TestLists:
    def test_the_list_has_the_owner_alone(self, accounts: Accounts) -> None:
        accounts.tell("created", 1)
        accounts.tell("updated", 2, "B", topic="In the new account")
        for site_id in (None, "s1"):
            with accounts.store.reading() as connection:
                wanted = MeetingFilter(when=Period.ALL, site_id=site_id)
                page = meeting_search.page(connection, wanted, now=1, limit=9)
                (line,) = meeting_search.lines(connection, accounts.store.sealer, page.keys)
            assert (line.meeting.account_id, line.meeting.topic) == ("B", "In the new account")
            assert line.meeting.duration == 60  # which only the first account told

    def test_the_list_of_a_site_has_what_its_accounts_told(self, accounts: Accounts) -> None:
        """A is shown on both sites, and B on the first one alone."""
        connected(accounts.store, "s2")
        granted(accounts.store, "A", "s2")
        accounts.tell("created", 1, "B", topic="Of B alone")
        accounts.tell("updated", 2, "A", duration=90)
        topics = {}
        for site_id in ("s1", "s2"):
            with accounts.store.reading() as connection:
                wanted = MeetingFilter(when=Period.ALL, site_id=site_id)
                page = meeting_search.page(connection, wanted, now=1, limit=9)
                (line,) = meeting_search.lines(connection, accounts.store.sealer, page.keys, site_id=site_id)
            topics[site_id] = (line.meeting.account_id, line.meeting.topic)
        assert topics == {"s1": ("A", "Of B alone"), "s2": ("A", "")}

    def test_the_old_record_leads_to_the_owner(self, accounts: Accounts) -> None:
        accounts.tell("created", 1)
        accounts.tell("updated", 2, "B", topic="In the new account")
        with accounts.store.reading() as connection:
            assert shown.successor(connection, "A", NUMBER) == "B"
            assert shown.successor(connection, "B", NUMBER) is None
            assert shown.successor(connection, "A", 1) is None
            assert shown.accounts_of_owner(connection, "B", NUMBER) == ["A", "B"]

    def test_the_calendar_has_one_entry(self, accounts: Accounts) -> None:
        accounts.tell("created", 1)
        accounts.tell("updated", 2, "B", start_time="2036-12-09T18:00:00Z")
        with accounts.store.reading() as connection:
            entries = calendar.entries(connection, accounts.store.sealer, "s1", now=1)
            revisions = connection.scalars(select(meetings_table.c.revision)).all()
        assert [one.meeting.topic for one in entries] == ["Choir rehearsal"]
        assert entries[0].revision > max(revisions)  # so that clients take the change
