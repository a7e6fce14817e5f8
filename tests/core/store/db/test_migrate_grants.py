"""Migration 0007 on rows: meetings without an account are divided by site, posts of one number are merged."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import JSON, Boolean, LargeBinary, MetaData, Numeric, Text, text

from core.model.fold import fold, position
from core.pipeline.fold_worker import FoldWorker
from core.store.db.engine import Store
from core.store.db.migrate import upgrade
from core.store.events import log
from core.store.events.log import Outcome
from core.store.events.request import Request
from core.store.meetings import meetings, shown
from core.store.posts import queue
from core.zoom.envelope import digest, parse
from tests.core.clock import Clock
from tests.core.conftest import KEYS
from tests.core.events import ACCOUNT, NOW, event, raw
from tests.core.store.entries import entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from core.model.meeting import Meeting

BEFORE = "0006"
OTHER = "OtherAccount"
BOTH = ("s1", "s2")
OF_ONE, OF_BOTH, OF_THE_OTHER, COMPACTED = 1, 2, 3, 4
_EMPTY: dict[type, Any] = {Boolean: False, JSON: {}, LargeBinary: b"", Text: "", Numeric: 0}


class Old:
    """A database at the revision before, and what is put into it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        with store.engine.begin() as connection, as_file(files("core.store") / "migrations") as folder:
            config = Config()
            config.set_main_option("script_location", str(folder))
            config.set_main_option("path_separator", "os")
            config.attributes |= {"connection": connection, "sealer": store.sealer}
            command.upgrade(config, BEFORE)
            self.tables = MetaData()
            self.tables.reflect(connection)
        for site_id in BOTH:
            self.put("sites", id=site_id, url=f"https://{site_id}.example.org", key=store.sealer.seal(b"k"))

    def put(self, table: str, **values: Any) -> None:
        """Insert a row; what must have a value and is not given is empty."""
        made = {
            column.name: next(empty for kind, empty in _EMPTY.items() if _is_of(column.type, kind))
            for column in self.tables.tables[table].columns
            if not column.nullable and column.server_default is None and not column.primary_key
        }
        with self.store.engine.begin() as connection:
            connection.execute(self.tables.tables[table].insert().values(**made | values))

    def event(
        self, number: int, at: int, account_id: str = "", site_id: str | None = "s1", **more: Any
    ) -> int:
        """Keep an event; return its id."""
        outcome = more.pop("outcome", Outcome.APPLIED)
        name = more.pop("name", "meeting.updated")
        told = event(name, at, account_id=account_id or None, id=number, **more)
        envelope = parse(raw(told))
        place = position(envelope, digest(envelope), received_at=at)
        self.put(
            "events",
            digest=place.digest,
            account_id=account_id,
            number=number,
            event=name,
            at=at,
            rank=place.rank,
            received_at=at,
            site_id=site_id,
            request=Request({}, raw(told)).sealed(self.store.sealer),
            outcome=outcome,
        )
        with self.store.engine.connect() as connection:
            return int(connection.execute(text("SELECT max(id) FROM events")).scalar_one())

    def meeting(
        self, number: int, last_at: int, account_id: str = "", *, table: str = "meetings", **object_: Any
    ) -> None:
        self.put(
            table,
            account_id=account_id,
            number=number,
            kind="meeting",
            state="scheduled",
            created=True,
            object={"id": number, **object_},
            last_at=last_at,
            last_rank=2,
            last_digest="f" * 32,
            **({"revision": 1} if table == "meetings" else {}),
        )

    def post(self, site_id: str, number: int, account_id: str = "", **values: Any) -> None:
        told = {"wanted": 1, "written": 1, "state": "synced"} | values
        self.put("posts", site_id=site_id, number=number, account_id=account_id, **told)

    def upgrade(self) -> None:
        upgrade(self.store.engine, self.store.sealer)


def _is_of(type_: Any, kind: type) -> bool:
    return isinstance(type_, kind) or (kind is Numeric and getattr(type_, "python_type", None) is int)


@pytest.fixture
def old(database_url: str) -> Iterator[Old]:
    store = Store(database_url, keys=KEYS)
    yield Old(store)
    store.close()


