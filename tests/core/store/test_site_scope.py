"""Every query that takes a site, asked as one site: it returns nothing of another, and changes nothing there.

Both sites have a meeting of the same number and host, so that what is not held to the grants is found. The functions
are found by their signatures. One that takes a parameter of a new name has to be told here what to give for it.
"""

from __future__ import annotations

import importlib
import inspect
import itertools
import pkgutil
import sqlite3
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import ColumnElement, Select, or_, select, update

import core.store
from core.errors import ZoomBridgeError
from core.model.health_facts import FactName, HealthFinding
from core.model.meeting import Meeting
from core.model.page_visit import PageVisit
from core.model.post_status import PostStatus
from core.model.rules import Rules
from core.model.site_copies import PlaceHistory
from core.pipeline.fold_worker import FoldWorker
from core.store import jobs
from core.store.accounts import credentials, removals
from core.store.accounts import users as zoom_users
from core.store.accounts.credentials import ZoomAccount
from core.store.accounts.removals import FoundRemoval, RemovalState
from core.store.accounts.users import ZoomUser
from core.store.audit import Action, AuditFilter
from core.store.auth.one_time_links import Purpose
from core.store.auth.users import Role
from core.store.db import schema
from core.store.events import large_requests, log, quarantine
from core.store.events.dismissal import Dismissible
from core.store.events.large_requests import LargeRequestCause
from core.store.events.log import Outcome
from core.store.events.quarantine import QuarantineLimits
from core.store.events.request import Request
from core.store.events.search import EventFilter, EventKey
from core.store.events.waiting_limits import WaitingLimits
from core.store.meetings.search import MeetingFilter, MeetingKey, Period
from core.store.posts import attempts
from core.store.posts.attempts import Attempt
from core.store.posts.visits import DueVisit
from core.store.sites import grants, health, sites, zoom_secrets
from core.store.sites.grants import GrantSource
from core.wordpress.addresses import Endpoint
from core.wordpress.sync_operations import PostReport
from core.zoom.oauth import Credentials
from core.zoom.signature import Secret
from tests.core.conftest import connected
from tests.core.events import NOW, event, raw
from tests.core.store.entries import entry
from tests.core.store.grants import granted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

    from core.store.db.engine import Store
    from core.store.sites.sites import Site

NUMBER = 85_000_000_001
THEIR_NUMBER = 85_000_000_002
HOST = "TheSameHost"
MS = NOW * 1000
OURS, THEIRS = "AccountOurs", "AccountTheirs"
MARKS = ("theirs-", "s2.example.org", "Site s2", THEIRS, str(THEIR_NUMBER))
"""What no answer for the site s1 may hold, unless it was asked for with just that."""


class _UndoneError(Exception):
    """Rolls a transaction back."""


@pytest.fixture
def two_sites(store: Store, site: Site) -> Store:
    """Two sites with one of everything; what belongs to s2 says so."""
    connected(store, "s2")
    for site_id, tag, account_id in (("s1", "ours", OURS), ("s2", "theirs", THEIRS)):
        granted(store, account_id, site_id)
        fill(store, site_id, f"{tag}-", account_id)
    return store


def fill(store: Store, site_id: str, tag: str, account_id: str) -> None:
    about: dict[str, Any] = {
        "topic": f"{tag}topic",
        "type": 2,
        "start_time": "2036-03-24T18:00:00Z",
        "duration": 60,
        "join_url": f"https://{tag}link.example.net/j/1",
        "password": f"{tag}passcode",
        "host_id": HOST,
    }
    numbers = [NUMBER] if account_id == OURS else [NUMBER, THEIR_NUMBER]
    told = [event("meeting.created", MS - 1000, account_id=account_id, id=one, **about) for one in numbers]
    told.append(event(f"{tag}never.heard", MS - 900, account_id=account_id, id=NUMBER))
    told.append(event("meeting.updated", MS - 800, account_id=f"{tag}waiting", id=NUMBER, **about))
    granted(store, f"{tag}waiting", "elsewhere")
    outcomes = {f"{tag}never.heard": Outcome.FAILED}
    lines = [
        entry(
            store, one, site_id=site_id, received_at=MS, outcome=outcomes.get(one["event"], Outcome.PENDING)
        )
        for one in told
    ]
    nameless = event("meeting.updated", MS - 700, account_id=None, id=numbers[-1], **about)
    lines.append(entry(store, nameless, site_id=site_id, received_at=MS))
    store.write(lambda connection: log.append(connection, lines))
    while FoldWorker(store).fold_pending():
        pass
    store.write(partial(fill_tables, store=store, site_id=site_id, tag=tag, account_id=account_id))


