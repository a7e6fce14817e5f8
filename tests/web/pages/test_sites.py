"""The pages of the sites: what is done, what is to do, the test, and letting go."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import update

from core import bulk, messages
from core.bridge import Bridge
from core.bulk import BulkAction
from core.model.health_facts import FactName, HealthFact, HealthFinding
from core.model.rules import Rules, read
from core.selftest import job as selftest_job
from core.selftest.cleanup import SELF_TEST
from core.selftest.steps import Progress, SelfTestStep, StepReport
from core.sites import health_check
from core.sites.diagnosis import Cause, Diagnosis, Stage
from core.sites.health_worker import HealthWorker
from core.sites.vczapi_versions import vczapi_findings
from core.store import jobs
from core.store.db import schema
from core.store.db.engine import Store
from core.store.events import quarantine
from core.store.events.request import Request
from core.store.jobs import JobState
from core.store.sites import health, rules, sites, zoom_secrets
from core.store.sites.sites import Site
from core.wordpress.addresses import Endpoint
from core.zoom.signature import Secret
from tests.core.conftest import connected, with_password
from tests.core.events import event, raw, signed
from tests.core.wordpress.network_double import NetworkDouble
from tests.core.wordpress.plugin_double import PluginDouble
from tests.web.conftest import Http, save_token
from tests.web.pages.conftest import both_stores
from tests.web.pages.doors import Door, Elements, link, words
from web.pages import sites as sites_page
from web.pages.subscription import SUBSCRIPTION

NEW_TOKEN = "another-token-of-zoom-1"
NOW = int(time.time() * 1000)
HOSTILE = '"><script>alert(1)</script>'
WELL = [
    HealthFinding(name, True, "fine")
    for name in (FactName.WORDPRESS, FactName.PLUGIN, FactName.PAIRING, FactName.CLOCK, FactName.BRIDGE)
]


@pytest.fixture(autouse=True)
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the checked sites; no request leaves this machine."""
    asked: list[str] = []

    def check(_store: Store, site_id: str, *, lift: bool = True, clock: object = None) -> list[HealthFact]:
        asked.append(f"{site_id}{'' if lift else ' in the background'}")
        return []

    monkeypatch.setattr(health_check, "check", check)
    return asked


def save_facts(store: Store, found: Sequence[HealthFinding] = WELL, *, ago: float = 0) -> None:
    """Store what a check found some seconds ago."""
    now = int((time.time() - ago) * 1000)

    def write(connection: Any) -> None:
        assert health.end_check(connection, "s1", epoch=1, claimed=0, now=now, next_at=now)
        health.replace_checked(connection, "s1", found, now=now)

    store.write(write)


def tokens_of(store: Store) -> list[zoom_secrets.SavedToken]:
    with store.reading() as connection:
        return zoom_secrets.of_site(connection, "s1", store.sealer)


def happens(store: Store, *changes: Callable[[Any], None]) -> None:
    for change in changes:
        store.write(change)


def now_ms() -> int:
    return int(time.time() * 1000)


def kept_test(
    store: Store, bridge: Bridge, progress: Progress, state: JobState | None = JobState.DONE
) -> None:
    """Keep a test as it would be after it came so far; None: it still runs."""
    job = selftest_job.enqueue(bridge.job_runner, "s1", requested_by="anna")
    [taken] = [one for one in bridge.job_runner.claim() if one.id == job.id]

    def keep(connection: Any) -> None:
        held = jobs.held(connection, taken, for_update=True)
        assert held is not None
        jobs.save(
            connection,
            held,
            cursor=asdict(progress),
            done=0,
            counts={},
            total=10,
            message=None,
            lease_until=0,
        )
        if state is not None:
            jobs.end(
                connection,
                held,
                state,
                message="It broke." if state is JobState.FAILED else None,
                now=now_ms(),
            )

    store.write(keep)


