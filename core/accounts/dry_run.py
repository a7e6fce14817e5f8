"""What would become of a meeting on a site: for those who want to know before anything is done. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from core.render import Presence, render
from core.store.posts.posts import PostState

if TYPE_CHECKING:
    from datetime import datetime

    from core.model.meeting import Meeting
    from core.render import SiteRules


class Would(StrEnum):
    """What would be done."""

    MAKE = "make"
    CHANGE = "change"
    TRASH = "trash"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would be done with one post, and why nothing, where nothing would."""

    would: Would
    why: str = ""


def foresee(
    meeting: Meeting, rules: SiteRules, state: PostState, *, differs: bool, now: datetime
) -> Foreseen:
    """Return what would be done for `meeting` on a site whose post stands like `state`.

    `differs`: whether the meeting is another than the bridge knows. Whether the post still shows what was written
    there, only a look at the site tells.
    """
    wanted = render(meeting, rules, now)
    if state is PostState.DETACHED:
        return Foreseen(
            Would.LEAVE,
            "Somebody deleted its page for good. It can be made again on the page of the meeting.",
        )
    if wanted.presence is Presence.SHOWN:
        if state is PostState.SHOWN:
            return Foreseen(Would.CHANGE) if differs else Foreseen(Would.LEAVE, "Its page shows it already.")
        return Foreseen(Would.MAKE)
    if wanted.presence in (Presence.TRASHED, Presence.GONE) and state is PostState.SHOWN:
        return Foreseen(Would.TRASH, wanted.reason)
    return Foreseen(Would.LEAVE, wanted.reason)
