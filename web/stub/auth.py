"""Verify the requests of the plugin, read their context, and sign the answers."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from core import __version__, messages
from core.errors import (
    BadRequestError,
    ReplayedRequestError,
    SignatureError,
    StoreUnavailableError,
    UnknownSiteError,
    WrongSignatureError,
)
from core.sites.plugin_reports import welcome_back
from core.storable import storable
from core.store import audit
from core.store.audit import Actor, ActorKind
from core.store.sites import sites, stub_requests
from core.wordpress import signing
from web.http.client_address import client_address
from web.http.handler import Handler

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Executor

    from tornado.httputil import HTTPServerRequest
    from tornado.web import RequestHandler

    from core.store.db.engine import Store

logger = structlog.get_logger(__name__)

_CACHE_SECONDS = 5
_USED_MS = (
    2 * signing.WINDOW_SECONDS * 1000
)  # a plugin's clock may be ahead by the window, and so valid for two
_HIGHEST_ASSETS = 9_999  # the highest version of style and script that may be
_REFUSALS = {
    UnknownSiteError: (404, "zoombridge_unknown_site"),
    SignatureError: (401, "zoombridge_signature"),
    ReplayedRequestError: (409, "zoombridge_replayed"),
    BadRequestError: (400, "zoombridge_bad_request"),
    StoreUnavailableError: (503, "zoombridge_unavailable"),
}
REFUSALS = tuple(_REFUSALS)


@dataclass(frozen=True, slots=True)
class StubRequest:
    """What the plugin signs of a request. `headers` have lower-case names."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @classmethod
    def of(cls, request: HTTPServerRequest) -> StubRequest:
        """Return what may be signed of a request as Tornado has it."""
        headers = {name.lower(): value for name, value in request.headers.get_all()}
        return cls(request.method or "", request.uri or "", headers, request.body)

    @property
    def site_id(self) -> str:
        """The site whose plugin the request claims to come from; empty where it names none."""
        return self.headers.get(signing.SITE_HEADER, "")

    @property
    def has_id(self) -> bool:
        """Whether its signature covers a random id, so that no other request has the same; plugin 0.1.0 sends none."""
        try:
            return bool(json.loads(base64.b64decode(self.headers.get(signing.CONTEXT_HEADER, "")))["request"])
        except (ValueError, LookupError, TypeError, RecursionError):
            return False

    def verify(self, key: str, *, now: float | None) -> None:
        """Verify the signature; without `now` whatever its timestamp. Raises: SignatureError."""
        signing.verify_request(
            key, self.headers, method=self.method, target=self.target, body=self.body, now=now
        )


@dataclass(slots=True)
class StubKeys:
    """The keys of the sites, which their plugins sign with; cached for 5 s. Used by one event loop.

    During a rotation a site has two: the plugin may use the next one already. `executor` reads keys of sites that are
    known here, `strangers` for requests that are probably forged: no known site sent them, or none of its keys fits.
    """

    store: Store
    executor: Executor
    strangers: Executor
    _cache: dict[str, tuple[tuple[str, ...], float]] = field(default_factory=dict)

    def has_key(self, site_id: str) -> bool:
        """Whether the keys of a site are cached."""
        cached = self._cache.get(site_id)
        return cached is not None and time.monotonic() - cached[1] < _CACHE_SECONDS

    def load_keys(self, site_id: str) -> tuple[str, ...]:
        """Read the keys of a site into the cache. Blocks. Raises: UnknownSiteError, StoreUnavailableError."""
        with self.store.reading() as connection:
            site = sites.load(connection, site_id, self.store.sealer)
        keys = (site.key, site.next_key) if site.next_key else (site.key,)
        self._cache[site_id] = (keys, time.monotonic())
        return keys

    def verify_cached(self, request: StubRequest, *, now: float | None) -> str | None:
        """Return the key that signed a request, where that is a cached one. Does not block."""
        if not self.has_key(request.site_id):
            return None
        try:
            return _signing_key(self._cache[request.site_id][0], request, now=now)
        except SignatureError:
            return (
                None  # the site may have been paired again since: its key must be read before it is refused
            )

    async def verify(self, request: StubRequest, *, now: float | None) -> str:
        """Return the key that signed a request, read from the store where the cached one does not fit.

        Raises: UnknownSiteError, SignatureError, StoreUnavailableError.
        """
        loop = asyncio.get_running_loop()
        site_id = request.site_id
        if site_id in self._cache and not self.has_key(site_id):
            await loop.run_in_executor(self.executor, self.load_keys, site_id)
        key = self.verify_cached(request, now=now)
        if key is None:
            key = await loop.run_in_executor(self.strangers, lambda: self.verify_stored(request, now=now))
        return key

    def verify_stored(self, request: StubRequest, *, now: float | None) -> str:
        """Return the key that signed a request, as the keys are stored. Blocks.

        Raises: UnknownSiteError, SignatureError, StoreUnavailableError.
        """
        return _signing_key(self.load_keys(request.site_id), request, now=now)

    async def use(self, request: StubRequest, *, changes_nothing: bool = False) -> None:
        """Note that a verified request is used, in every process of the database. Raises: ReplayedRequestError.

        Without an id, two requests of one second are alike: then only what may change something is noted, which a `GET`
        does not, nor what `changes_nothing`. While nothing can be noted, a `GET` is answered all the same: with a full
        disk, pages still show what is wrong. Raises: StoreUnavailableError, for any other.
        """
        if (request.method == "GET" or changes_nothing) and not request.has_id:
            return
        try:
            await asyncio.get_running_loop().run_in_executor(self.executor, self._use, request)
        except StoreUnavailableError as error:
            if request.method != "GET":
                raise
            logger.warning("use_not_noted", site=request.site_id, reason=str(error))

    def _use(self, request: StubRequest) -> None:
        now = int(time.time() * 1000)
        signature = request.headers.get(signing.SIGNATURE_HEADER, "")
        use = partial(
            stub_requests.use, site_id=request.site_id, signature=signature, until=now + _USED_MS, now=now
        )
        if not self.store.write(use):
            raise ReplayedRequestError(messages.PLUGIN_REQUEST_REPLAYED)


