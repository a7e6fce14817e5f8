"""A new password by e-mail: the form, and its one answer."""

import re
from urllib.parse import urlencode

import pytest
from tornado.httpclient import HTTPResponse

from core.auth.service import AuthService
from core.monitoring.notify.password_mail import PasswordMailer
from core.store.auth.users import Role
from tests.web.conftest import Http, text

PASSWORD = "four words in a row"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"])


def ask(http: Http, name: str, headers: dict[str, str] | None = None) -> HTTPResponse:
    return http("POST", "/signin/forgotten", urlencode({"name": name}).encode(), FORM | (headers or {}))


@pytest.fixture
def asked(auth_service: AuthService, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What the mailer is asked for, where mail is set up."""
    auth_service.add("anna@example.org", Role.ADMINISTRATOR, PASSWORD)
    found: list[tuple[str, str]] = []
    monkeypatch.setattr(PasswordMailer, "is_available", lambda _self: True)
    monkeypatch.setattr(PasswordMailer, "request", lambda _self, *given: found.append(given))
    return found


class TestForgotten:
    def test_says_the_same_of_every_name(self, http: Http, asked: list[tuple[str, str]]) -> None:
        page = http("GET", "/signin").body.decode()
        assert 'action="/signin/forgotten"' in page
        answers = [ask(http, name) for name in ("Anna@example.org", "otto@example.org", "otto", "")]
        assert {answer.code for answer in answers} == {200}
        bodies = {re.sub(r'nonce="[^"]*"', "", answer.body.decode()) for answer in answers}
        assert len(bodies) == 1
        assert "If there is such a user" in text(answers[0])
        assert asked[:2] == [("anna@example.org", "en"), ("otto@example.org", "en")]

    def test_is_slowed_down(self, http: Http, asked: list[tuple[str, str]]) -> None:
        answers = [ask(http, "nobody@example.org") for _ in range(7)]
        assert [answer.code for answer in answers] == [200] * 5 + [429] * 2
        assert int(answers[-1].headers["Retry-After"]) > 0
        assert len(asked) == 5

    def test_is_not_for_forms_of_other_pages(self, http: Http, asked: list[tuple[str, str]]) -> None:
        elsewhere = {"Origin": "https://s1.example.org", "Sec-Fetch-Site": "cross-site"}
        assert ask(http, "anna@example.org", elsewhere).code == 403
        assert asked == []

    def test_says_what_else_to_do_without_mail(self, http: Http, auth_service: AuthService) -> None:
        auth_service.add("anna@example.org", Role.ADMINISTRATOR, PASSWORD)
        page = http("GET", "/signin")
        assert "/signin/forgotten" not in page.body.decode()
        answer = ask(http, "anna@example.org")
        assert answer.code == 404
        assert "sends no links by e-mail" in text(answer)
        assert "zoombridge user link" in text(answer)
