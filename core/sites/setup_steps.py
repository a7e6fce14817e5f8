"""What must be true before a meeting in Zoom becomes a page on a site, in the order in which it is done. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from core.sites.diagnosis import RefusedRequests
from core.sites.health import HealthReport

if TYPE_CHECKING:
    from core.sites.health import HealthFinding


class SetupStep(StrEnum):
    """One line of the list."""

    PLUGIN = "plugin"  # it is there, and the bridge signs in to WordPress
    PAIRED = "paired"
    REACHED = "reached"  # the bridge, from WordPress
    SECRET = "secret"  # noqa: S105 - a step: Zoom's secret token is saved
    VALIDATED = "validated"  # the endpoint, by Zoom
    EVENT = "event"  # the first one was seen
    PAGE = "page"  # the first one is shown


class State(StrEnum):
    """Where a line stands."""

    DONE = "done"
    NEXT = "next"  # to be done now
    WAITING = "waiting"  # for those above it, or for Zoom
    BAD = "bad"  # it went wrong: the message says how


@dataclass(frozen=True, slots=True)
class Item:
    """One line. `message` is what the look said that found it wrong."""

    step: SetupStep
    state: State
    message: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a site and of Zoom. Times are in ms since 1970, UTC."""

    look: HealthReport = field(default_factory=HealthReport)
    has_secret: bool = False
    validated_at: int | None = None
    event_at: int | None = None
    refused: RefusedRequests = field(default_factory=RefusedRequests)
    has_page: bool = False
    page_fault: str = ""  # why a page waits to be written


def checklist(facts: Facts) -> list[Item]:
    """Return every line, with the first that is to be done marked as the next."""
    lines = [
        *_of_the_look(facts.look),
        Item(SetupStep.SECRET, State.DONE if facts.has_secret else State.WAITING),
        Item(SetupStep.VALIDATED, State.DONE if facts.validated_at else State.WAITING),
        Item(SetupStep.EVENT, State.DONE if facts.event_at else State.WAITING),
        Item(SetupStep.PAGE, State.DONE if facts.has_page else State.WAITING),
    ]
    if facts.refused.matters(facts.validated_at, facts.event_at):
        place = [line.step for line in lines].index(SetupStep.EVENT)
        lines[place] = Item(SetupStep.EVENT, State.BAD)
    if facts.page_fault and not facts.has_page:
        lines[-1] = Item(SetupStep.PAGE, State.BAD, facts.page_fault)
    for place, line in enumerate(lines):
        if line.state is State.BAD:
            break
        if line.state is State.WAITING:
            lines[place] = Item(line.step, State.NEXT)
            break
    return lines


def is_done(lines: list[Item]) -> bool:
    """Whether nothing is left to be done."""
    return all(line.state is State.DONE for line in lines)


def _of_the_look(look: HealthReport) -> list[Item]:
    """Return the lines that only a look at the site can tell. What was not looked at waits."""
    plugin = _worst(look.finding("WordPress"), look.finding("plugin"))
    pairing = look.finding("pairing")
    reached = _worst(look.finding("clock"), look.finding("bridge"))
    named = ((SetupStep.PLUGIN, plugin), (SetupStep.PAIRED, pairing), (SetupStep.REACHED, reached))
    return [_item(step, finding) for step, finding in named]


def _worst(*findings: HealthFinding | None) -> HealthFinding | None:
    """Return the first that is wrong, else the last."""
    return next((found for found in findings if found is not None and not found.well), findings[-1])


def _item(step: SetupStep, finding: HealthFinding | None) -> Item:
    if finding is None:
        return Item(step, State.WAITING)
    return Item(step, State.DONE if finding.well else State.BAD, finding.message)
