"""The pages of events, of what was refused, of replay and of long work, in both shells."""

import re
import threading
import time
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import update

from core.bridge import Bridge
from core.pipeline.fold_worker import FoldWorker
from core.pipeline.retention import Retention
from core.store import jobs
from core.store.db.engine import Store
from core.store.db.schema import jobs as jobs_table
from core.store.events import large_requests, log, quarantine
from core.store.events import search as log_events
from core.store.events.large_requests import LargeRequestCause
from core.store.events.log import Outcome
from core.store.events.request import Request
from core.store.events.search import EventFilter
from core.store.jobs import JobState
from core.store.sites.sites import Site
from core.zoom import masking
from tests.core.conftest import connected
from tests.core.events import ACCOUNT, event, raw, signed
from tests.core.pipeline.test_mirror_worker import OBJECT
from tests.core.store.entries import entry
from tests.core.store.grants import granted
from tests.web.pages.conftest import both_stores
from tests.web.pages.doors import Door, Elements, link, words
from web.pages.events import parse_query

CHOIR, COUNCIL, FOREIGN = 85393847045, 84200300400, 84200300401
NOON = 1_795_435_200_000  # 2026-11-23 12:00 UTC
MINUTE = 60_000
HOSTILE = '"><script>alert(1)</script>'
LINK = "https://example.zoom.us/j/85393847045?pwd=ThePasscode"


def put(store: Store, name: str, minute: int, outcome: Outcome = Outcome.PENDING, **more: Any) -> int:
    """Append an event that came so many minutes after noon, signed by Zoom a second before; return its id."""
    site_id, reason = more.pop("site_id", "s1"), more.pop("reason", None)
    at = NOON + minute * MINUTE
    told = event(name, at, payload={"operation": "all"}, **more)
    body = raw(told)
    line = replace(
        entry(store, told, received_at=at, site_id=site_id, outcome=outcome),
        request=Request(signed(body, at=at / 1000 - 1), body).sealed(store.sealer),
        reason=reason,
    )
    store.write(lambda connection: log.append(connection, [line]))
    with store.reading() as connection:
        return log_events.page(connection, EventFilter(), limit=1, after=None).events[0].id


@pytest.fixture
def full(store: Store, admin: Door) -> Store:
    """A log with an event of each outcome, for the site s1, and one of an account that only s2 mirrors."""
    connected(store, "s2")
    put(
        store,
        "meeting.created",
        0,
        id=CHOIR,
        **{**OBJECT, "topic": "Choir", "join_url": LINK, "password": "Secret12"},
    )
    put(store, "meeting.updated", 1, id=CHOIR, topic="Choir in spring")
    put(store, "meeting.created", 2, id=COUNCIL, **{**OBJECT, "topic": "Council"})
    put(
        store,
        "meeting.created",
        3,
        id=FOREIGN,
        account_id="other",
        site_id="s2",
        **{**OBJECT, "topic": "Foreign"},
    )
    FoldWorker(store).fold_pending()
    put(
        store,
        "user.updated",
        4,
        Outcome.IGNORED,
        reason="The bridge does not process events of this type.",
        id="u",
    )
    put(store, "meeting.updated", 5, Outcome.FAILED, reason="KeyError: broken", id=COUNCIL, topic="Broken")
    put(store, "meeting.updated", 6, id=COUNCIL, topic="Council (new)")
    return store


def refuse(store: Store, number: int, site_id: str = "s1", **more: Any) -> None:
    """Keep a request that was signed with another secret."""
    body = raw(event(at=number, id=number, **more))
    held = Request(signed(body, secret="another", at=NOON / 1000), body)
    store.write(
        lambda connection: quarantine.add(
            connection, site_id, held, store.sealer, reason="Signed with another secret.", now=NOON + number
        )
    )


def ids(answer: Any) -> list[int]:
    """The events that a list shows, in its order."""
    return [
        int(found)
        for found in re.findall(r'href="[^"]*(?:/|%2F)events(?:/|%2F)([0-9]+)"', answer.body.decode())
    ]


