"""Connected WordPress sites: addresses, credentials and health. Functions run in the caller's transaction."""

from __future__ import annotations

import re
import secrets as randomness
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, bindparam, delete, insert, select, update

from core import messages
from core.errors import SiteTagError, UnknownSiteError
from core.model.health_facts import FactName, HealthFinding
from core.model.rules import single_line
from core.model.site_copies import PlaceHistory
from core.store import audit
from core.store.audit import Action
from core.store.db import notify
from core.store.db.schema import posts, quarantine, sites, zoom_secrets
from core.store.events import waiting_limits
from core.store.posts.queue import PostState
from core.store.sites import grants, health
from core.wordpress.addresses import Endpoint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection, RowMapping

    from core.store.db.encryption import Sealer

ROUTES = ("meeting", "webinar", "recording")
MOST_TAGS = 20
"""Tags that a site may have."""
LONGEST_TAG = 40


@dataclass(frozen=True, slots=True)
class Site:
    """A connected WordPress site. Times are Unix milliseconds (UTC).

    `failures` counts consecutive failures of the site as a whole; it gets no requests until `blocked_until`.
    `checked_at` is the time of the last check of both sides (`core.sites.health_check`), `check_due_at` that of the next.
    `settings_page` is the plugin's page in wp-admin, empty until the site has told it.
    `signed_at` is when a secret token first verified a request of Zoom's; `stale_at` when one that a saved secret token
    had signed was last refused for its time, `stale_seconds` before (where negative: after) this machine's.
    `username` and `password` are an application password that version 0.1.0 stored, and empty once it is given back.
    `home` is WordPress's option of that name, empty until the site has told it, and `epoch` the bridge's in the sync
    protocol (docs/sync.md): each pairing begins a new one. `next_key` replaces `key` at the end of a rotation.
    `server_username` and `server_password` are what the web server in front of WordPress asks for (HTTP Basic). `place`
    is the digest of WordPress's folder and database, `doorway` the one that answered last. `left_at` is when the plugin
    said goodbye, for `left_reason` (deactivated, uninstalled). `visits` counts the bridge's, as the site does; all posts
    are looked at when `sweep_due_at` has passed, and written again where the site's database was `restored`. `addresses`
    are those inside a network at which it may be called, None until its next signed answer tells them, and
    `asked_addresses` those that it has now, and an administrator has not allowed. `tags` are sorted; while `paused_at` is
    set, no page is written.
    """

    id: str
    url: str
    name: str
    rest_root: str
    username: str
    password: str = field(repr=False)
    key: str = field(repr=False)
    endpoints: Mapping[str, str]
    vczapi: bool = False
    vczapi_pro: bool = False
    rules: Mapping[str, Any] = field(default_factory=dict)
    created_at: int = 0
    validated_at: int | None = None
    signed_at: int | None = None
    stale_at: int | None = None
    stale_seconds: int | None = None
    last_event: str | None = None
    last_event_at: int | None = None
    failures: int = 0
    blocked_until: int = 0
    fault: str | None = None
    fault_message: str | None = None
    last_write_at: int | None = None
    bridge_url: str = ""
    offered_address: str | None = None
    checked_at: int | None = None
    check_due_at: int = 0
    settings_page: str = ""
    home: str = ""
    epoch: int = 1
    next_key: str = field(default="", repr=False)
    server_username: str = ""
    server_password: str = field(default="", repr=False)
    place: str = ""
    place_before: str = ""
    place_changed_at: int = 0
    place_alternated_at: int = 0
    doorway: str = "rest"
    left_at: int | None = None
    left_reason: str | None = None
    visits: int = 0
    sweep_due_at: int = 0
    restored: bool = False
    addresses: tuple[Endpoint, ...] | None = None
    asked_addresses: tuple[Endpoint, ...] = ()
    tags: tuple[str, ...] = ()
    paused_at: int | None = None
    template: str | None = None
    departed_at: int | None = None

    @property
    def server_login(self) -> tuple[str, str] | None:
        """User and password for the web server in front of WordPress; None where it asks for none."""
        return (self.server_username, self.server_password) if self.server_username else None

    @property
    def extensions(self) -> tuple[bool, bool]:
        """Whether VCZAPI is active, and its PRO add-on."""
        return self.vczapi, self.vczapi_pro

    @property
    def places(self) -> PlaceHistory:
        """The places that the site has answered from."""
        return PlaceHistory(self.place, self.place_before, self.place_changed_at, self.place_alternated_at)


