"""The Accounts and sites page: which Zoom accounts ask to be shown on which sites, and which sites show which account."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from core.errors import UnknownAccountError, UnknownSiteError
from core.sites import grants
from core.store.accounts import credentials as zoom_credentials
from core.store.events import waiting, waiting_limits
from core.store.events.waiting_limits import OTHERS
from core.store.posts import backlog
from core.store.sites import grants as stored
from core.store.sites import sites
from core.store.sites.grants import GrantSource
from web.pages.page import PageHandler

if TYPE_CHECKING:
    from core.bridge import Bridge
    from core.store.events.waiting import WaitingAccount
    from core.store.sites.grants import Grant, RefusedGrant
    from core.store.sites.sites import Site

_LONGEST = 200
_ON_A_PAGE = 50  # accounts
_MOST = 200  # requests, and refused ones
_PATH = "/accounts/grants"


@dataclass(frozen=True, slots=True)
class GrantRequest:
    """An account whose events wait at a site. `shown_on` are the names of the sites that show it already.

    `is_learnt`: one of these has it by its first event only, so nobody has decided about it.
    """

    waiting: WaitingAccount
    name: str
    site: Site
    shown_on: list[str]
    is_learnt: bool


@dataclass(frozen=True, slots=True)
class GrantedAccount:
    """An account with the sites that show it, and those that could. `name` is its ID where it has no credentials."""

    id: str
    name: str
    granted: list[tuple[Grant, Site]]
    other_sites: list[Site]


@dataclass(frozen=True, slots=True)
class RefusedRequest:
    """A refused or revoked grant. `waiting` is the number of events that have come since and are kept."""

    refused: RefusedGrant
    name: str
    site: Site
    waiting: int


@dataclass(frozen=True, slots=True)
class Revocation:
    """A grant that is about to be revoked, and the number of pages that the site has of the account's meetings."""

    account_id: str
    name: str
    site: Site
    pages: int


@dataclass(frozen=True, slots=True)
class GrantsView:
    """The requests, the accounts and what was refused.

    `dropped` are sites at which too many accounts ask, with the number of events that were not kept for that. `next_id`
    is the account after which the next page begins, `after` that of this page. `released` and `lost` are numbers of
    events: of those that waited, and of those that were not kept.
    """

    requests: list[GrantRequest]
    has_more: bool
    dropped: list[tuple[Site, int]]
    accounts: list[GrantedAccount]
    after: str
    next_id: str
    refused: list[RefusedRequest]
    sites: list[Site]
    sources: type[GrantSource]
    revocation: Revocation | None
    done: str
    released: int
    lost: int
    errors: dict[str, str]
    account_id: str


class GrantsHandler(PageHandler):
    """`GET /accounts/grants` shows the page; `POST` grants an account to a site, refuses a request or revokes a grant.

    It also dismisses the note that events were dropped because too many accounts asked.
    """

    path = "/accounts"

    async def prepare(self) -> None:
        """Allow viewers of every site only: an account belongs to the bridge, not to one site."""
        await super().prepare()
        self.require_every_site()

    async def get(self) -> None:
        await self._show(done=self.get_query_argument("done", ""))

    async def post(self) -> None:
        account_id = self.get_body_argument("account", "").strip()[:_LONGEST]
        site_id = self.get_body_argument("site", "")[:_LONGEST]
        try:
            match self.get_body_argument("do", ""):
                case "grant":
                    await self._grant(account_id, site_id)
                case "refuse":
                    deleted = await self.blocking(
                        partial(grants.refuse, self.bridge.store, account_id, site_id)
                    )
                    self.go(_PATH, done="refused", released=str(deleted))
                case "revoke":
                    await self._revoke(account_id, site_id)
                case "dismiss":
                    forget = partial(waiting_limits.forget, account_id=OTHERS, site_id=site_id)
                    await self.blocking(self.bridge.store.write, forget)
                    self.go(_PATH)
                case _:
                    self.go(_PATH)
        except UnknownSiteError:
            self.go(_PATH, done="gone")
        except UnknownAccountError as error:
            await self._show(errors={"account": self.translated(error)}, account_id=account_id)

    async def _grant(self, account_id: str, site_id: str) -> None:
        if not re.fullmatch(r"[!-~]{3,200}", account_id):
            problem = self.words.gettext(
                "Enter the account ID, as Zoom shows it on the page App Credentials."
            )
            await self._show(errors={"account": problem}, account_id=account_id)
            return
        result = await self.blocking(partial(grants.grant, self.bridge.ingest, account_id, site_id))
        self.bridge.mirror_worker.wake()
        self.go(_PATH, done="granted", released=str(result.released), lost=str(result.dropped))

    async def _revoke(self, account_id: str, site_id: str) -> None:
        """Revoke a grant, once it is confirmed with the number of pages that this concerns."""
        revocation = await self.blocking(_revocation, self.bridge, account_id, site_id)
        if revocation is None:
            self.go(_PATH, done="gone")
        elif not self.get_body_argument("sure", ""):
            await self._show(revocation=revocation)
        else:
            await self.blocking(partial(grants.revoke, self.bridge.store, account_id, site_id))
            self.bridge.mirror_worker.wake()
            self.go(_PATH, done="revoked")

    async def _show(
        self,
        *,
        done: str = "",
        revocation: Revocation | None = None,
        errors: dict[str, str] | None = None,
        account_id: str = "",
    ) -> None:
        after = self.get_query_argument("after", "")[:_LONGEST]
        view = await self.blocking(
            partial(
                _view,
                self.bridge,
                after=after,
                revocation=revocation,
                done=done if done in ("granted", "refused", "revoked", "gone") else "",
                released=self._number("released"),
                lost=self._number("lost"),
                errors=errors or {},
                account_id=account_id,
            )
        )
        self.show("pages/grants.jinja", view, status=422 if errors else 200)

    def _number(self, name: str) -> int:
        value = self.get_query_argument(name, "")
        return int(value) if re.fullmatch(r"[0-9]{1,9}", value) else 0