class TestList:
    @both_stores
    def test_shows_what_came_newest_first(self, door: Door, full: Store) -> None:
        answer = door.get("/events")
        assert answer.code == 200
        expected = [7, 6, 5, 4, 3, 2, 1] if door.site is None else [7, 6, 5, 3, 2, 1]
        assert ids(answer) == expected
        shown = words(answer)
        for said in ("Choir in spring", "853 9384 7045", "Pending", "Applied", "Ignored", "KeyError: broken"):
            assert said in shown
        assert ("Foreign" in shown) is (door.site is None)
        assert f"{len(expected)} events match." in shown

    @both_stores
    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("event=meeting.updated", [7, 6, 2]),
            ("outcome=failed", [6]),
            ("outcome=folded&event=meeting.created", [3, 1]),
            ("number=842%200030%200400", [7, 6, 3]),
            ("number=84200300400&outcome=failed&event=meeting.updated", [6]),
            ("since=2026-11-23T12:05", [7, 6]),
            ("since=2026-11-23T12:01&until=2026-11-23T12:04", [3, 2]),
            ("event=none.such", []),
            ("number=5", []),
            ("outcome=none-such&event=user.updated", [5]),
        ],
    )
    def test_is_narrowed_in_any_way(self, stub: Door, full: Store, query: str, found: list[int]) -> None:
        answer = stub.get(f"/events?{query}")
        assert answer.code == 200
        assert ids(answer) == found
        assert ("No matches" in words(answer)) is (not found)

    def test_by_site_for_who_sees_all(self, admin: Door, full: Store) -> None:
        assert ids(admin.get("/events?site=s2")) == [4]
        assert ids(admin.get("/events?site=s1")) == [7, 6, 5, 3, 2, 1]

    def test_a_site_sees_no_other_whatever_it_asks(self, narrow: Door, full: Store) -> None:
        for path in ("/events?site=s2", f"/events?number={FOREIGN}", "/events?outcome=folded&site=s2"):
            answer = narrow.get(path)
            assert 4 not in ids(answer)
            assert "Foreign" not in words(answer)
        assert "s2" not in words(narrow.get("/events"))

    @both_stores
    def test_the_form_leads_to_what_it_asks_for(self, door: Door, full: Store) -> None:
        answer = door.post("/events/find", event="meeting.updated", number="842 0030 0400", outcome="failed")
        query = parse_qs(urlsplit(answer.headers["Location"]).query)
        assert query == {"event": ["meeting.updated"], "number": [str(COUNCIL)], "outcome": ["failed"]}
        assert ids(door.follow(answer)) == [6]

    def test_who_may_only_look_may_search(self, watcher: Door, full: Store) -> None:
        assert ids(watcher.follow(watcher.post("/events/find", outcome="failed"))) == [6]

    def test_the_form_says_what_could_not_be_read(self, door: Door, full: Store) -> None:
        answer = door.post("/events/find", number="abc", since="soon", until="2026-11-23T12:00")
        assert answer.code == 422
        shown = words(answer)
        assert "digits only" in shown
        assert "Enter a date" in shown
        fields = Elements(answer)
        assert fields.named("zb-number")["value"] == "abc"
        assert fields.named("zb-number")["aria-invalid"] == "true"
        assert "aria-invalid" not in fields.named("zb-until")
        answer = door.post("/events/find", since="2026-11-23T12:00", until="2026-11-22T12:00")
        assert "must be after the start" in words(answer)

    @both_stores
    def test_is_paged_by_links_that_stay(self, door: Door, full: Store) -> None:
        for minute in range(10, 70):
            put(full, "meeting.updated", minute, id=COUNCIL, topic=f"T{minute}")
        first = door.get("/events?event=meeting.updated")
        assert len(ids(first)) == 50
        older = door.path(link(first, "Older"))
        second = ids(door.get(older))
        assert len(second) == 13
        put(full, "meeting.updated", 80, id=COUNCIL, topic="At the top")
        assert ids(door.get(older)) == second
        newer = door.get(door.path(link(door.get(older), "Newer")))
        assert ids(newer) == ids(first)
        newest = door.get(door.path(link(newer, "Newest")))
        assert ids(newest)[1:] == ids(first)[:49]

    def test_goes_back_past_its_end(self, stub: Door, full: Store) -> None:
        answer = stub.get("/events?before=1.1&outcome=failed")
        assert "No more events" in words(answer)
        assert stub.path(link(answer, "Back to the newest events")) == "/events?outcome=failed"

    def test_finds_an_old_event_of_a_meeting_at_once(self, stub: Door, full: Store) -> None:
        answer = stub.get(f"/events?number={COUNCIL}&event=meeting.created")
        assert ids(answer) == [3]

    def test_says_what_to_do_where_nothing_ever_came(self, door: Door) -> None:
        answer = door.get("/events")
        assert "No events yet" in words(answer)
        assert door.get(door.path(link(answer, "s setup"))).code in (200, 303)

    def test_text_from_outside_is_text(self, door: Door, store: Store, wp_site: Site) -> None:
        put(store, "meeting.created", 0, id=1, **{**OBJECT, "topic": HOSTILE})
        FoldWorker(store).fold_pending()
        for path in ("/events", "/events/1", f"/events?event={HOSTILE}", f"/events?number={HOSTILE}"):
            assert b"<script>alert" not in door.get(path).body

    def test_reads_any_query(self, door: Door, full: Store) -> None:
        for path in (
            "/events?before=x&after=y",
            "/events?before=99999999999999999.1",
            "/events?number=" + "9" * 40,
            "/events?site=%00&event=%00",
            "/events?since=0001-01-01T00:00&until=9999-12-31T23:59",
            "/events?since=0001-01-01T00:00%2B05:00&until=9999-12-31T23:59-05:00",
            "/events?since=99999w",
            "/events?after=1.1&before=2.2&outcome=refused",
        ):
            assert door.get(path).code in (200, 422), path

    def test_does_not_blame_the_bridge_for_a_query_that_is_no_text(self, door: Door, full: Store) -> None:
        answer = door.get("/events?number=%ff")
        assert answer.code == 400
        assert "internal error" not in words(answer)
        assert "Open the page again" in words(answer)