@dataclass(frozen=True, slots=True)
class SiteName:
    """What a list to choose from shows of a site."""

    id: str
    name: str
    url: str


def new_id() -> str:
    """Return a new random site id: short and safe in a URL."""
    return randomness.token_hex(6)


def new_key() -> str:
    """Return a new random key with which the plugin and the bridge sign their messages."""
    return randomness.token_hex(32)


def save(connection: Connection, site: Site, sealer: Sealer) -> None:
    """Save a site, new or known. Its secrets are encrypted. What was known of its health is known no more."""
    values = {
        "url": site.url,
        "name": site.name,
        "rest_root": site.rest_root,
        "username": site.username,
        "password": sealer.seal_text(site.password),
        "key": sealer.seal_text(site.key),
        "endpoints": dict(site.endpoints),
        "vczapi": site.vczapi,
        "vczapi_pro": site.vczapi_pro,
        "bridge_url": site.bridge_url,
        "offered_address": site.offered_address,
        "home": site.home,
        "epoch": site.epoch,
        "next_key": _sealed(site.next_key, sealer),
        "server_username": site.server_username,
        "server_password": _sealed(site.server_password, sealer),
        "place": site.place,
        "doorway": site.doorway,
        "left_at": site.left_at,
        "left_reason": site.left_reason,
        "settings_page": site.settings_page,
        "addresses": site.addresses,
        "asked_addresses": site.asked_addresses,
        "check_due_at": 0,
        "visits": 0,
        "sweep_due_at": 0,
        "restored": False,
        "failures": 0,
        "blocked_until": 0,
        "fault": None,
        "fault_message": None,
    }
    changed = connection.execute(update(sites).where(sites.c.id == site.id).values(**values))
    if changed.rowcount == 0:
        connection.execute(insert(sites).values(id=site.id, created_at=site.created_at, **values))
    else:
        health.forget(connection, site.id)


def load(connection: Connection, site_id: str, sealer: Sealer) -> Site:
    """Return a site by its id. Raises: UnknownSiteError."""
    row = connection.execute(_LOADING, {"of_site": site_id}).mappings().one_or_none()
    if row is None:
        raise UnknownSiteError(messages.UNKNOWN_SITE % {"name": site_id})
    return _site(row, sealer)


_LOADING = select(sites).where(sites.c.id == bindparam("of_site"))


def find(connection: Connection, name: str, sealer: Sealer) -> Site:
    """Return a site by its id, or by its address with or without scheme and trailing slash.

    Raises: UnknownSiteError.
    """
    return find_in(list_all(connection, sealer), name)


def find_in(every: Iterable[Site], name: str) -> Site:
    """Return the one of some sites that `find` finds. Raises: UnknownSiteError."""
    for site in every:
        if name == site.id or is_at(site, name):
            return site
    raise UnknownSiteError(messages.UNKNOWN_SITE % {"name": name})


def is_at(site: Site | SiteName, address: str) -> bool:
    """Whether a site has an address, given with or without scheme and trailing slash."""
    return _bare(address) == _bare(site.url)


def list_all(connection: Connection, sealer: Sealer) -> list[Site]:
    """Return all sites, the oldest first."""
    rows = connection.execute(select(sites).order_by(sites.c.created_at, sites.c.id)).mappings()
    return [_site(row, sealer) for row in rows]


