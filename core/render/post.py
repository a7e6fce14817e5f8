"""Render the post that a site should have from a meeting, the site's rules and the time. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from core import messages
from core.model.meeting import MeetingState
from core.model.rules import DEFAULT, JoinLink
from core.model.shared_number import leading
from core.render import labels, meeting_html, text, vczapi_meta
from core.render.recordings_and_registrations import activity_of
from core.render.schedule import Phase, Schedule, schedule_at
from core.render.visibility import NOTHING, VisibleFields, visible_fields, with_public_texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.model.meeting import Meeting
    from core.model.rules import Rules

# Per-meeting options of the plugin VCZAPI that each rule requires to be on.
_TICKS = {
    JoinLink.EVERYBODY: frozenset[str](),
    JoinLink.SIGNED_IN: frozenset({"site_option_logged_in"}),
    JoinLink.NOBODY: frozenset({"site_option_browser_join"}),  # hides the link to join in the browser
}


class Presence(StrEnum):
    """The wanted presence of a meeting's post."""

    SHOWN = "shown"
    CANCELLED = "cancelled"  # deleted at Zoom: none is created, an existing one says so for some days
    TRASHED = "trashed"  # deleted at Zoom; recoverable for a week
    GONE = "gone"  # permanently deleted at Zoom
    WITHHELD = "withheld"  # not created; an existing one is kept up to date; `Post.reason` says why


@dataclass(frozen=True, slots=True)
class SiteRules:
    """A site's rules, and what its plugins require of posts.

    `vczapi` and `vczapi_pro`: the plugin *Video Conferencing with Zoom* and its PRO add-on are active. `host_names` are
    the known display names of Zoom users by id.
    """

    rules: Rules = DEFAULT
    vczapi: bool = False
    vczapi_pro: bool = False
    host_names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Post:
    """The post that a site should have, as far as the meeting is known.

    `reason` says why a post is not shown, for the site's owner; empty where it is shown. `by_rule`: it is withheld
    because the site's rules exclude the meeting, so a post that the bridge created is trashed. `title` and `content`
    are HTML, and `topic` is the text of which the title is made, or empty; `slug` is that of a new post's address, empty
    where it is the title. `content` applies to a new post, or to one whose content nobody but the bridge has written. `status`,
    `author` and `category` apply to a new post. `field` is the value of the REST field `zoombridge` (docs/stub.md)
    without the revision. `ticks` are per-meeting options of the plugin VCZAPI that the rules require to be on.
    `visible` is what `field` shows to visitors. The post is valid until `until` (UTC), or without limit where None.
    """

    presence: Presence
    reason: str = ""
    by_rule: bool = False
    topic: str = ""
    title: str = ""
    slug: str = ""
    content: str = ""
    status: str = "publish"
    author: int | None = None
    category: int | None = None
    field: Mapping[str, Any] = field(default_factory=dict)
    ticks: frozenset[str] = frozenset()
    until: datetime | None = None
    visible: VisibleFields = NOTHING


def render(meeting: Meeting, site: SiteRules, now: datetime) -> Post:
    """Return the post that `site` should have for `meeting` at `now` (any time zone).

    The result is the same for any time before the post's `until`. Never raises, whatever Zoom put into the meeting.
    """
    rules = site.rules
    meeting = leading(meeting, now)
    if meeting.state is MeetingState.PERMANENTLY_DELETED:
        return Post(Presence.GONE, messages.DELETED_PERMANENTLY)
    left_out = rules.why_not(meeting)
    reason = left_out or _why_incomplete(meeting)
    schedule = schedule_at(meeting, now)
    presence = Presence.WITHHELD if reason else Presence.SHOWN
    if meeting.state is MeetingState.DELETED:
        until = kept_until(meeting, rules)
        if reason or until is None or now >= until:
            return _trashed(with_public_texts(meeting, rules))
        presence, reason, schedule = Presence.CANCELLED, messages.DELETED, _cancelled(schedule, until)
    is_cancelled = schedule.phase is Phase.CANCELLED
    meeting = with_public_texts(meeting, replace(rules, join_link=JoinLink.NOBODY) if is_cancelled else rules)
    activity = activity_of(meeting, rules)
    visible = visible_fields(meeting, rules, host_name=site.host_names.get(meeting.host_id, ""))
    if is_cancelled:
        # VCZAPI's templates read the link from the metas, whatever the status says.
        visible = replace(visible, join_url="", passcode="")
    author = rules.author_of(meeting)
    return Post(
        presence=presence,
        reason=reason,
        by_rule=bool(left_out),
        topic=meeting.topic,
        title=text.title(labels.title(meeting)),
        slug=text.title(labels.slug(meeting)),
        content=meeting_html.agenda(meeting),
        status=rules.status,
        author=None if author is None else author.user,
        category=rules.category_of(meeting.kind),
        field={
            **vczapi_meta.field(
                meeting,
                schedule,
                visible,
                with_pro=site.vczapi_pro,
                without_pro=site.vczapi and not site.vczapi_pro,
            ),
            **(
                {"html": meeting_html.details(meeting, schedule, visible, activity)}
                if meeting.is_complete
                else {}
            ),
        },
        ticks=_TICKS[rules.join_link],
        until=schedule.until,
        visible=visible,
    )


def kept_until(meeting: Meeting, rules: Rules) -> datetime | None:
    """Return until when (UTC) the page of a deleted meeting stays and says that it is cancelled; None: it does not."""
    if meeting.state is not MeetingState.DELETED or not meeting.deleted_at or not rules.cancelled_days:
        return None
    try:
        deleted = datetime.fromtimestamp(meeting.deleted_at / 1000, UTC)
        return deleted + timedelta(days=rules.cancelled_days)
    except (OverflowError, OSError, ValueError):
        return None


def _cancelled(schedule: Schedule, until: datetime) -> Schedule:
    """Return the schedule of a deleted meeting: none of its dates takes place."""
    return Schedule(
        Phase.CANCELLED,
        schedule.leading,
        tuple(replace(date, available=False) for date in schedule.remaining),
        until if schedule.until is None else min(until, schedule.until),
    )


def _trashed(meeting: Meeting) -> Post:
    """Return a post that says only that the meeting is cancelled, in case it is still displayed."""
    return Post(
        presence=Presence.TRASHED,
        reason=messages.DELETED,
        topic=meeting.topic,
        title=text.title(labels.title(meeting)),
        content=meeting_html.agenda(meeting),
        field={
            "number": str(meeting.number),
            "kind": str(meeting.kind),
            "html": meeting_html.details(meeting, Schedule(Phase.CANCELLED), NOTHING),
        },
    )


def _why_incomplete(meeting: Meeting) -> str:
    if meeting.is_complete:
        return ""
    known = {
        messages.MISSING_TOPIC: meeting.topic or meeting.created,
        messages.MISSING_JOIN_LINK: meeting.join_url,
        messages.MISSING_TYPE: meeting.type is not None,
    }
    missing = [name for name, there in known.items() if not there]
    return messages.INCOMPLETE % {"missing": ", ".join(missing) or messages.MISSING_TIME}