def _signing_key(keys: tuple[str, ...], request: StubRequest, *, now: float | None) -> str:
    """Return the key that signed a request. Raises: SignatureError, the one of the last key."""
    for key in keys[:-1]:
        with contextlib.suppress(WrongSignatureError):
            request.verify(key, now=now)
            return key
    request.verify(keys[-1], now=now)
    return keys[-1]


@dataclass(frozen=True, slots=True)
class Context:
    """Where in wp-admin a page is embedded, and for which user: see docs/stub.md.

    `assets`: the version of the plugin's style and script for pages; 0: it has none.
    """

    page: str
    parameter: str
    nonce_name: str
    nonce_value: str
    locale: str
    user: str
    assets: int = 0

    @classmethod
    def from_header(cls, value: str) -> Context:
        """Read the header `X-Zoombridge-Context`. Raises: BadRequestError."""
        try:
            given = storable(json.loads(base64.b64decode(value, validate=True)))
            return cls(
                page=_web_url(given["page"]),
                parameter=str(given["parameter"]),
                nonce_name=str(given["nonce"]["name"]),
                nonce_value=str(given["nonce"]["value"]),
                locale=str(given.get("locale", "en_US")),
                user=str(given.get("user", {}).get("login", "")),
                assets=_assets(given.get("assets")),
            )
        except (binascii.Error, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise BadRequestError(messages.PLUGIN_CONTEXT_INVALID) from error


class HelloHandler(Handler):
    """`GET /stub/hello`: lets the plugin check that the bridge is there and knows it. It ends a goodbye."""

    def initialize(self, keys: StubKeys) -> None:
        self._keys = keys

    async def get(self) -> None:
        """Answer a signed request with a signed answer, any other with what is wrong."""
        audit.act(Actor(ActorKind.PLUGIN, address=client_address(self.request)))
        try:
            request = StubRequest.of(self.request)
            key = await self._keys.verify(request, now=time.time())
            await self._keys.use(request)
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._keys.executor, welcome_back, self._keys.store, request.site_id)
        except REFUSALS as error:
            refuse_unsigned(self, error)
        else:
            answer_signed(self, key, 200, {"code": "zoombridge_hello", "message": "", "version": __version__})


def refusal(error: Exception) -> tuple[int, str]:
    """Return the HTTP status and the code for the plugin that say why a request was refused: one of `REFUSALS`."""
    return next(answer for kind, answer in _REFUSALS.items() if isinstance(error, kind))


def refuse_unsigned(handler: RequestHandler, error: Exception) -> None:
    """Answer a request that failed verification with the reason: one of `REFUSALS`. No key is known to sign with."""
    status, code = refusal(error)
    handler.set_status(status)
    handler.write({"code": code, "message": str(error)})


def answer_signed(handler: RequestHandler, key: str, status: int, document: Mapping[str, Any]) -> None:
    """Answer the plugin with JSON, signed so that it knows whose answer it is."""
    body = json.dumps(dict(document)).encode()
    handler.set_status(status)
    handler.set_header("Content-Type", "application/json; charset=utf-8")
    sign_answer(handler, key, status, "", body)
    handler.write(body)


def sign_answer(handler: RequestHandler, key: str, status: int, location: str, body: bytes) -> None:
    """Add the signature of an answer to its headers."""
    given = handler.request.headers.get(signing.SIGNATURE_HEADER, "")
    signature = signing.sign_answer(key, request_signature=given, status=status, location=location, body=body)
    handler.set_header(signing.ANSWER_HEADER, signature)


def _assets(value: Any) -> int:
    """Return a version of style and script; 0 for what is none."""
    return value if type(value) is int and 0 <= value <= _HIGHEST_ASSETS else 0


def _web_url(value: Any) -> str:
    """Return a URL for links, which may only be of the web. Raises: ValueError."""
    if not isinstance(value, str) or not value.startswith(("https://", "http://")):
        raise ValueError("not an address")
    return value