def names(connection: Connection, site_id: str | None = None) -> list[SiteName]:
    """Return the names of all sites, the oldest first; or of one site, if it exists."""
    query = select(sites.c.id, sites.c.name, sites.c.url).order_by(sites.c.created_at, sites.c.id)
    if site_id is not None:
        query = query.where(sites.c.id == site_id)
    return [SiteName(*row) for row in connection.execute(query)]


def endpoints_of(connection: Connection) -> dict[str, Mapping[str, str]]:
    """Return the addresses to paste into Zoom of all sites, by site id."""
    return {row.id: row.endpoints for row in connection.execute(select(sites.c.id, sites.c.endpoints))}


def ids(connection: Connection, site_id: str | None = None) -> list[str]:
    """Return the ids of all sites, sorted; or of one site, if it exists."""
    query = select(sites.c.id).order_by(sites.c.id)
    if site_id is not None:
        query = query.where(sites.c.id == site_id)
    return list(connection.scalars(query))


def check_key(connection: Connection, sealer: Sealer) -> None:
    """Check that the stored secrets can be decrypted. Raises: StoreError if they were encrypted with another key."""
    sealed = connection.scalar(select(sites.c.key).limit(1))
    if sealed is not None:
        sealer.open(sealed)


def remove(connection: Connection, site_id: str) -> None:
    """Delete a site with its secrets, the records of its posts and what waits there. The posts in WordPress stay."""
    audit.record(connection, Action.SITE_REMOVED, site_id=site_id)
    for table in (posts, quarantine, zoom_secrets):
        connection.execute(delete(table).where(table.c.site_id == site_id))
    grants.forget_site(connection, site_id)
    waiting_limits.forget_site(connection, site_id)
    connection.execute(delete(sites).where(sites.c.id == site_id))
    notify.notify(connection, notify.SECRETS, site_id)


def has_page(connection: Connection, site_id: str, *, but_of: str) -> bool:
    """Whether a site has a page of a meeting that is not of the account `but_of`."""
    shown = posts.c.site_id == site_id, posts.c.state == PostState.SYNCED, posts.c.account_id != but_of
    return connection.execute(select(posts.c.number).where(*shown).limit(1)).first() is not None


def record_validation(connection: Connection, site_id: str, *, now: int) -> None:
    """Record that Zoom validated the endpoint. `now` is in Unix milliseconds (UTC)."""
    connection.execute(update(sites).where(sites.c.id == site_id).values(validated_at=now))


def record_stale(connection: Connection, site_id: str, *, seconds: int, now: int) -> None:
    """Record that a request signed with a saved secret token was refused for its time, which was `seconds` ago.

    `now` is in Unix milliseconds (UTC).
    """
    values = {"stale_at": now, "stale_seconds": seconds}
    connection.execute(update(sites).where(sites.c.id == site_id).values(values))


_RECORDING_SUCCESS = (
    update(sites)
    .where(sites.c.id == bindparam("of_site"))
    .values(
        failures=0,
        blocked_until=0,
        fault=None,
        fault_message=None,
        last_write_at=bindparam("moment", type_=BigInteger),
    )
)


def record_success(connection: Connection, site_id: str, *, now: int) -> None:
    """Record a successful request to the site, which closes its circuit breaker. `now`: Unix milliseconds (UTC)."""
    changed = connection.execute(_RECORDING_SUCCESS, {"of_site": site_id, "moment": now})
    if changed.rowcount:
        written = HealthFinding(FactName.PAGES, True, messages.PAGES_WRITTEN)
        health.record(connection, site_id, [written], now=now)
        health.end_failing(connection, site_id, (FactName.WORDPRESS, FactName.PLUGIN, FactName.PAIRING))


