"""What is set for the whole bridge."""

from typing import Any

import pytest
from sqlalchemy import insert

from core.store.db import settings
from core.store.db.engine import Store
from core.store.db.schema import settings as table
from core.store.db.settings import KEEP_DAYS, KEEP_EVENTS, KEEP_NAMES_DAYS, RetentionSettings, TrashLimits


def keeping(store: Store) -> RetentionSettings:
    with store.reading() as connection:
        return settings.retention(connection)


class TestKeeping:
    def test_is_the_usual_at_first(self, store: Store) -> None:
        assert keeping(store) == RetentionSettings(KEEP_DAYS, KEEP_EVENTS, KEEP_NAMES_DAYS)

    def test_is_what_was_set_last(self, store: Store) -> None:
        for wanted in (RetentionSettings(7, 5000), RetentionSettings(30, 2_000_000, 5)):
            store.write(lambda connection, wanted=wanted: settings.save_retention(connection, wanted))  # type: ignore[misc]
            assert keeping(store) == wanted

    @pytest.mark.parametrize("value", [0, -1, "7", None, True, 10**12, [7], 7.5])
    def test_that_cannot_be_read_is_the_usual(self, store: Store, value: Any) -> None:
        rows = [{"name": name, "value": value} for name in ("keep_days", "keep_events", "keep_names_days")]
        store.write(lambda connection: connection.execute(insert(table), rows))
        assert keeping(store) == RetentionSettings()


@pytest.mark.parametrize(
    ("total", "removed", "are_exceeded"),
    [
        (20, 5, False),
        (20, 6, True),
        (9, 5, True),  # more than half
        (10, 5, False),
        (4, 2, False),
        (3, 2, True),
        (2, 2, True),
        (2, 1, False),
        (1, 1, False),
        (1, 0, False),
    ],
)
def test_limits_of_trashing(total: int, removed: int, *, are_exceeded: bool) -> None:
    assert TrashLimits().are_exceeded(removed, total) is are_exceeded


class TestPublicUrl:
    def test_is_empty_until_it_is_saved(self, store: Store) -> None:
        with store.reading() as connection:
            assert settings.public_url(connection) == ""

    def test_is_what_was_saved_last(self, store: Store) -> None:
        for url in ("http://10.0.0.7:8765", "https://bridge.example.org/zoom"):
            store.write(lambda connection, url=url: settings.save_public_url(connection, url))  # type: ignore[misc]
            with store.reading() as connection:
                assert settings.public_url(connection) == url
