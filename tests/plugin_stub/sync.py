"""A small client of the sync protocol, as docs/sync.md specifies it, by its own code: it signs, sends and verifies."""

import base64
import gzip
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests

from tests.plugin_stub.bridge_double import KEY, SITE
from tests.wordpress import WordPress

MARK = b"\n#zb2:"
REFUSED = b'{"code":"zoombridge_sync_refused"}'


def derive(pairing_key: str, purpose: str) -> bytes:
    """Return one of the keys: HKDF-SHA256 without salt, whose first block is the whole of 32 bytes."""
    extracted = hmac.digest(bytes(32), pairing_key.encode(), "sha256")
    return hmac.digest(extracted, f"zoombridge {purpose}".encode() + b"\x01", "sha256")


def sign(key: bytes, *lines: str) -> str:
    return hmac.new(key, "\n".join(lines).encode(), hashlib.sha256).hexdigest()


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def home_hash(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()


def envelope(
    site_home: str, inner: bytes, *, key: str = KEY, enc: str = "gz", seal: str | None = None, **given: Any
) -> dict[str, Any]:
    """Return a signed envelope. `given` replaces fields before it is signed, `seal` the first line of what is signed."""
    fields: dict[str, Any] = {
        "zb": 2,
        "site": SITE,
        "home": home_hash(site_home),
        "t": int(time.time()),
        "n": secrets.token_hex(16),
        "epoch": 1,
        "enc": enc,
        "d": encode(gzip.compress(inner) if enc == "gz" else inner),
    } | given
    names = ("site", "home", "t", "n", "epoch", "enc")
    lines = [seal or f"zb{fields['zb']}-door", *(str(fields[name]) for name in names)]
    lines.append(hashlib.sha256(fields["d"].encode()).hexdigest())
    return fields | {"sig": sign(derive(key, "bridge>site"), *lines)}


@dataclass(frozen=True)
class Answer:
    """A verified answer, and the response that held it."""

    response: requests.Response
    inner: Mapping[str, Any]
    time: int

    @property
    def error(self) -> str | None:
        """The code of the error of the whole message."""
        error: dict[str, Any] | None = self.inner["error"]
        return error["code"] if error else None

    @property
    def results(self) -> list[dict[str, Any]]:
        """The results of the operations."""
        results: list[dict[str, Any]] = self.inner["results"]
        return results

    @property
    def result(self) -> dict[str, Any]:
        """The result of the only operation."""
        [result] = self.results
        return result

    @property
    def codes(self) -> list[str]:
        """For each operation `ok` or the code of its fault."""
        return ["ok" if result["ok"] else result["code"] for result in self.results]


def verify(response: requests.Response, nonce: str, key: str = KEY) -> Answer:
    """Return the answer that ends a response."""
    assert MARK in response.content, (response.status_code, response.text[:2000])
    line = response.content.rsplit(MARK, 1)[1]
    assert line.endswith(b"\n"), line
    assert b"\n" not in line[:-1]
    outer = json.loads(line)
    assert set(outer) == {"n", "t", "stub", "d", "sig"}
    expected = sign(
        derive(key, "answers"),
        "zb2-answer",
        nonce,
        str(outer["t"]),
        hashlib.sha256(outer["d"].encode()).hexdigest(),
    )
    assert (outer["n"], outer["sig"]) == (nonce, expected)
    return Answer(response, json.loads(decode(outer["d"])), outer["t"])


@dataclass
class SyncClient:
    """Sends operations to a paired site."""

    site: WordPress
    key: str = KEY
    name: str = SITE
    epoch: int = 1
    path: str = "/wp-json/zoombridge/v1/sync"
    seq: int = field(default=0)

    def post(self, body: bytes | Mapping[str, Any], **options: Any) -> requests.Response:
        """Send a body, or an envelope as JSON, to the site."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} | options.pop("headers", {})
        return requests.post(
            self.site.url + self.path,
            data=data,
            headers=headers,
            timeout=600,
            allow_redirects=False,
            **options,
        )

    def envelope(
        self, *operations: dict[str, Any], message: Mapping[str, Any] | None = None, **given: Any
    ) -> dict[str, Any]:
        """Return a signed envelope with operations, which get their indexes."""
        numbered = [{"i": index, **operation} for index, operation in enumerate(operations)]
        inner = {"quiet": False, "budget_ms": 20000, "ack": [], "operations": numbered} | dict(message or {})
        signed: dict[str, Any] = {"epoch": self.epoch, "key": self.key, "site": self.name} | given
        return envelope(self.home, json.dumps(inner).encode(), **signed)

    def send(
        self, *operations: dict[str, Any], message: Mapping[str, Any] | None = None, **given: Any
    ) -> Answer:
        """Send operations and return the verified answer."""
        signed = self.envelope(*operations, message=message, **given)
        return verify(self.post(signed), signed["n"], self.key)

    @property
    def home(self) -> str:
        """The site's normalized address."""
        parts = urlsplit(self.site.url)
        return f"{parts.scheme}://{parts.netloc}"

    def next(self) -> int:
        """Return the next number of an operation."""
        self.seq += 1
        return self.seq

    def write(self, number: str, post: int | None = None, **given: Any) -> dict[str, Any]:
        """Return the operation that writes a post, or creates it."""
        target = {} if post is None else {"post": post}
        return {"op": "write", "seq": self.next(), "number": number} | target | given

    def target(self, name: str, number: str, post: int, **given: Any) -> dict[str, Any]:
        """Return an operation on a post: trash, restore or delete."""
        return {"op": name, "seq": self.next(), "number": number, "post": post} | given


def quick_edit(
    sync: SyncClient, session: requests.Session, fields: dict[str, str], post: int, title: str, **given: Any
) -> requests.Response:
    """Send quick edit's form of a list, with a title."""
    form = {
        "action": "inline-save",
        "post_type": "zoom-meetings",
        "post_ID": post,
        "screen": "edit-zoom-meetings",
        "post_view": "list",
        "post_title": title,
        "_status": "publish",
        "post_author": 1,
        **dict(zip(("aa", "mm", "jj", "hh", "mn", "ss"), (2026, "03", "02", 10, 0, 0), strict=True)),
    }
    address = f"{sync.site.url}/wp-admin/admin-ajax.php"
    return session.post(address, data=form | fields | given, timeout=600)