def record_fault(
    connection: Connection,
    site_id: str,
    *,
    fault: str,
    message: str,
    blocked_until: int,
    now: int,
    is_checked: bool = False,
) -> None:
    """Record a failure of the site as a whole: it gets no requests until `blocked_until`. Times: Unix ms (UTC).

    Where it is another failure than before, the site is due for a check, unless one has just found it (`is_checked`).
    """
    known = connection.scalar(select(sites.c.fault).where(sites.c.id == site_id).with_for_update())
    changed = connection.execute(
        update(sites)
        .where(sites.c.id == site_id)
        .values(
            failures=sites.c.failures + 1, blocked_until=blocked_until, fault=fault, fault_message=message
        )
    )
    if changed.rowcount:
        health.record(connection, site_id, [HealthFinding(FactName.PAGES, False, message)], now=now)
        if known != fault and not is_checked:
            health.request_check(connection, site_id)


def save_home(connection: Connection, site_id: str, home: str) -> None:
    """Store the option `home` of a site's WordPress, unless it is known already."""
    connection.execute(update(sites).where(sites.c.id == site_id, sites.c.home == "").values(home=home))


def save_settings_page(connection: Connection, site_id: str, page: str) -> None:
    """Store the address of the plugin's page in wp-admin."""
    connection.execute(update(sites).where(sites.c.id == site_id).values(settings_page=page))


def forget_password(connection: Connection, site: Site, sealer: Sealer) -> None:
    """Delete a site's application password, unless the site has been paired anew since it was read."""
    connection.execute(
        update(sites)
        .where(sites.c.id == site.id, sites.c.epoch == site.epoch)
        .values(username="", password=sealer.seal_text(""))
    )


def has_same_pairing(connection: Connection, site: Site, sealer: Sealer) -> bool:
    """Whether a site has not been paired anew since it was read, and has the same key."""
    row = connection.execute(select(sites.c.epoch, sites.c.key).where(sites.c.id == site.id)).one_or_none()
    return row is not None and row.epoch == site.epoch and sealer.open_text(row.key) == site.key


def save_server_login(
    connection: Connection, site_id: str, username: str, password: str, sealer: Sealer
) -> None:
    """Store user and password for the web server in front of WordPress; empty texts where it asks for none."""
    values = {"server_username": username, "server_password": _sealed(password, sealer)}
    connection.execute(update(sites).where(sites.c.id == site_id).values(values))
    audit.record(connection, Action.SITE_SERVER_PASSWORD, site_id=site_id)


def save_addresses(
    connection: Connection, site_id: str, addresses: Iterable[Endpoint], asked: Iterable[Endpoint] = ()
) -> None:
    """Store the addresses inside a network at which a site may be called, and those that are asked about."""
    values = {"addresses": sorted(addresses), "asked_addresses": sorted(asked)}
    connection.execute(update(sites).where(sites.c.id == site_id).values(values))


def ask_addresses(connection: Connection, site_id: str, asked: Iterable[Endpoint]) -> None:
    """Store the addresses inside a network that a site has now, and that are not allowed. None: no longer."""
    connection.execute(update(sites).where(sites.c.id == site_id).values(asked_addresses=sorted(asked)))


def save_places(connection: Connection, site_id: str, places: PlaceHistory) -> None:
    """Store the places that a site has answered from."""
    values = {
        "place": places.place,
        "place_before": places.before,
        "place_changed_at": places.changed_at,
        "place_alternated_at": places.alternated_at,
    }
    connection.execute(update(sites).where(sites.c.id == site_id).values(values))


def save_doorway(connection: Connection, site_id: str, doorway: str) -> None:
    """Store which doorway of the plugin answered last."""
    connection.execute(update(sites).where(sites.c.id == site_id).values(doorway=doorway))


