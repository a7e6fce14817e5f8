"""Manage Zoom API credentials: add and find accounts, check their scopes, and enqueue their jobs."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from core import messages
from core.accounts import import_job, reconcile_job
from core.errors import UnknownAccountError, ZoomRestError
from core.sites import grants
from core.store.accounts import credentials as zoom_credentials
from core.store.accounts.credentials import ZoomAccount
from core.store.sites import sites
from core.store.sites.grants import GrantSource
from core.zoom.oauth import request_token
from core.zoom.rest import session

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from core.jobs.runner import JobRunner
    from core.pipeline.ingest import Ingest
    from core.store.db.engine import Store
    from core.store.jobs import Job
    from core.zoom.oauth import Credentials
    from core.zoom.rate_limit import Plan

# Named as on the page Scopes of the Zoom app: https://developers.zoom.us/docs/internal-apps/s2s-oauth/.
SCOPES = (
    "user:read:list_users:admin",
    "meeting:read:list_meetings:admin",
    "meeting:read:meeting:admin",
    "webinar:read:list_webinars:admin",
    "webinar:read:webinar:admin",
)
# Apps created before granular scopes have these instead.
_CLASSIC = {"user": "user:read:admin", "meeting": "meeting:read:admin", "webinar": "webinar:read:admin"}


@dataclass(frozen=True, slots=True)
class AddedAccount:
    """A stored account, the scopes that its app lacks, and the ids of sites that do not show it any more."""

    account: ZoomAccount
    missing_scopes: tuple[str, ...]
    ended_site_ids: tuple[str, ...] = ()


def add_account(
    ingest: Ingest,
    credentials: Credentials,
    *,
    name: str,
    plan: Plan,
    site_ids: Sequence[str],
    reconcile_hours: int = zoom_credentials.RECONCILE_HOURS,
    clock: Callable[[], float] = time.time,
) -> AddedAccount:
    """Store an account once Zoom has accepted its credentials.

    It is granted to the chosen sites. If there are any, another site that has it by its first event loses it: that
    held only until somebody said which sites may have it. The first reconciliation is due after the usual interval: an
    import is started by a person, who may do a dry run first. A known account, as with a new secret, keeps its interval,
    and its name where none is given. Raises: ZoomRestError, UnknownSiteError.
    """
    store, now = ingest.store, clock()
    token = request_token(session(), credentials, now=now)
    with store.reading() as connection:
        for site_id in site_ids:
            sites.load(connection, site_id, store.sealer)
    wanted = ZoomAccount(
        name=name or credentials.account_id,
        credentials=credentials,
        plan=plan,
        reconcile_hours=reconcile_hours,
        reconcile_at=int(now * 1000) + reconcile_hours * 3600 * 1000,
        created_at=int(now * 1000),
    )

    def write(connection: Connection) -> ZoomAccount:
        known = zoom_credentials.find_choices(connection, wanted.id)
        saved = wanted
        if known is not None:
            known_name, hours, at = known
            saved = replace(wanted, name=name or known_name, reconcile_hours=hours, reconcile_at=at)
        zoom_credentials.save(connection, saved, store.sealer)
        return saved

    account = store.write(write)
    for site_id in site_ids:
        grants.grant(ingest, account.id, site_id, source=GrantSource.CREDENTIALS)
    ended = grants.end_learnt(store, account.id, but=site_ids) if site_ids else []
    return AddedAccount(account, missing_scopes(token.scopes), tuple(ended))


def missing_scopes(granted: Sequence[str]) -> tuple[str, ...]:
    """Return the `SCOPES` that an app was not granted, neither in their granular nor in their classic form."""
    return tuple(
        scope for scope in SCOPES if scope not in granted and _CLASSIC[scope.partition(":")[0]] not in granted
    )


def enqueue_job(
    store: Store, job_runner: JobRunner, kind: str, account_id: str, *, dry_run: bool, requested_by: str
) -> Job:
    """Enqueue an import or a reconciliation of an account. Raises: UnknownAccountError, TooManyJobsError."""
    if kind not in (import_job.KIND, reconcile_job.KIND):
        raise ZoomRestError(messages.UNKNOWN_JOB_KIND % {"kind": kind})
    with store.reading() as connection:
        zoom_credentials.load(connection, account_id, store.sealer)
    arguments = {"account": account_id, **({"dry_run": True} if dry_run else {})}
    return job_runner.enqueue(kind, arguments, requested_by=requested_by)


def find_account(store: Store, named: str | None) -> ZoomAccount:
    """Return an account by its id or name; without a name, the only one. Raises: UnknownAccountError."""
    with store.reading() as connection:
        every = zoom_credentials.list_all(connection, store.sealer)
    found = [account for account in every if named in (None, account.id, account.name)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(f"{account.name} ({account.id})" for account in every)
    raise UnknownAccountError(messages.ACCOUNT_AMBIGUOUS % {"names": names} if every else messages.NO_ACCOUNT)


def set_reconcile_interval(
    store: Store, account_id: str, hours: int, *, clock: Callable[[], float] = time.time
) -> None:
    """Set the interval in hours at which an account is reconciled; 0: never. Raises: UnknownAccountError."""
    due = int(clock() * 1000) + hours * 3600 * 1000
    store.write(partial(zoom_credentials.save_interval, account_id=account_id, hours=hours, at=due))
