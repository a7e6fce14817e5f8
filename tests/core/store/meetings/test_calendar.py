"""The calendar of a site holds the meetings whose pages visitors see, by what the site has told."""

from typing import Any

import pytest
from sqlalchemy import update

from core.model.meeting import MeetingState
from core.store.db.engine import Store
from core.store.db.schema import meetings as meetings_table
from core.store.meetings import calendar
from core.store.sites.sites import Site
from tests.core.events import ACCOUNT
from tests.core.store.grants import granted
from tests.core.store.kept import NOW_MS, keep, stand

UNKNOWN: dict[str, Any] = {"stands": None}
BY_BRIDGE = {"stands": "trashed", "stands_by": "bridge"}


def numbers(store: Store) -> list[int]:
    with store.reading() as connection:
        return [
            entry.meeting.number for entry in calendar.entries(connection, store.sealer, "s1", now=NOW_MS)
        ]


@pytest.mark.parametrize(
    ("stands", "is_in"),
    [
        (UNKNOWN, True),
        ({"stands": "published"}, True),
        ({"stands": "protected"}, False),
        ({"stands": "draft"}, False),
        ({"stands": "private"}, False),
        ({"stands": "scheduled"}, False),
        ({"stands": "trashed", "stands_by": "user"}, False),
        ({"stands": "gone", "stands_by": "user"}, False),
        ({"stands": "other"}, False),
    ],
)
def test_a_meeting_with_a_page(store: Store, site: Site, stands: dict[str, Any], is_in: bool) -> None:
    granted(store, ACCOUNT, site.id)
    keep(store, 1)
    stand(store, 1, **stands)
    assert numbers(store) == ([1] if is_in else [])


@pytest.mark.parametrize(
    ("stands", "is_in"),
    [
        (UNKNOWN, True),  # the bridge trashed it, and the site has not told it yet
        ({"stands": "published", "stands_by": "bridge"}, True),
        (BY_BRIDGE, True),
        ({**BY_BRIDGE, "stood": "published"}, True),
        ({**BY_BRIDGE, "stood": "private"}, False),
        ({**BY_BRIDGE, "stood": "protected"}, False),
        ({"stands": "draft", "stands_by": "bridge", "stood": "published"}, True),  # no trash
        ({"stands": "trashed", "stands_by": "user", "stood": "published"}, False),
        ({"stands": "gone", "stands_by": "cron", "stood": "trashed"}, False),
    ],
)
def test_a_meeting_that_was_deleted_is_told_where_its_page_was_seen(
    store: Store, site: Site, stands: dict[str, Any], is_in: bool
) -> None:
    granted(store, ACCOUNT, site.id)
    keep(store, 1, state=MeetingState.DELETED)
    store.write(lambda connection: connection.execute(update(meetings_table).values(last_at=NOW_MS)))
    stand(store, 1, state="trashed", **stands)
    assert numbers(store) == ([1] if is_in else [])
