"""From the acknowledgement to the page, for one event and for ten thousand."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from bench.direct import direct_client
from bench.events import ACCOUNT, MEETINGS, Event, story
from bench.figures import Figure, at_least, at_most, middle
from bench.place import Place, await_, connect, folder
from bench.sender import Sender
from bench.site import FastSite, fast_site
from bench.verify import verify
from core.model.fold import Change, fold, position
from core.render import SiteRules, render
from core.wordpress.post_operations import CreatePost, UpdatePost
from core.wordpress.sync_posts import Mark
from core.zoom import envelope as zoom_envelope
from tests.running import RunningBridge

if TYPE_CHECKING:
    from bench.figures import Say, Scale

_SEEN_SECONDS = 30.0
_QUIET_SECONDS = 0.3  # between one event and the next on an idle system
_RIGHT_SECONDS = 600.0
_APART = 1_000_000_000  # the number of what is written directly is so far from that of the event


def one_event(scale: Scale, say: Say) -> list[Figure]:
    """Compare the way of one event, from its 204 to the end of the write in WordPress, with that write alone."""
    of_event, of_write = [], []
    with folder() as made, fast_site() as site:
        place = Place(made / "bridge")
        with RunningBridge(place.data, "--log-level", "warning") as bridge:
            route = connect(bridge, site.wordpress)
            events = list(islice(story(meetings=1), 2 * scale.writes + 2))
            deliver(bridge, route, events[:1], connections=1)
            place.await_settled(within=_SEEN_SECONDS)
            direct = _DirectWrite(site, events[0])
            for index in range(1, scale.writes + 2):
                waited = _way_of(bridge, route, events[index], site)
                place.await_settled(within=_SEEN_SECONDS)
                wrote = direct.once()
                if index > 1:  # the first of each makes connections
                    of_event.append(waited)
                    of_write.append(wrote)
                    say(f"{index - 1}: shown after {waited * 1000:.1f} ms, written in {wrote * 1000:.1f} ms")
        place.close()
    ratio = middle(of_event) / middle(of_write)
    seen = f"{middle(of_event) * 1000:.1f} ms against {middle(of_write) * 1000:.1f} ms"
    return [at_most("acknowledged to shown / one direct write, median", ratio, 1.5, seen)]


def burst(scale: Scale, say: Say) -> list[Figure]:
    """Compare a burst of events with a write for each."""
    with folder() as made, fast_site() as site:
        place = Place(made / "bridge")
        with RunningBridge(place.data, "--log-level", "warning") as bridge:
            route = connect(bridge, site.wordpress)
            meetings = max(1, scale.burst * MEETINGS // 10_000)
            events = list(islice(story(meetings=meetings), scale.burst))
            before = len(site.written())
            began = time.monotonic()
            sender = deliver(bridge, route, events, connections=64)
            said = time.monotonic() - began
            place.await_settled(within=_RIGHT_SECONDS)
            took = time.monotonic() - began
            writes = len(site.written()) - before
            say(f"acknowledged after {said:.1f} s, right after {took:.1f} s, {writes} writes")
            found = verify(place, site.wordpress, sender.acknowledged)
            direct = _DirectWrite(site, events[0])
            each = middle(direct.once() for _ in range(min(200, 4 * scale.writes)))
        place.close()
    if found.faults:
        raise AssertionError(f"After the burst the site is not right: {found}.")
    times = each * scale.burst / took
    seen = f"{took:.1f} s against {scale.burst} x {each * 1000:.1f} ms"
    most = 600 * scale.burst // 10_000
    return [
        at_most(f"burst of {scale.burst} about {meetings} meetings, post writes", writes, most),
        at_least("burst, times faster than a write per event", times, 20, seen),
    ]


def deliver(bridge: RunningBridge, route: str, events: list[Event], *, connections: int) -> Sender:
    """Send events until each is acknowledged."""
    sender = Sender()
    sender.give(events)
    asyncio.run(sender.send([bridge.url], route, connections=connections))
    return sender


def _way_of(bridge: RunningBridge, route: str, event: Event, site: FastSite) -> float:
    """Return the seconds from the moment an event was acknowledged to the end of the write that it caused."""
    time.sleep(_QUIET_SECONDS)
    site.forget()
    acknowledged = deliver(bridge, route, [event], connections=1).last_at
    await_(lambda: bool(site.written()), "no write had come", within=_SEEN_SECONDS)
    return site.written()[0] - acknowledged


class _DirectWrite:
    """The same write as the bridge's, by the same client, to a post of its own: its order of writes is not the bridge's."""

    def __init__(self, site: FastSite, event: Event) -> None:
        self._client = direct_client(site.wordpress)
        envelope = zoom_envelope.parse(event.body)
        place = position(envelope, event.digest, received_at=event.at)
        meeting = fold(ACCOUNT, event.number, [Change(place, envelope)])
        assert meeting is not None
        self._meeting = meeting
        self._count = 0
        wanted = render(self._meeting, SiteRules(), datetime.now(UTC))
        whole = {"content": wanted.content, "status": wanted.status}
        self._post_id = self._write(CreatePost(self._fields() | whole))

    def once(self) -> float:
        """Write, and return how many seconds it took."""
        operation = UpdatePost(self._post_id, self._fields())
        began = time.perf_counter()
        self._write(operation)
        return time.perf_counter() - began

    def _write(self, operation: CreatePost | UpdatePost) -> int:
        [answer] = self._client.perform([operation], [Mark(self._meeting.number + _APART, self._count)])
        if isinstance(answer, Exception):
            raise answer
        post_id: int = answer.id
        return post_id

    def _fields(self) -> dict[str, Any]:
        self._count += 1
        topic = f"{self._meeting.topic}, written {self._count} times"
        changed = replace(self._meeting, object={**self._meeting.object, "topic": topic})
        wanted = render(changed, SiteRules(), datetime.now(UTC))
        number = str(self._meeting.number + _APART)
        return {
            "title": wanted.title,
            "zoombridge": {**wanted.field, "number": number, "revision": self._count},
        }
