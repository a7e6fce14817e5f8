"""Every route of the application, the forms of its pages, and a store with two sites to fill them."""

from __future__ import annotations

import itertools
import re
import time
from dataclasses import dataclass, field
from functools import partial
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from sqlalchemy import insert, select, update
from tornado.routing import PathMatches

from core import messages
from core.sites import pairing_codes
from core.store.db import schema
from core.store.posts import attempts
from core.store.posts.attempts import Attempt
from core.store.sites.pairings import PairingState
from core.zoom.signature import Secret
from tests.core.conftest import connected
from tests.core.events import SECRET, event, raw, signed
from tests.web.conftest import save_token
from tests.web.pairings import used
from web.app import make_app
from web.pages.page import PageHandler

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.bridge import Bridge
    from core.store.db.engine import Store
    from tests.web.conftest import Http

OURS, THEIRS = 90_000_000_001, 90_000_000_777
THEIR_SECRET = "their-secret-token-of-zoom-9Q7Z"


@dataclass(frozen=True)
class Route:
    """A page, with an address for each way to fill what it takes from the address."""

    pattern: str
    handler: type[PageHandler]
    paths: tuple[str, ...]

    def __str__(self) -> str:
        return self.pattern


@dataclass
class Form:
    """A form of a page, as a browser would send it with one of its buttons."""

    page: str
    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)

    def bodies(self) -> Iterator[bytes]:
        for button in self.buttons or [("", "")]:
            yield urlencode([pair for pair in (*self.fields, button) if pair[0]]).encode()


