"""The database: where it is, how it is opened, and the one thread that writes to it.

SQLite is kept by one process with one writing connection (two that write or checkpoint can corrupt it
before SQLite 3.51.3, https://www.sqlite.org/wal.html#walresetbug), with a write-ahead log that is synced
at every commit. Reads have connections of their own, which cannot write.
"""

from __future__ import annotations

import fcntl
import os
import queue
import threading
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from core.errors import StoreInUseError, StoreUnavailableError
from core.store.sealing import Sealer, key_from

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Connection, Engine

T = TypeVar("T")
A = TypeVar("A")

_QUEUE = 4096  # writes that may wait; more are refused, so that memory stays bounded and Zoom sends again
_GROUP = 512  # writes that share one commit

_UNAVAILABLE = (
    "The database cannot be written now ({}). Nothing is lost: Zoom sends again. Check the disk's free "
    "space and, with PostgreSQL, whether its server runs."
)


class Store:
    """An open database. Writes go through one thread and share commits; reads run where they are called."""

    def __init__(self, url: str, *, keys: str | None = None, queue_size: int = _QUEUE) -> None:
        """Open the database at an SQLAlchemy URL; `keys` seal what is secret (default: a file beside it).

        Raises `StoreInUseError` where another process has the SQLite file open.
        """
        self.url = make_url(url)
        if self.url.get_backend_name() == "postgresql":
            self.url = self.url.set(drivername="postgresql+psycopg")
        self._lock = _lock(self._path) if self._path else None
        if keys is None:
            keys = key_from((self._path or Path("zoombridge")).with_name("zoombridge.key"))
        self.sealer = Sealer(keys)
        self._writing = _writing_engine(self.url)
        self._reading = _reading_engine(self.url)
        self._queue: queue.Queue[_Task | None] = queue.Queue(queue_size)
        self._closing = False
        self._thread = threading.Thread(target=self._write, name="store-writer", daemon=True)
        self._thread.start()

    @property
    def _path(self) -> Path | None:
        database = self.url.database
        return Path(database) if self.url.get_backend_name() == "sqlite" and database else None

    @property
    def engine(self) -> Engine:
        """The engine that writes; for migrations, before anything else does."""
        return self._writing

    @property
    def is_exclusive(self) -> bool:
        """Whether no other process can have it open."""
        return self._lock is not None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that sees one consistent state and cannot change it.

        Raises `StoreUnavailableError`.
        """
        try:
            with self._reading.connect() as connection:
                yield connection
        except OperationalError as error:
            raise StoreUnavailableError(_UNAVAILABLE.format(_words(error))) from error

    def submit(self, function: Callable[[Connection], T]) -> Future[T]:
        """Run `function` in the writing thread, in a transaction that it may share with other writes.

        The future is done once the change is durable. What `function` raises undoes its own change only,
        and comes out of the future. Raises `StoreUnavailableError` at once when the queue is full.
        """
        return self._enqueue(_Task(function, None, Future()))

    def submit_to_group(
        self, function: Callable[[Connection, Sequence[A]], Sequence[T]], item: A
    ) -> Future[T]:
        """Like `submit`, but items given to one `function` at about the same time reach it together."""
        return self._enqueue(_Task(function, item, Future()))

    def write(self, function: Callable[[Connection], T]) -> T:
        """Do what `submit` does, and wait for it."""
        return self.submit(function).result()

    def close(self) -> None:
        """Finish what is queued, then close every connection."""
        if not self._closing:
            self._closing = True
            self._queue.put(None)
            self._thread.join()
            self._writing.dispose()
            self._reading.dispose()
            if self._lock is not None:
                os.close(self._lock)

    def _enqueue(self, task: _Task) -> Future[Any]:
        if self._closing:
            raise StoreUnavailableError(_UNAVAILABLE.format("the bridge is stopping"))
        try:
            self._queue.put_nowait(task)
        except queue.Full:
            raise StoreUnavailableError(_UNAVAILABLE.format("too many writes are waiting")) from None
        return task.future

    def _write(self) -> None:
        while (task := self._queue.get()) is not None:
            group = [task]
            last = False
            while len(group) < _GROUP and not last:
                try:
                    following = self._queue.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    last = True
                else:
                    group.append(following)
            self._commit(group)
            if last:
                return

    def _commit(self, group: list[_Task]) -> None:
        outcomes: list[tuple[_Task, Any, BaseException | None]] = []
        try:
            with self._writing.begin() as connection:
                for tasks in _together(group):
                    outcomes.extend(_run(connection, tasks))
        except SQLAlchemyError as error:
            failure = StoreUnavailableError(_UNAVAILABLE.format(_words(error)))
            failure.__cause__ = error
            outcomes = [(task, None, failure) for task in group]
        for task, result, error_ in outcomes:
            try:
                if error_ is None:
                    task.future.set_result(result)
                else:
                    task.future.set_exception(error_)
            except InvalidStateError:
                continue  # nobody waits any more: the answer's time was up


class _Task:
    """One write that waits for its commit."""

    __slots__ = ("function", "future", "item")

    def __init__(self, function: Callable[..., Any], item: Any, future: Future[Any]) -> None:
        self.function = function
        self.item = item
        self.future = future


def _together(group: list[_Task]) -> Iterator[list[_Task]]:
    """Put tasks with items for one function together; the others stay alone, in their order."""
    by_function: dict[Callable[..., Any], list[_Task]] = {}
    alone: list[list[_Task]] = []
    for task in group:
        if task.item is None:
            alone.append([task])
        else:
            by_function.setdefault(task.function, []).append(task)
    yield from by_function.values()
    yield from alone


def _run(connection: Connection, tasks: list[_Task]) -> list[tuple[_Task, Any, BaseException | None]]:
    try:
        with connection.begin_nested():
            first = tasks[0]
            if first.item is None:
                return [(first, first.function(connection), None)]
            results = first.function(connection, [task.item for task in tasks])
            return [(task, result, None) for task, result in zip(tasks, results, strict=True)]
    except OperationalError:
        raise  # the database's own trouble (disk full, gone away): it concerns the whole group
    except Exception as error:  # noqa: BLE001 - handed to whoever asked for the write
        return [(task, None, error) for task in tasks]


def _writing_engine(url: Any) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_size=1, max_overflow=0, pool_pre_ping=True)
    engine = create_engine(url, poolclass=QueuePool, pool_size=1, max_overflow=0)
    _on_connect(engine, "PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON")
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _reading_engine(url: Any) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_size=4, max_overflow=4, pool_pre_ping=True)
    engine = create_engine(url, poolclass=QueuePool, pool_size=4, max_overflow=4)
    _on_connect(engine, "PRAGMA query_only=ON")
    event.listen(engine, "begin", _begin)
    return engine


def _on_connect(engine: Engine, *pragmas: str) -> None:
    def prepare(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy says BEGIN, not the driver
        for pragma in pragmas:
            connection.execute(pragma)

    event.listen(engine, "connect", prepare)


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _lock(path: Path) -> int:
    """Hold the file beside the database that says one process has it. The kernel lets go when it ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StoreInUseError(
            f"Another process has {path} open. SQLite is for one process; for several, set "
            "ZOOMBRIDGE_DATABASE_URL to a PostgreSQL database."
        ) from None
    return descriptor


def _words(error: SQLAlchemyError) -> str:
    """Return what the database said, in one line without the statement, which may hold data."""
    said = str(error.orig) if isinstance(error, DBAPIError) and error.orig else type(error).__name__
    return " ".join(said.split())[:200]
