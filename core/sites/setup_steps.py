"""The setup checklist of a site: the steps until a Zoom meeting becomes a page, in their order. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from core.sites.diagnosis import RefusedRequests
from core.sites.health_findings import HealthReport

if TYPE_CHECKING:
    from core.sites.health_findings import HealthFinding


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
    """A step and its state. `message` is the finding of the health check, or the fault of the page."""

    step: SetupStep
    state: StepState
    message: str = ""


@dataclass(frozen=True, slots=True)
class SetupFacts:
    """The facts from which the checklist is derived. Times are Unix milliseconds (UTC)."""

    health: HealthReport = field(default_factory=HealthReport)
    has_secret: bool = False
    validated_at: int | None = None
    event_at: int | None = None
    refused: RefusedRequests = field(default_factory=RefusedRequests)
    has_page: bool = False
    page_fault: str = ""  # the fault that blocks updates of pages


def setup_checklist(facts: SetupFacts) -> list[SetupItem]:
    """Return all steps; the first incomplete one is next, unless an earlier one failed."""
    items = [
        *_health_items(facts.health),
        SetupItem(SetupStep.SECRET, StepState.DONE if facts.has_secret else StepState.WAITING),
        SetupItem(SetupStep.VALIDATED, StepState.DONE if facts.validated_at else StepState.WAITING),
        SetupItem(SetupStep.EVENT, StepState.DONE if facts.event_at else StepState.WAITING),
        SetupItem(SetupStep.PAGE, StepState.DONE if facts.has_page else StepState.WAITING),
    ]
    if facts.refused.matters(facts.validated_at, facts.event_at):
        place = [item.step for item in items].index(SetupStep.EVENT)
        items[place] = SetupItem(SetupStep.EVENT, StepState.BAD)
    if facts.page_fault and not facts.has_page:
        items[-1] = SetupItem(SetupStep.PAGE, StepState.BAD, facts.page_fault)
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


def _health_items(report: HealthReport) -> list[SetupItem]:
    """Return the steps that a health check verifies; those that were not checked wait."""
    plugin = _worst(report.finding("nonces"), report.finding("WordPress"), report.finding("plugin"))
    pairing = report.finding("pairing")
    reached = _worst(report.finding("clock"), report.finding("bridge"))
    named = ((SetupStep.PLUGIN, plugin), (SetupStep.PAIRED, pairing), (SetupStep.REACHED, reached))
    return [_item(step, finding) for step, finding in named]


def _worst(*findings: HealthFinding | None) -> HealthFinding | None:
    """Return the first failed finding, else the last."""
    return next((found for found in findings if found is not None and not found.well), findings[-1])


def _item(step: SetupStep, finding: HealthFinding | None) -> SetupItem:
    if finding is None:
        return SetupItem(step, StepState.WAITING)
    return SetupItem(step, StepState.DONE if finding.well else StepState.BAD, finding.message)
