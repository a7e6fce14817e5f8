"""Preview new rules of a site before they are saved: render its latest meetings under the old and the new ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from core.render import Presence, render
from core.store.db import clock as store_clock
from core.store.meetings import shown
from core.store.posts import queue
from core.store.posts.queue import PostState
from core.store.sites import rules

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from core.model.meeting import Meeting
    from core.model.rules import Rules
    from core.render import Post
    from core.store.db.engine import Store
    from core.store.posts.queue import Written
    from core.store.sites.sites import Site

MOST_MEETINGS = 50

_BY_RULES = (Presence.SHOWN, Presence.WITHHELD)  # the others are decided by Zoom


class PreviewOutcome(StrEnum):
    """How new rules would change a meeting's page."""

    GETS = "gets"  # a page would be created
    RETURNS = "returns"  # it would be restored from the trash
    LOSES = "loses"  # it would be moved to the trash
    NONE = "none"  # there is no page yet, and none would be created
    KEEPS = "keeps"  # the rules allow no page, but people created this one, so it stays
    CHANGES = "changes"  # its content would change
    SAME = "same"


class PostPart(StrEnum):
    """The part of a page that would change."""

    JOIN_LINK = "join link"
    PASSCODE = "passcode"
    HOST = "host"
    REST = "details"


@dataclass(frozen=True, slots=True)
class PostChange:
    """The change of one meeting's page.

    `reason` is why it would have no page. `parts` are the parts of the page that would change. `after` is its post
    under the new rules.
    """

    meeting: Meeting
    outcome: PreviewOutcome
    after: Post
    reason: str = ""
    parts: tuple[PostPart, ...] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """Changes of a site's latest meetings, newest first."""

    changes: Sequence[PostChange]

    def count(self, outcome: PreviewOutcome) -> int:
        """Return the number of meetings with an outcome."""
        return sum(change.outcome is outcome for change in self.changes)

    @property
    def differences(self) -> list[PostChange]:
        """The changes other than `SAME`."""
        return [change for change in self.changes if change.outcome is not PreviewOutcome.SAME]


def preview_rules(
    store: Store, site: Site, decided: Rules, *, clock: Callable[[], float] | None = None
) -> Preview:
    """Render a site's latest meetings under new rules, and compare. Raises: StoreUnavailableError."""
    with store.reading() as connection:
        found = queue.list_recent(connection, store.sealer, site.id, limit=MOST_MEETINGS)
        known = shown.of_site(connection, store.sealer, site.id, [number for _, number, _ in found])
        about = [(known[number][0], written) for _, number, written in found if number in known]
        listed = [meeting for meeting, _ in about]
        before = rules.of_site(connection, store.sealer, site, listed)
        after = rules.of_site(connection, store.sealer, site, listed, decided)
        moment = datetime.fromtimestamp(store_clock.now(connection, clock) / 1000, UTC)
    return Preview(
        [
            compare(meeting, written, render(meeting, before, moment), render(meeting, after, moment))
            for meeting, written in about
        ]
    )


def compare(meeting: Meeting, written: Written, before: Post, after: Post) -> PostChange:
    """Compare a meeting's post under the old and the new rules. Does no I/O."""
    found = PostChange(meeting, PreviewOutcome.SAME, after)
    is_wanted, was_wanted = (post.presence is Presence.SHOWN for post in (after, before))
    if written.state in (PostState.DETACHED, PostState.DELETED):
        return found
    if after.presence not in _BY_RULES:
        return _compare_cancelled(found, written, before)
    if written.state is PostState.SYNCED:
        return _compare_shown(found, written, before)
    if is_wanted == was_wanted:
        return found
    if not is_wanted:
        return replace(found, outcome=PreviewOutcome.NONE, reason=after.reason)
    return replace(
        found, outcome=PreviewOutcome.RETURNS if written.state is PostState.TRASHED else PreviewOutcome.GETS
    )


def _compare_shown(found: PostChange, written: Written, before: Post) -> PostChange:
    if found.after.by_rule and not before.by_rule:
        made = written.base is not None and written.base.made
        outcome = PreviewOutcome.LOSES if made else PreviewOutcome.KEEPS
        return replace(found, outcome=outcome, reason=found.after.reason)
    parts = _parts(before, found.after)
    return replace(found, outcome=PreviewOutcome.CHANGES, parts=parts) if parts else found


def _compare_cancelled(found: PostChange, written: Written, before: Post) -> PostChange:
    """Compare the page of a meeting that was deleted in Zoom: the rules say only how long it stays."""
    if written.state is not PostState.SYNCED or before.presence is not Presence.CANCELLED:
        return found
    if found.after.presence is Presence.TRASHED:
        return replace(found, outcome=PreviewOutcome.LOSES, reason=found.after.reason)
    return _compare_shown(found, written, before)


def _parts(before: Post, after: Post) -> tuple[PostPart, ...]:
    old, new = before.visible, after.visible
    differs = {
        PostPart.JOIN_LINK: (bool(old.join_url), old.signed_in) != (bool(new.join_url), new.signed_in),
        PostPart.PASSCODE: (old.passcode, old.passcode_may_be) != (new.passcode, new.passcode_may_be),
        PostPart.HOST: old.host != new.host,
    }
    found = tuple(part for part, is_other in differs.items() if is_other)
    if found or (before.field, before.title) == (after.field, after.title):
        return found
    return (PostPart.REST,)
