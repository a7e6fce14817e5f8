"""What the page Accounts and sites shows: the list of Zoom accounts, and one of them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from core.store.accounts import credentials as zoom_credentials
from core.store.events import latest, waiting, waiting_limits
from core.store.events.waiting_limits import OTHERS
from core.store.posts import backlog
from core.store.sites import grants as stored
from core.store.sites import sites
from core.store.sites.grants import GrantSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from core.bridge import Bridge
    from core.store.accounts.credentials import ZoomAccount
    from core.store.events.waiting import WaitingAccount
    from core.store.sites.grants import Grant, RefusedGrant
    from core.store.sites.sites import Site, SiteName

ON_A_PAGE = 20
"""Accounts, or sites of one account."""
_MOST = 50  # requests, and refused ones
MOST_NAMED = 3
"""Sites of an account in a list."""


class AccountState(StrEnum):
    """Whether somebody has decided where an account is shown."""

    REQUESTED = "requested"  # it asks to be shown on a site
    LEARNT = "learnt"  # a site has it by its first event only
    GRANTED = "granted"
    NOWHERE = "nowhere"


@dataclass(frozen=True, slots=True)
class GrantRequest:
    """An account whose events wait at a site. `shown_on` are the first of the sites that show it already.

    `others` is the number of further ones. `is_learnt`: one of them has it by its first event only, so nobody has decided
    about it.
    """

    waiting: WaitingAccount
    name: str
    site: SiteName
    shown_on: list[SiteName]
    others: int
    is_learnt: bool


@dataclass(frozen=True, slots=True)
class AccountLine:
    """An account in the list. `name` is its ID where it has no credentials; `sites` are the first of those that show it.

    `others` is the number of further ones, `last_event_at` in Unix milliseconds (UTC).
    """

    id: str
    name: str
    state: AccountState
    sites: list[SiteName]
    others: int
    last_event_at: int | None


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
class FormResult:
    """What became of the last form. `released` and `lost` are numbers of events: that waited, and that were not kept.

    `revocation` is to be confirmed; `errors` are by field, `account_id` was typed.
    """

    done: str = ""
    released: int = 0
    lost: int = 0
    revocation: Revocation | None = None
    errors: Mapping[str, str] | None = None
    account_id: str = ""


@dataclass(frozen=True, slots=True)
class GrantsView:
    """The requests, the accounts and what was refused: those that match the searched `words`.

    `total` and `known` are numbers of accounts: of those that match, and of all. `more_requests` and `more_refused` tell
    that some of them are not listed. `dropped` are sites at which too many accounts ask, with the number of events that
    were not kept for that. `next_id` is the account after which the next page begins, `after` that of this page.
    """

    result: FormResult
    words: str
    total: int
    known: int
    requests: list[GrantRequest]
    more_requests: bool
    dropped: list[tuple[SiteName, int]]
    accounts: list[AccountLine]
    after: str
    next_id: str
    refused: list[RefusedRequest]
    more_refused: bool
    sites: list[SiteName]
    states: type[AccountState] = AccountState

    @property
    def back(self) -> dict[str, str]:
        """The query of the page that forms lead back to."""
        return {"q": self.words} if self.words else {}


@dataclass(frozen=True, slots=True)
class AccountView:
    """One account: its requests, a page of the sites that show it, and what was refused.

    `of_site` are all ids of these sites, `number` is that of the page. `account` is None where the bridge has no credentials of it.
    """

    result: FormResult
    line: AccountLine
    account: ZoomAccount | None
    requests: list[GrantRequest]
    granted: list[tuple[Grant, SiteName]]
    total: int
    of_site: frozenset[str]
    number: int
    refused: list[RefusedRequest]
    sites: list[SiteName]
    sources: type[GrantSource] = GrantSource
    states: type[AccountState] = AccountState

    @property
    def back(self) -> dict[str, str]:
        """The query of the page that forms lead back to."""
        return {"account": self.line.id}

    @property
    def has_more(self) -> bool:
        """Whether there is a next page."""
        return self.number * ON_A_PAGE < self.total


class _Known:
    """The sites and the names of accounts, with all grants of one account or of all."""

    def __init__(self, connection: Connection, account_id: str | None = None) -> None:
        self.sites = sites.names(connection)
        self.of_id = {site.id: site for site in self.sites}
        self.names = zoom_credentials.names(connection)
        self.granted: defaultdict[str, list[Grant]] = defaultdict(list)
        for one in stored.list_all(connection, account_id=account_id):
            if one.site_id in self.of_id:
                self.granted[one.account_id].append(one)
        asking = [
            one
            for one in waiting.accounts(connection)
            if one.site_id in self.of_id and account_id in (None, one.account_id)
        ]
        self.asking = [one for one in asking if not one.is_refused]
        self._since_refused = {(one.account_id, one.site_id): one.count for one in asking if one.is_refused}
        self.decided = [
            one for one in stored.list_refused(connection, account_id=account_id) if one.site_id in self.of_id
        ]

    def name(self, account_id: str) -> str:
        return self.names.get(account_id, account_id)

    def request(self, asking: WaitingAccount) -> GrantRequest:
        granted = self.granted.get(asking.account_id, [])
        return GrantRequest(
            waiting=asking,
            name=self.name(asking.account_id),
            site=self.of_id[asking.site_id],
            shown_on=self.first_sites(granted),
            others=max(len(granted) - MOST_NAMED, 0),
            is_learnt=_is_learnt(granted),
        )

    def first_sites(self, granted: Sequence[Grant]) -> list[SiteName]:
        return [self.of_id[one.site_id] for one in granted[:MOST_NAMED]]

    def refusal(self, refused: RefusedGrant) -> RefusedRequest:
        return RefusedRequest(
            refused,
            self.name(refused.account_id),
            self.of_id[refused.site_id],
            self._since_refused.get((refused.account_id, refused.site_id), 0),
        )

    def lines(self, connection: Connection, account_ids: Sequence[str]) -> list[AccountLine]:
        last = latest.received_at(connection, account_ids)
        requested = {one.account_id for one in self.asking}
        found = []
        for account_id in account_ids:
            granted = self.granted.get(account_id, [])
            if account_id in requested:
                state = AccountState.REQUESTED
            elif not granted:
                state = AccountState.NOWHERE
            else:
                state = AccountState.LEARNT if _is_learnt(granted) else AccountState.GRANTED
            others = max(len(granted) - MOST_NAMED, 0)
            found.append(
                AccountLine(
                    account_id,
                    self.name(account_id),
                    state,
                    self.first_sites(granted),
                    others,
                    last.get(account_id),
                )
            )
        return found


def list_view(bridge: Bridge, result: FormResult, *, words: str, after: str) -> GrantsView:
    """Return a page of the list."""
    with bridge.store.reading() as connection:
        known = _Known(connection)
        dropped = waiting_limits.dropped(connection)

        def is_meant(account_id: str, site_ids: Iterable[str]) -> bool:
            """Whether the searched words are in an account's name or id, or in the names or addresses of sites."""
            shown = [known.name(account_id), account_id]
            shown += [text for one in site_ids for text in (known.of_id[one].name, known.of_id[one].url)]
            text = " ".join(shown).casefold()
            return all(word in text for word in words.casefold().split())

        every = {*known.names, *known.granted}
        meant = sorted(
            one for one in every if is_meant(one, [grant.site_id for grant in known.granted.get(one, [])])
        )
        shown = [one for one in meant if one > after]
        accounts = known.lines(connection, shown[:ON_A_PAGE])
    requests = [one for one in known.asking if is_meant(one.account_id, [one.site_id])]
    refused = [one for one in known.decided if is_meant(one.account_id, [one.site_id])]
    return GrantsView(
        result=result,
        words=words,
        total=len(meant),
        known=len(every),
        requests=[known.request(one) for one in requests[:_MOST]],
        more_requests=len(requests) > _MOST,
        dropped=[
            (known.of_id[one.site_id], one.count)
            for one in dropped
            if one.account_id == OTHERS and one.site_id in known.of_id
        ],
        accounts=accounts,
        after=after,
        next_id=shown[ON_A_PAGE - 1] if len(shown) > ON_A_PAGE else "",
        refused=[known.refusal(one) for one in refused[:_MOST]],
        more_refused=len(refused) > _MOST,
        sites=known.sites,
    )


