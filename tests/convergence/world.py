"""A Zoom account, a bridge and a site: the bridge's real parts on a real database, moved on step by step."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from core.model.fold import Change, fold, position
from core.pipeline.fold_worker import FoldWorker
from core.pipeline.ingest import Ingest
from core.pipeline.mirror_worker import LEASE_SECONDS, MirrorWorker
from core.render import Presence, SiteRules, render
from core.store.db.schema import posts as posts_table
from core.store.events import log
from core.store.events.request import Request
from core.store.meetings import meetings
from core.store.posts import queue
from core.zoom import envelope as zoom_envelope
from tests.convergence.clock import Clock
from tests.convergence.ground import SITE
from tests.convergence.site_double import Killed, SiteDouble, lay_over
from tests.convergence.zoom_double import ACCOUNT, ZoomDouble, number_of
from tests.core.events import raw, signed

if TYPE_CHECKING:
    from core.model.meeting import Meeting
    from core.render import Post
    from core.store.db.engine import Store
    from core.store.posts.queue import Claim
    from tests.convergence.ground import Ground
    from tests.convergence.site_double import PostDouble

START = datetime(2026, 3, 2, 9, tzinfo=UTC).timestamp()
_LONGEST_WAY = 400  # steps to the quiet: far more than any way needs
# What is due may be another's, who has died with it: the mirror asks every second until the lease ends, a
# world less often.
_ASK_AGAIN_SECONDS = LEASE_SECONDS / 10


class Process:
    """One process of the bridge: its parts, and the posts that it works on."""

    def __init__(self, store: Store, clock: Clock, site: SiteDouble) -> None:
        self.store = store
        self.ingest = Ingest(store, clock=clock)
        self.folding = FoldWorker(store, clock=clock)
        self.mirror = MirrorWorker(store, clock=clock, connect=lambda _: site, chance=lambda: 0.0)
        self.claims: list[Claim] = []
        if store.is_exclusive:
            store.write(queue.expire_all_leases)  # as the mirror does when it starts


class World:
    """What a run of the machine moves."""

    def __init__(self, ground: Ground) -> None:
        self.clock = Clock(START)
        self.zoom = ZoomDouble(self.clock)
        self.site = SiteDouble()
        self.delivered: list[dict[str, Any]] = []
        self.never_again: set[int] = set()  # a person deleted their post for good
        self._ground = ground
        self._processes = [Process(store, self.clock, self.site) for store in ground.open()]

    @property
    def process(self) -> Process:
        """The process that does what is done next."""
        return self._processes[0]

    @property
    def store(self) -> Store:
        """The store of that process."""
        return self.process.store

    @property
    def is_shared(self) -> bool:
        """Whether there is more than one process."""
        return len(self._processes) > 1

    def turn(self) -> None:
        """Let another process do what is done next."""
        self._processes.append(self._processes.pop(0))

    def close(self) -> None:
        """End it in order."""
        self._ground.close([process.store for process in self._processes])

    # --- Steps --------------------------------------------------------------------------------------------

    def deliver(self, event: dict[str, Any]) -> None:
        """Zoom posts an event, signed, to the endpoint; it is taken, however often it comes."""
        body = raw(event)
        answer = self.process.ingest.receive(SITE, Request(signed(body, at=self.clock()), body))
        assert answer.status == 204, answer
        if event not in self.delivered:
            self.delivered.append(event)

    def heal(self, number: int) -> None:
        """What Zoom's REST API tells of a meeting goes into the log, as an import appends it."""
        snapshot = self.zoom.snapshot(number)
        if snapshot is None:
            return
        body = raw(snapshot)
        told = zoom_envelope.parse(body)
        digest = zoom_envelope.digest(told)
        now = self.clock.milliseconds
        entry = log.Entry(
            digest=digest,
            account_id=ACCOUNT,
            number=number,
            event=told.event,
            position=position(told, digest, received_at=now),
            received_at=now,
            site_id=SITE,
            request_id=None,
            request=Request({}, body).sealed(self.store.sealer),
            outcome=log.Outcome.PENDING,
        )
        self.store.submit_to_group(log.append, entry).result()
        self.delivered.append(snapshot)

    def fold(self) -> int:
        """One step of the fold."""
        return self.process.folding.fold_pending()

    def claim(self) -> None:
        """The mirror takes what is due."""
        claimed = self.store.write(partial(self.process.mirror._claim, limit=8, busy=[]))
        held = {claim.number for process in self._processes for claim in process.claims}
        assert not held & {claim.number for claim in claimed}, "Claimed by two at once."
        self.process.claims += claimed

    def work(self) -> None:
        """The mirror works on what it has claimed."""
        claims, self.process.claims = self.process.claims, []
        if claims:
            try:
                self.process.mirror.mirror(claims)
            except Killed:
                self.crash()

    def time_passes(self, seconds: float) -> None:
        """Time passes; who holds claims for longer than their lease is taken for dead."""
        self.clock.forward(seconds)
        if seconds >= LEASE_SECONDS:
            for process in self._processes:
                self._doubt(process.claims)
                process.claims = []

    def _doubt(self, claims: list[Claim]) -> None:
        self.site.in_doubt |= {post.id for claim in claims for post in self.site.of(claim.number)}

    def crash(self) -> None:
        """The process is killed, and another comes."""
        self._doubt(self.process.claims)
        self._processes[0] = Process(self._ground.killed(self.store), self.clock, self.site)

    def post_known(self, number: int) -> int | None:
        """Return the post that the bridge has for a number."""
        with self.store.reading() as connection:
            row = connection.execute(posts_table.select().where(posts_table.c.number == number)).one_or_none()
        return None if row is None else row.post_id

    # --- The end ------------------------------------------------------------------------------------------

    def run_until_quiet(self) -> None:
        """Go on until nothing is left to do: with nothing in its way, that is soon."""
        for _ in range(_LONGEST_WAY):
            while self.fold():
                pass
            for _ in self._processes:
                self.turn()
                self.work()
            self.claim()
            if self.process.claims:
                continue
            with self.store.reading() as connection:
                waiting = connection.execute(
                    posts_table.select().where(
                        (posts_table.c.written != posts_table.c.wanted)
                        | posts_table.c.fault.is_not(None)
                        | (posts_table.c.lease_until > 0)  # by a process that died: it is looked at again
                    )
                ).all()
                due = queue.next_due(connection, busy=[])
            if not waiting:
                return
            assert due is not None, f"Nothing will ever look at {waiting}."
            wait = due / 1000 - self.clock()
            self.clock.forward(wait if wait > 0 else _ASK_AGAIN_SECONDS)
        raise AssertionError(f"It does not come to rest: {waiting}")

    def _kept(self, number: int) -> Meeting | None:
        """Return the meeting that the bridge keeps."""
        with self.store.reading() as connection:
            known = meetings.load(connection, self.store.sealer, ACCOUNT, number)
        return known and known[0]

    def expected(self, number: int) -> Meeting | None:
        """Fold all that was delivered, at once, beside the bridge."""
        changes = []
        for event in self.delivered:
            if number_of(event) == number:
                told = zoom_envelope.parse(raw(event))
                at = position(told, zoom_envelope.digest(told), received_at=0)
                changes.append(Change(at, told))
        return fold(ACCOUNT, number, changes)

    def check(self) -> None:
        """The site shows what the delivered events make, and where none was lost, what Zoom holds."""
        for number, held in self.zoom.held.items():
            meeting = self.expected(number)
            assert self._kept(number) == meeting
            if held.losses == 0:
                assert not (wrong := self.zoom.differs_from(number, meeting)), f"{number}: {wrong}"
            if meeting is not None:
                wanted = render(meeting, SiteRules(), self.clock.moment)
                self._check_posts(number, wanted)

    def _check_posts(self, number: int, wanted: Post) -> None:
        found = self.site.of(number)
        assert len(found) <= 1, f"{number} has {len(found)} posts."
        match wanted.presence:
            case Presence.GONE:
                assert not found
            case Presence.TRASHED:
                assert all(post.status == "trash" for post in found)
            case Presence.SHOWN if number in self.never_again:
                assert not found, "A post that a person had deleted for good was made again."
            case Presence.SHOWN:
                assert found, f"{number} has no post."
                check_post(found[0], wanted)
            case Presence.WITHHELD:
                pass


def check_post(post: PostDouble, wanted: Post) -> None:
    """The post is what was rendered, but for what editors made of it."""
    if post.trashed_by_editor:
        assert post.status == "trash"
    else:
        assert post.status == post.shown_as
    assert post.title_is_editors or post.title == wanted.title
    assert post.content_is_editors or post.content_is_anyones or post.content == wanted.content
    for key, value in wanted.field.items():
        if key == "details":
            _covers(json.loads(post.field[key]), json.loads(value), "settings")
        elif key in ("fields", "pro") and value is not None:
            _covers(post.field[key], value)
        elif key != "host":
            assert post.field.get(key) == value, key


def _covers(found: dict[str, Any], wanted: dict[str, Any], deeper: str = "") -> None:
    """Look whether laying `wanted` over what is there would change nothing."""
    assert lay_over(found, wanted, deeper) == found
