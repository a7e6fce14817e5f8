"""The page Users: an administrator of the bridge says who is let in."""

import re
from html import unescape
from urllib.parse import urlencode, urlsplit

import pytest
from tornado.httpclient import HTTPResponse

from core.auth.service import AuthService
from core.store import audit
from core.store.audit import Action, AuditFilter
from core.store.auth.one_time_links import Purpose
from core.store.auth.sessions import id_of
from core.store.auth.users import Role
from core.store.db import settings
from core.store.db.engine import Store
from tests.web.conftest import Http, text
from tests.web.pages.conftest import both_stores

PASSWORD = "four words in a row"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def post(http: Http, session: dict[str, str], **form: str) -> HTTPResponse:
    return http("POST", "/users", urlencode(form).encode(), FORM | session)


def link_in(answer: HTTPResponse) -> str:
    found = re.search(r'id="zb-link" type="text" readonly value="([^"]*)"', answer.body.decode())
    assert found is not None, text(answer)
    return unescape(found[1])


class TestList:
    @both_stores
    def test_names_everybody_and_no_password(
        self, http: Http, auth_service: AuthService, session: dict[str, str]
    ) -> None:
        auth_service.add("luke", Role.VIEWER, PASSWORD)
        answer = http("GET", "/users", headers=session)
        assert answer.code == 200
        for shown in ("anna", "you", "luke", "Viewer"):
            assert shown in text(answer)
        for user in auth_service.users():
            assert user.password == "!" or user.password not in answer.body.decode()

    def test_is_reached_from_every_page(self, http: Http, session: dict[str, str]) -> None:
        html = http("GET", "/account", headers=session).body.decode()
        for linked in ('href="/users"', 'href="/account"', 'action="/signout"', "<span>\n      anna"):
            assert linked in re.sub(r"  +anna", "      anna", html)


class TestAdd:
    @both_stores
    def test_gives_a_link_with_which_they_choose_a_password(
        self, http: Http, auth_service: AuthService, session: dict[str, str]
    ) -> None:
        answer = post(http, session, do="add", name=" Luke ", role="viewer")
        assert answer.code == 200
        link = link_in(answer)
        assert link.startswith(f"http://127.0.0.1:{http.port}/password?token=")
        (_, luke) = auth_service.users()
        assert (luke.name, luke.role, luke.has_password) == ("luke", Role.VIEWER, False)

        token = urlsplit(link).query.removeprefix("token=")
        chosen = {"token": token, "password": PASSWORD, "again": PASSWORD}
        assert http("POST", "/password", urlencode(chosen).encode(), FORM).code == 303
        assert auth_service.sign_in("luke", PASSWORD)
        assert token not in http("GET", "/users", headers=session).body.decode(), "it is shown only once"

    def test_links_to_the_saved_address(self, http: Http, store: Store, session: dict[str, str]) -> None:
        store.write(lambda connection: settings.save_public_url(connection, "https://bridge.example.org"))
        link = link_in(post(http, session, do="add", name="luke"))
        assert link.startswith("https://bridge.example.org/password?token=")

    @pytest.mark.parametrize(("name", "said"), [("", "letters"), ("a b", "letters"), ("Anna", "already")])
    def test_says_what_is_wrong_with_the_name(
        self, http: Http, auth_service: AuthService, session: dict[str, str], name: str, said: str
    ) -> None:
        answer = post(http, session, do="add", name=name, role="administrator")
        assert answer.code == 422
        assert said in text(answer)
        assert len(auth_service.users()) == 1

    @pytest.mark.parametrize("role", ["", "viewer", "owner", "Administrator"])
    def test_makes_an_administrator_only_of_who_is_said_to_be_one(
        self, http: Http, auth_service: AuthService, session: dict[str, str], role: str
    ) -> None:
        post(http, session, do="add", name="luke", role=role)
        assert auth_service.users()[1].role is Role.VIEWER

    def test_shows_a_hostile_name_as_text(self, http: Http, session: dict[str, str]) -> None:
        for form in ({"do": "add"}, {"do": "link"}, {"do": "role", "role": "viewer"}, {"do": "remove"}):
            answer = post(http, session, name='"><script>alert(1)</script>', **form)
            assert answer.code == 422
            assert b"<script>alert" not in answer.body


class TestLink:
    def test_is_for_a_password_that_was_lost(
        self, http: Http, auth_service: AuthService, session: dict[str, str]
    ) -> None:
        auth_service.add("luke", Role.VIEWER, PASSWORD)
        link = link_in(post(http, session, do="link", name="luke"))
        token = urlsplit(link).query.removeprefix("token=")
        good = auth_service.find_link(Purpose.PASSWORD, token)
        assert good is not None
        assert good.name == "luke"
        assert auth_service.sign_in("luke", PASSWORD), "until they choose another"

    def test_is_for_somebody(self, http: Http, session: dict[str, str]) -> None:
        answer = post(http, session, do="link", name="nobody")
        assert answer.code == 422
        assert "There is no user named nobody" in text(answer)


