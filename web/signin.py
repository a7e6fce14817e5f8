"""Who may open the bridge's own pages: whoever holds the link that `serve` prints at start.

The link works once, and makes a session that ends with the browser's or the bridge's.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Any

from tornado.web import RequestHandler

COOKIE = "zoombridge"


class SignInLink:
    """A token that opens the pages once."""

    def __init__(self) -> None:
        self._token: str | None = secrets.token_urlsafe(24)

    @property
    def path(self) -> str:
        """The path to open; empty once it was used."""
        return f"/signin?token={self._token}" if self._token else ""

    def use(self, token: str) -> bool:
        """Tell whether this is the token, and never accept it again."""
        if self._token is None or not hmac.compare_digest(self._token.encode(), token.encode()):
            return False
        self._token = None
        return True


class SignInHandler(RequestHandler):
    """`GET /signin`: takes the link, or tells where to find it."""

    def initialize(self, link: SignInLink, render: Any) -> None:
        """Take what it works with."""
        self._link = link
        self._render = render

    def get(self) -> None:
        """Open a session for the right token."""
        self.set_header("Cache-Control", "no-store")
        self.set_header("Referrer-Policy", "no-referrer")
        token = self.get_query_argument("token", "")
        if token and self._link.use(token):
            self.set_signed_cookie(
                COOKIE,
                "signed in",
                expires_days=None,
                httponly=True,
                samesite="Lax",
                secure=self.request.protocol == "https",
            )
            self.redirect("/")
            return
        self.set_status(403 if token else 401)
        self.finish(self._render(self, used=bool(token)))


def is_signed_in(handler: RequestHandler) -> bool:
    """Whether the browser holds a session."""
    return handler.get_signed_cookie(COOKIE, max_age_days=7) == b"signed in"
