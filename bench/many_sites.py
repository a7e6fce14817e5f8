"""How long each page takes with 400 sites and 40,000 posts."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import update
from tornado.httpclient import AsyncHTTPClient
from tornado.testing import bind_unused_port

from bench.figures import Figure, at_most, middle
from bench.place import Place, folder
from core.auth.passwords import Passwords
from core.auth.service import AuthService
from core.bridge import Bridge
from core.model.fold import Change, fold, position
from core.model.health_facts import FactName, HealthFinding
from core.monitoring.alerts import Alert, AlertKind, Severity
from core.sites.options import OptionsCache
from core.sites.pairing_codes import issue_code
from core.store import jobs
from core.store.auth.one_time_links import Purpose
from core.store.auth.users import Role
from core.store.db import schema
from core.store.events import log, quarantine
from core.store.events.log import Outcome
from core.store.events.request import Request
from core.store.meetings import meetings
from core.store.posts import queue
from core.store.posts.queue import PostState
from core.store.sites import grants, health, sites, zoom_secrets
from core.store.sites.grants import GrantSource
from core.store.sites.sites import Site
from core.zoom import envelope as zoom_envelope
from core.zoom.signature import Secret
from tests.core.events import event, raw
from tests.core.store.entries import entry
from tests.end_to_end.pages import page_routes
from tests.postgresql import PostgreSQL
from web.app import make_app
from web.http.server import make_server

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from bench.figures import Say, Scale
    from core.model.meeting import Meeting
    from core.store.db.engine import Store

_BOUND = 200.0  # milliseconds
_SITES, _POSTS_OF_A_SITE = 400, 100
_EVENTS_OF_A_SITE = 25
_ROUNDS = 7
_TRIED_SECONDS = 60.0
_HOUR, _DAY = 3_600_000, 86_400_000
_FIRST_NUMBER = 81_000_000_000
_TAGS = ("Berlin", "Hamburg", "Schools", "Parishes")


@dataclass(frozen=True, slots=True)
class _NoOptions:
    """A site that has neither authors nor categories, and answers at once."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def authors(self) -> list[Any]:
        return []

    def categories(self) -> list[Any]:
        return []


def sqlite(scale: Scale, say: Say) -> list[Figure]:
    """Time every page with 400 sites and 40,000 posts, in SQLite."""
    with folder() as made:
        return _measure("SQLite", made, None, scale, say)


def postgresql(scale: Scale, say: Say) -> list[Figure]:
    """Time every page with 400 sites and 40,000 posts, in PostgreSQL."""
    with folder() as made, PostgreSQL() as server:
        return _measure("PostgreSQL", made, server, scale, say)


def _measure(kind: str, made: Path, server: PostgreSQL | None, _scale: Scale, say: Say) -> list[Figure]:
    place = Place(made / "many", None if server is None else server.url())
    try:
        with place.open() as store:
            paths = fill(store, _SITES, say)
            taken = asyncio.run(times(store, paths))
    finally:
        place.close()
    slowest = sorted(taken, key=lambda path: -taken[path].milliseconds)
    for path in slowest:
        say(f"{taken[path].milliseconds:7.1f} ms, of the processor {taken[path].processor:7.1f} ms  {path}")
    seen = "; ".join(f"{path}: {taken[path].milliseconds:.0f} ms" for path in slowest[:3])
    busiest = max(taken.values(), key=lambda one: one.processor)
    name = f"{kind}: the slowest of {len(taken)} pages with {_SITES} sites, in ms"
    load = f"; processor at most {busiest.processor:.0f} ms; load {os.getloadavg()[0]:.1f}"
    return [at_most(name, taken[slowest[0]].milliseconds, _BOUND, seen + load)]


@dataclass(frozen=True, slots=True)
class PageTime:
    """What a page takes at the median, in milliseconds: from request to response, and of processor time of bridge and client.

    Beside other work on the machine the first grows, and the second hardly.
    """

    milliseconds: float
    processor: float


