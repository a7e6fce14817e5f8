"""The pages for adding a WordPress site: the plugin with its pairing code, and the progress of the pairing."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tornado.web import Finish

from core.errors import UnknownSiteError, ZoomBridgeError
from core.sites import pairing, pairing_codes, typed_home
from core.sites.address_approval import allow
from core.sites.pairing import PairingState
from core.store.db import settings
from core.store.sites import sites
from core.store.sites.pairings import MOST_USES, requester_of
from core.wordpress.homes import is_local
from web.pages.page import PageHandler
from web.pages.server_login import read_server_login
from web.stub.plugin_zip import SLUG, archive, php_string

if TYPE_CHECKING:
    from core.bridge import Bridge
    from core.sites.pairing import Pairing, PairingCode
    from core.store.sites.sites import Site
    from web.ui.viewer import Viewer

_LONGEST_ADDRESS = 2000
# An unreachable site is called again while somebody watches; one that has just called stores its key first.
_CALL_AGAIN_SECONDS = 15
_FINAL = (PairingState.CONNECTED, PairingState.REFUSED)


@dataclass(frozen=True, slots=True)
class AddSiteView:
    """The form. `known` is the site to connect again.

    `asks_bridge_url`: the bridge's address is unknown, or none that another machine reaches (`is_local`).
    """

    known: Site | None
    address: str
    uses: str
    bridge_url: str
    asks_bridge_url: bool
    is_local: bool
    most_uses: int
    errors: dict[str, str]
    late: bool


@dataclass(frozen=True, slots=True)
class CodeView:
    """A pairing code, and what each use of it became.

    `constant` is the line of PHP that sets the code; `upload` the page in wp-admin for uploading plugins, empty where
    the site is not known; `only_http`: its address was entered without a scheme, and answers over http only. `errors`
    and `username` are those of the form for the server's own password, by its pairing.
    """

    code: PairingCode
    known: Site | None
    pairings: list[Pairing]
    states: type[PairingState]
    is_open: bool
    is_live: bool
    underway: frozenset[str]
    constant: str
    upload: str
    only_http: bool
    errors: dict[str, str]
    invalid: str
    username: str
    problem: str


def requester(viewer: Viewer) -> str:
    """Return the name under which a viewer asks for pairing codes: a user's, or one of an administrator of one site."""
    return requester_of(viewer.name, viewer.site_id)


class AddSitePage(PageHandler):
    """Base of the pages for adding a site."""

    path = "/sites"

    async def prepare(self) -> None:
        """Allow administrators only; in wp-admin, the site is connected already."""
        await super().prepare()
        if self._finished:
            return
        if self.shell.in_wordpress or not self.viewer.may_change:
            self.forbid(
                self.words.gettext(
                    "Only an administrator can add sites, at the bridge's own address, under Sites."
                )
            )

    async def _code(self, code_id: str) -> tuple[PairingCode, list[Pairing]]:
        """Load the viewer's code and its pairings; redirect to the form if it is gone."""
        found = await self.blocking(
            pairing_codes.load_code, self.bridge.store, code_id, requester(self.viewer)
        )
        if found is None:
            self.go("/sites/add", late="yes")
            raise Finish
        return found


