"""The cookies of a signed-in browser and of one that has signed in before, and where to redirect after sign-in."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from core.auth import devices
from core.store.auth.one_time_links import LIFETIME, Purpose
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
_SIGN_IN_PATHS = (
    "/signin",
    "/signin/code",
    "/signout",
    "/first",
    "/password",
    "/enter",
    "/enter/confirm",
    "/link",
)


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


def read_device_token(handler: RequestHandler, name: str) -> str:
    """Return the token by which this browser shows that the user of this name has signed in in it; empty without one."""
    return handler.get_cookie(_device_name(handler, name)) or ""


def set_device_token(handler: RequestHandler, name: str, token: str) -> None:
    """Have the browser store such a token. It stays when the user signs out."""
    handler.set_cookie(
        _device_name(handler, name),
        token,
        max_age=devices.LIFETIME // 1000,
        path="/",
        httponly=True,
        samesite="Strict",
        secure=_is_secure(handler),
    )


def read_entry_token(handler: RequestHandler) -> str:
    """Return the token of the link by which this browser has come from wp-admin; empty without one."""
    return handler.get_cookie(_entry_name(handler)) or ""


def set_entry_token(handler: RequestHandler, token: str) -> None:
    """Have the browser keep such a token for as long as it may be used.

    With SameSite=Lax it is sent along where the form that another site posted is redirected to.
    """
    handler.set_cookie(
        _entry_name(handler),
        token,
        max_age=LIFETIME[Purpose.ENTER] // 1000,
        path="/",
        httponly=True,
        samesite="Lax",
        secure=_is_secure(handler),
    )


def redirect_target(requested: str) -> str:
    """Return the path to redirect to after sign-in: the requested one where it is a page of the bridge."""
    path = requested.partition("?")[0]
    if not _PATH.fullmatch(requested) or "/." in path or path.rstrip("/") in _SIGN_IN_PATHS:
        return _START
    return requested


def _name(handler: RequestHandler) -> str:
    return _SECURE_NAME if _is_secure(handler) else _NAME


def _entry_name(handler: RequestHandler) -> str:
    return f"{_name(handler)}-entry"


def _device_name(handler: RequestHandler, name: str) -> str:
    """Return a cookie name for each user: several may share a browser."""
    return f"{_name(handler)}-device-{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def _is_secure(handler: RequestHandler) -> bool:
    return handler.request.protocol == "https"
