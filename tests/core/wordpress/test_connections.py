"""Connections to where others lead: over real sockets, to servers that a test controls."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
import tracemalloc
import zlib
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from core.errors import Fault, SiteFaultError
from core.wordpress import connections, transport
from core.wordpress.addresses import Access, servers_of
from core.wordpress.connections import LARGEST_ANSWER, allow_networks
from core.wordpress.sync_client import SyncClient
from tests.core.wordpress.raw_server import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from core.wordpress.faults import SiteResponse

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
MEGABYTE = 1_000_000


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """The addresses of names: those of the first time they are asked for, of the second, and so on."""
    known: dict[str, list[list[str]]] = {}
    resolve = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *arguments: int, **options: int) -> list[object]:
        found = known[host].pop(0) if host in known else [host]
        return [one for address in found for one in resolve(address, port, *arguments, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known


def get(url: str, access: Access | None = None, **options: object) -> SiteResponse:
    with transport.session(access=access) as over:
        for name, value in options.items():
            setattr(over, name, value)
        return transport.send(over, "GET", url)


def outcome(url: str) -> bytes | Fault:
    try:
        return get(url).body
    except SiteFaultError as error:
        return error.fault


def failure(url: str, access: Access | None = None, **options: object) -> SiteFaultError:
    with pytest.raises(SiteFaultError) as caught:
        get(url, access, **options)
    return caught.value


@pytest.mark.usefixtures("nothing_allowed")
class TestRefused:
    def test_no_connection_is_made(self) -> None:
        with Server(lambda: iter([OK])) as server:
            for host in ("127.0.0.1", "localhost", "127.1", "0x7f.1", "[::ffff:127.0.0.1]", "0.0.0.0"):
                failure(f"http://{host}:{server.port}/")
            assert server.connected == 0
            assert (
                get(
                    f"http://127.0.0.1:{server.port}/",
                    Access(servers_of([f"http://127.0.0.1:{server.port}"])),
                ).body
                == b"ok"
            )

    def test_metadata_stays_refused_where_all_is_allowed(self, names: dict[str, list[list[str]]]) -> None:
        allow_networks(("0.0.0.0/0", "::/0"))
        names["example.org"] = [["169.254.169.254"]]
        access = Access(servers_of(["http://example.org"]))
        assert failure("http://example.org/", access).evidence == "NameResolutionError"

    def test_open_closed_unknown_and_metadata_are_told_alike(self, names: dict[str, list[list[str]]]) -> None:
        with Server(lambda: iter([OK])) as server, socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            names["metadata.example"] = [["169.254.169.254"]]
            addresses = (
                f"http://127.0.0.1:{server.port}/",
                f"https://127.0.0.1:{server.port}/",
                f"http://127.0.0.1:{closed.getsockname()[1]}/",
                "http://10.255.255.1/",
                "http://169.254.169.254/latest/",
                "http://metadata.example/",
                "http://no-such-site.invalid/",
            )
            faults = [failure(address) for address in addresses]
        told = {(str(one), one.fault, one.evidence, one.reason, one.status, one.unsure) for one in faults}
        assert len(told) == 1

    def test_by_way_of_a_proxy_too(self) -> None:
        with Server(lambda: iter([OK])) as proxy:
            through = {"http": f"http://127.0.0.1:{proxy.port}"}
            failure("http://127.0.0.1/", proxies=through)
            failure("http://169.254.169.254/", proxies=through)
            assert proxy.connected == 0
            assert get("http://example.org/", proxies=through).body == b"ok"  # the proxy resolves the name


class TestResolution:
    def test_each_request_goes_through_the_proxy_of_the_environment_unless_its_host_is_excepted(
        self, names: dict[str, list[list[str]]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with Server(lambda: iter([OK])) as proxy, Server(lambda: iter([OK])) as own:
            names["own.example"] = [["127.0.0.1"]]
            monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
            monkeypatch.setenv("NO_PROXY", "own.example")
            with transport.session() as over:
                for url in (
                    "http://example.org/a",
                    f"http://own.example:{own.port}/",
                    "http://example.org/b",
                ):
                    assert transport.send(over, "GET", url).body == b"ok"
            assert (proxy.connected, own.connected) == (2, 1)

    def test_a_name_is_resolved_once_a_connection(self, names: dict[str, list[list[str]]]) -> None:
        names["example.org"] = [["127.0.0.1"], ["169.254.169.254"]]
        with Server(lambda: iter([OK])) as server:
            assert outcome(f"http://example.org:{server.port}/") == b"ok"
            assert names["example.org"] == [["169.254.169.254"]]
            assert isinstance(outcome(f"http://example.org:{server.port}/"), Fault)
            assert server.connected == 1
            assert f"Host: example.org:{server.port}".encode() in server.requests[0]

    def test_addresses_that_are_not_allowed_are_left_out(
        self, names: dict[str, list[list[str]]], nothing_allowed: None
    ) -> None:
        allow_networks(("127.0.0.2/32",))
        names["example.org"] = [["127.0.0.1", "127.0.0.2"]]
        with Server(lambda: iter([OK])) as server:
            assert outcome(f"http://example.org:{server.port}/") is Fault.NETWORK
            assert server.connected == 0

    def test_the_next_address_is_tried(self, names: dict[str, list[list[str]]]) -> None:
        names["example.org"] = [["127.0.0.2", "127.0.0.1"]]
        with Server(lambda: iter([OK])) as server:
            assert get(f"http://example.org:{server.port}/").body == b"ok"

    def test_tls_is_verified_by_the_name(
        self, names: dict[str, list[list[str]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = certificate(tmp_path, "site.example")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        asked: list[str | None] = []
        context.sni_callback = lambda _socket, name, _context: asked.append(name)
        names["site.example"] = names["other.example"] = [["127.0.0.1"]] * 2
        with Server(lambda: iter([OK]), context) as server:
            assert get(f"https://site.example:{server.port}/").body == b"ok"
            fault = failure(f"https://other.example:{server.port}/")
        assert (fault.fault, asked) == (Fault.TLS, ["site.example", "other.example"])


def certificate(folder: Path, name: str) -> Path:
    """Write a certificate that signs itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    file.write_bytes(
        built.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return file


class TestPacked:
    @pytest.mark.parametrize(
        ("encoding", "bits"), [("gzip", 31), ("GZIP", 31), ("x-gzip", 31), ("deflate", 15), ("deflate", -15)]
    )
    def test_bodies_are_unpacked(self, encoding: str, bits: int) -> None:
        packer = zlib.compressobj(9, zlib.DEFLATED, bits)
        packed = packer.compress(b"hello " * 50_000) + packer.flush()
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(packed)}\r\n\r\n"
        with Server(lambda: iter([head.encode(), packed])) as server:
            assert get(f"http://127.0.0.1:{server.port}/").body == b"hello " * 50_000

    def test_what_is_not_packed_as_it_says_is_a_fault(self) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain"
        with Server(lambda: iter([head])) as server:
            assert failure(f"http://127.0.0.1:{server.port}/").fault is Fault.NETWORK


