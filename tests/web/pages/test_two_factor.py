"""Two-factor authentication on the page Account, and its removal on Users."""

import re
import time
from html import unescape
from urllib.parse import urlencode

import pytest
from tornado.httpclient import HTTPResponse

from core.auth import recovery_codes, totp
from core.auth.service import AuthService
from core.store.auth import second_factors
from core.store.auth.users import Role
from core.store.db.engine import Store
from tests.web.conftest import Http, text
from tests.web.pages.conftest import both_stores

PASSWORD = "four words in a row"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(params=list(Role))
def luke(request: pytest.FixtureRequest, auth_service: AuthService) -> dict[str, str]:
    auth_service.add("luke", request.param, PASSWORD)
    return {"Cookie": f"zoombridge={auth_service.sign_in('luke', PASSWORD)}"}


def turn_on(store: Store, name: str) -> list[str]:
    """Give a user a second factor; return the recovery codes."""
    codes = recovery_codes.new_codes()
    store.write(lambda connection: second_factors.save(connection, store.sealer, name, SECRET, step=0, now=1))
    store.write(lambda connection: second_factors.save_codes(connection, name, codes))
    return codes


def post(
    http: Http, headers: dict[str, str], /, path: str = "/account/two-factor", **form: str
) -> HTTPResponse:
    return http("POST", path, urlencode(form).encode(), FORM | headers)


def app(secret: str = SECRET) -> str:
    """Return what the app shows now."""
    return totp.code_at(secret, totp.step_at(int(time.time() * 1000)))


def shown(answer: HTTPResponse, name: str) -> str:
    found = re.search(rf'(?:name|id)="{name}"[^>]* value="([^"]+)"', answer.body.decode())
    assert found is not None, text(answer)
    return unescape(found[1])


def codes_in(answer: HTTPResponse) -> list[str]:
    assert answer.code == 200, text(answer)
    assert answer.headers["Cache-Control"] == "no-store"
    return re.findall(r"\b[a-z2-9]{4}(?:-[a-z2-9]{4}){3}\b", answer.body.decode())


class TestSetUp:
    @both_stores
    def test_shows_a_qr_code_and_the_key_and_asks_for_a_code(
        self, http: Http, store: Store, auth_service: AuthService, luke: dict[str, str]
    ) -> None:
        elsewhere = {"Cookie": f"zoombridge={auth_service.sign_in('luke', PASSWORD)}"}
        assert "Set up two-factor authentication" in text(http("GET", "/account", headers=luke))
        setup = post(http, luke, do="start", password=PASSWORD)
        assert setup.code == 200
        assert setup.headers["Cache-Control"] == "no-store"
        assert re.search(r'role="img" aria-label="QR code[^"]*"><svg ', setup.body.decode())
        secret = shown(setup, "zb-secret").replace(" ", "")
        token = shown(setup, "token")
        assert secret not in token

        wrong = post(http, luke, do="confirm", token=token, code="000000")
        assert wrong.code == 422
        assert "Incorrect code." in text(wrong)
        assert shown(wrong, "zb-secret").replace(" ", "") == secret, "the same: the app has it already"
        assert auth_service.two_factor.find("luke") is None

        done = post(http, luke, do="confirm", token=token, code=app(secret))
        codes = codes_in(done)
        assert len(set(codes)) == 10
        page = http("GET", "/account", headers=luke)
        assert "10 recovery codes are left" in text(page)
        for hidden in (*codes, secret, secret[:4] + " "):
            assert hidden not in page.body.decode()
        assert http("GET", "/account", headers=elsewhere).code == 303, "it began without a code"

    def test_needs_the_password_again(
        self, http: Http, auth_service: AuthService, luke: dict[str, str]
    ) -> None:
        for given in ("", "a wrong password"):
            answer = post(http, luke, do="start", password=given)
            assert answer.code == 422
            assert "Your current password is incorrect." in text(answer)
            assert b"<svg" not in answer.body
        for _ in range(3):
            post(http, luke, do="start", password="a wrong password")
        assert "Wait" in text(post(http, luke, do="start", password=PASSWORD))

    def test_needs_a_password(self, http: Http, session: dict[str, str]) -> None:
        """They came by a link from the shell, and have none."""
        assert "Choose a password first" in text(http("GET", "/account", headers=session))
        assert post(http, session, do="start", password="").code == 422

    def test_needs_its_own_token(self, http: Http, auth_service: AuthService, luke: dict[str, str]) -> None:
        setup = auth_service.two_factor.start("anna")
        for token in (setup.token, "", "x", "é"):
            answer = post(http, luke, do="confirm", token=token, code=app(setup.secret))
            assert answer.code == 422
            assert "not finished in time" in text(answer)
            assert setup.secret not in answer.body.decode()

    def test_has_no_page_of_its_own(self, http: Http, luke: dict[str, str]) -> None:
        for answer in (http("GET", "/account/two-factor", headers=luke), post(http, luke, do="x")):
            assert (answer.code, answer.headers["Location"]) == (303, "/account")

    def test_is_for_users_of_the_bridge(self, http: Http, from_wordpress: dict[str, str]) -> None:
        assert post(http, from_wordpress, do="start", password=PASSWORD).headers["Location"] == "/"


