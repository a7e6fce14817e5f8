"""The command line's API over HTTP."""

import json
import socket
from unittest.mock import Mock

import pytest

from core.bridge import Bridge
from core.store import audit
from core.store.audit import Action, Actor, ActorKind, AuditFilter
from core.store.db.engine import Store
from core.store.sites import zoom_secrets
from core.store.sites.sites import Site
from tests.web.conftest import RPC_TOKEN, Http, served
from web.app import make_app
from web.rpc.caller import USER_HEADER

RIGHT = {"Authorization": f"Bearer {RPC_TOKEN}"}


class TestRpc:
    def test_runs_an_operation(self, http: Http, wp_site: Site) -> None:
        answer = http("POST", "/rpc/site.list", b"{}", RIGHT)
        assert answer.code == 200
        assert [site["id"] for site in json.loads(answer.body)["result"]] == ["s1"]

    def test_logs_who_ran_a_command(self, http: Http, store: Store) -> None:
        asked = json.dumps({"name": "otto", "role": "viewer", "password": "four words in a row"}).encode()
        headers = RIGHT | {USER_HEADER: "root%20(sudo%20by%20ann%C3%A4)"}
        assert http("POST", "/rpc/user.add", asked, headers).code == 200
        with store.reading() as connection:
            (entry,) = audit.page(connection, AuditFilter(), limit=9).entries
        assert entry.actor == Actor(ActorKind.COMMAND, "root (sudo by annä)", socket.gethostname())
        assert (entry.action, entry.subject) == (Action.USER_ADDED, "otto")

    @pytest.mark.parametrize(
        "headers",
        [{}, {"Authorization": RPC_TOKEN}, {"Authorization": "Bearer x"}, {"Authorization": "é"}],
    )
    def test_needs_the_token(self, http: Http, wp_site: Site, headers: dict[str, str]) -> None:
        answer = http("POST", "/rpc/site.list", b"{}", headers)
        assert answer.code == 401
        assert b"s1" not in answer.body

    def test_does_not_open_without_one(self, http: Http, bridge: Bridge) -> None:
        with served(http.loop, lambda: make_app(bridge)) as other:
            for given in ("Bearer", f"Bearer {RPC_TOKEN}"):
                assert other("POST", "/rpc/site.list", b"{}", {"Authorization": given}).code == 401

    def test_tells_what_went_wrong(self, http: Http) -> None:
        answer = http("POST", "/rpc/site.check", b'{"site": "nowhere"}', RIGHT)
        assert answer.code == 422
        assert "nowhere" in json.loads(answer.body)["error"]

    def test_knows_no_other_operations(self, http: Http) -> None:
        answer = http("POST", "/rpc/format.disk", b"{}", RIGHT)
        assert answer.code == 422
        assert "format.disk" in json.loads(answer.body)["error"]

    def test_says_that_the_bridge_failed(self, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("web.rpc.registry.Registry.execute_json", Mock(side_effect=ZeroDivisionError))
        answer = http("POST", "/rpc/site.list", b"{}", RIGHT)
        assert answer.code == 500
        assert "See its log" in json.loads(answer.body)["error"]

    @pytest.mark.parametrize("token", ["", "short", "two words here", "tökens-are-ascii", "x" * 201])
    def test_saves_no_token_that_is_none(self, http: Http, store: Store, wp_site: Site, token: str) -> None:
        asked = json.dumps({"site": "s1", "secret_token": token}).encode()
        answer = http("POST", "/rpc/site.secret-token", asked, RIGHT)
        assert (answer.code, "Nothing was saved" in json.loads(answer.body)["error"]) == (422, True)
        with store.reading() as connection:
            assert len(zoom_secrets.of_site(connection, "s1", store.sealer)) == 1

    @pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"unheard": 1}'])
    def test_refuses_other_arguments(self, http: Http, body: bytes) -> None:
        answer = http("POST", "/rpc/site.check", body, RIGHT)
        assert answer.code == 422
        assert json.loads(answer.body)["error"]