def fill_tables(connection: Connection, *, store: Store, site_id: str, tag: str, account_id: str) -> None:
    """Add a row to each table that is not filled by events."""
    sealer = store.sealer
    zoom_secrets.save(connection, site_id, Secret(f"{tag}secret-token"), sealer, now=MS)
    user = ZoomUser(account_id, HOST, f"host@{tag}mail.example.net", f"{tag}host", MS)
    zoom_users.save(connection, [user], store.sealer)
    account = ZoomAccount(f"{tag}account", Credentials(account_id, "id", f"{tag}secret"))
    credentials.save(connection, account, sealer)
    credentials.record_fault(connection, account_id, f"{tag}reason")
    refused = Request({"x-zm-request-id": f"{tag}request"}, raw(event(account_id=account_id)))
    quarantine.add(connection, site_id, refused, sealer, reason=f"{tag}reason", now=MS)
    large_requests.add(
        connection, site_id, refused.headers, sealer, cause=LargeRequestCause.TOO_LARGE, size=1, now=MS
    )
    jobs.enqueue(connection, "replay", {"of": tag}, site_id=site_id, requested_by=f"{tag}user", now=MS)
    removals.note_found(connection, 1, account_id, [FoundRemoval(site_id, NUMBER, f"{tag}topic")], now=MS)
    removals.set_state(connection, account_id, [NUMBER], RemovalState.HELD)
    attempts.add(connection, [Attempt(site_id, NUMBER, MS + 1, 1, fault="server", message=f"{tag}reason")])
    health.record(connection, site_id, [HealthFinding(FactName.PAGES, False, f"{tag}reason")], now=MS)
    grants.refuse(connection, f"{tag}refused", site_id, now=MS)
    dropped = {
        "account_id": f"{tag}waiting",
        "site_id": site_id,
        "dropped": 1,
        "since": MS,
        "last_at": MS,
    }
    connection.execute(schema.waiting_drops.insert().values(**dropped))
    kept: dict[str, Any] = {
        "link": f"https://{tag}link.example.net/page",
        "fault": "server",
        "fault_message": f"{tag}reason",
    }
    is_of_site = schema.posts.c.site_id == site_id
    kept |= {"post_id": 5, "state": "synced", "reason": f"{tag}reason"}
    connection.execute(update(schema.posts).where(is_of_site).values(**kept))
    connection.execute(
        update(schema.sites).where(schema.sites.c.id == site_id).values(fault_message=f"{tag}reason")
    )


def queries() -> dict[str, Callable[..., Any]]:
    """Return the functions of the store that take a site, by module and name."""
    found: dict[str, Callable[..., Any]] = {}
    for module in pkgutil.walk_packages(core.store.__path__, "core.store."):
        if ".migrations" in module.name:
            continue
        for name, function in inspect.getmembers(importlib.import_module(module.name), inspect.isfunction):
            if function.__module__ != module.name or name.startswith("_"):
                continue
            parameters = inspect.signature(function).parameters
            filters = any("Filter" in str(one.annotation) for one in parameters.values())
            if filters or parameters.keys() & {"site_id", "site_ids", "site"}:
                found[f"{module.name.removeprefix('core.store.')}.{name}"] = function
    return found


