"""The session cookie of a signed-in browser, and where to redirect after sign-in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from core.store.auth.sessions import LONGEST

if TYPE_CHECKING:
    from tornado.web import RequestHandler

_NAME = "zoombridge"
# A browser accepts a cookie with this prefix only over https and from this very host: neither an attacker on the
# network nor a neighbour under the same domain can set one. https://www.rfc-editor.org/rfc/rfc6265bis
_SECURE_NAME = "__Host-zoombridge"

_START = "/"
# As the plugin lets paths through, and nothing that a browser could take for another host.
_PATH = re.compile(r"/(?!/)[\w/.~%?=&+,:;@-]{0,2000}", re.ASCII)
_SIGN_IN_PATHS = ("/signin", "/signin/code", "/signout", "/first", "/password", "/enter", "/link")


def read_token(handler: RequestHandler) -> str:
    """Return the session token that the browser sent; empty without one."""
    return handler.get_cookie(_name(handler)) or ""


def set_token(handler: RequestHandler, token: str) -> None:
    """Have the browser store a session token, out of reach of scripts.

    With SameSite=Lax it is not sent along with forms that other sites post.
    """
    handler.set_cookie(
        _name(handler),
        token,
        max_age=LONGEST // 1000,  # the session may end sooner: the database decides
        path="/",
        httponly=True,
        samesite="Lax",
        secure=_is_secure(handler),
    )


def clear_token(handler: RequestHandler) -> None:
    """Have the browser delete its session token."""
    handler.clear_cookie(_name(handler), path="/", secure=_is_secure(handler), httponly=True, samesite="Lax")


def redirect_target(requested: str) -> str:
    """Return the path to redirect to after sign-in: the requested one where it is a page of the bridge."""
    path = requested.partition("?")[0]
    if not _PATH.fullmatch(requested) or "/." in path or path.rstrip("/") in _SIGN_IN_PATHS:
        return _START
    return requested


def _name(handler: RequestHandler) -> str:
    return _SECURE_NAME if _is_secure(handler) else _NAME


def _is_secure(handler: RequestHandler) -> bool:
    return handler.request.protocol == "https"
