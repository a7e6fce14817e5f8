"""The operations on Zoom accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core import messages
from core.accounts import credentials, held_decisions, import_job, reconcile_job
from core.errors import UnknownSiteError
from core.sites import grants
from core.store.accounts import credentials as zoom_credentials
from core.store.accounts import findings, removals
from core.store.events import waiting, waiting_limits
from core.store.sites import grants as stored_grants
from core.store.sites import sites
from core.zoom.oauth import Credentials
from web.rpc import api, job_operations
from web.rpc.registry import Implementation

if TYPE_CHECKING:
    from core.bridge import Bridge
    from core.store.sites.sites import Site

_MAX_FINDINGS = 200


def add_account(bridge: Bridge, request: api.AddAccount) -> api.AddedAccount:
    """Save an account's credentials, once Zoom has accepted them. Raises: ZoomBridgeError."""
    chosen = _chosen_sites(bridge, request)
    added = credentials.add_account(
        bridge.ingest,
        Credentials(
            request.account_id.strip(),
            request.client_id.strip(),
            request.client_secret.strip(),
            request.oauth_url,
        ),
        name=request.name,
        plan=request.plan,
        site_ids=[site.id for site in chosen],
    )
    with bridge.store.reading() as connection:
        urls = {site.id: site.url for site in sites.list_all(connection, bridge.store.sealer)}
    bridge.mirror_worker.wake()
    return api.AddedAccount(
        id=added.account.id,
        name=added.account.name,
        missing_scopes=list(added.missing_scopes),
        site_urls=[site.url for site in chosen],
        ended_site_urls=[urls[one] for one in added.ended_site_ids if one in urls],
    )


def _chosen_sites(bridge: Bridge, request: api.AddAccount) -> list[Site]:
    """Return the sites that show an account. Nobody's meetings appear on a site that was not chosen, unless it is the only one.

    Raises: UnknownSiteError.
    """
    with bridge.store.reading() as connection:
        if request.sites:
            return [sites.find(connection, name, bridge.store.sealer) for name in request.sites]
        every = sites.list_all(connection, bridge.store.sealer)
    if len(every) > 1 and not request.all_sites:
        raise UnknownSiteError(messages.SITES_AMBIGUOUS % {"count": len(every)})
    return every


def list_accounts(bridge: Bridge, _request: api.NoArguments) -> list[api.AccountStatus]:
    """Return all accounts."""
    with bridge.store.reading() as connection:
        return [
            api.AccountStatus(
                id=account.id,
                name=account.name,
                plan=account.plan,
                reconcile_hours=account.reconcile_hours,
                reconcile_at=account.reconcile_at,
                fault_message=account.fault_message,
            )
            for account in zoom_credentials.list_all(connection, bridge.store.sealer)
        ]


def remove_account(bridge: Bridge, request: api.AccountRequest) -> api.RemovedAccount:
    """Delete an account's credentials. Raises: UnknownAccountError."""
    found = credentials.find_account(bridge.store, request.account)
    bridge.store.write(lambda connection: zoom_credentials.remove(connection, found.id))
    return api.RemovedAccount(name=found.name)


def import_account(bridge: Bridge, request: api.ReadAccount) -> api.JobStatus:
    """Enqueue an import. Raises: UnknownAccountError, TooManyJobsError."""
    return _enqueue(bridge, import_job.KIND, request)


def reconcile_account(bridge: Bridge, request: api.ReadAccount) -> api.JobStatus:
    """Enqueue a reconciliation. Raises: UnknownAccountError, TooManyJobsError."""
    return _enqueue(bridge, reconcile_job.KIND, request)


def grant_account(bridge: Bridge, request: api.GrantRequest) -> api.GrantChange:
    """Grant an account to a site. Raises: UnknownAccountError, UnknownSiteError."""
    with bridge.store.reading() as connection:
        site = sites.find(connection, request.site, bridge.store.sealer)
    result = grants.grant(bridge.ingest, request.account.strip(), site.id)
    bridge.mirror_worker.wake()
    return api.GrantChange(
        site_url=site.url, is_changed=result.is_new, released=result.released, dropped=result.dropped
    )


def refuse_account(bridge: Bridge, request: api.GrantRequest) -> api.RefusedGrant:
    """Refuse to show an account on a site. Raises: UnknownAccountError, UnknownSiteError."""
    with bridge.store.reading() as connection:
        site = sites.find(connection, request.site, bridge.store.sealer)
    deleted = grants.refuse(bridge.store, request.account.strip(), site.id)
    return api.RefusedGrant(site_url=site.url, is_granted=deleted is None, deleted=deleted or 0)


def revoke_account(bridge: Bridge, request: api.GrantRequest) -> api.GrantChange:
    """Revoke the grant of an account to a site. Raises: UnknownSiteError."""
    with bridge.store.reading() as connection:
        site = sites.find(connection, request.site, bridge.store.sealer)
    is_changed = grants.revoke(bridge.store, request.account.strip(), site.id)
    bridge.mirror_worker.wake()
    return api.GrantChange(site_url=site.url, is_changed=is_changed)


