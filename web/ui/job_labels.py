"""What long work is called, and what came of it, in words: for its page and for the command line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.accounts import backfill_job, import_job, reconcile_job
from core.pipeline import replay
from core.selftest import cleanup
from core.sites import apply_rules

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


# What comes of reading an account: see core.snapshots.Drift and core.foreseeing.Would.
_DRIFTS = {
    "new": _("Not known here before"),
    "changed": _("Different here"),
    "completed": _("Not known in full before"),
    "gone": _("Gone at Zoom"),
    "unsure": _("Not shown by Zoom, perhaps expired"),
    "same": _("Right already"),
    "make": _("Would get a page"),
    "change": _("Page would change"),
    "trash": _("Page would go to the trash"),
    "leave": _("Would be left alone"),
    "looked_at": _("Pages looked at again"),
    "failing": _("Pages that could not be written yet"),
}

# By the kind of the job. Whoever adds a kind adds its words here.
WORKS: dict[str, Work] = {
    replay.KIND: Work(
        _("Replay"),
        {
            "reopened": _("Taken up again"),
            "changed": _("Meetings put right"),
            "same": _("Meetings that were right already"),
            "posts": _("Pages looked at again"),
            "verified": _("Refused before, accepted now"),
            "refused": _("Still refused"),
            "failed": _("Meetings that the bridge could not work out"),
            "without": _("Nothing to do"),
        },
        "/events",
        _("Events"),
    ),
    import_job.KIND: Work(_("Import from Zoom"), _DRIFTS, "/accounts", _("Zoom accounts")),
    reconcile_job.KIND: Work(_("Comparison with Zoom"), _DRIFTS, "/accounts", _("Zoom accounts")),
    backfill_job.KIND: Work(_("What was missing, read from Zoom"), _DRIFTS, "/accounts", _("Zoom accounts")),
    apply_rules.KIND: Work(_("New rules for the pages of a site"), {}, "/settings", _("Settings")),
    cleanup.TRIAL: Work(_("Test of a site"), {}, "/sites", _("Sites")),
    cleanup.CLEANING: Work(_("What tests left behind"), {}, "/sites", _("Sites")),
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
