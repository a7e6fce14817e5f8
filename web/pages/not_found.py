"""The answer at addresses that do not exist: a page for browsers, JSON for everyone else."""

from __future__ import annotations

from tornado.web import Finish

from core.wordpress import signing
from web.pages.page import PageHandler
from web.ui.i18n import translations


class NotFoundHandler(PageHandler):
    """Answers 404 to every method; nobody needs to be signed in."""

    async def prepare(self) -> None:
        """Answer in the form that the client can show."""
        self.set_header("Cache-Control", "no-store")
        if signing.SIGNATURE_HEADER in self.request.headers:
            await self._from_stub()
        language = self._language()
        message = translations(language).gettext("There is no page at this address.")
        self.show_error(404, "zoombridge_no_route", message, language)
        raise Finish

    def show_error(self, status: int, code: str, message: str, language: str) -> None:
        """Finish with an error object, as WordPress's REST API does, where the client is no browser."""
        if self._key is None and "text/html" not in self.request.headers.get("Accept", ""):
            self.set_status(status)
            self.finish({"code": code, "message": message})
        else:
            super().show_error(status, code, message, language)
