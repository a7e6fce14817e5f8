"""Templates of rules: rules with a name, which sites follow.

A site that follows a template has a copy of its rules, so that nothing else has to know of templates; authors and
categories stay its own. When its rules are changed at the site itself, it departs: its template is still known, so that
it can return, and changes of the template pass it by.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select, update

from core import messages
from core.errors import RulesTemplateError
from core.model.rules import copied, read, single_line
from core.store import audit
from core.store.audit import Action
from core.store.db import clock as store_clock
from core.store.db.schema import rules_templates, sites
from core.store.db.upsert import insert

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from core.model.rules import Rules

LONGEST_NAME = 40
MOST_TEMPLATES = 50


@dataclass(frozen=True, slots=True)
class RulesTemplate:
    """A template. `changed_at` is in Unix milliseconds (UTC); `following` and `departed` are numbers of sites."""

    name: str
    rules: Mapping[str, Any]
    changed_at: int
    following: int = 0
    departed: int = 0


def list_all(connection: Connection) -> list[RulesTemplate]:
    """Return all templates, by name."""
    counted = (
        select(
            sites.c.template,
            func.count().label("sites"),
            func.count(sites.c.departed_at).label("departed"),
        )
        .where(sites.c.template.is_not(None))
        .group_by(sites.c.template)
        .subquery()
    )
    rows = connection.execute(
        select(
            rules_templates,
            func.coalesce(counted.c.sites, 0).label("sites"),
            func.coalesce(counted.c.departed, 0).label("departed"),
        ).outerjoin(counted, counted.c.template == rules_templates.c.name)
    )
    found = [
        RulesTemplate(row.name, row.rules, row.changed_at, row.sites - row.departed, row.departed)
        for row in rows
    ]
    return sorted(found, key=lambda one: one.name.casefold())


def load(connection: Connection, name: str) -> RulesTemplate:
    """Return a template by its name; upper and lower case are the same. Raises: RulesTemplateError."""
    wanted = single_line(name).casefold()
    for template in list_all(connection):
        if template.name.casefold() == wanted:
            return template
    raise RulesTemplateError(messages.UNKNOWN_TEMPLATE % {"name": name})


def require_free(connection: Connection, name: str) -> None:
    """Require that no template has this name; upper and lower case are the same. Raises: RulesTemplateError."""
    wanted = single_line(name).casefold()
    for template in list_all(connection):
        if template.name.casefold() == wanted:
            raise RulesTemplateError(messages.TEMPLATE_NAME_TAKEN % {"name": template.name})


def save(connection: Connection, name: str, decided: Rules, *, now: int) -> str:
    """Save rules as a template, new or known. Returns its name. `now`: Unix ms (UTC). Raises: RulesTemplateError.

    Sites that follow it have the former rules until each of them follows it anew.
    """
    typed = single_line(name)
    if not 0 < len(typed) <= LONGEST_NAME:
        raise RulesTemplateError(messages.INVALID_TEMPLATE_NAME % {"count": LONGEST_NAME})
    every = list_all(connection)
    known = {one.name.casefold(): one for one in every}.get(typed.casefold())
    if known is None and len(every) >= MOST_TEMPLATES:
        raise RulesTemplateError(messages.TOO_MANY_TEMPLATES % {"count": MOST_TEMPLATES})
    name = typed if known is None else known.name
    written = _of_any_site(decided).written()
    wanted = insert(connection, rules_templates).values(name=name, rules=written, changed_at=now)
    changed = {"rules": written, "changed_at": now}
    connection.execute(wanted.on_conflict_do_update(index_elements=["name"], set_=changed))
    before = {} if known is None else known.rules
    differs = sorted(key for key in {*before, *written} if before.get(key) != written.get(key))
    audit.record(connection, Action.RULES_TEMPLATE_SAVED, name, rules=differs)
    return name


def remove(connection: Connection, name: str) -> str:
    """Remove a template; sites that follow it keep their rules. Returns its name. Raises: RulesTemplateError."""
    name = load(connection, name).name
    connection.execute(update(sites).where(sites.c.template == name).values(template=None, departed_at=None))
    connection.execute(delete(rules_templates).where(rules_templates.c.name == name))
    audit.record(connection, Action.RULES_TEMPLATE_REMOVED, name)
    return name


def followers(connection: Connection, name: str) -> list[str]:
    """Return the ids of the sites that follow a template and have not departed from it, sorted."""
    following = sites.c.template == name, sites.c.departed_at.is_(None)
    return list(connection.scalars(select(sites.c.id).where(*following).order_by(sites.c.id)))


def follow(connection: Connection, site_id: str, name: str) -> bool:
    """Let a site follow a template, or return to it; `apply_rules.follow` changes its rules. Returns whether it did not."""
    is_other = sites.c.template.is_distinct_from(name) | sites.c.departed_at.is_not(None)
    changed = connection.execute(
        update(sites).where(sites.c.id == site_id, is_other).values(template=name, departed_at=None)
    )
    if changed.rowcount:
        audit.record(connection, Action.RULES_TEMPLATE_FOLLOWED, name, site_id=site_id)
    return changed.rowcount == 1


def unfollow(connection: Connection, site_id: str) -> bool:
    """Let a site follow no template; its rules stay. Returns whether it had one."""
    name = connection.scalar(select(sites.c.template).where(sites.c.id == site_id))
    if name is None:
        return False
    connection.execute(update(sites).where(sites.c.id == site_id).values(template=None, departed_at=None))
    audit.record(connection, Action.RULES_TEMPLATE_LEFT, name, site_id=site_id)
    return True


def depart_if_changed(connection: Connection, site_id: str, decided: Rules) -> None:
    """Let a site depart from its template where its new rules are not those of the template."""
    following = sites.c.template == rules_templates.c.name, sites.c.departed_at.is_(None)
    row = connection.execute(
        select(rules_templates.c.name, rules_templates.c.rules).where(sites.c.id == site_id, *following)
    ).one_or_none()
    if row is not None and copied(read(row.rules).rules, decided) != decided:
        now = store_clock.now(connection)
        connection.execute(update(sites).where(sites.c.id == site_id).values(departed_at=now))
        audit.record(connection, Action.RULES_TEMPLATE_DEPARTED, row.name, site_id=site_id)


def _of_any_site(decided: Rules) -> Rules:
    """Return rules without what belongs to one WordPress alone."""
    return copied(decided, read(None).rules)
