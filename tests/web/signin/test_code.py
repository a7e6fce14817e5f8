"""The code after the password: the second step of signing in."""

import re
import time
from html import unescape
from urllib.parse import urlencode

import pytest
from tornado.httpclient import HTTPResponse

from core.auth import recovery_codes, totp
from core.auth.service import AuthService
from core.store.auth import second_factors
from core.store.auth.one_time_links import Purpose
from core.store.auth.users import Role
from core.store.db.engine import Store
from core.store.db.schema import pending_sign_ins
from core.store.sites.sites import Site
from tests.web.conftest import Http, text

PASSWORD = "four words in a row"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
# How codes are kept, tests/core/auth/test_two_factor.py shows on both kinds of database.
pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"])


@pytest.fixture
def codes(store: Store, auth_service: AuthService) -> list[str]:
    """Make anna, with a second factor; return her recovery codes."""
    auth_service.add("anna", Role.ADMINISTRATOR, PASSWORD)
    made = recovery_codes.new_codes()
    store.write(
        lambda connection: second_factors.save(connection, store.sealer, "anna", SECRET, step=0, now=1)
    )
    store.write(lambda connection: second_factors.save_codes(connection, "anna", made))
    return made


def app() -> str:
    """Return what the app shows now."""
    return totp.code_at(SECRET, totp.step_at(int(time.time() * 1000)))


def post(http: Http, path: str, headers: dict[str, str] | None = None, /, **form: str) -> HTTPResponse:
    return http("POST", path, urlencode(form).encode(), FORM | (headers or {}))


def password(http: Http, **form: str) -> HTTPResponse:
    return post(http, "/signin", **({"name": "anna", "password": PASSWORD} | form))


def pending_in(answer: HTTPResponse) -> str:
    """Return the token in the form for the code."""
    assert answer.code in (200, 422), text(answer)
    found = re.search(r'name="pending" value="([^"]+)"', answer.body.decode())
    assert found is not None
    return unescape(found[1])


