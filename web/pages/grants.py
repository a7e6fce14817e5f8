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
    from collections.abc import Iterable

    from core.bridge import Bridge
    from core.store.events.waiting import WaitingAccount
    from core.store.sites.grants import Grant, RefusedGrant
    from core.store.sites.sites import Site, SiteName

_LONGEST = 200
_ON_A_PAGE = 25  # accounts
_MOST = 50  # requests, and refused ones
LONGEST_SEARCH = 100
_PATH = "/accounts/grants"


@dataclass(frozen=True, slots=True)
class GrantRequest:
    """An account whose events wait at a site. `shown_on` are the names of the sites that show it already.

    `is_learnt`: one of these has it by its first event only, so nobody has decided about it.
    """

    waiting: WaitingAccount
    name: str
    site: SiteName
    shown_on: list[str]
    is_learnt: bool


@dataclass(frozen=True, slots=True)
class GrantedAccount:
    """An account with the sites that show it. `name` is its ID where it has no credentials."""

    id: str
    name: str
    granted: list[tuple[Grant, SiteName]]

    @property
    def site_ids(self) -> frozenset[str]:
        """The ids of the sites that show it."""
        return frozenset(site.id for _, site in self.granted)


@dataclass(frozen=True, slots=True)
class RefusedRequest:
    """A refused or revoked grant. `waiting` is the number of events that have come since and are kept."""

    refused: RefusedGrant
    name: str
    site: SiteName
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
    """The requests, the accounts and what was refused: those that match the searched `words`.

    `total` and `known` are numbers of accounts: of those that match, and of all. `more_requests` and `more_refused` tell
    that some of them are not listed. `dropped` are sites at which too many accounts ask, with the number of events that were not kept for that. `next_id`
    is the account after which the next page begins, `after` that of this page. `released` and `lost` are numbers of
    events: of those that waited, and of those that were not kept.
    """

    words: str
    total: int
    known: int
    requests: list[GrantRequest]
    more_requests: bool
    dropped: list[tuple[SiteName, int]]
    accounts: list[GrantedAccount]
    after: str
    next_id: str
    refused: list[RefusedRequest]
    more_refused: bool
    sites: list[SiteName]
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
        site_id = await self.named_site(self.get_body_argument("site", "")[:_LONGEST])
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
                words=" ".join(self.get_query_argument("q", "").split())[:LONGEST_SEARCH],
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
    words: str,
    after: str,
    revocation: Revocation | None,
    done: str,
    released: int,
    lost: int,
    errors: dict[str, str],
    account_id: str,
) -> GrantsView:
    with bridge.store.reading() as connection:
        every = sites.names(connection)
        named = zoom_credentials.list_all(connection, bridge.store.sealer)
        given = stored.list_all(connection)
        asking = waiting.accounts(connection)
        decided = stored.list_refused(connection)
        dropped = waiting_limits.dropped(connection)
    names = {account.id: account.name for account in named}
    of_id = {site.id: site for site in every}
    of_account: dict[str, list[Grant]] = {account.id: [] for account in named}
    for one in given:
        if one.site_id in of_id:
            of_account.setdefault(one.account_id, []).append(one)

    def is_meant(account_id: str, site_ids: Iterable[str]) -> bool:
        """Whether the searched words are in an account's name or id, or in the names or addresses of sites."""
        shown = [names.get(account_id, ""), account_id]
        shown += [text for site_id in site_ids for text in (of_id[site_id].name, of_id[site_id].url)]
        text = " ".join(shown).casefold()
        return all(word in text for word in words.casefold().split())

    meant = sorted(
        one for one, held in of_account.items() if is_meant(one, [grant.site_id for grant in held])
    )
    shown = [one for one in meant if one > after]
    asked = [one for one in asking if one.site_id in of_id and is_meant(one.account_id, [one.site_id])]
    requests = [one for one in asked if not one.is_refused]
    since_refused = {(one.account_id, one.site_id): one.count for one in asked if one.is_refused}
    refused = [one for one in decided if one.site_id in of_id and is_meant(one.account_id, [one.site_id])]
    return GrantsView(
        words=words,
        total=len(meant),
        known=len(of_account),
        requests=[_request(one, names, of_id, of_account) for one in requests[:_MOST]],
        more_requests=len(requests) > _MOST,
        dropped=[
            (of_id[one.site_id], one.count)
            for one in dropped
            if one.account_id == OTHERS and one.site_id in of_id
        ],
        accounts=[
            GrantedAccount(
                one, names.get(one, one), [(grant, of_id[grant.site_id]) for grant in of_account[one]]
            )
            for one in shown[:_ON_A_PAGE]
        ],
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
        ],
        more_refused=len(refused) > _MOST,
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
    of_id: dict[str, SiteName],
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


def _revocation(bridge: Bridge, account_id: str, site_id: str) -> Revocation | None:
    """Return what a revocation concerns; None where there is no such grant. Raises: UnknownSiteError."""
    with bridge.store.reading() as connection:
        site = sites.load(connection, site_id, bridge.store.sealer)
        if stored.is_reserved(account_id) or not stored.is_granted(connection, account_id, site_id):
            return None
        named = {one.id: one.name for one in zoom_credentials.list_all(connection, bridge.store.sealer)}
        pages = backlog.count_pages(connection, account_id, site_id)
    return Revocation(account_id, named.get(account_id, account_id), site, pages)