def record_move(
    connection: Connection,
    site: Site,
    *,
    url: str,
    home: str,
    rest_root: str,
    endpoints: Mapping[str, str],
    place: str,
    doorway: str,
    addresses: Iterable[Endpoint],
) -> None:
    """Store the new addresses of a site that has moved, and end its block. What was known of its health is known no more.

    Nothing is stored where the site has been paired anew since it was read.
    """
    changed = connection.execute(
        update(sites)
        .where(sites.c.id == site.id, sites.c.epoch == site.epoch)
        .values(
            url=url,
            home=home,
            rest_root=rest_root,
            endpoints=dict(endpoints),
            place=place,
            doorway=doorway,
            addresses=sorted(addresses),
            asked_addresses=[],
            failures=0,
            blocked_until=0,
            fault=None,
            fault_message=None,
        )
    )
    if changed.rowcount:
        moved = {"from": site.url, "to": url}
        audit.record(connection, Action.SITE_MOVED, site_id=site.id, site=site.url, address=moved)
        health.forget(connection, site.id)
        health.request_check(connection, site.id)


def record_goodbye(connection: Connection, site_id: str, reason: str, *, now: int) -> None:
    """Record that the plugin ended, and why; the site is due for a check. `now` is in Unix milliseconds (UTC)."""
    connection.execute(update(sites).where(sites.c.id == site_id).values(left_at=now, left_reason=reason))
    audit.record(connection, Action.SITE_LEFT, site_id=site_id, reason=reason)
    health.request_check(connection, site_id)


def end_goodbye(connection: Connection, site_id: str) -> bool:
    """Record that the plugin is there again. Returns whether it had said goodbye: then the site is due for a check."""
    changed = connection.execute(
        update(sites)
        .where(sites.c.id == site_id, sites.c.left_at.is_not(None))
        .values(left_at=None, left_reason=None)
    )
    if changed.rowcount:
        audit.record(connection, Action.SITE_BACK, site_id=site_id)
        health.end_failing(connection, site_id, (FactName.PLUGIN,))
    return changed.rowcount == 1


def save_keys(connection: Connection, site: Site, key: str, next_key: str, sealer: Sealer) -> bool:
    """Store the keys of a site during a rotation, unless it has been paired anew since it was read; returns whether."""
    changed = connection.execute(
        update(sites)
        .where(sites.c.id == site.id, sites.c.epoch == site.epoch)
        .values(key=sealer.seal_text(key), next_key=_sealed(next_key, sealer))
    )
    if changed.rowcount and key != site.key:
        audit.record(connection, Action.SITE_KEY, site_id=site.id)
    return changed.rowcount == 1


def save_bridge_url(connection: Connection, site: Site, url: str) -> bool:
    """Store where a site calls the bridge, as it has told, unless it was paired anew since it was read; returns whether."""
    changed = connection.execute(
        update(sites)
        .where(sites.c.id == site.id, sites.c.epoch == site.epoch, sites.c.bridge_url != url)
        .values(bridge_url=url, offered_address=None)
    )
    if changed.rowcount:
        audit.record(connection, Action.BRIDGE_ADDRESS, site_id=site.id, address=url)
    return changed.rowcount == 1


def save_offered_address(connection: Connection, site: Site, url: str | None) -> bool:
    """Store which address of the bridge is offered to a site, unless it was paired anew since it was read; returns whether.

    None: none is offered any more.
    """
    of_pairing = sites.c.id == site.id, sites.c.epoch == site.epoch
    return connection.execute(update(sites).where(*of_pairing).values(offered_address=url)).rowcount == 1


def uses_address(connection: Connection, url: str) -> bool:
    """Whether a site calls the bridge at this address, or is offered it."""
    query = select(sites.c.id).where((sites.c.bridge_url == url) | (sites.c.offered_address == url))
    return connection.execute(query.limit(1)).first() is not None


def pause(connection: Connection, site_id: str, *, now: int) -> bool:
    """Write no page of a site until it is resumed. `now`: Unix milliseconds (UTC). Returns whether it was not paused."""
    is_running = sites.c.id == site_id, sites.c.paused_at.is_(None)
    changed = connection.execute(update(sites).where(*is_running).values(paused_at=now)).rowcount == 1
    if changed:
        audit.record(connection, Action.SITE_PAUSED, site_id=site_id)
    return changed