def rows(store: Store, statement: str) -> list[tuple[Any, ...]]:
    with store.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def folded(connection: Connection, store: Store, account_id: str, number: int) -> Meeting | None:
    """Return a meeting folded again from what the log and the baseline hold."""
    changes, _ = log.changes_of(connection, store.sealer, account_id, number, pending_only=False)
    base = meetings.load_base(connection, store.sealer, account_id, number)
    return fold(account_id, number, changes, base=base)


def topic(store: Store, site_id: str, number: int) -> str:
    with store.reading() as connection:
        found = shown.of_site(connection, store.sealer, site_id, [number])
    return found[number][0].topic


class TestWithoutAccount:
    """What is known from events that name no account."""

    def divide(self, old: Old) -> None:
        for site_id in BOTH:
            old.put("site_accounts", account_id="", site_id=site_id)
        old.event(OF_ONE, 1, topic="One")
        old.meeting(OF_ONE, 1, topic="One")
        old.post("s1", OF_ONE, post_id=11, link="https://s1.example.org/one", written_at=5)
        old.event(OF_BOTH, 1, topic="Told to s1")
        self.recorded = old.event(OF_BOTH, 2, site_id="s2", agenda="Told to s2")
        old.meeting(OF_BOTH, 2, topic="Told to s1", agenda="Told to s2")
        old.post("s1", OF_BOTH, post_id=12)
        old.post("s2", OF_BOTH, post_id=22)
        old.put("recording_instances", account_id="", uuid="u", number=OF_BOTH)
        old.put("recording_batch_items", event_id=self.recorded, uuid="u", account_id="", at=2)
        old.event(OF_THE_OTHER, 1, topic="Three")
        old.meeting(OF_THE_OTHER, 1, topic="Three")
        old.post("s1", OF_THE_OTHER, post_id=13)
        old.post("s2", OF_THE_OTHER, post_id=23)
        old.meeting(COMPACTED, 1, table="meeting_baselines", topic="Four")
        old.meeting(COMPACTED, 1, topic="Four")
        old.post("s2", COMPACTED, post_id=24)
        old.upgrade()

    def test_is_divided_by_site(self, old: Old) -> None:
        """One migration, and all that holds after it."""
        self.divide(old)
        self.assert_nothing_is_left_of_it(old)
        self.assert_each_site_shows_what_it_showed(old)
        self.assert_each_record_folds_to_what_is_kept(old)
        self.assert_what_is_known_of_recordings_stays(old)
        self.assert_is_granted_to_its_site(old)
        self.assert_each_site_goes_on_with_its_own_events(old)

    def assert_nothing_is_left_of_it(self, old: Old) -> None:
        for table in ("meetings", "meeting_baselines", "posts", "events", "grants", "recording_instances"):
            assert not rows(old.store, f"SELECT * FROM {table} WHERE account_id = ''"), table

    def assert_each_site_shows_what_it_showed(self, old: Old) -> None:
        posts = rows(old.store, "SELECT site_id, number, account_id, post_id, due_at FROM posts")
        assert sorted(posts) == [
            ("s1", OF_ONE, "site:s1", 11, None),
            ("s1", OF_BOTH, "site:s1", 12, None),
            ("s1", OF_THE_OTHER, "site:s1", 13, None),
            ("s2", OF_BOTH, "site:s2", 22, None),
            ("s2", OF_THE_OTHER, "site:s2", 23, None),
            ("s2", COMPACTED, "site:s2", 24, None),
        ]
        for site_id, number, *_ in posts:
            told = {OF_ONE: "One", OF_BOTH: "Told to s1", OF_THE_OTHER: "Three", COMPACTED: "Four"}
            assert topic(old.store, site_id, number) == told[number]
        [(link, written_at)] = rows(old.store, "SELECT link, written_at FROM posts WHERE post_id = 11")
        assert (link, written_at) == ("https://s1.example.org/one", 5)

    def assert_each_record_folds_to_what_is_kept(self, old: Old) -> None:
        with old.store.reading() as connection:
            for account_id, number in rows(old.store, "SELECT account_id, number FROM meetings"):
                stored = meetings.load(connection, old.store.sealer, account_id, number)
                again = folded(connection, old.store, account_id, number)
                assert stored is not None
                assert again is not None
                assert (again.topic, again.agenda) == (stored[0].topic, stored[0].agenda), (
                    account_id,
                    number,
                )

    def assert_each_site_goes_on_with_its_own_events(self, old: Old) -> None:
        told = event("meeting.updated", NOW * 1000, account_id=None, id=OF_BOTH, topic="Later")
        line = entry(old.store, told, site_id="s1", received_at=NOW * 1000)
        old.store.write(lambda connection: log.append(connection, [line]))
        while FoldWorker(old.store, clock=Clock(NOW)).fold_pending():
            pass
        assert [topic(old.store, site_id, OF_BOTH) for site_id in BOTH] == ["Later", "Told to s1"]

    def assert_what_is_known_of_recordings_stays(self, old: Old) -> None:
        found = rows(
            old.store, "SELECT account_id, uuid, number FROM recording_instances ORDER BY account_id"
        )
        assert found == [("site:s1", "u", OF_BOTH), ("site:s2", "u", OF_BOTH)]
        batched = rows(old.store, "SELECT event_id, account_id FROM recording_batch_items")
        assert batched == [(self.recorded, "site:s2")]

    def assert_is_granted_to_its_site(self, old: Old) -> None:
        found = rows(old.store, "SELECT account_id, site_id, source FROM grants ORDER BY site_id")
        assert found == [
            ("site:s1", "s1", "earlier version"),
            ("site:s2", "s2", "earlier version"),
        ]