def arguments(store: Store, of_site: str) -> dict[str, list[Any]]:
    """What to give for a parameter, by its name: with ids of both sites, wherever it takes one."""
    accounts = [OURS, THEIRS]
    with store.reading() as connection:
        asking = sites.load(connection, of_site, store.sealer)

        def ids(table: Any) -> list[int]:
            return list(connection.scalars(select(table.c.id).order_by(table.c.id)))

        tables = (schema.events, schema.quarantine, schema.jobs, schema.zoom_secrets)
        event_ids, request_ids, job_ids, token_ids = (ids(table) for table in tables)
    pairs = [[(account_id, number)] for account_id in accounts for number in (NUMBER, THEIR_NUMBER)]
    finding = HealthFinding(FactName.PAGES, True, "found")
    return {
        "sealer": [store.sealer],
        "action": [Action.SECRET_ADDED],
        "subject": ["a subject"],
        "more": ["a detail"],
        "signature": ["v1=a"],
        "site_id": [of_site],
        "site_ids": [[of_site]],
        "site": [asking],
        "account_id": accounts,
        "number": [NUMBER, THEIR_NUMBER],
        "numbers": [[NUMBER, THEIR_NUMBER]],
        "named": pairs,
        "meetings": pairs,
        "keys": pairs,
        "meeting": [pair[0] for pair in pairs],
        "event_id": event_ids,
        "request_id": request_ids,
        "job_id": job_ids,
        "token_id": token_ids,
        "host_ids": [[HOST]],
        "wanted": [EventFilter(site_id=of_site), EventFilter(site_id=of_site, number=NUMBER)],
        "beyond": [EventKey(0, 0)],
        "beside": [None],
        "rising": [True],
        "now": [MS],
        "moment": [0, 10**15],
        "since": [0],
        "until": [10**15],
        "next_at": [1],
        "at": [MS],
        "claimed": [0],
        "upto": [10**15],
        "after": [0],
        "applied_at": [0],
        "limit": [100],
        "most": [100],
        "sender": ["192.0.2.1"],
        "requests": list(Dismissible),
        "seconds": [1],
        "is_plausible": [True, False],
        "limits": [WaitingLimits()],
        "kind": ["replay"],
        "arguments": [{"of": "them"}],
        "requested_by": ["anna"],
        "purpose": [Purpose.SITE],
        "name": ["anna"],
        "role": [Role.VIEWER],
        "headers": [{}],
        "request": [Request({}, b"{}")],
        "cause": list(LargeRequestCause),
        "size": [1],
        "reason": ["a reason"],
        "secret": [Secret("another-secret-token")],
        "source": [GrantSource.ADMINISTRATOR],
        "but_of": [OURS],
        "but": ["a token"],
        "names": [list(FactName)],
        "findings": [[finding]],
        "epoch": [1],
        "known": [None, 1],
        "decided": [Rules(show_host=True, hosts=("host@theirs-mail.example.net",))],
        "about": [[Meeting(account_id, NUMBER, object={"host_id": HOST}) for account_id in accounts]],
        "new": [100],
        "looked_before": [10**15],
        "unclear_before": [10**15],
        "of": [DueVisit(NUMBER, 5, "https://s1.example.org/?p=5")],
        "visit": [PageVisit.SHOWN],
        "seen": [{}],
        "reports": [[PostReport(5, NUMBER, "draft", digest="d")]],
        "changes": [[PostReport(5, NUMBER, "draft", digest="d", by="user", at=NOW, version="v")]],
        "is_restored": [True, False],
        "is_checked": [True],
        "fault": ["server"],
        "message": ["a message"],
        "blocked_until": [1],
        "address": ["https://s1.example.org"],
        "browser": ["Firefox (Windows)"],
        "url": ["https://other.example.org"],
        "home": ["https://other.example.org"],
        "rest_root": ["https://other.example.org/wp-json/"],
        "endpoints": [{}],
        "addresses": [[Endpoint("other.example.org", 0, "10.0.0.9")]],
        "asked": [[Endpoint("other.example.org", 0, "10.0.0.8")]],
        "place": ["place"],
        "places": [PlaceHistory("a", "b", 1, 1)],
        "doorway": ["rest"],
        "page": ["https://other.example.org/wp-admin/"],
        "key": ["77" * 32],
        "next_key": [""],
        "username": ["name"],
        "password": ["word"],
    }


def special(of_site: str) -> dict[str, dict[str, list[Any]]]:
    """What a function takes under a name that means another thing elsewhere."""
    meeting_filters = [
        MeetingFilter(words, Period.ALL, site_id=of_site, status=status)
        for words in ("", "topic")
        for status in (None, *PostStatus)
    ]
    keys = [MeetingKey(0, number, account_id) for account_id in (OURS, THEIRS) for number in (NUMBER,)]
    owned = [Meeting(OURS, NUMBER, object={"host_id": HOST})]
    return {
        "meetings.search.page": {"wanted": meeting_filters, "after": [None], "before": [None]},
        "meetings.search.query_of": {"wanted": meeting_filters},
        # A list is asked with keys that `page` returned.
        "meetings.search.lines": {"keys": [keys[:1]]},
        "meetings.shown.of_owner": {"meeting": owned},
        "meetings.calendar.entries": {"number": [None, NUMBER, THEIR_NUMBER]},
        "events.search.page": {"after": [None], "before": [None]},
        "events.quarantine.page": {"after": [None], "before": [None]},
        "events.quarantine.add": {"limits": [QuarantineLimits()]},
        "events.search.matches_later": {"meeting": [(OURS, NUMBER)]},
        "posts.standing.record_missing": {"seen": [[]]},
        "posts.visits.due": {"known": [100]},
        "sites.rules.of_site": {"decided": [Rules(show_host=True)]},
        "sites.sites.change_tags": {"add": [["tag"]], "remove": [[]]},
        "sites.sites.record_goodbye": {"reason": ["deactivated"]},
        "audit.page": {"wanted": [AuditFilter(site=of_site)], "after": [None], "before": [None]},
        "audit.count": {"wanted": [AuditFilter(site=of_site)]},
        "audit.record": {"site": [""], "actor": [None], "detail": [None]},
    }


