"""Where the bridge keeps its things, and how a command reaches them."""

from __future__ import annotations

import json
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import requests

from core.errors import StoreInUseError, ZoomBridgeError
from core.store.db.encryption import key_from
from core.store.db.engine import Store
from web.http.logs import log_to_stderr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

F = TypeVar("F", bound="Callable[..., Any]")

_CONTROL_SECONDS = 120  # connecting a site asks WordPress several times


@dataclass(frozen=True, slots=True)
class Place:
    """A folder for the key and the SQLite file, or the address of another database."""

    data: Path
    database_url: str | None

    @property
    def url(self) -> str:
        """The database, as SQLAlchemy writes addresses."""
        return self.database_url or f"sqlite:///{self.data.absolute() / 'zoombridge.db'}"

    @property
    def control_file(self) -> Path:
        """Where a serving bridge says how to reach it."""
        return self.data / "control.json"

    def open(self) -> Store:
        """Open the database. Raises `StoreInUseError` where a bridge serves from it."""
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        keys = os.environ.get("ZOOMBRIDGE_KEY") or key_from(self.data / "zoombridge.key")
        return Store(self.url, keys=keys)

    def ask(self, name: str, /, **arguments: Any) -> Any:
        """Run an operation here, or in the process that has the SQLite file open."""
        try:
            store = self.open()
        except StoreInUseError:
            return self._ask_server(name, arguments)
        from core.bridge import Bridge  # where a bridge serves, a command needs nothing of it
        from web.rpc import operations

        try:
            make_ready(store)
            return operations.run(Bridge.on(store), name, arguments)
        finally:
            store.close()

    @contextmanager
    def working(self) -> Iterator[Callable[..., Any]]:
        """Give what `ask` does, to use several times, while long work goes on.

        In the process that serves; where none does, in this one, which folds and writes to sites meanwhile.
        """
        try:
            store = self.open()
        except StoreInUseError:
            yield lambda name, /, **arguments: self._ask_server(name, arguments)
            return
        from core.bridge import Bridge
        from web.rpc import operations

        try:
            make_ready(store)
            log_to_stderr("warning")
            bridge = Bridge.on(store)
            bridge.work()
            try:
                yield lambda name, /, **arguments: operations.run(bridge, name, arguments)
            finally:
                bridge.stop()
        finally:
            store.close()

    def served_at(self) -> str | None:
        """Return the address of a bridge that serves from here, as it said when it started: with SQLite only."""
        if self.database_url and not self.database_url.startswith("sqlite"):
            return None
        try:
            return str(json.loads(self.control_file.read_text())["url"])
        except (OSError, ValueError, KeyError):
            return None

    @contextmanager
    def serving(self, url: str, token: str) -> Iterator[None]:
        """Leave word of how the command line reaches this process, which alone can use the SQLite file."""
        self.control_file.unlink(missing_ok=True)
        descriptor = os.open(self.control_file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump({"url": url, "token": token}, file)
        try:
            yield
        finally:
            self.control_file.unlink(missing_ok=True)

    def _ask_server(self, name: str, arguments: dict[str, Any]) -> Any:
        try:
            control = json.loads(self.control_file.read_text())
            answer = requests.post(
                f"{control['url']}/control/{name}",
                json=arguments,
                headers={"Authorization": f"Bearer {control['token']}"},
                timeout=(5, _CONTROL_SECONDS),
            )
            document = answer.json()
        except (OSError, ValueError, KeyError, requests.RequestException) as error:
            raise ZoomBridgeError(
                "A bridge has the database open, but does not answer. Stop it and try again."
            ) from error
        if "error" in document:
            raise ZoomBridgeError(document["error"])
        return document["result"]


def make_ready(store: Store) -> None:
    """Bring the tables up to date, and see that the key is the one that they were sealed with.

    Raises `StoreError`.
    """
    from core.store.db.migrate import upgrade
    from core.store.sites import sites

    upgrade(store.engine)
    with store.reading() as connection:
        sites.check_key(connection, store.sealer)


def place_options(command: F) -> F:
    """Give a command the options that say where the bridge keeps its things."""
    command = click.option(
        "--data",
        type=click.Path(file_okay=False, path_type=Path),
        default=_default_data,
        envvar="ZOOMBRIDGE_DATA",
        show_default="~/.local/share/zoombridge",
        help="Folder for the key and, with SQLite, the database.",
    )(command)
    return click.option(
        "--database-url",
        envvar="ZOOMBRIDGE_DATABASE_URL",
        show_default="SQLite in the data folder",
        help="PostgreSQL, which several bridges may share: postgresql://user@host/zoombridge.",
    )(command)


def public_url_option(command: F) -> F:
    """Give a command the option that says where browsers find the bridge."""
    return click.option(
        "--public-url",
        callback=_address,
        envvar="ZOOMBRIDGE_PUBLIC_URL",
        show_default="where it listens",
        help="Address at which browsers find the bridge: https://bridge.example.org",
    )(command)


def _address(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value and not re.fullmatch(r"https?://[^\s/?#@\\]+/?", value):
        raise click.BadParameter("It looks like https://bridge.example.org, with nothing behind the host.")
    return value.rstrip("/") if value else None


def _default_data() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "zoombridge"
