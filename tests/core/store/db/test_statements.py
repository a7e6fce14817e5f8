"""Statements that are turned into SQL once: they say the same as SQLAlchemy's own execution of them."""

from collections.abc import Iterator

import pytest
from sqlalchemy import JSON, BigInteger, Boolean, Column, MetaData, String, Table, bindparam, select, update

from core.store.db.engine import Store
from core.store.db.statements import Prepared
from core.store.db.upsert import insert_for

_METADATA = MetaData()
_THINGS = Table(
    "things",
    _METADATA,
    Column("name", String, primary_key=True),
    Column("size", BigInteger),
    Column("is_good", Boolean),
    Column("told", JSON),
)
ADDING = Prepared(
    lambda dialect: (
        insert_for(dialect, _THINGS)
        .values({name: bindparam(name) for name in _THINGS.columns.keys()})  # noqa: SIM118 - of a collection
        .on_conflict_do_nothing()
    )
)
CHANGING = Prepared(
    lambda _: (
        update(_THINGS).where(_THINGS.c.name == bindparam("of_name")).values(told=bindparam("told"), size=7)
    )
)
TOLD = {"é": ["x", 1.5, None, {"y": True}], "quote": "'", "percent": "100 %s %(name)s"}


@pytest.fixture
def things(store: Store) -> Iterator[Store]:
    store.write(_METADATA.create_all)
    yield store
    store.write(_METADATA.drop_all)


def rows(store: Store) -> list[tuple[object, ...]]:
    with store.reading() as connection:
        return [tuple(row) for row in connection.execute(select(_THINGS).order_by(_THINGS.c.name))]


def add(store: Store, name: str, told: object = TOLD) -> int:
    values = {"name": name, "size": 2**60, "is_good": True, "told": told}
    return store.write(lambda connection: ADDING(connection, values).rowcount)


class TestPrepared:
    def test_values_arrive_as_their_columns_have_them(self, things: Store) -> None:
        assert add(things, "one") == 1
        assert add(things, "two", None) == 1
        assert rows(things) == [("one", 2**60, True, TOLD), ("two", 2**60, True, None)]

    def test_tells_how_many_rows_were_changed(self, things: Store) -> None:
        add(things, "one")
        assert add(things, "one", {}) == 0

        def change(name: str) -> int:
            values = {"of_name": name, "told": [1]}
            return things.write(lambda connection: CHANGING(connection, values).rowcount)

        assert change("one") == 1
        assert change("none") == 0
        assert rows(things) == [("one", 7, True, [1])]

    def test_serves_several_sets_of_values_in_their_order(self, things: Store) -> None:
        for name in ("one", "two"):
            add(things, name)
        given = [
            {"of_name": name, "told": told} for name, told in (("one", 1), ("two", 2), ("one", {"é": 3}))
        ]
        things.write(lambda connection: CHANGING.many(connection, given))
        assert rows(things) == [("one", 7, True, {"é": 3}), ("two", 7, True, 2)]

    def test_what_is_missing_is_told(self, things: Store) -> None:
        with pytest.raises(KeyError, match="told"):
            things.write(lambda connection: CHANGING(connection, {"of_name": "one"}))
