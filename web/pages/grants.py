"""The page Accounts and sites: which Zoom accounts ask to be shown on which sites, and which sites show which account."""

from __future__ import annotations

import re
from functools import partial

from core.errors import UnknownAccountError, UnknownSiteError
from core.sites import grants
from core.store.events import waiting_limits
from core.store.events.waiting_limits import OTHERS
from web.pages import grant_views
from web.pages.grant_views import FormResult
from web.pages.page import PageHandler

_LONGEST = 200
LONGEST_SEARCH = 100
_PATH = "/accounts/grants"


class GrantsHandler(PageHandler):
    """`/accounts/grants`: `GET` shows the list of accounts, or one of them; `POST` decides about a grant.

    It grants an account to a site, refuses a request or revokes a grant, and dismisses the note that events were dropped
    because too many accounts asked. `account` or `q` in the query are those of the page, to which forms lead back.
    """

    path = "/accounts"

    async def prepare(self) -> None:
        """Allow viewers of every site only: an account belongs to the bridge, not to one site."""
        await super().prepare()
        self.require_every_site()

    async def get(self) -> None:
        done = self.get_query_argument("done", "")
        await self._show(
            FormResult(
                done=done if done in ("granted", "is-granted", "refused", "revoked", "gone", "hours") else "",
                released=self._number("released"),
                lost=self._number("lost"),
            )
        )

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
                    if deleted is None:
                        self._go(done="is-granted")
                    else:
                        self._go(done="refused", released=str(deleted))
                case "revoke":
                    await self._revoke(account_id, site_id)
                case "dismiss":
                    forget = partial(waiting_limits.forget, account_id=OTHERS, site_id=site_id)
                    await self.blocking(self.bridge.store.write, forget)
                    self._go()
                case _:
                    self._go()
        except UnknownSiteError:
            self._go(done="gone")
        except UnknownAccountError as error:
            await self._show(FormResult(errors={"account": self.translated(error)}, account_id=account_id))

    async def _grant(self, account_id: str, site_id: str) -> None:
        if not re.fullmatch(r"[!-~]{3,200}", account_id):
            problem = self.words.gettext(
                "Enter the account ID, as Zoom shows it on the page App Credentials."
            )
            await self._show(FormResult(errors={"account": problem}, account_id=account_id))
            return
        result = await self.blocking(partial(grants.grant, self.bridge.ingest, account_id, site_id))
        self.bridge.mirror_worker.wake()
        self._go(done="granted", released=str(result.released), lost=str(result.dropped))

    async def _revoke(self, account_id: str, site_id: str) -> None:
        """Revoke a grant, once it is confirmed with the number of pages that this concerns."""
        found = await self.blocking(grant_views.revocation, self.bridge, account_id, site_id)
        if found is None:
            self._go(done="gone")
        elif not self.get_body_argument("sure", ""):
            await self._show(FormResult(revocation=found))
        else:
            await self.blocking(partial(grants.revoke, self.bridge.store, account_id, site_id))
            self.bridge.mirror_worker.wake()
            self._go(done="revoked")

    @property
    def _of_account(self) -> str:
        return self.get_query_argument("account", "")[:_LONGEST]

    @property
    def _words(self) -> str:
        return " ".join(self.get_query_argument("q", "").split())[:LONGEST_SEARCH]

    def _go(self, **query: str) -> None:
        """Lead back to the page that the form was on."""
        page = {"account": self._of_account, "q": self._words}
        self.go(_PATH, **{name: value for name, value in page.items() if value}, **query)

    async def _show(self, result: FormResult) -> None:
        status = 422 if result.errors else 200
        if self._of_account and not result.errors:
            await self._show_account(result)
            return
        view = await self.blocking(
            partial(
                grant_views.list_view,
                self.bridge,
                result,
                words=self._words,
                after=self.get_query_argument("after", "")[:_LONGEST],
            )
        )
        self.show("pages/grants.jinja", view, status=status)

    async def _show_account(self, result: FormResult) -> None:
        load = partial(grant_views.account_view, number=max(1, self._number("page")))
        view = await self.blocking(load, self.bridge, self._of_account, result)
        if view is None:
            self.missing(self.words.gettext("Nothing is known of a Zoom account with this ID."))
        self.show("pages/account-grants.jinja", view)

    def _number(self, name: str) -> int:
        value = self.get_query_argument(name, "")
        return int(value) if re.fullmatch(r"[0-9]{1,9}", value) else 0
