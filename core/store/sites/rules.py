"""The stored rules of sites, and everything else that rendering for a site needs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select, update

from core import messages
from core.errors import UnknownSiteError
from core.model import rules
from core.render import SiteRules
from core.store import audit
from core.store.accounts.users import email_digests
from core.store.audit import Action
from core.store.db import locks
from core.store.db.schema import sites, zoom_users
from core.store.sites import rules_templates
from core.store.sites.grants import accounts_of
from core.zoom.probe import is_probe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from core.model.meeting import Meeting
    from core.model.rules import Rules
    from core.store.db.encryption import Sealer
    from core.store.sites.sites import Site

_MOST_OF_AN_ADDRESS = 20  # ids that one e-mail address may stand for, in different accounts


def save(connection: Connection, site_id: str, decided: Rules) -> None:
    """Save the rules of a site, which may depart from its template by that. Raises: UnknownSiteError."""
    hold(connection, site_id)
    before = connection.scalar(select(sites.c.rules).where(sites.c.id == site_id))
    written = decided.written()
    changed = connection.execute(update(sites).where(sites.c.id == site_id).values(rules=written))
    if changed.rowcount == 0:
        raise UnknownSiteError(messages.RULES_SITE_REMOVED)
    had = before or {}
    names = sorted(name for name in had.keys() | written.keys() if had.get(name) != written.get(name))
    if names:  # their values may name people
        audit.record(connection, Action.RULES_CHANGED, site_id=site_id, rules=names)
    rules_templates.depart_if_changed(connection, site_id, decided)


def hold(connection: Connection, site_id: str) -> None:
    """Keep others from relying on a site's rules and plugins until this transaction, which may change them, ends.

    To be called before the row of the site is written: those who rely on them write it afterwards.
    """
    locks.acquire(connection, "rules", site_id)


def are_unchanged(connection: Connection, seen: Site) -> bool:
    """Whether a site's rules and plugins are as in `seen`; they stay so until this transaction ends."""
    locks.acquire(connection, "rules", seen.id, shared=True)
    row = connection.execute(_RULES_AND_PLUGINS, {"of_site": seen.id}).one_or_none()
    return row is not None and tuple(row) == (seen.rules, *seen.extensions)


_RULES_AND_PLUGINS = select(sites.c.rules, sites.c.vczapi, sites.c.vczapi_pro).where(
    sites.c.id == bindparam("of_site")
)


def of_site(
    connection: Connection,
    sealer: Sealer,
    site: Site,
    about: Sequence[Meeting],
    decided: Rules | None = None,
) -> SiteRules:
    """Return the rules and facts to render these meetings for a site. `decided` replaces the saved rules in a preview."""
    if decided is None:
        decided = rules.read(site.rules).rules
    return SiteRules(
        add_host_ids(connection, sealer, decided, site.id),
        site.vczapi,
        site.vczapi_pro,
        host_names=_names(connection, about, site.id) if decided.show_host else {},
    )


def for_meeting(decided: SiteRules, meeting: Meeting) -> SiteRules:
    """Return the rules for one meeting. A self-test's meeting always has a page, whatever the rules exclude.

    Where new pages are drafts, that page is a draft too, so that only editors see it.
    """
    if not is_probe(meeting.account_id):
        return decided
    return replace(decided, rules=replace(rules.DEFAULT, status=decided.rules.status))


def add_host_ids(connection: Connection, sealer: Sealer, decided: Rules, site_id: str) -> Rules:
    """Return the rules with Zoom's host ids added to e-mail addresses, as events name a host by id alone.

    Only users of the accounts granted to the site are looked up.
    """
    named = {host for host in (decided.hosts or ()) if "@" in host}
    named |= {author.host for author in decided.authors if "@" in author.host}
    ids = _ids(connection, sealer, named, site_id)
    if not ids:
        return decided
    listed = decided.hosts
    if listed is not None:
        listed = (*listed, *(one for host in listed for one in ids.get(host.casefold(), ())))
    more = [
        replace(author, host=one) for author in decided.authors for one in ids.get(author.host.casefold(), ())
    ]
    return replace(decided, hosts=listed, authors=(*decided.authors, *more))


def _ids(connection: Connection, sealer: Sealer, emails: set[str], site_id: str) -> dict[str, list[str]]:
    if not emails:
        return {}
    found: dict[str, list[str]] = {}
    email_of = {digest: email.casefold() for email in emails for digest in email_digests(email, sealer)}
    rows = connection.execute(
        select(zoom_users.c.email_digest, zoom_users.c.host_id).where(
            zoom_users.c.email_digest.in_(list(email_of)), zoom_users.c.account_id.in_(accounts_of(site_id))
        )
    )
    for digest, host_id in rows:
        ids = found.setdefault(email_of[digest], [])
        if len(ids) < _MOST_OF_AN_ADDRESS:
            ids.append(host_id)
    return found


def _names(connection: Connection, about: Sequence[Meeting], site_id: str) -> dict[str, str]:
    """Return the display names of these meetings' hosts by host id, as far as accounts of the site have told them.

    Pages show them: an event of any account could name a host of another account.
    """
    wanted = {meeting.host_id for meeting in about if meeting.host_id}
    rows = connection.execute(
        select(zoom_users.c.host_id, zoom_users.c.name).where(
            zoom_users.c.host_id.in_(wanted), zoom_users.c.account_id.in_(accounts_of(site_id))
        )
    )
    return {host_id: name for host_id, name in rows if name}
