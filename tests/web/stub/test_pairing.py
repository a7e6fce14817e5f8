"""What plugins send to pair their sites, and what paired ones report."""

import json
import time
from typing import Any

import pytest
from sqlalchemy import Connection, update

from core.bridge import Bridge
from core.errors import StoreUnavailableError
from core.sites import pairing_codes
from core.store.db.engine import Store
from core.store.db.schema import sites as site_table
from core.store.sites import pairings, sites
from core.store.sites.pairings import PairingCode
from core.store.sites.sites import Site
from core.wordpress import pairing_envelope as envelope
from core.wordpress import signing
from tests.core.sites.pairing_plugin import BRIDGE, Plugin
from tests.web.conftest import Http, from_stub, is_answered_by_the_bridge
from web.stub.pairing import Gate


@pytest.fixture
def begun(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pairings that are called back, which nobody does here."""
    called: list[str] = []
    monkeypatch.setattr(type(bridge.pairing_caller), "begin", lambda _, pairing_id: called.append(pairing_id))
    return called


@pytest.fixture
def code(store: Store) -> PairingCode:
    return pairing_codes.issue_code(store, bridge_url=BRIDGE, requested_by="/anna")


def post(http: Http, path: str, body: bytes, headers: dict[str, str] | None = None) -> Any:
    return http("POST", path, body, {"Content-Type": "application/json"} | (headers or {}))


class TestPair:
    def test_is_answered_signed_and_calls_the_site_back(
        self, http: Http, store: Store, code: PairingCode, begun: list[str]
    ) -> None:
        body = Plugin().body(code)
        answer = post(http, "/stub/pair", body)
        assert answer.code == 200
        told = envelope.open_answer(code.secret, envelope.read_request(body), answer.body)
        with store.reading() as connection:
            [made] = pairings.of_code(connection, code.id, store.sealer)
        assert (told.site, told.uses_left, begun) == (made.site_id, 0, [made.id])

    @pytest.mark.parametrize(
        ("change", "refusal"),
        [
            ({"code": "f" * 16}, (404, "zoombridge_pairing_unknown")),
            ({"sig": "00" * 32}, (401, "zoombridge_pairing_signature")),
            ({"zb": 1}, (400, "zoombridge_bad_request")),
            ({"d": "x"}, (401, "zoombridge_pairing_signature")),
            ({"more": "x" * 40_000}, (400, "zoombridge_bad_request")),
        ],
    )
    def test_that_is_forged_costs_no_call_back(
        self, http: Http, store: Store, code: PairingCode, begun: list[str], *, change: dict[str, Any],
        refusal: tuple[int, str],
    ) -> None:  # fmt: skip
        body = json.dumps(json.loads(Plugin().body(code)) | change).encode()
        answer = post(http, "/stub/pair", body)
        refused = json.loads(answer.body)
        assert (answer.code, refused["code"]) == refusal
        assert refused["message"]
        assert begun == []
        with store.reading() as connection:
            assert pairings.of_code(connection, code.id, store.sealer) == []

    def test_reads_no_body_that_is_no_json(self, http: Http, begun: list[str]) -> None:
        assert post(http, "/stub/pair", b"\xff\x00").code == 400

    def test_more_at_once_than_there_is_room_for_come_again(self) -> None:
        gate = Gate(1)
        with gate.passing(), pytest.raises(StoreUnavailableError), gate.passing():
            pass
        with gate.passing():
            pass


class TestReports:
    def sent(self, http: Http, site: Site, path: str, body: bytes, **given: Any) -> Any:
        headers = from_stub(site, "POST", path, body, **given)
        answer = post(http, path, body, headers)
        if answer.code not in (401, 404):
            assert is_answered_by_the_bridge(site, headers, answer)
        return answer

    @pytest.mark.parametrize("path", ["/stub/moved", "/stub/goodbye", "/stub/rotate", "/stub/changed"])
    @pytest.mark.parametrize("given", [{"key": "another"}, {"timestamp": time.time() - 400}])
    def test_are_refused_of_who_cannot_sign(
        self, http: Http, store: Store, wp_site: Site, path: str, given: dict[str, Any]
    ) -> None:
        answer = self.sent(http, wp_site, path, b'{"reason": "deactivated"}', **given)
        assert answer.code == 401
        assert signing.ANSWER_HEADER not in answer.headers
        assert kept(store) == wp_site

    @pytest.mark.parametrize("path", ["/stub/moved", "/stub/goodbye"])
    def test_of_another_form_are_refused_signed(self, http: Http, wp_site: Site, path: str) -> None:
        answer = self.sent(http, wp_site, path, b"[]")
        assert (answer.code, json.loads(answer.body)["code"]) == (400, "zoombridge_bad_request")

    def test_goodbye_is_kept_until_hello(self, http: Http, store: Store, wp_site: Site) -> None:
        assert self.sent(http, wp_site, "/stub/goodbye", b'{"reason": "deactivated"}').code == 200
        assert kept(store).left_reason == "deactivated"
        assert http("GET", "/stub/hello", headers=from_stub(wp_site, "GET", "/stub/hello")).code == 200
        assert kept(store) == wp_site

    def test_rotation_is_begun(
        self, http: Http, bridge: Bridge, wp_site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun: list[str] = []
        monkeypatch.setattr(type(bridge.key_rotator), "begin", lambda _, site_id: begun.append(site_id))
        assert self.sent(http, wp_site, "/stub/rotate", b"").code == 202
        assert begun == ["s1"]

    def test_after_a_change_the_site_is_checked_soon(self, http: Http, store: Store, wp_site: Site) -> None:
        far = int(time.time() * 1000) + 10**9

        def postpone(connection: Connection) -> None:
            connection.execute(update(site_table).values(check_due_at=far))

        store.write(postpone)
        assert self.sent(http, wp_site, "/stub/changed", b"").code == 202
        assert kept(store).check_due_at < far


class TestKeys:
    def test_both_are_taken_during_a_rotation(self, http: Http, store: Store, wp_site: Site) -> None:
        following = "ab" * 32
        store.write(
            lambda connection: sites.save_keys(connection, wp_site, wp_site.key, following, store.sealer)
        )
        for key in (wp_site.key, following):
            headers = from_stub(wp_site, "GET", "/stub/hello", key=key)
            answer = http("GET", "/stub/hello", headers=headers)
            assert answer.code == 200
            expected = signing.sign_answer(
                key,
                request_signature=headers[signing.SIGNATURE_HEADER],
                status=200,
                location="",
                body=answer.body,
            )
            assert answer.headers[signing.ANSWER_HEADER] == expected
        other = from_stub(wp_site, "GET", "/stub/hello", key="cd" * 32)
        assert http("GET", "/stub/hello", headers=other).code == 401


def kept(store: Store) -> Site:
    with store.reading() as connection:
        return sites.load(connection, "s1", store.sealer)