async def times(store: Store, paths: list[str]) -> dict[str, PageTime]:
    """Return what each page takes for an administrator of the bridge."""
    bridge = Bridge.create(store)
    auth = AuthService(store, Passwords())
    auth.add("anna", Role.ADMINISTRATOR)
    token = auth.sign_in_by_link(Purpose.SIGN_IN, auth.link("anna", Purpose.SIGN_IN))
    application = make_app(bridge, metrics_token="m" * 32)
    application.settings["choices"] = OptionsCache(connect=lambda _site: _NoOptions())  # type: ignore[arg-type,return-value]
    server = make_server(application)
    socket, port = bind_unused_port()
    server.add_socket(socket)
    client = AsyncHTTPClient(force_instance=True)
    found: dict[str, PageTime] = {}

    async def ask(path: str) -> PageTime:
        began, used = time.perf_counter(), time.process_time()
        answer = await client.fetch(
            f"http://127.0.0.1:{port}{path}",
            headers={"Cookie": f"zoombridge={token}", "Authorization": f"Bearer {'m' * 32}"},
            follow_redirects=False,
            raise_error=False,
            request_timeout=_TRIED_SECONDS,
        )
        if answer.code != 200:
            raise AssertionError(f"{path}: {answer.code}")
        return PageTime(1000 * (time.perf_counter() - began), 1000 * (time.process_time() - used))

    for path in paths:
        await ask(path)  # the first of each compiles its template
    for path in paths:
        rounds = [await _fresh(application, ask, path) for _ in range(_ROUNDS)]
        found[path] = PageTime(
            middle([one.milliseconds for one in rounds]), middle([one.processor for one in rounds])
        )
    client.close()
    server.stop()
    return found


async def _fresh(application: Any, ask: Any, path: str) -> PageTime:
    """Ask for a page of which nothing is remembered."""
    for name in ("cache_overview", "cache_hosts", "cache_known_hosts"):
        application.settings.pop(name, None)
    taken: PageTime = await ask(path)
    return taken


def fill(store: Store, count: int, say: Say) -> list[str]:
    """Fill a database with sites, each with posts and events; return the addresses of the pages."""
    now = int(time.time() * 1000)
    began = time.monotonic()
    sample = _meeting(now)
    for index in range(count):
        store.write(partial(_add_site, store=store, index=index, sample=sample, now=now))
        lines = [
            entry(
                store,
                event(
                    "meeting.updated",
                    now - (place * 6 + 1) * _HOUR - index,
                    account_id=_account(index),
                    id=_FIRST_NUMBER + index * 1000 + place,
                ),
                site_id=_id(index),
                received_at=now - (place * 6 + 1) * _HOUR - index,
                outcome=Outcome.APPLIED,
            )
            for place in range(_EVENTS_OF_A_SITE)
        ]
        store.write(lambda connection, lines=lines: log.append(connection, lines))  # type: ignore[misc]
        if (index + 1) % 100 == 0:
            say(f"{index + 1} sites after {time.monotonic() - began:.0f} s")
    job = store.write(
        lambda connection: jobs.enqueue(
            connection, "bulk", {"action": "check", "sites": []}, site_id=None, requested_by="anna", now=now
        )
    )
    return _paths(job.id, sample, count, _moment(store, now))


def _moment(store: Store, now: int) -> dict[str, str]:
    """Return the addresses of pages about something of one moment: a pairing code, a refused request, an alert."""
    code = issue_code(store, bridge_url="https://bridge.example.org", requested_by="/anna")
    refused = Request(headers={}, body=raw(event("meeting.updated", now)))
    store.write(
        lambda connection: quarantine.add(connection, _id(0), refused, store.sealer, reason="", now=now)
    )
    with store.reading() as connection:
        kept = quarantine.list_all(connection, _id(0), store.sealer)[0]
    alert = Alert(AlertKind.SITE, Severity.CRITICAL, _id(0))
    return {
        r"/sites/add/([0-9a-f]{16})$": f"/sites/add/{code.id}",
        r"/events/quarantine/([0-9]{1,18})$": f"/events/quarantine/{kept.id}",
        r"/alerts/([0-9a-f]{16})$": f"/alerts/{alert.id}",
    }


