"""Rounds of kills: events about a few meetings, and whatever may befall the requests that write their posts."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from typing import TYPE_CHECKING, Any

import requests

from core.pipeline.mirror_worker import MirrorWorker
from core.render import Presence, render
from core.store.db.schema import posts as posts_table
from core.store.meetings import shown
from core.store.posts import queue
from core.store.sites import rules
from core.wordpress.sync_client import SyncClient
from tests.convergence.site_double import Killed, lay_over
from tests.end_to_end.events import Meeting, z
from tests.faults.stepped import SITE, Stepped
from tests.faults.wire import WELL, Fate, Wire

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from random import Random

    from core.render import Post
    from core.store.sites.sites import Site
    from tests.faults.wire import Exchange, What
    from tests.wordpress import WordPress

_MOST_LIVES = 5
_LONGEST_WAY = 300  # steps until all is quiet: far more than any round needs
_BY_AN_EDITOR = "Written by an editor."  # what the double of VCZAPI's form writes
AT_ZOOM = "save_post_zoom-meetings"
"""The hook on which the form calls Zoom."""

# Hooks at which requests are killed or held, with how often they run at most in one.
_PLACES = {
    "query": 60,
    "wp_insert_post_data": 1,
    "added_post_meta": 12,
    "updated_post_meta": 5,
    "transition_post_status": 1,
    "wp_trash_post": 1,
    "trashed_post": 1,
    "untrash_post": 1,
    "untrashed_post": 1,
    "delete_post": 1,
    "deleted_post_meta": 12,
    "zoombridge_written": 1,
    "shutdown": 1,
}
_WHATS: dict[What, int] = {
    "well": 4,
    "kill": 8,
    "hold": 3,
    "lost": 3,
    "bridge before": 1,
    "bridge after": 2,
    "bridge hold": 2,
}


@dataclass
class Life:
    """A meeting, and what Zoom holds of it."""

    meeting: Meeting
    agenda: str = ""
    state: str = "scheduled"  # deleted, gone
    by_form: bool = False

    @property
    def number(self) -> int:
        """Its number."""
        return self.meeting.number

    @property
    def details(self) -> str:
        """What Zoom answers when VCZAPI's form is saved."""
        told = self.meeting.object | {"topic": self.meeting.topic, "agenda": self.agenda}
        told.pop("start_url")  # what becomes of that is no matter of kills
        return json.dumps(told)


class StruckBridge(Stepped):
    """A bridge whose requests go over a wire, and which may be killed with one of them."""

    def __init__(self, wordpress: WordPress, folder: Path, wire: Wire, *, database_url: str) -> None:
        self.wire = wire
        super().__init__(wordpress, folder, database_url=database_url, vczapi=True)

    def _client(self, site: Site) -> SyncClient:
        client = SyncClient(
            self.rest_root,
            site.url,
            site=site.id,
            key=site.key,
            epoch=site.epoch,
            timeout=(30.0, 60.0),
            pause=self.wire.pause,
        )
        client._session.mount("http://", self.wire)
        return client

    def comes_again(self) -> None:
        """Start another process after this one was killed."""
        self.mirror = MirrorWorker(self.store, clock=self.clock, connect=self._client, chance=lambda: 1.0)
        if self.store.is_exclusive:
            self.store.write(queue.expire_all_leases)  # as the mirror does when it starts

    def unsettled(self) -> list[Any]:
        """Return the posts that are not as they should be, or of which that is not known."""
        with self.store.reading() as connection:
            return list(
                connection.execute(
                    posts_table.select().where(
                        (posts_table.c.written != posts_table.c.wanted)
                        | posts_table.c.fault.is_not(None)
                        | posts_table.c.in_doubt
                        | posts_table.c.owner.is_not(None)
                        | (posts_table.c.lease_until > 0)
                    )
                )
            )

    def rows(self) -> dict[int, Any]:
        """Return what the store knows of each post, by number."""
        with self.store.reading() as connection:
            return {row.number: row for row in connection.execute(posts_table.select())}

    def wanted(self, number: int) -> Post:
        """Return the post that the site should have."""
        site = self.site()
        with self.store.reading() as connection:
            meeting, _ = shown.of_site(connection, self.store.sealer, SITE, [number])[number]
            decided = rules.of_site(connection, self.store.sealer, site, [meeting])
        return render(meeting, rules.for_meeting(decided, meeting), self.clock.moment)


