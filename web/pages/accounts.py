"""The Zoom accounts page: manage API credentials, import meetings, reconcile differences."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from core.accounts import credentials, import_job, reconcile_job, removal_job
from core.accounts.credentials import SCOPES
from core.errors import TooManyJobsError, UnknownAccountError, UnknownSiteError, ZoomRestError
from core.store import jobs
from core.store.accounts import credentials as zoom_credentials
from core.store.accounts import findings, removals
from core.store.events import waiting
from core.store.sites import grants, sites
from core.zoom.oauth import OAUTH_URL, Credentials
from core.zoom.rate_limit import Plan
from web.pages.grant_views import MOST_NAMED, ON_A_PAGE
from web.pages.page import PageHandler
from web.ui.job_labels import JOB_LABELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.bridge import Bridge
    from core.store.accounts.credentials import ZoomAccount
    from core.store.accounts.findings import Finding
    from core.store.jobs import Job
    from core.store.sites.sites import SiteName
    from web.ui.job_labels import JobLabels

_LONGEST = 200
_FINDINGS = 100
_MOST_JOBS = 20
_DRY = "dry"


@dataclass(frozen=True, slots=True)
class AccountLine:
    """An account with the first sites that show it; `others` is the number of further ones."""

    account: ZoomAccount
    sites: list[SiteName]
    others: int


@dataclass(frozen=True, slots=True)
class AccountList:
    """A page of the accounts with credentials, all sites, and the newest jobs of accounts.

    `number` is that of the page: the last one where fewer are needed than were asked for. `held` is the number of held pages,
    `requests` that of accounts that ask to be shown on a site.
    """

    accounts: list[AccountLine]
    number: int
    total: int
    sites: list[SiteName]
    jobs: list[Job]
    held: int
    requests: int


@dataclass(frozen=True, slots=True)
class AccountsView:
    """A page of the accounts, the result of the last form, and the form for another account with `errors` by field.

    `ended` are the names of sites that do not show the added account any more; `requests` is the number of accounts
    that ask to be shown on a site. `values` and the `chosen` sites are what was typed.
    """

    accounts: list[AccountLine]
    number: int
    total: int
    sites: list[SiteName]
    jobs: list[Job]
    held: int
    labels: dict[str, JobLabels]
    scopes: Sequence[str]
    done: str
    lacking: list[str]
    ended: list[str]
    requests: int
    problem: str
    errors: dict[str, str]
    values: dict[str, str]
    chosen: Sequence[str]

    @property
    def has_more(self) -> bool:
        """Whether there is a next page of accounts."""
        return self.number * ON_A_PAGE < self.total


@dataclass(frozen=True, slots=True)
class FindingsView:
    """A page of the findings of a job. `next_key` leads to the next page; `kind` is the only kind shown."""

    job_id: int
    findings: list[Finding]
    next_key: int | None
    labels: dict[str, str]
    kind: str


class AccountsHandler(PageHandler):
    """`GET` lists the accounts; `POST` adds or removes one, sets its reconciliation interval, or starts a job."""

    path = "/accounts"

    async def prepare(self) -> None:
        """Allow viewers of every site only: an account belongs to the bridge, not to one site."""
        await super().prepare()
        self.require_every_site()

    async def get(self) -> None:
        await self._show(
            done=self.get_query_argument("done", ""),
            lacking=self.get_query_argument("lacking", ""),
            ended=self.get_query_argument("ended", ""),
        )

    async def post(self) -> None:
        account_id = self.get_body_argument("account", "")[:_LONGEST]
        try:
            match self.get_body_argument("do", ""):
                case "add":
                    await self._add()
                case "remove":
                    await self.blocking(_remove, self.bridge, account_id)
                    self.go("/accounts", done="removed")
                case "hours":
                    hours = self.get_body_argument("hours", "")
                    if not re.fullmatch(r"[0-9]{1,4}", hours, re.ASCII):
                        problem = self.words.gettext(
                            "Nothing was saved: enter a number of hours from 0 to 9999."
                        )
                        await self._show(status=422, problem=problem)
                        return
                    await self.blocking(
                        credentials.set_reconcile_interval, self.bridge.store, account_id, int(hours)
                    )
                    self.go("/accounts/grants", account=account_id, done="hours")
                case "import" | "import-dry" | "reconcile" | "reconcile-dry" as action:
                    await self._work(action, account_id)
                case _:
                    self.go("/accounts")
        except UnknownAccountError:
            self.go("/accounts")
        except TooManyJobsError as error:
            await self._show(status=422, problem=self.translated(error))

    async def _work(self, action: str, account_id: str) -> None:
        kind = import_job.KIND if action.startswith("import") else reconcile_job.KIND
        ask = partial(
            credentials.enqueue_job,
            self.bridge.store,
            self.bridge.job_runner,
            kind,
            account_id,
            dry_run=action.endswith(_DRY),
            requested_by=self.viewer.name,
        )
        job = await self.blocking(ask)
        self.go(f"/jobs/{job.id}")

    async def _add(self) -> None:
        values = {
            name: self.get_body_argument(name, "").strip()
            for name in ("account_id", "client_id", "name", "plan")
        }
        secret = self.get_body_argument("client_secret", "").strip()
        errors = {
            name: self.words.gettext("Copy this from the App Credentials page of your app in Zoom.")
            for name, value in (*list(values.items())[:2], ("client_secret", secret))
            if not re.fullmatch(r"[!-~]{3,200}", value)
        }
        chosen = [site for site in self.get_body_arguments("site")[:1000] if site]
        plan = values["plan"] if values["plan"] in set(Plan) else Plan.PRO
        if errors:
            await self._show(status=422, errors=errors, values=values, chosen=chosen)
            return
        enroll = partial(
            credentials.add_account,
            self.bridge.ingest,
            Credentials(values["account_id"], values["client_id"], secret, OAUTH_URL),
            name=values["name"][:_LONGEST],
            plan=Plan(plan),
            site_ids=await self.named_sites(chosen),
        )
        try:
            added = await self.blocking(enroll)
        except (ZoomRestError, UnknownSiteError) as error:
            await self._show(status=422, problem=self.translated(error), values=values, chosen=chosen)
            return
        self.bridge.mirror_worker.wake()
        ended = {"ended": ",".join(added.ended_site_ids)} if added.ended_site_ids else {}
        self.go("/accounts", done="added", lacking=",".join(added.missing_scopes), **ended)

    async def _show(
        self,
        *,
        status: int = 200,
        done: str = "",
        lacking: str = "",
        ended: str = "",
        problem: str = "",
        errors: dict[str, str] | None = None,
        values: dict[str, str] | None = None,
        chosen: Sequence[str] = (),
    ) -> None:
        typed = self.get_query_argument("page", "")
        number = int(typed) if re.fullmatch(r"[1-9][0-9]{0,4}", typed, re.ASCII) else 1
        listed = await self.blocking(_list_accounts, self.bridge, number)
        view = AccountsView(
            accounts=listed.accounts,
            number=listed.number,
            total=listed.total,
            sites=listed.sites,
            jobs=listed.jobs,
            held=listed.held,
            labels=JOB_LABELS,
            scopes=SCOPES,
            done=done if done in ("added", "removed") else "",
            lacking=[scope for scope in lacking.split(",") if scope in SCOPES],
            ended=[site.name for site in listed.sites if site.id in ended.split(",")],
            requests=listed.requests,
            problem=problem,
            errors=errors or {},
            values=values or {},
            chosen=chosen,
        )
        self.show("pages/accounts.jinja", view, status=status)


class FindingsHandler(PageHandler):
    """`GET /jobs/NUMBER/findings`: the findings of an import or a reconciliation, or of its dry run."""

    path = "/accounts"

    async def prepare(self) -> None:
        """Allow viewers of every site only."""
        await super().prepare()
        self.require_every_site()

    async def get(self, number: str) -> None:
        kind = self.get_query_argument("kind", "")
        after = self.get_query_argument("after", "0")
        found = await self.blocking(
            partial(
                _findings,
                self.bridge,
                int(number),
                kind=kind if re.fullmatch(r"[a-z_]{1,20}", kind) else None,
                after=int(after) if re.fullmatch(r"[0-9]{1,18}", after) else 0,
            )
        )
        labels = {name: text for one in JOB_LABELS.values() for name, text in one.counts.items()}
        view = FindingsView(
            job_id=int(number),
            findings=[finding for _, finding in found],
            next_key=found[-1][0] if len(found) == _FINDINGS else None,
            labels=labels,
            kind=kind if kind in labels else "",
        )
        self.show("pages/findings.jinja", view)


def _list_accounts(bridge: Bridge, number: int) -> AccountList:
    with bridge.store.reading() as connection:
        accounts = zoom_credentials.list_all(connection, bridge.store.sealer)
        number = min(number, max(-(-len(accounts) // ON_A_PAGE), 1))
        first = (number - 1) * ON_A_PAGE
        every = sites.names(connection)
        of_id = {site.id: site for site in every}
        lines = []
        for account in accounts[first : first + ON_A_PAGE]:
            shown_on = [of_id[one] for one in grants.site_ids(connection, account.id) if one in of_id]
            others = max(len(shown_on) - MOST_NAMED, 0)
            lines.append(AccountLine(account, shown_on[:MOST_NAMED], others))
        of_accounts = [
            job
            for job in jobs.latest(connection, _MOST_JOBS)
            if job.kind in (import_job.KIND, reconcile_job.KIND, removal_job.KIND)
        ]
        held = sum(count for count, _ in removals.count_held(connection).values())
        requests = sum(not one.is_refused for one in waiting.accounts(connection))
    return AccountList(lines, number, len(accounts), every, of_accounts, held, requests)


def _findings(bridge: Bridge, job_id: int, *, kind: str | None, after: int) -> list[tuple[int, Finding]]:
    with bridge.store.reading() as connection:
        return findings.of_job(connection, job_id, kind=kind, after=after, limit=_FINDINGS)


def _remove(bridge: Bridge, account_id: str) -> None:
    bridge.store.write(partial(zoom_credentials.remove, account_id=account_id))
