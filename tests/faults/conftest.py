"""A bridge moved on step by step, and a WordPress that misbehaves."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.events import Meeting
from tests.examples import SOAK
from tests.faults.stepped import Stepped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.wordpress import WordPress

_names = itertools.count()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave kills on the second WordPress to the soak."""
    elsewhere = [item for item in items if not SOAK and _is_left_to_the_soak(item)]
    if elsewhere:
        config.hook.pytest_deselected(items=elsewhere)
        items[:] = [item for item in items if item not in elsewhere]


def _is_left_to_the_soak(item: pytest.Item) -> bool:
    kind = item.callspec.params.get("wordpress") if hasattr(item, "callspec") else None
    return item.path.stem == "test_kills" and kind == "playground-sqlite"


@pytest.fixture
def stepped(site: WordPress, tmp_path: Path) -> Iterator[Stepped]:
    """A bridge that is connected with the WordPress."""
    made = Stepped(site, tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def meeting() -> Meeting:
    """A meeting of the test's own."""
    return Meeting("meeting")


@pytest.fixture
def misbehave(wordpress: WordPress) -> Iterator[Callable[[str], Callable[[], None]]]:
    """Give WordPress a must-use plugin of these lines; calling what is returned takes it away again."""
    written: list[Path] = []

    def plant(php: str) -> Callable[[], None]:
        # A new name each time: PHP may hold on to what it compiled of the last one.
        path = wordpress.directory / "wp-content/mu-plugins" / f"misbehaving-{next(_names)}.php"
        path.write_text(f"<?php\n{php}\n")
        written.append(path)
        return path.unlink

    yield plant
    for path in written:
        path.unlink(missing_ok=True)
