"""The pages of background jobs: one job with its progress, and recent ones."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from tornado.web import Finish

from core import bulk
from core.errors import UnknownJobError
from core.store import job_sites, jobs
from web.pages.page import PageHandler
from web.ui.job_labels import label_counts, labels_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from babel.support import NullTranslations

    from core.bridge import Bridge
    from core.store.job_sites import SiteResult
    from core.store.jobs import Job
    from web.ui.job_labels import JobLabels

_MOST = 50
_ON_A_PAGE = 100


@dataclass(frozen=True, slots=True)
class JobView:
    """A job with its labels, and its counts as pairs of label and number.

    `results` are a page of what became of each site, for a job for many; `previous` and `next` the numbers of the pages
    beside it, 0 where there is none. `action` is what is done with the sites.
    """

    job: Job
    labels: JobLabels
    counts: list[tuple[str, int]]
    action: str = ""
    results: Sequence[SiteResult] = ()
    previous: int = 0
    next: int = 0


@dataclass(frozen=True, slots=True)
class JobsView:
    """The newest jobs. `gone`: the job that was requested does not exist."""

    jobs: list[JobView]
    gone: bool

    @property
    def has_running(self) -> bool:
        """Whether a job is queued or running."""
        return any(not one.job.has_ended for one in self.jobs)


class JobsHandler(PageHandler):
    """`GET /jobs`: the newest jobs."""

    async def get(self) -> None:
        found = await self.blocking(partial(_latest, self.bridge, self.site_id))
        gone = bool(self.get_query_argument("gone", ""))
        self.show("pages/jobs.jinja", JobsView([job_view(job, self.words) for job in found], gone))


class JobHandler(PageHandler):
    """`GET /jobs/NUMBER` shows the progress of a job; `POST` stops or resumes it."""

    async def get(self, number: str) -> None:
        job = await self._job(number)
        view = job_view(job, self.words)
        if job.kind in bulk.KINDS:
            text = self.get_query_argument("page", "")
            page = int(text) if re.fullmatch(r"[1-9][0-9]{0,3}", text, re.ASCII) else 1
            results = await self.blocking(partial(_results, self.bridge, job.id, page))
            view = replace(
                view,
                action=job.arguments["action"],
                results=results[:_ON_A_PAGE],
                previous=page - 1,
                next=page + 1 if len(results) > _ON_A_PAGE else 0,
            )
        self.show("pages/job.jinja", view, current=view.labels.path)

    async def post(self, number: str) -> None:
        """Stop or resume the job, if that is still possible."""
        job = await self._job(number)
        match self.get_body_argument("do", ""):
            case "stop":
                await self.blocking(self.bridge.job_runner.stop_job, job.id)
            case "continue":
                await self.blocking(self.bridge.job_runner.resume_job, job.id)
        self.go(f"/jobs/{job.id}")

    async def _job(self, number: str) -> Job:
        """Load the job; redirect to the list if it does not exist or may not be seen."""
        try:
            return await self.blocking(partial(_load, self.bridge, int(number), self.site_id))
        except UnknownJobError:
            self.go("/jobs", gone="yes")
            raise Finish from None


def job_view(job: Job, words: NullTranslations) -> JobView:
    """Return a job with its labels. Pure."""
    return JobView(job, labels_for(job.kind), label_counts(job, words))


def _load(bridge: Bridge, job_id: int, site_id: str | None) -> Job:
    with bridge.store.reading() as connection:
        return jobs.load(connection, job_id, site_id=site_id)


def _results(bridge: Bridge, job_id: int, page: int) -> list[SiteResult]:
    with bridge.store.reading() as connection:
        return job_sites.of_job(connection, job_id, limit=_ON_A_PAGE + 1, offset=(page - 1) * _ON_A_PAGE)


def _latest(bridge: Bridge, site_id: str | None) -> list[Job]:
    with bridge.store.reading() as connection:
        return jobs.latest(connection, _MOST, site_id=site_id)
