"""How long the claim of the next posts and their write take, as the number of sites grows."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import update

from bench.figures import Figure, at_most, middle
from bench.place import Place, folder
from core.model.fold import Change, fold, position
from core.pipeline.mirror_worker import MirrorWorker
from core.store.db import schema
from core.store.meetings import meetings
from core.store.posts import queue
from core.store.sites import grants, sites
from core.store.sites.grants import GrantSource
from core.store.sites.sites import Site
from core.wordpress.sync_client import MOST_AT_ONCE
from core.zoom import envelope as zoom_envelope
from tests.core.events import event, raw
from tests.core.site_double import SiteDouble
from tests.postgresql import PostgreSQL

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from bench.figures import Say, Scale
    from core.model.meeting import Meeting
    from core.store.db.engine import Store

_POSTS = 20  # of each site
_TRIES = 20  # in each round
_FIRST_NUMBER = 82_000_000_000
_AHEAD = timedelta(days=30)
_LEASE_MILLISECONDS = 300_000
_EARLIER = 600_000  # milliseconds
_BOUND = 1.2  # times as long as with one site


@dataclass(slots=True)
class Taken:
    """Milliseconds that claims and writes took, by try."""

    claims: list[float] = field(default_factory=list)
    writes: list[float] = field(default_factory=list)

    @property
    def whole(self) -> float:
        """A claim and a write, at the median."""
        return middle(map(sum, zip(self.claims, self.writes, strict=True)))


def sqlite(scale: Scale, say: Say) -> list[Figure]:
    """Time claims and writes with 1, 100 and 1,000 sites that answer at once, in SQLite."""
    with folder() as made:
        return _measure("SQLite", made, None, scale, say)


def postgresql(scale: Scale, say: Say) -> list[Figure]:
    """Time claims and writes with 1, 100 and 1,000 sites that answer at once, in PostgreSQL."""
    with folder() as made, PostgreSQL() as server:
        return _measure("PostgreSQL", made, server, scale, say)


def _measure(kind: str, made: Path, server: PostgreSQL | None, scale: Scale, say: Say) -> list[Figure]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    counts = (1, scale.sites // 10, scale.sites)
    places = {count: Place(made / str(count), None if server is None else server.url()) for count in counts}
    crowds: dict[int, Crowd] = {}
    opened = []
    try:
        for count, place in places.items():
            opening = place.open()
            opened.append(opening)
            began = time.monotonic()
            crowds[count] = Crowd(opening.__enter__(), count)
            crowds[count].fill()
            say(f"{count:,} sites, {count * _POSTS:,} posts after {time.monotonic() - began:.0f} s")
        figures = []
        for name, all_due in (("one post due", False), ("all posts due", True)):
            rounds: dict[int, list[Taken]] = {count: [] for count in counts}
            for number in range(scale.rounds):
                for count in counts if number % 2 else reversed(counts):
                    rounds[count].append(crowds[count].measure(all_due=all_due))
            figures.append(_figure(f"{kind}, {name}", rounds, say))
        return figures
    finally:
        for opening in opened:
            opening.__exit__(None, None, None)
        for place in places.values():
            place.close()


def _figure(name: str, rounds: dict[int, list[Taken]], say: Say) -> Figure:
    few, *more = rounds
    seen = []
    for count, taken in rounds.items():
        claim = middle(middle(one.claims) for one in taken)
        write = middle(middle(one.writes) for one in taken)
        seen.append(f"{count:,} sites: {claim:.1f} + {write:.1f} ms")
    say(f"{name}: {'; '.join(seen)}")
    ratios = [
        middle(one.whole / alone.whole for one, alone in zip(rounds[count], rounds[few], strict=True))
        for count in more
    ]
    return at_most(
        f"claim and write, {name}, {max(rounds):,} sites / 1", max(ratios), _BOUND, "; ".join(seen)
    )


class Crowd:
    """A store with so many sites, each with an account and posts, and a mirror whose sites answer at once."""

    def __init__(self, store: Store, count: int) -> None:
        """Hold them; `fill` makes them."""
        self._store = store
        self._count = count
        self._turn = 0
        self._doubles: dict[str, SiteDouble] = {}
        self._mirror = MirrorWorker(
            store, connect=lambda site: self._doubles.setdefault(site.id, SiteDouble(home=site.home))
        )
        self._sample = _meeting()

    def fill(self) -> None:
        """Add the sites, and let the mirror make their posts."""
        for index in range(self._count):
            self._store.write(lambda connection, index=index: self._add_site(connection, index))  # type: ignore[misc]
        while self._work(room=8)[0]:
            pass

    def measure(self, *, all_due: bool) -> Taken:
        """Change the posts of one site after the other, or one post of each, and time their claim and their write.

        `all_due`: meanwhile, all posts of all other sites are due as well, though they became so later.
        """
        taken = Taken()
        if all_due:
            self._store.write(self._make_due)
        self._vacuum()
        for _ in range(_TRIES):
            self._turn += 1
            index = self._turn % self._count
            changed = range(_POSTS) if all_due else [self._turn % _POSTS]
            self._store.write(
                lambda connection, index=index, changed=changed: self._change(connection, index, changed)  # type: ignore[misc]
            )
            found, claim, write = self._work(room=1)
            if found != len(changed):
                raise AssertionError(f"{found} posts were claimed, not {len(changed)}.")
            taken.claims.append(claim)
            taken.writes.append(write)
        self._store.write(self._settle)
        return taken

    def _work(self, *, room: int) -> tuple[int, float, float]:
        """Claim posts of up to `room` sites and write them; return their number, and the milliseconds of each step."""
        began = time.perf_counter()
        with self._store.reading() as connection:
            queue.next_due(connection, busy=[])
        now = int(time.time() * 1000)
        claims = self._store.write(
            lambda connection: queue.claim(
                connection,
                self._store.sealer,
                owner="bench",
                now=now,
                lease_until=now + _LEASE_MILLISECONDS,
                room=room,
                busy=[],
                at_once=MOST_AT_ONCE,
            )
        )
        claimed = time.perf_counter()
        for site_id in dict.fromkeys(claim.site_id for claim in claims):
            self._mirror.mirror([claim for claim in claims if claim.site_id == site_id])
        return len(claims), 1000 * (claimed - began), 1000 * (time.perf_counter() - claimed)

    def _make_due(self, connection: Connection) -> None:
        """Let every post be due."""
        now = int(time.time() * 1000)
        connection.execute(update(schema.posts).values(wanted=schema.posts.c.wanted + 1, due_at=now))

    def _vacuum(self) -> None:
        """Do at once what PostgreSQL does by itself within a minute of many changes."""
        if self._store.is_shared:
            with self._store.engine.connect() as connection:
                connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM ANALYZE")

    def _change(self, connection: Connection, index: int, places: range | list[int]) -> None:
        """Change meetings of a site, whose posts are then due before all others."""
        now = int(time.time() * 1000)
        wanted = []
        for place in places:
            stored = meetings.load(connection, self._store.sealer, _account(index), _number(index, place))
            if stored is None:
                raise AssertionError("A meeting is missing.")
            meeting, revision = stored
            changed = replace(
                meeting, object={**meeting.object, "topic": f"Choir {place}, edition {self._turn}"}
            )
            meetings.save(connection, self._store.sealer, changed, seen=revision, now=now)
            wanted.append((_account(index), _number(index, place), revision + 1))
        queue.schedule_writes(connection, wanted, now=now - _EARLIER)

    def _settle(self, connection: Connection) -> None:
        """Let no post be due before the next meeting begins."""
        later = int((datetime.now(UTC) + _AHEAD).timestamp() * 1000)
        connection.execute(
            update(schema.posts)
            .where(schema.posts.c.written < schema.posts.c.wanted)
            .values(written=schema.posts.c.wanted, due_at=later, behind_since=None)
        )

    def _add_site(self, connection: Connection, index: int) -> None:
        now = int(time.time() * 1000)
        address = f"https://site{index}.example.org"
        site = Site(
            id=f"site{index}",
            url=address,
            name=f"Site {index}",
            rest_root=f"{address}/wp-json/",
            username="",
            password="",
            key="5e" * 32,
            endpoints={name: f"{address}/wp-json/vczapi/v1/{name}" for name in sites.ROUTES},
            created_at=now,
            home=address,
        )
        sites.save(connection, site, self._store.sealer)
        grants.add(connection, _account(index), site.id, GrantSource.ADMINISTRATOR, now=now)
        for place in range(_POSTS):
            meeting = replace(self._sample, account_id=_account(index), number=_number(index, place))
            meetings.save(connection, self._store.sealer, meeting, seen=0, now=now)
        wanted = [(_account(index), _number(index, place), 1) for place in range(_POSTS)]
        queue.schedule_writes(connection, wanted, now=now)


def _account(index: int) -> str:
    return f"Account{index:05}"


def _number(index: int, place: int) -> int:
    return _FIRST_NUMBER + index * 1000 + place


def _meeting() -> Meeting:
    begins = (datetime.now(UTC) + _AHEAD).strftime("%Y-%m-%dT%H:00:00Z")
    told: dict[str, Any] = {
        "topic": "Choir",
        "type": 2,
        "start_time": begins,
        "duration": 60,
        "join_url": "https://example.zoom.us/j/1",
    }
    envelope = zoom_envelope.parse(raw(event("meeting.created", account_id=_account(0), **told)))
    place = position(envelope, zoom_envelope.digest(envelope), received_at=1)
    found = fold(_account(0), _FIRST_NUMBER, [Change(place, envelope)])
    if found is None:
        raise AssertionError("The event makes no meeting.")
    return found
