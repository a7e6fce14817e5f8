"""PostgreSQL: a database server that any number of processes and machines share.

Its driver is loaded only where the database is one: a bridge on SQLite would keep its 9 MB for as long as it runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event, text

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg
    from sqlalchemy import URL, Connection, Engine

READERS = 12  # as many as threads that answer requests: for pages, events, and what is unverified
APPLICATION_NAME = "zoombridge"
"""The name by which the server lists connections of a bridge."""
_READER_WAIT_SECONDS = 2.0
# Nothing that is waited for may take longer than Zoom's patience when the server or the way to it is gone.
# https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
_CONNECTING = {
    "connect_timeout": 2,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "application_name": APPLICATION_NAME,
}
# A process that stopped half-way must not hold the others up, and what is acknowledged must be on the disk,
# whatever the database's own settings are. Compiling a query takes seconds, and ours take milliseconds.
_SESSION = """
    SELECT set_config('lock_timeout', '5s', false),
           set_config('idle_in_transaction_session_timeout', '20s', false),
           set_config('jit', 'off', false),
           set_config('synchronous_commit', CASE current_setting('synchronous_commit')
                      WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)
"""
_MIGRATION_LOCK = 7_662_066_247_332
_DEADLOCK, _SERIALIZATION_FAILURE = "40P01", "40001"
_PROGRAM_LIMIT_EXCEEDED = "54"


def writing(url: URL) -> Engine:
    """Return the engine with the single connection through which this process writes."""
    engine = create_engine(
        url,
        pool_size=1,
        max_overflow=0,
        pool_pre_ping=True,
        isolation_level="READ COMMITTED",
        connect_args=_arguments(url),
        hide_parameters=True,  # values belong into no log
    )
    event.listen(engine, "connect", _prepare)
    return engine


def reading(url: URL) -> Engine:
    """Return an engine whose connections are read-only and see one consistent state per transaction."""
    engine = create_engine(
        url,
        pool_size=READERS,
        max_overflow=0,
        pool_timeout=_READER_WAIT_SECONDS,
        pool_pre_ping=True,
        isolation_level="REPEATABLE READ",
        connect_args=_arguments(url),
        hide_parameters=True,  # values belong into no log
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "connect", _forbid_writing)
    return engine


def connect(url: URL) -> psycopg.Connection[Any]:
    """Return a connection outside the pools, in autocommit mode."""
    import psycopg

    conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(conninfo, autocommit=True, **_arguments(url))


def wait_for_migrations(connection: Connection) -> None:
    """Lock migrations until the transaction ends: blocks, for 60 s at most, while another process migrates."""
    connection.execute(text("SET LOCAL lock_timeout = '60s'"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})


def allow_idle(connection: Connection) -> None:
    """Let a transaction be idle for as long as it takes, as while a copy of what it has read is compared."""
    connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))


def rewrite(engine: Engine, tables: Iterable[str]) -> None:
    """Rewrite tables (VACUUM FULL): until then, dropped columns and old row versions stay in their files."""
    from psycopg import sql

    with connect(engine.url) as connection:
        connection.execute("SET statement_timeout = 0")
        for name in tables:
            connection.execute(sql.SQL("VACUUM FULL {}").format(sql.Identifier(name)))


def worth_repeating(error: BaseException | None) -> bool:
    """Whether a transaction failed only because of a conflict with another one, so that it can be retried.

    `error` is the driver's. False for one of SQLite's, which have no SQLSTATE.
    """
    return _sqlstate(error) in (_DEADLOCK, _SERIALIZATION_FAILURE)


def is_about_the_data(error: BaseException | None) -> bool:
    """Whether a statement failed because of the data to store: too long for an index, or nested too deeply.

    psycopg raises OperationalError for the whole class 54, as it does for a server that is down:
    https://www.postgresql.org/docs/current/errcodes-appendix.html
    """
    return _sqlstate(error).startswith(_PROGRAM_LIMIT_EXCEEDED)


def _sqlstate(error: BaseException | None) -> str:
    return getattr(error, "sqlstate", None) or ""


def _arguments(url: URL) -> dict[str, Any]:
    """Return what the address itself does not say otherwise."""
    return {name: value for name, value in _CONNECTING.items() if name not in url.query}


def _prepare(connection: psycopg.Connection[Any], _record: Any) -> None:
    from core.store.db.postgresql_text import WithoutNul

    autocommit, connection.autocommit = connection.autocommit, True
    connection.execute(_SESSION)
    connection.autocommit = autocommit
    connection.adapters.register_dumper(str, WithoutNul)


def _forbid_writing(connection: psycopg.Connection[Any], _record: Any) -> None:
    connection.read_only = True
