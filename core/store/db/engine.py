"""The database: its address, its engines, and the single thread through which this process writes."""

from __future__ import annotations

import os
import queue
import re
import threading
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager, suppress
from contextvars import copy_context
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    InternalError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from core import messages
from core.errors import StoreError, StoreUnavailableError
from core.store.db import postgresql, sqlite
from core.store.db.encryption import Sealer, key_from

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import URL, Connection, Engine

T = TypeVar("T")
A = TypeVar("A")

_QUEUE = 4096  # writes that may wait; more are refused, so that memory stays bounded and Zoom sends again
_GROUP = 512  # writes that share one commit
_TRIES = 5  # of a transaction that another one was in the way of
_CLOSE_SECONDS = 10.0
_QUOTED = re.compile(r"""(?:"[^"]*"|(?<!\w)'[^']*')(?: \([^)]*\))?(?:, port \d+)?""")


class Store:
    """An open database. Thread-safe. Writes run in one thread and share commits; reads run in the calling thread."""

    def __init__(self, url: str, *, keys: str | None = None, queue_size: int = _QUEUE) -> None:
        """Open the database at an SQLAlchemy URL. `keys` encrypt secrets; by default they are in a file beside it.

        `queue_size` writes may wait for the writer thread. Raises: StoreInUseError if another process has the
        SQLite file open; ExposedFileError if others can read a file of it; StoreError for an invalid URL or key.
        """
        self.url = address(url)
        self._lock = sqlite.lock(self._path) if self._path else None
        try:
            if self._path:
                sqlite.make_private(self._path)
            if keys is None:
                keys = key_from((self._path or Path("zoombridge")).with_name("zoombridge.key"))
            self.sealer = Sealer(keys)
        except StoreError:
            if self._lock is not None:
                os.close(self._lock)
            raise
        if self.is_shared:
            self._writing, self._reading = postgresql.writing(self.url), postgresql.reading(self.url)
        else:
            self._writing, self._reading = sqlite.writing(self.url), sqlite.reading(self.url)
        self._queue: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._room = queue_size
        self._closing = False
        self._guard = threading.Lock()
        self._thread = threading.Thread(target=self._write, name="store-writer", daemon=True)
        self._thread.start()

    @property
    def _path(self) -> Path | None:
        return Path(self.url.database) if not self.is_shared and self.url.database else None

    @property
    def engine(self) -> Engine:
        """The engine of the writer thread, for migrations before the first write."""
        return self._writing

    @property
    def is_exclusive(self) -> bool:
        """Whether this process holds the lock of the SQLite file, so that no other can have it open."""
        return self._lock is not None

    @property
    def is_shared(self) -> bool:
        """Whether other processes may have the database open as well: PostgreSQL."""
        return self.url.get_backend_name() == "postgresql"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Return a context manager with a read-only connection that sees one consistent state (a snapshot).

        Blocks while no connection is free. Raises: StoreUnavailableError.
        """
        pool = self._reading.pool
        try:
            with self._reading.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            if not _is_trouble(error):
                raise
            raise StoreUnavailableError(messages.STORE_UNAVAILABLE % {"reason": _words(error)}) from error
        finally:
            if self._closing:  # `close` could not close this connection while it was in use
                pool.dispose()
                self._reading.dispose()

    def submit(self, function: Callable[[Connection], T]) -> Future[T]:
        """Queue a write for the writer thread, in a transaction that it may share with others. Does not block.

        `function` sees the context variables of the caller: who acts, for the audit log. Returns a Future that resolves
        with the result of `function` after the commit, when the change is durable.
        An exception of `function` rolls back its own change only and is the Future's. Raises: StoreUnavailableError
        from the call (queue full) or the Future (commit failed); then nothing was stored.
        """
        context = copy_context()
        return self._enqueue(_Alone(lambda connection: context.run(function, connection)))

    def submit_to_group(
        self, function: Callable[[Connection, Sequence[A]], Sequence[T]], item: A
    ) -> Future[T]:
        """Queue an item for `function`, which gets all items queued at about the same time in one call: see `submit`."""
        return self._enqueue(_One(function, item))

    def submit_each(
        self, function: Callable[[Connection, Sequence[A]], Sequence[T]], items: Sequence[A]
    ) -> Future[list[T | Exception]]:
        """Queue several items as `submit_to_group` does, with one Future for all of them.

        It resolves to a list: per item the result of `function`, or the exception that it raised. An item that
        fails does not affect the others.
        """
        return self._enqueue(_Each(function, items))

    def write(self, function: Callable[[Connection], T], *, within: float | None = None) -> T:
        """Run a write as `submit` does, and block until it is durable, `within` seconds at most. Returns its result.

        Raises: StoreUnavailableError, also after `within` (the write may still happen); what `function` raises.
        """
        try:
            return self.submit(function).result(within)
        except TimeoutError as error:
            raise StoreUnavailableError(
                messages.STORE_UNAVAILABLE % {"reason": messages.STORE_SILENT}
            ) from error

    def close(self) -> None:
        """Finish queued writes, then close all connections. Blocks for 10 s at most: a hanging database is left open."""
        with self._guard:
            if self._closing:
                return
            self._closing = True
            self._queue.put(None)
        self._thread.join(_CLOSE_SECONDS)
        if not self._thread.is_alive():
            self._writing.dispose()
            self._reading.dispose()
            if self._lock is not None:
                os.close(self._lock)

    def _enqueue(self, task: _Task) -> Future[Any]:
        with self._guard:  # what comes after the end of the queue would be waited for in vain
            if self._closing:
                raise StoreUnavailableError(messages.STORE_UNAVAILABLE % {"reason": messages.STORE_STOPPING})
            if task.size > self._room:
                raise StoreUnavailableError(
                    messages.STORE_UNAVAILABLE % {"reason": messages.STORE_QUEUE_FULL}
                )
            self._room -= task.size
            self._queue.put(task)
        return task.future

    def _write(self) -> None:
        while (task := self._queue.get()) is not None:
            group = [task]
            size = task.size
            last = False
            while size < _GROUP and not last:
                try:
                    following = self._queue.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    last = True
                else:
                    group.append(following)
                    size += following.size
            with self._guard:
                self._room += size
            self._commit(group)
            if last:
                return

    def _commit(self, group: list[_Task]) -> None:
        """Make a group durable: at one go where this is the only writer.

        With others beside it, each part has a transaction of its own, which holds what it has changed for
        only a moment: writes that took locks in different orders would stand in each other's way.
        """
        parts = list(_together(group))
        transactions = [[part] for part in parts] if self.is_shared else [parts]
        while transactions:
            try:
                outcomes = self._transaction(transactions[0])
            except Exception as error:  # noqa: BLE001 - the thread goes on, whatever this was
                failure = StoreUnavailableError(messages.STORE_UNAVAILABLE % {"reason": _words(error)})
                failure.__cause__ = error
                for task in (task for parts in transactions for part in parts for task in part):
                    task.fail(failure)
                return
            for task, results in outcomes:
                task.resolve(results)
            del transactions[0]

    def _transaction(self, parts: list[list[_Task]]) -> list[_Outcome]:
        tries = 0
        while True:
            tries += 1
            try:
                with self._writing.begin() as connection:
                    return [outcome for tasks in parts for outcome in _run(connection, tasks)]
            except DBAPIError as error:
                if tries == _TRIES or not postgresql.worth_repeating(error.orig):
                    raise


def address(url: str) -> URL:
    """Parse the URL of a database. Raises: StoreError if it is not one of SQLite or PostgreSQL."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    name = parsed.drivername.partition("+")[0] if parsed is not None else ""
    if parsed is not None and name in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed is None or name != "sqlite":
        raise StoreError(
            "ZOOMBRIDGE_DATABASE_URL is not the address of a database that the bridge can use. It looks like "
            "postgresql://user:password@host/zoombridge, or sqlite:////folder/zoombridge.db."
        )
    return parsed


