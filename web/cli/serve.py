"""`zoombridge serve`: the server."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import sys
import threading
from typing import TYPE_CHECKING

import click
import structlog
from tornado.netutil import bind_sockets

from core import __version__
from core.bridge import Bridge
from core.errors import ZoomBridgeError
from core.mirror import LEASE_SECONDS
from core.retention import DAYS, EVENTS
from web.app import make_app
from web.cli.place import Place, make_ready, place_options, public_url_option
from web.cli.user import way_in
from web.inflight import InFlight
from web.server import make_server

if TYPE_CHECKING:
    from pathlib import Path

    from tornado.httpserver import HTTPServer

_GRACE_SECONDS = 10.0
_STOP_SECONDS = 15.0


@click.command()
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option(
    "--port", default=8765, type=click.IntRange(0, 65535), help="Port to listen on; 0 takes a free one."
)
@click.option("--behind-proxy", is_flag=True, help="Trust X-Forwarded-For and -Proto of a proxy in front.")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    help="How much to write to standard error.",
)
@click.option("--keep-days", default=DAYS, type=click.IntRange(1), help="Days that events stay in the log.")
@click.option(
    "--keep-events", default=EVENTS, type=click.IntRange(1000), help="Events that the log keeps at most."
)
@click.option(
    "--lease-seconds",
    default=LEASE_SECONDS,
    type=click.IntRange(1),
    help="With PostgreSQL: after so many seconds another process takes over from one that died at a post.",
)
@public_url_option
@place_options
def serve(
    host: str,
    port: int,
    behind_proxy: bool,
    log_level: str,
    keep_days: int,
    keep_events: int,
    lease_seconds: int,
    public_url: str | None,
    data: Path,
    database_url: str | None,
) -> None:
    """Take Zoom's events and keep the WordPress sites right. Ends cleanly on Ctrl-C and SIGTERM."""
    _log_to_stderr(log_level)
    place = Place(data, database_url)
    store = place.open()
    try:
        make_ready(store)
        bridge = Bridge.on(store, keep_days=keep_days, keep_events=keep_events, lease_seconds=lease_seconds)
        asyncio.run(
            _serve(bridge, place, host=host, port=port, behind_proxy=behind_proxy, public_url=public_url)
        )
    finally:
        store.close()


async def _serve(
    bridge: Bridge, place: Place, *, host: str, port: int, behind_proxy: bool, public_url: str | None
) -> None:
    # With PostgreSQL the other commands open the database themselves, and nobody controls this process.
    token = secrets.token_urlsafe(32) if bridge.store.is_exclusive else ""
    in_flight = InFlight()
    app = make_app(bridge, control_token=token, in_flight=in_flight, public_url=public_url or "")
    server = make_server(app, behind_proxy=behind_proxy)
    try:
        sockets = bind_sockets(port, host)
    except OSError as error:
        raise ZoomBridgeError(
            f"Nothing can listen on {host}:{port} ({error.strerror}). Is a bridge running already? "
            "Choose another port with --port."
        ) from error
    server.add_sockets(sockets)
    url = f"http://{_in_url(host)}:{sockets[0].getsockname()[1]}"
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    bridge.start()
    with place.serving(url, token) if token else contextlib.nullcontext():
        click.echo(f"Zoom WordPress Bridge {__version__} serves on {url}")
        click.echo(await loop.run_in_executor(None, way_in, bridge.store, public_url or url))
        sys.stdout.flush()
        await stop.wait()
        click.echo("Stopping: finishing what is under way.", err=True)
        await _stop(server, bridge, in_flight)


async def _stop(server: HTTPServer, bridge: Bridge, in_flight: InFlight) -> None:
    """Take no more requests, answer those in flight, then let the claims go."""
    server.stop()
    await in_flight.drain(_GRACE_SECONDS)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(server.close_all_connections(), _GRACE_SECONDS)
    ended = threading.Event()
    threading.Thread(target=_stop_bridge, args=(bridge, ended), daemon=True).start()
    loop = asyncio.get_running_loop()
    if not await loop.run_in_executor(None, ended.wait, _STOP_SECONDS):
        click.echo(
            "The database or a site does not answer, so that not everything could be finished. Nothing is lost: "
            "the next start goes on from here.",
            err=True,
        )
        sys.stderr.flush()
        os._exit(1)  # an ordinary end would wait for the threads that hang


def _stop_bridge(bridge: Bridge, ended: threading.Event) -> None:
    try:
        bridge.stop()
    finally:
        ended.set()


def _in_url(host: str) -> str:
    if host in ("0.0.0.0", "::", ""):  # noqa: S104 - not bound here, only shown
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _log_to_stderr(level: str) -> None:
    number = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=number, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    # urllib3 logs addresses and tornado logs requests; both may hold what must not be in a log.
    for name in ("urllib3", "tornado.access", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
