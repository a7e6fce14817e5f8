"""Migration 0012: the report of a site's last check becomes facts."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import MetaData

from core.model.health_facts import FactName, HealthFact
from core.store.db.engine import Store
from core.store.db.migrate import upgrade
from core.store.sites import health, sites
from tests.core.conftest import KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator

BEFORE = "0011"
CREATED, CHECKED, WRITTEN = 1000, 2000, 3000


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


def put(store: Store, site_id: str, **values: Any) -> None:
    sealed = {name: store.sealer.seal(b"") for name in ("password", "key")}
    row = {
        "id": site_id,
        "url": f"https://{site_id}.example.org",
        "name": "Choir",
        "rest_root": "",
        "username": "",
        "endpoints": {},
        "rules": {},
        "vczapi": False,
        "vczapi_pro": False,
        "created_at": CREATED,
        "failures": 0,
        "blocked_until": 0,
        "bridge_url": "",
    }
    tables = MetaData()
    with store.engine.begin() as connection:
        tables.reflect(connection, only=["sites"])
        connection.execute(tables.tables["sites"].insert().values(**row | sealed | values))


def migrated(store: Store, site_id: str) -> list[HealthFact]:
    upgrade(store.engine, store.sealer)
    with store.reading() as connection:
        return list(health.facts(connection, site_id).values())


def finding(name: str, message: str, *, well: bool = True) -> dict[str, Any]:
    return {"name": name, "well": well, "message": message}


class TestUpgrade:
    def test_makes_facts_of_the_report_since_the_check(self, old: Store) -> None:
        found = [
            finding("bridge", "Not reached.", well=False),
            finding("WordPress", "answers"),
            finding("sign-in", "as Anna"),  # of a version that signed in
        ]
        page = "https://s1.example.org/wp-admin/edit.php"
        report = {"findings": found, "bridge": "https://bridge.example.org", "page": page}
        put(old, "s1", health_report=report, checked_at=CHECKED)
        assert migrated(old, "s1") == [
            HealthFact(FactName.WORDPRESS, True, "answers", CHECKED, CHECKED),
            HealthFact(FactName.BRIDGE, False, "Not reached.", CHECKED, CHECKED),
        ]
        with old.reading() as connection:
            site = sites.load(connection, "s1", old.sealer)
        assert (site.settings_page, site.bridge_url) == (page, "https://bridge.example.org")
        assert (site.checked_at, site.check_due_at) == (CHECKED, 0)

    def test_makes_a_fact_of_the_fault_since_the_last_write(self, old: Store) -> None:
        put(old, "s1", fault="network", fault_message="Away.", last_write_at=WRITTEN)
        put(old, "s2", fault="network", fault_message="Away.")
        assert migrated(old, "s1") == [HealthFact(FactName.PAGES, False, "Away.", WRITTEN, WRITTEN)]
        assert migrated(old, "s2") == [HealthFact(FactName.PAGES, False, "Away.", CREATED, CREATED)]

    def test_keeps_the_address_of_the_bridge_as_it_was_paired(self, old: Store) -> None:
        put(
            old,
            "s1",
            bridge_url="https://paired.example.org",
            health_report={"bridge": "https://told.example.org"},
        )
        assert migrated(old, "s1") == []
        with old.reading() as connection:
            assert sites.load(connection, "s1", old.sealer).bridge_url == "https://paired.example.org"
