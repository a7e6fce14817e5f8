"""Decide what would be done with a post, for a dry run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from core import messages
from core.render import Presence, render
from core.store.posts.queue import PostState

if TYPE_CHECKING:
    from datetime import datetime

    from core.model.meeting import Meeting
    from core.render import SiteRules


class PlannedAction(StrEnum):
    """What would be done with a post."""

    MAKE = "make"
    CHANGE = "change"
    TRASH = "trash"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class DryRun:
    """The planned action for one post, and the reason where it is none."""

    action: PlannedAction
    reason: str = ""


def planned_action(
    meeting: Meeting, rules: SiteRules, state: PostState, *, differs: bool, now: datetime
) -> DryRun:
    """Return what would be done for `meeting` on a site whose post has this state.

    `differs`: whether the meeting differs from the one that the bridge knows. Whether the post still shows what was
    written, only the site can tell.
    """
    wanted = render(meeting, rules, now)
    if state is PostState.DETACHED:
        return DryRun(PlannedAction.LEAVE, messages.PAGE_DELETED_RECREATE)
    if wanted.presence in (Presence.SHOWN, Presence.CANCELLED) and state is PostState.SYNCED:
        return DryRun(PlannedAction.CHANGE) if differs else DryRun(PlannedAction.LEAVE, messages.PAGE_CURRENT)
    if wanted.presence is Presence.SHOWN:
        return DryRun(PlannedAction.MAKE)
    if wanted.presence in (Presence.TRASHED, Presence.GONE) and state is PostState.SYNCED:
        return DryRun(PlannedAction.TRASH, wanted.reason)
    return DryRun(PlannedAction.LEAVE, wanted.reason)
