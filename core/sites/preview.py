"""What other rules would do to a site, before they are saved: its last meetings under both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from core.render import Presence, render
from core.store.db import clock as store_clock
from core.store.meetings import meetings
from core.store.posts import posts
from core.store.posts.posts import PostState
from core.store.sites import rules

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from core.model.meeting import Meeting
    from core.model.rules import Rules
    from core.render import Post
    from core.store.db.engine import Store
    from core.store.posts.posts import Written
    from core.store.sites.sites import Site

MEETINGS = 50

_BY_RULES = (Presence.SHOWN, Presence.WITHHELD)  # the rest is Zoom's to decide


class Outcome(StrEnum):
    """What would come of a meeting's page."""

    GETS = "gets"  # there is none yet, and one would be made
    RETURNS = "returns"  # it would come back out of the trash
    LOSES = "loses"  # it would go into the trash
    NONE = "none"  # there is none yet, and none would be made any more
    KEEPS = "keeps"  # it would be left out, but people made its page, which stays
    CHANGES = "changes"  # it would show something else
    SAME = "same"


class Part(StrEnum):
    """What of a page would change."""

    JOIN_LINK = "join link"
    PASSCODE = "passcode"
    HOST = "host"
    REST = "details"


@dataclass(frozen=True, slots=True)
class Change:
    """What would come of one meeting.

    `reason` is why it would have no page, in English. `parts` is what would change on its page. `after` is its
    post under the new rules.
    """

    meeting: Meeting
    outcome: Outcome
    after: Post
    reason: str = ""
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """What would come of the meetings that a site heard of last, those that happened latest first."""

    changes: Sequence[Change]

    def count(self, outcome: Outcome) -> int:
        """Return how many meetings this would come of."""
        return sum(change.outcome is outcome for change in self.changes)

    @property
    def differences(self) -> list[Change]:
        """All but those of whose page nothing would come."""
        return [change for change in self.changes if change.outcome is not Outcome.SAME]


def preview(store: Store, site: Site, decided: Rules, *, clock: Callable[[], float] | None = None) -> Preview:
    """Return what other rules would do to a site's last meetings. Raises `StoreUnavailableError`."""
    with store.reading() as connection:
        found = posts.latest(connection, site.id, limit=MEETINGS)
        known = [meetings.load(connection, account_id, number) for account_id, number, _ in found]
        about = [(one[0], written) for one, (_, _, written) in zip(known, found, strict=True) if one]
        listed = [meeting for meeting, _ in about]
        before = rules.of_site(connection, site, listed)
        after = rules.of_site(connection, site, listed, decided)
        moment = datetime.fromtimestamp(store_clock.now(connection, clock) / 1000, UTC)
    return Preview(
        [
            compare(meeting, written, render(meeting, before, moment), render(meeting, after, moment))
            for meeting, written in about
        ]
    )


def compare(meeting: Meeting, written: Written, before: Post, after: Post) -> Change:
    """Return what comes of a page where another post is wanted. Pure."""
    found = Change(meeting, Outcome.SAME, after)
    is_wanted, was_wanted = (post.presence is Presence.SHOWN for post in (after, before))
    if written.state in (PostState.DETACHED, PostState.DELETED) or after.presence not in _BY_RULES:
        return found
    if written.state is PostState.SYNCED:
        if after.by_rule and not before.by_rule:
            made = written.base is not None and written.base.made
            return replace(found, outcome=Outcome.LOSES if made else Outcome.KEEPS, reason=after.reason)
        parts = _parts(before, after)
        return replace(found, outcome=Outcome.CHANGES, parts=parts) if parts else found
    if is_wanted == was_wanted:
        return found
    if not is_wanted:
        return replace(found, outcome=Outcome.NONE, reason=after.reason)
    return replace(found, outcome=Outcome.RETURNS if written.state is PostState.TRASHED else Outcome.GETS)


def _parts(before: Post, after: Post) -> tuple[Part, ...]:
    old, new = before.visible, after.visible
    differs = {
        Part.JOIN_LINK: (bool(old.join_url), old.signed_in) != (bool(new.join_url), new.signed_in),
        Part.PASSCODE: (old.passcode, old.passcode_may_be) != (new.passcode, new.passcode_may_be),
        Part.HOST: old.host != new.host,
    }
    found = tuple(part for part, is_other in differs.items() if is_other)
    if found or (before.field, before.title) == (after.field, after.title):
        return found
    return (Part.REST,)
