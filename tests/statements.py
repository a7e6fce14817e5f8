"""Compile each statement once for all the databases of the tests, as a bridge that runs compiles it once.

SQLAlchemy keeps the SQL of a statement with its engine. Every test has engines of its own, which took a third of the
processor's time of tests with a database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, event
from sqlalchemy.util import LRUCache

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.sql.compiler import Compiled

_MOST = 4_000  # statements


class _Statements(LRUCache[Any, "Compiled"]):
    """Compiled statements by all that makes them, except that the dialect of one engine is as good as another's.

    Engines of one kind of database differ in nothing that a statement depends on.
    https://docs.sqlalchemy.org/en/21/core/connections.html#engine-compiled-cache
    """

    def get(self, key: tuple[Any, ...], default: Any = None) -> Any:
        """Return a compiled statement."""
        return super().get((key[0].driver, *key[1:]), default)

    def __setitem__(self, key: tuple[Any, ...], value: Compiled) -> None:
        super().__setitem__((key[0].driver, *key[1:]), value)


def share() -> None:
    """Let all engines of this process share what they compile."""
    shared = _Statements(_MOST)

    def use(connection: Connection) -> None:
        connection.execution_options(compiled_cache=shared)

    event.listen(Engine, "engine_connect", use)
