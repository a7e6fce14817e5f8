"""The self-test of a site: sign and send an event as Zoom does, and follow it to the site and back, stage by stage.

It runs as a background job (`core.jobs.runner`), so that it continues after a restart and leaves nothing behind. See
`core.selftest.steps` for its steps, `core.selftest.cleanup` for the cleanup, `core.sites.diagnosis` for the diagnosis.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from core.jobs.runner import JobStep
from core.selftest.cleanup import SELF_TEST
from core.selftest.steps import Progress, SelfTestStep, SelfTestSteps, StepLimits, StepReport, connect
from core.sites.diagnosis import Diagnosis, Stage
from core.store import jobs
from core.store.sites import sites, zoom_secrets

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from core.jobs.runner import JobRunner
    from core.store.db.engine import Store
    from core.store.jobs import Job
    from core.store.sites.sites import Site
    from core.wordpress.sync_client import SyncClient


@dataclass(frozen=True, slots=True)
class SelfTestReport:
    """Results of a self-test so far. `diagnosis` is set where a stage failed.

    `error` says why the test itself could not continue. Times are Unix milliseconds (UTC).
    """

    lines: tuple[StepReport, ...]
    diagnosis: Diagnosis | None
    is_running: bool
    started_at: int
    ended_at: int | None
    error: str = ""

    @property
    def remaining(self) -> tuple[Stage, ...]:
        """The stages that remain; none after the end, or while it only cleans up."""
        if not self.is_running or self.diagnosis is not None:
            return ()
        passed = {line.stage for line in self.lines}
        return tuple(stage for stage in Stage if stage not in passed)

    @property
    def is_well(self) -> bool:
        """Whether it has ended without a failure."""
        return not self.is_running and self.diagnosis is None and not self.error

    @classmethod
    def of(cls, job: Job) -> SelfTestReport:
        """Return the report of a job."""
        progress = Progress.of(job.cursor)
        was_interrupted = job.has_ended and progress.step is not SelfTestStep.ENDED
        return cls(
            lines=tuple(progress.lines),
            diagnosis=progress.diagnosis,
            is_running=not job.has_ended,
            started_at=job.created_at,
            ended_at=job.ended_at,
            error=(job.message or str(job.state)) if was_interrupted else "",
        )


def enqueue(job_runner: JobRunner, site_id: str, *, requested_by: str) -> Job:
    """Enqueue a self-test of a site; if one is unfinished, return that. Raises: StoreError."""
    return job_runner.enqueue(SELF_TEST, {"site": site_id}, site_id=site_id, requested_by=requested_by)


def latest_report(connection: Connection, site_id: str) -> SelfTestReport | None:
    """Return the report of a site's latest self-test; None without any."""
    found = jobs.latest(connection, 1, kind=SELF_TEST, site_id=site_id)
    return SelfTestReport.of(found[0]) if found else None


@dataclass(slots=True)
class SelfTestJob:
    """Run self-tests. `appended` is called with the number of events appended to the log, `wake` after each step.

    `connect` creates a site's client.
    """

    store: Store
    appended: Callable[[int], None] = lambda _: None
    wake: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.time
    limits: StepLimits = field(default_factory=StepLimits)
    connect: Callable[[Site], SyncClient] = connect

    def count(self, job: Job) -> int | None:  # noqa: ARG002 - as many for each
        """Return the number of stages."""
        return len(Stage)

    def step(self, job: Job) -> JobStep:
        """Run the next step, or poll its result for a second."""
        progress = Progress.of(job.cursor)
        before = len(progress.lines)
        with self.store.reading() as connection:
            site = sites.load(connection, job.arguments["site"], self.store.sealer)
            saved = zoom_secrets.of_site(connection, site.id, self.store.sealer)
        secrets = [token.secret for token in saved]
        steps = SelfTestSteps(
            self.store, site, secrets, progress, self.appended, self.clock, self.limits, self.connect
        )
        steps.run()
        return JobStep(
            cursor=asdict(progress),
            done=len(progress.lines) - before,
            finished=progress.step is SelfTestStep.ENDED,
            write=steps.extra_write,
            after_commit=self.wake,
        )

    def close(self) -> None:
        """Do nothing: no resource is held."""