def _paths(job_id: int, sample: Meeting, count: int, moment: dict[str, str]) -> list[str]:
    """Return an address of every page of the URL table, and of lists as they are filtered."""
    values = {
        r"/meetings/([^/]{1,200})/([0-9]{1,15})$": f"/meetings/{_account(0)}/{sample.number}",
        r"/events/([0-9]{1,18})$": "/events/1",
        r"/jobs/([0-9]{1,18})$": f"/jobs/{job_id}",
        r"/jobs/([0-9]{1,18})/findings$": f"/jobs/{job_id}/findings",
        r"/users/sessions$": "/users/sessions?user=anna",
        r"/sites/([A-Za-z0-9_-]{1,64})$": f"/sites/{_id(0)}",
        r"/sites/([A-Za-z0-9_-]{1,64})/disconnect$": f"/sites/{_id(0)}/disconnect",
    }
    found = [(values | moment).get(route, route.removesuffix("$")) for route in page_routes()]
    return [
        *found,
        "/sites?page=8",
        "/sites?q=berlin&sort=event",
        "/sites?state=failing&tag=Schools",
        "/meetings?when=all",
        f"/meetings?site={_id(min(7, count - 1))}",
        "/meetings?q=Choir&when=all",
        "/meetings?posts=failing",
        f"/events?site={_id(min(7, count - 1))}",
        "/accounts/grants?q=site+39",
        f"/accounts/grants?account={_account(0)}",
        f"/settings?site={_id(count - 1)}",
        f"/webhooks?site={_id(count - 1)}",
        "/metrics",
    ]


def _id(index: int) -> str:
    return f"site{index:03}"


def _account(index: int) -> str:
    return f"Account{index:03}"


def _meeting(now: int) -> Meeting:
    body = raw(event("meeting.created", now - _DAY, account_id=_account(0), id=_FIRST_NUMBER))
    envelope = zoom_envelope.parse(body)
    mark = zoom_envelope.digest(envelope)
    found = fold(_account(0), _FIRST_NUMBER, [Change(position(envelope, mark, received_at=now), envelope)])
    assert found is not None
    return found


def _add_site(connection: Connection, *, store: Store, index: int, sample: Meeting, now: int) -> None:
    site_id, address = _id(index), f"https://{_id(index)}.example.org"
    site = Site(
        id=site_id,
        url=address,
        name=f"Site {index:03}",
        rest_root=f"{address}/wp-json/",
        username="",
        password="",
        key="5e" * 32,
        endpoints={name: f"{address}/wp-json/vczapi/v1/{name}" for name in sites.ROUTES},
        created_at=now - 30 * _DAY + index,
        home=address,
    )
    sites.save(connection, site, store.sealer)
    zoom_secrets.save(connection, site_id, Secret(f"secret{index}"), store.sealer, now=now)
    grants.add(connection, _account(index), site_id, GrantSource.ADMINISTRATOR, now=now)
    sites.change_tags(connection, site_id, add=[_TAGS[index % len(_TAGS)]])
    seen = {"validated_at": now - _HOUR, "last_event": "meeting.updated", "last_event_at": now - _HOUR}
    checked = {"checked_at": now, "check_due_at": now + 10 * _DAY, "last_write_at": now - _HOUR}
    connection.execute(update(schema.sites).where(schema.sites.c.id == site_id).values(**seen, **checked))
    well = index % 10 != 0  # one site in ten has a problem, half of these the same
    names = (FactName.WORDPRESS, FactName.PLUGIN, FactName.PAIRING, FactName.CLOCK, FactName.BRIDGE)
    message = "fine" if well else "The site does not answer." if index % 20 else f"Broken {index}."
    findings = [HealthFinding(name, well or name is not FactName.WORDPRESS, message) for name in names]
    health.record(connection, site_id, findings, now=now - _HOUR)
    health.record(connection, site_id, findings, now=now)
    wanted = []
    for place in range(_POSTS_OF_A_SITE):
        number = _FIRST_NUMBER + index * 1000 + place
        held = {**sample.object, "topic": f"Choir {index}-{place}"}
        meeting = replace(sample, account_id=_account(index), number=number, object=held)
        meetings.save(connection, store.sealer, meeting, seen=0, now=now)
        wanted.append((_account(index), number, 1))
    queue.schedule_writes(connection, wanted, now=now)
    written: dict[str, Any] = {
        "written": 1, "wanted": 1, "state": PostState.SYNCED, "due_at": None, "behind_since": None, "post_id": 5,
    }  # fmt: skip
    connection.execute(update(schema.posts).where(schema.posts.c.site_id == site_id).values(**written))
    if not well:
        failing = {"wanted": 2, "behind_since": now - _HOUR, "fault": "server", "fault_message": message}
        some = schema.posts.c.site_id == site_id, schema.posts.c.number % 10 == 0
        connection.execute(update(schema.posts).where(*some).values(**failing))
