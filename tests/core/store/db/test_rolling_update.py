"""Processes of the last release go on beside those of this version: migrations since then only add.

With PostgreSQL, the first new process migrates while old ones still run. Their statements name the columns that they know:
what is there has to stay, and what is new must not be demanded of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import inspect

from core.store.db.engine import Store
from core.store.db.migrate import create_tables, upgrade
from tests.core.conftest import KEYS

if TYPE_CHECKING:
    from sqlalchemy import Engine

RELEASED = "0032"
"""The revision of the last release, 0.2.0. With a release, set it to that of its newest migration."""


def schema(engine: Engine) -> dict[str, dict[str, str]]:
    """Return what an older process depends on: tables, their columns and keys, and what is unique, by name."""
    found: dict[str, dict[str, str]] = {}
    inspector = inspect(engine)
    for table in set(inspector.get_table_names()) - {"alembic_version"}:
        parts = found[table] = {}
        for column in inspector.get_columns(table):
            is_free = (
                column["nullable"] or column["default"] is not None or column.get("autoincrement") is True
            )
            parts[column["name"]] = f"{column['type']!r} {'may be left out' if is_free else 'must be given'}"
        parts["primary key"] = str(inspector.get_pk_constraint(table)["constrained_columns"])
        for key in inspector.get_foreign_keys(table):
            parts[f"foreign key {key['constrained_columns']}"] = str(key["referred_table"])
        unique = [str(one["column_names"]) for one in inspector.get_unique_constraints(table)]
        unique += [str(one["column_names"]) for one in inspector.get_indexes(table) if one["unique"]]
        for columns in unique:
            parts[f"unique {columns}"] = "unique"
    return found


def refused(before: dict[str, dict[str, str]], after: dict[str, dict[str, str]]) -> list[str]:
    """Return what an older process does not bear."""
    found = []
    for table, parts in before.items():
        if table not in after:
            found.append(f"{table} is gone")
            continue
        now = after[table]
        found += [
            f"{table}.{name} is {now.get(name, 'gone')}"
            for name, what in parts.items()
            if now.get(name) != what and not name.startswith(("unique", "foreign key"))
        ]
        for name in now.keys() - parts.keys():
            if now[name].endswith("must be given") or name.startswith(("unique", "foreign key")):
                found.append(f"{table}.{name} is new, and {now[name]}")
    return sorted(found)


def between(revision: str, database_url: str) -> list[str]:
    """Return what processes of a revision do not bear of all migrations after it."""
    store = Store(database_url, keys=KEYS)
    try:
        with store.engine.begin() as connection:
            create_tables(connection, store.sealer, revision=revision)
        before = schema(store.engine)
        upgrade(store.engine, store.sealer)
        return refused(before, schema(store.engine))
    finally:
        store.close()


def test_processes_of_the_last_release_bear_all_migrations_since(database_url: str) -> None:
    assert between(RELEASED, database_url) == []


def test_what_they_would_not_bear_is_found(database_url: str) -> None:
    """Those before revision 0012 of this same release, which no rule bound."""
    found = between("0011", database_url)
    assert "sites.health_report is gone" in found
    assert [one for one in found if "is new, and" in one] == []


def test_each_kind_of_it() -> None:
    before = {"a": {"x": "Text() may be left out", "primary key": "['x']"}, "b": {"primary key": "[]"}}
    assert refused(before, before | {"c": {"y": "Text() must be given"}}) == []
    assert refused(before, {"a": before["a"]}) == ["b is gone"]
    for change in (
        {"x": "Integer() may be left out"},
        {"x": "Text() must be given"},
        {"y": "Text() must be given"},
        {"primary key": "['x', 'y']"},
        {"unique ['x']": "unique"},
        {"foreign key ['x']": "b"},
    ):
        assert len(refused(before, before | {"a": before["a"] | change})) == 1, change
    assert refused(before, before | {"a": before["a"] | {"y": "Text() may be left out"}}) == []
