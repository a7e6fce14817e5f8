"""Random lives of meetings through the log and the fold worker, in any order of arrival."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from core.model.fold import fold
from core.pipeline.fold_worker import FoldWorker
from core.store.events import log
from core.store.meetings import meetings
from tests.core.clock import Clock
from tests.core.events import ACCOUNT, NUMBER
from tests.core.store.entries import entry
from tests.examples import LIVES, Progress
from tests.lives import changes_of, check, make_life

if TYPE_CHECKING:
    from core.store.db.engine import Store

CHUNK = 4  # events that arrive between two rounds of the worker


def of_account(told: dict[str, Any], account_id: str) -> dict[str, Any]:
    return {**told, "payload": {**told["payload"], "account_id": account_id}}


def test_fold_worker_keeps_every_promise(store: Store, database_kind: str) -> None:
    worker = FoldWorker(store, clock=Clock())
    progress = Progress("lives", LIVES[database_kind].now)
    for seed in range(LIVES[database_kind].now):
        life = make_life(seed)
        account_id = f"account-{seed}"
        arrivals = [*life.events, *life.events[::3]]
        life.random.shuffle(arrivals)
        for place in range(0, len(arrivals), CHUNK):
            entries = [entry(store, of_account(one, account_id)) for one in arrivals[place : place + CHUNK]]
            store.write(partial(log.append, entries=entries))
            while worker.fold_pending():
                pass
        with store.reading() as connection:
            found = meetings.load(connection, store.sealer, account_id, NUMBER)
        assert found is not None
        expected = fold(ACCOUNT, NUMBER, changes_of(life.events))
        assert expected is not None
        kept = replace(found[0], account_id=ACCOUNT)
        assert replace(kept, last=expected.last) == expected, seed  # the account is part of the digest
        check(life, kept)
        progress.one_more()
    progress.over()