def account_view(bridge: Bridge, account_id: str, result: FormResult, *, number: int) -> AccountView | None:
    """Return one account with a page of its sites; None where nothing is known of it."""
    with bridge.store.reading() as connection:
        known = _Known(connection, account_id)
        granted = known.granted.get(account_id, [])
        is_known = account_id in known.names or granted or known.asking or known.decided
        if not is_known or stored.is_reserved(account_id):
            return None
        (line,) = known.lines(connection, [account_id])
        account = None
        if account_id in known.names:
            account = zoom_credentials.load(connection, account_id, bridge.store.sealer)
    first = (number - 1) * ON_A_PAGE
    return AccountView(
        result=result,
        line=line,
        account=account,
        requests=[known.request(one) for one in known.asking[:_MOST]],
        granted=[(one, known.of_id[one.site_id]) for one in granted[first : first + ON_A_PAGE]],
        total=len(granted),
        of_site=frozenset(one.site_id for one in granted),
        number=number,
        refused=[known.refusal(one) for one in known.decided[:_MOST]],
        sites=known.sites,
    )


def revocation(bridge: Bridge, account_id: str, site_id: str) -> Revocation | None:
    """Return what a revocation concerns; None where there is no such grant. Raises: UnknownSiteError."""
    with bridge.store.reading() as connection:
        site = sites.load(connection, site_id, bridge.store.sealer)
        if stored.is_reserved(account_id) or not stored.is_granted(connection, account_id, site_id):
            return None
        name = zoom_credentials.names(connection).get(account_id, account_id)
        pages = backlog.count_pages(connection, account_id, site_id)
    return Revocation(account_id, name, site, pages)


def _is_learnt(granted: Iterable[Grant]) -> bool:
    return any(one.source is GrantSource.FIRST_EVENT for one in granted)
