"""Calling a running bridge: its result, its error, or why there is none."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from requests import PreparedRequest, ReadTimeout, Response
from requests.adapters import HTTPAdapter

from core.errors import ZoomBridgeError
from web.rpc import api
from web.rpc.client import RpcClient

Answers = Callable[[Any], Mock]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "rpc.json"
    file.write_text(json.dumps({"url": "http://127.0.0.1:9", "token": "token"}))
    return file


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    """Have the bridge answer this document."""

    def answer(document: Any) -> Mock:
        post = Mock(return_value=Mock(json=Mock(return_value=document)))
        monkeypatch.setattr("requests.Session.post", post)
        return post

    return answer


def test_returns_the_result(file: Path, answers: Answers) -> None:
    post = answers({"result": {"name": "Choir"}})
    removed = RpcClient(file).call(api.ACCOUNT_REMOVE, api.AccountRequest(account="a"))
    assert removed == api.RemovedAccount(name="Choir")
    assert post.call_args.args == ("http://127.0.0.1:9/rpc/account.remove",)
    assert post.call_args.kwargs["headers"]["Authorization"] == "Bearer token"
    assert json.loads(post.call_args.kwargs["data"]) == {"account": "a"}


def test_raises_the_error(file: Path, answers: Answers) -> None:
    answers({"error": "There is no such account."})
    with pytest.raises(ZoomBridgeError, match="no such account"):
        RpcClient(file).call(api.ACCOUNT_REMOVE, api.AccountRequest(account="a"))


@pytest.mark.parametrize("document", [{}, {"result": None}, {"result": {"name": "x", "more": 1}}])
def test_does_not_trust_a_result_of_another_form(file: Path, answers: Answers, document: Any) -> None:
    answers(document)
    with pytest.raises(ZoomBridgeError, match="another version"):
        RpcClient(file).call(api.ACCOUNT_REMOVE, api.AccountRequest(account="a"))


@pytest.mark.parametrize("content", [None, "{", "{}", '{"url": "http://127.0.0.1:1", "token": "x"}'])
def test_says_that_nobody_answers(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "rpc.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ZoomBridgeError, match="does not answer"):
        RpcClient(file).call(api.SITE_LIST, api.SiteListRequest())


def test_asks_no_proxy_of_the_environment_and_sends_no_other_password(
    file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sent: list[PreparedRequest] = []

    def send(_self: HTTPAdapter, request: PreparedRequest, **options: Any) -> Response:
        assert not options["proxies"]
        sent.append(request)
        answer = Response()
        answer.status_code, answer._content = 200, b'{"result": []}'
        return answer

    (tmp_path / "netrc").write_text("default login anna password secret")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://proxy.example.org:3128")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(HTTPAdapter, "send", send)
    assert RpcClient(file).call(api.SITE_LIST, api.SiteListRequest()) == []
    assert [one.headers["Authorization"] for one in sent] == ["Bearer token"]


def test_does_not_say_that_nothing_was_done_where_an_answer_takes_too_long(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("requests.Session.post", Mock(side_effect=ReadTimeout))
    with pytest.raises(ZoomBridgeError, match="It may go on with it"):
        RpcClient(file).call(api.SITE_LIST, api.SiteListRequest())
