"""The page Account: everybody changes their own password, and ends their own sessions."""

import re
from urllib.parse import urlencode

import pytest
from sqlalchemy import select
from tornado.httpclient import HTTPResponse

from core.auth.service import AuthService
from core.store import audit
from core.store.audit import Action, AuditEntry, AuditFilter
from core.store.auth.sessions import id_of
from core.store.auth.users import Role
from core.store.db.engine import Store
from core.store.db.schema import users
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
        assert (answer.code, answer.headers["Location"]) == (303, "/account?done=password")
        here = {"Cookie": answer.headers["Set-Cookie"].split(";")[0]}
        shown = http("GET", "/account?done=password", headers=here)
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


FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"


def post(http: Http, headers: dict[str, str], /, **form: str) -> HTTPResponse:
    return http("POST", "/account", urlencode(form).encode(), FORM | headers)


def signed_in(http: Http, name: str = "luke", **headers: str) -> dict[str, str]:
    """Sign in as a browser does; return its headers."""
    answer = http("POST", "/signin", urlencode({"name": name, "password": PASSWORD}).encode(), FORM | headers)
    assert answer.code == 303
    return {"Cookie": answer.headers["Set-Cookie"].split(";")[0]}


def is_in(http: Http, session: dict[str, str]) -> bool:
    return http("GET", "/account", headers=session).code == 200


class TestEmailAddress:
    def save(
        self, http: Http, session: dict[str, str], address: str, password: str = PASSWORD
    ) -> HTTPResponse:
        form = {"do": "email", "email_address": address, "password": password}
        return http("POST", "/account", urlencode(form).encode(), FORM | session)

    def test_is_saved_with_the_password_and_shown(
        self, http: Http, auth_service: AuthService, luke: dict[str, str]
    ) -> None:
        answer = self.save(http, luke, " Luke@example.org ")
        assert (answer.code, answer.headers["Location"]) == (303, "/account?done=email")
        assert 'value="Luke@example.org"' in http("GET", "/account", headers=luke).body.decode()
        self.save(http, luke, "")
        assert auth_service.email_addresses.find("luke") == ""

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"password": "a wrong password"}, "Your current password is incorrect. Nothing was changed."),
            ({"address": "luke"}, "Enter an e-mail address"),
            ({"address": "luke@example.org\r\nBcc: x@example.org"}, "Enter an e-mail address"),
            ({"address": "ANNA@example.org"}, "Another user has this e-mail address."),
        ],
    )
    def test_is_not_saved_by_a_wrong_form(
        self, http: Http, auth_service: AuthService, luke: dict[str, str], wrong: dict[str, str], said: str
    ) -> None:
        auth_service.add("anna", Role.VIEWER, PASSWORD)
        auth_service.email_addresses.change("anna", "anna@example.org")
        answer = self.save(http, luke, **({"address": "luke@example.org"} | wrong))
        assert answer.code == 422
        assert said in text(answer)
        assert auth_service.email_addresses.find("luke") == ""

    def test_is_unreadable_in_the_database(
        self, auth_service: AuthService, store: Store, luke: dict[str, str]
    ) -> None:
        auth_service.email_addresses.change("luke", "luke@example.org")
        with store.reading() as connection:
            sealed = connection.scalar(select(users.c.email_address).where(users.c.name == "luke"))
        assert sealed
        assert b"luke@" not in sealed


class TestSessions:
    @both_stores
    def test_are_listed_with_browser_address_and_which_is_this_one(
        self, http: Http, luke: dict[str, str]
    ) -> None:
        here = signed_in(http, **{"User-Agent": FIREFOX})
        html = http("GET", "/account", headers=here).body.decode()
        rows = re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)[1:]
        assert len(rows) == 2
        (mine,) = [row for row in rows if "this browser" in row]
        assert "Firefox (Windows)" in mine
        assert "127.0.0.1" in mine
        assert "<time" in mine
        assert "<button" not in mine, "one signs out for that"
        (other,) = [row for row in rows if row != mine]
        assert "Unknown browser" in other
        token = here["Cookie"].partition("=")[2]
        assert token not in html

    @both_stores
    def test_are_ended_one_by_one(
        self, http: Http, store: Store, auth_service: AuthService, luke: dict[str, str]
    ) -> None:
        here, phone = signed_in(http), signed_in(http, **{"User-Agent": FIREFOX})
        answer = post(http, here, do="end-session", session=id_of(phone["Cookie"].partition("=")[2]))
        assert (answer.code, answer.headers["Location"]) == (303, "/account?done=session")
        assert [is_in(http, each) for each in (here, phone, luke)] == [True, False, True]
        (entry,) = ended(store)
        assert (entry.actor.name, entry.subject) == ("luke", "luke")
        assert entry.detail == {"number": 1, "address": "127.0.0.1", "browser": "Firefox (Windows)"}

    @both_stores
    def test_are_all_ended_but_this_one(self, http: Http, store: Store, luke: dict[str, str]) -> None:
        here, phone = signed_in(http), signed_in(http)
        answer = post(http, here, do="end-others")
        assert (answer.code, answer.headers["Location"]) == (303, "/account?done=sessions")
        assert [is_in(http, each) for each in (here, phone, luke)] == [True, False, False]
        assert [entry.detail for entry in ended(store)] == [{"number": 2}]
        post(http, here, do="end-others")
        assert len(ended(store)) == 1, "nothing was left to end"

    def test_of_others_are_neither_shown_nor_ended(
        self, http: Http, store: Store, auth_service: AuthService, luke: dict[str, str]
    ) -> None:
        auth_service.add("otto", Role.ADMINISTRATOR, PASSWORD)
        otto = signed_in(http, "otto")
        otto_id = id_of(otto["Cookie"].partition("=")[2])
        assert otto_id not in http("GET", "/account", headers=luke).body.decode()
        for given in (otto_id, "", "x", "%", otto_id[:4]):
            assert post(http, luke, do="end-session", session=given).code == 303
        post(http, luke, do="end-others")
        assert is_in(http, otto)
        assert is_in(http, luke)
        assert ended(store) == []


def ended(store: Store) -> list[AuditEntry]:
    with store.reading() as connection:
        wanted = AuditFilter(action=Action.SESSIONS_ENDED)
        return audit.page(connection, wanted, limit=10).entries