@dataclass
class Rounds:
    """Rounds of events, kills and forms, one after the other on one site. `chance` chooses what happens."""

    bridge: StruckBridge
    wire: Wire
    chance: Random
    lives: list[Life] = field(default_factory=list)
    unfinished: set[int] = field(default_factory=set)  # posts of forms that were killed at Zoom
    story: list[str] = field(default_factory=list)

    def play(self) -> None:
        """Play one round, let all come to rest, and look at every post."""
        self.story = []
        life = self._some_life()
        before, events, later = self._happens(life)
        form, mode = self._form(life, before)
        if mode and before != "new":
            # It stores what Zoom answers, perhaps after the bridge's own write; Zoom tells of that save, too.
            later = [*later, self._prolong(life)]
        self.bridge.tell(*events)
        self.wire.fates.extend(self._fate() for _ in range(self.chance.randint(1, 4)))
        self.wire.release_at_pause = self.chance.random() < 0.5
        self.story += [str(list(self.wire.fates)), f"{self.wire.release_at_pause=}"]
        self.until_quiet(form, mode, later)
        self.check()

    # --- What happens -------------------------------------------------------------------------------------

    def _some_life(self) -> Life:
        alive = [life for life in self.lives if life.state != "gone"]
        if not alive or (len(alive) < _MOST_LIVES and self.chance.random() < 0.5):
            return Life(Meeting("meeting", topic=self._topic()))
        return self.chance.choice(alive)

    def _topic(self) -> str:
        return f"Rehearsal {self.chance.randrange(10**6)}"

    def _happens(self, life: Life) -> tuple[str, list[dict[str, Any]], list[dict[str, Any]]]:
        """Change what Zoom holds; return the state before, the events, and those that come a moment later."""
        if life not in self.lives:
            self.lives.append(life)
            events = [life.meeting.created()]
            before = "new"
        else:
            before = life.state
            events = [self._change(life)]
        later = [self._change(life)] if life.state != "gone" and self.chance.random() < 0.3 else []
        if later and self.chance.random() < 0.3:
            events, later = events + later, []
        self.story += [
            f"{life.number} {before}",
            *(event["event"] for event in events),
            f"{len(later)} later",
        ]
        return before, events, later

    def _change(self, life: Life) -> dict[str, Any]:
        """Change a meeting, and return the event that tells of it."""
        if life.state == "deleted":
            if self.chance.random() < 0.15:
                life.state = "gone"
                return life.meeting.permanently_deleted()
            life.state = "scheduled"
            return life.meeting.recovered()
        choice = self.chance.random()
        if choice < 0.25:
            life.state = "deleted"
            return life.meeting.deleted()
        if choice < 0.3:
            life.state = "gone"
            return life.meeting.permanently_deleted()
        changed: dict[str, Any] = {}
        if self.chance.random() < 0.6:
            # Sometimes back to what it was: what was written in between must not stay.
            life.meeting.topic = changed["topic"] = self.chance.choice(["Choir", "Concert", self._topic()])
        if self.chance.random() < 0.6:
            life.agenda = changed["agenda"] = self.chance.choice(["", "Bring candles.", self._topic()])
        if not changed or self.chance.random() < 0.4:
            life.meeting.start += timedelta(hours=self.chance.randint(1, 9))
            changed |= {"start_time": z(life.meeting.start), "duration": self.chance.choice([30, 45, 90])}
            life.meeting.changes["duration"] = changed["duration"]
        return life.meeting.updated(**changed)

    def _prolong(self, life: Life) -> dict[str, Any]:
        life.meeting.changes["duration"] = life.meeting.object["duration"] + 1
        return life.meeting.updated(duration=life.meeting.changes["duration"])

    def _fate(self) -> Fate:
        what = self.chance.choices(list(_WHATS), list(_WHATS.values()))[0]
        if what not in ("kill", "hold", "bridge hold"):
            return Fate(what)
        hook = "query" if self.chance.random() < 0.5 else self.chance.choice(list(_PLACES))
        count = self.chance.randint(1, _PLACES[hook])
        # Reads come to few places: most of those that are meant for a write wait for it.
        return Fate(what, hook, count, patient=self.chance.random() < 0.7)

    # --- VCZAPI's form ------------------------------------------------------------------------------------

    def _form(self, life: Life, before: str) -> tuple[Exchange | None, str]:
        """Save the meeting in VCZAPI's form, perhaps; return a form that is not done yet, and when it is to go on.

        The form holds its lock before Zoom knows of the meeting, and so before Zoom tells of it.
        """
        if before not in ("new", "scheduled") or life.state != "scheduled" or self.chance.random() < 0.55:
            return None, ""
        post = 0 if before == "new" else self.bridge.rows()[life.number].post_id
        mode = self.chance.choice(["done", "racing", "late", "killed"])
        self.story.append(f"form {mode} {post or ''}")
        fate = WELL if mode == "done" else Fate("kill" if mode == "killed" else "hold", AT_ZOOM)
        known = set(self.listed())
        form = self.wire.form(life.details, post, fate=fate)
        life.by_form |= not post and mode != "killed"
        if mode == "killed" and not post:
            self.unfinished |= set(self.listed()) - known
        assert form.is_held == (mode in ("racing", "late"))
        return form if form.is_held else None, mode

    # --- Until all is quiet -------------------------------------------------------------------------------

    def until_quiet(
        self, form: Exchange | None = None, mode: str = "", later: Sequence[dict[str, Any]] = ()
    ) -> None:
        """Let the bridge work, and let time pass, until the site has all that it should have."""
        if form is not None and mode == "racing":
            form.open()
        for _ in range(_LONGEST_WAY):
            try:
                worked = self.bridge.step()
            except Killed:
                self.bridge.comes_again()
                continue
            self.wire.release()
            if form is not None:
                self.wire.end_form(form)
                form = None
            if later:
                self.bridge.tell(*later)
                later = ()
                continue
            if worked:
                continue
            if not self.bridge.unsettled():
                self.wire.fates.clear()
                return
            self._time_passes(self.bridge.to_the_next())
        raise AssertionError(f"It does not come to rest: {self.bridge.unsettled()}")

    def _time_passes(self, seconds: float) -> None:
        self._ask("age", seconds=int(seconds) + 1)

    # --- What there is then -------------------------------------------------------------------------------

    def listed(self) -> dict[int, dict[str, Any]]:
        """Return all meeting posts as the database holds them, by ID."""
        listed = dict(self._ask("posts"))  # PHP writes an empty array as a list
        return {int(post): {**row, "metas": dict(row["metas"])} for post, row in listed.items()}

    def check(self) -> None:
        """Compare every post with what Zoom holds, and with what the store knows of it."""
        posts, rows = self.listed(), self.bridge.rows()
        numbers = {post: row["metas"].get("_meeting_zoom_meeting_id", [""]) for post, row in posts.items()}
        assert all(len(number) == 1 for number in numbers.values()), numbers
        without = {post for post, [number] in numbers.items() if not number}
        assert without == self.unfinished & posts.keys(), f"Posts without a number: {without}"
        for life in self.lives:
            found = [post for post, [number] in numbers.items() if number == str(life.number)]
            row = rows[life.number]
            if life.state == "gone":
                assert not found, f"{life.number} is gone, and its posts {found} are there."
                continue
            known = [] if row.post_id is None else [row.post_id]
            assert found == known, f"{life.number} has posts {found}; the store knows {known}."
            # One that was deleted before the bridge wrote anything has none.
            if found or life.state != "deleted":
                self._check_post(life, posts[found[0]], row)
        ours = {str(life.number) for life in self.lives if life.state != "gone"}
        assert {number for [number] in numbers.values() if number} <= ours
        self._check_order()

    def _check_post(self, life: Life, post: dict[str, Any], row: Any) -> None:
        wanted = self.bridge.wanted(life.number)
        if life.state == "deleted":
            assert wanted.presence is Presence.TRASHED
            assert (post["status"], row.state) == ("trash", "trashed"), life
            return
        assert wanted.presence is Presence.SHOWN
        assert (post["status"], row.state) == ("publish", "synced"), life
        assert post["title"] == life.meeting.topic == wanted.title
        content = _BY_AN_EDITOR if life.by_form else wanted.content
        assert unescape(post["content"]) == unescape(content)
        with self.bridge._client(self.bridge.site()) as client:
            told = client.read_post(row.post_id)
        assert told.link == row.link
        assert (told.title, told.content, told.status) == (post["title"], post["content"], post["status"])
        for name, value in wanted.field.items():
            if name == "details":
                covers(json.loads(told.field[name]), json.loads(value), "settings")
            elif name in ("fields", "pro") and value is not None:
                covers(told.field[name], value)
            elif name != "host":
                assert told.field.get(name) == value, name
        assert all(len(values) == 1 for key, values in post["metas"].items() if key.startswith("_zoombridge"))

    def _check_order(self) -> None:
        """No older revision was written after a newer one."""
        highest: dict[str, int] = {}
        for line in self.wire.revisions.read_text().splitlines():
            post, revision = line.split()
            assert int(revision) >= highest.get(post, 0), f"{line} after {highest[post]}"
            highest[post] = int(revision)

    def _ask(self, what: str, **arguments: Any) -> Any:
        site = self.bridge.wordpress
        parameters = {"zoombridge_test": what, **arguments}
        answer = requests.get(f"{site.url}/", params=parameters, timeout=300)
        return answer.json()


def covers(found: dict[str, Any], wanted: dict[str, Any], deeper: str = "") -> None:
    """Compare objects that other plugins write to, too: laying `wanted` over `found` must change nothing."""
    laid_over = lay_over(found, wanted, deeper)
    different = {key for key in found | laid_over if found.get(key) != laid_over.get(key)}
    assert not different, f"{[(found.get(key), wanted.get(key)) for key in different]}"
