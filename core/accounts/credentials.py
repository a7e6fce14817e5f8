"""Let the bridge read a Zoom account: take its credentials, see that they work, and say which sites show it."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from core.accounts import import_job, reconcile_job
from core.errors import UnknownAccountError, ZoomRestError
from core.store.accounts import credentials as zoom_credentials
from core.store.accounts.credentials import ZoomAccount
from core.store.sites import sites
from core.zoom.oauth import request_token
from core.zoom.rest import session

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from core.jobs.runner import JobRunner
    from core.store.db.engine import Store
    from core.store.jobs import Job
    from core.zoom.oauth import Credentials
    from core.zoom.rate_limit import Plan

# As Zoom names them on the page Scopes of the app: https://developers.zoom.us/docs/internal-apps/s2s-oauth/.
SCOPES = (
    "user:read:list_users:admin",
    "meeting:read:list_meetings:admin",
    "meeting:read:meeting:admin",
    "webinar:read:list_webinars:admin",
    "webinar:read:webinar:admin",
)
# An older app has these instead.
_CLASSIC = {"user": "user:read:admin", "meeting": "meeting:read:admin", "webinar": "webinar:read:admin"}


def enroll(
    store: Store,
    credentials: Credentials,
    *,
    name: str,
    plan: Plan,
    site_ids: Sequence[str],
    repair_hours: int = zoom_credentials.REPAIR_HOURS,
    clock: Callable[[], float] = time.time,
) -> tuple[ZoomAccount, tuple[str, ...]]:
    """Keep an account, once Zoom has taken its credentials; return it, and which scopes its app lacks.

    The first repair is due after the usual time: an import is asked for by people, who may look first what it would
    do. Raises `ZoomRestError`, `UnknownSiteError`.
    """
    now = clock()
    token = request_token(session(), credentials, now=now)
    with store.reading() as connection:
        for site_id in site_ids:
            sites.load(connection, site_id, store.sealer)
    account = ZoomAccount(
        name=name or credentials.account_id,
        credentials=credentials,
        plan=plan,
        repair_hours=repair_hours,
        repair_at=int(now * 1000) + repair_hours * 3600 * 1000,
        created_at=int(now * 1000),
    )
    store.write(partial(zoom_credentials.save, account=account, sealer=store.sealer))
    for site_id in site_ids:
        store.write(
            partial(zoom_credentials.link, account_id=account.id, site_id=site_id, now=int(now * 1000))
        )
    return account, lacking(token.scopes)


def lacking(granted: Sequence[str]) -> tuple[str, ...]:
    """Return which of `SCOPES` an app has not been given, in its newer or its older form."""
    return tuple(
        scope for scope in SCOPES if scope not in granted and _CLASSIC[scope.partition(":")[0]] not in granted
    )


def ask(store: Store, jobs: JobRunner, kind: str, account_id: str, *, dry_run: bool, asked_by: str) -> Job:
    """Ask for an import or a repair of an account. Raises `UnknownAccountError`, `TooManyJobsError`."""
    if kind not in (import_job.KIND, reconcile_job.KIND):
        raise ZoomRestError(f"There is no work of the kind “{kind}”.")
    with store.reading() as connection:
        zoom_credentials.load(connection, account_id, store.sealer)
    arguments = {"account": account_id, **({"dry_run": True} if dry_run else {})}
    return jobs.ask(kind, arguments, asked_by=asked_by)


def find(store: Store, named: str | None) -> ZoomAccount:
    """Return an account by its id or name; the only one, where none is named. Raises `UnknownAccountError`."""
    with store.reading() as connection:
        every = zoom_credentials.every(connection, store.sealer)
    found = [account for account in every if named in (None, account.id, account.name)]
    if len(found) == 1:
        return found[0]
    there = ", ".join(f"{account.name} ({account.id})" for account in every)
    raise UnknownAccountError(
        "No Zoom account can be read yet. Add one: zoombridge account add"
        if not every
        else f"Say which Zoom account is meant. There are: {there}"
    )


def set_repair(store: Store, account_id: str, hours: int, *, clock: Callable[[], float] = time.time) -> None:
    """Set how often an account is compared by itself; 0: never. Raises `UnknownAccountError`."""
    with store.reading() as connection:
        account = zoom_credentials.load(connection, account_id, store.sealer)
    due = int(clock() * 1000) + hours * 3600 * 1000
    changed = replace(account, repair_hours=hours, repair_at=due)
    store.write(partial(zoom_credentials.save, account=changed, sealer=store.sealer))
