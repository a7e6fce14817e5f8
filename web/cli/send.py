"""`zoombridge send`: sign and post events as Zoom would."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.errors import ZoomBridgeError
from core.model.page_status import PageStatus
from core.model.post_status import PostStatus
from core.store.events.log import Outcome
from core.zoom.scenarios import ACCOUNT, lifecycle, series, validation
from core.zoom.sender import send as post
from web.cli.instance import instance_options
from web.cli.output import echo
from web.cli.secret_input import read_secret_token
from web.rpc import api

if TYPE_CHECKING:
    from web.cli.instance import Instance

_SCENARIOS = ("meeting", "webinar", "series", "meeting-life", "webinar-life", "validation")
_DEFAULT = "meeting"
_EVENTS_WITH_A_PAGE = 2  # of a life: created and moved
_POLL_SECONDS = 0.5
_PATIENCE_SECONDS = 120.0
_UNSETTLED = (PostStatus.PENDING, PostStatus.NONE)


@dataclass(frozen=True, slots=True)
class _Scenario:
    """The events of a scenario, with their names. `number` is that of the meeting whose page stays; None: no page stays."""

    bodies: list[tuple[str, bytes]]
    number: int | None = None


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--to",
    "url",
    show_default="that of the connected site",
    help="Endpoint URL, for example https://example.org/wp-json/vczapi/v1/meeting",
)
@click.option(
    "--scenario",
    type=click.Choice(_SCENARIOS),
    show_default="meeting, without FILES",
    help="Send a scenario (see above).",
)
@click.option(
    "--number",
    type=click.IntRange(1, 10**13),
    show_default="a new one",
    help="Meeting number of the scenario.",
)
@click.option("--pause", type=click.FloatRange(0, 3600), default=0.0, help="Seconds to wait between events.")
@click.option(
    "--wait",
    "patience",
    type=click.FloatRange(0, 3600),
    default=_PATIENCE_SECONDS,
    help="Seconds to wait for the page of the scenario.",
)
@instance_options
@click.pass_context
def send(
    context: click.Context,
    files: tuple[Path, ...],
    *,
    url: str | None,
    scenario: str | None,
    number: int | None,
    pause: float,
    patience: float,
    instance: Instance,
) -> None:
    """Sign and post events from FILES as Zoom would.

    Events are sent in order. A file holds one event, whose bytes are sent unchanged, or a JSON list of events.

    To try a site without a Zoom account, send a scenario. At the end the command prints the address of the page, or
    what is missing:

    \b
      meeting       a meeting is scheduled, then moved; its page stays
      webinar       the same for a webinar
      series        a weekly series of five dates, one of them cancelled; its page stays
      meeting-life  scheduled, moved, deleted, recovered, permanently deleted
      webinar-life  the same for a webinar
      validation    Zoom validates the endpoint

    To delete a page that stays, do so in WordPress, or use --scenario meeting-life with its --number.

    The secret token to sign with is read from ZOOMBRIDGE_SECRET_TOKEN, prompted for, or read from standard input:
    zoombridge send … < secret-token.txt
    """  # noqa: D301 - \b keeps the lines of a list
    bodies = [body for file in files for body in _bodies(file)]
    told = _Scenario([])
    if scenario is not None or not files:
        told = _scenario(scenario or _DEFAULT, number)
    to = url or _only_endpoint(instance)
    secret_token = read_secret_token("Zoom's secret token")
    failed = _post_all(to, [*bodies, *told.bodies], secret_token, pause=pause)
    if told.number is not None and not failed:
        failed += not _show_page(instance, told.number, patience=patience)
    context.exit(1 if failed else 0)


def _post_all(url: str, bodies: list[tuple[str, bytes]], secret_token: str, *, pause: float) -> int:
    """Send events in order, and print their answers. Returns the number of those that failed."""
    failed = 0
    for index, (name, body) in enumerate(bodies):
        if index and pause:
            time.sleep(pause)
        reply = post(url, body, secret_token, timestamp=int(time.time()))
        echo(f"{reply.status or '---'}  {name}  {reply.text.strip()}".rstrip())
        if not reply.is_success:
            failed += 1
            retried = (
                "would retry" if reply.would_be_sent_again else "never retries this: the event would be lost"
            )
            echo(f"     Zoom {retried}.")
    return failed


def _only_endpoint(instance: Instance) -> str:
    """Return the endpoint of the connected site. Raises: ZoomBridgeError where there is none, or several."""
    sites = instance.call(api.SITE_LIST, api.SiteListRequest()) if instance.exists else []
    if not sites:
        raise ZoomBridgeError(
            "No site is connected. Connect one: zoombridge site add. Or name an endpoint: --to"
        )
    if len(sites) > 1:
        listed = "".join(f"\n  --to {site.endpoint}" for site in sites)
        raise ZoomBridgeError(f"Several sites are connected. Choose one:{listed}")
    return sites[0].endpoint


def _show_page(instance: Instance, number: int, *, patience: float) -> bool:
    """Wait for the pages of a meeting, and print where they are or what is missing. Returns whether there is a page."""
    if not instance.exists:
        echo(
            f"No bridge has its data here ({instance.data}). See the page Meetings of the one that answered."
        )
        return True
    request = api.SentMeeting(account=ACCOUNT, number=number)
    deadline = time.monotonic() + patience
    found = instance.call(api.SEND_RESULT, request)
    while not _is_settled(found) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        found = instance.call(api.SEND_RESULT, request)
    if found.outcome is None:
        echo(
            "The events are not in the log of this bridge: the endpoint belongs to another one, see its page Meetings."
        )
        return True
    there = [_print_page(page) for page in found.pages]
    if not there:
        echo(_without_pages(found.outcome))
    bridge = found.bridge_url or instance.server_url()
    if bridge and found.outcome is not Outcome.WAITING:
        echo(f"In the bridge: {bridge}{found.path}")
    return any(there)


def _is_settled(found: api.SentMeetingResult) -> bool:
    if found.outcome in (None, Outcome.PENDING):
        return found.outcome is None
    if found.outcome is not Outcome.APPLIED:
        return True
    return bool(found.pages) and all(page.status not in _UNSETTLED for page in found.pages)


def _print_page(page: api.MeetingPage) -> bool:
    """Print the page of one site, or why there is none. Returns whether there is one."""
    if page.status is PostStatus.SYNCED and page.link:
        seen = (
            "Page"
            if page.stands in (None, PageStatus.PUBLISHED)
            else f"Page ({page.stands}: visitors do not see it)"
        )
        echo(f"{seen}: {page.link}")
        return True
    reason = page.message or "it is not written yet. Is the bridge running? zoombridge doctor checks it."
    echo(f"No page on {page.site_url}: {reason}")
    return False


def _without_pages(outcome: Outcome) -> str:
    if outcome is Outcome.WAITING:
        return (
            f"No page: the site does not show the Zoom account {ACCOUNT}, so the events wait. Grant it:\n"
            f"  zoombridge account grant {ACCOUNT} SITE"
        )
    if outcome is Outcome.PENDING:
        return "No page yet: the events are in the log, and no bridge has applied them. Start it: zoombridge serve"
    return f"No page: the events are {outcome}. zoombridge events list says why."


def _bodies(file: Path) -> list[tuple[str, bytes]]:
    raw = file.read_bytes()
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        return [(file.name, raw)]  # sent unchanged: how a bridge handles a broken body is worth trying, too
    if isinstance(document, list):
        return [(f"{file.name}[{index}]", _json(event)) for index, event in enumerate(document)]
    return [(file.name, raw)]


def _scenario(name: str, number: int | None) -> _Scenario:
    now = datetime.now(UTC)
    meeting = number or 90_000_000_000 + secrets.randbelow(10**9)
    if name == "validation":
        return _Scenario(_named([validation(secrets.token_urlsafe(16), now=now)]))
    if name == "series":
        return _Scenario(_named([series(meeting, now=now)]), meeting)
    kind, _, life = name.partition("-")
    events = lifecycle(kind, meeting, now=now)
    return _Scenario(_named(events)) if life else _Scenario(_named(events[:_EVENTS_WITH_A_PAGE]), meeting)


def _named(events: list[dict[str, Any]]) -> list[tuple[str, bytes]]:
    return [(event["event"], _json(event)) for event in events]


def _json(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
