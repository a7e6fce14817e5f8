"""Facts about the health of a site. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class FactName(StrEnum):
    """What a fact is about. Each site has at most one fact of a name."""

    WORDPRESS = "WordPress"  # answers
    PLUGIN = "plugin"  # active, and of a version that fits
    PAIRING = "pairing"  # the plugin accepts the bridge's key
    COPIES = "copies"  # of the site, at its address
    CLOCK = "clock"
    NONCES = "nonces"  # the database refuses a nonce that it holds
    TRASH = "trash"
    VCZAPI = "VCZAPI"  # was tried with the bridge in this version
    VCZAPI_PRO = "VCZAPI PRO"  # the same of its add-on
    BRIDGE = "bridge"  # WordPress reaches it
    LOADER = "loader"  # of the plugin, which forwards events before other plugins load
    PRO_WEBHOOK = "PRO webhook"  # of VCZAPI's add-on is silent
    OTHER_PAGES = "other pages"  # of meetings whose page the bridge updates
    PAGES = "pages"  # are written
    VISITORS = "visitors"  # see how many of them
    SECRET_TOKEN = "secret token"  # noqa: S105 - a name: Zoom's secret token is saved
    ZOOM = "Zoom"  # has validated the endpoint
    EVENTS = "events"  # of Zoom pass verification


CHECKED = (
    FactName.WORDPRESS,
    FactName.PLUGIN,
    FactName.PAIRING,
    FactName.COPIES,
    FactName.CLOCK,
    FactName.NONCES,
    FactName.TRASH,
    FactName.VCZAPI,
    FactName.VCZAPI_PRO,
    FactName.BRIDGE,
    FactName.LOADER,
    FactName.PRO_WEBHOOK,
    FactName.OTHER_PAGES,
)
"""What a health check finds out. The check after it replaces all of these facts."""


_WARNINGS = frozenset({FactName.VCZAPI})
"""Facts that stop nothing where they fail."""


@dataclass(frozen=True, slots=True)
class HealthFinding:
    """What was just found: `message` says what is wrong and what to do, or what was found well."""

    name: FactName
    well: bool
    message: str


@dataclass(frozen=True, slots=True)
class HealthFact:
    """A finding that holds: `since` it was first found, until `seen_at` at least. Unix milliseconds (UTC).

    `since` is None where that is not known.
    """

    name: FactName
    well: bool
    message: str
    since: int | None
    seen_at: int | None = None

    @property
    def is_warning(self) -> bool:
        """Whether it fails and stops nothing: events arrive and pages are written all the same."""
        return not self.well and self.name in _WARNINGS


def in_order(facts: Iterable[HealthFact]) -> list[HealthFact]:
    """Return facts in the order of their names: each may be the cause of those after it."""
    places = {name: place for place, name in enumerate(FactName)}
    return sorted(facts, key=lambda fact: places[fact.name])


def without_echo(facts: Sequence[HealthFact]) -> list[HealthFact]:
    """Leave out that pages are not written where another fact gives the same reason."""
    failing = [fact for fact in facts if not fact.well]
    reasons = {fact.message for fact in failing if fact.name is not FactName.PAGES}
    return [
        fact
        for fact in facts
        if fact not in failing or fact.name is not FactName.PAGES or fact.message not in reasons
    ]


def first_failing(facts: Mapping[FactName, HealthFact], *names: FactName) -> HealthFact | None:
    """Return the first failing fact of these names, else the last one; None where that is not known."""
    found = [facts.get(name) for name in names]
    return next((fact for fact in found if fact is not None and not fact.well), found[-1])
