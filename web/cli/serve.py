"""`zoombridge serve`: the server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click
import structlog

from core import __version__
from core.accounts.trash_limits import TrashLimitOptions
from core.auth.service import AuthService
from core.bridge import Bridge
from core.errors import StoreUnavailableError
from core.pipeline.mirror_worker import LEASE_SECONDS
from core.store.db import private_files, settings
from core.store.db.settings import (
    FEWEST_EVENTS,
    KEEP_DAYS,
    KEEP_EVENTS,
    KEEP_NAMES_DAYS,
    LONGEST_DAYS,
    MOST_EVENTS,
    MOST_PERCENT,
    MOST_TRASHED,
    TRASH_LIMIT,
    TRASH_PERCENT,
)
from web.acceptor.listener import HttpListener
from web.app import make_app
from web.cli.instance import instance_options, prepare_database, public_url_option
from web.cli.output import echo
from web.http.file_limit import raise_file_limit
from web.http.inflight import InFlight
from web.http.logs import FORMATS, JSON, TEXT, log_to_stderr
from web.http.service_manager import ServiceManager
from web.monitoring.health import is_alive
from web.monitoring.metrics import MIN_TOKEN_LENGTH
from web.stub.updates import PluginUpdates
from web.ui.message_translation import translate_to
from web.webhooks.dispatcher import Dispatcher

if TYPE_CHECKING:
    from core.store.db.engine import Store
    from web.cli.instance import Instance


logger = structlog.get_logger(__name__)

_STOP_SECONDS = 15.0
# A commit releases and retakes the interpreter some ten times. With Python's default of 5 ms, each time may cost that
# much while the fold computes, and all requests that wait for the commit wait as well.
_SWITCH_SECONDS = 0.0005


def _parse_metrics_token(_context: click.Context, _option: click.Parameter, value: str) -> str:
    """Refuse a token that can be guessed, or that no header can hold."""
    if value and len(value) < MIN_TOKEN_LENGTH:
        raise click.BadParameter(f"It must have at least {MIN_TOKEN_LENGTH} characters.")
    if not value.isascii() or not value.isprintable() or value != value.strip():
        raise click.BadParameter("It may have letters, digits and signs of ASCII only, in one line.")
    return value


@click.command()
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option(
    "--port", default=8765, type=click.IntRange(0, 65535), help="Port to listen on; 0 picks a free one."
)
@click.option(
    "--acceptors",
    default=2,
    type=click.IntRange(0, 64),
    help="Processes that accept requests for the server; 0 for none.",
)
@click.option(
    "--behind-proxy", is_flag=True, help="Trust X-Forwarded-For and X-Forwarded-Proto of a reverse proxy."
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    help="Log level on standard error.",
)
@click.option(
    "--log-format",
    type=click.Choice(FORMATS),
    default=TEXT,
    help="Format of the log on standard error: text, or one JSON object for each line.",
)
@click.option(
    "--keep-days",
    type=click.IntRange(1, LONGEST_DAYS),
    show_default=f"as set on the page Settings, {KEEP_DAYS} at first",
    help="Days to keep events in the log.",
)
@click.option(
    "--keep-events",
    type=click.IntRange(FEWEST_EVENTS, MOST_EVENTS),
    show_default=f"as set on the page Settings, {KEEP_EVENTS} at first",
    help="Maximum number of events in the log.",
)
@click.option(
    "--keep-names-days",
    type=click.IntRange(1, LONGEST_DAYS),
    show_default=f"as set on the page Settings, {KEEP_NAMES_DAYS} at first",
    help="Days to keep personal data (names and addresses of registrants, participants and others) in events.",
)
@click.option(
    "--trash-limit",
    type=click.IntRange(0, MOST_TRASHED),
    show_default=f"as set on the page Settings, {TRASH_LIMIT} at first",
    help="Most pages of a site that imports and reconciliations move to the trash within a day without approval.",
)
@click.option(
    "--trash-percent",
    type=click.IntRange(1, MOST_PERCENT),
    show_default=f"as set on the page Settings, {TRASH_PERCENT} at first",
    help="The same limit, in percent of the site's pages; a single page is never too many.",
)
@click.option(
    "--lease-seconds",
    default=LEASE_SECONDS,
    type=click.IntRange(1),
    help="With PostgreSQL: seconds after which another process takes over the work of one that died.",
)
@click.option(
    "--metrics-token",
    default="",
    callback=_parse_metrics_token,
    show_default="none, and /metrics is off",
    help="Bearer token for /metrics; better set as ZOOMBRIDGE_METRICS_TOKEN.",
)
@click.option(
    "--plugin-signature",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    show_default="the one of the installation, if it is a signed release",
    help="File with the plugin's signature (JSON). With it, sites are offered updates of the plugin.",
)
@public_url_option
@instance_options
def serve(
    host: str,
    port: int,
    acceptors: int,
    behind_proxy: bool,
    log_level: str,
    log_format: str,
    keep_days: int | None,
    keep_events: int | None,
    keep_names_days: int | None,
    trash_limit: int | None,
    trash_percent: int | None,
    lease_seconds: int,
    metrics_token: str,
    plugin_signature: Path | None,
    public_url: str | None,
    instance: Instance,
) -> None:
    """Run the server: receive webhooks, sync sites. Stops cleanly on Ctrl-C and SIGTERM.

    Sockets that a service manager opened (systemd's socket units) are used in place of --host and --port.
    """
    manager = ServiceManager.from_environment(os.environ)
    updates = PluginUpdates(plugin_signature)
    _ = updates.release  # a signature that does not fit is told now
    log_to_stderr(log_level, log_format)
    raise_file_limit()
    for stream in (sys.stdout, sys.stderr):
        private_files.tighten_output(stream)
    sys.setswitchinterval(_SWITCH_SECONDS)
    store = instance.open_store()
    try:
        prepare_database(store)
        bridge = Bridge.create(
            store,
            keep_days=keep_days,
            keep_events=keep_events,
            keep_names_days=keep_names_days,
            trash_limits=TrashLimitOptions(trash_limit, trash_percent),
            lease_seconds=lease_seconds,
            translate=translate_to,
            public_url=public_url or "",
        )
        listener = HttpListener(
            host, port, acceptors, behind_proxy=behind_proxy, log_level=log_level, log_format=log_format
        )
        asyncio.run(
            _serve(
                bridge,
                instance,
                listener,
                manager,
                public_url=public_url or "",
                metrics_token=metrics_token,
                updates=updates,
            )
        )
    finally:
        store.close()


def sign_in_hint(store: Store, public_url: str, url: str) -> str:
    """Return the line on the bridge's pages that `serve` prints: a one-time link while there are no users.

    They are at `public_url`, else at the saved address, else at `url`, where the bridge listens.
    """
    auth = AuthService(store)
    try:
        with store.reading() as connection:
            address = public_url or settings.public_url(connection) or url
        if auth.has_users():
            return f"Pages: {address}/"
        return f"Create the first administrator (this link works once): {address}/first?token={auth.invitation()}"
    except StoreUnavailableError as error:
        return f"Pages: {public_url or url}/ (not available: {error})"


async def _serve(
    bridge: Bridge,
    instance: Instance,
    listener: HttpListener,
    manager: ServiceManager,
    *,
    public_url: str,
    metrics_token: str,
    updates: PluginUpdates,
) -> None:
    # With PostgreSQL the other commands open the database themselves, and this process takes no calls.
    token = secrets.token_urlsafe(32) if bridge.store.is_exclusive else ""
    in_flight = InFlight()
    dispatcher = Dispatcher(bridge.ingest)
    app = make_app(
        bridge,
        rpc_token=token,
        metrics_token=metrics_token,
        in_flight=in_flight,
        dispatcher=dispatcher,
        public_url=public_url,
        updates=updates,
    )
    sockets = manager.sockets() or await listener.bind()
    host, port, *_ = sockets[0].getsockname()
    url = f"http://{_in_url(host if manager.descriptors else listener.host)}:{port}"
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    stop_serving = await listener.serve(sockets, app, dispatcher, in_flight)
    bridge.start()
    with instance.publish_rpc(url, token) if token else contextlib.nullcontext():
        echo(f"Zoom WordPress Bridge {__version__} serves on {url}")
        sys.stdout.flush()
        # In a daemon thread, and not waited for: where the database hangs, the bridge can be stopped all the same.
        hint = loop.run_in_executor(dispatcher.executor, sign_in_hint, bridge.store, public_url, url)
        hint.add_done_callback(_print_hint)
        manager.ready(url)
        watching = asyncio.create_task(manager.watch(lambda: is_alive(bridge.store)))
        await stop.wait()
        watching.cancel()
        manager.stopping()
        _announce("stopping", "Stopping: finishing open work.", listener.log_format)
        await stop_serving()
        await dispatcher.drain()
        await _stop(bridge, listener.log_format)


def _print_hint(hint: asyncio.Future[str]) -> None:
    if not hint.cancelled():
        echo(hint.result())
        sys.stdout.flush()


async def _stop(bridge: Bridge, log_format: str) -> None:
    """Stop the workers and release their leases, once every request is answered."""
    ended = threading.Event()
    threading.Thread(target=_stop_bridge, args=(bridge, ended), daemon=True).start()
    loop = asyncio.get_running_loop()
    if not await loop.run_in_executor(None, ended.wait, _STOP_SECONDS):
        _announce(
            "stopped_early",
            "The database or a site does not respond, so not all work could be finished. Nothing is lost: the next "
            "start continues from here.",
            log_format,
        )
        sys.stderr.flush()
        os._exit(1)  # a regular exit would wait for the threads that hang


def _announce(event: str, message: str, log_format: str) -> None:
    """Print a message for people to standard error; as a log line, where these are for programs."""
    if log_format == JSON:
        logger.warning(event, message=message)
    else:
        echo(message, err=True)


def _stop_bridge(bridge: Bridge, ended: threading.Event) -> None:
    try:
        bridge.stop()
    finally:
        ended.set()


def _in_url(host: str) -> str:
    if host in ("0.0.0.0", "::", ""):  # noqa: S104 - not bound here, only shown
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
