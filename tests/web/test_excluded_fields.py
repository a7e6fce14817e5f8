"""After every event at hand, people, keys and links are where they may be and nowhere else."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import structlog
from click.testing import CliRunner
from sqlalchemy import select

from core.errors import Fault
from core.model.fold import SNAPSHOT
from core.pipeline.fold_worker import FoldWorker
from core.pipeline.mirror_worker import MirrorWorker
from core.store.db.schema import events, meetings, posts
from core.store.events import log
from core.store.events.log import Outcome
from core.store.events.request import Request
from core.store.posts import queue
from tests.core.conftest import KEYS
from tests.core.events import NOW, NUMBER, signed
from tests.core.pipeline.test_kept_fields import columns, opened
from tests.core.site_double import SiteDouble, fault
from tests.core.store.entries import entry
from tests.markers import MARKER, Markers
from tests.scenarios import every_event
from tests.web.conftest import METRICS_TOKEN
from tests.web.pages.doors import Door
from web.cli import zoombridge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from core.bridge import Bridge
    from core.store.db.engine import Store
    from core.store.sites.sites import Site
    from tests.web.conftest import Http

# The encrypted log, and what is to become a part of it.
_LOG = {"events.request", "quarantine.request", "large_requests.headers"}
_ROUNDS = 6  # of writing posts
_FAILING_NUMBER = 7  # of so many posts one fails with the site's message


@dataclass
class Scene:
    """A store that all events went through, with what was logged meanwhile."""

    store: Store
    markers: Markers
    logged: str


@pytest.fixture
def scene(store: Store, bridge: Bridge, wp_site: Site, caplog: pytest.LogCaptureFixture) -> Iterator[Scene]:
    """Let every event arrive as it is and with markers, fold them, and write the posts."""
    caplog.set_level(logging.DEBUG)
    markers = Markers()
    with structlog.testing.capture_logs() as logged:
        for told in every_event():
            markers.note(told)
        arrive(bridge, wp_site, [one for told in every_event() for one in (told, markers.mark(told))])
        with store.reading() as connection:
            outcomes = set(connection.scalars(select(events.c.outcome).distinct()))
        assert outcomes >= {Outcome.PENDING, Outcome.IGNORED}
        while FoldWorker(store).fold_pending():
            pass
        write_posts(store)
        yield Scene(store, markers, json.dumps(logged, default=str) + caplog.text)


def arrive(bridge: Bridge, site: Site, every: Iterable[dict[str, Any]]) -> None:
    """Take events as Zoom sends them; a snapshot is the bridge's own."""
    bridge.ingest.load_secrets(site.id)
    entries = []
    for told in every:
        if told.get("event") == SNAPSHOT:
            entries.append(entry(bridge.store, told, site_id=None, received_at=NOW * 1000))
            continue
        body = json.dumps(told).encode("ascii")
        request = Request(signed(body, at=bridge.ingest.clock()), body)
        verification = bridge.ingest.verify(site.id, request)
        assert verification is not None
        assert verification.error is None, body
        if verification.is_logged:
            entries.append(bridge.ingest.entry_of(site.id, request, verification))
    bridge.store.write(partial(log.append, entries=entries))


def write_posts(store: Store) -> None:
    double = SiteDouble()
    double.on_operation = lambda operation: (
        fault(Fault.REFUSED) if len(double.performed) % _FAILING_NUMBER == 0 else None
    )
    worker = MirrorWorker(store, connect=lambda _: double)
    now = NOW * 1000 + 10**12  # every post is due
    claim = partial(
        queue.claim,
        sealer=store.sealer,
        owner="me",
        now=now,
        lease_until=now + 1,
        room=50,
        busy=[],
        at_once=50,
    )
    for _ in range(_ROUNDS):
        claims = store.write(claim)
        worker.mirror(claims)
    assert double.posts


def pasted(markers: Markers) -> Iterator[dict[str, Any]]:
    """Yield the events that tell topic, link and passcode, with these two in the topic, each of another meeting."""
    for place, told in enumerate(every_event()):
        about = told["payload"].get("object")
        if isinstance(about, dict) and all(
            isinstance(about.get(key), str) and about[key] for key in ("topic", "join_url", "password")
        ):
            marked = markers.mark(told)
            filled = marked["payload"]["object"]
            filled["topic"] += f" {filled['join_url']} {filled['password']}"
            filled["id"] = NUMBER + 50_000 + place
            yield marked


def found_in(value: str, markers: dict[str, str]) -> list[str]:
    """Return those of the markers that a value holds, and where they stand in the events."""
    return sorted({f"{one} ({markers[one]})" for one in re.findall(MARKER, value) if one in markers})


