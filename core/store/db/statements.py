"""Statements of the hot paths, built and compiled to SQL once.

SQLAlchemy's own work per execution takes several times as long as the database's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sqlalchemy import Connection, CursorResult, Dialect


class Prepared:
    """A statement compiled once per dialect. Call it with a connection and the statement's parameters.

    Values in its result are as the driver returns them, without SQLAlchemy's conversion.
    """

    def __init__(self, make: Callable[[str], Any]) -> None:
        """Take a function that builds the statement for a dialect's name."""
        self._make = make
        self._ready: WeakKeyDictionary[Dialect, _Ready] = WeakKeyDictionary()

    def __call__(self, connection: Connection, values: Mapping[str, Any]) -> CursorResult[Any]:
        """Execute it."""
        ready = self._ready_for(connection)
        return connection.exec_driver_sql(ready.sql, ready.parameters(values))

    def many(self, connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
        """Execute it once for each of some sets of parameters, at least one, in their order."""
        ready = self._ready_for(connection)
        connection.exec_driver_sql(ready.sql, [ready.parameters(values) for values in rows])

    def _ready_for(self, connection: Connection) -> _Ready:
        ready = self._ready.get(connection.dialect)
        if ready is None:
            ready = self._ready[connection.dialect] = _Ready(
                self._make(connection.dialect.name), connection.dialect
            )
        return ready


class _Ready:
    """The SQL for one dialect and the conversions of its parameters."""

    def __init__(self, statement: Any, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        binds = {name: bind for bind, name in compiled.bind_names.items()}
        self.sql = str(compiled)
        self._is_positional = bool(compiled.positional)
        self._names = list(compiled.positiontup if self._is_positional else binds)
        # Constants of the statement.
        self._own = {name: bind.value for name, bind in binds.items() if not bind.required}
        found = {
            name: bind.type.dialect_impl(dialect).bind_processor(dialect) for name, bind in binds.items()
        }
        self._processors = {name: process for name, process in found.items() if process is not None}

    def parameters(self, values: Mapping[str, Any]) -> Any:
        """Return the values in the driver's format."""
        merged = {**self._own, **values} if self._own else values
        given = {
            name: process(merged[name]) if (process := self._processors.get(name)) else merged[name]
            for name in self._names
        }
        return tuple(given[name] for name in self._names) if self._is_positional else given
