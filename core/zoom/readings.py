"""Results of one GET of a meeting or webinar, with the time by Zoom's clock. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Reading:
    """A meeting or webinar as Zoom returned it, with a time by Zoom's clock (Unix milliseconds, UTC).

    It holds all changes before that time; those of the second after it may or may not be included.
    """

    document: Mapping[str, Any]
    at: int


@dataclass(frozen=True, slots=True)
class Absence:
    """Zoom has no such meeting at this time by its clock (Unix milliseconds, UTC)."""

    at: int


@dataclass(frozen=True, slots=True)
class Unclear:
    """An answer that does not tell whether the meeting exists, or what it is. `message` has the reason."""

    message: str
