"""The pages for connecting a WordPress site: address, approval in WordPress, pairing with the plugin."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tornado.web import Finish

from core.errors import SiteFaultError, UnknownSiteError
from core.sites import connect as site_connect
from core.store.sites import pending_sites, sites
from core.wordpress import signing
from web.pages.page import PageHandler

if TYPE_CHECKING:
    from core.store.sites.pending_sites import PendingSite
    from core.store.sites.sites import Site

_LONGEST_ADDRESS = 2000
_LONGEST_CREDENTIAL = 200
# As the stub takes it: no query, no fragment, no user name or password.
_BRIDGE = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?")


def bridge_address(text: str) -> str | None:
    """Parse the bridge's address as typed; None if it is invalid."""
    address = text.strip().rstrip("/")
    try:
        _ = urlsplit(address).port
    except ValueError:
        return None
    return address if len(address) <= _LONGEST_ADDRESS and _BRIDGE.fullmatch(address) else None


class ConnectPage(PageHandler):
    """Base of the pages of connecting a site."""

    path = "/sites"

    @property
    def own_url(self) -> str:
        """The bridge's address as the browser knows it."""
        return self.sign_in.public_url.rstrip("/") or f"{self.request.protocol}://{self.request.host}"

    @property
    def requested_by(self) -> str:
        """The viewer who goes through the steps: a user, or an administrator of one site."""
        return f"{self.viewer.site_id or ''}/{self.viewer.name}"

    async def prepare(self) -> None:
        """Allow administrators of the bridge only; in wp-admin, the site is connected already."""
        await super().prepare()
        if self._finished:
            return
        if self.shell.in_wordpress or not self.viewer.may_change:
            self.forbid(
                self.words.gettext(
                    "Only an administrator can connect sites, at the bridge's own address, under Sites."
                )
            )

    async def _candidate(self, candidate_id: str) -> PendingSite:
        """Load the viewer's candidate; redirect to the first step if it has expired."""
        found = await self.blocking(site_connect.load, self.bridge.store, candidate_id, self.requested_by)
        if found is None:
            self.go("/sites/connect", late="yes")
            raise Finish
        return found


class ConnectHandler(ConnectPage):
    """`/sites/connect`: enter the site's address."""

    async def get(self) -> None:
        """Show the form; `again` is the ID of a site that is connected already."""
        known = await self._known(self.get_query_argument("again", self.site_id or ""))
        bridge_url = (known and known.bridge_url) or self.own_url
        await self._ask(known, address=known.url if known else "", bridge_url=bridge_url)

    async def post(self) -> None:
        known = await self._known(self.get_body_argument("again", self.site_id or ""))
        address = known.url if known else self.get_body_argument("address", "").strip()
        typed = self.get_body_argument("bridge_url", "").strip() or self.own_url
        bridge_url = bridge_address(typed)
        errors = {}
        if not address or len(address) > _LONGEST_ADDRESS:
            errors["address"] = self.words.gettext("Enter the address of your site, as a browser shows it.")
        if bridge_url is None:
            errors["bridge_url"] = self.words.gettext(
                "This is not a valid bridge address. It looks like https://bridge.example.org"
            )
        if not errors and bridge_url is not None:
            try:
                candidate = await self.blocking(
                    partial(
                        site_connect.start_setup,
                        self.bridge.store,
                        address,
                        requested_by=self.requested_by,
                        bridge_url=bridge_url,
                        only=self.site_id,
                    )
                )
            except SiteFaultError as error:
                errors["address"] = self.translated(error)
            else:
                self.go(f"/sites/connect/{candidate.id}")
                return
        await self._ask(known, address=address, bridge_url=typed, errors=errors)

    async def _known(self, site_id: str) -> Site | None:
        """Load the site to reconnect; viewers of one site can reconnect only that one."""
        return await self.blocking(self._load, self.site_id or site_id)

    def _load(self, site_id: str) -> Site | None:
        with self.bridge.store.reading() as connection:
            try:
                return sites.load(connection, site_id, self.bridge.store.sealer)
            except UnknownSiteError:
                return None

    async def _ask(
        self, known: Site | None, *, address: str, bridge_url: str, errors: dict[str, str] | None = None
    ) -> None:
        self.show(
            "pages/connect.jinja",
            status=422 if errors else 200,
            known=known,
            address=address,
            bridge_url=bridge_url,
            errors=errors or {},
            late=bool(self.get_query_argument("late", "")),
        )