def resume(connection: Connection, site_id: str) -> bool:
    """Write the pages of a site again, those first that have waited longest. Returns whether it was paused."""
    is_paused = sites.c.id == site_id, sites.c.paused_at.is_not(None)
    changed = connection.execute(update(sites).where(*is_paused).values(paused_at=None)).rowcount == 1
    if changed:
        audit.record(connection, Action.SITE_RESUMED, site_id=site_id)
        notify.notify(connection, notify.POSTS)
    return changed


def change_tags(
    connection: Connection, site_id: str, *, add: Iterable[str] = (), remove: Iterable[str] = ()
) -> bool:
    """Add tags to a site, and remove some. Returns whether any was changed. Raises: UnknownSiteError, SiteTagError."""
    row = connection.execute(
        select(sites.c.tags).where(sites.c.id == site_id).with_for_update()
    ).one_or_none()
    if row is None:
        raise UnknownSiteError(messages.UNKNOWN_SITE % {"name": site_id})
    gone = {tag.casefold() for tag in remove}
    known = {tag.casefold(): tag for tag in row.tags or () if tag.casefold() not in gone}
    for tag in add:
        known.setdefault(tag.casefold(), tag)
    if len(known) > MOST_TAGS:
        raise SiteTagError(messages.TOO_MANY_TAGS % {"count": MOST_TAGS})
    tags = sorted(known.values(), key=str.casefold)
    if tags == (row.tags or []):
        return False
    connection.execute(update(sites).where(sites.c.id == site_id).values(tags=tags or None))
    audit.record(connection, Action.SITE_TAGGED, site_id=site_id, tags={"from": row.tags or [], "to": tags})
    return True


def read_tag(text: str) -> str:
    """Return a tag as typed, in one line and without needless spaces. Raises: SiteTagError."""
    tag = single_line(text)
    if not 0 < len(tag) <= LONGEST_TAG or "," in tag:
        raise SiteTagError(messages.INVALID_TAG % {"count": LONGEST_TAG})
    return tag


def end_pause(connection: Connection, site_id: str) -> None:
    """End the pause after a failure, so that the site gets requests at once."""
    connection.execute(update(sites).where(sites.c.id == site_id).values(blocked_until=0))


def record_check(connection: Connection, site: Site) -> bool:
    """Store the endpoints and extensions of a site that answered a check, and end its block; return whether.

    Nothing is stored where the site has been paired anew since it was read.
    """
    changed = connection.execute(
        update(sites)
        .where(sites.c.id == site.id, sites.c.epoch == site.epoch)
        .values(
            endpoints=dict(site.endpoints),
            vczapi=site.vczapi,
            vczapi_pro=site.vczapi_pro,
            failures=0,
            blocked_until=0,
            fault=None,
            fault_message=None,
        )
    )
    if changed.rowcount:  # whether pages are written, the next write shows
        health.forget_failing(connection, site.id, (FactName.PAGES,))
    return changed.rowcount == 1


def endpoints(stored: Iterable[Sequence[Any]] | None) -> tuple[Endpoint, ...]:
    """Return addresses inside a network as they are stored."""
    return tuple(Endpoint(str(host), int(port), str(address)) for host, port, address in stored or ())


def _bare(address: str) -> str:
    return re.sub(r"^https?://", "", address.strip().lower()).rstrip("/")


def _sealed(text: str, sealer: Sealer) -> bytes | None:
    return sealer.seal_text(text) if text else None


def _site(row: RowMapping, sealer: Sealer) -> Site:
    values = dict(row)
    values["password"] = sealer.open_text(row["password"])
    values["key"] = sealer.open_text(row["key"])
    for name in ("next_key", "server_password"):
        values[name] = "" if row[name] is None else sealer.open_text(row[name])
    values["addresses"] = None if row["addresses"] is None else endpoints(row["addresses"])
    values["asked_addresses"] = endpoints(row["asked_addresses"])
    values["tags"] = tuple(row["tags"] or ())
    return Site(**values)  # the table's columns are the fields of a site
