"""Migration 0022: what is in quarantine gets the account that it names, and what nothing can verify leaves it."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import TYPE_CHECKING

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import MetaData, Table

from core.store.db.engine import Store
from core.store.db.migrate import upgrade
from core.store.events import quarantine
from core.store.events.request import Request
from tests.core.conftest import KEYS
from tests.core.events import ACCOUNT, NOW, event, raw, signed

if TYPE_CHECKING:
    from collections.abc import Iterator

BEFORE = "0021"


@pytest.fixture
def old(database_url: str) -> Iterator[Store]:
    store = Store(database_url, keys=KEYS)
    with store.engine.begin() as connection, as_file(files("core.store") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder))
        config.set_main_option("path_separator", "os")
        config.attributes |= {"connection": connection, "sealer": store.sealer}
        command.upgrade(config, BEFORE)
    yield store
    store.close()


def fill(store: Store, held: list[Request]) -> None:
    tables = MetaData()
    site = {
        "id": "s1", "url": "https://s1.example.org", "name": "Choir", "rest_root": "", "username": "", "endpoints": {},
        "rules": {}, "vczapi": False, "vczapi_pro": False, "created_at": 1, "failures": 0, "blocked_until": 0,
        "bridge_url": "", "password": store.sealer.seal(b""), "key": store.sealer.seal(b""),
    }  # fmt: skip
    with store.engine.begin() as connection:
        tables.reflect(connection, only=["sites", "quarantine"])
        connection.execute(tables.tables["sites"].insert().values(**site))
        table: Table = tables.tables["quarantine"]
        for number, request in enumerate(held):
            row = {"site_id": "s1", "digest": str(number), "received_at": NOW * 1000, "reason": "", "size": 1}
            connection.execute(table.insert().values(**row, request=request.sealed(store.sealer)))


def test_keeps_what_a_secret_may_verify(old: Store) -> None:
    body = raw(event())
    nameless = raw(event(account_id=None))
    kept = [Request(signed(body, secret="wrong"), body), Request(signed(nameless), nameless)]
    never = [
        Request({"authorization": "token"}, body),
        Request(signed(body, at=NOW - 301), body),
        Request(signed(b"{}"), b"{}"),
    ]
    fill(old, [*kept, *never])
    upgrade(old.engine, old.sealer)
    with old.reading() as connection:
        assert [item.request for item in quarantine.list_all(connection, "s1", old.sealer)] == kept
        accounts = connection.exec_driver_sql("SELECT account_id FROM quarantine ORDER BY id").scalars().all()
    assert accounts == [ACCOUNT, ""]
