"""Signed nonsense: whatever is signed is kept and answered 204, and everything that shows the log bears it."""

from __future__ import annotations

import asyncio
import json
import re
import time
from itertools import islice
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from core.jobs.runner import JobRunner
from core.model.fold import acts_on
from core.monitoring.throughput import Throughput
from core.pipeline import replay
from core.pipeline.fold_worker import FoldWorker
from core.pipeline.retention import Retention
from core.store.db.schema import events
from core.store.events import search
from core.store.events.log import Outcome
from core.store.events.search import EventFilter
from core.zoom import masking
from core.zoom.validation import EVENT as VALIDATION
from tests.core.clock import Clock
from tests.core.jobs.test_runner import load as load_job
from tests.core.jobs.test_runner import run as run_jobs
from tests.examples import NONSENSE, Amount, Progress, took
from tests.nonsense import bodies
from tests.web.acceptor.in_process import accepted
from tests.web.conftest import RPC_TOKEN, from_stub
from tests.web.pages.doors import Door
from tests.web.webhooks.test_dispatcher import PATH, Asking, direct, stubs
from web.app import make_app
from web.rpc import api, event_operations
from web.webhooks.dispatcher import Dispatcher

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tornado.ioloop import IOLoop

    from core.bridge import Bridge
    from core.store.db.engine import Store
    from core.store.sites.sites import Site
    from tests.web.conftest import Http

_SEED = 20261128
_BATCH = 16
_LISTED = 500  # events on a page of the API
_DETAILED = Amount(50, 1_000)  # of so many events, one is read in detail, besides the first of each kind
# What would command a terminal, or reorder a line.
_COMMANDS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
_LATER = 500 * 24 * 3600  # seconds, after which the retention drops everything
_NAMES_LATER = 60 * 24 * 3600  # seconds, after which names have to be gone


def is_answerable(body: bytes) -> bool:
    """Whether a body is a validation of the endpoint, which is answered and not kept."""
    try:
        told = json.loads(body.decode("utf-8-sig"))
        return told["event"].strip() == VALIDATION and 0 < len(told["payload"]["plainToken"]) <= 1000
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return False


class TestThroughTheDispatcher:
    """The way of every request behind HTTP: verified in batches, stored by one commit."""

    @pytest.fixture
    def sent(self, bridge: Bridge, store: Store, wp_site: Site) -> int:
        """How many bodies were sent."""
        total = NONSENSE[store.url.get_backend_name()].now
        progress = Progress("signed bodies", total)
        made = bodies(_SEED, total)

        async def send() -> None:
            asking = Asking(bridge.ingest, answer_seconds=600.0)
            while batch := list(islice(made, _BATCH)):
                requests = [
                    stubs(wp_site, body) if index % 2 else direct(body) for index, body in enumerate(batch)
                ]
                for body, answer in zip(batch, await asking.answers(*requests), strict=True):
                    right = {200, 204} if is_answerable(body) else {204}
                    assert answer.status in right, (answer, body[:2000])
                    progress.one_more()

        asyncio.run(send())
        progress.over()
        return total

    def test_all_are_kept_and_everything_goes_on(
        self, bridge: Bridge, store: Store, wp_site: Site, sent: int
    ) -> None:
        with store.reading() as connection:
            kept = connection.scalar(select(func.count()).select_from(events)) or 0
            counted = select(events.c.outcome, func.count()).group_by(events.c.outcome)
            outcomes: dict[str, int] = {row[0]: row[1] for row in connection.execute(counted)}
        print(f"{sent:,} sent, {kept:,} in the log: {outcomes}")
        assert kept > sent * 0.8, "the rest are validations, and one event written in two ways"
        # With 100,000, more accounts are named than a site is granted by their first event: those of the others wait.
        always = {Outcome.PENDING, Outcome.IGNORED, Outcome.UNREADABLE}
        assert always <= set(outcomes) <= always | {Outcome.WAITING}
        with took("folding"):
            _fold(store)
        with took("reading"):
            _read_all(bridge, store, wp_site)
        with took("replaying"):
            _replay(bridge)
        with took("dropping"):
            _retain(store)


def _fold(store: Store) -> None:
    """Fold all that is pending: what cannot be folded fails by itself."""
    worker = FoldWorker(store)
    while worker.fold_pending():
        pass
    with store.reading() as connection:
        assert not search.count(connection, EventFilter(outcome=Outcome.PENDING)).number
        failed = connection.execute(
            select(events.c.reason, func.count())
            .where(events.c.outcome == Outcome.FAILED)
            .group_by(events.c.reason)
        ).all()
    assert not failed, failed


def _read_all(bridge: Bridge, store: Store, wp_site: Site) -> None:
    """Go through the log as pages, commands and the API do: every line and every request, and some in detail."""
    before: tuple[int, int] | None = None
    seen: set[tuple[str, str | None]] = set()
    listed = 0
    progress = Progress("read", NONSENSE[store.url.get_backend_name()].now)
    while True:
        found = event_operations.list_events(
            bridge, api.ListEvents(filter=api.EventQuery(), limit=_LISTED, before=before)
        )
        listed += len(found.events)
        api.EVENTS_LIST.dump_result(found)
        _read_requests(store, [line.id for line in found.events])
        for line in found.events:
            assert line.event.isprintable()
            assert (line.outcome == Outcome.UNREADABLE) <= bool(line.reason)
            kind = (
                line.event if acts_on(line.event) else "",
                re.sub(r"\d+", "n", f"{line.outcome} {line.reason}"),
            )
            if kind not in seen or line.id % _DETAILED.now == 0:
                seen.add(kind)
                _read(bridge, line.id)
            progress.one_more()
        before = found.next
        if before is None:
            break
    progress.over()
    with store.reading() as connection:
        assert listed == connection.scalar(select(func.count()).select_from(events))
        for outcome in Outcome:
            for site_id in (None, wp_site.id):
                wanted = EventFilter(outcome=outcome, site_id=site_id)
                page = search.page(connection, wanted, limit=50)
                assert all(line.outcome == outcome for line in page.events)
                assert bool(page.events) == bool(search.count(connection, wanted).number)
        for name in search.event_names(connection)[:50]:
            assert search.page(connection, EventFilter(event=name), limit=1).events
        replay.preview(connection, wanted=EventFilter())
    Throughput(store).week(int(time.time() * 1000))


