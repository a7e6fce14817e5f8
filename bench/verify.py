"""The verifier: every acknowledged event is found again, and each site shows what they make, once."""

from __future__ import annotations

import html
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.events import ACCOUNT, Event
from core.model.fold import Change, fold, position
from core.zoom import envelope as zoom_envelope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.place import Place
    from tests.wordpress import WordPress

_POSTS = """
global $wpdb;
return array_map( 'array_values', $wpdb->get_results(
    "SELECT m.meta_value AS number, p.post_title AS title, p.post_status AS status
    FROM {$wpdb->posts} p JOIN {$wpdb->postmeta} m ON m.post_id = p.ID
    WHERE p.post_type = 'zoom-meetings' AND m.meta_key = '_meeting_zoom_meeting_id'", ARRAY_A ) );
"""


@dataclass(frozen=True, slots=True)
class Found:
    """What is wrong: acknowledged events that the log lacks, meetings with two posts, without one, or wrong."""

    missing: int
    doubled: int
    absent: int
    wrong: int

    @property
    def faults(self) -> int:
        """All of it."""
        return self.missing + self.doubled + self.absent + self.wrong


def missing(place: Place, acknowledged: Iterable[Event]) -> int:
    """Return how many acknowledged events the log does not hold, by their digests."""
    held = place.digests()
    return sum(event.digest not in held for event in acknowledged)


def verify(place: Place, site: WordPress, acknowledged: Iterable[Event]) -> Found:
    """Compare log and site with what the fold of all acknowledged events says: the last topic, in order."""
    acknowledged = list(acknowledged)
    expected = {number: title for number, title in _titles(acknowledged).items() if title}
    shown: dict[int, list[str]] = defaultdict(list)
    for number, title, _status in site.php(_POSTS):
        shown[int(number)].append(html.unescape(title))
    counts = Counter({number: len(titles) for number, titles in shown.items()})
    return Found(
        missing=missing(place, acknowledged),
        doubled=sum(count > 1 for count in counts.values()),
        absent=sum(number not in shown for number in expected),
        wrong=sum(number in shown and shown[number][0] != title for number, title in expected.items()),
    )


def _titles(events: Iterable[Event]) -> dict[int, str]:
    changes: dict[int, list[Change]] = defaultdict(list)
    for event in events:
        envelope = zoom_envelope.parse(event.body)
        place = position(envelope, zoom_envelope.digest(envelope), received_at=event.at)
        changes[event.number].append(Change(place, envelope))
    titles = {}
    for number, given in changes.items():
        meeting = fold(ACCOUNT, number, given)
        titles[number] = meeting.topic if meeting else ""
    return titles
