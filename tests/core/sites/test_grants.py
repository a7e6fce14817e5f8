"""Grants: what an account may speak for, what waits, and what a revoked grant leaves."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from core.errors import UnknownAccountError, UnknownSiteError
from core.pipeline.ingest import Ingest
from core.sites import grants
from core.store.accounts import credentials as zoom_credentials
from core.store.accounts.credentials import ZoomAccount
from core.store.db.schema import events
from core.store.events import log, name_removal, waiting
from core.store.events.log import Outcome
from core.store.events.waiting_limits import WaitingLimits
from core.store.sites import grants as stored
from core.store.sites import sites
from core.store.sites.grants import GrantSource
from core.zoom.oauth import Credentials
from tests.core.conftest import connected
from tests.core.events import ACCOUNT, event
from tests.core.pipeline.test_mirror_worker import Bench
from tests.core.store.entries import entry
from tests.core.store.grants import granted

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from core.store.db.engine import Store
    from core.store.sites.sites import Site


@pytest.fixture
def two_sites(store: Store, site: Site) -> Store:
    """Two sites."""
    connected(store, "s2")
    return store


def append(store: Store, site_id: str, at: int, account_id: str = ACCOUNT) -> bool:
    line = entry(store, event(at=at, account_id=account_id), site_id=site_id)
    (is_new,) = store.write(lambda connection: log.append(connection, [line]))
    return is_new


def outcomes(store: Store) -> list[tuple[str | None, str]]:
    query = select(events.c.site_id, events.c.outcome).order_by(events.c.id)
    with store.reading() as connection:
        return [(row.site_id, row.outcome) for row in connection.execute(query)]


def given(store: Store) -> list[tuple[str, str, GrantSource]]:
    with store.reading() as connection:
        return [(one.account_id, one.site_id, one.source) for one in stored.list_all(connection)]


class TestLearn:
    def test_the_first_site_that_receives_an_event_has_the_account(self, two_sites: Store) -> None:
        append(two_sites, "s1", 1)
        append(two_sites, "s2", 2)
        append(two_sites, "s1", 3)
        assert given(two_sites) == [(ACCOUNT, "s1", GrantSource.FIRST_EVENT)]
        assert outcomes(two_sites) == [("s1", "pending"), ("s2", "waiting"), ("s1", "pending")]

    def test_an_account_with_credentials_is_granted_by_them_alone(self, two_sites: Store) -> None:
        account = ZoomAccount("Choir", Credentials(ACCOUNT, "id", "secret"))
        two_sites.write(lambda connection: zoom_credentials.save(connection, account, two_sites.sealer))
        append(two_sites, "s1", 1)
        assert given(two_sites) == []
        assert outcomes(two_sites) == [("s1", "waiting")]
        grants.grant(Ingest(two_sites), ACCOUNT, "s2", source=GrantSource.CREDENTIALS)
        append(two_sites, "s2", 2)
        assert outcomes(two_sites) == [("s1", "waiting"), ("s2", "pending")]

    def test_of_two_first_events_at_once_one_is_first(self, two_sites: Store) -> None:
        """Neither transaction sees what the other has not committed yet."""
        both = threading.Barrier(2)

        def first(site_id: str) -> None:
            line = entry(two_sites, event(at=1, topic=site_id), site_id=site_id)
            both.wait(600)
            two_sites.write(lambda connection: log.append(connection, [line]))

        threads = [threading.Thread(target=first, args=(site_id,)) for site_id in ("s1", "s2")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(600)
        assert len(given(two_sites)) == 1
        assert sorted(outcome for _, outcome in outcomes(two_sites)) == ["pending", "waiting"]

    @pytest.mark.parametrize("account_id", ["site:s2", "zoombridge-test-s2"])
    def test_nobody_speaks_for_what_belongs_to_another_site(self, two_sites: Store, account_id: str) -> None:
        append(two_sites, "s1", 1, account_id)
        assert outcomes(two_sites) == [("s1", "waiting")]
        append(two_sites, "s2", 2, account_id)
        assert outcomes(two_sites) == [("s1", "waiting"), ("s2", "pending")]

    def test_a_removed_site_leaves_the_account_to_the_next(self, two_sites: Store) -> None:
        append(two_sites, "s1", 1)
        two_sites.write(lambda connection: sites.remove(connection, "s1"))
        append(two_sites, "s2", 2)
        assert given(two_sites) == [(ACCOUNT, "s2", GrantSource.FIRST_EVENT)]

    def test_a_site_learns_only_so_many_accounts(self, two_sites: Store) -> None:
        """Whoever has a secret of the site could name any."""
        for number in range(stored.MOST_LEARNT + 2):
            append(two_sites, "s1", number + 1, f"made-up-{number:02}")
        append(two_sites, "s2", 99, "another")
        assert len([one for one in given(two_sites) if one[1] == "s1"]) == stored.MOST_LEARNT
        assert given(two_sites)[0] == ("another", "s2", GrantSource.FIRST_EVENT)
        assert [outcome for _, outcome in outcomes(two_sites)][-3:] == ["waiting", "waiting", "pending"]
        grants.grant(Ingest(two_sites), f"made-up-{stored.MOST_LEARNT:02}", "s1")
        append(two_sites, "s1", 100, f"made-up-{stored.MOST_LEARNT:02}")
        assert outcomes(two_sites)[-1] == ("s1", "pending"), "an administrator may grant any number"


class TestWaiting:
    def test_takes_no_place_of_a_granted_event(self, two_sites: Store) -> None:
        granted(two_sites, ACCOUNT, "s1")
        assert append(two_sites, "s2", 1)
        assert not append(two_sites, "s2", 1)  # once
        assert append(two_sites, "s1", 1)
        assert not append(two_sites, "s1", 1)
        assert outcomes(two_sites) == [("s2", "waiting"), ("s1", "pending")]

    def test_one_batch_has_both(self, two_sites: Store) -> None:
        granted(two_sites, ACCOUNT, "s1")
        lines = [
            entry(two_sites, event(at=at), site_id=site_id)
            for at, site_id in ((1, "s1"), (2, "s2"), (3, "s1"))
        ]
        assert two_sites.write(lambda connection: log.append(connection, lines)) == [True] * 3
        assert [outcome for _, outcome in outcomes(two_sites)] == ["pending", "waiting", "pending"]

    def test_a_removed_site_leaves_nothing_that_waits(self, two_sites: Store) -> None:
        granted(two_sites, ACCOUNT, "s1")
        append(two_sites, "s2", 1)
        append(two_sites, "s1", 2)
        two_sites.write(lambda connection: sites.remove(connection, "s2"))
        assert outcomes(two_sites) == [("s1", "pending")]

    def test_what_the_bridge_reads_itself_does_not_wait(self, two_sites: Store) -> None:
        line = replace(entry(two_sites, event(at=1)), site_id=None)
        two_sites.write(lambda connection: log.append(connection, [line]))
        assert outcomes(two_sites) == [(None, "pending")]


class TestGrant:
    def test_lets_what_waited_into_the_log(self, two_sites: Store) -> None:
        granted(two_sites, ACCOUNT, "s1")
        append(two_sites, "s1", 1)
        append(two_sites, "s2", 1)  # the same event
        append(two_sites, "s2", 2)
        ignored = entry(two_sites, event("user.created", at=3), site_id="s2")
        two_sites.write(lambda connection: log.append(connection, [ignored]))
        woken: list[int] = []
        result = grants.grant(Ingest(two_sites, woken.append), ACCOUNT, "s2")
        assert (result.is_new, result.released, woken) == (True, 3, [3])
        assert outcomes(two_sites) == [("s1", "pending"), ("s2", "pending"), ("s2", "ignored")]
        assert grants.grant(Ingest(two_sites), ACCOUNT, "s2").is_new is False

    def test_knows_an_event_whose_names_were_removed_while_it_waited(self, two_sites: Store) -> None:
        granted(two_sites, ACCOUNT, "s1")
        told = event(
            "meeting.registration_created", at=1, registrant={"id": "r", "email": "jill@example.org"}
        )
        for site_id in ("s2", "s1"):
            line = entry(two_sites, told, site_id=site_id)
            two_sites.write(lambda connection, line=line: log.append(connection, [line]))  # type: ignore[misc]
        two_sites.write(
            lambda connection: name_removal.remove_before(
                connection, two_sites.sealer, 10**12, limit=10, now=1
            )
        )
        assert grants.grant(Ingest(two_sites), ACCOUNT, "s2").released == 1
        assert outcomes(two_sites) == [("s1", "pending")]

    def test_says_how_many_were_too_many_to_keep(self, two_sites: Store) -> None:
        granted(two_sites, ACCOUNT, "s1")
        for at in range(1, 5):
            line = entry(two_sites, event(at=at), site_id="s2")
            two_sites.write(
                lambda connection, line=line: log.append(  # type: ignore[misc]
                    connection, [line], waiting_limits=WaitingLimits(of_account=3)
                )
            )
        result = grants.grant(Ingest(two_sites), ACCOUNT, "s2")
        assert (result.released, result.dropped) == (3, 1)
        assert grants.grant(Ingest(two_sites), ACCOUNT, "s2").dropped == 0

    def test_shows_the_accounts_meetings_on_the_site(self, two_sites: Store) -> None:
        bench = Bench(two_sites)
        bench.happens(1)
        bench.work()
        grants.grant(Ingest(two_sites), ACCOUNT, "s2", clock=bench.clock)
        bench.work()
        assert bench.titles("s2") == ["Choir"]

    @pytest.mark.parametrize("account_id", ["", "site:s1", "zoombridge-test-s1"])
    def test_is_for_accounts_of_zoom(self, two_sites: Store, account_id: str) -> None:
        with pytest.raises(UnknownAccountError):
            grants.grant(Ingest(two_sites), account_id, "s2")
        assert not grants.revoke(two_sites, account_id, "s2")

    def test_is_for_a_connected_site(self, two_sites: Store) -> None:
        with pytest.raises(UnknownSiteError):
            grants.grant(Ingest(two_sites), ACCOUNT, "nowhere")
        assert given(two_sites) == []


class TestRefuse:
    def test_deletes_what_waits_and_asks_nobody_again(self, two_sites: Store) -> None:
        granted(two_sites, ACCOUNT, "s1")
        append(two_sites, "s2", 1)
        append(two_sites, "s2", 2)
        append(two_sites, "s1", 3)
        assert grants.refuse(two_sites, ACCOUNT, "s2") == 2
        assert outcomes(two_sites) == [("s1", "pending")]
        append(two_sites, "s2", 4)
        with two_sites.reading() as connection:
            (one,) = waiting.accounts(connection)
            assert waiting.summaries(connection) == {}
        assert (one.count, one.is_refused) == (1, True)
        result = grants.grant(Ingest(two_sites), ACCOUNT, "s2")
        assert (result.is_new, result.released) == (True, 1), "it can be approved later"
        with two_sites.reading() as connection:
            assert stored.list_refused(connection) == []

    def test_of_a_granted_account_does_nothing(self, two_sites: Store) -> None:
        granted(two_sites, ACCOUNT, "s1")
        append(two_sites, "s1", 1)
        assert grants.refuse(two_sites, ACCOUNT, "s1") is None
        assert outcomes(two_sites) == [("s1", "pending")]
        assert len(given(two_sites)) == 1

    def test_lets_no_event_grant_the_account(self, two_sites: Store) -> None:
        grants.refuse(two_sites, ACCOUNT, "s1")
        append(two_sites, "s1", 1)
        append(two_sites, "s2", 2)
        assert given(two_sites) == []

    @pytest.mark.parametrize("account_id", ["", "site:s1", "zoombridge-test-s1"])
    def test_is_for_accounts_of_zoom(self, two_sites: Store, account_id: str) -> None:
        with pytest.raises(UnknownAccountError):
            grants.refuse(two_sites, account_id, "s2")


class TestEndLearnt:
    def test_takes_back_what_only_the_first_event_granted(self, two_sites: Store) -> None:
        bench = Bench(two_sites)
        bench.happens(1, site_id="s2")
        bench.work()
        granted(two_sites, ACCOUNT, "s1")
        account = ZoomAccount("Choir", Credentials(ACCOUNT, "id", "secret"))
        two_sites.write(lambda connection: zoom_credentials.save(connection, account, two_sites.sealer))
        assert grants.end_learnt(two_sites, ACCOUNT, but=["s1"], clock=bench.clock) == ["s2"]
        bench.work()
        assert bench.doubles["s2"].only["status"] == "trash"
        assert given(two_sites) == [(ACCOUNT, "s1", GrantSource.ADMINISTRATOR)]
        append(two_sites, "s2", 9)
        with two_sites.reading() as connection:
            assert waiting.summaries(connection)["s2"].count == 1, "it asks again"

    def test_leaves_what_was_chosen_or_learnt_before_grants(self, two_sites: Store) -> None:
        def learn(connection: Connection) -> None:
            stored.add(connection, ACCOUNT, "s1", GrantSource.EARLIER_VERSION, now=1)
            stored.add(connection, ACCOUNT, "s2", GrantSource.CREDENTIALS, now=1)
            stored.add(connection, "another", "s1", GrantSource.FIRST_EVENT, now=1)

        two_sites.write(learn)
        assert grants.end_learnt(two_sites, ACCOUNT, but=[]) == []
        assert len(given(two_sites)) == 3


class TestRevoke:
    def test_withdraws_pages_of_the_bridge_and_restores_them_with_the_grant(self, two_sites: Store) -> None:
        bench = Bench(two_sites)
        bench.happens(1)
        bench.work()
        assert grants.revoke(two_sites, ACCOUNT, "s1", clock=bench.clock)
        bench.work()
        assert bench.doubles["s1"].only["status"] == "trash"
        assert bench.row(1).reason
        grants.grant(Ingest(two_sites), ACCOUNT, "s1", clock=bench.clock)
        bench.work()
        assert bench.doubles["s1"].only["status"] == "publish"
        assert bench.row(1).reason is None

    def test_leaves_pages_of_people_as_they_are(self, two_sites: Store) -> None:
        bench = Bench(two_sites)
        bench.fail_with(None)
        bench.doubles["s1"].made_by_hand(1)
        bench.happens(1)
        bench.work()
        grants.revoke(two_sites, ACCOUNT, "s1", clock=bench.clock)
        before = dict(bench.doubles["s1"].only)
        bench.happens(1, "meeting.updated", topic="Renamed")
        bench.work()
        assert bench.doubles["s1"].only == before

    def test_leaves_what_another_granted_account_tells(self, two_sites: Store) -> None:
        bench = Bench(two_sites)
        granted(two_sites, "B", "s1")
        bench.happens(1)
        bench.work()
        line = entry(
            two_sites, event("meeting.created", 9, account_id="B", id=1, **{**CHOIR, "topic": "Of B"})
        )
        two_sites.write(lambda connection: log.append(connection, [line]))
        bench.folding.fold_pending()
        bench.work()
        grants.revoke(two_sites, "B", "s1", clock=bench.clock)
        bench.work()
        assert (bench.titles(), bench.doubles["s1"].only["status"]) == (["Choir"], "publish")
        assert bench.row(1).account_id == ACCOUNT

    def test_no_event_grants_it_again(self, two_sites: Store) -> None:
        append(two_sites, "s1", 1)
        grants.revoke(two_sites, ACCOUNT, "s1")
        append(two_sites, "s1", 2)
        append(two_sites, "s2", 3)
        assert given(two_sites) == []
        assert [outcome for _, outcome in outcomes(two_sites)] == ["pending", "waiting", "waiting"]
        assert not grants.revoke(two_sites, ACCOUNT, "s1")

    def test_counts_as_waiting_in_the_log(self, two_sites: Store) -> None:
        append(two_sites, "s1", 1)
        grants.revoke(two_sites, ACCOUNT, "s1")
        append(two_sites, "s1", 2)
        assert outcomes(two_sites)[-1] == ("s1", Outcome.WAITING)


CHOIR: dict[str, Any] = {
    "topic": "Choir",
    "type": 2,
    "start_time": "2036-03-24T18:00:00Z",
    "duration": 60,
    "join_url": "https://example.zoom.us/j/1",
}
