"""The page Account: everybody changes their own password."""

from urllib.parse import urlencode

import pytest
from tornado.httpclient import HTTPResponse

from core.auth.service import AuthService
from core.store.auth.users import Role
from tests.web.conftest import Http, text
from tests.web.pages.conftest import both_stores

PASSWORD = "four words in a row"
ANOTHER = "five other words in a row"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(params=list(Role))
def luke(request: pytest.FixtureRequest, auth_service: AuthService) -> dict[str, str]:
    auth_service.add("luke", request.param, PASSWORD)
    return {"Cookie": f"zoombridge={auth_service.sign_in('luke', PASSWORD)}"}


def change(http: Http, session: dict[str, str], **changed: str) -> HTTPResponse:
    form = {"password": PASSWORD, "wanted": ANOTHER, "again": ANOTHER} | changed
    return http("POST", "/account", urlencode(form).encode(), FORM | session)


class TestPassword:
    @both_stores
    def test_is_changed_and_everybody_else_is_signed_out(
        self, http: Http, auth_service: AuthService, luke: dict[str, str]
    ) -> None:
        elsewhere = {"Cookie": f"zoombridge={auth_service.sign_in('luke', PASSWORD)}"}
        answer = change(http, luke)
        assert (answer.code, answer.headers["Location"]) == (303, "/account?saved=yes")
        here = {"Cookie": answer.headers["Set-Cookie"].split(";")[0]}
        shown = http("GET", "/account?saved=yes", headers=here)
        assert shown.code == 200
        assert "All your other sessions have been signed out." in text(shown)
        for before in (luke, elsewhere):
            assert http("GET", "/account", headers=before).code == 303
        assert auth_service.sign_in("luke", PASSWORD) is None
        assert auth_service.sign_in("luke", ANOTHER)

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"password": "a wrong password"}, "Your current password is incorrect. Nothing was changed."),
            ({"password": ""}, "Your current password is incorrect."),
            ({"again": "something else altogether"}, "The passwords do not match."),
            ({"wanted": "short", "again": "short"}, "fewer than 12 characters"),
        ],
    )
    def test_is_not_changed_by_a_wrong_form(
        self, http: Http, auth_service: AuthService, luke: dict[str, str], changed: dict[str, str], said: str
    ) -> None:
        answer = change(http, luke, **changed)
        assert answer.code == 422
        assert said in text(answer)
        for secret in (PASSWORD, ANOTHER):
            assert secret not in answer.body.decode()
        assert auth_service.sign_in("luke", PASSWORD)
        assert http("GET", "/account", headers=luke).code == 200

    def test_is_not_found_out_by_who_sits_at_an_open_browser(
        self, http: Http, auth_service: AuthService, luke: dict[str, str]
    ) -> None:
        for _ in range(5):
            change(http, luke, password="a wrong password")
        answer = change(http, luke)
        assert answer.code == 422
        assert "Wait" in text(answer)
        assert auth_service.sign_in("luke", ANOTHER) is None

    def test_is_chosen_by_who_has_none_yet(
        self, http: Http, auth_service: AuthService, session: dict[str, str]
    ) -> None:
        """They came by a link from the shell."""
        assert "Current password" not in text(http("GET", "/account", headers=session))
        assert change(http, session, password="").code == 303
        assert auth_service.sign_in("anna", ANOTHER)