class TestList:
    def test_of_none_says_what_to_do(
        self, http: Http, session: dict[str, str], viewer: dict[str, str]
    ) -> None:
        admin, watcher = Door(http, session), Door(http, viewer)
        assert link(admin.get("/sites"), "Add a site") == "/sites/add"
        shown = admin.get("/webhooks")
        assert link(shown, "Add a site") == "/sites/add"
        answer = watcher.get("/sites")
        assert "An administrator of the bridge can add one" in words(answer)
        assert b"/sites/add" not in answer.body

    @both_stores
    def test_names_what_a_check_has_found(self, admin: Door, store: Store) -> None:
        """Before any write has failed for it."""
        save_token(store, Secret("x"))
        happens(store, lambda connection: sites.record_validation(connection, "s1", now=NOW))
        unpaired = [HealthFinding(FactName.PAIRING, False, messages.NOT_PAIRED)]
        save_facts(store, unpaired, ago=120)
        assert "Failing" not in words(admin.get("/sites")), "a second check has not confirmed it yet"
        happens(
            store,
            lambda connection: health.record(connection, "s1", unpaired, now=int(time.time() * 1000)),
        )
        assert "Failing The plugin is no longer paired" in words(admin.get("/sites"))

    def test_shows_each_with_its_state(self, admin: Door, store: Store) -> None:
        for name in ("s2", "s3", "s4"):
            connected(store, name)
            save_token(store, Secret("x"), name)
        happens(
            store,
            lambda connection: sites.record_fault(
                connection, "s2", fault="credentials", message=HOSTILE, blocked_until=10**14, now=1
            ),
            lambda connection: sites.record_validation(connection, "s3", now=NOW),
            lambda connection: sites.record_validation(connection, "s4", now=NOW),
        )
        answer = admin.get("/sites")
        shown = words(answer)
        assert re.search(r"Site s1 https://s1\.example\.org Setup incomplete", shown)
        assert re.search(r"Site s2 https://s2\.example\.org Failing", shown)
        assert re.search(r"Site s3 https://s3\.example\.org Waiting for events", shown)
        assert b"<script>alert" not in answer.body
        assert link(answer, "Site s3") == "/sites/s3"

    def test_is_the_site_itself_for_who_sees_one(self, narrow: Door, store: Store) -> None:
        connected(store, "s2")
        answer = narrow.get("/sites")
        assert (answer.code, answer.headers["Location"]) == (303, "/sites/s1")
        assert "Site s1" in words(narrow.follow(answer))


def some_sites(store: Store) -> None:
    """Add s2, which fails, s3, which is paused, and 50 more that wait for events."""
    for name in ("s2", "s3", *(f"t{number:02}" for number in range(50))):
        connected(store, name)
        save_token(store, Secret("x"), name)

        def prepare(connection: Any, name: str = name) -> None:
            sites.record_validation(connection, name, now=NOW)
            if name == "s2":
                sites.record_fault(
                    connection, name, fault="credentials", message="No.", blocked_until=1, now=1
                )
            if name == "s3":
                sites.pause(connection, name, now=1)
                sites.change_tags(connection, name, add=["Schools"])

        store.write(prepare)


def listed(answer: Any) -> list[str]:
    """Return the ids of the sites of a list, in its order."""
    found = [one.get("href") or "" for one in Elements(answer).all("a")]
    return [href.removeprefix("/sites/") for href in found if re.fullmatch(r"/sites/[a-z]+[0-9]+", href)]


