"""The instance of the bridge that a command is for: its data folder, its database, and its running server."""

from __future__ import annotations

import functools
import json
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

from core.errors import StoreInUseError
from core.store.db import private_files
from core.store.db.encryption import key_from
from core.store.db.engine import Store
from core.wordpress import connections
from web.cli.config_file import apply_config
from web.http.logs import log_to_stderr
from web.rpc.client import RpcClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from core.bridge import Bridge
    from web.rpc.api import Operation, RequestT, ResultT

F = TypeVar("F", bound="Callable[..., Any]")

DEFAULT_URL = "http://127.0.0.1:8765"  # where `serve` listens unless it is told otherwise


class Caller(Protocol):
    """Executes operations: in this process, or in the running server."""

    def call(self, operation: Operation[RequestT, ResultT], request: RequestT) -> ResultT:
        """Return the result of an operation. Raises: ZoomBridgeError."""


@dataclass(frozen=True, slots=True)
class Instance:
    """A folder for the key and the SQLite file, or the address of another database."""

    data: Path
    database_url: str | None

    @property
    def url(self) -> str:
        """The address of the database, as SQLAlchemy writes it."""
        return self.database_url or f"sqlite:///{self.data.absolute() / 'zoombridge.db'}"

    @property
    def rpc_file(self) -> Path:
        """The file in which a running server leaves its address and token."""
        return self.data / "rpc.json"

    @property
    def key_file(self) -> Path:
        """The file with the key, unless ZOOMBRIDGE_KEY holds it."""
        return self.data / "zoombridge.key"

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file, which only a running server or one command has open."""
        return self.url.startswith("sqlite")

    @property
    def exists(self) -> bool:
        """Whether there may be data: a database is named, or its file is there."""
        return not self.is_sqlite or self.database_url is not None or (self.data / "zoombridge.db").exists()

    def open_store(self) -> Store:
        """Open the database. Raises: StoreInUseError where a running server has it open; ExposedFileError."""
        private_files.make_folder(self.data)
        keys = os.environ.get("ZOOMBRIDGE_KEY") or key_from(self.key_file)
        return Store(self.url, keys=keys)

    def call(self, operation: Operation[RequestT, ResultT], request: RequestT) -> ResultT:
        """Execute an operation here, or in the server that has the SQLite file open. Raises: ZoomBridgeError."""
        log_to_stderr("warning")  # what a command prints is its result alone
        try:
            store = self.open_store()
        except StoreInUseError:
            return RpcClient(self.rpc_file).call(operation, request)
        from core.bridge import Bridge  # not loaded where a server executes the operation
        from web.ui.message_translation import translate_to

        try:
            prepare_database(store)
            return _LocalCaller(Bridge.create(store, translate=translate_to)).call(operation, request)
        finally:
            store.close()

    @contextmanager
    def working(self) -> Iterator[Caller]:
        """Give a caller for several operations while a background job runs.

        The job runs in the server; without one, in this process, which folds events and writes to sites meanwhile.
        """
        log_to_stderr("warning")
        try:
            store = self.open_store()
        except StoreInUseError:
            yield RpcClient(self.rpc_file)
            return
        from core.bridge import Bridge
        from web.ui.message_translation import translate_to

        try:
            prepare_database(store)
            bridge = Bridge.create(store, translate=translate_to)
            bridge.start_workers()
            try:
                yield _LocalCaller(bridge)
            finally:
                bridge.stop()
        finally:
            store.close()

    def server_url(self) -> str | None:
        """Return the address of the running server; None where none runs, or with PostgreSQL, where it is unknown."""
        if not self.is_sqlite:
            return None
        try:
            return str(json.loads(self.rpc_file.read_text())["url"])
        except (OSError, ValueError, KeyError):
            return None

    @contextmanager
    def publish_rpc(self, url: str, token: str) -> Iterator[None]:
        """Leave the address and token of this server for other commands, readable by the owner of the folder only."""
        private_files.write_file(self.rpc_file, json.dumps({"url": url, "token": token}).encode())
        try:
            yield
        finally:
            self.rpc_file.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _LocalCaller:
    """Executes operations in this process."""

    bridge: Bridge

    def call(self, operation: Operation[RequestT, ResultT], request: RequestT) -> ResultT:
        from core.store.audit import acting
        from web.rpc.caller import command_actor, system_user
        from web.rpc.operations import REGISTRY

        with acting(command_actor(system_user())):
            return REGISTRY.execute(self.bridge, operation, request)


def prepare_database(store: Store) -> None:
    """Run migrations, and check that the key is the one that secrets were encrypted with. Raises: StoreError."""
    from core.store.db.migrate import upgrade
    from core.store.sites import sites

    upgrade(store.engine, store.sealer)
    with store.reading() as connection:
        sites.check_key(connection, store.sealer)


def instance_options(command: F) -> F:
    """Give a command the options `--config`, `--data` and `--database-url`, and the argument `instance` they make."""

    @click.option(
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        envvar="ZOOMBRIDGE_CONFIG",
        callback=apply_config,
        is_eager=True,  # the file gives the other options their defaults
        expose_value=False,
        show_default="/etc/zoombridge.toml, if it exists",
        help="Configuration file (TOML), for what is not set otherwise.",
    )
    @click.option(
        "--data",
        type=click.Path(file_okay=False, path_type=Path),
        default=_default_data,
        envvar="ZOOMBRIDGE_DATA",
        show_default="~/.local/share/zoombridge",
        help="Folder for the key and, with SQLite, the database.",
    )
    @click.option(
        "--database-url",
        envvar="ZOOMBRIDGE_DATABASE_URL",
        show_default="SQLite in the data folder",
        help="PostgreSQL database, which several bridges can share: postgresql://user@host/zoombridge.",
    )
    @click.option(
        "--allow-network",
        multiple=True,
        envvar="ZOOMBRIDGE_ALLOW_NETWORK",
        callback=_allow_networks,
        expose_value=False,
        show_default="none",
        help="Private network that sites and alert hooks may be in, such as 10.1.0.0/16. May be given several times.",
    )
    @functools.wraps(command)
    def wrapper(*arguments: Any, data: Path, database_url: str | None, **options: Any) -> Any:
        return command(*arguments, instance=Instance(data, database_url), **options)

    return wrapper  # type: ignore[return-value]


def _allow_networks(
    _context: click.Context, _option: click.Parameter, networks: tuple[str, ...]
) -> tuple[str, ...]:
    """Allow networks for this process; without any, those stay that are allowed."""
    try:
        if networks:
            connections.allow_networks(networks)
    except ValueError as error:
        raise click.BadParameter(f"Write a network as 10.1.0.0/16 or fd12::/64: {error}") from error
    return networks


def public_url_option(command: F) -> F:
    """Give a command the option for the address of the bridge in browsers."""
    return click.option(
        "--public-url",
        callback=_parse_url,
        envvar="ZOOMBRIDGE_PUBLIC_URL",
        show_default="the saved address, else where it listens",
        help="Address of the bridge in browsers: https://bridge.example.org",
    )(command)


def _parse_url(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value and not re.fullmatch(r"https?://[^\s/?#@\\]+/?", value):
        raise click.BadParameter("Write https://bridge.example.org, with nothing after the host.")
    return value.rstrip("/") if value else None


def _default_data() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "zoombridge"
