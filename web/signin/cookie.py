"""The cookie of a browser that is signed in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from core.store.auth.sessions import LONGEST

if TYPE_CHECKING:
    from tornado.web import RequestHandler

_NAME = "zoombridge"
# A browser takes a cookie of such a name only over https and from this very host: nobody on the way, and no
# neighbour under the same domain, can plant one.
_SECURE_NAME = "__Host-zoombridge"

_START = "/"
# As the stub lets paths through, and nothing that a browser could take for another host.
_PATH = re.compile(r"/(?!/)[\w/.~%?=&+,:;@-]{0,2000}", re.ASCII)
_DOORS = ("/signin", "/signout", "/first", "/password", "/enter", "/link")


def word_of(handler: RequestHandler) -> str:
    """Return what the browser brings; empty where it brings nothing."""
    return handler.get_cookie(_name(handler)) or ""


def give(handler: RequestHandler, word: str) -> None:
    """Have the browser bring this word from now on, where no script can read it.

    With SameSite=Lax it is not sent along with what other sites post.
    """
    handler.set_cookie(
        _name(handler),
        word,
        max_age=LONGEST // 1000,  # it may end sooner: the database knows
        path="/",
        httponly=True,
        samesite="Lax",
        secure=_is_secure(handler),
    )


def take(handler: RequestHandler) -> None:
    """Have the browser forget it."""
    handler.clear_cookie(_name(handler), path="/", secure=_is_secure(handler), httponly=True, samesite="Lax")


def destination(asked: str) -> str:
    """Return the page to go to after signing in: the one asked for, where that is a page of the bridge."""
    path = asked.partition("?")[0]
    if not _PATH.fullmatch(asked) or "/." in path or path.rstrip("/") in _DOORS:
        return _START
    return asked


def _name(handler: RequestHandler) -> str:
    return _SECURE_NAME if _is_secure(handler) else _NAME


def _is_secure(handler: RequestHandler) -> bool:
    return handler.request.protocol == "https"
