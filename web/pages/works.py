"""What long work is called, and what came of it, in words: for its page and for the command line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core import replay

if TYPE_CHECKING:
    from collections.abc import Mapping

    from babel.support import NullTranslations

    from core.store.jobs import Job


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of long work, in words. `counts` names what came of it, in the order to show, by `Job.counts`.

    `path` is the page that it belongs to, called `place`.
    """

    title: str
    counts: Mapping[str, str] = field(default_factory=dict)
    path: str = "/"
    place: str = "Overview"


# Marked for translation by the name of this function.
def _(text: str) -> str:
    return text


# By the kind of the job. Whoever adds a kind adds its words here.
WORKS: dict[str, Work] = {
    replay.KIND: Work(
        _("Replay"),
        {
            "reopened": _("Taken up again"),
            "changed": _("Meetings that became others"),
            "same": _("Meetings that were right already"),
            "posts": _("Pages looked at again"),
            "verified": _("Refused before, accepted now"),
            "refused": _("Still refused"),
            "failed": _("Could not be folded"),
            "without": _("Nothing to do"),
        },
        "/events",
        _("Events"),
    ),
}


def work(kind: str) -> Work:
    """Return the words for a kind of work."""
    return WORKS.get(kind) or Work(kind.replace("-", " ").capitalize())


def counted(job: Job, words: NullTranslations) -> list[tuple[str, int]]:
    """Return what came of a job so far: words and number, in the order to show."""
    named = work(job.kind).counts
    told = [(words.gettext(text), job.counts[name]) for name, text in named.items() if name in job.counts]
    rest = [(name.replace("_", " "), count) for name, count in job.counts.items() if name not in named]
    return told + rest
