"""Base of every page: authenticate the viewer, and respond in their shell."""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from urllib.parse import urlencode

from markupsafe import Markup
from tornado.web import Finish

from core.errors import BadRequestError, StoreUnavailableError, UnknownSiteError
from core.store import audit
from core.store.audit import Actor, ActorKind
from core.store.db import settings
from core.store.sites import sites
from core.wordpress import signing
from web.http.client_address import client_address
from web.http.handler import Handler
from web.signin import cookie
from web.signin.handlers import REQUEST_NOT_UNDERSTOOD
from web.stub.auth import REFUSALS, Context, StubRequest, answer_signed, refusal, sign_answer
from web.ui.browser_names import browser_name
from web.ui.i18n import accepted_languages, choose_language, translations
from web.ui.message_translation import translate_message
from web.ui.shell import TABS, BrowserShell, Shell, WordPressShell, render, set_security_headers
from web.ui.viewer import Role, Viewer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Executor

    from babel.support import NullTranslations

    from core.bridge import Bridge
    from core.store.sites.sites import Site, SiteName
    from web.signin.handlers import SignInGuard
    from web.stub.auth import StubKeys

T = TypeVar("T")
_LONGEST_NAME = 200


class PageHandler(Handler):
    """A page for a signed-in browser, or for an administrator in wp-admin through the stub.

    `site_id` is the only site that the viewer may see: in wp-admin, and after coming from there. None: every site.
    """

    path = ""  # of the page, as its tab has it
    anyone_may_post = False  # where a form only searches

    shell: Shell
    viewer: Viewer
    site_id: str | None

    def initialize(self, bridge: Bridge, keys: StubKeys, executor: Executor, sign_in: SignInGuard) -> None:
        self.bridge = bridge
        self.sign_in = sign_in
        self._keys = keys
        self._executor = executor
        self._key: str | None = None
        self.site_id = None

    async def prepare(self) -> None:
        """Authenticate the viewer by session cookie or by the stub's signature; redirect others to the sign-in page."""
        self.set_header("Cache-Control", "no-store")
        if signing.SIGNATURE_HEADER in self.request.headers:
            await self._from_stub()
            return
        browser = browser_name(self.request.headers.get("User-Agent", ""))
        visitor = Actor(ActorKind.VISITOR, address=client_address(self.request), browser=browser)
        audit.act(visitor)
        token = cookie.read_token(self)
        session = await self.blocking(self.sign_in.auth.session, token) if token else None
        if session is None:
            back = {"to": self.request.uri or ""} if self.request.method == "GET" else {}
            self.redirect("/signin?" + urlencode(back) if back else "/signin", status=303)
            raise Finish
        self.viewer = Viewer(session.name, session.role, session.site_id, session.site_name)
        self.site_id = self.viewer.site_id
        kind = ActorKind.USER if self.site_id is None else ActorKind.WORDPRESS
        audit.act(replace(visitor, kind=kind, name=session.name))
        nonce = secrets.token_urlsafe(16)
        self.shell = BrowserShell(nonce=nonce, xsrf_field=Markup(""), language=self._language())
        set_security_headers(self, nonce)
        self.set_header("Referrer-Policy", "same-origin")
        self._check_permission()

    def _check_permission(self) -> None:
        """Reject forms of viewers who may not change anything."""
        if self.request.method == "POST" and not (self.viewer.may_change or self.anyone_may_post):
            message = self.words.gettext(
                "You can view everything here but not change it. Ask an administrator of the bridge to make the change "
                "or to change your role."
            )
            self.forbid(message)

    def forbid(self, message: str) -> NoReturn:
        """Respond with 403 and the reason."""
        if self._key is not None:
            self._refuse(403, "zoombridge_forbidden", message)
        self.show("pages/error.jinja", status=403, message=message)
        raise Finish

    def missing(self, message: str) -> NoReturn:
        """Respond with 404 and the reason."""
        if self._key is not None:
            self._refuse(404, "zoombridge_missing", message)
        self.show("pages/error.jinja", status=404, message=message)
        raise Finish

    def require_every_site(self) -> None:
        """Forbid viewers of one site what concerns Zoom accounts: these belong to the bridge."""
        if self.site_id is not None:
            self.forbid(self.words.gettext("Zoom accounts are managed at the bridge's own address."))

    async def visible_sites(self) -> list[SiteName]:
        """Return the sites that the viewer may see, the oldest first. Raises: StoreUnavailableError."""
        return await self.blocking(_site_names, self.bridge, self.site_id)

    async def select_site(self, site_id: str | None) -> tuple[list[SiteName], Site | None]:
        """Return the sites that the viewer may see, and the one with this id or address, else the first of them."""
        return await self.blocking(_select_site, self.bridge, self.site_id, site_id)

    async def named_site(self, typed: str) -> str:
        """Return the id of the visible site whose id, address or name was typed; what was typed where there is none."""
        return (await self.named_sites([typed]))[0] if typed else ""

    async def named_sites(self, typed: Sequence[str]) -> list[str]:
        """Return the same as `named_site` for each of some sites."""
        visible = await self.visible_sites()
        return [_named(visible, one) for one in typed]

    async def public_url(self) -> str:
        """Return the bridge's address in browsers: of the option, else the saved one; empty where there is none."""
        return self.sign_in.public_url.rstrip("/") or await self.blocking(_public_url, self.bridge)

    @property
    def words(self) -> NullTranslations:
        """The translations in the viewer's language: mark text with `self.words.gettext("…")`."""
        return translations(self.shell.language)

    def translated(self, error: Exception) -> str:
        """Return the message of an error in the viewer's language."""
        return translate_message(str(error), self.words)

    def _language(self) -> str:
        if context := self.request.headers.get(signing.CONTEXT_HEADER):
            with suppress(BadRequestError):  # unverified, and good enough for the language of an error
                return choose_language([Context.from_header(context).locale])
        return choose_language(accepted_languages(self.request.headers.get("Accept-Language", "")))

    async def blocking(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run a blocking function in the executor."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)

    def show(self, template: str, view: object = None, *, status: int = 200, **values: Any) -> None:
        """Render a page and finish the response; `view` holds what the template shows."""
        # JSON may hold halves of characters, and so may what Zoom sends.
        body = self._rendered(template, values | {"view": view}).encode(errors="replace")
        self.set_status(status)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        if self._key is not None:
            sign_answer(self, self._key, status, "", body)
        self.finish(body)

    def _rendered(self, template: str, values: Mapping[str, Any]) -> str:
        tabs = [tab for tab in TABS if self.site_id is None or not tab.for_all_sites]
        return render(
            template, self.shell, {"viewer": self.viewer, "current": self.path, "tabs": tabs, **values}
        )

    def go(self, path: str, **query: str) -> None:
        """Redirect a form to a page (303), so that a reload does not submit it twice."""
        location = f"{path}?{urlencode(query)}" if query else path
        if self._key is not None:
            sign_answer(self, self._key, 303, location, b"")
        self.set_status(303)
        self.set_header("Location", location)
        self.finish()

    async def _from_stub(self) -> None:
        request = StubRequest.of(self.request)
        self.site_id = request.site_id
        try:
            self._key = await self._keys.verify(request, now=time.time())
            await self._keys.use(request)
            context = Context.from_header(request.headers.get(signing.CONTEXT_HEADER, ""))
            # The stub requests pages for users with `manage_options` only.
            self.viewer = Viewer(context.user, Role.ADMINISTRATOR, self.site_id)
            # The address is that of WordPress's server.
            audit.act(Actor(ActorKind.WORDPRESS, context.user, client_address(self.request)))
            self.shell = WordPressShell(context)
        except REFUSALS as error:
            self._refuse(*refusal(error), self._message_of(error))

    def _message_of(self, error: Exception) -> str:
        """Return the message of an error before authentication, in the language of the request."""
        return translate_message(str(error), translations(self._language()))

    def _refuse(self, status: int, code: str, message: str) -> NoReturn:
        if self._key is not None:
            answer_signed(self, self._key, status, self._error_document(code, message))
        else:
            self.set_status(status)
            self.write({"code": code, "message": message})
        raise Finish

    def _error_document(self, code: str, message: str) -> dict[str, str]:
        """Return an error for the plugin: once its user is known with a page, of which older plugins know nothing."""
        document = {"code": code, "message": message}
        if hasattr(self, "shell"):
            page = self._rendered("pages/error.jinja", {"message": message})
            document["html"] = page.encode(errors="replace").decode()
        return document

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Respond with what happened and what to do, without internals.

        From an address that only takes forms, which is opened again, lead to the page of its tab.
        """
        if (
            status_code == HTTPStatus.METHOD_NOT_ALLOWED
            and self.request.method == "GET"
            and hasattr(self, "shell")
        ):
            self.set_header("Cache-Control", "no-store")
            self.go(self.path or "/")
            return
        error = kwargs.get("exc_info", (None, None))[1]
        # An error before authentication finds no shell.
        language = self.shell.language if hasattr(self, "shell") else self._language()
        words = translations(language)
        if isinstance(error, StoreUnavailableError):
            status_code, message = 503, translate_message(str(error), words)
        elif isinstance(error, UnknownSiteError):  # removed during the request
            status_code, message = 404, translate_message(str(error), words)
        elif status_code == 403:  # noqa: PLR2004 - forbidden
            message = words.gettext(
                "This form was not submitted from this page. Open the page again and submit it from there."
            )
        elif status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
            message = words.gettext(REQUEST_NOT_UNDERSTOOD)
        else:
            message = words.gettext(
                "The bridge encountered an internal error. Your input may not have been saved; no Zoom data is lost. "
                "See the bridge's log for details."
            )
        self.show_error(status_code, "zoombridge_error", message, language)

    def show_error(self, status: int, code: str, message: str, language: str) -> None:
        """Finish with an error: signed JSON with a page for the plugin, a page without navigation for a browser."""
        if self._key is not None:
            answer_signed(self, self._key, status, self._error_document(code, message))
            self.finish()
            return
        self.set_status(status)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        shell = BrowserShell(nonce=secrets.token_urlsafe(16), xsrf_field=Markup(""), language=language)
        set_security_headers(self, shell.nonce)
        self.finish(render("pages/error.jinja", shell, {"message": message, "tabs": ()}))


def _site_names(bridge: Bridge, of_site: str | None) -> list[SiteName]:
    with bridge.store.reading() as connection:
        return sites.names(connection, of_site)


def _named(visible: Sequence[SiteName], typed: str) -> str:
    """Return the id of the site with this id or address, or of the only one with this name; else what was typed."""
    typed = typed.strip()[:_LONGEST_NAME]
    for site in visible:
        if site.id == typed or sites.is_at(site, typed):
            return site.id
    of_name = [site.id for site in visible if site.name.casefold() == typed.casefold()]
    return of_name[0] if len(of_name) == 1 else typed


def _select_site(
    bridge: Bridge, of_site: str | None, site_id: str | None
) -> tuple[list[SiteName], Site | None]:
    visible = _site_names(bridge, of_site)
    wanted = _named(visible, site_id or "")
    selected = [site for site in visible if site.id == wanted] or visible
    if not selected:
        return [], None
    with bridge.store.reading() as connection:
        return visible, sites.load(connection, selected[0].id, bridge.store.sealer)


def _public_url(bridge: Bridge) -> str:
    with bridge.store.reading() as connection:
        return settings.public_url(connection)
