"""Where no thread can be started, as on a machine that is full of them, nothing stays marked as under way."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest

from core.sites.health_worker import HealthWorker
from core.sites.key_rotation import KeyRotator
from core.sites.page_visitor import PageVisitor
from core.sites.pairing_caller import PairingCaller
from core.sites.plugin_reports import MoveChecker

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.store.db.engine import Store


def full(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


@pytest.mark.parametrize("worker", ["check", "key", "visit", "call", "move"])
def test_is_tried_again(store: Store, monkeypatch: pytest.MonkeyPatch, worker: str) -> None:
    workers: dict[str, Callable[[], object]] = {
        "check": partial(HealthWorker(store).begin, "s1"),
        "key": partial(KeyRotator(store).begin, "s1"),
        "visit": partial(PageVisitor(store).begin, "s1"),
        "call": partial(PairingCaller(store).begin, "p1"),
        "move": partial(MoveChecker(store).check, "s1", b"{}", within=0),
    }
    monkeypatch.setattr(threading.Thread, "start", full)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="new thread"):
            workers[worker]()