class TestPending:
    def test_an_event_without_account_that_was_not_folded_yet_is(self, old: Old) -> None:
        old.put("site_accounts", account_id="", site_id="s1")
        old.event(OF_ONE, NOW * 1000, topic="One", outcome=Outcome.PENDING)
        old.event(OF_BOTH, 1, topic="Two")
        old.event(OF_BOTH, 2, site_id="s2", topic="Two", agenda="Long")
        old.meeting(OF_BOTH, 2, topic="Two", agenda="Long")
        for site_id in BOTH:
            old.post(site_id, OF_BOTH)
        old.event(OF_BOTH, NOW * 1000, topic="Later", outcome=Outcome.PENDING)
        old.upgrade()
        while FoldWorker(old.store, clock=Clock(NOW)).fold_pending():
            pass
        assert not rows(old.store, "SELECT * FROM events WHERE outcome <> 'applied'")
        assert [topic(old.store, "s1", number) for number in (OF_ONE, OF_BOTH)] == ["One", "Later"]


class TestOneNumber:
    """Posts that two accounts had for one number on one site."""

    @pytest.fixture(autouse=True)
    def known(self, old: Old) -> None:
        for account_id in (ACCOUNT, OTHER):
            for site_id in BOTH:
                old.put("site_accounts", account_id=account_id, site_id=site_id)

    def twins(
        self, old: Old, older: dict[str, Any], newer: dict[str, Any], newest: str = OTHER, *, number: int = 1
    ) -> None:
        """Make two accounts tell of a number, `newest` last, each with a post on s1."""
        first = OTHER if newest == ACCOUNT else ACCOUNT
        old.meeting(number, 1000, first, topic="Choir")
        old.meeting(number, 2000, newest, topic="Choir, moved")
        old.post("s1", number, first, **older)
        old.post("s1", number, newest, **newer)

    def merged(self, old: Old, *columns: str) -> tuple[Any, ...]:
        old.upgrade()
        [one] = rows(old.store, f"SELECT {', '.join(columns)} FROM posts WHERE site_id = 's1'")
        return one

    @pytest.mark.parametrize("newest", [ACCOUNT, OTHER])
    def test_are_one_which_belongs_to_the_account_that_told_last(self, old: Old, newest: str) -> None:
        same = {
            "post_id": 9,
            "link": "https://s1.example.org/choir",
            "base": {"topic": "Choir", "made": True},
        }
        self.twins(old, same | {"wanted": 7}, same | {"wanted": 3}, newest)
        assert self.merged(old, "account_id", "wanted", "post_id", "link") == (
            newest,
            7,
            9,
            "https://s1.example.org/choir",
        )
        with old.store.reading() as connection:
            base = queue.open_base(
                old.store.sealer, connection.execute(text("SELECT baseline FROM posts")).scalar_one()
            )
        assert base is not None
        assert (base.topic, base.made) == ("Choir", True)

    def test_are_read_before_they_are_written_again(self, old: Old) -> None:
        claimed = {"post_id": 9, "owner": "a process", "lease_until": NOW * 1000, "epoch": 4}
        self.twins(old, claimed, claimed)
        found = self.merged(old, "in_doubt", "written", "due_at", "owner", "lease_until", "epoch")
        assert (bool(found[0]), *found[1:]) == (True, 0, 0, None, 0, 5)

    def test_keep_what_is_known_of_the_post(self, old: Old) -> None:
        """Of the older, the newer and the merged post: its state and post id."""
        known: list[tuple[tuple[str, int | None], ...]] = [
            (("synced", 9), ("none", None), ("synced", 9)),
            (("none", None), ("synced", 9), ("synced", 9)),
            (("trashed", 9), ("synced", 9), ("synced", 9)),
            (("synced", 9), ("trashed", 9), ("synced", 9)),
            (("deleted", None), ("synced", 9), ("synced", 9)),
            (("synced", 9), ("detached", None), ("synced", 9)),
            (("detached", None), ("none", None), ("detached", None)),
            (("none", None), ("detached", None), ("detached", None)),
            (("detached", None), ("deleted", None), ("detached", None)),
            (("deleted", None), ("none", None), ("deleted", None)),
            (("none", None), ("none", None), ("none", None)),
        ]
        for number, (older, newer, _) in enumerate(known, start=1):
            first, second = ({"state": one[0], "post_id": one[1]} for one in (older, newer))
            self.twins(old, first, second, number=number)
        old.upgrade()
        found = rows(old.store, "SELECT number, state, post_id, account_id FROM posts ORDER BY number")
        assert found == [(number, *merged, OTHER) for number, (_, _, merged) in enumerate(known, start=1)]

    def test_of_another_site_or_number_stay_as_they_are(self, old: Old) -> None:
        self.twins(old, {"post_id": 9}, {"post_id": 9})
        old.meeting(2, 1, ACCOUNT)
        old.post("s1", 2, ACCOUNT, post_id=10, epoch=3)
        old.post("s2", 1, ACCOUNT, post_id=11, epoch=3)
        old.upgrade()
        found = rows(
            old.store,
            "SELECT site_id, number, account_id, post_id, epoch, due_at FROM posts "
            "WHERE number = 2 OR site_id = 's2' ORDER BY site_id",
        )
        assert found == [("s1", 2, ACCOUNT, 10, 3, None), ("s2", 1, ACCOUNT, 11, 3, None)]

    def test_of_an_account_and_of_none_are_one(self, old: Old) -> None:
        old.put("site_accounts", account_id="", site_id="s1")
        old.event(1, 1, ACCOUNT, topic="Choir", duration=45)
        old.meeting(1, 1, ACCOUNT, topic="Choir", duration=45)
        old.event(1, 2, topic="Choir, moved")
        old.meeting(1, 2, topic="Choir, moved")
        for account_id in (ACCOUNT, ""):
            old.post("s1", 1, account_id, post_id=9)
        assert self.merged(old, "account_id", "post_id") == ("site:s1", 9)
        with old.store.reading() as connection:
            meeting, _ = shown.of_site(connection, old.store.sealer, "s1", [1])[1]
        assert (meeting.topic, meeting.object["duration"]) == ("Choir, moved", 45), "of both records"

    def test_stay_claimable(self, old: Old) -> None:
        self.twins(old, {"post_id": 9}, {"post_id": 9})
        old.upgrade()
        claims = old.store.write(
            lambda connection: queue.claim(
                connection,
                old.store.sealer,
                owner="me",
                now=NOW * 1000,
                lease_until=NOW * 1000 + 1000,
                room=8,
                busy=[],
                at_once=25,
            )
        )
        assert [(one.account_id, one.number, one.in_doubt) for one in claims] == [(OTHER, 1, True)]
