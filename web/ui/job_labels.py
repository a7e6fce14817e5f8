"""Labels of jobs and their counts, for pages and commands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from core import bulk
from core.accounts import backfill_job, import_job, reconcile_job, removal_job
from core.pipeline import replay
from core.selftest import cleanup
from core.sites import apply_rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from babel.support import NullTranslations


class JobCounts(Protocol):
    """A job, or what a command knows of one."""

    @property
    def kind(self) -> str: ...

    @property
    def counts(self) -> Mapping[str, int]: ...


@dataclass(frozen=True, slots=True)
class JobLabels:
    """Labels of a kind of job. `counts`: labels of `Job.counts`, in the order to show.

    `path` is the page that it belongs to, called `place`.
    """

    title: str
    counts: Mapping[str, str] = field(default_factory=dict)
    path: str = "/"
    place: str = "Overview"


# Marks texts for translation: the extraction looks for this name.
def _(text: str) -> str:
    return text


# Results of reading an account: see core.model.snapshots.Drift and core.accounts.dry_run.PlannedAction.
_DRIFTS = {
    "new": _("New"),
    "changed": _("Changed"),
    "completed": _("Completed"),
    "gone": _("No longer in Zoom"),
    "unsure": _("Unsure, left unchanged"),
    "held": _("Pages held back"),
    "would_hold": _("Pages that would be held back"),
    "dismissed": _("Pages that stay, as decided"),
    "skipped": _("Lists of users that could not be read"),
    "no_webinars": _("Users whose webinars cannot be read"),
    "unlicensed": _("Users without Zoom Meetings"),
    "same": _("Already correct"),
    "make": _("Page would be created"),
    "change": _("Page would be updated"),
    "trash": _("Page would be trashed"),
    "leave": _("Would be unchanged"),
    "requeued": _("Pages checked"),
    "failing": _("Failed updates"),
}

_BULK = JobLabels(
    _("Action for several sites"),
    {
        "failed": _("Failed"),
        "pending": _("Pending"),
        "skipped": _("Skipped"),
        "done": _("Done"),
    },
    "/sites",
    _("Sites"),
)

# By the kind of the job. Whoever adds a kind adds its words here.
JOB_LABELS: dict[str, JobLabels] = {
    replay.KIND: JobLabels(
        _("Replay"),
        {
            "reopened": _("Events replayed"),
            "read": _("Unreadable events that are read now"),
            "unreadable": _("Still unreadable"),
            "changed": _("Meetings changed"),
            "same": _("Meetings already correct"),
            "posts": _("Pages checked"),
            "verified": _("Accepted from quarantine"),
            "refused": _("Still quarantined"),
            "failed": _("Meetings that could not be computed"),
            "without": _("Nothing to do"),
        },
        "/events",
        _("Events"),
    ),
    import_job.KIND: JobLabels(_("Import from Zoom"), _DRIFTS, "/accounts", _("Zoom accounts")),
    reconcile_job.KIND: JobLabels(_("Reconciliation with Zoom"), _DRIFTS, "/accounts", _("Zoom accounts")),
    removal_job.KIND: JobLabels(_("Removal of held pages"), _DRIFTS, "/accounts", _("Zoom accounts")),
    backfill_job.KIND: JobLabels(_("Backfill from Zoom"), _DRIFTS, "/accounts", _("Zoom accounts")),
    apply_rules.KIND: JobLabels(_("Apply rules to a site"), {}, "/settings", _("Settings")),
    apply_rules.PLUGINS_KIND: JobLabels(_("Adapt pages to a site's plugins"), {}, "/sites", _("Sites")),
    **dict.fromkeys(bulk.KINDS, _BULK),
    cleanup.SELF_TEST: JobLabels(_("Site self-test"), {}, "/sites", _("Sites")),
    cleanup.CLEANUP: JobLabels(_("Self-test cleanup"), {}, "/sites", _("Sites")),
}


def labels_for(kind: str) -> JobLabels:
    """Return the labels of a kind of job."""
    return JOB_LABELS.get(kind) or JobLabels(kind.replace("-", " ").capitalize())


def label_counts(job: JobCounts, words: NullTranslations) -> list[tuple[str, int]]:
    """Return the counts of a job so far as label and number, in the order to show."""
    named = labels_for(job.kind).counts
    labelled = [(words.gettext(text), job.counts[name]) for name, text in named.items() if name in job.counts]
    rest = [(name.replace("_", " "), count) for name, count in job.counts.items() if name not in named]
    return labelled + rest
