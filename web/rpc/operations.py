"""What the command line asks for: run where the store is, in this process or in the one that serves.

SQLite is for one process, so while `serve` runs, the other commands ask it. Arguments and results are
JSON, so that both ways are the same.
"""

from __future__ import annotations

import inspect
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from core.auth.service import AuthService
from core.errors import UserError, ZoomBridgeError
from core.selftest import job as selftest_job
from core.sites import connect as site_connect
from core.sites import health
from core.store import jobs
from core.store.auth.one_time_links import Purpose
from core.store.auth.users import Role
from core.store.events import quarantine
from core.store.sites import sites
from web.rpc import account_operations, event_operations

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.bridge import Bridge

_MOST_JOBS = 20


def site_add(
    bridge: Bridge, *, url: str, username: str, password: str, bridge_url: str, secret_token: str
) -> dict[str, Any]:
    """Connect a site."""
    site = site_connect.connect(
        bridge.store, url, username, password, bridge_url=bridge_url, secret_token=secret_token
    )
    released = bridge.ingest.recheck(site.id).verified
    bridge.mirror.wake()
    return {
        "id": site.id,
        "name": site.name,
        "url": site.url,
        "endpoints": dict(site.endpoints),
        "released": released,
    }


def site_list(bridge: Bridge) -> list[dict[str, Any]]:
    """Tell of every site."""
    with bridge.store.reading() as connection:
        return [
            {
                "id": site.id,
                "name": site.name,
                "url": site.url,
                "validated_at": site.validated_at,
                "last_event": site.last_event,
                "last_event_at": site.last_event_at,
                "fault_message": site.fault_message,
            }
            for site in sites.every(connection, bridge.store.sealer)
        ]


def site_check(bridge: Bridge, *, site: str) -> list[dict[str, Any]]:
    """Look at a site from both sides."""
    findings = health.check(bridge.store, site)
    bridge.mirror.wake()
    return [{"name": found.name, "well": found.well, "message": found.message} for found in findings]


def site_test(bridge: Bridge, *, site: str) -> str:
    """Ask for a test of a site; return the site's id."""
    with bridge.store.reading() as connection:
        found = sites.find(connection, site, bridge.store.sealer)
    selftest_job.ask(bridge.jobs, found.id, asked_by="")
    return found.id


def site_report(bridge: Bridge, *, site: str) -> dict[str, Any]:
    """Tell how a site's newest test goes."""
    with bridge.store.reading() as connection:
        report = selftest_job.latest(connection, site)
    if report is None:
        raise ZoomBridgeError("There was no test of this site.")
    return {
        "lines": [asdict(line) for line in report.lines],
        "verdict": report.verdict and asdict(report.verdict),
        "is_running": report.is_running,
        "trouble": report.trouble,
    }


def site_remove(bridge: Bridge, *, site: str) -> dict[str, Any]:
    """Let a site go."""
    removed, problem = site_connect.disconnect(bridge.store, site)
    bridge.ingest.forget(removed.id)
    return {"url": removed.url, "problem": problem}


def quarantine_list(bridge: Bridge) -> list[dict[str, Any]]:
    """Tell what is held, without its bodies."""
    held = []
    with bridge.store.reading() as connection:
        for site in sites.every(connection, bridge.store.sealer):
            held += [
                {"site": site.url, "received_at": item.received_at, "reason": item.reason}
                for item in quarantine.held(connection, site.id, bridge.store.sealer)
            ]
    return held


def quarantine_recheck(bridge: Bridge) -> list[dict[str, Any]]:
    """Check what is held against the secrets saved now."""
    with bridge.store.reading() as connection:
        every = sites.every(connection, bridge.store.sealer)
    results = []
    for site in every:
        found = bridge.ingest.recheck(site.id)
        results.append({"site": site.url, "verified": found.verified, "kept": found.kept})
    return results


def user_add(bridge: Bridge, *, name: str, role: str, password: str) -> dict[str, Any]:
    """Let somebody sign in."""
    if role not in set(Role):
        raise UserError(f"There is no role {role}. There are: {', '.join(Role)}", field="role")
    return {"name": AuthService(bridge.store).add(name, Role(role), password)}


def user_list(bridge: Bridge) -> list[dict[str, Any]]:
    """Tell who may sign in."""
    return [
        {
            "name": user.name,
            "role": user.role,
            "last_seen_at": user.last_seen_at,
            "has_password": user.has_password,
        }
        for user in AuthService(bridge.store).users()
    ]


def user_remove(bridge: Bridge, *, name: str) -> None:
    """Let somebody sign in no more."""
    AuthService(bridge.store).remove(name)


def user_password(bridge: Bridge, *, name: str, password: str) -> None:
    """Give a user another password."""
    AuthService(bridge.store).set_password(name, password)


def user_link(bridge: Bridge, *, name: str | None, keep_password: bool) -> dict[str, Any]:
    """Make a link that works once."""
    admission = AuthService(bridge.store)
    if name is None:
        users = [user.name for user in admission.users()]
        if users:
            raise UserError(f"Say for whom: zoombridge user link NAME. There are: {', '.join(users)}")
        return {"path": f"/first?ticket={admission.invitation()}"}
    if keep_password:
        return {"path": f"/link?ticket={admission.link(name, Purpose.SIGN_IN)}"}
    return {"path": f"/password?ticket={admission.link(name, Purpose.PASSWORD)}"}


def job_list(bridge: Bridge) -> list[dict[str, Any]]:
    """Tell of the newest long work, newest first."""
    with bridge.store.reading() as connection:
        return [asdict(job) for job in jobs.latest(connection, _MOST_JOBS)]


def job_show(bridge: Bridge, *, job: int) -> dict[str, Any]:
    """Tell how far a job is."""
    with bridge.store.reading() as connection:
        return asdict(jobs.load(connection, job))


def job_stop(bridge: Bridge, *, job: int) -> dict[str, Any]:
    """Stop a job where it is."""
    shown = job_show(bridge, job=job)
    return job_show(bridge, job=job) if bridge.jobs.stop_job(job) else shown


def job_continue(bridge: Bridge, *, job: int) -> dict[str, Any]:
    """Go on with a job that was stopped, or has failed."""
    shown = job_show(bridge, job=job)
    return job_show(bridge, job=job) if bridge.jobs.go_on(job) else shown


OPERATIONS: dict[str, Callable[..., Any]] = {
    **account_operations.OPERATIONS,
    **event_operations.OPERATIONS,
    "site-add": site_add,
    "site-list": site_list,
    "site-check": site_check,
    "site-remove": site_remove,
    "site-test": site_test,
    "site-report": site_report,
    "job-list": job_list,
    "job-show": job_show,
    "job-stop": job_stop,
    "job-continue": job_continue,
    "user-add": user_add,
    "user-list": user_list,
    "user-remove": user_remove,
    "user-password": user_password,
    "user-link": user_link,
    "quarantine-list": quarantine_list,
    "quarantine-recheck": quarantine_recheck,
}


def run(bridge: Bridge, name: str, arguments: Any) -> Any:
    """Run an operation. Raises `ZoomBridgeError`."""
    operation = OPERATIONS.get(name)
    try:
        if operation is not None:
            inspect.signature(operation).bind(bridge, **arguments)
    except TypeError:
        operation = None
    if operation is None:
        raise ZoomBridgeError(
            f"The serving bridge knows no operation “{name}” of this form: is it of the same version?"
        )
    return operation(bridge, **arguments)
