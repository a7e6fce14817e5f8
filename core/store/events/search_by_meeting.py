"""The events of one meeting's number, which stand together in an index of their own.

Where more is asked than the number, and no more than `_FEW` events match the rest, these are looked at for the number;
else the meeting's own events are looked at, so many at a time, and who asked is told where that stopped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, select, tuple_

from core.store.db.schema import events
from core.store.events import search_by_kind
from core.store.events.search_filters import COLUMNS, Count, Key, Line
from core.store.sites.accounts import accounts_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement, Connection, Subquery

    from core.store.events.search_filters import Filter

_WINDOW = 100  # events of a meeting that are looked at one by one for a page
_FEW = 50  # events that match all but the number, and are looked at for it

_PLACE = (events.c.received_at, events.c.id)
_BETWEEN = (
    tuple_(*_PLACE) > tuple_(bindparam("low_at"), bindparam("low_id")),
    tuple_(*_PLACE) < tuple_(bindparam("high_at"), bindparam("high_id")),
)
_RISING: dict[bool, tuple[ColumnElement[Any], ...]] = {
    True: _PLACE,
    False: tuple(column.desc() for column in _PLACE),
}
_THIS_NUMBER = (events.c.number == bindparam("number"), *_BETWEEN)
_OF_NUMBER = {
    rising: select(*COLUMNS).where(*_THIS_NUMBER).order_by(*order).limit(bindparam("most"))
    for rising, order in _RISING.items()
}
_PLACES_OF_NUMBER = {
    rising: select(*_PLACE)
    .where(*_THIS_NUMBER)
    .order_by(*order)
    .limit(bindparam("most"))
    .offset(bindparam("behind"))
    for rising, order in _RISING.items()
}


def in_order(
    connection: Connection, wanted: Filter, bounds: Mapping[str, int], limit: int, *, rising: bool
) -> tuple[list[Line], Key | None]:
    """Return the next events of a meeting that match, and where looking for more of them stopped."""
    about = {"number": wanted.number, **bounds}
    if _is_of_number_alone(wanted):
        rows = connection.execute(_OF_NUMBER[rising], about | {"most": limit})
        return [Line(*row) for row in rows], None
    window = _OF_NUMBER[rising].subquery()
    place = (window.c.received_at, window.c.id)
    order = place if rising else tuple(column.desc() for column in place)
    asked = select(window).where(*_more_of(connection, wanted, window)).order_by(*order).limit(limit)
    found = [Line(*row) for row in connection.execute(asked, about | {"most": _WINDOW})]
    if len(found) == limit:
        return found, None
    end = _end_of_window(connection, about, rising=rising)
    few = None if end is None else _few(connection, wanted, bounds)
    if few is None:
        return found, end
    return sorted(few, key=lambda line: line.key, reverse=not rising)[:limit], None


def _end_of_window(connection: Connection, about: Mapping[str, Any], *, rising: bool) -> Key | None:
    """Return the last event of a meeting that is looked at, where there may be more beyond it."""
    asked = {**about, "most": 1, "behind": _WINDOW - 1}
    end = connection.execute(_PLACES_OF_NUMBER[rising], asked).one_or_none()
    return None if end is None else Key(*end)


def count(connection: Connection, wanted: Filter, bounds: Mapping[str, int], *, most: int) -> Count:
    """Count what matches, up to `most`; of a meeting with many events, only the newest may have been looked at."""
    about = {"number": wanted.number, **bounds}
    if _is_of_number_alone(wanted):
        places = _PLACES_OF_NUMBER[False].subquery()
        counting = select(func.count()).select_from(places)
        counted = connection.scalar(counting, about | {"most": most + 1, "behind": 0}) or 0
        return Count(min(counted, most), is_whole=counted <= most)
    end = _end_of_window(connection, about, rising=False)
    few = None if end is None else _few(connection, wanted, bounds)
    if few is not None:
        return Count(len(few), is_whole=True)
    window = _OF_NUMBER[False].subquery()
    counting = select(func.count()).select_from(window).where(*_more_of(connection, wanted, window))
    return Count(connection.scalar(counting, about | {"most": _WINDOW}) or 0, is_whole=end is None)


def _is_of_number_alone(wanted: Filter) -> bool:
    return not wanted.event and wanted.outcome is None and wanted.site_id is None


def _few(connection: Connection, wanted: Filter, bounds: Mapping[str, int]) -> list[Line] | None:
    """Return the events of a meeting that match, where so few match all but the number that each is looked at."""
    some = search_by_kind.some(connection, wanted, bounds, most=_FEW + 1)
    return None if len(some) > _FEW else [line for line in some if line.number == wanted.number]


def _more_of(connection: Connection, wanted: Filter, window: Subquery) -> list[ColumnElement[bool]]:
    """Return what is asked beside the number."""
    asked = []
    if wanted.event:
        asked.append(window.c.event == wanted.event)
    if wanted.outcome is not None:
        asked.append(window.c.outcome == wanted.outcome)
    if wanted.site_id is not None:
        asked.append(window.c.account_id.in_(connection.scalars(accounts_of(wanted.site_id)).all()))
    return asked
