"""`zoombridge serve`: the server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
import threading
from typing import TYPE_CHECKING

import click

from core import __version__
from core.bridge import Bridge
from core.pipeline.mirror_worker import LEASE_SECONDS
from core.store.db.settings import (
    FEWEST_EVENTS,
    KEEP_DAYS,
    KEEP_EVENTS,
    KEEP_NAMES_DAYS,
    LONGEST_DAYS,
    MOST_EVENTS,
)
from web.acceptor.listener import Listener
from web.app import make_app
from web.cli.context import Place, make_ready, place_options, public_url_option
from web.cli.user import way_in
from web.http.inflight import InFlight
from web.http.logs import log_to_stderr
from web.monitoring.metrics import SHORTEST_TOKEN
from web.webhooks.dispatcher import Dispatcher

if TYPE_CHECKING:
    from pathlib import Path


_STOP_SECONDS = 15.0
# A commit hands the interpreter over and takes it back some ten times. With Python's own 5 ms, each time may cost that
# much while the fold computes, and everyone who waits for the commit waits as well.
_SWITCH_SECONDS = 0.0005


@click.command()
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option(
    "--port", default=8765, type=click.IntRange(0, 65535), help="Port to listen on; 0 takes a free one."
)
@click.option(
    "--acceptors",
    default=2,
    show_default=True,
    type=click.IntRange(0, 64),
    help="Processes that take requests for this one: more for machines with more cores; 0 to do without.",
)
@click.option("--behind-proxy", is_flag=True, help="Trust X-Forwarded-For and -Proto of a proxy in front.")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    help="How much to write to standard error.",
)
@click.option(
    "--keep-days",
    type=click.IntRange(1, LONGEST_DAYS),
    show_default=f"what the page Settings says, {KEEP_DAYS} at first",
    help="Days that events stay in the log.",
)
@click.option(
    "--keep-events",
    type=click.IntRange(FEWEST_EVENTS, MOST_EVENTS),
    show_default=f"what the page Settings says, {KEEP_EVENTS} at first",
    help="Events that the log keeps at most.",
)
@click.option(
    "--keep-names-days",
    type=click.IntRange(1, LONGEST_DAYS),
    show_default=f"what the page Settings says, {KEEP_NAMES_DAYS} at first",
    help="Days that names and addresses of people who registered or took part stay in these events.",
)
@click.option(
    "--lease-seconds",
    default=LEASE_SECONDS,
    type=click.IntRange(1),
    help="With PostgreSQL: after so many seconds another process takes over from one that died at a post.",
)
@click.option(
    "--metrics-token",
    default="",
    show_default="none, and /metrics tells nothing",
    help="What Prometheus sends as bearer token to /metrics; rather set ZOOMBRIDGE_METRICS_TOKEN.",
)
@public_url_option
@place_options
def serve(
    host: str,
    port: int,
    acceptors: int,
    behind_proxy: bool,
    log_level: str,
    keep_days: int | None,
    keep_events: int | None,
    keep_names_days: int | None,
    lease_seconds: int,
    metrics_token: str,
    public_url: str | None,
    data: Path,
    database_url: str | None,
) -> None:
    """Take Zoom's events and keep the WordPress sites right. Ends cleanly on Ctrl-C and SIGTERM."""
    if metrics_token and len(metrics_token) < SHORTEST_TOKEN:
        raise click.UsageError(f"--metrics-token must have at least {SHORTEST_TOKEN} characters.")
    log_to_stderr(log_level)
    sys.setswitchinterval(_SWITCH_SECONDS)
    place = Place(data, database_url)
    store = place.open()
    try:
        make_ready(store)
        bridge = Bridge.on(
            store,
            keep_days=keep_days,
            keep_events=keep_events,
            keep_names_days=keep_names_days,
            lease_seconds=lease_seconds,
        )
        listener = Listener(host, port, acceptors, behind_proxy=behind_proxy, log_level=log_level)
        asyncio.run(_serve(bridge, place, listener, public_url=public_url or "", metrics_token=metrics_token))
    finally:
        store.close()


async def _serve(
    bridge: Bridge, place: Place, listener: Listener, *, public_url: str, metrics_token: str
) -> None:
    # With PostgreSQL the other commands open the database themselves, and nobody controls this process.
    token = secrets.token_urlsafe(32) if bridge.store.is_exclusive else ""
    in_flight = InFlight()
    dispatcher = Dispatcher(bridge.ingest)
    app = make_app(
        bridge,
        control_token=token,
        metrics_token=metrics_token,
        in_flight=in_flight,
        dispatcher=dispatcher,
        public_url=public_url,
    )
    sockets = await listener.bind()
    url = f"http://{_in_url(listener.host)}:{sockets[0].getsockname()[1]}"
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    stop_serving = await listener.serve(sockets, app, dispatcher, in_flight)
    bridge.start()
    with place.serving(url, token) if token else contextlib.nullcontext():
        click.echo(f"Zoom WordPress Bridge {__version__} serves on {url}")
        click.echo(await loop.run_in_executor(None, way_in, bridge.store, public_url or url))
        sys.stdout.flush()
        await stop.wait()
        click.echo("Stopping: finishing what is under way.", err=True)
        await stop_serving()
        await _stop(bridge)


async def _stop(bridge: Bridge) -> None:
    """Let the claims go, once every request is answered."""
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
