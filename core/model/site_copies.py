"""Tell two copies of a site at one address by the places that its answers come from. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

ALTERNATION = 60 * 60 * 1000
"""Milliseconds within which a place that comes back shows that two copies answer; later it may be an update of the site."""

REMEMBERED = 24 * 60 * 60 * 1000
"""Milliseconds after the last alternation in which the copies are still taken to be there."""


@dataclass(frozen=True, slots=True)
class PlaceHistory:
    """The place of a site's last answer, the one before it, and when it changed; a place is a digest of folder and database.

    `alternated_at` is when a place last came back soon after another one had answered. Times are Unix milliseconds (UTC).
    """

    place: str = ""
    before: str = ""
    changed_at: int = 0
    alternated_at: int = 0

    def seen(self, place: str, *, now: int) -> PlaceHistory:
        """Return the history after an answer from a place; empty: the plugin does not tell."""
        if place in ("", self.place):
            return self
        comes_back = place == self.before and now - self.changed_at <= ALTERNATION
        return replace(
            self,
            place=place,
            before=self.place,
            changed_at=now,
            alternated_at=now if comes_back else self.alternated_at,
        )

    def shows_copies(self, *, now: int) -> bool:
        """Whether two copies of the site answer at its address."""
        return self.alternated_at > 0 and now - self.alternated_at < REMEMBERED
