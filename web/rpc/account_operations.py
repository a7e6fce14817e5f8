"""What the command line asks of Zoom accounts: see `web.rpc.operations`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from core.accounts import credentials, import_job, reconcile_job
from core.store.accounts import credentials as zoom_credentials
from core.store.accounts import findings
from core.store.sites import sites
from core.zoom.oauth import OAUTH_URL, Credentials
from core.zoom.rate_limit import Plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.bridge import Bridge

_MOST_FINDINGS = 200


def account_add(
    bridge: Bridge,
    *,
    account_id: str,
    client_id: str,
    client_secret: str,
    name: str,
    plan: str,
    site: list[str],
    oauth_url: str = OAUTH_URL,
) -> dict[str, Any]:
    """Take an account's credentials, and say which sites show it: those that are named, or all."""
    with bridge.store.reading() as connection:
        chosen = [sites.find(connection, one, bridge.store.sealer) for one in site]
        chosen = chosen or sites.every(connection, bridge.store.sealer)
    account, lacking = credentials.enroll(
        bridge.store,
        Credentials(account_id.strip(), client_id.strip(), client_secret.strip(), oauth_url),
        name=name,
        plan=Plan(plan),
        site_ids=[one.id for one in chosen],
    )
    return {
        "id": account.id,
        "name": account.name,
        "lacking": list(lacking),
        "sites": [one.url for one in chosen],
    }


def account_list(bridge: Bridge) -> list[dict[str, Any]]:
    """Tell of the accounts that can be read."""
    with bridge.store.reading() as connection:
        return [
            {
                "id": account.id,
                "name": account.name,
                "plan": account.plan.value,
                "repair_hours": account.repair_hours,
                "repair_at": account.repair_at,
                "fault_message": account.fault_message,
            }
            for account in zoom_credentials.every(connection, bridge.store.sealer)
        ]


def account_remove(bridge: Bridge, *, account: str) -> dict[str, Any]:
    """Forget an account's credentials."""
    found = credentials.find(bridge.store, account)
    bridge.store.write(lambda connection: zoom_credentials.remove(connection, found.id))
    return {"name": found.name}


def account_import(bridge: Bridge, *, account: str | None, dry_run: bool) -> dict[str, Any]:
    """Ask for an import."""
    return _ask(bridge, import_job.KIND, account, dry_run=dry_run)


def account_repair(bridge: Bridge, *, account: str | None, dry_run: bool) -> dict[str, Any]:
    """Ask for a repair."""
    return _ask(bridge, reconcile_job.KIND, account, dry_run=dry_run)


def account_findings(bridge: Bridge, *, job: int, after: int) -> list[dict[str, Any]]:
    """Tell what a job found, from a place on."""
    with bridge.store.reading() as connection:
        found = findings.of_job(connection, job, after=after, limit=_MOST_FINDINGS)
    return [{"place": place, **asdict(finding)} for place, finding in found]


def _ask(bridge: Bridge, kind: str, account: str | None, *, dry_run: bool) -> dict[str, Any]:
    found = credentials.find(bridge.store, account)
    return asdict(credentials.ask(bridge.store, bridge.jobs, kind, found.id, dry_run=dry_run, asked_by=""))


OPERATIONS: dict[str, Callable[..., Any]] = {
    "account-add": account_add,
    "account-list": account_list,
    "account-remove": account_remove,
    "account-import": account_import,
    "account-repair": account_repair,
    "account-findings": account_findings,
}
