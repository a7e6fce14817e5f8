"""The data folder and database of a benchmark's bridge, and queries on them from outside."""

from __future__ import annotations

import shutil
import tempfile
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import text, update

from bench.events import SECRET
from bench.sites import KEY, site_id
from core.store.db import postgresql, schema, sqlite
from core.store.db.encryption import key_from
from core.store.db.engine import Store, address
from core.store.db.migrate import upgrade
from core.store.sites import grants, zoom_secrets
from core.store.sites.grants import GrantSource
from core.store.sites.sites import Site, save
from core.zoom.signature import Secret
from tests.code_pairing import connect_by_code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection, Engine

    from tests.running import RunningBridge
    from tests.wordpress import WordPress

SITE = "bench"
ROUTE = f"/sites/{SITE}/wp-json/vczapi/v1/meeting"
_NOWHERE = "http://127.0.0.1:9"  # the port "discard": nothing listens there
_LOOK_SECONDS = 0.1


@contextmanager
def folder() -> Iterator[Path]:
    """Give a folder that goes at the end."""
    made = Path(tempfile.mkdtemp(prefix="zoombridge-bench-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


class Place:
    """A bridge's data folder. Without `database_url` its database is SQLite, in the folder."""

    def __init__(self, data: Path, database_url: str | None = None, *, migrated: bool = True) -> None:
        """Make the folder and its key, and the tables of this version unless they are not wanted yet."""
        data.mkdir(parents=True, exist_ok=True)
        self.data = data
        self.database_url = database_url
        self.url = database_url or f"sqlite:///{data / 'zoombridge.db'}"
        self._reader: Engine | None = None
        key_from(self.data / "zoombridge.key")
        if migrated:
            with self.open() as store:
                upgrade(store.engine, store.sealer)

    @contextmanager
    def open(self) -> Iterator[Store]:
        """Open the store; with SQLite no other process may have it open."""
        store = Store(self.url, keys=key_from(self.data / "zoombridge.key"))
        try:
            yield store
        finally:
            store.close()

    def add_site_that_is_down(self) -> None:
        """Connect a site whose WordPress cannot be reached: events are acknowledged and folded all the same."""
        site = Site(
            id=SITE,
            url=_NOWHERE,
            name="Down",
            rest_root=f"{_NOWHERE}/wp-json/",
            username="nobody",
            password="none",
            key="5e" * 32,
            endpoints={},
            created_at=1,
        )
        with self.open() as store:
            store.write(lambda connection: save(connection, site, store.sealer))
            secret = Secret(SECRET)
            store.write(lambda connection: zoom_secrets.save(connection, SITE, secret, store.sealer, now=1))

    def add_sites(self, address: str, count: int) -> None:
        """Connect doubles of sites (`bench.sites`) at an address, each granted an account of its own."""
        with self.open() as store:
            for index in range(count):
                store.write(partial(_add_site, store=store, address=address, index=index))

    def rows(self, query: str, **values: Any) -> list[Any]:
        """Read the database beside the bridge, without a way to change it."""
        if self._reader is None:
            kind = postgresql if self.database_url else sqlite
            self._reader = kind.reading(address(self.url))
        with self._reader.connect() as connection:
            return list(connection.execute(text(query), values))

    def number(self, query: str, **values: Any) -> int:
        """Read one number."""
        return int(self.rows(query, **values)[0][0] or 0)

    def close(self) -> None:
        """Let go of the database."""
        if self._reader is not None:
            self._reader.dispose()
            self._reader = None

    def digests(self) -> set[str]:
        """Return what the log holds."""
        return {row[0] for row in self.rows("SELECT digest FROM events")}

    def await_folded(self, *, within: float) -> float:
        """Wait until no event is pending; return how many seconds that took."""
        return await_(lambda: not self.pending(), "events were still pending", within=within)

    def pending(self) -> int:
        """Return how many events are not folded yet."""
        return self.number("SELECT count(*) FROM events WHERE outcome = 'pending'")

    def await_settled(self, *, within: float) -> float:
        """Wait until every post is as it is wanted; return how many seconds that took."""
        behind = "SELECT count(*) FROM posts WHERE wanted > written OR lease_until > 0"
        return await_(
            lambda: not self.pending() and not self.number(behind), "posts were behind", within=within
        )


def account_of(index: int) -> str:
    """Return the account of a double of a site."""
    return f"Account{index:05}"


def _add_site(connection: Connection, *, store: Store, address: str, index: int) -> None:
    home = f"{address}/{site_id(index)}"
    site = Site(
        id=site_id(index),
        url=home,
        name=f"Site {index}",
        rest_root=f"{home}/wp-json/",
        username="",
        password="",
        key=KEY,
        endpoints={},
        created_at=1,
        home=home,
    )
    save(connection, site, store.sealer)
    now = int(time.time() * 1000)
    seen = {"validated_at": now, "last_event": "meeting.updated", "last_event_at": now}
    connection.execute(update(schema.sites).where(schema.sites.c.id == site.id).values(**seen))
    zoom_secrets.save(connection, site.id, Secret(SECRET), store.sealer, now=1)
    grants.add(connection, account_of(index), site.id, GrantSource.ADMINISTRATOR, now=1)


def connect(bridge: RunningBridge, site: WordPress) -> str:
    """Connect a site; return the path of its endpoint at the bridge."""
    return f"/sites/{connect_by_code(bridge, site, SECRET)}/wp-json/vczapi/v1/meeting"


def await_(look: Callable[[], bool], what: str, *, within: float) -> float:
    """Look again and again until it is so; return how many seconds that took. Raises `TimeoutError`."""
    began = time.monotonic()
    while not look():
        if time.monotonic() - began > within:
            raise TimeoutError(f"After {within:g} s {what}.")
        time.sleep(_LOOK_SECONDS)
    return time.monotonic() - began
