"""The way from the Internet to a WordPress, on this machine: host names, TLS, and what web servers in front do.

The bridge and the tests reach it as their HTTP proxy. It takes every name, so that homes can be addresses of the usual
form, without a port, at which the plugin's WordPress does not listen itself.
"""

from __future__ import annotations

import datetime as dt
import http.client
import ipaddress
import re
import ssl
import threading
from base64 import b64encode
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

DOMAIN = "example.test"

_Answer = tuple[int, dict[str, str], bytes]
_TIMEOUT = 600
_USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip
_HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "content-length"}
_FORBIDDEN = b"<html><head><title>403 Forbidden</title></head><body>Forbidden</body></html>"


@dataclass(frozen=True)
class WebServer:
    """What stands in front of a WordPress at a name. Paths and bodies are regular expressions.

    `https`: "offered", or "only", where http leads there; "" where nobody listens. `login`: user and password that it
    asks for, but not for paths that are `open`. `forbidden`: paths that it refuses. `inspects`: bodies that it
    refuses, and all of more than `most_bytes`. `strips`: headers that do not reach WordPress. `leads_to`: where its
    front page redirects.
    """

    https: str = ""
    login: tuple[str, str] | None = None
    open: str = r"(?!)"
    forbidden: str = r"(?!)"
    inspects: bytes = rb"(?!)"
    most_bytes: int = 2**40
    strips: Sequence[str] = ()
    leads_to: str = ""


@dataclass
class Seen:
    """A request as it came: `body` is its length in bytes, `status` what it was answered with."""

    url: str
    method: str
    body: int
    status: int


@dataclass
class Front:
    """Serves names; a context manager that stops it. `folder` is where it puts its certificates."""

    folder: Path
    seen: list[Seen] = field(default_factory=list)
    _at: dict[str, tuple[WebServer, Iterator[str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ca = self.folder / "ca.pem"
        self._context = certificates(self.ca, self.folder / "server.pem")
        front = self

        class Handler(_Handler):
            def front(self) -> Front:
                return front

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(_TIMEOUT)

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs that is to see the Internet in this way."""
        return {
            "HTTP_PROXY": self.url,
            "HTTPS_PROXY": self.url,
            "NO_PROXY": "127.0.0.1,localhost",
            "REQUESTS_CA_BUNDLE": str(self.ca),
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def serve(self, host: str, *origins: str, server: WebServer | None = None) -> None:
        """Serve a name by a WordPress; by several ones in turn."""
        self._at[host] = server or WebServer(), cycle(urlsplit(origin).netloc for origin in origins)

    def close(self, host: str) -> None:
        """Serve a name no longer."""
        self._at.pop(host, None)

    def session(self) -> requests.Session:
        """Return a session of somebody on the Internet."""
        made = requests.Session()
        made.trust_env = False
        made.proxies = {"http": self.url, "https": self.url, "http://127.0.0.1": ""}
        made.verify = str(self.ca)
        return made

    def find(self, host: str) -> tuple[WebServer, str] | None:
        """Return what stands at a name, and where the WordPress behind it listens."""
        found = self._at.get(host)
        return None if found is None else (found[0], next(found[1]))

    def with_tls(self, connection: object) -> ssl.SSLSocket:
        """Return a connection with TLS on it."""
        return self._context.wrap_socket(connection, server_side=True)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    """One connection to the front: of http with whole addresses, or of https in a tunnel."""

    protocol_version = "HTTP/1.1"
    timeout = _TIMEOUT
    tunnel = ""

    def front(self) -> Front:
        raise NotImplementedError

    def do_CONNECT(self) -> None:
        """Be the server at the other end of the tunnel."""
        self.tunnel = self.path.partition(":")[0]
        found = self.front().find(self.tunnel)
        if found is None or not found[0].https:
            self.send_error(502)
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.flush()
        try:
            self.connection = self.front().with_tls(self.connection)
        except ssl.SSLError:
            self.close_connection = True
            return
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)
        self.close_connection = False

    def finish(self) -> None:
        super().finish()
        if self.tunnel:
            self.connection.close()

    def do_GET(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        host = self.tunnel or parts.hostname or ""
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        found = self.front().find(host)
        answer: _Answer = (502, {}, b"") if found is None else self._answer(*found, host, target, body)
        scheme = "https" if self.tunnel else "http"
        self.front().seen.append(Seen(f"{scheme}://{host}{target}", self.command, len(body), answer[0]))
        self._send(*answer)

    def _answer(self, server: WebServer, origin: str, host: str, target: str, body: bytes) -> _Answer:
        if server.https == "only" and not self.tunnel:
            return 301, {"Location": f"https://{host}{target}"}, b""
        if server.leads_to and target == "/" and self.command == "GET":
            return 302, {"Location": server.leads_to}, b""
        return self._refusal(server, target, body) or self._pass_on(server, origin, host, target, body)

    def _refusal(self, server: WebServer, target: str, body: bytes) -> _Answer | None:
        """Return what the server itself answers; None where WordPress does."""
        if server.login and not re.match(server.open, target) and not self._is_let_in(server.login):
            return 401, {"WWW-Authenticate": 'Basic realm="Staging"'}, b"<title>401 Unauthorized</title>"
        if len(body) > server.most_bytes:
            return 413, {"Content-Type": "text/html"}, b"<title>413 Request Entity Too Large</title>"
        if re.match(server.forbidden, target) or re.search(server.inspects, body):
            return 403, {"Content-Type": "text/html"}, _FORBIDDEN
        return None

    def _is_let_in(self, login: tuple[str, str]) -> bool:
        wanted = "Basic " + b64encode(":".join(login).encode()).decode()
        return self.headers.get("Authorization", "") == wanted

    def _pass_on(self, server: WebServer, origin: str, host: str, target: str, body: bytes) -> _Answer:
        left_out = _HOP_BY_HOP | {name.lower() for name in server.strips}
        headers = {name: value for name, value in self.headers.items() if name.lower() not in left_out}
        connection = http.client.HTTPConnection(origin, timeout=_TIMEOUT)
        try:
            sent = body if self.command == "POST" else None
            connection.request(self.command, target, sent, headers | {"Host": host, "Connection": "close"})
            response = connection.getresponse()
            kept = {name: value for name, value in response.getheaders() if name.lower() not in _HOP_BY_HOP}
            return response.status, kept, response.read()
        finally:
            connection.close()

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def certificates(ca: Path, server: Path) -> ssl.SSLContext:
    """Write a certificate authority and the certificate of the server; return what the server needs."""
    ca_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An authority for tests")])
    authority = _certificate(issuer, issuer, ca_key.public_key(), by=ca_key).sign(ca_key, hashes.SHA256())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, DOMAIN)])
    names = [x509.DNSName(name) for name in (DOMAIN, f"*.{DOMAIN}", f"*.moving.{DOMAIN}")]
    names_and_address = [*names, x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    signed = (
        _certificate(subject, issuer, server_key.public_key(), by=ca_key)
        .add_extension(x509.SubjectAlternativeName(names_and_address), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    ca.write_bytes(authority.public_bytes(pem))
    private = server_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    server.write_bytes(private + signed.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server)
    return context


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, *, by: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    """Return a certificate with what RFC 5280 demands, which Python checks from 3.13 on; the issuer's own is an authority."""
    now = dt.datetime.now(dt.UTC)
    is_authority = subject == issuer
    usage = dict.fromkeys(_USAGES, False) | dict.fromkeys(
        ("key_cert_sign", "crl_sign") if is_authority else ("digital_signature",), True
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    )
