"""A host leaves the account, or is changed: the bridge asks Zoom about the host's meetings, each by its number."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from core.accounts import backfill_job, import_job
from core.accounts.job_schedule import JobScheduler
from core.model.meeting import Doubt, MeetingState
from core.pipeline.ingest import Ingest
from core.store import jobs
from core.store.accounts import credentials as zoom_credentials
from core.store.events import host_events, log
from core.store.events.request import Request
from core.store.sites import zoom_secrets
from core.zoom.signature import Secret
from tests.core.events import SECRET, signed

if TYPE_CHECKING:
    from core.model.meeting import Meeting
    from core.store.events.log import Logged
    from core.store.sites.sites import Site
    from tests.core.accounts.world import World
    from tests.zoom.account import User


class Account:
    """The account's double, whose events reach the bridge."""

    def __init__(self, world: World, site: Site) -> None:
        self.world, self.account = world, world.zoom.account
        store = world.store
        store.write(
            lambda connection: zoom_secrets.save(connection, site.id, Secret(SECRET), store.sealer, now=1)
        )
        self.site_id = site.id
        later = int(time.time() * 1000)
        store.write(  # no reconciliation is due
            lambda connection: zoom_credentials.postpone(connection, self.account.account_id, now=later)
        )
        self.ingest = Ingest(store)
        self.account.tell = self.deliver

    def deliver(self, event: dict[str, Any]) -> None:
        body = json.dumps(event).encode()
        response = self.ingest.receive(self.site_id, Request(signed(body, at=self.account.clock()), body))
        assert response.status == 204

    def host(self, *topics: str) -> tuple[User, list[int]]:
        """Add a user with imported meetings."""
        user = self.account.add_user("Anna")
        numbers = [self.account.make(user, topic, quietly=True) for topic in topics]
        imported = self.world.run_steps(self.world.enqueue(import_job.KIND))
        self.world.store.write(lambda connection: jobs.stop(connection, imported.id, now=1))
        return user, numbers

    def backfill(self) -> None:
        """Fold what arrived, and do the jobs that follow."""
        while self.world.folding.fold_pending():
            pass
        JobScheduler(self.world.store, self.world.jobs).enqueue_due()
        with self.world.store.reading() as connection:
            due = jobs.latest(connection, 10, kind=backfill_job.KIND)
        for job in due:
            self.world.run_steps(job)

    def meeting(self, number: int) -> Meeting:
        found = self.world.meeting(number)
        assert found is not None
        return found

    def last(self, event: str) -> Logged:
        with self.world.store.reading() as connection:
            return next(
                one for one in log.latest(connection, 100) if (one.event, one.number) == (event, None)
            )


@pytest.fixture
def account(world: World, site: Site) -> Account:
    return Account(world, site)


class TestConnected:
    def test_the_meetings_of_a_deleted_user_go(self, account: Account) -> None:
        user, (choir, practice) = account.host("Choir", "Practice")
        _, (kept, *_) = account.host("Kept", "Kept as well", "Also kept")  # as two of three would be held
        account.account.remove_user(user)
        account.world.zoom.behaviour.requests.clear()
        account.backfill()
        states = [account.meeting(number).state for number in (choir, practice, kept)]
        assert states == [MeetingState.DELETED, MeetingState.DELETED, MeetingState.SCHEDULED]
        assert [account.meeting(number).doubt for number in (choir, practice, kept)] == [Doubt.NONE] * 3
        assert not any(f"/{kept}?" in path for path in account.world.zoom.behaviour.requests)
        assert "2 meetings" in (account.last("user.deleted").reason or "")

    @pytest.mark.parametrize("database_kind", ["sqlite"])
    def test_nobody_waits_to_write_while_the_meetings_of_users_are_looked_for(
        self, account: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """They may be very many, and a directory changes all users in a night."""
        found: list[tuple[str, dict[int, list[int]]]] = []
        find = host_events.meetings_of_hosts

        def notes(*arguments: Any) -> dict[int, list[int]]:
            found.append((threading.current_thread().name, find(*arguments)))
            return found[-1][1]

        monkeypatch.setattr(host_events, "meetings_of_hosts", notes)
        hosts = [account.host(topic) for topic in ("Choir", "Practice")]
        for user, _ in hosts:
            account.account.change_user(user, email=f"{user.id}@example.com")
        account.backfill()
        ((thread, numbers),) = [one for one in found if one[1]]
        assert thread != "store-writer"
        assert list(numbers.values()) == [named for _, named in hosts], "of both at once"

    @pytest.mark.parametrize("is_deleted", [True, False])
    def test_meetings_transferred_to_another_user_stay(self, account: Account, is_deleted: bool) -> None:
        user, (choir,) = account.host("Choir")
        heir, _ = account.host()
        account.account.remove_user(user, heir=heir, is_deleted=is_deleted)
        account.backfill()
        meeting = account.meeting(choir)
        assert (meeting.state, meeting.host_id, meeting.doubt) == (
            MeetingState.SCHEDULED,
            heir.id,
            Doubt.NONE,
        )

    def test_a_deactivated_user_keeps_meetings_that_zoom_still_has(self, account: Account) -> None:
        user, (choir,) = account.host("Choir")
        account.account.deactivate(user)
        account.backfill()
        assert (account.meeting(choir).state, account.meeting(choir).doubt) == (
            MeetingState.SCHEDULED,
            Doubt.NONE,
        )

    def test_a_meeting_that_changed_without_an_event_is_found_when_its_host_is_changed(
        self, account: Account
    ) -> None:
        user, (choir,) = account.host("Choir")
        account.account.held[choir]["topic"] = "Choir in the hall"
        account.account.change_user(user, email="anna@example.com")
        account.backfill()
        assert account.meeting(choir).topic == "Choir in the hall"

    def test_a_user_without_meetings_changes_nothing(self, account: Account) -> None:
        user, _ = account.host()
        account.account.remove_user(user)
        account.backfill()
        assert "no upcoming meeting" in (account.last("user.deleted").reason or "")


class TestNotConnected:
    @pytest.fixture
    def host(self, account: Account) -> tuple[User, int]:
        user, (choir,) = account.host("Choir")
        store, account_id = account.world.store, account.account.account_id
        store.write(lambda connection: zoom_credentials.remove(connection, account_id))
        return user, choir

    def test_the_event_and_the_meeting_say_so(self, account: Account, host: tuple[User, int]) -> None:
        user, choir = host
        account.account.remove_user(user)
        account.backfill()
        assert "not connected" in (account.last("user.deleted").reason or "")
        assert (account.meeting(choir).state, account.meeting(choir).doubt) == (
            MeetingState.SCHEDULED,
            Doubt.HOST_CHANGED,
        )

    def test_a_change_of_the_user_casts_no_doubt(self, account: Account, host: tuple[User, int]) -> None:
        user, choir = host
        account.account.change_user(user, email="anna@example.com")
        account.backfill()
        assert "not connected" in (account.last("user.updated").reason or "")
        assert account.meeting(choir).doubt is Doubt.NONE
