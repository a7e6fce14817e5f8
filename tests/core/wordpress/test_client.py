"""The client against answers that a real WordPress cannot be made to give."""

import base64
import json
import socket
import threading
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
import responses
from urllib3.exceptions import ReadTimeoutError

from core.errors import Fault, SiteFaultError
from core.wordpress import transport
from core.wordpress.client import WordPressClient
from core.wordpress.responses import ApplicationPassword

ROOT = "https://example.org/wp-json/"
CONNECTION = f"{ROOT}zoombridge/v1/connection"
ME = f"{ROOT}wp/v2/users/me"
PASSWORDS = f"{ME}/application-passwords"
UUID = "0a1b2c3d-0000-4000-8000-000000000000"
ADMIN = {"id": 1, "name": "Anna", "capabilities": {"manage_options": True, "edit_posts": False}}
TOLD = {
    "stub": "0.2.0",
    "paired": True,
    "bridge": "https://bridge.example.org",
    "site": "k3v9",
    "home": "https://example.org",
    "epoch": 3,
    "endpoints": {"meeting": "https://example.org/wp-json/vczapi/v1/meeting"},
    "type": "other",
    "vczapi": "4.6.7",
    "vczapi_pro": False,
    "page": "https://example.org/wp-admin/edit.php",
}
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
        client.pair("https://bridge.example.org", "k3v9", "0" * 64)
    return caught.value


class TestRequests:
    def test_it_signs_in_in_utf8_and_says_who_it_is(
        self, client: WordPressClient, wire: responses.RequestsMock
    ) -> None:
        wire.get(ME, json=ADMIN)
        assert client.me().capabilities == {"manage_options"}
        headers = wire.calls[0].request.headers
        kind, _, pair = headers["Authorization"].partition(" ")
        assert (kind, base64.b64decode(pair).decode()) == ("Basic", "jürgen:abcd EFGH 1234")
        assert headers["User-Agent"].startswith("ZoomWordPressBridge/")

    def test_plain_permalinks_work(self, wire: responses.RequestsMock) -> None:
        wire.get("https://example.org/", json=ADMIN)
        WordPressClient("https://example.org/?rest_route=/", "anna", "x").me()
        assert query(wire)["rest_route"] == "/wp/v2/users/me"
        assert query(wire)["context"] == "edit"

    def test_what_the_stub_says_of_itself_is_typed(
        self, client: WordPressClient, wire: responses.RequestsMock
    ) -> None:
        wire.post(CONNECTION, json=TOLD)
        found = client.pair("https://bridge.example.org", "k3v9", "0" * 64)
        assert (found.paired, found.vczapi, found.type_owner) == (True, "4.6.7", "other")
        assert (found.home, found.epoch) == ("https://example.org", 3)
        assert json.loads(wire.calls[0].request.body or b"") == {
            "bridge": "https://bridge.example.org",
            "site": "k3v9",
            "key": "0" * 64,
        }

    def test_an_older_plugin_tells_no_home(
        self, client: WordPressClient, wire: responses.RequestsMock
    ) -> None:
        wire.get(
            CONNECTION, json={name: value for name, value in TOLD.items() if name not in ("home", "epoch")}
        )
        found = client.connection()
        assert (found.home, found.epoch) == ("", 0)

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
        wire.delete(f"{PASSWORDS}/{UUID}", json={"deleted": False})
        with pytest.raises(SiteFaultError):
            client.revoke(ApplicationPassword(UUID, ""))

    def test_nothing_is_tried_twice(self, client: WordPressClient, wire: responses.RequestsMock) -> None:
        wire.post(CONNECTION, status=503)
        raised(client)
        assert len(wire.calls) == 1
        for adapter in client._session.adapters.values():
            assert adapter.max_retries.total == 0  # type: ignore[attr-defined]


class TestFaults:
    def test_a_redirect_is_not_followed(self, client: WordPressClient, wire: responses.RequestsMock) -> None:
        wire.post(CONNECTION, status=301, headers={"Location": "https://www.example.org/"})
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
        wire.post(CONNECTION, body=trouble)
        found = raised(WordPressClient(ROOT, "anna", "x"))
        assert (found.fault, found.unsure) == (Fault.NETWORK, unsure)
        assert word in str(found)

    def test_a_read_that_breaks_off_leaves_no_doubt(
        self, client: WordPressClient, wire: responses.RequestsMock
    ) -> None:
        wire.get(CONNECTION, body=BROKEN)
        with pytest.raises(SiteFaultError) as caught:
            client.connection()
        assert not caught.value.unsure

    def test_a_success_that_is_a_page_is_none(
        self, client: WordPressClient, wire: responses.RequestsMock
    ) -> None:
        wire.post(CONNECTION, body="<title>Checking your browser</title>", content_type="text/html")
        found = raised(client)
        assert (found.fault, found.evidence) == (Fault.NOT_JSON, "Checking your browser")

    def test_an_answer_without_end_is_cut_off(
        self, client: WordPressClient, wire: responses.RequestsMock
    ) -> None:
        wire.post(CONNECTION, body=b" " * (transport.LARGEST_ANSWER + 1))
        found = raised(client)
        assert found.fault is Fault.NOT_JSON
        assert "5 MiB" in str(found)

    def test_an_answer_that_drips_is_cut_off(
        self, client: WordPressClient, wire: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(transport, "WHOLE_TIMEOUT", -1.0)
        wire.post(CONNECTION, json=TOLD)
        found = raised(client)
        assert (found.fault, found.unsure) == (Fault.NETWORK, True)

    def test_no_error_repeats_the_password(
        self, client: WordPressClient, wire: responses.RequestsMock
    ) -> None:
        pair = base64.b64encode("jürgen:abcd EFGH 1234".encode()).decode()
        echo = {"code": "rest_odd", "message": f"Basic {pair} abcd EFGH 1234 abcdEFGH1234"}
        wire.post(CONNECTION, json=echo, status=400)
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
        assert "no server of this name" in str(found)

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
            client.pair("https://bridge.example.org", "k3v9", "0" * 64)
        assert "secret" not in caught.value.evidence
        return caught.value