def _view(
    bridge: Bridge,
    *,
    after: str,
    revocation: Revocation | None,
    done: str,
    released: int,
    lost: int,
    errors: dict[str, str],
    account_id: str,
) -> GrantsView:
    with bridge.store.reading() as connection:
        every = sites.list_all(connection, bridge.store.sealer)
        named = zoom_credentials.list_all(connection, bridge.store.sealer)
        given = stored.list_all(connection)
        asking = waiting.accounts(connection)
        refused = stored.list_refused(connection)
        dropped = waiting_limits.dropped(connection)
    names = {account.id: account.name for account in named}
    of_id = {site.id: site for site in every}
    of_account: dict[str, list[Grant]] = {account.id: [] for account in named}
    for one in given:
        if one.site_id in of_id:
            of_account.setdefault(one.account_id, []).append(one)
    requests = [one for one in asking if one.site_id in of_id and not one.is_refused]
    since_refused = {(one.account_id, one.site_id): one.count for one in asking if one.is_refused}
    shown = sorted(one for one in of_account if one > after)
    return GrantsView(
        requests=[_request(one, names, of_id, of_account) for one in requests[:_MOST]],
        has_more=len(requests) > _MOST,
        dropped=[
            (of_id[one.site_id], one.count)
            for one in dropped
            if one.account_id == OTHERS and one.site_id in of_id
        ],
        accounts=[_account(one, names.get(one, one), of_account[one], of_id) for one in shown[:_ON_A_PAGE]],
        after=after,
        next_id=shown[_ON_A_PAGE - 1] if len(shown) > _ON_A_PAGE else "",
        refused=[
            RefusedRequest(
                one,
                names.get(one.account_id, one.account_id),
                of_id[one.site_id],
                since_refused.get((one.account_id, one.site_id), 0),
            )
            for one in refused[:_MOST]
            if one.site_id in of_id
        ],
        sites=every,
        sources=GrantSource,
        revocation=revocation,
        done=done,
        released=released,
        lost=lost,
        errors=errors,
        account_id=account_id,
    )


def _request(
    asking: WaitingAccount,
    names: dict[str, str],
    of_id: dict[str, Site],
    of_account: dict[str, list[Grant]],
) -> GrantRequest:
    granted = of_account.get(asking.account_id, [])
    return GrantRequest(
        waiting=asking,
        name=names.get(asking.account_id, asking.account_id),
        site=of_id[asking.site_id],
        shown_on=[of_id[one.site_id].name for one in granted],
        is_learnt=any(one.source is GrantSource.FIRST_EVENT for one in granted),
    )


def _account(account_id: str, name: str, granted: list[Grant], of_id: dict[str, Site]) -> GrantedAccount:
    has_it = {one.site_id for one in granted}
    return GrantedAccount(
        account_id,
        name,
        [(one, of_id[one.site_id]) for one in granted],
        [site for site in of_id.values() if site.id not in has_it],
    )


def _revocation(bridge: Bridge, account_id: str, site_id: str) -> Revocation | None:
    """Return what a revocation concerns; None where there is no such grant. Raises: UnknownSiteError."""
    with bridge.store.reading() as connection:
        site = sites.load(connection, site_id, bridge.store.sealer)
        if stored.is_reserved(account_id) or not stored.is_granted(connection, account_id, site_id):
            return None
        named = {one.id: one.name for one in zoom_credentials.list_all(connection, bridge.store.sealer)}
        pages = backlog.count_pages(connection, account_id, site_id)
    return Revocation(account_id, named.get(account_id, account_id), site, pages)
