"""What the stub asks: who it is, and pages on behalf of an administrator of its site."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tornado.web import RequestHandler

from core.errors import BadRequestError, SignatureError, StoreUnavailableError, UnknownSiteError
from core.store.sites import sites
from core.wordpress import signing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Executor

    from core.store.db.engine import Store

_TRUST_SECONDS = 5


@dataclass(slots=True)
class StubKeys:
    """The keys of the sites, read from the store and kept for a moment."""

    store: Store
    executor: Executor
    _known: dict[str, tuple[str, float]] = field(default_factory=dict)

    async def verified(
        self,
        site_id: str,
        headers: Mapping[str, str],
        *,
        method: str,
        target: str,
        body: bytes,
        now: float | None,
    ) -> str:
        """Return the key of the site, once the request is shown to come from its stub.

        Raises `UnknownSiteError`, `SignatureError` or `StoreUnavailableError`.
        """
        known = self.known(site_id, headers, method=method, target=target, body=body, now=now)
        if known is not None:
            return known
        loop = asyncio.get_running_loop()
        key = await loop.run_in_executor(self.executor, self._read, site_id)
        signing.verify_request(key, headers, method=method, target=target, body=body, now=now)
        self._known[site_id] = (key, time.monotonic())
        return key

    def knows(self, site_id: str) -> bool:
        """Whether the key of a site was read a moment ago."""
        known = self._known.get(site_id)
        return known is not None and time.monotonic() - known[1] < _TRUST_SECONDS

    def look_up(self, site_id: str) -> None:
        """Read the key of a site. Blocks. Raises `UnknownSiteError` or `StoreUnavailableError`."""
        self._known[site_id] = (self._read(site_id), time.monotonic())

    def known(
        self,
        site_id: str,
        headers: Mapping[str, str],
        *,
        method: str,
        target: str,
        body: bytes,
        now: float | None,
    ) -> str | None:
        """Return the key of the site, where what is known already shows the request to come from its stub."""
        known = self._known.get(site_id)
        if known is None or not self.knows(site_id):
            return None
        try:
            signing.verify_request(known[0], headers, method=method, target=target, body=body, now=now)
        except SignatureError:
            return None  # the site may have been paired anew since: look again before saying no
        return known[0]

    def _read(self, site_id: str) -> str:
        with self.store.reading() as connection:
            return sites.load(connection, site_id, self.store.sealer).key


@dataclass(frozen=True, slots=True)
class Context:
    """What the stub tells of where a page stands: see docs/stub.md."""

    page: str
    parameter: str
    nonce_name: str
    nonce_value: str
    locale: str
    user: str

    @classmethod
    def from_header(cls, value: str) -> Context:
        """Read the header `X-Zoombridge-Context`. Raises `BadRequestError`."""
        try:
            given = json.loads(base64.b64decode(value, validate=True))
            return cls(
                page=_address(given["page"]),
                parameter=str(given["parameter"]),
                nonce_name=str(given["nonce"]["name"]),
                nonce_value=str(given["nonce"]["value"]),
                locale=str(given.get("locale", "en_US")),
                user=str(given.get("user", {}).get("login", "")),
            )
        except (binascii.Error, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadRequestError(
                "The plugin's request does not say where the page stands. Install the plugin again from this "
                "version of the bridge: zoombridge plugin"
            ) from error


class HelloHandler(RequestHandler):
    """`GET /stub/hello`: the stub's way to see that the bridge is there and knows it."""

    def initialize(self, keys: StubKeys) -> None:
        """Take what it works with."""
        self._keys = keys

    async def get(self) -> None:
        """Answer a signed request with a signed answer, and any other with what is wrong."""
        headers = {name.lower(): value for name, value in self.request.headers.get_all()}
        site_id = headers.get(signing.SITE_HEADER, "")
        try:
            key = await self._keys.verified(
                site_id, headers, method="GET", target=self.request.uri or "", body=b"", now=time.time()
            )
        except UnknownSiteError as error:
            self._say(404, "zoombridge_unknown_site", str(error))
        except SignatureError as error:
            self._say(401, "zoombridge_signature", str(error))
        except StoreUnavailableError as error:
            self._say(503, "zoombridge_unavailable", str(error))
        else:
            answer_signed(self, key, 200, {"code": "zoombridge_hello", "message": ""})

    def _say(self, status: int, code: str, message: str) -> None:
        self.set_status(status)
        self.write({"code": code, "message": message})


def answer_signed(handler: RequestHandler, key: str, status: int, document: Mapping[str, Any]) -> None:
    """Answer the stub with JSON, signed so that it knows whose answer it is."""
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


def _address(value: Any) -> str:
    """Take only addresses of the web for links: a page must not carry any other."""
    if not isinstance(value, str) or not value.startswith(("https://", "http://")):
        raise ValueError("not an address")
    return value
