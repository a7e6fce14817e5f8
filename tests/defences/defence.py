"""What a defence of the table is, and how it is found in the source and removed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.wordpress import Kind

ROOT = Path(__file__).parents[2]


class StaleDefenceError(Exception):
    """The text of a defence is not in its file exactly once. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Defence:
    """A few lines of code that stop an attack, and the tests that fail without them.

    `door` is a section of docs/security.md. `text` stands in `file` exactly once; `without` takes its place where the
    defence is removed. Each of `tests`, pytest's ids below `tests/`, must fail then; `wordpress` is the kind that they run
    on, as far as they need one.
    """

    name: str
    door: str
    file: str
    text: str
    without: str
    tests: tuple[str, ...]
    wordpress: Kind = "playground-sqlite"

    def removed(self, source: str) -> str:
        """Return the source of its file without the defence. Raises: StaleDefenceError."""
        places = source.count(self.text)
        if places != 1:
            raise StaleDefenceError(
                f"{self.name}: its text is {places} times in {self.file}, not once. Adapt tests/defences/."
            )
        return source.replace(self.text, self.without)
