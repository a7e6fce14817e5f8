"""The client against answers that a real WordPress cannot be made to give."""

import base64
import socket
import threading
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
import responses
from urllib3.exceptions import ReadTimeoutError

from core.errors import Fault, SiteFaultError
from core.wordpress import connections, transport
from core.wordpress.former_client import WordPressClient
from core.wordpress.responses import ApplicationPassword

ROOT = "https://example.org/wp-json/"
CONNECTION = f"{ROOT}zoombridge/v1/connection"
PASSWORDS = f"{ROOT}wp/v2/users/me/application-passwords"
UUID = "0a1b2c3d-0000-4000-8000-000000000000"
PASSWORD = f"{PASSWORDS}/{UUID}"
HELD = {"uuid": UUID, "app_id": "an-app"}
BROKEN = requests.exceptions.ConnectionError("reset")
SLOW = requests.exceptions.ConnectionError(ReadTimeoutError(None, "/", "read timed out"))  # type: ignore[arg-type]


@pytest.fixture
def client() -> Iterator[WordPressClient]:
    with WordPressClient(ROOT, "jürgen", "abcd EFGH 1234") as made:
        yield made


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


def query(wire: responses.RequestsMock) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(wire.calls[0].request.url or "").query))


def raised(client: WordPressClient) -> SiteFaultError:
    with pytest.raises(SiteFaultError) as caught:
        client.revoke(ApplicationPassword(UUID, ""))
    return caught.value


class TestRequests:
    def test_it_signs_in_in_utf8_and_says_who_it_is(
        self, client: WordPressClient, wire: responses.RequestsMock
    ) -> None:
        wire.get(f"{PASSWORDS}/introspect", json=HELD)
        assert client.application_password() == ApplicationPassword(UUID, "an-app")
        headers = wire.calls[0].request.headers
        kind, _, pair = headers["Authorization"].partition(" ")
        assert (kind, base64.b64decode(pair).decode()) == ("Basic", "jürgen:abcd EFGH 1234")
        assert headers["User-Agent"].startswith("ZoomWordPressBridge/")

    def test_plain_permalinks_work(self, wire: responses.RequestsMock) -> None:
        wire.get("https://example.org/", json=HELD)
        WordPressClient("https://example.org/?rest_route=/", "anna", "x").application_password()
        assert query(wire) == {"rest_route": "/wp/v2/users/me/application-passwords/introspect"}

    @pytest.mark.parametrize("told", [{"paired": True}, {}, []])
    def test_a_plugin_that_stays_paired_is_noticed(
        self, client: WordPressClient, wire: responses.RequestsMock, told: object
    ) -> None:
        wire.delete(CONNECTION, json=told)
        with pytest.raises(SiteFaultError):
            client.unpair()

    @pytest.mark.parametrize("uuid", ["../../users/1", "", None, "0a1b?force=true"])
    def test_what_is_no_identifier_becomes_part_of_no_address(
        self, client: WordPressClient, wire: responses.RequestsMock, uuid: str | None
    ) -> None:
        wire.get(f"{PASSWORDS}/introspect", json={"uuid": uuid, "app_id": ""})
        with pytest.raises(SiteFaultError):
            client.application_password()

    def test_a_revocation_that_did_not_happen_is_noticed(
        self, client: WordPressClient, wire: responses.RequestsMock
    ) -> None:
        """A proxy that turns DELETE into something else must not pass for a success."""
        wire.delete(PASSWORD, json={"deleted": False})
        with pytest.raises(SiteFaultError):
            client.revoke(ApplicationPassword(UUID, ""))

    def test_nothing_is_tried_twice(self, client: WordPressClient, wire: responses.RequestsMock) -> None:
        wire.delete(PASSWORD, status=503)
        raised(client)
        assert len(wire.calls) == 1
        for adapter in client._session.adapters.values():
            assert adapter.max_retries.total == 0  # type: ignore[attr-defined]


