"""The events of one meeting."""

from core.model.fold import fold
from core.store.db.engine import Store
from core.store.events import history, log
from core.store.events.history import EventHistory
from core.store.events.log import Outcome
from core.store.meetings import meetings
from core.store.sites.sites import Site
from tests.core.events import ACCOUNT, NUMBER, event
from tests.core.store.entries import entry


def of(store: Store, **more: object) -> EventHistory:
    with store.reading() as connection:
        return history.of_meeting(connection, store.sealer, ACCOUNT, NUMBER, **more)  # type: ignore[arg-type]


def fill(store: Store, *ats: int) -> list[log.Entry]:
    entries = [entry(store, event(at=at)) for at in ats]
    store.write(lambda connection: log.append(connection, entries))
    return entries


def test_is_in_the_order_in_which_things_happened(store: Store, site: Site) -> None:
    fill(store, 3, 1, 2)
    told = of(store).events
    assert [one.change.position.at for one in told] == [1, 2, 3]
    assert [one.site_id for one in told] == ["s1"] * 3
    assert of(store).is_whole


def test_holds_what_is_or_will_be_part_of_the_meeting(store: Store, site: Site) -> None:
    ignored = entry(store, event(at=9), outcome=Outcome.IGNORED)
    another = entry(store, event(id=NUMBER + 1))
    store.write(lambda connection: log.append(connection, [ignored, another]))
    fill(store, 1)
    assert [one.change.position.at for one in of(store).events] == [1]


def test_up_to_one_of_them(store: Store, site: Site) -> None:
    fill(store, 1, 2, 3)
    second = of(store).events[1]
    assert [one.change.position.at for one in of(store, upto=second.id).events] == [1, 2]


def test_begins_with_what_dropped_events_made(store: Store, site: Site) -> None:
    fill(store, 1)
    changes = [one.change for one in of(store).events]
    base = fold(ACCOUNT, NUMBER, changes)
    assert base is not None
    assert of(store).base is None
    store.write(lambda connection: meetings.save_base(connection, store.sealer, base))
    assert of(store).base == base


def test_says_where_there_is_too_much(store: Store, site: Site) -> None:
    fill(store, 3, 1, 2)
    assert not of(store, most=2).is_whole
    assert [one.change.position.at for one in of(store, most=2).events] == [1, 2]


def test_reads_none_where_a_part_is_of_no_use(store: Store, site: Site) -> None:
    fill(store, 3, 1, 2)
    assert of(store, most=2, is_part_wanted=False) == EventHistory(None, [], is_whole=False)
    assert len(of(store, most=3, is_part_wanted=False).events) == 3


def test_of_an_unknown_meeting_is_empty(store: Store) -> None:
    assert of(store) == EventHistory(None, [])