class TestOn:
    @both_stores
    def test_gives_new_recovery_codes(self, http: Http, store: Store, luke: dict[str, str]) -> None:
        before = turn_on(store, "luke")
        answer = post(http, luke, do="renew", password=PASSWORD, code=app())
        codes = codes_in(answer)
        assert len(codes) == 10
        assert not set(codes) & set(before)
        assert "Those from before no longer work" in text(answer)

    @both_stores
    def test_is_turned_off(
        self, http: Http, store: Store, auth_service: AuthService, luke: dict[str, str]
    ) -> None:
        turn_on(store, "luke")
        answer = post(http, luke, do="off", password=PASSWORD, code=app())
        assert (answer.code, answer.headers["Location"]) == (303, "/account?done=two-factor-off")
        assert "Two-factor authentication is off" in text(
            http("GET", answer.headers["Location"], headers=luke)
        )
        assert auth_service.sign_in("luke", PASSWORD)

    @pytest.mark.parametrize("do", ["renew", "off"])
    def test_changes_nothing_without_password_and_code(
        self, http: Http, store: Store, auth_service: AuthService, luke: dict[str, str], do: str
    ) -> None:
        turn_on(store, "luke")
        before = auth_service.two_factor.find("luke")
        answer = post(http, luke, do=do, password="a wrong password", code=app())
        assert (answer.code, "password is incorrect" in text(answer)) == (422, True)
        answer = post(http, luke, do=do, password=PASSWORD, code="000000")
        assert (answer.code, "Incorrect code." in text(answer)) == (422, True)
        assert auth_service.two_factor.find("luke") == before
        for _ in range(4):
            post(http, luke, do=do, password=PASSWORD, code="000000")
        assert "Wait" in text(post(http, luke, do=do, password=PASSWORD, code=app())), "guessing is slowed"
        assert auth_service.two_factor.find("luke") == before

    def test_is_not_set_up_again(self, http: Http, store: Store, luke: dict[str, str]) -> None:
        turn_on(store, "luke")
        answer = post(http, luke, do="start", password=PASSWORD)
        assert (answer.code, "is on already" in text(answer)) == (422, True)


class TestRemoval:
    def remove(self, http: Http, headers: dict[str, str], name: str) -> HTTPResponse:
        return post(http, headers, "/users", do="two-factor", name=name)

    def test_by_an_administrator(
        self, http: Http, store: Store, auth_service: AuthService, session: dict[str, str]
    ) -> None:
        auth_service.add("luke", Role.VIEWER, PASSWORD)
        turn_on(store, "luke")
        assert "Remove two-factor" in text(http("GET", "/users", headers=session))
        answer = self.remove(http, session, "Luke")
        assert (answer.code, answer.headers["Location"]) == (303, "/users?done=two-factor")
        assert auth_service.sign_in("luke", PASSWORD)
        again = self.remove(http, session, "luke")
        assert (again.code, "does not use two-factor" in text(again)) == (422, True)

    def test_not_by_a_viewer(
        self,
        http: Http,
        store: Store,
        auth_service: AuthService,
        session: dict[str, str],
        viewer: dict[str, str],
    ) -> None:
        turn_on(store, "anna")
        assert self.remove(http, viewer, "anna").code == 403
        assert auth_service.two_factor.names() == {"anna"}

    def test_of_ones_own_is_not_so_easy(
        self, http: Http, store: Store, auth_service: AuthService, session: dict[str, str]
    ) -> None:
        """Who sits down at an open browser has neither password nor code."""
        turn_on(store, "anna")
        assert "Remove two-factor" not in text(http("GET", "/users", headers=session))
        assert self.remove(http, session, " Anna ").headers["Location"] == "/account"
        assert auth_service.two_factor.names() == {"anna"}
