"""One thing done with many sites: each has its result, and none stops the others."""

from dataclasses import asdict, replace
from functools import partial
from typing import Any

import pytest

from core import bulk, messages
from core.bulk import BulkAction, BulkJob
from core.errors import (
    RulesTemplateError,
    SiteTagError,
    TooManyJobsError,
    TooManySitesError,
    UnknownSiteError,
)
from core.jobs.runner import JobKind, JobRunner, JobStep
from core.model.health_facts import FactName, HealthFact
from core.model.rules import Author, Rules, digest, read
from core.selftest.cleanup import SELF_TEST
from core.selftest.steps import Progress, SelfTestStep
from core.sites import apply_rules
from core.store import audit, job_sites
from core.store import jobs as kept
from core.store.audit import Action, Actor, ActorKind, acting
from core.store.db.engine import Store
from core.store.job_sites import BulkOutcome, SiteResult
from core.store.jobs import Job, JobState
from core.store.sites import rules, rules_templates, sites
from core.store.sites.sites import Site
from tests.core.clock import Clock
from tests.core.conftest import connected

ANNA = Actor(ActorKind.USER, "anna")


class Single:
    """The jobs of single sites: of s2 it fails, s3 waits for its site."""

    def count(self, job: Job) -> int:
        return 1

    def step(self, job: Job) -> JobStep:
        site_id = job.arguments["site"]
        if site_id == "s2":
            raise ValueError(site_id)
        if site_id == "s3":
            return JobStep(wait=10**6, message=messages.WAITING_FOR_SITE)
        return JobStep(cursor=asdict(Progress(step=SelfTestStep.ENDED)), finished=True)

    def close(self) -> None:
        """Nothing is held."""


def look(_store: Store, site_id: str) -> list[HealthFact]:
    if site_id == "s2":
        raise RuntimeError(site_id)
    if site_id == "s3":
        return [HealthFact(FactName.WORDPRESS, False, "It does not answer.", since=1, seen_at=1)]
    return [HealthFact(FactName.WORDPRESS, True, "fine", since=1, seen_at=1)]


def offer(_store: Store, site: Site, _address: str) -> SiteResult:
    if site.id == "s2":
        raise RuntimeError(site.id)
    if site.id == "s3":
        raise RulesTemplateError(messages.BULK_OTHER_RULES)
    return SiteResult(site.id, BulkOutcome.DONE, messages.ADDRESS_OFFERED)


