"""How quickly an event is acknowledged once it is durable, against two others."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bench.events import SECRET, story
from bench.figures import Figure, at_least, at_most, middle
from bench.load import Load, LoadError, load, prepare
from bench.place import ROUTE, Place, folder
from bench.price import price_of_checks
from bench.site import INSIDE, fast_site
from bench.verify import missing
from tests.running import RunningBridge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.events import Event
    from bench.figures import Say, Scale

MOST_PER_SECOND = 8_000  # requests are prepared for so many
_INSIDE_SECONDS = 10  # WordPress answers some dozen requests a second: fewer seconds would count too few
_INSIDE_ROUTE = "/wp-json/inside/v1/meeting"
_FOLDED_SECONDS = 300
_APART = 10_000_000  # events between one round's and the next's, so that none comes twice


def against_plain(scale: Scale, say: Say) -> list[Figure]:
    """Compare with the same handler without storage: the bridge folds meanwhile; its site is down."""
    plain_loads: list[Load] = []
    bridge_loads: list[Load] = []
    with folder() as made, plain() as plain_url:
        place = Place(made / "bridge")
        place.add_site_that_is_down()
        with RunningBridge(place.data, "--log-level", "error") as bridge:
            first_at = int(time.time() * 1000)
            for number in range(scale.rounds):
                events = story(first_at=first_at, start=number * _APART)
                sent = prepare(made / "requests", events, int(scale.seconds * MOST_PER_SECOND), ROUTE)
                sides = [(plain_loads, plain_url), (bridge_loads, bridge.url)]
                for loads, url in sides if number % 2 else reversed(sides):
                    loads.append(load(url, made / "requests", seconds=scale.seconds))
                    if url == bridge.url:
                        place.await_folded(within=_FOLDED_SECONDS)
                        all_kept(place, sent, loads[-1])
                say(
                    f"round {number + 1}: plain {plain_loads[-1].per_second:.0f}/s, "
                    f"bridge {bridge_loads[-1].per_second:.0f}/s"
                )
        place.close()
    pairs = list(zip(bridge_loads, plain_loads, strict=True))
    rate = middle(bridge.per_second / plain.per_second for bridge, plain in pairs)
    slowest = middle(bridge.p99 / plain.p99 for bridge, plain in pairs)
    seen = (
        f"{middle(one.per_second for one in bridge_loads):.0f}/s against "
        f"{middle(one.per_second for one in plain_loads):.0f}/s"
    )
    seen_slowest = (
        f"{middle(one.p99 for one in bridge_loads):.0f} ms against "
        f"{middle(one.p99 for one in plain_loads):.0f} ms"
    )
    say(f"an event costs: {price_of_checks()}")
    return [
        at_least("durable acknowledgement / no storage, events/s", rate, 0.75, seen),
        at_most("durable acknowledgement / no storage, p99", slowest, 3, seen_slowest),
    ]


def against_wordpress(scale: Scale, say: Say) -> list[Figure]:
    """Compare with a plugin that does the work inside WordPress."""
    wordpress_loads, bridge_loads = [], []
    with folder() as made, fast_site(INSIDE, "inside") as site:
        site.wordpress.php("update_option( 'inside_secret', $secret );", secret=SECRET)
        place = Place(made / "bridge")
        place.add_site_that_is_down()
        with RunningBridge(place.data, "--log-level", "error") as bridge:
            first_at = int(time.time() * 1000)
            # The posts are there before anything is measured: changing one is quicker than making it.
            prepare(made / "first", story(first_at=first_at), 500, _INSIDE_ROUTE)
            load(site.wordpress.url, made / "first", seconds=20)
            for number in range(scale.rounds):
                events = list_of(scale, story(first_at=first_at, start=500 + number * _APART))
                prepare(made / "inside", events, len(events), _INSIDE_ROUTE)
                sent = prepare(made / "requests", events, len(events), ROUTE)
                wordpress_loads.append(load(site.wordpress.url, made / "inside", seconds=_INSIDE_SECONDS))
                bridge_loads.append(load(bridge.url, made / "requests", seconds=scale.seconds))
                place.await_folded(within=_FOLDED_SECONDS)
                all_kept(place, sent, bridge_loads[-1])
                say(
                    f"round {number + 1}: inside WordPress {wordpress_loads[-1].per_second:.0f}/s, "
                    f"bridge {bridge_loads[-1].per_second:.0f}/s"
                )
        place.close()
    if any(one.refused for one in wordpress_loads):
        raise LoadError("The plugin inside WordPress refused events.")
    pairs = zip(bridge_loads, wordpress_loads, strict=True)
    rate = middle(bridge.per_second / inside.per_second for bridge, inside in pairs)
    seen = (
        f"{middle(one.per_second for one in bridge_loads):.0f}/s against "
        f"{middle(one.per_second for one in wordpress_loads):.0f}/s"
    )
    return [at_least("durable acknowledgement / inside WordPress, events/s", rate, 25, seen)]


def list_of(scale: Scale, events: Iterator[Event]) -> list[Event]:
    """Take as many events as a measurement may need."""
    return [event for event, _ in zip(events, range(int(scale.seconds * MOST_PER_SECOND)), strict=False)]


def all_kept(place: Place, sent: list[Event], load_: Load) -> None:
    """Find the acknowledged events again: they were sent in order, each once; the last may still have been on their way.

    Raises `LoadError` where one is missing or anything was refused.
    """
    if load_.refused or load_.broken:
        raise LoadError(f"{load_.refused} events were refused, and {load_.broken} connections broke.")
    if load_.answered >= len(sent):
        raise LoadError("The prepared requests ran out.")
    lost = missing(place, sent[: load_.answered])
    # Answers come in any order: as many of the last ones may be still open as there are connections.
    later = len(sent[load_.answered :]) - missing(place, sent[load_.answered :])
    if lost > later:
        raise LoadError(f"{lost - later} acknowledged events are missing.")


@contextmanager
def plain() -> Iterator[str]:
    """Run the handler without storage; give its address."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.plain"], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://\S+", process.stdout.readline())
            if not found:
                raise LoadError("The handler without storage did not start.")
            yield found[0]
        finally:
            process.terminate()