class CandidateHandler(ConnectPage):
    """`/sites/connect/ID`: the steps of connecting."""

    async def get(self, candidate_id: str) -> None:
        """Show the next step; with a new credential, continue."""
        candidate = await self._candidate(candidate_id)
        if candidate.password and not candidate.problem:
            await self._go_on(candidate)
            return
        link = site_connect.authorization_link(
            candidate,
            own_url=self.own_url,
            path=f"/sites/connect/{candidate.id}",
            now=datetime.now(UTC),
        )
        self._show(candidate, link=link)

    async def post(self, candidate_id: str) -> None:
        """Store a credential that was pasted, try again, or cancel."""
        candidate = await self._candidate(candidate_id)
        if self.get_body_argument("give_up", ""):
            await self.blocking(site_connect.cancel_setup, self.bridge.store, candidate)
            self.go("/sites")
        elif candidate.password:
            await self._go_on(candidate, again="yes")
        else:
            await self._by_hand(candidate)

    async def _by_hand(self, candidate: PendingSite) -> None:
        username = self.get_body_argument("username", "").strip()
        password = self.get_body_argument("password", "").strip()
        errors = {}
        if not 0 < len(username) <= _LONGEST_CREDENTIAL:
            errors["username"] = self.words.gettext("Enter the user name that you sign in to WordPress with.")
        if not 0 < len(password) <= _LONGEST_CREDENTIAL:
            errors["password"] = self.words.gettext("Paste the application password that WordPress showed.")
        if errors:
            link = site_connect.authorization_link(
                candidate, own_url=self.own_url, path=f"/sites/connect/{candidate.id}", now=datetime.now(UTC)
            )
            self._show(candidate, link=link, errors=errors, username=username)
            return
        await self.blocking(site_connect.accept_credential, self.bridge.store, candidate, username, password)
        self.go(f"/sites/connect/{candidate.id}")

    async def _go_on(self, candidate: PendingSite, **query: str) -> None:
        site = await self.blocking(site_connect.continue_setup, self.bridge.store, candidate)
        if site is None:
            self.go(f"/sites/connect/{candidate.id}", **query)
            return
        self.bridge.mirror_worker.wake()
        self.bridge.health_checker.begin(site.id)
        self.go(f"/sites/{site.id}", done="connected")

    def _show(
        self,
        candidate: PendingSite,
        *,
        link: str,
        errors: dict[str, str] | None = None,
        username: str = "",
    ) -> None:
        self.show(
            "pages/connecting.jinja",
            status=422 if errors else 200,
            candidate=candidate,
            problems=site_connect.SetupProblem,
            link=link,
            comes_back=site_connect.supports_redirect(candidate, self.own_url),
            own_url=self.own_url,
            upload=candidate.authorization_url.partition("?")[0].rpartition("/")[0]
            + "/plugin-install.php?tab=upload",
            refused=bool(self.get_query_argument("refused", "")),
            stale=bool(self.get_query_argument("stale", "")),
            again=bool(self.get_query_argument("again", "")),
            errors=errors or {},
            username=username,
        )


class BackHandler(ConnectPage):
    """`/sites/connect/ID/back`: WordPress redirects the browser here with the credential.

    The credential is in the URL, so this page shows nothing, and only redirects.
    """

    async def prepare(self) -> None:
        """Allow the viewer who started, and keep the URL out of `Referer` and history."""
        self.set_header("Referrer-Policy", "no-referrer")
        if signing.SIGNATURE_HEADER not in self.request.headers:
            # Who is not signed in any more is led to the page for that, which remembers where to go on.
            self.request.uri = self.request.path.removesuffix("/back")
        await super().prepare()
        self.set_header("Referrer-Policy", "no-referrer")

    async def get(self, candidate_id: str) -> None:
        """Store the credential if its state matches."""
        candidate = await self._candidate(candidate_id)
        page = f"/sites/connect/{candidate.id}"
        username = self.get_query_argument("user_login", "")
        password = self.get_query_argument("password", "")
        is_whole = all(0 < len(part) <= _LONGEST_CREDENTIAL for part in (username, password))
        if not is_whole or not pending_sites.brings(candidate, self.get_query_argument("state", "")):
            self.go(page, stale="yes")
            return
        await self.blocking(site_connect.accept_credential, self.bridge.store, candidate, username, password)
        self.go(page)