class TestTables:
    def test_hold_people_and_keys_in_the_log_alone_and_links_and_passcodes_encrypted(
        self, scene: Scene
    ) -> None:
        assert min(len(scene.markers.excluded), len(scene.markers.secrets)) > 300
        noted = scene.markers.noted()
        assert len(noted) > 20
        searched = re.compile(b"|".join(re.escape(one.encode()) for one in sorted(noted)))
        leaks: dict[str, list[str]] = {}
        encrypted = 0
        values = [(name, one) for name, held in columns(scene.store).items() for one in held]
        for name, raw in values:
            plain = opened(scene.store.sealer, raw)
            stored, decrypted = raw.decode("utf-8", "replace"), plain.decode("utf-8", "replace")
            found = found_in(stored, scene.markers.everything())
            if name not in _LOG:
                found += found_in(decrypted, scene.markers.excluded)
                found += [f"{one.decode()} ({noted[one.decode()]})" for one in searched.findall(plain)]
                encrypted += len(found_in(decrypted, scene.markers.secrets))
            leaks.setdefault(name, []).extend(found)
        assert {name: found[:9] for name, found in leaks.items() if found} == {}
        assert encrypted > 50, "they are needed, and searched for where they are"

    def test_hold_no_invitation_that_a_host_pasted_into_a_topic(
        self, store: Store, bridge: Bridge, wp_site: Site
    ) -> None:
        markers = Markers()
        arrive(bridge, wp_site, pasted(markers))
        while FoldWorker(store).fold_pending():
            pass
        assert len(markers.secrets) > 100
        for name, held in columns(store).items():
            assert not found_in(b"\n".join(held).decode("utf-8", "replace"), markers.secrets), name
        with store.reading() as connection:
            words = connection.scalars(select(meetings.c.words)).all()
        assert len([one for one in words if one.strip()]) > 50, "what is left of the topics"


LISTS = (
    "/", "/meetings", "/events", "/events?outcome=unreadable", "/events?outcome=ignored", "/webhooks", "/sites", "/sites/s1",
    "/accounts", "/accounts/grants", "/accounts/held", "/jobs", "/settings", "/users", "/audit", "/account",
)  # fmt: skip
COMMANDS = (
    "site list", "site check s1", "account list", "account grants", "events list", "events list --outcome unreadable",
    "job list", "user list", "quarantine list", "audit --limit 1000", "audit --json", "doctor",
)  # fmt: skip
SHOWN = 25  # of so many meetings and events, one is shown in detail


@pytest.fixture
def doors(http: Http, wp_site: Site, session: dict[str, str], viewer: dict[str, str]) -> dict[str, Door]:
    return {
        "administrator": Door(http, session),
        "viewer": Door(http, viewer),
        "site": Door(http, site=wp_site),
    }


class TestOutput:
    """Pages, metrics, commands and logs. Pages of an event show its body to those who may see the log."""

    def test_of_metrics_and_logs(self, scene: Scene, monitored: Http) -> None:
        metrics = monitored("GET", "/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
        assert "zoombridge_alerts" in metrics.body.decode()
        assert "post_mirrored" in scene.logged
        assert not found_in(metrics.body.decode() + scene.logged, scene.markers.everything())

    def test_of_pages(self, scene: Scene, doors: dict[str, Door]) -> None:
        opening, keys, everything = scene.markers.opening(), scene.markers.keys(), scene.markers.everything()
        with scene.store.reading() as connection:
            known = connection.execute(select(posts.c.account_id, posts.c.number)).all()
            ids = connection.scalars(select(events.c.id)).all()[::SHOWN]
        details = [
            f"/meetings/{quote(account_id, safe='')}/{number}" for account_id, number in known[::SHOWN]
        ]
        assert len(details) >= 5
        for who, door in doors.items():
            is_viewer = who == "viewer"
            for path in (*LISTS, *details):
                page = body_of(door, path)
                assert not found_in(page, scene.markers.excluded), (who, path)
                if is_viewer or path in LISTS:
                    assert not found_in(page, opening), (who, path)
                assert not found_in(comments(page), opening), (who, path)
            for event_id in ids:
                page = body_of(door, f"/events/{event_id}")
                assert not found_in(page, keys), (who, event_id)
                assert not found_in(comments(page), everything), (who, event_id)
                if is_viewer:
                    assert not found_in(page, opening), (who, event_id)

    def test_of_commands(
        self, scene: Scene, migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with scene.store.reading() as connection:
            ids = connection.scalars(select(events.c.id)).all()[:: SHOWN * 4]
        scene.store.close()
        monkeypatch.setenv("ZOOMBRIDGE_KEY", KEYS)
        monkeypatch.setenv("ZOOMBRIDGE_DATABASE_URL", migrated_url)
        monkeypatch.setenv("ZOOMBRIDGE_DATA", str(tmp_path / "data"))
        for command in (*COMMANDS, *(f"events show {one}" for one in ids)):
            ran = CliRunner().invoke(zoombridge, command.split())
            assert ran.output, command
            told = scene.markers.keys() if "show" in command else scene.markers.excluded
            assert not found_in(ran.output, scene.markers.opening() | told), command


def body_of(door: Door, path: str) -> str:
    answer = door.get(path)
    # Users and the list of sites are not for everybody, and a site sees only its own events.
    assert answer.code == 200 or path in LISTS or door.site is not None, (path, answer.code)
    return answer.body.decode()


def comments(page: str) -> str:
    return "".join(re.findall(r"<!--.*?-->", page, re.DOTALL))