def _read_requests(store: Store, event_ids: list[int]) -> None:
    """Open every request and show it masked, as support does."""
    with store.reading() as connection:
        for event_id in event_ids:
            request = search.load_request(connection, event_id, store.sealer)
            for passcodes in (False, True):
                shown = masking.mask_body(request.body, passcodes=passcodes)
                assert not _COMMANDS.search(shown)
                shown.encode()


def _read(bridge: Bridge, event_id: int) -> None:
    """Show an event in detail, which folds its meeting up to it."""
    found = event_operations.show_event(bridge, api.EventRequest(event=event_id))
    api.EVENTS_SHOW.dump_result(found)
    changes = [text for change in found.changes for text in (change.name, change.old, change.new)]
    for text in (found.body, *found.headers.values(), found.event.reason or "", *changes):
        assert not _COMMANDS.search(text)
        text.encode()


def _replay(bridge: Bridge) -> None:
    """Replay what is unreadable: with the same version it stays so."""
    wanted = EventFilter(outcome=Outcome.UNREADABLE)
    with bridge.store.reading() as connection:
        before = search.count(connection, wanted, most=10**6).number
    job = replay.ReplayJob(bridge.store, bridge.ingest, most_due=10**9)
    runner = JobRunner(bridge.store, {replay.KIND: job})
    asked = replay.enqueue_replay(runner, wanted=wanted, now=int(time.time() * 1000))
    run_jobs(runner)
    done = load_job(bridge.store, asked)
    with bridge.store.reading() as connection:
        assert search.count(connection, wanted, most=10**6).number == before > 0
    assert (done.state, done.counts) == (
        "done",
        {"unreadable": before, "reopened": 0, "changed": 0, "same": 0, "posts": 0},
    )


def _retain(store: Store) -> None:
    """Names go, with the bodies of which nobody can tell whether they have any; then everything goes."""
    clock = Clock(time.time() + _NAMES_LATER)
    Retention(store, clock=clock, days=10_000, events=10**9, names_days=30).drop()
    with store.reading() as connection:
        unreadable = connection.scalars(
            select(events.c.id).where(events.c.outcome == Outcome.UNREADABLE).limit(500)
        ).all()
        assert not any(search.load_request(connection, one, store.sealer).body for one in unreadable)
    clock.now += _LATER
    Retention(store, clock=clock, days=100, events=10**9, names_days=30).drop()
    with store.reading() as connection:
        left = connection.execute(select(events.c.outcome, func.count()).group_by(events.c.outcome)).all()
    assert not left, left


class TestOverHttp:
    """The whole way in and out: the server, the acceptor's channel, the stub's signature, pages and the API."""

    @pytest.fixture(params=["alone", "with an acceptor"])
    def http(
        self, request: pytest.FixtureRequest, http: Http, io_loop: IOLoop, bridge: Bridge
    ) -> Iterator[Http]:
        if request.param == "alone":
            yield http
            return
        dispatcher = Dispatcher(bridge.ingest, answer_seconds=600.0)
        app = make_app(bridge, rpc_token=RPC_TOKEN, dispatcher=dispatcher)
        with accepted(io_loop, app, dispatcher) as accepting:
            yield accepting

    def test_every_body_is_answered_and_every_page_shows_it(
        self, http: Http, bridge: Bridge, store: Store, wp_site: Site, session: dict[str, str]
    ) -> None:
        for index, body in enumerate(bodies(_SEED + 1, 30)):
            sent = direct(body)
            path, headers = sent.target, dict(sent.headers)
            if index % 2:
                path, headers = PATH, headers | from_stub(wp_site, "POST", PATH, body, timestamp=1)
            answer = http("POST", path, body, headers)
            assert answer.code in ({200, 204} if is_answerable(body) else {204}), (answer.body, body[:2000])
        _fold(store)
        with store.reading() as connection:
            ids = connection.scalars(select(events.c.id)).all()
        for door in (
            Door(http, session),
            Door(http, session | {"Accept-Language": "de"}),
            Door(http, site=wp_site),
        ):
            for path in (
                "/events",
                "/events?outcome=unreadable",
                "/events?outcome=refused",
                "/",
                "/meetings",
                "/webhooks",
            ):
                assert door.get(path).code == 200
            for event_id in ids:
                assert door.get(f"/events/{event_id}").code == 200, event_id
                assert door.get(f"/events/replay?id={event_id}").code == 200
        told = http(
            "POST", "/rpc/events.list", b'{"filter":{},"limit":100}', {"Authorization": f"Bearer {RPC_TOKEN}"}
        )
        assert len(json.loads(told.body)["result"]["events"]) == len(ids)