class _Task:
    """Writes that wait for their commit: of several items, or of none where `function` takes none."""

    __slots__ = ("function", "future", "items")

    def __init__(self, function: Callable[..., Any], items: Sequence[Any] | None) -> None:
        self.function = function
        self.items = items
        self.future: Future[Any] = Future()

    @property
    def size(self) -> int:
        """How many writes it is."""
        return 1 if self.items is None else len(self.items)

    def resolve(self, results: list[Any]) -> None:
        """Say what came of each write."""
        with suppress(InvalidStateError):  # nobody waits any more: the answer's time was up
            if isinstance(results[0], Exception):
                self.future.set_exception(results[0])
            else:
                self.future.set_result(results[0])

    def fail(self, error: Exception) -> None:
        """Say why nothing came of any."""
        with suppress(InvalidStateError):
            self.future.set_exception(error)


class _Alone(_Task):
    """A write that shares nothing but the commit."""

    __slots__ = ()

    def __init__(self, function: Callable[[Connection], Any]) -> None:
        super().__init__(function, None)


class _One(_Task):
    """A write of one item."""

    __slots__ = ()

    def __init__(self, function: Callable[..., Any], item: Any) -> None:
        super().__init__(function, [item])


class _Each(_Task):
    """Writes of several items, which are told of together."""

    __slots__ = ()

    def resolve(self, results: list[Any]) -> None:
        """Say what came of each write."""
        with suppress(InvalidStateError):
            self.future.set_result(results)