def calls(name: str, function: Callable[..., Any], given: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """Yield the arguments of each call of a function: every combination of what its parameters take."""
    parameters = [one for one in inspect.signature(function).parameters if one != "connection"]
    unknown = [one for one in parameters if one not in given]
    assert not unknown, f"{name}: what does {unknown} take? Add it to `arguments` of this test."
    for chosen in itertools.product(*(given[one] for one in parameters)):
        yield dict(zip(parameters, chosen, strict=True))


def result_of(connection: Connection, function: Callable[..., Any], given: dict[str, Any]) -> object:
    """Call a function; return its result, or the rows that the query or condition which it returns finds."""
    has_connection = "connection" in inspect.signature(function).parameters
    try:
        result = function(connection, **given) if has_connection else function(**given)
    except ZoomBridgeError as error:
        return str(error)
    if isinstance(result, Select):
        return [tuple(row) for row in connection.execute(result)]
    if isinstance(result, ColumnElement):
        return [tuple(row) for row in connection.execute(select(schema.posts).where(result))]
    return result


def queries_of_others() -> dict[str, Select[Any]]:
    """Return for each table the query of what belongs to another site or to nobody."""
    found = {}
    for table in schema.metadata.sorted_tables:
        query = select(table)
        if table.name == "stub_requests":
            continue  # digests, which tell of no site
        if table.name == "sites":
            query = query.where(table.c.id != "s1")
        elif table.name == "events":
            query = query.where(or_(table.c.site_id.is_distinct_from("s1"), table.c.account_id == THEIRS))
        elif "site_id" in table.c:
            query = query.where(table.c.site_id.is_distinct_from("s1"))
        elif "account_id" in table.c:
            query = query.where(table.c.account_id.not_in([OURS, "site:s1"]))
        found[table.name] = query
    return found


QUERIES_OF_OTHERS = queries_of_others()


def not_ours(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """What belongs to another site or to nobody."""
    return {
        name: sorted(map(tuple, connection.execute(query)), key=repr)
        for name, query in QUERIES_OF_OTHERS.items()
    }


def changed_rows(connection: Connection) -> int | None:
    """Return how many rows this connection has changed, as SQLite counts them; None of another database."""
    raw = connection.connection.dbapi_connection
    return raw.total_changes if isinstance(raw, sqlite3.Connection) else None


def leaks(store: Store, every: dict[str, Callable[..., Any]], of_site: str) -> dict[str, list[str]]:
    """Return by function what it says of the other site, or changes of it, if it is asked as `of_site`."""
    with store.reading() as connection:
        before = not_ours(connection)  # as it is before each call: what a call changes is undone
    given, others = arguments(store, of_site), special(of_site)
    found: dict[str, list[str]] = {name: [] for name in every}

    def attempt(connection: Connection, name: str, some: dict[str, Any]) -> None:
        earlier = changed_rows(connection)
        told = repr(result_of(connection, every[name], some))
        asked = repr({key: value for key, value in some.items() if key != "sealer"})
        found[name].extend(mark for mark in MARKS if mark in told and mark not in asked)
        if earlier is None or changed_rows(connection) != earlier:
            after = not_ours(connection)
            found[name].extend(f"changes {table}" for table in before if before[table] != after[table])
        raise _UndoneError

    for name, function in every.items():
        for some in calls(name, function, given | others.get(name, {})):
            with pytest.raises(_UndoneError):
                store.write(partial(attempt, name=name, some=some))
    return {name: some for name, some in found.items() if some}


def test_every_query_that_takes_a_site_ends_at_its_grants(two_sites: Store) -> None:
    every = queries()
    assert len(every) > 100
    assert leaks(two_sites, every, "s1") == {}


def test_the_other_site_would_be_seen(two_sites: Store) -> None:
    """The same calls, asked as the other site: so they are the right ones."""
    found = leaks(two_sites, queries(), "s2")
    telling = [name for name, some in found.items() if any("changes " not in one for one in some)]
    changing = [name for name, some in found.items() if any("changes " in one for one in some)]
    assert len(telling) > 25, telling
    assert len(changing) > 40, changing
