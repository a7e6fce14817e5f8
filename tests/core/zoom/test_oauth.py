"""Tokens of a Server-to-Server OAuth app."""

import base64
import json
from collections.abc import Iterator

import pytest
import requests
import responses

from core.errors import ZoomCredentialsError, ZoomRestError, ZoomUnreachableError
from core.zoom.oauth import API_URL, OAUTH_URL, Credentials, Token, Tokens, request_token
from tests.zoom.tokens import MemoryTokenStore

CREDENTIALS = Credentials("account", "client", "s3cret-of-the-app")
NOW = 1_700_000_000.0


def granted(value: str = "token-1", **more: object) -> dict[str, object]:
    return {
        "access_token": value,
        "token_type": "bearer",
        "expires_in": 3600,
        "scope": "meeting:read:meeting:admin user:read:list_users:admin",
        "api_url": "https://api-eu.zoom.us",
        **more,
    }


@pytest.fixture
def zoom() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mocked:
        yield mocked


class TestRequestToken:
    def test_asks_as_zoom_documents_it(self, zoom: responses.RequestsMock) -> None:
        zoom.post(OAUTH_URL, json=granted())
        token = request_token(requests.Session(), CREDENTIALS, now=NOW)
        sent = zoom.calls[0].request
        assert sent.body == "grant_type=account_credentials&account_id=account"
        basic = base64.b64encode(b"client:s3cret-of-the-app").decode()
        assert sent.headers["Authorization"] == f"Basic {basic}"
        assert token.expires_at == (1_700_000_000 + 3600) * 1000
        assert token.scopes == ("meeting:read:meeting:admin", "user:read:list_users:admin")

    def test_takes_the_region_that_zoom_names(self, zoom: responses.RequestsMock) -> None:
        zoom.post(OAUTH_URL, json=granted())
        assert request_token(requests.Session(), CREDENTIALS, now=NOW).api_url == "https://api-eu.zoom.us"

    @pytest.mark.parametrize(
        "told", ["https://evil.example.org", "http://api-eu.zoom.us", "https://zoom.us.evil.example", 7, None]
    )
    def test_gives_its_token_to_nobody_but_zoom(self, zoom: responses.RequestsMock, told: object) -> None:
        zoom.post(OAUTH_URL, json=granted(api_url=told))
        assert request_token(requests.Session(), CREDENTIALS, now=NOW).api_url == API_URL

    @pytest.mark.parametrize("status", [400, 401])
    def test_wrong_credentials_are_named(self, zoom: responses.RequestsMock, status: int) -> None:
        zoom.post(
            OAUTH_URL, status=status, json={"reason": "Invalid client_id or client_secret", "error": "x"}
        )
        with pytest.raises(ZoomCredentialsError, match="Invalid client_id or client_secret") as caught:
            request_token(requests.Session(), CREDENTIALS, now=NOW)
        assert "s3cret" not in str(caught.value)

    @pytest.mark.parametrize("status", [500, 503, 302])
    def test_trouble_at_zoom_is_no_fault_of_the_credentials(
        self, zoom: responses.RequestsMock, status: int
    ) -> None:
        zoom.post(OAUTH_URL, status=status, json={})
        with pytest.raises(ZoomUnreachableError):
            request_token(requests.Session(), CREDENTIALS, now=NOW)

    def test_no_connection_says_so(self, zoom: responses.RequestsMock) -> None:
        zoom.post(OAUTH_URL, body=requests.ConnectionError("no route"))
        with pytest.raises(ZoomUnreachableError, match=r"zoom\.us"):
            request_token(requests.Session(), CREDENTIALS, now=NOW)

    def test_a_page_instead_of_json_is_trouble(self, zoom: responses.RequestsMock) -> None:
        zoom.post(OAUTH_URL, body="<html>")
        with pytest.raises(ZoomUnreachableError):
            request_token(requests.Session(), CREDENTIALS, now=NOW)

    @pytest.mark.parametrize("missing", ["access_token", "expires_in"])
    def test_half_a_token_is_none(self, zoom: responses.RequestsMock, missing: str) -> None:
        document = {key: value for key, value in granted().items() if key != missing}
        zoom.post(OAUTH_URL, body=json.dumps(document))
        with pytest.raises(ZoomRestError):
            request_token(requests.Session(), CREDENTIALS, now=NOW)

    def test_secrets_have_no_text_form(self) -> None:
        assert "s3cret" not in repr(CREDENTIALS)
        assert "value" not in repr(Token("token-1", 0, API_URL, ()))


class TestTokens:
    def test_one_token_serves_until_shortly_before_its_end(self, zoom: responses.RequestsMock) -> None:
        zoom.post(OAUTH_URL, json=granted("first"))
        zoom.post(OAUTH_URL, json=granted("second"))
        now = [NOW]
        tokens = Tokens(requests.Session(), CREDENTIALS, MemoryTokenStore(), clock=lambda: now[0])
        assert tokens.current().value == "first"
        now[0] += 3400
        assert tokens.current().value == "first"
        now[0] += 100
        assert tokens.current().value == "second"

    def test_a_refused_token_is_replaced_once(self, zoom: responses.RequestsMock) -> None:
        zoom.post(OAUTH_URL, json=granted("first"))
        zoom.post(OAUTH_URL, json=granted("second"))
        tokens = Tokens(requests.Session(), CREDENTIALS, MemoryTokenStore(), clock=lambda: NOW)
        first = tokens.current()
        assert tokens.after(first).value == "second"
        assert tokens.after(first).value == "second"  # what another thread gets that was refused, too
        assert len(zoom.calls) == 2

    def test_is_shared_through_its_keeper(self, zoom: responses.RequestsMock) -> None:
        zoom.post(OAUTH_URL, json=granted("first"))
        keeper = MemoryTokenStore()
        one = Tokens(requests.Session(), CREDENTIALS, keeper, clock=lambda: NOW)
        other = Tokens(requests.Session(), CREDENTIALS, keeper, clock=lambda: NOW)
        assert one.current().value == other.current().value
        assert len(zoom.calls) == 1
