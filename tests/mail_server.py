"""A mail server for tests: it takes messages as RFC 5321 says, encrypted as RFC 3207 and with a sign-in as RFC 4954 do.

It claims no extension that it was not told to offer, and answers commands out of their order with 503.
"""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
import re
import socketserver
import ssl
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from pathlib import Path

_LONGEST_LINE = 1000  # with its end: RFC 5321, 4.5.3.1.6


@dataclass
class Received:
    """A message as it came: its envelope, its bytes, whether it was encrypted on its way, and who had signed in."""

    sender: str
    recipients: list[str]
    body: bytes
    is_encrypted: bool
    username: str


@dataclass
class MailServer:
    """The server, and what it offers. `replies` are answers in place of its own, by command."""

    starttls: ssl.SSLContext | None = None
    tls: ssl.SSLContext | None = None  # from the beginning
    users: dict[str, str] = field(default_factory=dict)
    replies: dict[str, str] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)  # recipients
    received: list[Received] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> Self:
        server = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                server.connections += 1
                _Session(server, self.request).run()

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])


class _Session:
    def __init__(self, server: MailServer, connection: Any) -> None:
        self._server = server
        self._connection = connection
        self._is_encrypted = False
        self._username = ""
        self._greeted = False
        self._sender: str | None = None
        self._recipients: list[str] = []

    def run(self) -> None:
        try:
            if self._server.tls is not None:
                self._encrypt(self._server.tls)
            self._file = self._connection.makefile("rb")
            self._say("220 mail.example.org ESMTP")
            while line := self._file.readline(_LONGEST_LINE):
                assert line.endswith(b"\r\n"), line
                command, _, rest = line.decode("ascii").strip().partition(" ")
                if not self._answer(command.upper(), rest):
                    return
        except (OSError, ssl.SSLError):
            return
        finally:
            self._connection.close()

    def _answer(self, command: str, rest: str) -> bool:  # noqa: C901 - one case for each command
        if command in self._server.replies:
            self._say(self._server.replies[command])
            return command != "QUIT"
        match command:
            case "EHLO":
                self._greeted = True
                self._say_extensions()
            case "QUIT":
                self._say("221 Bye")
                return False
            case "RSET" | "NOOP":
                self._sender, self._recipients = None, []
                self._say("250 OK")
            case "STARTTLS" if self._server.starttls is not None and not self._is_encrypted:
                self._say("220 Go ahead")
                self._encrypt(self._server.starttls)
                self._file = self._connection.makefile("rb")
                self._greeted = False  # RFC 3207, 4.2: what was known before counts no more
            case "AUTH" if self._offers_login:
                self._log_in(rest)
            case "MAIL" if self._greeted:
                self._mail(rest)
            case "RCPT" if self._sender is not None:
                self._recipient(rest)
            case "DATA" if self._recipients:
                self._data()
            case "MAIL" | "RCPT" | "DATA":
                self._say("503 Bad sequence of commands")
            case _:
                self._say("502 Command not implemented")
        return True

    @property
    def _offers_login(self) -> bool:
        return bool(self._server.users) and self._is_encrypted

    def _say_extensions(self) -> None:
        offered = []
        if self._server.starttls is not None and not self._is_encrypted:
            offered.append("STARTTLS")
        if self._offers_login:
            offered.append("AUTH PLAIN")
        lines = ["mail.example.org", *offered]
        for line in lines[:-1]:
            self._say(f"250-{line}")
        self._say(f"250 {lines[-1]}")

    def _log_in(self, rest: str) -> None:
        kind, _, given = rest.partition(" ")
        if kind != "PLAIN" or not given:
            self._say("504 Unrecognized authentication type")
            return
        _, username, password = base64.b64decode(given).decode().split("\0")
        if self._server.users.get(username) != password:
            self._say("535 Authentication credentials invalid")
            return
        self._username = username
        self._say("235 OK")

    def _mail(self, rest: str) -> None:
        match = re.fullmatch(r"FROM:<([^<>\s]+)>", rest, re.IGNORECASE)  # no parameter: none was offered
        if match is None or (self._server.users and not self._username):
            self._say("530 Authentication required" if match else "501 Syntax error")
            return
        self._sender, self._recipients = match[1], []
        self._say("250 OK")

    def _recipient(self, rest: str) -> None:
        match = re.fullmatch(r"TO:<([^<>\s]+)>", rest, re.IGNORECASE)
        if match is None:
            self._say("501 Syntax error")
        elif match[1] in self._server.unknown:
            self._say("550 No such user here")
        else:
            self._recipients.append(match[1])
            self._say("250 OK")

    def _data(self) -> None:
        assert self._sender is not None
        self._say("354 End data with <CR><LF>.<CR><LF>")
        lines = []
        while (line := self._file.readline(_LONGEST_LINE)) != b".\r\n":
            assert line.endswith(b"\r\n"), "too long, or its end is missing"
            assert line.isascii(), "8BITMIME was not offered"
            lines.append(line.removeprefix(b".") if line.startswith(b".") else line)
        self._server.received.append(
            Received(self._sender, self._recipients, b"".join(lines), self._is_encrypted, self._username)
        )
        self._sender, self._recipients = None, []
        self._say("250 OK")

    def _encrypt(self, context: ssl.SSLContext) -> None:
        self._connection = context.wrap_socket(self._connection, server_side=True)
        self._is_encrypted = True

    def _say(self, line: str) -> None:
        self._connection.sendall(line.encode() + b"\r\n")


def certificates(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return what a server at 127.0.0.1 needs, and what trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A mail server for tests")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = folder / "mail-server.pem"
    file.write_bytes(private + made.public_bytes(pem))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cadata=made.public_bytes(pem).decode())
