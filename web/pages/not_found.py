"""The answer at addresses that do not exist: a page for browsers, JSON for everyone else."""

from __future__ import annotations

import secrets
from contextlib import suppress

from markupsafe import Markup
from tornado.web import Finish

from core.errors import StoreUnavailableError
from core.wordpress import signing
from web.pages.page import PageHandler
from web.signin import cookie
from web.ui.i18n import translations
from web.ui.shell import BrowserShell, render, set_security_headers
from web.ui.viewer import Viewer


class NotFoundHandler(PageHandler):
    """Answers 404 to every method; nobody needs to be signed in. No part of the address is in the answer."""

    async def prepare(self) -> None:
        """Answer in the form that the client can show."""
        self.set_header("Cache-Control", "no-store")
        if signing.SIGNATURE_HEADER in self.request.headers:
            await self._from_stub()
        if self._key is None and "text/html" in self.request.headers.get("Accept", ""):
            await self._show_page()
        else:
            message = translations(self._language()).gettext("There is no page at this address.")
            self.show_error(404, "zoombridge_no_route", message, self._language())
        raise Finish

    def show_error(self, status: int, code: str, message: str, language: str) -> None:
        """Finish with an error object, as WordPress's REST API does, where the client is no browser."""
        if self._key is None and "text/html" not in self.request.headers.get("Accept", ""):
            self.set_status(status)
            self.finish({"code": code, "message": message})
        else:
            super().show_error(status, code, message, language)

    async def _show_page(self) -> None:
        """Show a page with the navigation of who is signed in, and for others with a link to sign in."""
        shell = BrowserShell(
            nonce=secrets.token_urlsafe(16), xsrf_field=Markup(""), language=self._language()
        )
        set_security_headers(self, shell.nonce)
        token, session = cookie.read_token(self), None
        with suppress(StoreUnavailableError):
            session = await self.blocking(self.sign_in.auth.session, token) if token else None
        if session is None:
            self.set_status(404)
            self.set_header("Content-Type", "text/html; charset=utf-8")
            self.finish(render("pages/not-found.jinja", shell, {"tabs": ()}))
            return
        self.shell, self.site_id = shell, session.site_id
        self.viewer = Viewer(session.name, session.role, session.site_id, session.site_name)
        self.show("pages/not-found.jinja", status=404)