class TestManySites:
    @both_stores
    def test_are_listed_the_worst_first_and_in_pages(self, admin: Door, store: Store) -> None:
        some_sites(store)
        first = admin.get("/sites")
        assert listed(first)[:3] == ["s2", "s1", "t00"]
        assert len(listed(first)) == 50
        second = admin.get(link(first, "Next page"))
        assert len(listed(second)) == 3
        assert listed(second)[-1] == "s3", "which is paused, and needs nobody"
        assert link(second, "Previous page") == "/sites"
        assert listed(admin.get("/sites?page=99")) == []

    def test_are_found_by_words_state_and_tag(self, admin: Door, store: Store) -> None:
        some_sites(store)
        assert listed(admin.get("/sites?q=SCHOOLS")) == ["s3"]
        assert listed(admin.get("/sites?q=site+t01")) == ["t01"]
        assert listed(admin.get("/sites?state=failing")) == ["s2"]
        assert listed(admin.get("/sites?state=paused&tag=schools")) == ["s3"]
        assert listed(admin.get("/sites?sort=name"))[:2] == ["s1", "s2"]
        nothing = admin.get("/sites?q=nowhere")
        assert "No site matches" in words(nothing)
        assert link(nothing, "Clear filters") == "/sites"

    @both_stores
    def test_get_a_bulk_action(self, admin: Door, store: Store, bridge: Bridge) -> None:
        some_sites(store)
        answer = admin.post("/sites", do="pause", site="s2")
        [job] = bridge.job_runner.claim()
        assert answer.headers["Location"] == f"/jobs/{job.id}"
        bridge.job_runner.run(job)
        shown = words(admin.follow(answer))
        assert "Pause updates" in shown
        assert "Site s2 https://s2.example.org Done Updates are paused." in shown
        every = admin.post("/sites", do="pause", all="yes", state="paused")
        [again] = bridge.job_runner.claim()
        bridge.job_runner.run(again)
        assert again.arguments["sites"] == ["s2", "s3"]
        assert "Site s3 https://s3.example.org Skipped Nothing was to be done." in words(admin.follow(every))
        admin.post("/sites", do="tag", site="s2", new_tag="Berlin")
        [tagging] = bridge.job_runner.claim()
        bridge.job_runner.run(tagging)
        assert listed(admin.get("/sites?tag=berlin")) == ["s2"]

    def test_get_the_rules_of_another_after_a_preview(
        self, admin: Door, store: Store, bridge: Bridge
    ) -> None:
        some_sites(store)
        assert "choose the site whose rules" in words(admin.post("/sites", do="copy", site="s2"))
        wanted = Rules(never=("choir",))
        store.write(lambda connection: rules.save(connection, "s1", wanted))
        preview = admin.post("/sites", do="copy", all="yes", source="s1")
        shown = words(preview)
        assert "The rules of Site s1 replace those of the sites below." in shown
        assert "Site s2 https://s2.example.org No meetings yet" in shown
        assert "And 47 more sites, without a preview." in shown
        hidden = [one for one in Elements(preview).all("input") if one["type"] == "hidden"]
        assert sum(one["name"] == "site" for one in hidden) == 52
        mark = next(one["value"] or "" for one in hidden if one["name"] == "previewed")
        admin.post("/sites", do="copy", site="s2", source="s1", previewed=mark)
        [job] = bridge.job_runner.claim()
        bridge.job_runner.run_step(job)
        with store.reading() as connection:
            assert read(sites.load(connection, "s2", store.sealer).rules).rules == wanted

    def test_as_many_as_a_job_may_have_are_named_by_a_form(
        self, admin: Door, http: Http, bridge: Bridge
    ) -> None:
        chosen = [("do", "pause"), *(("site", f"{number:012x}") for number in range(bulk.MOST_SITES))]
        headers = {"Content-Type": "application/x-www-form-urlencoded"} | (admin.headers or {})
        answer = http("POST", "/sites", urlencode(chosen).encode(), headers)
        assert answer.code == 303, words(answer)
        [job] = bridge.job_runner.claim()
        assert len(job.arguments["sites"]) == bulk.MOST_SITES

    def test_get_none_that_is_not_meant(
        self, admin: Door, watcher: Door, store: Store, bridge: Bridge
    ) -> None:
        some_sites(store)
        assert "choose at least one site" in words(admin.post("/sites", do="pause"))
        refused = admin.post("/sites", do="tag", site="s2", new_tag="a,b")
        assert (refused.code, "no comma" in words(refused)) == (422, True)
        assert watcher.post("/sites", do="pause", site="s2").code == 403
        assert admin.post("/sites", do="nonsense", site="s2").headers["Location"] == "/sites"
        assert bridge.job_runner.claim() == []

    def test_of_others_are_reached_by_nobody(self, narrow: Door, store: Store, bridge: Bridge) -> None:
        some_sites(store)
        assert narrow.post("/sites", do="pause", all="yes").code == 303
        assert narrow.post("/sites", do="pause", site="s2").code == 303
        with store.reading() as connection:
            asked = [one.arguments["sites"] for one in jobs.latest(connection, 10)]
        assert asked == [[], ["s1"]]
        bulk_job = admin_job(bridge)
        assert narrow.get(f"/jobs/{bulk_job}").headers["Location"].startswith("/jobs?gone"), "of all sites"

    @both_stores
    def test_one_is_paused_and_tagged(self, door: Door, store: Store) -> None:
        paused = door.follow(door.post("/sites/s1", do="pause"))
        assert "Updates of this site are paused." in words(paused)
        assert "still paused" not in words(paused)
        assert door.post("/sites/s1/test").headers["Location"].endswith("done=still-paused")
        assert "Updates continue" in words(door.follow(door.post("/sites/s1", do="resume")))
        door.post("/sites/s1", do="tags", tags="Berlin, schools,")
        with store.reading() as connection:
            site = sites.load(connection, "s1", store.sealer)
        assert (site.tags, site.paused_at) == (("Berlin", "schools"), None)
        assert door.post("/sites/s1", do="tags", tags="x" * 50).code == 422

    def test_one_keeps_the_tags_that_others_have_changed_since_the_form_was_opened(
        self, door: Door, store: Store
    ) -> None:
        def tags() -> tuple[str, ...]:
            with store.reading() as connection:
                return sites.load(connection, "s1", store.sealer).tags

        store.write(lambda connection: sites.change_tags(connection, "s1", add=["a", "b", "c"]))
        store.write(lambda connection: sites.change_tags(connection, "s1", add=["theirs"], remove=["b"]))
        refused = door.post("/sites/s1", do="tags", tags="a, b, x" + "x" * 50, shown_tags="a, b, c")
        form = {one["name"]: one.get("value") for one in Elements(refused).all("input") if one.get("name")}
        assert form["shown_tags"] == "a, b, c", "of a form that is wrong, too"
        door.post("/sites/s1", do="tags", tags="A, b, x", shown_tags="a, b, c")
        assert tags() == ("A", "theirs", "x")


def admin_job(bridge: Bridge) -> int:
    """Begin a bulk action of who sees every site; return the number of its job."""
    return bulk.enqueue(bridge.job_runner, BulkAction.CHECK, ["s1", "s2"], requested_by="anna").id