def test_a_head_over_the_limit_is_refused() -> None:
    head = b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: " % one + b"x" * 20_000 + b"\r\n" for one in range(4))
    with Server(lambda: iter([head + b"Content-Length: 2\r\n\r\nok"])) as server:
        assert outcome(f"http://127.0.0.1:{server.port}/") is Fault.NETWORK


def endless(head: bytes, piece: bytes) -> Callable[[], Iterator[bytes]]:
    """Return an answer that does not end by itself; a client that reads all of it fills the machine's memory."""

    def answer() -> Iterator[bytes]:
        yield head
        for _ in range(100 * MEGABYTE // len(piece)):
            yield piece

    return answer


def _bomb() -> Iterator[bytes]:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    yield b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"
    for _ in range(200):
        yield packer.compress(bytes(MEGABYTE))


def _whole(body: bytes, status: bytes = b"200 OK") -> Callable[[], Iterator[bytes]]:
    return lambda: iter([b"HTTP/1.1 " + status + b"\r\nContent-Length: %d\r\n\r\n" % len(body), body])


_FULL = LARGEST_ANSWER - 100
HOSTILE = {
    "endless body": endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65_536),
    "bomb": _bomb,
    "endless head": endless(b"HTTP/1.1 200 OK\r\n", b"X-Header: " + b"x" * 60_000 + b"\r\n"),
    "endless line of the head": endless(b"HTTP/1.1 200 OK\r\nX-Header: ", b"x" * 65_536),
    "endless continues": endless(b"", b"HTTP/1.1 100 Continue\r\nX-Header: y\r\n\r\n" * 1000),
    "endless size of a chunk": endless(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0" * 65_536
    ),
    "endless trailers": endless(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        b"X-Trailer: " + b"y" * 10_000 + b"\r\n",
    ),
    "endless body of a redirect": endless(b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", b"x" * 65_536),
    "nested": _whole(b"[" * _FULL),
    "many objects": _whole(b'{"code":"x","data":[' + b"[]," * (_FULL // 3) + b"0]}", b"500 Error"),
    "many marks": _whole(b"\n#zb2:{}" * (_FULL // 8)),
    "large answer": _whole(b'#zb2:{"n":"' + b"0" * 32 + b'","d":"' + b"A" * (_FULL - 200) + b'","sig":"x"}'),
    "large rest": _whole(b'#zb2:{"d":"","x":[' + b"[]," * (_FULL // 3 - 20) + b"0]}"),
    "large page": _whole(b"<script " * (_FULL // 8)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_answer_costs_at_most_20_mb(name: str) -> None:
    with Server(HOSTILE[name]) as server:
        url = f"http://127.0.0.1:{server.port}"
        with SyncClient(
            f"{url}/wp-json/", url, site="s1", key="5e" * 32, epoch=1, pause=lambda _: None
        ) as client:
            tracemalloc.start()
            try:
                with pytest.raises(SiteFaultError):
                    client.hello()
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
        assert server.connected > 0
    assert peak < 20 * MEGABYTE


@pytest.mark.parametrize("piece", [b"X", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_a_head_that_drips_is_cut_off(piece: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "WHOLE_SECONDS", 0.5)
    stop = threading.Event()

    def drip() -> Iterator[bytes]:
        yield piece
        for _ in range(1000):
            if stop.wait(0.01):
                return
            yield piece[-1:] if piece[-1:] != b"\n" else piece

    with Server(drip) as server:
        fault = failure(f"http://127.0.0.1:{server.port}/")
        stop.set()
    assert (fault.fault, "too long" in str(fault)) == (Fault.NETWORK, True)