class AddSiteHandler(AddSitePage):
    """`/sites/add`: create a pairing code, for a new site or for one that is connected again."""

    async def get(self) -> None:
        """Show the form; `site` is the ID of a site to connect again."""
        known = await self._known(self.get_query_argument("site", ""))
        suggested = await self._suggested_bridge_url(known)
        await self._show(known, address="", uses="1", bridge_url=suggested)

    async def post(self) -> None:
        known = await self._known(self.get_body_argument("site", ""))
        address = "" if known else self.get_body_argument("address", "").strip()
        uses = "1" if known else self.get_body_argument("uses", "").strip() or "1"
        typed = self.get_body_argument("bridge_url", "").strip() or await self._suggested_bridge_url(known)
        errors = self._errors(address, uses)
        try:
            bridge_url = pairing_codes.bridge_address(typed)
        except ZoomBridgeError as error:
            errors["bridge_url"] = self.translated(error)
        if not errors:
            try:
                home = await self.blocking(typed_home.find, address)
                code = await self.blocking(
                    partial(
                        pairing_codes.issue_code,
                        self.bridge.store,
                        bridge_url=bridge_url,
                        requested_by=requester(self.viewer),
                        address=home.address,
                        site_id=known.id if known else None,
                        uses=int(uses),
                    )
                )
            except ZoomBridgeError as error:
                errors["address"] = self.translated(error)
            else:
                await self._save_bridge_url(known, bridge_url)
                self.go(
                    f"/sites/add/{code.id}", download="yes", **({"http": "only"} if home.only_http else {})
                )
                return
        await self._show(known, address=address, uses=uses, bridge_url=typed, errors=errors)

    def _errors(self, address: str, uses: str) -> dict[str, str]:
        errors = {}
        if len(address) > _LONGEST_ADDRESS:
            errors["address"] = self.words.gettext("Enter the address of your site, as a browser shows it.")
        if not re.fullmatch(r"[0-9]{1,3}", uses) or not 1 <= int(uses) <= MOST_USES:
            errors["uses"] = self.words.gettext("Enter a number from 1 to %(most)d.") % {"most": MOST_USES}
        elif address and int(uses) > 1:
            errors["address"] = self.words.gettext(
                "One address cannot confirm several sites. Leave it empty, and confirm each site when it calls."
            )
        return errors

    async def _known(self, site_id: str) -> Site | None:
        """Load the site to connect again; viewers of one site can connect only that one."""
        return await self.blocking(_load_site, self.bridge, self.site_id or site_id)

    @property
    def _browser_url(self) -> str:
        """The bridge's address as the browser knows it."""
        return f"{self.request.protocol}://{self.request.host}"

    async def _suggested_bridge_url(self, known: Site | None) -> str:
        """Return the address that the plugin has already, else the bridge's own; one that others reach if possible."""
        candidates = [known.bridge_url if known else "", await self.public_url(), self._browser_url]
        given = [url for url in candidates if url]
        return next((url for url in given if not _is_local(url)), given[0])

    async def _save_bridge_url(self, known: Site | None, bridge_url: str) -> None:
        """Save the bridge's address, unless an option sets it, or it is only that of a site that is connected again.

        Viewers of one site enter it for that site only.
        """
        if self.sign_in.public_url or self.site_id is not None:
            return
        saved = await self.public_url()
        if bridge_url == saved or (known and saved and not _is_local(saved)):
            return
        await self.blocking(
            self.bridge.store.write, lambda connection: settings.save_public_url(connection, bridge_url)
        )

    async def _show(
        self,
        known: Site | None,
        *,
        address: str,
        uses: str,
        bridge_url: str,
        errors: dict[str, str] | None = None,
    ) -> None:
        public_url = await self.public_url()
        view = AddSiteView(
            known=known,
            address=address,
            uses=uses,
            bridge_url=bridge_url,
            asks_bridge_url=self.site_id is None and (not public_url or _is_local(public_url)),
            is_local=_is_local(bridge_url),
            most_uses=MOST_USES,
            errors=errors or {},
            late=bool(self.get_query_argument("late", "")),
        )
        self.show("pages/add-site.jinja", view, status=422 if errors else 200)


