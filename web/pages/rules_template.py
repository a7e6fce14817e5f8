"""What the page of a template of rules shows: its rules, the sites that follow it, and what new rules would change there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import RulesTemplateError
from core.model import rules
from core.sites.preview import preview_rules
from core.store.sites import rules_templates, sites

if TYPE_CHECKING:
    from core.bridge import Bridge
    from core.model.rules import Rules
    from core.sites.preview import Preview
    from core.store.sites.rules_templates import RulesTemplate
    from core.store.sites.sites import Site

MOST_PREVIEWED = 5
"""Sites whose changes a preview shows."""


@dataclass(frozen=True, slots=True)
class FoundTemplate:
    """A template, None where it is yet to be saved, with its rules.

    `previews` are of the first sites that new rules would change; `others` is the number of the further ones, `same` that
    of sites whose rules stay as they are.
    """

    template: RulesTemplate | None
    rules: Rules
    previews: list[tuple[Site, Preview]]
    others: int
    same: int


def find(bridge: Bridge, name: str) -> RulesTemplate | None:
    """Return the template of this name; None where there is none."""
    with bridge.store.reading() as connection:
        try:
            return rules_templates.load(connection, name)
        except RulesTemplateError:
            return None


def name_problem(bridge: Bridge, typed: str) -> RulesTemplateError | None:
    """Return why a new template cannot have a name: there is one of this name, whose sites it would change."""
    with bridge.store.reading() as connection:
        try:
            rules_templates.require_free(connection, typed)
        except RulesTemplateError as error:
            return error
    return None


def load(bridge: Bridge, name: str, decided: Rules | None) -> FoundTemplate:
    """Return a template; with new rules, also what these would change at the sites that follow it."""
    template = find(bridge, name)
    saved = rules.read(template.rules if template else None).rules
    changed, same = ([], 0) if template is None or decided is None else _changed(bridge, template, decided)
    previews = [
        (site, preview_rules(bridge.store, site, wanted)) for site, wanted in changed[:MOST_PREVIEWED]
    ]
    return FoundTemplate(template, saved, previews, max(len(changed) - MOST_PREVIEWED, 0), same)


def returned(bridge: Bridge, site: Site) -> Rules | None:
    """Return the rules of a site once it follows its template again; None where it has none."""
    template = find(bridge, site.template) if site.template else None
    return None if template is None else _wanted(site, rules.read(template.rules).rules)


def _changed(bridge: Bridge, template: RulesTemplate, decided: Rules) -> tuple[list[tuple[Site, Rules]], int]:
    """Return the sites whose rules would be others, by name, with these; and the number of the sites that stay the same."""
    with bridge.store.reading() as connection:
        ids = set(rules_templates.followers(connection, template.name))
        following = [one for one in sites.list_all(connection, bridge.store.sealer) if one.id in ids]
    wanted = [(site, _wanted(site, decided)) for site in following]
    changed = [(site, new) for site, new in wanted if new != rules.read(site.rules).rules]
    return sorted(changed, key=lambda pair: pair[0].name.casefold()), len(following) - len(changed)


def _wanted(site: Site, decided: Rules) -> Rules:
    return rules.copied(decided, rules.read(site.rules).rules)
