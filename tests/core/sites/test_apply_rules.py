"""New rules: kept, and every post looked at again, without what Zoom says waiting behind them."""

from dataclasses import replace

import pytest
from sqlalchemy import Connection, select

from core.errors import UnknownSiteError
from core.jobs.runner import JobRunner
from core.model.rules import Rules, read
from core.sites import apply_rules
from core.sites.apply_rules import ApplyRulesJob
from core.store import jobs as kept
from core.store.db.engine import Store
from core.store.db.schema import posts as table
from core.store.jobs import Job, JobState
from core.store.posts import requeue
from core.store.sites import sites
from core.store.sites.sites import Site
from core.wordpress.post_operations import PostOperation
from tests.core.conftest import connected
from tests.core.events import ACCOUNT
from tests.core.pipeline.test_mirror_worker import Bench
from tests.core.site_double import SiteDouble
from tests.core.store.grants import granted

NEVER = Rules(never=("choir",))


class Bridge:
    """A bench with the job beside it, moved by hand."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.bench = Bench(store)
        self.most_due = 0
        self.meanwhile = self.mirror
        self.reviewing = ApplyRulesJob(
            store, posts_due=lambda: None, clock=self.bench.clock, pause=lambda _: self.meanwhile()
        )
        kinds = dict.fromkeys((apply_rules.KIND, apply_rules.PLUGINS_KIND), self.reviewing)
        self.jobs = JobRunner(store, kinds, clock=self.bench.clock)

    def mirror(self) -> None:
        self.most_due = max(self.most_due, len(self.due()))
        self.bench.work()

    def due(self, site_id: str = "s1") -> list[int]:
        now = self.bench.clock.ms
        with self.store.reading() as connection:
            query = select(table.c.number).where(table.c.site_id == site_id, table.c.due_at <= now)
            return sorted(connection.scalars(query))

    def decide(self, decided: Rules, site_id: str = "s1") -> Job:
        return apply_rules.save_rules(self.store, self.jobs, site_id, decided, requested_by="anna")

    def run(self) -> None:
        """Work on what is asked for, until it ends or waits."""
        for job in self.jobs.claim():
            self.jobs.run(job)

    def job(self, site_id: str = "s1") -> Job:
        with self.store.reading() as connection:
            found = apply_rules.latest(connection, site_id)
        assert found is not None
        return found

    def has(self, meetings: int) -> None:
        """Let there be so many pages."""
        for number in range(1, meetings + 1):
            self.bench.happens(number)
        self.bench.clock.now += 60
        while self.bench.work():
            pass


@pytest.fixture
def bridge(store: Store, site: Site) -> Bridge:
    return Bridge(store)


class TestDecide:
    def test_keeps_the_rules_and_asks_for_a_review(self, bridge: Bridge) -> None:
        job = bridge.decide(NEVER)
        assert read(bridge.bench.site().rules).rules == NEVER
        assert (job.kind, job.site_id, job.requested_by, job.state) == ("apply-rules", "s1", "anna", "queued")

    def test_again_begins_anew_and_leaves_no_half_done_one(self, bridge: Bridge) -> None:
        bridge.has(3)
        first = bridge.decide(NEVER)
        bridge.bench.clock.now += 1
        second = bridge.decide(Rules())
        assert second.id != first.id
        with bridge.store.reading() as connection:
            assert kept.load(connection, first.id).state is JobState.STOPPED
        assert bridge.job().id == second.id

    def test_of_a_site_that_was_removed_is_refused_as_a_whole(self, bridge: Bridge) -> None:
        with pytest.raises(UnknownSiteError):
            bridge.decide(NEVER, "s9")
        with bridge.store.reading() as connection:
            assert kept.latest(connection, 10) == []


class TestReview:
    def test_looks_at_every_post_and_is_done_when_the_site_is(self, bridge: Bridge) -> None:
        bridge.has(120)
        assert bridge.due() == []
        bridge.decide(NEVER)
        bridge.run()
        job = bridge.job()
        assert (job.state, job.done, job.total) == (JobState.DONE, 120, 120)
        posts = bridge.bench.doubles["s1"].posts.values()
        assert [post["status"] for post in posts] == ["trash"] * 120
        assert bridge.most_due <= 75, "a new meeting waits behind no more than that"

    def test_leaves_other_sites_alone(self, bridge: Bridge, store: Store) -> None:
        connected(store, "s2")
        granted(store, ACCOUNT, "s1", "s2")
        bridge.bench.happens(7, site_id="s2")
        bridge.has(2)
        bridge.decide(NEVER)
        bridge.run()
        assert bridge.due("s2") == []
        assert [post["status"] for post in bridge.bench.doubles["s2"].posts.values()] == ["publish"] * 3

    def test_writes_nothing_where_nothing_differs(self, bridge: Bridge) -> None:
        bridge.has(3)
        bridge.bench.doubles["s1"].forget()
        bridge.decide(Rules(never=("orchestra",)))
        bridge.run()
        assert bridge.job().state is JobState.DONE
        assert bridge.bench.doubles["s1"].performed == []

    def test_of_no_posts_is_done_at_once(self, bridge: Bridge) -> None:
        bridge.decide(NEVER)
        bridge.run()
        assert (bridge.job().state, bridge.job().total) == (JobState.DONE, 0)

    def test_waits_while_the_site_is_down_and_says_so(self, bridge: Bridge) -> None:
        bridge.has(3)

        def down() -> None:
            until = bridge.bench.clock.ms + 10_000
            bridge.store.write(
                lambda connection: sites.record_fault(
                    connection, "s1", fault="network", message="It is down.", blocked_until=until, now=1
                )
            )

        bridge.meanwhile = down
        bridge.decide(NEVER)
        bridge.run()
        assert bridge.job().state is JobState.RUNNING
        assert "It is down." in (bridge.job().message or "")
        bridge.meanwhile = bridge.mirror
        bridge.bench.clock.now += 60
        bridge.run()
        assert bridge.job().state is JobState.DONE

    def test_goes_on_where_it_was_when_the_site_is_slow(self, bridge: Bridge) -> None:
        bridge.reviewing.wait_seconds = 0
        bridge.has(60)
        bridge.decide(NEVER)
        (job,) = bridge.jobs.claim()
        assert bridge.jobs.run_step(job)
        assert len(bridge.due()) == 50
        assert bridge.jobs.run_step(job)
        assert len(bridge.due()) == 50, "no more while those wait"
        bridge.bench.work()
        bridge.bench.work()
        assert bridge.jobs.run_step(job)
        assert len(bridge.due()) == 10

    def test_ends_with_its_site(self, bridge: Bridge) -> None:
        bridge.has(3)
        bridge.meanwhile = lambda: bridge.store.write(lambda connection: sites.remove(connection, "s1"))
        bridge.decide(NEVER)
        bridge.run()
        assert bridge.job().state is JobState.DONE


class TestAdaptToPlugins:
    """VCZAPI shows a series only with its PRO add-on: without, it is told of a single meeting."""

    def plugins_are(self, bridge: Bridge, vczapi: bool, pro: bool) -> list[str]:
        """Activate or deactivate the plugins, as a check finds it; return which operations that led to."""
        renewed = replace(bridge.bench.site(), vczapi=vczapi, vczapi_pro=pro)

        def found(connection: Connection) -> None:
            sites.record_check(connection, renewed)
            apply_rules.adapt_to_plugins(connection, "s1", now=bridge.bench.clock.ms)

        bridge.store.write(found)
        bridge.bench.doubles["s1"].forget()
        bridge.run()
        with bridge.store.reading() as connection:
            (job, *_) = kept.latest(connection, 1, kind=apply_rules.PLUGINS_KIND)
        assert (job.state, job.done) == (JobState.DONE, 2)
        return [type(one).__name__ for one in bridge.bench.doubles["s1"].performed]

    def types(self, bridge: Bridge) -> list[int]:
        posts = bridge.bench.doubles["s1"].posts.values()
        return [post["details"]["type"] for post in posts]

    def test_of_all_posts_those_are_written_that_differ(self, bridge: Bridge) -> None:
        weekly = {"type": 2, "repeat_interval": 1, "weekly_days": "2", "end_times": 2}
        dates = [
            {"occurrence_id": str(day), "start_time": f"2036-03-{day}T18:00:00Z", "duration": 60, "status": "available"}
            for day in (24, 31)
        ]  # fmt: skip
        bridge.bench.happens(1)
        bridge.bench.happens(2, type=8, recurrence=weekly, occurrences=dates)
        bridge.bench.clock.now += 60
        bridge.bench.work()
        assert self.types(bridge) == [2, 8]
        assert self.plugins_are(bridge, vczapi=True, pro=False) == ["UpdatePost"]
        assert self.types(bridge) == [2, 2]
        assert "UpdatePost" in self.plugins_are(bridge, vczapi=True, pro=True)
        assert self.types(bridge) == [2, 8]
        assert "UpdatePost" in self.plugins_are(bridge, vczapi=True, pro=False)
        assert self.types(bridge) == [2, 2]
        assert self.plugins_are(bridge, vczapi=False, pro=False) == ["UpdatePost"]
        assert self.types(bridge) == [2, 8]
        assert {post["title"] for post in bridge.bench.doubles["s1"].posts.values()} == {"Choir"}


class TestMeanwhile:
    def test_a_post_that_was_written_by_the_old_rules_is_looked_at_again(self, bridge: Bridge) -> None:
        """Rules are saved and all posts made due while one is at WordPress: it would else be forgotten."""
        bridge.bench.happens(1)
        taken = bridge.bench.claim()
        double = bridge.bench.doubles["s1"] = SiteDouble()

        def saved(operation: PostOperation) -> None:
            bridge.decide(NEVER)
            bridge.store.write(
                lambda connection: requeue.requeue_site_posts(
                    connection, "s1", [1], now=bridge.bench.clock.ms
                )
            )

        double.on_operation = saved
        bridge.bench.mirror.mirror(taken)
        assert double.only["status"] == "publish"
        assert bridge.due() == [1]
        double.on_operation = lambda _: None
        bridge.bench.work()
        assert double.only["status"] == "trash"
        assert bridge.due() == []
