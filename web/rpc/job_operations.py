"""The operations on background jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.store import jobs
from web.rpc import api
from web.rpc.registry import Implementation

if TYPE_CHECKING:
    from core.bridge import Bridge
    from core.store.jobs import Job

_MAX_JOBS = 20


def status(job: Job) -> api.JobStatus:
    """Return what a command shows of a job."""
    return api.JobStatus(
        id=job.id,
        kind=job.kind,
        state=job.state,
        total=job.total,
        done=job.done,
        counts=dict(job.counts),
        message=job.message,
    )


def list_jobs(bridge: Bridge, _request: api.NoArguments) -> list[api.JobStatus]:
    """Return the newest jobs, newest first."""
    with bridge.store.reading() as connection:
        return [status(job) for job in jobs.latest(connection, _MAX_JOBS)]


def show_job(bridge: Bridge, request: api.JobRequest) -> api.JobStatus:
    """Return a job. Raises: UnknownJobError."""
    with bridge.store.reading() as connection:
        return status(jobs.load(connection, request.job))


def stop_job(bridge: Bridge, request: api.JobRequest) -> api.JobStatus:
    """Stop a job where it is; return it. Raises: UnknownJobError."""
    job = show_job(bridge, request)
    return show_job(bridge, request) if bridge.job_runner.stop_job(request.job) else job


def resume_job(bridge: Bridge, request: api.JobRequest) -> api.JobStatus:
    """Resume a job that was stopped or has failed; return it. Raises: UnknownJobError."""
    job = show_job(bridge, request)
    return show_job(bridge, request) if bridge.job_runner.resume_job(request.job) else job


IMPLEMENTATIONS = (
    Implementation(api.JOB_LIST, list_jobs),
    Implementation(api.JOB_SHOW, show_job),
    Implementation(api.JOB_STOP, stop_job),
    Implementation(api.JOB_RESUME, resume_job),
)