class TestRead:
    @pytest.mark.parametrize(
        "values",
        [
            {},
            {"event": "meeting.created", "outcome": "failed", "number": "7", "site": "s1"},
            {"outcome": "refused", "since": "2026-11-23T12:00", "until": "2026-11-23T12:00:30"},
        ],
    )
    def test_is_written_as_it_is_read(self, values: dict[str, str]) -> None:
        asked = parse_query(values, of_site=None)
        assert not asked.errors
        assert asked.query(of_site=None) == values
        assert parse_query(asked.query(of_site=None), of_site=None).wanted == asked.wanted


class TestEvent:
    @both_stores
    def test_tells_what_came_and_what_it_changed(self, door: Door, full: Store) -> None:
        answer = door.get("/events/2")
        shown = words(answer)
        for said in (
            "meeting.updated",
            "Applied",
            "signature of the request body is valid. It was signed 1 s before it was received.",
            "Topic Choir Choir in spring",
            "Delivery to the sites",
            "Pending",
            '"topic": "Choir in spring"',
            "x-zm-signature",
        ):
            assert said in shown
        assert door.get(door.path(link(answer, "Choir in spring"))).code == 200
        assert ids(door.get(door.path(link(answer, "All events of this meeting")))) == [2, 1]

    def test_hides_what_is_secret(self, door: Door, watcher: Door, full: Store) -> None:
        shown = words(door.get("/events/1"))
        assert "Secret12" not in shown
        assert "ThePasscode" in shown, "an administrator may follow the link"
        assert "ThePasscode" not in words(watcher.get("/events/1"))
        with full.reading() as connection:
            signature = log_events.load_request(connection, 1, full.sealer).headers["x-zm-signature"]
        pasted = f"Choir, {LINK.replace('pwd', 'zak')} Secret12"
        put(full, "meeting.updated", 7, id=CHOIR, topic=pasted)
        FoldWorker(full).fold_pending()
        for one in (door, watcher):
            assert signature not in one.get("/events/1").body.decode()
            for page in ("/events", "/events/1"):
                shown = words(one.get(page))
                assert "Choir," in shown, "the topic"
                assert re.findall("zak=|Secret12", shown) == []

    def test_is_masked_in_a_thread_while_zoom_is_answered(
        self, stub: Door, full: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A body of a megabyte takes seconds."""
        threads: list[str] = []

        def mask(_: bytes, *, passcodes: bool) -> str:
            threads.append(threading.current_thread().name)
            return f"masked, {passcodes=}"

        monkeypatch.setattr(masking, "mask_body", mask)
        assert "masked, passcodes=True" in words(stub.get("/events/1"))
        assert threads == ["blocking"]

    def test_that_failed_says_whose_mistake_it_is(self, stub: Door, full: Store) -> None:
        answer = stub.get("/events/6")
        shown = words(answer)
        assert "fault in the bridge, not in your setup" in shown
        assert "KeyError: broken" in shown
        assert "Changes" not in shown

    def test_without_the_names_of_people_says_so(self, stub: Door, full: Store) -> None:
        person = {"id": "r", "email": "jill@example.com"}
        number = put(full, "meeting.registration_created", 20, id=CHOIR, registrant=person)
        assert "jill@example.com" in words(stub.get(f"/events/{number}"))
        Retention(full, days=1000, clock=lambda: NOON / 1000 + 40 * 24 * 3600).drop()
        shown = words(stub.get(f"/events/{number}"))
        assert "jill" not in shown
        assert "Personal names and addresses have been removed" in shown
        assert "signature of the request body is valid" in shown
        assert "have been removed" not in words(stub.get("/events/1"))

    def test_about_many_recordings_says_what_became_of_it(self, stub: Door, full: Store) -> None:
        told = {
            "event": "recording.batch_trashed",
            "event_ts": NOON + 30 * MINUTE,
            "payload": {"account_id": ACCOUNT, "object": {"meeting_uuids": ["u", "v"]}},
        }
        line = entry(full, told, received_at=NOON + 30 * MINUTE)
        full.write(lambda connection: log.append(connection, [line]))
        put(full, "recording.completed", 10, id=CHOIR, uuid="u", recording_files=[{"id": "f"}])
        while FoldWorker(full).fold_pending():
            pass
        assert ids(stub.get("/events?event=recording.batch_trashed")) == [10, 8]
        assert (
            "It names 2 recordings. 1 has an event of its own in the log of its meeting. 1 belongs to no known meeting"
            in words(stub.get("/events/8"))
        )
        part = words(stub.get("/events/10"))
        assert "Available recordings 1 nothing" in part
        assert "not received as a webhook" in part
        assert "Recorded by the bridge" in part

    def test_that_was_ignored_says_why(self, stub: Door, full: Store) -> None:
        shown = words(stub.get("/events/5"))
        assert "does not process events of this type" in shown
        assert "sites" not in shown.partition("What came")[2].partition("Received from Zoom")[0]

    def test_that_is_not_folded_yet_is_looked_at_again_by_itself(self, stub: Door, full: Store) -> None:
        answer = stub.get("/events/7")
        assert Elements(answer).named("zb-event-state")["data-live"] == "3"
        assert stub.path(link(answer, "Refresh")) == "/events/7"
        assert "Changes" in words(answer)

    def test_of_another_site_is_not_there(self, narrow: Door, full: Store) -> None:
        for path in ("/events/4", "/events/999"):
            answer = narrow.follow(narrow.get(path))
            assert "That event no longer exists" in words(answer)

    def test_names_no_other_site_to_whose_endpoint_it_came(
        self, narrow: Door, admin: Door, full: Store
    ) -> None:
        put(full, "meeting.updated", 30, id=CHOIR, topic="By s2", site_id="s2")
        assert "endpoint of Site s2" in words(admin.get("/events/8"))
        assert "Site s2" not in words(narrow.get("/events/8"))

    def test_of_the_bridge_itself_says_so(self, stub: Door, full: Store) -> None:
        told = event("meeting.updated", NOON + 99, id=CHOIR, topic="Read")
        line = replace(
            entry(full, told, received_at=NOON + 99), request=Request({}, raw(told)).sealed(full.sealer)
        )
        full.write(lambda connection: log.append(connection, [line]))
        assert "not received as a webhook" in words(stub.get("/events/8"))


class TestRefused:
    @pytest.fixture
    def held(self, full: Store) -> Store:
        refuse(full, 1, join_url=LINK)
        refuse(full, 2, "s2")
        refuse(full, 3)
        return full

    def test_are_a_view_of_their_own(self, admin: Door, stub: Door, held: Store) -> None:
        answer = admin.get("/events?outcome=refused")
        assert words(answer).count("Signed with another secret.") == 3
        assert words(admin.get("/events?outcome=refused&site=s2")).count("Signed with another secret.") == 1
        assert words(stub.get("/events?outcome=refused")).count("Signed with another secret.") == 2

    @both_stores
    def test_one_says_what_it_claims_and_hides_what_is_secret(self, door: Door, held: Store) -> None:
        answer = door.get("/events/quarantine/1")
        shown = words(answer)
        assert "could not be verified that Zoom sent this" in shown
        assert "meeting.created" in shown
        assert "ThePasscode" not in shown
        assert door.path(link(answer, "View secret tokens")).startswith("/webhooks")

    def test_of_another_site_are_not_there(self, narrow: Door, held: Store) -> None:
        answer = narrow.get("/events/quarantine/2")
        assert "no longer exists" in words(narrow.follow(answer))

    def test_none_says_that_all_is_well(self, door: Door, full: Store) -> None:
        assert "Nothing is quarantined" in words(door.get("/events?outcome=refused"))

    def test_alerts_are_dismissed_by_who_may_and_about_what_they_saw(
        self, held: Store, admin: Door, stub: Door, watcher: Door
    ) -> None:
        granted(held, ACCOUNT, "s1", "s2")
        assert "raises an alert" in words(admin.get("/events?outcome=refused&site=s2"))
        assert "Dismiss alert" not in words(watcher.get("/events?outcome=refused"))
        assert watcher.post("/events/dismiss", requests="quarantined", upto="9").code == 403
        answer = stub.follow(stub.post("/events/dismiss", requests="quarantined", upto="9", site="s2"))
        assert words(answer).count("Signed with another secret.") == 2, "they are kept"
        assert "an alert" not in words(answer)
        assert "1 of them names" in words(admin.get("/events?outcome=refused")), "that of the other site"
        answer = admin.follow(admin.post("/events/dismiss", requests="quarantined", upto="9", site="s2"))
        assert "an alert" not in words(answer)
        refuse(held, 4)
        assert "1 of them names" in words(stub.get("/events?outcome=refused")), "what comes later"

    @both_stores
    def test_are_checked_again(self, stub: Door, bridge: Bridge, held: Store) -> None:
        answer = stub.get(stub.path(link(stub.get("/events?outcome=refused"), "Recheck requests")))
        assert "2 quarantined requests" in words(answer)
        shown = stub.follow(stub.post("/events/replay", outcome="refused"))
        assert "Replay" in words(shown)
        with bridge.store.reading() as connection:
            (job,) = jobs.latest(connection, 9)
        assert (job.arguments, job.site_id) == ({"refused": True, "site": "s1"}, "s1")


class TestReplay:
    @both_stores
    def test_counts_first_and_says_what_will_happen(self, door: Door, full: Store) -> None:
        answer = door.get("/events/replay")
        shown = words(answer)
        assert ("7 events" if door.site is None else "6 events") in shown
        assert "One failed event is retried." in shown
        assert "This is the whole log." in shown
        shown = words(door.get(door.path(link(door.get("/events?outcome=failed"), "Replay events"))))
        assert "One event" in shown
        assert "whole log. You" not in shown

    @both_stores
    def test_begins_with_what_was_counted(self, door: Door, bridge: Bridge, full: Store) -> None:
        form = Elements(door.get(f"/events/replay?number={COUNCIL}&event=meeting.updated"))
        hidden = {
            str(one["name"]): str(one["value"])
            for one in form.all("input")
            if one.get("type") == "hidden" and not str(one["name"]).startswith("_")
        }
        assert hidden == {"number": str(COUNCIL), "event": "meeting.updated"}
        answer = door.post("/events/replay", **hidden)
        assert re.fullmatch(r"/jobs/[0-9]+", answer.headers["Location"])
        with bridge.store.reading() as connection:
            (job,) = jobs.latest(connection, 9)
        asked = EventFilter.from_json(job.arguments["filter"])
        assert (asked.number, asked.event) == (COUNCIL, "meeting.updated")
        assert asked.until is not None
        assert asked.until <= time.time() * 1000 + 1000
        assert job.site_id == (None if door.site is None else "s1")
        assert asked.site_id == job.site_id
        assert job.requested_by == "anna"

    def test_of_one_event(self, door: Door, bridge: Bridge, full: Store) -> None:
        answer = door.get(door.path(link(door.get("/events/6"), "Replay event")))
        assert "Replay one event" in words(answer)
        assert "One failed event is retried." in words(answer)
        door.post("/events/replay", id="6")
        with bridge.store.reading() as connection:
            assert jobs.latest(connection, 1)[0].arguments == {"event": 6}

    def test_of_another_sites_event_is_refused(self, narrow: Door, bridge: Bridge, full: Store) -> None:
        assert narrow.get("/events/replay?id=4").headers["Location"] == "/events?gone=yes"
        assert narrow.post("/events/replay", id="4").headers["Location"] == "/events?gone=yes"
        narrow.post("/events/replay", site="s2")
        with bridge.store.reading() as connection:
            found = jobs.latest(connection, 9)
        assert [EventFilter.from_json(job.arguments["filter"]).site_id for job in found] == ["s1"]

    def test_is_not_for_who_may_only_look(self, watcher: Door, bridge: Bridge, full: Store) -> None:
        assert "Replay events" not in words(watcher.get("/events"))
        assert "You can view events, but not replay them" in words(watcher.get("/events/replay"))
        assert watcher.post("/events/replay").code == 403
        with bridge.store.reading() as connection:
            assert jobs.latest(connection, 1) == []

    def test_of_nothing_says_so(self, door: Door, full: Store) -> None:
        shown = words(door.get("/events/replay?event=none.such"))
        assert "Nothing to replay" in shown
        assert "Begin" not in shown

    def test_says_where_too_many_wait(self, door: Door, full: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(jobs, "MOST_UNFINISHED", 0)
        answer = door.post("/events/replay", outcome="failed")
        assert answer.code == 422
        assert "The job was not started." in words(answer)


class TestJob:
    @pytest.fixture
    def job_id(self, bridge: Bridge, full: Store) -> int:
        return bridge.job_runner.enqueue("replay", {"event": 6}, site_id="s1", requested_by="anna").id

    def become(self, store: Store, job_id: int, state: JobState, **more: Any) -> None:
        store.write(
            lambda connection: connection.execute(
                update(jobs_table).where(jobs_table.c.id == job_id).values(state=state, **more)
            )
        )

    @both_stores
    def test_shows_how_far_it_is_and_brings_itself_up_to_date(
        self, door: Door, full: Store, job_id: int
    ) -> None:
        self.become(
            full, job_id, JobState.RUNNING, total=340, done=120, counts={"reopened": 2, "new_thing": 1}
        )
        answer = door.get(f"/jobs/{job_id}")
        shown = words(answer)
        assert "120 of 340" in shown
        assert "Events replayed: 2" in shown
        assert "new thing: 1" in shown
        page = Elements(answer)
        assert page.named(f"zb-job-{job_id}")["data-live"]
        (bar,) = page.all("progress")
        assert (bar["max"], bar["value"]) == ("340", "120")
        assert door.path(link(answer, "Refresh")) == f"/jobs/{job_id}"
        (tab,) = [one for one in page.all("a") if one.get("aria-current") == "page"]
        assert door.path(tab["href"] or "") == "/events", "the tab of what the job is about"

    @both_stores
    def test_is_stopped_and_gone_on_with(self, door: Door, full: Store, job_id: int) -> None:
        assert "Stopped" in words(door.follow(door.post(f"/jobs/{job_id}", do="stop")))
        answer = door.follow(door.post(f"/jobs/{job_id}", do="continue"))
        assert "Queued" in words(answer)
        door.post(f"/jobs/{job_id}", do="something")
        assert "Queued" in words(door.get(f"/jobs/{job_id}"))

    def test_says_why_it_failed(self, door: Door, full: Store, job_id: int) -> None:
        self.become(full, job_id, JobState.FAILED, message="The disk is gone.", ended_at=NOON)
        answer = door.get(f"/jobs/{job_id}")
        assert "The disk is gone." in words(answer)
        assert "Resume job" in words(answer)
        assert "data-live" not in Elements(answer).named(f"zb-job-{job_id}")

    def test_is_only_looked_at_by_who_may_not_change(self, watcher: Door, full: Store, job_id: int) -> None:
        assert "Stop" not in words(watcher.get(f"/jobs/{job_id}")).partition("Replay")[2]
        assert watcher.post(f"/jobs/{job_id}", do="stop").code == 403

    def test_of_another_site_is_not_there(self, narrow: Door, bridge: Bridge, full: Store) -> None:
        others = [
            bridge.job_runner.enqueue("replay", {"event": 4}, site_id="s2").id,
            bridge.job_runner.enqueue("replay", {"event": 4}).id,
            99,
        ]
        for job_id in others:
            assert "no longer exists" in words(narrow.follow(narrow.get(f"/jobs/{job_id}")))
            assert narrow.post(f"/jobs/{job_id}", do="stop").headers["Location"] == "/jobs?gone=yes"
        with bridge.store.reading() as connection:
            assert not any(job.has_ended for job in jobs.latest(connection, 9))

    @both_stores
    def test_is_listed(self, door: Door, bridge: Bridge, full: Store, job_id: int) -> None:
        bridge.job_runner.enqueue("replay", {"event": 4}, site_id="s2", requested_by="berta")
        shown = words(door.get("/jobs"))
        assert "by anna" in shown
        assert ("by berta" in shown) is (door.site is None)

    def test_none_says_so(self, door: Door) -> None:
        assert "No recent jobs" in words(door.get("/jobs"))


class TestLargeRequests:
    """What was too large to keep stands beside the quarantine, until it is dismissed."""

    @pytest.fixture
    def dropped(self, store: Store, admin: Door) -> Store:
        """One at each of two sites."""
        connected(store, "s2")
        for site_id in ("s1", "s2"):
            for cause in LargeRequestCause:
                store.write(
                    lambda connection, site_id=site_id, cause=cause: large_requests.add(  # type: ignore[misc]
                        connection, site_id, signed(b"x"), store.sealer, cause=cause, size=2_000_000, now=NOON
                    )
                )
        return store

    def test_are_listed_and_alerted(self, dropped: Store, admin: Door, stub: Door) -> None:
        assert words(admin.get("/events?outcome=refused")).count("2,000,000 bytes") == 4
        shown = words(stub.get("/events?outcome=refused"))
        assert shown.count("2,000,000 bytes") == 2
        assert "Too large" in shown
        assert "Wrong signature, and too large for the quarantine" in shown
        assert "s2.example.org" not in shown
        alerts = words(stub.get("/"))
        assert "was too large, and is lost" in alerts
        assert "too large for the quarantine" in alerts

    def test_are_dismissed_by_who_may(self, dropped: Store, admin: Door, stub: Door, watcher: Door) -> None:
        shown = stub.get("/events?outcome=refused")
        (field,) = [one for one in Elements(shown).all("input") if one.get("name") == "upto"]
        upto = str(field["value"])
        assert watcher.post("/events/dismiss", requests="large", upto=upto).code == 403
        for wrong in ({"requests": "large", "upto": "nonsense"}, {"requests": "all", "upto": upto}):
            assert stub.post("/events/dismiss", **wrong).code == 303
        assert words(admin.get("/events?outcome=refused")).count("2,000,000 bytes") == 4
        answer = stub.follow(stub.post("/events/dismiss", requests="large", upto=upto, site="s2"))
        assert "2,000,000 bytes" not in words(answer)
        assert words(admin.get("/events?outcome=refused")).count("2,000,000 bytes") == 2, (
            "those of the other site"
        )


class TestWaiting:
    def test_shows_what_waits_for_a_grant(self, door: Door, store: Store) -> None:
        granted(store, ACCOUNT, "elsewhere")
        line = entry(store, event("meeting.created", topic="Theirs"), site_id="s1")
        store.write(lambda connection: log.append(connection, [line]))
        listed = words(door.get("/events?outcome=waiting"))
        assert "Waiting for a grant" in listed
        assert "Its Zoom account is not granted to this site." in listed
        with store.reading() as connection:
            (found,) = log_events.page(connection, EventFilter(), limit=9).events
        shown = words(door.get(f"/events/{found.id}"))
        assert "is not granted to this site, so nothing followed from it" in shown
