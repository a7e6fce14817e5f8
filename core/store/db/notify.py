"""Notify other processes of a PostgreSQL database of new work.

Notifications are hints: a process that misses one polls a little later. With SQLite there is one process, whose
workers wake each other directly. https://www.postgresql.org/docs/current/sql-notify.html
"""

from __future__ import annotations

import contextlib
import os
import selectors
import threading
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import func, select

from core.store.db import postgresql

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import psycopg
    from sqlalchemy import URL, Connection

EVENTS = "zoombridge_events"  # events were appended to the log
POSTS = "zoombridge_posts"  # posts are due
JOBS = "zoombridge_jobs"  # jobs are queued
SECRETS = "zoombridge_secrets"  # the secrets of the site in the payload have changed

_FIRST_RETRY_SECONDS = 0.2
_LONGEST_RETRY_SECONDS = 10.0
_STOP_SECONDS = 5.0

logger = structlog.get_logger(__name__)


def notify(connection: Connection, channel: str, payload: str = "") -> None:
    """Notify every process after this transaction commits; without effect after a rollback, and on SQLite."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_notify(channel, payload)))


class Listener:
    """Receive notifications in a thread with a connection of its own, and call the handler of their channel there."""

    def __init__(self, url: URL, heard: Mapping[str, Callable[[str], None]]) -> None:
        """Take one handler per channel. After each (re)connect it is called with "": it may have missed some."""
        self._url = url
        self._heard = heard
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._stopped, self._stop = os.pipe()
        self._thread = threading.Thread(target=self._run, name="wakeup", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread; a database that hangs delays this by 5 s at most."""
        self._stopping.set()
        if self._thread is None:
            return
        os.write(self._stop, b"\0")
        self._thread.join(_STOP_SECONDS)
        if not self._thread.is_alive():
            os.close(self._stop)
            os.close(self._stopped)

    def _run(self) -> None:
        import psycopg  # a bridge on SQLite has no listener, and does not load it

        wait = _FIRST_RETRY_SECONDS
        while not self._stopping.is_set():
            try:
                with contextlib.closing(postgresql.connect(self._url)) as connection:
                    for channel in self._heard:
                        connection.execute(f"LISTEN {channel}".encode())
                    for hear in self._heard.values():
                        hear("")
                    wait = _FIRST_RETRY_SECONDS
                    self._listen(connection)
            except psycopg.Error as error:
                logger.warning("wakeup_waits", seconds=wait, reason=" ".join(str(error).split())[:200])
                self._stopping.wait(wait)
                wait = min(2 * wait, _LONGEST_RETRY_SECONDS)

    def _listen(self, connection: psycopg.Connection[Any]) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(connection.fileno(), selectors.EVENT_READ)
            selector.register(self._stopped, selectors.EVENT_READ)
            while not self._stopping.is_set():
                for told in connection.notifies(timeout=0):
                    self._heard[told.channel](told.payload)
                selector.select()
