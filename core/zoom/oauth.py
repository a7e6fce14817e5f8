"""Tokens of a Server-to-Server OAuth app: asked for with the account's credentials, kept until they end.

https://developers.zoom.us/docs/internal-apps/s2s-oauth/
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from core.errors import ZoomCredentialsError, ZoomRestError, ZoomUnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

OAUTH_URL = "https://zoom.us/oauth/token"
API_URL = "https://api.zoom.us"
# Asked for anew so long before the old one ends, so that none ends on its way.
_EARLY_SECONDS = 120
_TIMEOUT = (5.0, 20.0)
_BAD_REQUEST, _UNAUTHORIZED = 400, 401


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the app's page in the Zoom App Marketplace shows of it. `oauth_url` is another only in tests."""

    account_id: str
    client_id: str
    client_secret: str = field(repr=False)
    oauth_url: str = OAUTH_URL


@dataclass(frozen=True, slots=True)
class Token:
    """A token, until when it is good (ms since 1970, UTC), where to use it, and what for (as Zoom names scopes)."""

    value: str = field(repr=False)
    expires_at: int
    api_url: str
    scopes: tuple[str, ...]


class TokenKeeper(Protocol):
    """Where the account's one token is kept for everybody who uses it: a new one may end the one before."""

    def kept(self) -> Token | None:
        """Return the token that is kept."""

    def keep(self, token: Token) -> None:
        """Keep another."""


class Memory:
    """Keeps a token for this process alone."""

    def __init__(self) -> None:
        self._token: Token | None = None

    def kept(self) -> Token | None:
        """Return the token that is kept."""
        return self._token

    def keep(self, token: Token) -> None:
        """Keep another."""
        self._token = token


class Tokens:
    """Gives the token to use now. One thread at a time asks Zoom for a new one, and the others wait for it."""

    def __init__(
        self,
        session: requests.Session,
        credentials: Credentials,
        keeper: TokenKeeper,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._session = session
        self._credentials = credentials
        self._keeper = keeper
        self._clock = clock
        self._guard = threading.Lock()
        self._last: Token | None = (
            None  # given last: where another process has got a new one, Zoom refuses this
        )

    def current(self) -> Token:
        """Return a token that is good for a while. Raises `ZoomRestError`."""
        with self._guard:
            if self._last is None or not self._is_good(self._last):
                kept = self._keeper.kept()
                self._last = kept if kept is not None and self._is_good(kept) else self._renew()
            return self._last

    def after(self, refused: Token) -> Token:
        """Return another token than one that Zoom has just refused. Raises `ZoomRestError`."""
        with self._guard:
            kept = self._keeper.kept()
            # Somebody else may have got a new one meanwhile, which is what ended the refused one.
            self._last = kept if kept is not None and kept.value != refused.value else self._renew()
            return self._last

    def _is_good(self, token: Token) -> bool:
        return token.expires_at > (self._clock() + _EARLY_SECONDS) * 1000

    def _renew(self) -> Token:
        token = request_token(self._session, self._credentials, now=self._clock())
        self._keeper.keep(token)
        return token


def request_token(session: requests.Session, credentials: Credentials, *, now: float) -> Token:
    """Ask Zoom for a token; `now` is in seconds since 1970.

    Raises `ZoomCredentialsError` where the credentials are wrong, `ZoomUnreachableError` where Zoom does not answer.
    """
    try:
        answer = session.post(
            credentials.oauth_url,
            data={"grant_type": "account_credentials", "account_id": credentials.account_id},
            auth=(credentials.client_id, credentials.client_secret),
            timeout=_TIMEOUT,
            allow_redirects=False,
        )
        document = answer.json() if answer.content else {}
    except ValueError as error:
        raise ZoomUnreachableError(
            f"Zoom did not answer the request for a token as it should (status {answer.status_code}). The bridge "
            "tries again by itself; status.zoom.us tells whether Zoom has trouble.",
            status=answer.status_code,
        ) from error
    except OSError as error:
        raise ZoomUnreachableError(
            f"Zoom cannot be reached at {urlsplit(credentials.oauth_url).hostname}. The bridge tries again by "
            "itself. Check that its machine may connect to the internet."
        ) from error
    if answer.status_code in (_BAD_REQUEST, _UNAUTHORIZED):
        said = (
            str(document.get("reason") or document.get("error") or "")[:200]
            if isinstance(document, dict)
            else ""
        )
        raise ZoomCredentialsError(
            f"Zoom does not take these credentials ({said or answer.status_code}). Copy account id, client id and "
            "client secret again from your Server-to-Server OAuth app in the Zoom App Marketplace (App Credentials), "
            "and look under Activation whether the app is active.",
            status=answer.status_code,
        )
    if answer.status_code != 200 or not isinstance(document, dict):  # noqa: PLR2004 - OK
        raise ZoomUnreachableError(
            f"Zoom gave no token (status {answer.status_code}). The bridge tries again by itself.",
            status=answer.status_code,
        )
    try:
        return Token(
            value=str(document["access_token"]),
            expires_at=int((now + int(document["expires_in"])) * 1000),
            api_url=_api_url(document.get("api_url"), credentials.oauth_url),
            scopes=tuple(str(document.get("scope", "")).split()),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ZoomRestError("Zoom's answer to the request for a token is not one.", status=200) from error


def _api_url(told: object, oauth_url: str) -> str:
    """Return where the account's region takes requests; the token goes nowhere but to Zoom."""
    own = urlsplit(oauth_url)
    if isinstance(told, str):
        named = urlsplit(told)
        of_zoom = named.hostname is not None and named.hostname.endswith(
            (".zoom.us", ".zoomgov.com", ".zoom.com")
        )
        if (named.scheme == "https" and of_zoom) or (named.scheme, named.netloc) == (own.scheme, own.netloc):
            return f"{named.scheme}://{named.netloc}"
    return API_URL if oauth_url == OAUTH_URL else f"{own.scheme}://{own.netloc}"
