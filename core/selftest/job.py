"""The test: an event is signed and sent as Zoom would, and followed to the site and back, stage by stage.

It runs as a job (`core.jobs.runner`), each step a piece, so that it goes on after a restart and leaves nothing behind.
The steps are in `core.selftest.steps`, what takes it away again in `core.selftest.cleanup`, and what it all means in
`core.sites.diagnosis`.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from core.jobs.runner import JobStep
from core.selftest.cleanup import TRIAL
from core.selftest.steps import Progress, SelfTestSteps, StepLimits, StepReport
from core.sites.diagnosis import Diagnosis, Stage
from core.store import jobs
from core.store.sites import sites, zoom_secrets

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from core.jobs.runner import JobRunner
    from core.store.db.engine import Store
    from core.store.jobs import Job


@dataclass(frozen=True, slots=True)
class SelfTestReport:
    """What a test has shown so far. `verdict` says what went wrong; None where nothing did.

    `trouble` says why the test itself could not go on. Times are in ms since 1970, UTC.
    """

    lines: tuple[StepReport, ...]
    verdict: Diagnosis | None
    is_running: bool
    started_at: int
    ended_at: int | None
    trouble: str = ""

    @property
    def ahead(self) -> tuple[Stage, ...]:
        """What is still before it; nothing where it has ended, or only cleans up."""
        if not self.is_running or self.verdict is not None:
            return ()
        behind = {line.stage for line in self.lines}
        return tuple(stage for stage in Stage if stage not in behind)

    @property
    def is_well(self) -> bool:
        """Whether it has ended, and all went well."""
        return not self.is_running and self.verdict is None and not self.trouble

    @classmethod
    def of(cls, job: Job) -> SelfTestReport:
        """Read what a job has kept."""
        kept = Progress.of(job.place)
        trouble = (job.message or str(job.state)) if job.has_ended and kept.step != "ended" else ""
        return cls(tuple(kept.lines), kept.verdict, not job.has_ended, job.created_at, job.ended_at, trouble)


def ask(of: JobRunner, site_id: str, *, requested_by: str) -> Job:
    """Ask for a test of a site; where one runs, that is the one. Raises `StoreError`."""
    return of.enqueue(TRIAL, {"site": site_id}, site_id=site_id, requested_by=requested_by)


def latest(connection: Connection, site_id: str) -> SelfTestReport | None:
    """Return the report of a site's newest test; None where there was none."""
    found = jobs.latest(connection, 1, kind=TRIAL, site_id=site_id)
    return SelfTestReport.of(found[0]) if found else None


@dataclass(slots=True)
class SelfTestJob:
    """Does tests. `appended` and `wake` are told that the log has grown, and that something may be due."""

    store: Store
    appended: Callable[[int], None] = lambda _: None
    wake: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.time
    limits: StepLimits = field(default_factory=StepLimits)

    def count(self, job: Job) -> int | None:  # noqa: ARG002 - as many for each
        """Return the number of stages."""
        return len(Stage)

    def step(self, job: Job) -> JobStep:
        """Do what comes next, or look for a second whether it has happened."""
        kept = Progress.of(job.place)
        before = len(kept.lines)
        with self.store.reading() as connection:
            site = sites.load(connection, job.arguments["site"], self.store.sealer)
            saved = zoom_secrets.of_site(connection, site.id, self.store.sealer)
        secrets = [token.secret for token in saved]
        following = SelfTestSteps(self.store, site, secrets, kept, self.appended, self.clock, self.limits)
        following.step()
        return JobStep(
            place=asdict(kept),
            done=len(kept.lines) - before,
            finished=kept.step == "ended",
            write=following.keep,
            after_commit=self.wake,
        )

    def close(self) -> None:
        """Nothing is held."""
