"""The setup checklist of a site: the steps until a Zoom meeting becomes a page, in their order. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from core.model.health_facts import FactName, HealthFact, first_failing
from core.sites.diagnosis import RefusedRequests

if TYPE_CHECKING:
    from collections.abc import Mapping


class SetupStep(StrEnum):
    """One step of the setup."""

    PLUGIN = "plugin"  # installed, and it answers the bridge
    PAIRED = "paired"
    REACHED = "reached"  # WordPress reaches the bridge
    SECRET = "secret"  # noqa: S105 - a step: the secret token is saved
    VALIDATED = "validated"  # Zoom has validated the endpoint
    EVENT = "event"  # the first event has arrived
    PAGE = "page"  # the first page is shown


class StepState(StrEnum):
    """The state of a step."""

    DONE = "done"
    NEXT = "next"  # the step to do now
    WAITING = "waiting"  # for earlier steps, or for Zoom
    BAD = "bad"  # failed


@dataclass(frozen=True, slots=True)
class SetupItem:
    """A step and its state. `message` is that of a health fact, which holds since `since` (Unix milliseconds, UTC)."""

    step: SetupStep
    state: StepState
    message: str = ""
    since: int | None = None


@dataclass(frozen=True, slots=True)
class SetupFacts:
    """The facts from which the checklist is derived. Times are Unix milliseconds (UTC)."""

    health: Mapping[FactName, HealthFact] = field(default_factory=dict)
    has_secret: bool = False
    validated_at: int | None = None
    event_at: int | None = None
    refused: RefusedRequests = field(default_factory=RefusedRequests)
    has_page: bool = False


def setup_checklist(facts: SetupFacts) -> list[SetupItem]:
    """Return all steps; the first incomplete one is next, unless an earlier one failed."""
    items = [
        *_health_items(facts.health),
        _secret_item(facts),
        SetupItem(SetupStep.VALIDATED, StepState.DONE if facts.validated_at else StepState.WAITING),
        SetupItem(SetupStep.EVENT, StepState.DONE if facts.event_at else StepState.WAITING),
        SetupItem(SetupStep.PAGE, StepState.DONE if facts.has_page else StepState.WAITING),
    ]
    if facts.refused.matters(facts.validated_at, facts.event_at):
        place = [item.step for item in items].index(SetupStep.EVENT)
        refused = facts.health.get(FactName.EVENTS)
        items[place] = SetupItem(SetupStep.EVENT, StepState.BAD, since=refused.since if refused else None)
    written = facts.health.get(FactName.PAGES)
    if written is not None and not written.well and not facts.has_page:
        items[-1] = _item(SetupStep.PAGE, written)
    for place, item in enumerate(items):
        if item.state is StepState.BAD:
            break
        if item.state is StepState.WAITING:
            items[place] = SetupItem(item.step, StepState.NEXT)
            break
    return items


def is_complete(items: list[SetupItem]) -> bool:
    """Whether every step is done."""
    return all(item.state is StepState.DONE for item in items)


def _secret_item(facts: SetupFacts) -> SetupItem:
    if not facts.has_secret:
        return SetupItem(SetupStep.SECRET, StepState.WAITING)
    saved = facts.health.get(FactName.SECRET_TOKEN)
    return SetupItem(SetupStep.SECRET, StepState.DONE, since=saved.since if saved else None)


def _health_items(facts: Mapping[FactName, HealthFact]) -> list[SetupItem]:
    """Return the steps that a health check verifies; those that were not checked wait."""
    plugin = first_failing(facts, FactName.NONCES, FactName.WORDPRESS, FactName.PLUGIN)
    pairing = facts.get(FactName.PAIRING)
    reached = first_failing(facts, FactName.CLOCK, FactName.BRIDGE)
    named = ((SetupStep.PLUGIN, plugin), (SetupStep.PAIRED, pairing), (SetupStep.REACHED, reached))
    return [_item(step, fact) for step, fact in named]


def _item(step: SetupStep, fact: HealthFact | None) -> SetupItem:
    if fact is None:
        return SetupItem(step, StepState.WAITING)
    return SetupItem(step, StepState.DONE if fact.well else StepState.BAD, fact.message, fact.since)
