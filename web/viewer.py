"""Who looks at a page, and what they may do there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a person may do."""

    ADMINISTRATOR = "administrator"  # may change everything
    LOOKER = "looker"  # may look at everything that shows no secret


@dataclass(frozen=True, slots=True)
class Viewer:
    """A person before a page. `site_id` is the only site that they see; None: every site."""

    name: str
    role: Role
    site_id: str | None = None

    @property
    def may_change(self) -> bool:
        """Whether they may do more than look."""
        return self.role is Role.ADMINISTRATOR