class Forms(HTMLParser):
    """The forms of a page that are posted."""

    def __init__(self, page: str, html: str) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._page = page
        self._form: Form | None = None
        self._select = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Form(self._page, given.get("action", "")) if given.get("method") == "post" else None
            if self._form:
                self.found.append(self._form)
        elif self._form is None:
            return
        elif tag == "button" or (tag == "input" and given.get("type") == "submit"):
            self._form.buttons.append((given.get("name", ""), given.get("value", "")))
        elif tag in ("input", "textarea"):
            self._form.fields.append((given.get("name", ""), given.get("value", "") or "1"))
        elif tag == "select":
            self._select = given.get("name", "")
        elif tag == "option":
            self._form.fields.append((self._select, given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None


def specs(bridge: Bridge) -> list[tuple[re.Pattern[str], Any]]:
    """Every route: its pattern and what answers."""
    app = make_app(bridge)
    found = []
    for rule in app.wildcard_router.rules:
        assert isinstance(rule.matcher, PathMatches)
        found.append((rule.matcher.regex, rule.target))
    assert len(found) > 15
    return found


def pages(bridge: Bridge, names: dict[str, list[str]]) -> list[Route]:
    """Every page, with each group of its pattern filled by the names that fit there."""
    found = []
    for regex, handler in specs(bridge):
        if isinstance(handler, type) and issubclass(handler, PageHandler):
            found.append(Route(regex.pattern, handler, tuple(filled(regex, names))))
    return found


def filled(regex: re.Pattern[str], names: dict[str, list[str]]) -> Iterator[str]:
    """Every path of a route that these names make; a route that takes another kind of name has to be told of."""
    text = regex.pattern.removesuffix("$").replace("\\.", ".").replace("\\-", "-")
    groups = re.findall(r"\((?!\?)[^()]*\)", text)
    every = sorted({name for named in names.values() for name in named})
    fitting = [[name for name in every if re.fullmatch(group, name)] for group in groups]
    for group, fits in zip(groups, fitting, strict=True):
        assert fits, f"{regex.pattern}: which names does {group} take? Add them to `names` of this test."
    for chosen in itertools.product(*fitting):
        path = text
        for group, name in zip(groups, chosen, strict=True):
            path = path.replace(group, quote(name, safe=""), 1)
        assert regex.fullmatch(path), path
        yield path


def tell(http: Http, site_id: str, body: dict[str, Any], secret: str) -> None:
    """Send an event to a site's endpoint, as Zoom does."""
    sent = raw(body)
    answer = http(
        "POST",
        f"/sites/{site_id}/wp-json/vczapi/v1/meeting",
        sent,
        signed(sent, secret=secret, at=time.time()),
    )
    assert answer.code in (204, 401), answer.body


def fill_two_sites(http: Http, bridge: Bridge, store: Store) -> dict[str, list[str]]:
    """Add a site s2 beside s1; give each an account, a meeting, events, attempts and a quarantined request.

    Returns the names of all that by kind, for the groups of the routes.
    """
    connected(store, "s2")
    save_token(store, Secret(THEIR_SECRET), "s2")
    now = int(time.time() * 1000)
    for site_id, account, number, topic, secret in (
        ("s1", "AccountOurs", OURS, "Ours", SECRET),
        ("s2", "AccountTheirs", THEIRS, "Theirs only", THEIR_SECRET),
    ):
        about: dict[str, Any] = {
            "id": number,
            "topic": topic,
            "type": 2,
            "start_time": "2030-01-01T10:00:00Z",
            "duration": 60,
        }
        join: dict[str, Any] = {
            "join_url": f"https://{topic[:6].lower()}.example.net/j/1",
            "timezone": "UTC",
            "host_id": topic[:6],
        }
        made = event(at=now, account_id=account, **(about | join))
        tell(http, site_id, made, secret)
        refused = event("meeting.updated", at=now, account_id=account, **about)
        tell(http, site_id, refused, "another secret")
        moved = messages.SITE_MOVED_TO % {"address": f"https://{site_id}.example.org/blog"}
        attempt = Attempt(site_id, number, now, 10, fault="moved", message=moved)
        store.write(lambda connection, one=attempt: attempts.add(connection, [one]))  # type: ignore[misc]
    bridge.fold_worker.fold_pending()

    codes = add_codes(store)
    job = {
        "kind": "replay",
        "site_id": "s2",
        "requested_by": "theirs.example.net",
        "state": "done",
        "created_at": now,
    }
    failed = messages.JOB_FAILED % {"error": "Theirs only"}
    store.write(
        lambda connection: connection.execute(
            insert(schema.jobs).values(arguments={}, counts={}, message=failed, **job)
        )
    )
    with store.reading() as connection:
        kept = [str(found) for found in connection.scalars(select(schema.events.c.id))]
        work = [str(found) for found in connection.scalars(select(schema.jobs.c.id))]
        held = [str(found) for found in connection.scalars(select(schema.quarantine.c.id))]
    return {
        "site": ["s1", "s2", "nowhere"],
        "account": ["AccountOurs", "AccountTheirs"],
        "number": [str(OURS), str(THEIRS)],
        "event": kept,
        "job": work,
        "held": held,
        "code": codes,
    }


def add_codes(store: Store) -> list[str]:
    """Add pairing codes of anna: unused, expired, one for each state of a pairing, one for all of them; return their ids."""
    issue = partial(
        pairing_codes.issue_code, store, bridge_url="https://bridge.example.org", requested_by="/anna"
    )
    unused, expired = issue(address="https://theirs.example.net").id, issue().id
    ended = update(schema.pairing_codes).where(schema.pairing_codes.c.id == expired).values(expires_at=1)
    store.write(lambda connection: connection.execute(ended))
    theirs = {
        "name": "Theirs only",
        "home": "https://theirs.example.net",
        "message": messages.SITE_UNREACHABLE % {"reason": messages.SERVER_SILENT},
    }
    single, several = [], issue(uses=20).id
    for state in PairingState:
        made = issue(address="https://theirs.example.net/blog").id
        used(store, made, state, **theirs)
        used(store, several, state, **theirs)
        single.append(made)
    return [unused, expired, several, *single]
