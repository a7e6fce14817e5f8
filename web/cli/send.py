"""`zoombridge send`: sign and post events as Zoom would."""

from __future__ import annotations

import json
import secrets
import time
from datetime import UTC, datetime
from pathlib import Path

import click

from core.zoom.scenarios import lifecycle, validation
from core.zoom.sender import send as post
from web.cli.secret_input import read_secret_token

_SCENARIOS = ("meeting", "webinar", "validation")


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--to",
    "url",
    required=True,
    help="Endpoint URL, for example https://example.org/wp-json/vczapi/v1/meeting",
)
@click.option(
    "--scenario",
    type=click.Choice(_SCENARIOS),
    help="Send a scenario instead of files: the life of a meeting or a webinar, or Zoom's endpoint validation.",
)
@click.option(
    "--number",
    type=click.IntRange(1, 10**13),
    show_default="a new one",
    help="Meeting number of the scenario.",
)
@click.option("--pause", type=click.FloatRange(0, 3600), default=0.0, help="Seconds to wait between events.")
@click.pass_context
def send(
    context: click.Context,
    files: tuple[Path, ...],
    url: str,
    scenario: str | None,
    number: int | None,
    pause: float,
) -> None:
    """Sign and post events from FILES as Zoom would.

    Events are sent in order. A file holds one event, whose bytes are sent unchanged, or a JSON list of events. To try a site without a Zoom
    account: zoombridge send --scenario meeting --to …

    The secret token to sign with is read from ZOOMBRIDGE_SECRET_TOKEN, prompted for, or read from standard input:
    zoombridge send … < secret-token.txt
    """
    bodies = [body for file in files for body in _bodies(file)]
    if scenario is not None:
        bodies += _scenario(scenario, number)
    if not bodies:
        raise click.UsageError("Name files to send, or a scenario: --scenario meeting")
    secret_token = read_secret_token("Zoom's secret token")
    failed = 0
    for index, (name, body) in enumerate(bodies):
        if index and pause:
            time.sleep(pause)
        reply = post(url, body, secret_token, timestamp=int(time.time()))
        click.echo(f"{reply.status or '---'}  {name}  {reply.text.strip()}".rstrip())
        if not reply.is_success:
            failed += 1
            retried = (
                "would retry" if reply.would_be_sent_again else "never retries this: the event would be lost"
            )
            click.echo(f"     Zoom {retried}.")
    context.exit(1 if failed else 0)


def _bodies(file: Path) -> list[tuple[str, bytes]]:
    raw = file.read_bytes()
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        return [(file.name, raw)]  # sent unchanged: how a bridge handles a broken body is worth trying, too
    if isinstance(document, list):
        return [(f"{file.name}[{index}]", _json(event)) for index, event in enumerate(document)]
    return [(file.name, raw)]


def _scenario(scenario: str, number: int | None) -> list[tuple[str, bytes]]:
    now = datetime.now(UTC)
    if scenario == "validation":
        return [("endpoint.url_validation", _json(validation(secrets.token_urlsafe(16), now=now)))]
    events = lifecycle(scenario, number or 90_000_000_000 + secrets.randbelow(10**9), now=now)
    return [(event["event"], _json(event)) for event in events]


def _json(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