class Bench:
    """Four sites, and the jobs, moved by hand."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = Clock()
        for site_id in ("s1", "s2", "s3", "s4"):
            connected(store, site_id)
        self.checked: list[str] = []
        self.bulk = BulkJob(store, self.checked.append, clock=self.clock, check=look, offer=offer)
        single = Single()
        kinds: dict[str, JobKind] = {
            **dict.fromkeys(bulk.KINDS, self.bulk),
            SELF_TEST: single,
            apply_rules.KIND: single,
        }
        self.jobs = JobRunner(store, kinds, clock=self.clock)

    def run(self, action: BulkAction, *names: str, **more: Any) -> dict[str, tuple[str, str]]:
        """Do it to the end, and return the result for each site."""
        with acting(ANNA):
            job = bulk.enqueue(self.jobs, action, names, requested_by="anna", **more)
        return self.finish(job)

    def finish(self, job: Job) -> dict[str, tuple[str, str]]:
        """Run a job to its end, and return the result for each site."""
        for _ in range(40):
            self.clock.now += 1
            for one in self.jobs.claim():
                self.jobs.run(one)
            if self.job(job.id).has_ended:
                break
        assert self.job(job.id).state is JobState.DONE
        assert self.job(job.id).done == len(job.arguments["sites"])
        with self.store.reading() as connection:
            found = job_sites.of_job(connection, job.id, limit=100)
            assert job_sites.count(connection, job.id) == len(job.arguments["sites"])
        return {one.site_id: (one.outcome.value, one.message) for one in found}

    def job(self, job_id: int) -> Job:
        with self.store.reading() as connection:
            return kept.load(connection, job_id)

    def site(self, site_id: str) -> sites.Site:
        with self.store.reading() as connection:
            return sites.load(connection, site_id, self.store.sealer)


@pytest.fixture
def bench(store: Store) -> Bench:
    return Bench(store)


class TestResults:
    def test_of_checks(self, bench: Bench) -> None:
        found = bench.run(BulkAction.CHECK, "s1", "s2", "s3", "s4", "gone")
        assert found["s1"] == found["s4"] == ("done", messages.BULK_CHECKED)
        assert found["s2"] == ("failed", messages.BULK_BROKE % {"error": "RuntimeError"})
        assert found["s3"] == ("failed", "It does not answer.")
        assert sorted(bench.checked) == ["gone", "s1", "s3", "s4"]
        assert list(found)[:2] == ["s2", "s3"], "failures come first"

    def test_of_checks_of_a_site_that_is_gone(self, bench: Bench) -> None:
        bench.bulk.check = None  # the real one asks the store first
        assert bench.run(BulkAction.CHECK, "gone") == {"gone": ("skipped", messages.BULK_GONE)}

    def test_of_offered_addresses(self, bench: Bench) -> None:
        found = bench.run(BulkAction.OFFER, "s1", "s2", "s3", "s4", "gone", address="https://new.example.org")
        assert found["s1"] == found["s4"] == ("done", messages.ADDRESS_OFFERED)
        assert found["s2"] == ("failed", messages.BULK_BROKE % {"error": "RuntimeError"})
        assert found["s3"] == ("failed", messages.BULK_OTHER_RULES)
        assert found["gone"] == ("skipped", messages.BULK_GONE)

    def test_of_pauses(self, bench: Bench) -> None:
        assert bench.run(BulkAction.PAUSE, "s1", "gone")["gone"] == ("skipped", messages.BULK_GONE)
        paused = bench.run(BulkAction.PAUSE, "s1", "s2")
        assert paused["s1"] == ("skipped", messages.BULK_UNCHANGED)
        assert paused["s2"] == ("done", messages.BULK_PAUSED)
        assert bench.site("s2").paused_at is not None
        assert bench.run(BulkAction.RESUME, "s2", "s3")["s3"][0] == "skipped"
        assert bench.site("s2").paused_at is None
        with bench.store.reading() as connection:
            entries = audit.page(connection, audit.AuditFilter(), limit=10).entries
        told = [(one.action, one.actor.name) for one in entries if one.site_id == "s2"]
        assert told[:2] == [(Action.SITE_RESUMED, "anna"), (Action.SITE_PAUSED, "anna")]

    def test_of_tags(self, bench: Bench) -> None:
        bench.run(BulkAction.TAG, "s1", "s2", tag=" Schools ")
        assert bench.run(BulkAction.TAG, "s1", tag="schools")["s1"][0] == "skipped", "whatever its case"
        bench.run(BulkAction.TAG, "s1", tag="Berlin")
        assert bench.site("s1").tags == ("Berlin", "Schools")
        bench.run(BulkAction.UNTAG, "s1", "s2", tag="SCHOOLS")
        assert (bench.site("s1").tags, bench.site("s2").tags) == (("Berlin",), ())

    def test_of_copied_rules(self, bench: Bench) -> None:
        source = Rules(never=("choir",), authors=(Author("a@example.org", 5),), meeting_category=7)
        own = Rules(authors=(Author("b@example.org", 6),), webinar_category=8)
        bench.store.write(lambda connection: rules.save(connection, "s1", source))
        bench.store.write(lambda connection: rules.save(connection, "s4", own))
        mark = digest(source)
        found = bench.run(BulkAction.COPY, "s1", "s4", "gone", source="s1", previewed=mark)
        assert found["s1"] == ("skipped", messages.BULK_UNCHANGED)
        assert found["s4"] == ("done", messages.BULK_APPLIED)
        assert found["gone"] == ("skipped", messages.BULK_GONE)
        assert read(bench.site("s4").rules).rules == Rules(
            never=("choir",), authors=own.authors, webinar_category=8
        ), "authors and categories are of one WordPress"
        bench.store.write(lambda connection: rules.save(connection, "s1", Rules(instant=True)))
        later = bench.run(BulkAction.COPY, "s4", source="s1", previewed=mark)
        assert later == {"s4": ("failed", messages.BULK_OTHER_RULES)}
        assert not read(bench.site("s4").rules).rules.instant

    def test_of_templates_that_are_followed_departed_from_and_returned_to(self, bench: Bench) -> None:
        schools, own = Rules(never=("choir",)), Rules(authors=(Author("b@example.org", 6),))

        def save(site_id: str, decided: Rules) -> None:
            bench.store.write(lambda connection: rules.save(connection, site_id, decided))

        def follow(*site_ids: str) -> dict[str, tuple[str, str]]:
            with bench.store.reading() as connection:
                mark = digest(read(rules_templates.load(connection, "schools").rules).rules)
            return bench.run(BulkAction.FOLLOW, *site_ids, source="Schools", previewed=mark)

        save("s1", replace(schools, authors=own.authors))
        save("s4", own)
        name, begun = bulk.save_template(bench.store, bench.jobs, " Schools ", "s1", requested_by="anna")
        assert (name, begun) == ("Schools", []), "nobody follows it yet"
        followed = follow("s1", "s4", "gone")
        assert followed["s1"] == followed["s4"] == ("done", messages.BULK_APPLIED)
        assert read(bench.site("s4").rules).rules == replace(schools, authors=own.authors)
        assert follow("s1")["s1"] == ("skipped", messages.BULK_UNCHANGED)

        save("s4", replace(schools, authors=()))
        assert bench.site("s4").departed_at is None, "authors are the site's own"
        save("s4", replace(schools, instant=True))
        assert bench.site("s4").departed_at is not None
        save("s1", replace(schools, show_host=True))
        _, begun = bulk.save_template(bench.store, bench.jobs, "schools", "s4", requested_by="anna")
        assert begun == [], "both had departed"
        assert bench.site("s4").departed_at is None, "it has the rules of the template"
        assert apply_rules.return_to_template(bench.store, bench.jobs, "s1", requested_by="anna")
        assert read(bench.site("s1").rules).rules.instant
        assert bench.site("s1").departed_at is None

        save("s4", schools)
        _, [job] = bulk.save_template(bench.store, bench.jobs, "Schools", "s4", requested_by="anna")
        assert job.arguments["sites"] == ["s1"]
        save("s1", replace(schools, registrations=True))
        late = bench.finish(job)
        assert late["s1"] == ("skipped", messages.BULK_UNCHANGED), "it departed before its turn"
        assert bench.site("s1").departed_at is not None
        assert bench.run(BulkAction.UNFOLLOW, "s1")["s1"] == ("done", messages.BULK_UNFOLLOWED)
        assert bench.site("s1").template is None
        bench.store.write(lambda connection: rules_templates.remove(connection, "SCHOOLS"))
        assert bench.site("s4").template is None
        assert read(bench.site("s4").rules).rules == schools, "the rules stay"
        with bench.store.reading() as connection:
            entries = audit.page(connection, audit.AuditFilter("rules"), limit=50).entries
        told = {(one.action, one.site_id) for one in entries}
        assert {
            (Action.RULES_TEMPLATE_SAVED, None),
            (Action.RULES_TEMPLATE_FOLLOWED, "s4"),
            (Action.RULES_TEMPLATE_DEPARTED, "s4"),
            (Action.RULES_TEMPLATE_LEFT, "s1"),
            (Action.RULES_TEMPLATE_REMOVED, None),
        } <= told

    def test_of_a_template_that_is_changed_itself(self, bench: Bench) -> None:
        bulk.save_template(bench.store, bench.jobs, "Schools", "s1", requested_by="anna")
        bench.store.write(lambda connection: rules_templates.follow(connection, "s4", "Schools"))
        decided = Rules(never=("choir",), authors=(Author("b@example.org", 6),))
        change = partial(bulk.change_template, bench.store, bench.jobs, requested_by="anna")
        name, [job] = change("schools", decided, is_new=False)
        assert (name, job.arguments["sites"]) == ("Schools", ["s4"])
        with bench.store.reading() as connection:
            template = rules_templates.load(connection, "Schools")
        assert read(template.rules).rules == Rules(never=("choir",)), "authors are the sites' own"

    def test_of_a_template_never_by_the_name_of_another_or_of_one_that_is_gone(self, bench: Bench) -> None:
        change = partial(bulk.change_template, bench.store, bench.jobs, requested_by="anna")
        change("Schools", Rules(), is_new=True)
        for name, is_new in (("SCHOOLS ", True), ("Choirs", False)):
            with pytest.raises(RulesTemplateError):
                change(name, Rules(instant=True), is_new=is_new)
        with bench.store.reading() as connection:
            (template,) = rules_templates.list_all(connection)
        assert read(template.rules).rules == Rules()

    def test_of_a_template_saves_nothing_where_its_sites_cannot_take_it_over(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bulk.save_template(bench.store, bench.jobs, "Schools", "s1", requested_by="anna")
        bench.store.write(lambda connection: rules_templates.follow(connection, "s4", "Schools"))
        monkeypatch.setattr(kept, "MOST_UNFINISHED", 0)
        decided = Rules(instant=True)
        with pytest.raises(TooManyJobsError):
            bulk.change_template(
                bench.store, bench.jobs, "Schools", decided, is_new=False, requested_by="anna"
            )
        with bench.store.reading() as connection:
            assert read(rules_templates.load(connection, "Schools").rules).rules != decided

    def test_of_a_template_that_has_changed_since_its_preview(self, bench: Bench) -> None:
        bulk.save_template(bench.store, bench.jobs, "Schools", "s1", requested_by="anna")
        found = bench.run(BulkAction.FOLLOW, "s4", source="Schools", previewed="0" * 32)
        assert found["s4"] == ("failed", messages.BULK_OTHER_RULES)
        found = bench.run(BulkAction.FOLLOW, "s4", source="Parishes", previewed="0" * 32)
        assert found["s4"] == ("failed", messages.UNKNOWN_TEMPLATE % {"name": "Parishes"})
        assert bench.site("s4").template is None

    @pytest.mark.parametrize("name", ["", "x" * 41])
    def test_of_no_template_without_a_right_name(self, bench: Bench, name: str) -> None:
        with pytest.raises(RulesTemplateError, match="1 to 40"):
            bulk.save_template(bench.store, bench.jobs, name, "s1", requested_by="anna")

    @pytest.mark.parametrize("action", [BulkAction.TEST, BulkAction.RULES])
    def test_of_jobs_of_single_sites(self, bench: Bench, action: BulkAction) -> None:
        bench.store.write(lambda connection: sites.pause(connection, "s4", now=1))
        names = ["s1", "s2", "s4", "gone", *(["s3"] if action is BulkAction.RULES else [])]
        found = bench.run(action, *names)
        assert found["gone"] == ("skipped", messages.BULK_GONE)
        assert (found["s1"][0], found["s2"][0]) == ("done", "failed")
        if action is BulkAction.TEST:
            assert found["s4"] == ("skipped", messages.SITE_PAUSED)
        else:
            assert found["s4"][0] == "done"
            assert found["s3"] == ("pending", messages.WAITING_FOR_SITE)


class TestRequests:
    @pytest.mark.parametrize("tag", ["", "a,b", "x" * 41])
    def test_refuse_what_is_no_tag(self, bench: Bench, tag: str) -> None:
        with pytest.raises(SiteTagError):
            bulk.enqueue(bench.jobs, BulkAction.TAG, ["s1"], tag=tag, requested_by="")

    def test_are_bounded(self, bench: Bench) -> None:
        names = [f"s{number}" for number in range(bulk.MOST_SITES + 1)]
        with pytest.raises(TooManySitesError):
            bulk.enqueue(bench.jobs, BulkAction.CHECK, names, requested_by="")

    def test_of_changes_wait_for_no_test(self, bench: Bench) -> None:
        bulk.enqueue(bench.jobs, BulkAction.TEST, ["s1"], requested_by="")
        bulk.enqueue(bench.jobs, BulkAction.PAUSE, ["s1"], requested_by="")
        assert [job.arguments["action"] for job in bench.jobs.claim()] == ["test", "pause"]

    def test_of_one_site_reach_no_other(self, bench: Bench) -> None:
        job = bulk.enqueue(bench.jobs, BulkAction.CHECK, ["s1", "s2"], requested_by="wanda", viewer_site="s1")
        assert (job.arguments["sites"], job.site_id) == (["s1"], "s1")

    def test_of_one_site_take_no_rules_of_another(self, bench: Bench) -> None:
        """Whoever guesses them would learn from the result that they are right."""
        copy = partial(
            bulk.enqueue, bench.jobs, BulkAction.COPY, ["s1"], previewed=digest(Rules()), requested_by=""
        )
        with pytest.raises(UnknownSiteError):
            copy(source="s2", viewer_site="s1")
        assert bench.jobs.claim() == []
        assert copy(source="s2").arguments["source"] == "s2"

    def test_tags_of_a_site_are_bounded(self, store: Store, bench: Bench) -> None:
        tags = [f"tag {number}" for number in range(sites.MOST_TAGS)]
        store.write(lambda connection: sites.change_tags(connection, "s1", add=tags))
        assert bench.run(BulkAction.TAG, "s1", "s2", tag="one more")["s1"][0] == "failed"
        assert bench.site("s2").tags == ("one more",)
