"""What each check of an acknowledgement costs, in processor time: part of `plain`.

Each is called by itself, one event after the other, in one thread; the log takes events in groups, as it does under load.
"""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING

from bench.events import ACCOUNT, SECRET, headers, story
from bench.place import SITE, Place, folder
from core.pipeline.ingest import Ingest
from core.store.events import log
from core.store.events.request import Request
from core.store.sites import grants
from core.zoom import envelope as zoom_envelope
from core.zoom import signature
from core.zoom.signature import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from core.store.db.engine import Store

_EVENTS = 3_200
_GROUP = 32  # events of one commit, as many as under load


def price_of_checks() -> str:
    """Return the microseconds of processor time that an event costs, by check."""
    with folder() as made:
        place = Place(made / "bridge")
        place.add_site_that_is_down()
        with place.open() as store:
            prices = _prices(store)
    return ", ".join(f"{name} {price:.0f}" for name, price in prices.items()) + " µs"


def _prices(store: Store) -> dict[str, float]:
    now = time.time()
    secrets = [Secret(SECRET)]
    requests = [
        Request(
            {name.lower(): value for name, value in headers(event.body, int(now), "bench").items()},
            event.body,
        )
        for event in islice(story(), _EVENTS)
    ]
    envelopes = [zoom_envelope.parse(request.body) for request in requests]
    ingest = Ingest(store)
    pairs = list(zip(requests, envelopes, strict=True))
    entries = [ingest.entry(SITE, request, envelope) for request, envelope in pairs]
    prices = {
        "signature": _per_event(
            lambda request: signature.verify(request.headers, request.body, secrets, now=now), requests
        ),
        "JSON": _per_event(lambda request: zoom_envelope.parse(request.body), requests),
        "digest": _per_event(zoom_envelope.digest, envelopes),
        "encryption": _per_event(lambda request: request.sealed(store.sealer), requests),
        "entry with digest and encryption": _per_event(lambda pair: ingest.entry(SITE, *pair), pairs),
    }
    groups = [entries[start : start + _GROUP] for start in range(0, _EVENTS, _GROUP)]
    began = time.process_time()
    for group in groups:
        store.write(lambda connection, group=group: log.append(connection, group))  # type: ignore[misc]
    prices["append with grants and commit"] = 1e6 * (time.process_time() - began) / _EVENTS
    with store.reading() as connection:
        looked_up = _per_event(lambda _: grants.is_granted(connection, ACCOUNT, SITE), groups)
    prices[f"grants, one look for each account of {_GROUP} events,"] = looked_up / _GROUP
    return prices


def _per_event(check: Callable[[Any], object], events: Sequence[Any]) -> float:
    """Return the processor time of a check of one event, in microseconds."""
    began = time.process_time()
    for event in events:
        check(event)
    return 1e6 * (time.process_time() - began) / len(events)