class TestSite:
    @both_stores
    def test_says_what_is_done_and_what_is_next(self, door: Door, store: Store) -> None:
        save_facts(store)
        answer = door.get("/sites/s1")
        shown = words(answer)
        assert "Done: Plugin installed" in shown
        assert re.search(
            r"s secret token is saved Since [^.]+ UTC \. Next step: Validate the endpoint", shown
        )
        assert "Waiting: Subscribe to events in Zoom" in shown
        for _, named in chain.from_iterable(SUBSCRIPTION.values()):
            for said, name in named:
                assert said in shown
                assert name in shown
        values = [field.get("value") for field in Elements(answer).all("input")]
        assert "https://s1.example.org/wp-json/vczapi/v1/meeting" in values
        assert "press Add App Now under Local Test" in shown
        assert "Zoom takes only addresses" not in shown
        names = ("meeting", "webinar", "recording")
        without_https = {name: f"http://s1.example.org/wp-json/vczapi/v1/{name}" for name in names}
        store.write(
            lambda connection: connection.execute(update(schema.sites).values(endpoints=without_https))
        )
        assert "Zoom takes only addresses that begin with https://." in words(door.get("/sites/s1"))
        assert "Zoom takes only addresses that begin with https://." in words(door.get("/webhooks?site=s1"))
        hrefs = {one.get("href") for one in Elements(answer).all("a")}
        assert ("/plugin.zip" in hrefs) is ("/sites/add?site=s1" in hrefs), (
            "texts say that it is on this page"
        )

    @pytest.mark.parametrize("address", ["https://bridge.example.org", "http://127.0.0.1:8765"])
    def test_gives_the_address_of_the_bridge_that_zoom_can_reach(
        self, door: Door, store: Store, address: str
    ) -> None:
        """For sites that Zoom does not get through to. It sends over https only."""
        store.write(lambda connection: connection.execute(update(schema.sites).values(bridge_url=address)))
        save_facts(store)
        answer = door.get("/sites/s1")
        values = [field.get("value") for field in Elements(answer).all("input")]
        is_shown = address.startswith("https:")
        assert (f"{address}/sites/s1/wp-json/vczapi/v1/meeting" in values) is is_shown
        assert ("If Zoom can" in words(answer)) is is_shown

    def test_takes_the_token_in_its_step(self, door: Door, store: Store, bridge: Bridge) -> None:
        save_facts(store)
        [saved] = tokens_of(store)
        store.write(lambda connection: zoom_secrets.remove(connection, "s1", saved.id))
        body = raw(event())
        held = Request(signed(body, secret=NEW_TOKEN, at=time.time()), body)
        now = int(time.time() * 1000)
        store.write(
            lambda connection: quarantine.add(
                connection, "s1", held, store.sealer, reason="no token", now=now
            )
        )
        answer = door.get("/sites/s1")
        assert "Next step: Save Zoom" in words(answer)
        assert Elements(answer).named("zb-secret")["name"] == "secret_token"

        for given, error in (
            ("", "Paste the secret token"),
            ("a b", "no spaces"),
            ("short", "not a complete token"),
        ):
            answer = door.post("/sites/s1", do="token", secret_token=given)
            assert (answer.code, error in words(answer)) == (422, True)
            assert Elements(answer).named("zb-secret")["aria-invalid"] == "true"
        assert tokens_of(store) == []

        answer = door.post("/sites/s1", do="token", secret_token=f" {NEW_TOKEN} ")
        assert answer.headers["Location"] == "/sites/s1?done=token%2C1"
        assert [one.secret.value for one in tokens_of(store)] == [NEW_TOKEN]
        answer = door.get("/sites/s1?done=token%2C1")
        assert "Saved. One quarantined event was accepted" in words(answer)
        assert "s secret token is saved Since" in words(answer)
        assert NEW_TOKEN not in answer.body.decode()

    def test_takes_no_token_of_who_only_looks(self, watcher: Door, store: Store) -> None:
        save_facts(store)
        [saved] = tokens_of(store)
        store.write(lambda connection: zoom_secrets.remove(connection, "s1", saved.id))
        assert b'name="secret_token"' not in watcher.get("/sites/s1").body
        assert watcher.post("/sites/s1", do="token", secret_token=NEW_TOKEN).code == 403
        assert tokens_of(store) == []

    def test_ticks_itself(self, door: Door, store: Store) -> None:
        save_facts(store)
        checklist = Elements(door.get("/sites/s1")).named("zb-checklist")
        assert (checklist["data-live"], checklist["data-announce"]) == ("5", "4 of 7 steps done")
        happens(store, lambda connection: sites.record_validation(connection, "s1", now=1_767_603_600_000))
        assert "Done: Zoom has validated the endpoint" in words(door.get("/sites/s1"))

    def test_says_what_is_wrong(self, door: Door, store: Store) -> None:
        bad = [
            HealthFinding(FactName.WORDPRESS, True, ""),
            HealthFinding(FactName.PLUGIN, False, f"Gone {HOSTILE}."),
        ]
        save_facts(store, bad, ago=7200)
        answer = door.get("/sites/s1")
        assert "Problem: The plugin needs attention Gone" in words(answer)
        assert f"Since {datetime.fromtimestamp(time.time() - 7200, UTC):%Y-%m-%d}" in words(answer)
        assert b"<script>alert" not in answer.body

    def test_names_a_version_of_vczapi_that_was_not_tried(self, door: Door, store: Store) -> None:
        save_facts(store, [*WELL, *vczapi_findings("4.7.0", "1.7.5")], ago=7200)
        shown = words(door.get("/sites/s1"))
        assert "4.7.0 has not been tried with the bridge" in shown
        assert f"Since {datetime.fromtimestamp(time.time() - 7200, UTC):%Y-%m-%d}" in shown
        assert "PRO add-on of VCZAPI version 1.7.5; no version" in shown

    def test_tells_of_pro_and_of_other_pages_of_the_same_meetings(self, watcher: Door, store: Store) -> None:
        others = messages.OTHER_PAGES % {"ids": "12, 15"}
        told = [
            HealthFinding(FactName.PRO_WEBHOOK, True, messages.PRO_SILENT),
            HealthFinding(FactName.OTHER_PAGES, True, others),
        ]
        save_facts(store, [*WELL, *told], ago=7200)
        shown = words(watcher.get("/sites/s1"))
        for message in (others, messages.PRO_SILENT):
            assert f"{message} Since {datetime.fromtimestamp(time.time() - 7200, UTC):%Y-%m-%d}" in shown
        save_facts(store)
        assert "PRO" not in words(watcher.get("/sites/s1"))

    def test_says_that_wordpress_does_not_answer(self, door: Door, store: Store) -> None:
        save_facts(store, [HealthFinding(FactName.WORDPRESS, False, "It is down.")])
        assert "t connect to WordPress It is down. Since" in words(door.get("/sites/s1"))

    def test_says_that_zooms_events_are_refused(self, door: Door, store: Store) -> None:
        save_facts(store)
        body = raw(event())
        now = int(time.time() * 1000)
        held = Request(signed(body, secret="another", at=now / 1000), body)
        store.write(
            lambda connection: quarantine.add(connection, "s1", held, store.sealer, reason="", now=now)
        )
        answer = door.get("/sites/s1")
        shown = words(answer)
        assert "s events are quarantined They are signed with a different secret token" in shown
        assert re.search(r"and paste it here\. Since 20[^.]+ UTC \.", shown)
        assert Elements(answer).named("zb-secret")["name"] == "secret_token"

    def test_shows_no_secret(self, door: Door, store: Store, wp_site: Site) -> None:
        save_facts(store)
        with_password(store, wp_site)
        html = door.get("/sites/s1").body.decode()
        for secret in ("application password of s1", wp_site.key):
            assert secret not in html

    def test_is_checked_again_after_a_while(
        self, door: Door, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun: list[str] = []
        monkeypatch.setattr(HealthWorker, "begin", lambda _, site_id: begun.append(site_id))
        save_facts(store)
        door.get("/sites/s1")
        assert begun == []
        save_facts(store, ago=16)
        door.get("/sites/s1")
        assert begun == ["s1"]

    def test_of_another_is_not_shown(self, narrow: Door, store: Store) -> None:
        connected(store, "s2")
        for path in ("/sites/s2", "/sites/s2/disconnect"):
            answer = narrow.get(path)
            assert (answer.code, answer.headers["Location"]) == (303, "/sites?gone=yes")

    def test_that_is_gone_leads_to_the_others(self, admin: Door) -> None:
        answer = admin.get("/sites/s9")
        assert "not, or no longer, connected" in words(admin.follow(answer))

    def test_lets_who_only_looks_change_nothing(self, watcher: Door, store: Store) -> None:
        save_facts(store)
        answer = watcher.get("/sites/s1")
        assert answer.code == 200
        assert [form for form in Elements(answer).all("form") if "/sites" in (form["action"] or "")] == []
        for path in ("/sites/s1", "/sites/s1/test", "/sites/s1/disconnect"):
            assert watcher.post(path).code == 403


class TestLook:
    @both_stores
    def test_is_done_at_once_on_request(self, door: Door, checked: list[str]) -> None:
        answer = door.post("/sites/s1")
        assert answer.headers["Location"] == "/sites/s1?done=checked"
        assert checked == ["s1"]


class TestServerPassword:
    def kept(self, store: Store) -> tuple[str, str] | None:
        with store.reading() as connection:
            return sites.load(connection, "s1", store.sealer).server_login

    @both_stores
    def test_is_saved_and_tried(self, door: Door, store: Store, checked: list[str]) -> None:
        save_facts(store)
        assert "If the web server asks for a user name and password" in words(door.get("/sites/s1"))
        answer = door.post("/sites/s1", do="login", username="staging", password="s3cret")
        assert answer.headers["Location"] == "/sites/s1?done=login"
        assert self.kept(store) == ("staging", "s3cret")
        assert checked == ["s1"]
        shown = door.get("/sites/s1")
        assert "the user name “staging”" in words(shown)
        assert b"s3cret" not in shown.body

    def test_that_is_asked_for_is_found_from_the_checklist(self, door: Door, store: Store) -> None:
        asks = HealthFinding(FactName.WORDPRESS, False, messages.SERVER_ASKS_PASSWORD)
        save_facts(store, [asks])
        answer = door.get("/sites/s1")
        assert messages.SERVER_ASKS_PASSWORD in words(answer)
        assert link(answer, "Enter the password of the web server") == "#zb-login"
        assert "open" in Elements(answer).named("zb-login")
        save_facts(store)
        assert "open" not in Elements(door.get("/sites/s1")).named("zb-login")

    def test_is_removed(self, door: Door, store: Store, checked: list[str]) -> None:
        door.post("/sites/s1", do="login", username="staging", password="s3cret")
        door.post("/sites/s1", do="no-login")
        assert self.kept(store) is None
        assert checked == ["s1", "s1"]

    @pytest.mark.parametrize(
        "form", [{"username": "staging"}, {"password": "s3cret"}, {"username": "a:b", "password": "s3cret"}]
    )
    def test_that_is_incomplete_is_asked_for_again(
        self, door: Door, store: Store, checked: list[str], form: dict[str, str]
    ) -> None:
        answer = door.post("/sites/s1", do="login", **form)
        assert answer.code == 422
        assert b"s3cret" not in answer.body
        assert (self.kept(store), checked) == (None, [])


class TestAddress:
    """A site that leads inside the bridge's network by now."""

    ASKED = (Endpoint("s1.example.org", 0, "10.0.0.5"),)

    @pytest.fixture(autouse=True)
    def asked(self, store: Store, wp_site: Site) -> None:
        store.write(lambda connection: sites.save_addresses(connection, "s1", (), self.ASKED))

    def allowed(self, store: Store) -> tuple[Endpoint, ...] | None:
        with store.reading() as connection:
            return sites.load(connection, "s1", store.sealer).addresses

    def test_is_allowed_by_the_bridges_administrator(
        self, admin: Door, store: Store, checked: list[str]
    ) -> None:
        shown = words(admin.get("/sites/s1"))
        assert "s1.example.org = 10.0.0.5" in shown
        answer = admin.post("/sites/s1", do="allow", address=str(self.ASKED[0]))
        assert answer.headers["Location"] == "/sites/s1?done=address"
        assert (self.allowed(store), checked[-1]) == (self.ASKED, "s1")
        assert "Allow address" not in words(admin.get("/sites/s1"))

    def test_that_is_asked_about_no_more_is_not_said_to_be_allowed(
        self, admin: Door, stub: Door, store: Store, checked: list[str]
    ) -> None:
        """The page was open while the site came to lead elsewhere; or whoever sends the form may not decide."""
        for door, address in ((admin, "s1.example.org = 10.0.0.6"), (stub, str(self.ASKED[0]))):
            answer = door.post("/sites/s1", do="allow", address=address)
            assert answer.headers["Location"] == "/sites/s1?done=checked"
            assert self.allowed(store) == ()

    def test_is_not_told_to_others(
        self, stub: Door, visitor: Door, watcher: Door, store: Store, checked: list[str]
    ) -> None:
        for door in (stub, visitor, watcher):
            assert "10.0.0.5" not in words(door.get("/sites/s1"))
            door.post("/sites/s1", do="allow", address=str(self.ASKED[0]))
        assert self.allowed(store) == ()


class TestKey:
    @pytest.fixture
    def wordpress(self, wp_site: Site) -> Iterator[NetworkDouble]:
        plugin = PluginDouble(wp_site.key, "s1", wp_site.url, time.time)
        with NetworkDouble(plugin, wp_site.rest_root, wp_site.url) as network:
            yield network

    @both_stores
    def test_is_renewed(self, door: Door, store: Store, wp_site: Site, wordpress: NetworkDouble) -> None:
        answer = door.post("/sites/s1", do="renew-key")
        assert answer.headers["Location"] == "/sites/s1?done=key"
        assert "The key is renewed." in words(door.get("/sites/s1?done=key"))
        with store.reading() as connection:
            assert sites.load(connection, "s1", store.sealer).key == wordpress.plugin.key != wp_site.key

    def test_stays_where_the_site_refuses_the_bridge(self, door: Door, store: Store, wp_site: Site) -> None:
        plugin = PluginDouble("0" * 64, "s1", wp_site.url, time.time)
        with NetworkDouble(plugin, wp_site.rest_root, wp_site.url):
            answer = door.post("/sites/s1", do="renew-key")
        assert answer.code == 422
        assert "The key was not renewed, and stays valid" in words(answer)
        with store.reading() as connection:
            assert sites.load(connection, "s1", store.sealer).key == wp_site.key


class TestBridgeAddress:
    def test_is_shown_and_changed_only_by_connecting_again(
        self, door: Door, store: Store, wp_site: Site
    ) -> None:
        paired = replace(wp_site, bridge_url="https://bridge.example.org")
        store.write(lambda connection: sites.save(connection, paired, store.sealer))
        answer = door.get("/sites/s1")
        shown = words(answer)
        assert "https://bridge.example.org" in shown
        assert "only an administrator of the site may send its events elsewhere" in shown.casefold()
        assert [field for field in Elements(answer).all("input") if field.get("name") == "bridge_url"] == []

    def test_is_not_changed_by_a_form_of_an_earlier_version(
        self, door: Door, store: Store, checked: list[str]
    ) -> None:
        save_facts(store)
        answer = door.post("/sites/s1", bridge_url="https://new.example.org")
        assert answer.headers["Location"] == "/sites/s1?done=checked"
        assert "https://new.example.org" not in words(door.get("/sites/s1"))


class TestTest:
    @both_stores
    def test_is_asked_for(self, door: Door, store: Store) -> None:
        assert "Sends the event of a made-up meeting" in words(door.get("/sites/s1"))
        answer = door.post("/sites/s1/test")
        assert answer.headers["Location"] == "/sites/s1?done=asked"
        with store.reading() as connection:
            [job] = jobs.latest(connection, 10, kind=SELF_TEST)
        assert (job.site_id, job.arguments) == ("s1", {"site": "s1"})
        shown = door.follow(answer)
        assert Elements(shown).named("zb-test")["data-live"] in ("1", "2")
        assert "Next step: Signed and sent" in words(shown)
        assert "Send another test event" not in words(shown)

    def test_not_of_another_site(self, narrow: Door, store: Store) -> None:
        connected(store, "s2")
        assert narrow.post("/sites/s2/test").headers["Location"] == "/sites?gone=yes"
        with store.reading() as connection:
            assert jobs.latest(connection, 10) == []

    def test_shows_how_far_it_is(self, door: Door, store: Store, bridge: Bridge) -> None:
        lines = [
            StepReport(Stage.SENT, True, 0, "https://s1"),
            StepReport(Stage.ANSWERED, True, 1234, "HTTP 204"),
        ]
        kept_test(store, bridge, Progress(lines=lines, step=SelfTestStep.AWAIT_ARRIVAL), state=None)
        shown = words(door.get("/sites/s1"))
        assert "Done: The endpoint answered HTTP 204 (1,234 ms)" in shown
        assert "Next step: Received by the bridge" in shown
        assert "Waiting: Stored in the log" in shown

    @both_stores
    def test_that_went_well(self, door: Door, store: Store, bridge: Bridge) -> None:
        kept_test(
            store,
            bridge,
            Progress(lines=[StepReport(stage, True, 1) for stage in Stage], step=SelfTestStep.ENDED),
        )
        answer = door.get("/sites/s1")
        assert "Everything works" in words(answer)
        assert "data-live" not in Elements(answer).named("zb-test")
        assert "Send another test event" in words(answer)

    @both_stores
    def test_whose_result_newer_facts_have_overtaken_says_so(
        self, door: Door, store: Store, bridge: Bridge
    ) -> None:
        passed = Progress(lines=[StepReport(stage, True, 1) for stage in Stage], step=SelfTestStep.ENDED)
        kept_test(store, bridge, passed)
        ended = now_ms()
        well = HealthFinding(FactName.WORDPRESS, True, "It answers.")
        happens(store, lambda connection: health.replace_checked(connection, "s1", [well], now=ended + 9))
        assert "out of date" not in words(door.get("/sites/s1")), "what works says nothing against it"
        wrong = HealthFinding(FactName.CLOCK, False, messages.NOT_PAIRED)
        happens(store, lambda connection: health.replace_checked(connection, "s1", [wrong], now=ended - 9000))
        assert "out of date" not in words(door.get("/sites/s1")), "that was known before"
        happens(
            store,
            lambda connection: health.replace_checked(connection, "s1", [], now=ended + 9),
            lambda connection: health.replace_checked(connection, "s1", [wrong], now=ended + 10),
            lambda connection: rules.save(connection, "s1", Rules(show_host=True)),
        )
        shown = words(door.get("/sites/s1"))
        assert "The test passed when it ran. This result is out of date. Since the test:" in shown
        assert ": Rules changed" in shown
        assert "a check has found:" in shown
        assert "Everything works" not in shown
        ahead = ended + 900_000
        happens(
            store,
            lambda connection: health.replace_checked(connection, "s1", [], now=ahead),
            lambda connection: health.replace_checked(connection, "s1", [wrong], now=ahead),
        )
        assert "a check has found:" not in words(door.get("/sites/s1")), "the machine's clock was ahead"
        failed = Diagnosis(Stage.ANSWERED, Cause.BLOCKED, "No.", "Allow it.")
        kept_test(store, bridge, Progress(diagnosis=failed, step=SelfTestStep.ENDED))
        happens(store, lambda connection: health.replace_checked(connection, "s1", [well], now=now_ms() + 9))
        shown = words(door.get("/sites/s1"))
        assert "works again: It answers." in shown

    def test_that_did_not_names_the_stage_and_what_to_do(
        self, door: Door, store: Store, bridge: Bridge
    ) -> None:
        wrong = Diagnosis(Stage.ANSWERED, Cause.BLOCKED, f"A page came {HOSTILE}.", "Allow it.")
        lines = [StepReport(Stage.SENT, True, 0), StepReport(Stage.ANSWERED, False, 5)]
        kept_test(store, bridge, Progress(lines=lines, diagnosis=wrong, step=SelfTestStep.ENDED))
        answer = door.get("/sites/s1")
        shown = words(answer)
        assert "The endpoint answered: this step failed. A page came" in shown
        assert "What to do: Allow it." in shown
        assert b"<script>alert" not in answer.body
        assert "Waiting: Stored in the log" not in shown, "what was not reached is not shown"

    def test_without_a_token_is_the_next_step_and_no_failure(
        self, door: Door, store: Store, bridge: Bridge
    ) -> None:
        wrong = Diagnosis(Stage.SENT, Cause.NO_SECRET, "No token.", "Paste it.")
        kept_test(
            store,
            bridge,
            Progress(lines=[StepReport(Stage.SENT, False, 0)], diagnosis=wrong, step=SelfTestStep.ENDED),
        )
        shown = words(door.get("/sites/s1"))
        assert "One more step is needed before the test. No token. Paste it." in shown
        assert "this did not work" not in shown

    def test_that_could_not_go_on_says_so(self, door: Door, store: Store, bridge: Bridge) -> None:
        kept_test(store, bridge, Progress(step=SelfTestStep.AWAIT_FOLD), state=JobState.FAILED)
        shown = words(door.get("/sites/s1"))
        assert "The test itself could not continue." in shown
        assert "It broke." in shown


class TestDisconnect:
    @both_stores
    def test_says_first_what_stays_and_what_goes(self, door: Door) -> None:
        shown = words(door.get("/sites/s1/disconnect"))
        assert "Every meeting page on the site, as it is now." in shown
        assert "Remove the event subscription from your Zoom app" in shown

    @both_stores
    @pytest.mark.parametrize(
        ("problem", "said"), [("", "Disconnected. The"), ("down", "could not be notified")]
    )
    def test_lets_the_site_go(
        self, admin: Door, store: Store, monkeypatch: pytest.MonkeyPatch, problem: str, said: str
    ) -> None:
        def disconnect(_store: Store, name: str) -> tuple[Site, str]:
            with store.reading() as connection:
                site = sites.load(connection, name, store.sealer)
            store.write(lambda connection: sites.remove(connection, name))
            return site, problem

        monkeypatch.setattr(sites_page, "disconnect", disconnect)
        answer = admin.post("/sites/s1/disconnect")
        assert said in words(admin.follow(answer))
        assert admin.get("/sites/s1").headers["Location"] == "/sites?gone=yes"

    def test_of_another_is_for_who_sees_it(self, narrow: Door, store: Store) -> None:
        connected(store, "s2")
        assert narrow.post("/sites/s2/disconnect").headers["Location"] == "/sites?gone=yes"
        with store.reading() as connection:
            assert len(sites.list_all(connection, store.sealer)) == 2


class TestHostileSite:
    def test_is_shown_as_text(self, door: Door, store: Store, wp_site: Site) -> None:
        changed = replace(
            wp_site,
            name=HOSTILE,
            url=f"https://x/{HOSTILE}",
            endpoints={"meeting": HOSTILE},
            bridge_url=HOSTILE,
            settings_page=HOSTILE,
        )
        store.write(lambda connection: sites.save(connection, changed, store.sealer))
        save_facts(store, [replace(found, message=HOSTILE) for found in WELL])
        save_token(store, Secret("another-token-1"))
        for path in ("/sites/s1", "/sites/s1/disconnect"):
            assert b"<script>alert" not in door.get(path).body