def list_grants(bridge: Bridge, _request: api.NoArguments) -> list[api.GrantStatus]:
    """Return all grants, the accounts whose events wait for one, and those that were refused."""
    with bridge.store.reading() as connection:
        urls = {site.id: site.url for site in sites.list_all(connection, bridge.store.sealer)}
        given = stored_grants.list_all(connection)
        refused = stored_grants.list_refused(connection)
        held = {(one.account_id, one.site_id): one for one in waiting.accounts(connection)}
        dropped = waiting_limits.dropped(connection)
    found = [
        api.GrantStatus(
            account=one.account_id,
            site_url=urls[one.site_id],
            state=api.GrantState.GRANTED,
            source=one.source,
            granted_at=one.granted_at,
        )
        for one in given
        if one.site_id in urls
    ]
    decided = {(one.account_id, one.site_id) for one in refused}
    for account_id, site_id in [*(key for key in held if key not in decided), *sorted(decided)]:
        if site_id in urls:
            waits = held.get((account_id, site_id))
            is_refused = (account_id, site_id) in decided
            found.append(
                api.GrantStatus(
                    account=account_id,
                    site_url=urls[site_id],
                    state=api.GrantState.REFUSED if is_refused else api.GrantState.WAITING,
                    waiting=waits.count if waits else 0,
                    since=waits.since if waits else None,
                    dropped=waits.dropped if waits else 0,
                )
            )
    return found + [
        api.GrantStatus(
            account="", site_url=urls[one.site_id], state=api.GrantState.WAITING, dropped=one.count
        )
        for one in dropped
        if one.account_id == waiting_limits.OTHERS and one.site_id in urls
    ]


def list_findings(bridge: Bridge, request: api.FindingsRequest) -> list[api.AccountFinding]:
    """Return the next findings of a job, oldest first."""
    with bridge.store.reading() as connection:
        found = findings.of_job(connection, request.job, after=request.after, limit=_MAX_FINDINGS)
    return [
        api.AccountFinding(
            position=position,
            number=finding.number,
            kind=finding.kind,
            topic=finding.topic,
            detail=finding.detail,
        )
        for position, finding in found
    ]


def list_held(bridge: Bridge, request: api.HeldRequest) -> list[api.HeldPage]:
    """Return the held pages of an account. Raises: UnknownAccountError."""
    account = credentials.find_account(bridge.store, request.account)
    with bridge.store.reading() as connection:
        urls = {site.id: site.url for site in sites.list_all(connection, bridge.store.sealer)}
        held = removals.held(connection, account_id=account.id)
    return [
        api.HeldPage(number=one.number, topic=one.topic, site=urls.get(one.site_id, one.site_id))
        for one in held
    ]


def approve_held(bridge: Bridge, request: api.Decide) -> api.JobStatus:
    """Approve the removal of an account's held pages; return the job that removes them. Raises: ZoomBridgeError."""
    account = credentials.find_account(bridge.store, request.account)
    job = held_decisions.approve(bridge.store, bridge.job_runner, account.id, None, by=request.by)
    return job_operations.status(job)


def dismiss_held(bridge: Bridge, request: api.Decide) -> api.Dismissed:
    """Leave an account's held pages as they are. Raises: UnknownAccountError."""
    account = credentials.find_account(bridge.store, request.account)
    meetings = held_decisions.dismiss(bridge.store, bridge.job_runner, account.id, None, by=request.by)
    return api.Dismissed(meetings=meetings)


def _enqueue(bridge: Bridge, kind: str, request: api.ReadAccount) -> api.JobStatus:
    account = credentials.find_account(bridge.store, request.account)
    job = credentials.enqueue_job(
        bridge.store, bridge.job_runner, kind, account.id, dry_run=request.dry_run, requested_by=""
    )
    return job_operations.status(job)


IMPLEMENTATIONS = (
    Implementation(api.ACCOUNT_ADD, add_account),
    Implementation(api.ACCOUNT_LIST, list_accounts),
    Implementation(api.ACCOUNT_REMOVE, remove_account),
    Implementation(api.ACCOUNT_IMPORT, import_account),
    Implementation(api.ACCOUNT_RECONCILE, reconcile_account),
    Implementation(api.ACCOUNT_FINDINGS, list_findings),
    Implementation(api.ACCOUNT_GRANT, grant_account),
    Implementation(api.ACCOUNT_REFUSE, refuse_account),
    Implementation(api.ACCOUNT_REVOKE, revoke_account),
    Implementation(api.ACCOUNT_GRANTS, list_grants),
    Implementation(api.RECONCILE_HELD, list_held),
    Implementation(api.RECONCILE_APPROVE, approve_held),
    Implementation(api.RECONCILE_DISMISS, dismiss_held),
)