class TestRole:
    @both_stores
    def test_counts_from_their_next_page_on(
        self, http: Http, session: dict[str, str], viewer: dict[str, str]
    ) -> None:
        assert http("GET", "/users", headers=viewer).code == 403
        answer = post(http, session, do="role", name="luke", role="administrator")
        assert (answer.code, answer.headers["Location"]) == (303, "/users?done=role")
        assert http("GET", "/users", headers=viewer).code == 200

    def test_of_the_only_administrator_stays(
        self, http: Http, auth_service: AuthService, session: dict[str, str]
    ) -> None:
        auth_service.set_password("anna", PASSWORD)
        word = auth_service.sign_in("anna", PASSWORD)
        answer = post(http, {"Cookie": f"zoombridge={word}"}, do="role", name="anna", role="viewer")
        assert answer.code == 422
        assert "only administrator" in text(answer)


class TestRemove:
    @both_stores
    def test_signs_them_out_at_once(
        self, http: Http, session: dict[str, str], viewer: dict[str, str]
    ) -> None:
        answer = post(http, session, do="remove", name="luke")
        assert (answer.code, answer.headers["Location"]) == (303, "/users?done=removed")
        assert http("GET", "/account", headers=viewer).code == 303

    def test_leaves_the_only_administrator(
        self, http: Http, auth_service: AuthService, session: dict[str, str]
    ) -> None:
        answer = post(http, session, do="remove", name="anna")
        assert answer.code == 422
        assert "only administrator" in text(answer)
        assert http("GET", "/users", headers=session).code == 200

    def test_of_oneself_where_there_is_another(
        self, http: Http, auth_service: AuthService, session: dict[str, str]
    ) -> None:
        auth_service.add("bert", Role.ADMINISTRATOR, PASSWORD)
        assert post(http, session, do="remove", name="anna").code == 303
        assert http("GET", "/users", headers=session).headers["Location"].startswith("/signin")


class TestSessions:
    def post(self, http: Http, headers: dict[str, str], /, **form: str) -> HTTPResponse:
        return http("POST", "/users/sessions", urlencode(form).encode(), FORM | headers)

    @both_stores
    def test_of_a_user_are_listed_and_ended(
        self, http: Http, store: Store, session: dict[str, str], viewer: dict[str, str]
    ) -> None:
        listed = http("GET", "/users/sessions?user=Luke", headers=session)
        assert listed.code == 200
        assert "Sessions of luke" in text(listed)
        session_id = id_of(viewer["Cookie"].partition("=")[2])
        assert f'value="{session_id}"' in listed.body.decode()
        answer = self.post(http, session, do="end-session", user="luke", session=session_id)
        assert (answer.code, answer.headers["Location"]) == (303, "/users/sessions?user=luke&done=session")
        assert http("GET", "/account", headers=viewer).code == 303
        assert "Not signed in anywhere" in text(http("GET", "/users/sessions?user=luke", headers=session))
        with store.reading() as connection:
            (entry,) = audit.page(connection, AuditFilter(action=Action.SESSIONS_ENDED), limit=10).entries
        assert (entry.actor.name, entry.subject) == ("anna", "luke")

    def test_are_all_ended(self, http: Http, session: dict[str, str], viewer: dict[str, str]) -> None:
        assert self.post(http, session, do="end-all", user="luke").code == 303
        assert http("GET", "/account", headers=viewer).code == 303
        assert http("GET", "/account", headers=session).code == 200

    def test_of_ones_own_are_ended_but_this_one(
        self, http: Http, auth_service: AuthService, session: dict[str, str]
    ) -> None:
        auth_service.set_password("anna", PASSWORD)
        here = {"Cookie": f"zoombridge={auth_service.sign_in('anna', PASSWORD)}"}
        elsewhere = {"Cookie": f"zoombridge={auth_service.sign_in('anna', PASSWORD)}"}
        assert self.post(http, here, do="end-all", user="anna").code == 303
        assert http("GET", "/account", headers=here).code == 200
        assert http("GET", "/account", headers=elsewhere).code == 303

    def test_are_for_administrators_of_the_whole_bridge(
        self, http: Http, session: dict[str, str], viewer: dict[str, str], from_wordpress: dict[str, str]
    ) -> None:
        for headers in (viewer, from_wordpress):
            assert http("GET", "/users/sessions?user=anna", headers=headers).code == 403
            assert self.post(http, headers, do="end-all", user="anna").code == 403
        assert http("GET", "/account", headers=session).code == 200

    @pytest.mark.parametrize("name", ["", "nobody", '"><script>alert(1)</script>', "x" * 10_000])
    def test_of_nobody_lead_back(self, http: Http, session: dict[str, str], name: str) -> None:
        asked = http("GET", f"/users/sessions?{urlencode({'user': name})}", headers=session)
        for answer in (asked, self.post(http, session, do="end-all", user=name)):
            assert (answer.code, answer.headers["Location"]) == (303, "/users")