class CodeHandler(AddSitePage):
    """`/sites/add/ID`: the steps in WordPress, and what became of the code."""

    async def get(self, code_id: str) -> None:
        """Show the progress; go on to the site that the code has connected. With `download`, the download begins."""
        code, pairings = await self._code(code_id)
        connected = [one for one in pairings if one.state is PairingState.CONNECTED and one.site_id]
        if code.uses == 1 and connected:
            self.go(f"/sites/{connected[0].site_id}", done="connected")
            return
        self._call_again(pairings)
        if self.get_query_argument("download", "") and _is_open(code) and not pairings:
            self.set_header("Refresh", f"0; url={self._path(code)}/plugin.zip")
        await self._show(code, pairings)

    async def post(self, code_id: str) -> None:
        """Do what a button asks for, with the code or with one of its pairings."""
        code, pairings = await self._code(code_id)
        do = self.get_body_argument("do", "")
        if do == "cancel":
            await self.blocking(pairing_codes.cancel_code, self.bridge.store, code.id)
            self.go("/sites", gone="cancelled")
            return
        chosen = self.get_body_argument("pairing", "")
        one = next((one for one in pairings if one.id == chosen), None)
        if one is None or one.state in _FINAL:
            self.go(self._path(code))  # decided meanwhile
            return
        try:
            if not await self._act(do, code, pairings, one):
                return
        except ZoomBridgeError as error:
            await self._show(code, pairings, problem=self.translated(error))
        else:
            self.go(self._path(code))

    async def _act(self, do: str, code: PairingCode, pairings: list[Pairing], one: Pairing) -> bool:
        """Do what a button asks for with a pairing; False where a page is shown by then. Raises: ZoomBridgeError."""
        match do:
            case "retry":
                self.bridge.pairing_caller.begin(one.id)
            case "allow" if self.site_id is None:
                shown = self.get_body_arguments("address")
                if await self.blocking(allow, self.bridge.store, one.id, shown):
                    self.bridge.pairing_caller.begin(one.id)
            case "password":
                return await self._save_password(code, pairings, one)
            case "confirm" if one.state is PairingState.CONFIRM:
                caller, name = self.bridge.pairing_caller, self.viewer.name
                await self.blocking(partial(caller.confirm, one.id, confirmed_by=name, only=self.site_id))
            case "refuse":
                await self.blocking(pairing.refuse, self.bridge.store, one.id)
        return True

    async def _save_password(self, code: PairingCode, pairings: list[Pairing], one: Pairing) -> bool:
        """Save the server's own user and password, and call again; False where they are incomplete."""
        username, password, errors = read_server_login(self)
        if errors:
            await self._show(code, pairings, errors=errors, invalid=one.id, username=username)
            return False
        await self.blocking(pairing.set_server_password, self.bridge.store, one.id, username, password)
        self.bridge.pairing_caller.begin(one.id)
        return True

    def _call_again(self, pairings: list[Pairing]) -> None:
        before = (time.time() - _CALL_AGAIN_SECONDS) * 1000
        for one in pairings:
            is_stuck = one.state in (PairingState.CALLING, PairingState.UNREACHABLE)
            if is_stuck and (one.checked_at or one.created_at) < before:
                self.bridge.pairing_caller.begin(one.id)

    def _path(self, code: PairingCode) -> str:
        return f"/sites/add/{code.id}"

    async def _show(
        self,
        code: PairingCode,
        pairings: list[Pairing],
        *,
        errors: dict[str, str] | None = None,
        invalid: str = "",
        username: str = "",
        problem: str = "",
    ) -> None:
        known = await self.blocking(_load_site, self.bridge, code.site_id or "")
        has_failed = bool(errors or problem)
        waits = _is_open(code) or any(one.state not in _FINAL for one in pairings)
        caller = self.bridge.pairing_caller
        view = CodeView(
            code=code,
            known=known,
            pairings=pairings,
            states=PairingState,
            is_open=_is_open(code),
            is_live=waits and not has_failed,
            underway=frozenset(one.id for one in pairings if caller.is_underway(one.id)),
            constant=f"define( 'ZOOMBRIDGE_PAIRING_CODE', {php_string(code.text)} );",
            upload=_upload_page(known.url if known else code.address),
            only_http=self.get_query_argument("http", "") == "only" and code.address.startswith("http://"),
            errors=errors or {},
            invalid=invalid,
            username=username,
            problem=problem,
        )
        self.show("pages/pairing-code.jinja", view, status=422 if has_failed else 200)


class CodePluginHandler(AddSitePage):
    """`GET /sites/add/ID/plugin.zip`: the plugin with the pairing code, for the user who asked for the code."""

    async def get(self, code_id: str) -> None:
        found = await self.blocking(
            pairing_codes.load_code, self.bridge.store, code_id, requester(self.viewer)
        )
        if found is None or not _is_open(found[0]):
            message = self.words.gettext(
                "This pairing code was used, has expired, or belongs to another user. Add the site again, under Sites."
            )
            self.missing(message)
        _send_zip(self, await self.blocking(archive, found[0].text))


class PluginHandler(PageHandler):
    """`GET /plugin.zip`: the plugin without a code, for updates."""

    async def get(self) -> None:
        _send_zip(self, await self.blocking(archive))


class FormerConnectHandler(AddSitePage):
    """`/sites/connect`, where sites were connected before: redirects to `/sites/add`."""

    async def get(self) -> None:
        again = self.get_query_argument("again", "")
        self.go("/sites/add", **({"site": again} if again else {}))


def _send_zip(handler: PageHandler, body: bytes) -> None:
    handler.set_header("Content-Type", "application/zip")
    handler.set_header("Content-Disposition", f'attachment; filename="{SLUG}.zip"')
    handler.finish(body)


def _load_site(bridge: Bridge, site_id: str) -> Site | None:
    with bridge.store.reading() as connection:
        try:
            return sites.load(connection, site_id, bridge.store.sealer)
        except UnknownSiteError:
            return None


def _is_open(code: PairingCode) -> bool:
    """Whether the code can still be used."""
    return code.uses_left > 0 and code.expires_at > time.time() * 1000


def _is_local(url: str) -> bool:
    """Whether only the bridge's own machine reaches an address."""
    try:
        return is_local(urlsplit(url).hostname)
    except ValueError:
        return False


def _upload_page(site_url: str) -> str:
    """Return the page in wp-admin for uploading plugins; empty without a site."""
    return f"{site_url.rstrip('/')}/wp-admin/plugin-install.php?tab=upload" if site_url else ""