class TestFaults:
    def test_a_redirect_is_not_followed(self, client: WordPressClient, wire: responses.RequestsMock) -> None:
        wire.delete(PASSWORD, status=301, headers={"Location": "https://www.example.org/"})
        assert raised(client).fault is Fault.MOVED
        assert len(wire.calls) == 1

    @pytest.mark.parametrize(
        ("trouble", "unsure", "word"),
        [
            (requests.exceptions.ConnectTimeout(), False, "does not answer"),
            (requests.exceptions.ReadTimeout(), True, "too long"),
            (SLOW, True, "too long"),
            (BROKEN, True, "broke off"),
            (requests.exceptions.ChunkedEncodingError(), True, "broke off"),
            (requests.exceptions.SSLError("EOF"), False, "secure"),
        ],
    )
    def test_what_gave_no_answer_says_whether_it_may_have_been_done(
        self, wire: responses.RequestsMock, trouble: Exception, unsure: bool, word: str
    ) -> None:
        wire.delete(PASSWORD, body=trouble)
        found = raised(WordPressClient(ROOT, "anna", "x"))
        assert (found.fault, found.unsure) == (Fault.NETWORK, unsure)
        assert word in str(found)

    def test_a_read_that_breaks_off_leaves_no_doubt(
        self, client: WordPressClient, wire: responses.RequestsMock
    ) -> None:
        wire.get(f"{PASSWORDS}/introspect", body=BROKEN)
        with pytest.raises(SiteFaultError) as caught:
            client.application_password()
        assert not caught.value.unsure

    def test_a_success_that_is_a_page_is_none(
        self, client: WordPressClient, wire: responses.RequestsMock
    ) -> None:
        wire.delete(PASSWORD, body="<title>Checking your browser</title>", content_type="text/html")
        found = raised(client)
        assert (found.fault, found.evidence) == (Fault.NOT_JSON, "Checking your browser")

    def test_an_answer_without_end_is_cut_off(
        self, client: WordPressClient, wire: responses.RequestsMock
    ) -> None:
        wire.delete(PASSWORD, body=b" " * (connections.LARGEST_ANSWER + 1))
        found = raised(client)
        assert found.fault is Fault.NOT_JSON
        assert "5 MiB" in str(found)

    def test_an_answer_that_drips_is_cut_off(
        self, client: WordPressClient, wire: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(transport, "WHOLE_SECONDS", -1.0)
        wire.delete(PASSWORD, json={"deleted": True})
        found = raised(client)
        assert (found.fault, found.unsure) == (Fault.NETWORK, True)

    def test_no_error_repeats_the_password(
        self, client: WordPressClient, wire: responses.RequestsMock
    ) -> None:
        pair = base64.b64encode("jürgen:abcd EFGH 1234".encode()).decode()
        echo = {"code": "rest_odd", "message": f"Basic {pair} abcd EFGH 1234 abcdEFGH1234"}
        wire.delete(PASSWORD, json=echo, status=400)
        found = raised(client)
        assert found.evidence.count("•••") == 3
        for secret in (pair, "EFGH"):
            assert secret not in str(found) + found.evidence


class TestRealSockets:
    """What the HTTP library really raises; a stand-in for it could be wrong."""

    def test_a_refused_connection(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # and does not listen
            found = self.failure(f"http://127.0.0.1:{taken.getsockname()[1]}/")
        assert (found.fault, found.unsure) == (Fault.NETWORK, False)
        assert "refuses" in str(found)

    def test_a_name_that_there_is_not(self) -> None:
        found = self.failure("http://no-such-site.invalid/")
        assert (found.fault, found.unsure) == (Fault.NETWORK, False)
        assert "no such address" in str(found)

    def test_a_server_that_listens_and_says_nothing(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as mute:
            found = self.failure(f"http://127.0.0.1:{mute.getsockname()[1]}/", timeout=(1.0, 0.05))
        assert (found.fault, found.unsure) == (Fault.NETWORK, True)
        assert "too long" in str(found)

    def test_a_server_that_hangs_up(self) -> None:
        found = self.answered_with(b"")
        assert (found.fault, found.unsure) == (Fault.NETWORK, True)
        assert "broke off" in str(found)

    def test_a_body_that_breaks_off(self) -> None:
        found = self.answered_with(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        assert (found.fault, found.unsure) == (Fault.NETWORK, True)

    def test_what_is_no_http(self) -> None:
        assert self.answered_with(b"SSH-2.0-OpenSSH_9.2\r\n").fault is Fault.NETWORK

    def test_https_where_there_is_none(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as plain:
            thread = threading.Thread(
                target=self.answer_once, args=(plain, b"HTTP/1.1 400 Bad Request\r\n\r\n")
            )
            thread.start()
            found = self.failure(f"https://127.0.0.1:{plain.getsockname()[1]}/")
            thread.join()
        assert (found.fault, found.unsure) == (Fault.NETWORK, False)

    def answered_with(self, raw: bytes) -> SiteFaultError:
        with socket.create_server(("127.0.0.1", 0)) as server:
            thread = threading.Thread(target=self.answer_once, args=(server, raw))
            thread.start()
            found = self.failure(f"http://127.0.0.1:{server.getsockname()[1]}/")
            thread.join()
        return found

    @staticmethod
    def answer_once(server: socket.socket, raw: bytes) -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(raw)

    @staticmethod
    def failure(root: str, timeout: tuple[float, float] = (5.0, 5.0)) -> SiteFaultError:
        with (
            WordPressClient(root, "anna", "secret", timeout=timeout) as client,
            pytest.raises(SiteFaultError) as caught,
        ):
            client.revoke(ApplicationPassword(UUID, ""))
        assert "secret" not in caught.value.evidence
        return caught.value
