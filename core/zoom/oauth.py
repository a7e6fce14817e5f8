"""Access tokens of a Server-to-Server OAuth app, requested with the account's credentials and shared until they expire.

https://developers.zoom.us/docs/internal-apps/s2s-oauth/
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from core import messages
from core.errors import ZoomCredentialsError, ZoomRestError, ZoomUnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

OAUTH_URL = "https://zoom.us/oauth/token"
API_URL = "https://api.zoom.us"
# A token is renewed this long before it expires, so that none expires in flight.
_EARLY_SECONDS = 120
_TIMEOUT = (5.0, 20.0)
_BAD_REQUEST, _UNAUTHORIZED = 400, 401


@dataclass(frozen=True, slots=True)
class Credentials:
    """Credentials as shown in the Zoom App Marketplace. `oauth_url` differs only in tests."""

    account_id: str
    client_id: str
    client_secret: str = field(repr=False)
    oauth_url: str = OAUTH_URL


@dataclass(frozen=True, slots=True)
class Token:
    """An access token with its expiry (Unix milliseconds, UTC), API base address and Zoom's scope names."""

    value: str = field(repr=False)
    expires_at: int
    api_url: str
    scopes: tuple[str, ...]


class TokenStore(Protocol):
    """Storage of an account's token, shared by all processes: a new token may invalidate the one before."""

    def load(self) -> Token | None:
        """Return the stored token, or None."""

    def save(self, token: Token) -> None:
        """Store a new token."""


class Tokens:
    """The current token of an account. Thread-safe; one thread at a time requests a new one, others wait for it."""

    def __init__(
        self,
        session: requests.Session,
        credentials: Credentials,
        store: TokenStore,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._session = session
        self._credentials = credentials
        self._store = store
        self._clock = clock
        self._guard = threading.Lock()
        self._last: Token | None = (
            None  # given last: where another process has got a new one, Zoom refuses this
        )

    def current(self) -> Token:
        """Return a token that does not expire soon. Raises: ZoomRestError."""
        with self._guard:
            if self._last is None or not self._is_good(self._last):
                stored = self._store.load()
                self._last = stored if stored is not None and self._is_good(stored) else self._renew()
            return self._last

    def after(self, refused: Token) -> Token:
        """Return another token than `refused`, which Zoom has rejected. Raises: ZoomRestError."""
        with self._guard:
            stored = self._store.load()
            # Another process may have requested a new one, which invalidated the refused one.
            self._last = stored if stored is not None and stored.value != refused.value else self._renew()
            return self._last

    def _is_good(self, token: Token) -> bool:
        return token.expires_at > (self._clock() + _EARLY_SECONDS) * 1000

    def _renew(self) -> Token:
        token = request_token(self._session, self._credentials, now=self._clock())
        self._store.save(token)
        return token


def request_token(session: requests.Session, credentials: Credentials, *, now: float) -> Token:
    """Request a token from Zoom; `now` is in Unix seconds.

    Raises: ZoomCredentialsError for wrong credentials, ZoomUnreachableError where Zoom does not answer.
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
            messages.ZOOM_TOKEN_UNREADABLE % {"status": answer.status_code},
            status=answer.status_code,
        ) from error
    except OSError as error:
        raise ZoomUnreachableError(
            messages.ZOOM_HOST_UNREACHABLE % {"host": urlsplit(credentials.oauth_url).hostname}
        ) from error
    if answer.status_code in (_BAD_REQUEST, _UNAUTHORIZED):
        said = (
            str(document.get("reason") or document.get("error") or "")[:200]
            if isinstance(document, dict)
            else ""
        )
        raise ZoomCredentialsError(
            messages.ZOOM_CREDENTIALS_REJECTED % {"reason": said or answer.status_code},
            status=answer.status_code,
        )
    if answer.status_code != 200 or not isinstance(document, dict):  # noqa: PLR2004 - OK
        raise ZoomUnreachableError(
            messages.ZOOM_NO_TOKEN % {"status": answer.status_code},
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
        raise ZoomRestError(messages.ZOOM_TOKEN_INVALID, status=200) from error


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
