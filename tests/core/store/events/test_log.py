"""The log: every event once, as it came."""

from collections.abc import Sequence

from core.store.db.engine import Store
from core.store.events import log
from core.store.events.log import Entry, Outcome
from core.store.sites import sites
from core.store.sites.sites import Site
from tests.core.events import ACCOUNT, NUMBER, event
from tests.core.store.entries import entry


def append(store: Store, *entries: Entry) -> list[bool]:
    return store.write(lambda connection: log.append(connection, entries))


def names(store: Store, limit: int = 100, site_id: str | None = None) -> list[str]:
    with store.reading() as connection:
        return [line.event for line in log.latest(connection, limit, site_id=site_id)]


def pending(store: Store, limit: int = 100) -> Sequence[tuple[str, int | None]]:
    with store.reading() as connection:
        return log.pending_meetings(connection, limit)


class TestAppend:
    def test_tells_what_is_new(self, store: Store, site: Site) -> None:
        one, two = entry(store), entry(store, event(at=2))
        assert append(store, one) == [True]
        assert append(store, one, two) == [False, True]
        assert append(store, one, two) == [False, False]
        assert len(names(store)) == 2

    def test_takes_a_twin_in_the_same_group_once(self, store: Store, site: Site) -> None:
        one, two = entry(store, received_at=1), entry(store, received_at=2)
        assert append(store, one, entry(store, event(at=3)), two) == [True, True, False]
        with store.reading() as connection:
            lines = log.latest(connection, 10)
        assert sorted(line.received_at for line in lines) == [1, 1000], "the first of the twins stands"

    def test_leaves_what_was_there_before(self, store: Store, site: Site) -> None:
        append(store, entry(store, received_at=1))
        append(store, entry(store, received_at=2, outcome=Outcome.IGNORED))
        with store.reading() as connection:
            (line,) = log.latest(connection, 10)
        assert (line.received_at, line.outcome) == (1, Outcome.PENDING)

    def test_keeps_the_order_of_arrival(self, store: Store, site: Site) -> None:
        verbs = ["deleted", "created", "updated", "recovered"]
        append(store, *(entry(store, event(f"meeting.{verb}")) for verb in verbs))
        assert names(store) == [f"meeting.{verb}" for verb in reversed(verbs)]

    def test_notes_the_last_event_of_a_site(self, store: Store, site: Site) -> None:
        append(store, entry(store, received_at=5), entry(store, event("meeting.ended"), received_at=7))
        with store.reading() as connection:
            loaded = sites.load(connection, "s1", store.sealer)
        assert (loaded.last_event, loaded.last_event_at) == ("meeting.ended", 7)

    def test_does_not_need_the_site_any_more(self, store: Store) -> None:
        """It may be removed while an event to it is under way."""
        assert append(store, entry(store, site_id="removed"), entry(store, event(at=9), site_id=None))


class TestLatest:
    def test_is_newest_first_and_bounded(self, store: Store, site: Site) -> None:
        append(store, *(entry(store, event(at=at)) for at in range(5)))
        with store.reading() as connection:
            assert [line.at for line in log.latest(connection, 2)] == [4, 3]

    def test_is_of_one_site_where_that_is_asked(self, store: Store, site: Site) -> None:
        append(store, entry(store), entry(store, event("meeting.updated"), site_id="s2"))
        assert names(store, site_id="s2") == ["meeting.updated"]


class TestPendingMeetings:
    def test_are_those_with_events_not_folded_the_oldest_first(self, store: Store, site: Site) -> None:
        append(
            store,
            entry(store, event(id=3)),
            entry(store, event(id=1)),
            entry(store, event("meeting.updated", id=3)),
            entry(store, event(id=4), outcome=Outcome.IGNORED),
        )
        assert pending(store) == [(ACCOUNT, 3), (ACCOUNT, 1)]
        assert pending(store, 1) == [(ACCOUNT, 3)]


class TestChangesOf:
    def test_are_what_was_appended(self, store: Store, site: Site) -> None:
        one = entry(store, event(topic="Zürich ♫"))
        append(store, one, entry(store, event(id=5)))
        with store.reading() as connection:
            ((change,), ids) = log.changes_of(connection, store.sealer, ACCOUNT, NUMBER, pending_only=True)
        assert change.position == one.position
        assert (change.envelope.payload.object or {})["topic"] == "Zürich ♫"
        assert len(ids) == 1

    def test_leave_out_what_was_folded_where_only_the_pending_are_asked(
        self, store: Store, site: Site
    ) -> None:
        append(store, entry(store))
        with store.reading() as connection:
            _, ids = log.changes_of(connection, store.sealer, ACCOUNT, NUMBER, pending_only=True)
        store.write(lambda connection: log.mark_folded(connection, ids, now=7))
        append(store, entry(store, event("meeting.updated")))
        with store.reading() as connection:
            new, _ = log.changes_of(connection, store.sealer, ACCOUNT, NUMBER, pending_only=True)
            every, new_ids = log.changes_of(connection, store.sealer, ACCOUNT, NUMBER, pending_only=False)
        assert [change.envelope.event for change in new] == ["meeting.updated"]
        assert len(every) == 2
        assert len(new_ids) == 1
        assert not set(new_ids) & set(ids)

    def test_leave_out_what_could_not_be_folded(self, store: Store, site: Site) -> None:
        append(store, entry(store))
        with store.reading() as connection:
            ids = log.pending_ids(connection, ACCOUNT, NUMBER)
        store.write(lambda connection: log.mark_failed(connection, ids, reason="why"))
        with store.reading() as connection:
            assert log.changes_of(connection, store.sealer, ACCOUNT, NUMBER, pending_only=False) == ([], [])
            (line,) = log.latest(connection, 1)
        assert (line.outcome, line.reason) == (Outcome.FAILED, "why")
        assert pending(store) == []