if TYPE_CHECKING:
    _Outcome = tuple[_Task, list[Any]]


def _together(group: list[_Task]) -> Iterator[list[_Task]]:
    """Put tasks with items for one function together; the others stay alone, in their order."""
    by_function: dict[Callable[..., Any], list[_Task]] = {}
    alone: list[list[_Task]] = []
    for task in group:
        if task.items is None:
            alone.append([task])
        else:
            by_function.setdefault(task.function, []).append(task)
    yield from by_function.values()
    yield from alone


def _run(connection: Connection, tasks: list[_Task]) -> list[_Outcome]:
    function = tasks[0].function
    if tasks[0].items is None:
        return [(tasks[0], [_apart(connection, partial(function, connection))])]
    items = [item for task in tasks for item in task.items or ()]
    results = iter(_for_each(connection, function, items))
    return [(task, list(islice(results, task.size))) for task in tasks]


def _for_each(connection: Connection, function: Callable[..., Any], items: list[Any]) -> list[Any]:
    """Return for each item the result, or what was raised."""

    def write() -> list[Any]:
        return [result for _, result in zip(items, function(connection, items), strict=True)]

    results = _apart(connection, write)
    if not isinstance(results, Exception):
        return list(results)
    if len(items) == 1:
        return [results]
    # One of them is to blame, and the others shall not suffer for it.
    return [result for item in items for result in _for_each(connection, function, [item])]


def _apart(connection: Connection, write: Callable[[], Any]) -> Any:
    """Do a write that undoes only itself where it fails; return its result, or what it raised."""
    # Savepoints by hand: SQLAlchemy compiles a new statement for each of its own, which takes longer than all
    # the rest of a small write.
    connection.exec_driver_sql("SAVEPOINT part")
    try:
        result = write()
    except Exception as error:
        if isinstance(error, SQLAlchemyError) and _is_trouble(error):
            raise  # disk full, gone away, in another's way: it concerns the whole transaction
        connection.exec_driver_sql("ROLLBACK TO SAVEPOINT part")
        result = error
    connection.exec_driver_sql("RELEASE SAVEPOINT part")
    return result


def _is_trouble(error: SQLAlchemyError) -> bool:
    """Whether it is the database that cannot, rather than what was asked that is wrong."""
    if isinstance(error, DBAPIError) and postgresql.is_about_the_data(error.orig):
        return False
    return isinstance(error, OperationalError | InternalError | InterfaceError | PoolTimeoutError) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    )


def _words(error: Exception) -> str:
    """Return what the database said, in one line without the statement, which may hold data.

    Nor with the names that PostgreSQL and its library quote, of hosts, users and databases: strangers read this, too,
    as the reason of a 503.
    """
    said = str(error.orig) if isinstance(error, DBAPIError) and error.orig else type(error).__name__
    return _QUOTED.sub("…", " ".join(said.split()))[:200]