class TestCode:
    def test_is_asked_for_after_the_password_and_nothing_opens_before(
        self, http: Http, codes: list[str]
    ) -> None:
        asked = password(http, to="/events")
        assert asked.code == 200
        assert "Code from your authenticator app" in text(asked)
        assert "Set-Cookie" not in asked.headers
        assert asked.headers["Cache-Control"] == "no-store"
        pending = pending_in(asked)
        assert http("GET", "/account", headers={"Cookie": f"zoombridge={pending}"}).code == 303
        answer = post(http, "/signin/code", pending=pending, code=app(), to="/events")
        assert (answer.code, answer.headers["Location"]) == (303, "/events")
        here = {"Cookie": answer.headers["Set-Cookie"].split(";")[0]}
        assert http("GET", "/account", headers=here).code == 200

    def test_may_be_a_recovery_code(self, http: Http, codes: list[str]) -> None:
        pending = pending_in(password(http))
        assert post(http, "/signin/code", pending=pending, code=codes[0]).code == 303
        assert post(http, "/signin/code", pending=pending_in(password(http)), code=codes[0]).code == 422

    def test_that_is_wrong_may_be_typed_again(self, http: Http, codes: list[str]) -> None:
        pending = pending_in(password(http))
        answer = post(http, "/signin/code", pending=pending, code="000000")
        assert answer.code == 422
        assert "Incorrect code." in text(answer)
        assert "Set-Cookie" not in answer.headers
        assert pending_in(answer) == pending
        assert post(http, "/signin/code", pending=pending, code=app()).code == 303

    def test_that_comes_too_late_leads_back_to_the_password(
        self, http: Http, store: Store, codes: list[str]
    ) -> None:
        pending = pending_in(password(http))
        store.write(lambda connection: connection.execute(pending_sign_ins.update().values(expires_at=1)))
        for given in (pending, "", "x", "é", "x" * 10_000):
            answer = post(http, "/signin/code", pending=given, code=app())
            assert answer.code == 403
            assert "Sign in again with your password" in text(answer)
            assert 'name="password"' in answer.body.decode()
            assert "Set-Cookie" not in answer.headers

    def test_leads_to_no_other_site(self, http: Http, codes: list[str]) -> None:
        pending = pending_in(password(http))
        answer = post(http, "/signin/code", pending=pending, code=app(), to="//evil.example")
        assert answer.headers["Location"] == "/"

    def test_comes_from_the_page_itself(self, http: Http, codes: list[str]) -> None:
        pending = pending_in(password(http))
        elsewhere = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
        assert post(http, "/signin/code", elsewhere, pending=pending, code=app()).code == 403

    def test_has_no_page_of_its_own(self, http: Http, codes: list[str]) -> None:
        answer = http("GET", "/signin/code")
        assert (answer.code, answer.headers["Location"]) == (303, "/signin")

    def test_follows_links_and_not_those_from_wp_admin(
        self, http: Http, auth_service: AuthService, wp_site: Site, codes: list[str]
    ) -> None:
        link = auth_service.link("anna", Purpose.SIGN_IN)
        pending = pending_in(post(http, "/link", token=link))
        assert post(http, "/signin/code", pending=pending, code=codes[0]).code == 303
        chosen = {
            "token": auth_service.link("anna", Purpose.PASSWORD),
            "password": PASSWORD,
            "again": PASSWORD,
        }
        pending = pending_in(post(http, "/password", **chosen))
        assert post(http, "/signin/code", pending=pending, code=codes[1]).code == 303
        entered = post(http, "/enter", token=auth_service.from_wordpress("s1", "anna"))
        kept = {"Cookie": entered.headers["Set-Cookie"].split(";")[0]}
        entered = http("GET", "/enter/confirm", headers=kept)
        assert (entered.code, "Set-Cookie" in entered.headers) == (303, True)

    def test_is_in_no_log(self, http: Http, codes: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        pending = pending_in(password(http))
        post(http, "/signin/code", pending=pending, code="000000")
        post(http, "/signin/code", pending=pending, code=codes[0])
        said = "".join(capsys.readouterr())
        assert re.search(r"sign_in_failed .*step=code", said)
        assert re.search(r"signed_in .*by=code .*name=anna", said)
        for secret in (pending, "000000", codes[0], SECRET):
            assert secret not in said


class TestGuessing:
    def test_has_to_wait_however_often_the_password_is_entered(self, http: Http, codes: list[str]) -> None:
        """A new pending sign-in for each guess makes none of them free."""
        for _ in range(5):
            assert post(http, "/signin/code", pending=pending_in(password(http)), code="000000").code == 422
        pending = pending_in(password(http))
        answer = post(http, "/signin/code", pending=pending, code=app())
        assert answer.code == 429, "the right one, too"
        assert re.search(r"Wait [1-4] seconds?, then try again\.", text(answer))
        assert 1 <= int(answer.headers["Retry-After"]) <= 4
        assert "Set-Cookie" not in answer.headers

    def test_ends_with_five_wrong_codes_of_one_password(self, http: Http, codes: list[str]) -> None:
        pending = pending_in(password(http))
        for _ in range(5):
            assert post(http, "/signin/code", pending=pending, code="000000").code == 422
        assert post(http, "/signin/code", pending=pending, code=app()).code == 403

    def test_of_passwords_delays_no_code(self, http: Http, codes: list[str]) -> None:
        """Strangers, who do not have the password, are no hindrance for who has entered it."""
        pending = pending_in(password(http))
        for _ in range(6):
            password(http, password="a wrong password")
        assert password(http).code == 429
        assert post(http, "/signin/code", pending=pending, code=app()).code == 303

    def test_is_forgiven_by_the_right_code(self, http: Http, codes: list[str]) -> None:
        for code in codes[:2]:
            for _ in range(4):
                pending = pending_in(password(http))
                assert post(http, "/signin/code", pending=pending, code="000000").code == 422
            assert post(http, "/signin/code", pending=pending, code=code).code == 303
