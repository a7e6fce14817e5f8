"""What the command line asks of the log: to list and show events, and to replay them. Results are JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from babel.support import NullTranslations

from core.model.diff import field_diffs
from core.monitoring.event_detail import inspect
from core.pipeline import replay
from core.store.db import clock as store_clock
from core.store.events import search as event_search
from core.store.events.search_filters import Filter, Key
from core.store.sites import sites
from core.zoom import masking
from web.ui.change_labels import told
from web.ui.i18n import SOURCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from core.bridge import Bridge


def event_list(
    bridge: Bridge, *, wanted: dict[str, Any], limit: int, before: list[int] | None
) -> dict[str, Any]:
    """Tell of the events that match, newest first. `site_id` of the filter is what a person calls the site."""
    with bridge.store.reading() as connection:
        asked = _filter(bridge, connection, wanted)
        page = event_search.page(
            connection, asked, limit=limit, before=None if before is None else Key(*before)
        )
    further = page.looked_to or (page.lines[-1].key if page.more_older else None)
    return {
        "events": [asdict(line) for line in page.lines],
        "further": None if further is None else [further.received_at, further.id],
    }


def event_show(bridge: Bridge, *, event: int) -> dict[str, Any]:
    """Tell all of one event, with what is secret hidden."""
    found = inspect(bridge.store, event)
    changed = [] if found.step is None else field_diffs(found.step.before, found.step.after)
    return {
        "event": asdict(found.line),
        "proof": found.check.proof,
        "signed_at": found.check.signed_at,
        "headers": masking.mask_headers(found.request.headers),
        "body": masking.mask_body(found.request.body, passcodes=False),
        "is_whole": found.is_whole,
        "too_late": found.step is not None and found.step.too_late,
        "changed": [asdict(one) for one in told(changed, NullTranslations(), SOURCE, passcodes=False)],
        "reached": [asdict(one) for one in found.reached],
        "attempts": {
            site_id: [asdict(one) for one in attempts] for site_id, attempts in found.attempts.items()
        },
    }


def event_foresee(
    bridge: Bridge, *, wanted: dict[str, Any], event: int | None, refused: bool
) -> dict[str, Any]:
    """Tell what a replay would take up."""
    with bridge.store.reading() as connection:
        asked = _filter(bridge, connection, wanted)
        return asdict(replay.preview(connection, wanted=asked, event_id=event, refused=refused))


def event_replay(
    bridge: Bridge, *, wanted: dict[str, Any], event: int | None, refused: bool
) -> dict[str, Any]:
    """Ask for a replay; tell of the job."""
    with bridge.store.reading() as connection:
        asked = _filter(bridge, connection, wanted)
        now = store_clock.now(connection)
    return asdict(replay.ask(bridge.jobs, wanted=asked, event_id=event, refused=refused, now=now))


def _filter(bridge: Bridge, connection: Connection, wanted: dict[str, Any]) -> Filter:
    """Return a filter, with the site found by what a person calls it. Raises `UnknownSiteError`."""
    name = wanted.get("site_id")
    if name is None:
        return Filter.of(wanted)
    return Filter.of(wanted | {"site_id": sites.find(connection, name, bridge.store.sealer).id})


OPERATIONS: dict[str, Callable[..., Any]] = {
    "event-list": event_list,
    "event-show": event_show,
    "event-foresee": event_foresee,
    "event-replay": event_replay,
}
