"""Who may open the bridge's own pages: the doors."""

import asyncio
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import pytest
from argon2 import PasswordHasher
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.testing import bind_unused_port

from core.auth.passwords import Passwords
from core.auth.service import AuthService
from core.bridge import Bridge
from core.errors import StoreUnavailableError
from core.store.auth import users
from core.store.auth.one_time_links import Purpose
from core.store.auth.users import Role
from core.store.db.engine import Store
from core.store.sites.sites import Site
from tests.web.conftest import Http, text
from web.app import make_app
from web.http.server import make_server
from web.signin.cookie import redirect_target
from web.signin.handlers import SignInGuard
from web.signin.hashing_queue import Client, HashingQueue

PASSWORD = "four words in a row"
ANOTHER = "five other words in a row"
PAGES = ["/webhooks", "/webhooks?site=s1"]
# What has nothing to do with the database runs on one kind of it.
alike = pytest.mark.parametrize("database_kind", ["sqlite"])
ELSEWHERE = {"Origin": "https://s1.example.org", "Sec-Fetch-Site": "cross-site"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def post(http: Http, path: str, headers: dict[str, str] | None = None, /, **form: str) -> HTTPResponse:
    return http("POST", path, urlencode(form).encode(), FORM | (headers or {}))


def sign_in(http: Http, headers: dict[str, str] | None = None, /, **form: str) -> HTTPResponse:
    return post(http, "/signin", headers, **({"name": "anna", "password": PASSWORD} | form))


def cookie(answer: HTTPResponse) -> dict[str, str]:
    """The browser's headers after an answer."""
    return {"Cookie": answer.headers["Set-Cookie"].split(";")[0]}


def is_in(http: Http, headers: dict[str, str]) -> bool:
    return http("GET", "/webhooks", headers=headers).code == 200


def served(http: Http, bridge: Bridge, **options: Any) -> Http:
    """Another process on the same database, as far as HTTP sees."""
    behind_proxy = options.pop("behind_proxy", False)

    async def serve() -> int:
        server = make_server(make_app(bridge, **options), behind_proxy=behind_proxy)
        socket, port = bind_unused_port()
        server.add_socket(socket)
        return int(port)

    return Http(http.loop, http.loop.run_sync(serve))


@pytest.fixture
def anna(auth_service: AuthService) -> str:
    return auth_service.add("anna", Role.ADMINISTRATOR, PASSWORD)


@alike
class TestNobody:
    @pytest.mark.parametrize("path", PAGES)
    @pytest.mark.parametrize("method", ["GET", "POST"])
    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Cookie": "zoombridge=forged"},
            {"Cookie": 'zoombridge="2|1:0"'},
            {"Cookie": "zoombridge="},
            {"Cookie": f"zoombridge={'x' * 8000}"},
            {"Authorization": "Bearer x"},
        ],
    )
    def test_gets_a_page(
        self, http: Http, wp_site: Site, path: str, method: str, headers: dict[str, str]
    ) -> None:
        answer = http(method, path, b"site=s1" if method == "POST" else None, headers)
        asked = f"/signin?{urlencode({'to': path})}" if method == "GET" else "/signin"
        assert (answer.code, answer.headers["Location"]) == (303, asked)
        assert b"example.org" not in (answer.body or b"")

    def test_is_told_where_to_find_the_first_link(self, http: Http) -> None:
        answer = http("GET", "/signin")
        assert answer.code == 200
        assert "zoombridge serve" in text(answer)
        assert 'name="password"' not in answer.body.decode()

    def test_is_told_what_to_do_without_the_password(self, http: Http, anna: str) -> None:
        assert "zoombridge user link" in text(http("GET", "/signin"))

    @pytest.mark.parametrize("path", ["/signin", "/first?token=x", "/password?token=x", "/link?token=x"])
    def test_can_have_anything_kept_or_framed(self, http: Http, path: str) -> None:
        answer = http("GET", path)
        assert answer.headers["Cache-Control"] == "no-store"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert "Set-Cookie" not in answer.headers


class TestPassword:
    def test_opens_the_page_that_was_asked_for(self, http: Http, wp_site: Site, anna: str) -> None:
        asked = http("GET", "/webhooks?site=s1").headers["Location"]
        to = re.search(r'name="to" value="([^"]*)"', http("GET", asked).body.decode())
        assert to is not None

        answer = sign_in(http, name=" Anna ", to=to[1])
        assert (answer.code, answer.headers["Location"]) == (303, "/webhooks?site=s1")
        assert is_in(http, cookie(answer))
        again = http("GET", asked, headers=cookie(answer))
        assert (again.code, again.headers["Location"]) == (303, "/webhooks?site=s1"), (
            "no need to sign in again"
        )

    @pytest.mark.parametrize(
        ("name", "password"),
        [
            ("anna", ANOTHER),
            ("anna", ""),
            ("nobody", PASSWORD),
            ("", ""),
            ("anna", "x" * 100_000),
            ("é" * 5000, "x"),
        ],
    )
    def test_has_to_be_right(self, http: Http, anna: str, name: str, password: str) -> None:
        answer = sign_in(http, name=name, password=password)
        assert answer.code == 422
        assert "Incorrect user name or password." in text(answer)
        assert "Set-Cookie" not in answer.headers
        assert password[:1000] not in answer.body.decode() or len(password) < 2

    def test_is_looked_for_also_where_there_is_no_such_user(
        self, http: Http, anna: str, passwords: Passwords, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The same work, whoever is named: how long it takes tells no names."""
        asked: list[str | None] = []
        matches = passwords.matches

        def noting(kept: str | None, given: str) -> bool:
            asked.append(kept)
            return matches(kept, given)

        monkeypatch.setattr(passwords, "matches", noting)
        answers = [sign_in(http, name=name, password=ANOTHER) for name in ("anna", "nobody")]
        assert len(asked) == 2
        assert asked[1] is None
        one, other = (text(answer).replace("nobody", "anna") for answer in answers)
        assert one == other

    def test_is_shown_to_nobody(self, http: Http, anna: str) -> None:
        answer = sign_in(http, password="a secret that is wrong", name='"><script>alert(1)</script>')
        assert b"a secret that is wrong" not in answer.body
        assert b"<script>alert" not in answer.body


@alike
class TestCookie:
    def test_is_read_by_no_script_and_sent_by_no_other_site(self, http: Http, anna: str) -> None:
        given = sign_in(http).headers.get_list("Set-Cookie")[0].lower()
        for attribute in ("zoombridge=", "httponly", "samesite=lax", "path=/", "max-age=2592000"):
            assert attribute in given
        assert "domain" not in given

    def test_is_bound_to_the_host_on_https(
        self, http: Http, bridge: Bridge, anna: str, passwords: Passwords
    ) -> None:
        behind = served(http, bridge, passwords=passwords, behind_proxy=True)
        https = {"X-Forwarded-Proto": "https"}
        answer = sign_in(behind, https)
        given = answer.headers.get_list("Set-Cookie")[0]
        assert given.startswith("__Host-zoombridge=")
        assert "secure" in given.lower()
        assert is_in(behind, cookie(answer) | https)
        # What somebody on the way planted over http is not taken.
        word = cookie(answer)["Cookie"].partition("=")[2]
        assert not is_in(behind, {"Cookie": f"zoombridge={word}"} | https)

    def test_on_http_claims_nothing(self, http: Http, anna: str) -> None:
        """Without --behind-proxy nobody says https by a header."""
        assert "secure" not in sign_in(http, {"X-Forwarded-Proto": "https"}).headers["Set-Cookie"].lower()

    def test_is_new_with_each_sign_in(self, http: Http, anna: str) -> None:
        """A word that somebody planted before is worth nothing after."""
        planted = cookie(sign_in(http))
        answer = sign_in(http, planted)
        assert cookie(answer) != planted
        assert not is_in(http, planted)
        assert is_in(http, cookie(answer))

    def test_of_an_attackers_choice_is_not_kept(self, http: Http, anna: str) -> None:
        chosen = {"Cookie": "zoombridge=chosen-by-mallory"}
        answer = sign_in(http, chosen)
        assert cookie(answer) != chosen
        assert not is_in(http, chosen)


class TestSession:
    def test_outlives_the_process_and_is_known_to_others(
        self, http: Http, session: dict[str, str], wp_site: Site, bridge: Bridge
    ) -> None:
        assert is_in(served(http, bridge), session)

    def test_is_not_to_be_changed(self, http: Http, session: dict[str, str], wp_site: Site) -> None:
        assert is_in(http, session)
        assert not is_in(http, {"Cookie": session["Cookie"][:-3] + "abc"})

    def test_ends_by_signing_out(self, http: Http, session: dict[str, str]) -> None:
        answer = post(http, "/signout", session)
        assert (answer.code, answer.headers["Location"]) == (303, "/signin")
        assert 'zoombridge=""' in answer.headers["Set-Cookie"]
        assert not is_in(http, session)

    def test_does_not_end_by_a_link(self, http: Http, session: dict[str, str]) -> None:
        assert http("GET", "/signout", headers=session).code == 405
        assert is_in(http, session)

    def test_ends_with_the_user(self, http: Http, store: Store, session: dict[str, str]) -> None:
        store.write(lambda connection: users.remove(connection, "anna"))
        assert not is_in(http, session)

    def test_signing_out_twice_is_no_mistake(self, http: Http, session: dict[str, str]) -> None:
        post(http, "/signout", session)
        assert post(http, "/signout", session).code == 303
        assert post(http, "/signout").code == 303


class TestDestination:
    @pytest.mark.parametrize(
        "path",
        [
            "/",
            "/events",
            "/events?page=2&outcome=failed",
            "/meetings/acc-1/85393847045",
            "/sites/s1?a=%2F%2Fx",
        ],
    )
    def test_is_a_page_of_the_bridge(self, path: str) -> None:
        assert redirect_target(path) == path

    @pytest.mark.parametrize(
        "asked",
        [
            "", "x", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example",
            "/\t/evil.example", "\n//evil.example", " //evil.example", "javascript:alert(1)", "/..//evil.example", "/.",
            "/x\r\nSet-Cookie: a=b", "/%0d\n", "/é", "@evil.example", ".evil.example", "/" + "x" * 5000,
            "/signin", "/signout", "/signin/", "/enter", "/enter/confirm", "/link?token=x", "/password",
            "/first",
        ],
    )  # fmt: skip
    def test_is_nowhere_else(self, asked: str) -> None:
        assert redirect_target(asked) == "/"

    @alike
    def test_of_a_forged_form_is_the_start(self, http: Http, anna: str) -> None:
        for asked in ("//evil.example", "https://evil.example", "/\\evil.example", "\n//evil.example"):
            assert sign_in(http, to=asked).headers["Location"] == "/"
            signed_in = cookie(sign_in(http))
            again = http("GET", f"/signin?{urlencode({'to': asked})}", headers=signed_in)
            assert again.headers["Location"] == "/"


@alike
class TestTooMany:
    def test_tries_have_to_wait_and_are_told_how_long(self, http: Http, anna: str) -> None:
        for _ in range(5):
            assert sign_in(http, password=ANOTHER).code == 422
        answer = sign_in(http)
        assert answer.code == 429, "the right one, too"
        assert re.search(r"Wait [1-4] seconds?, then try again\.", text(answer))
        assert 1 <= int(answer.headers["Retry-After"]) <= 4
        assert "Set-Cookie" not in answer.headers

    def test_tries_with_a_name_that_is_written_otherwise_are_the_same(self, http: Http, anna: str) -> None:
        for name in ("anna", "Anna", " ANNA ", "\uff21nna", "anna"):
            assert sign_in(http, name=name, password=ANOTHER).code == 422
        assert sign_in(http).code == 429

    def test_tries_with_a_name_that_is_nobodys_wait_alike(self, http: Http, anna: str) -> None:
        for _ in range(5):
            assert sign_in(http, name="nobody").code == 422
        assert sign_in(http, name="nobody").code == 429

    def test_tries_of_one_address_with_many_names(self, http: Http, anna: str) -> None:
        for number in range(10):
            assert sign_in(http, name=f"nobody{number}").code == 422
        assert sign_in(http).code == 429

    @pytest.mark.parametrize("behind_proxy", [True, False])
    def test_addresses_are_told_by_a_proxy_that_was_declared(
        self, http: Http, bridge: Bridge, passwords: Passwords, anna: str, behind_proxy: bool
    ) -> None:
        there = served(http, bridge, passwords=passwords, behind_proxy=behind_proxy)
        codes = [
            sign_in(there, {"X-Forwarded-For": f"192.0.2.{number}"}, name=f"nobody{number}").code
            for number in range(12)
        ]
        assert codes == ([422] * 12 if behind_proxy else [422] * 10 + [429] * 2)

    def test_a_sign_in_begins_anew(self, http: Http, anna: str) -> None:
        for _ in range(2):
            assert [sign_in(http, password=ANOTHER).code for _ in range(4)] == [422] * 4
            assert sign_in(http).code == 303

    def test_comparisons_run_two_at_once_and_few_wait(
        self, http: Http, bridge: Bridge, auth_service: AuthService, anna: str
    ) -> None:
        """A flood of sign-ins takes no more memory and no more processors than that."""
        running = most = 0
        counting, full, go = threading.Lock(), threading.Event(), threading.Event()

        class Slow(PasswordHasher):
            def verify(self, *given: Any, **more: Any) -> Any:
                nonlocal running, most
                with counting:
                    running += 1
                    most = max(most, running)
                    if running == 2:
                        full.set()
                assert go.wait(600)
                with counting:
                    running -= 1
                return super().verify(*given, **more)

        slow = Passwords(Slow(time_cost=1, memory_cost=8, parallelism=1))
        there = served(http, bridge, passwords=slow, behind_proxy=True)

        async def flood() -> list[int]:
            client = AsyncHTTPClient(force_instance=True, max_clients=100)

            async def one(number: int) -> int:
                answer = await client.fetch(
                    f"http://127.0.0.1:{there.port}/signin",
                    method="POST",
                    body=urlencode({"name": f"name{number}", "password": PASSWORD}),
                    headers={"X-Forwarded-For": f"192.0.2.{number}"},
                    raise_error=False,
                    request_timeout=600,
                )
                if answer.code == 503:
                    assert "Too many people are signing in right now" in answer.body.decode()
                    assert answer.headers["Retry-After"]
                return int(answer.code)

            tasks = [asyncio.ensure_future(one(number)) for number in range(40)]
            # Nobody is compared with yet, and all that do not fit have their answer.
            refused = asyncio.as_completed(tasks)
            for _ in range(40 - 2 - 16):
                assert await next(refused) == 503
            # Other pages are answered meanwhile.
            assert (await client.fetch(f"http://127.0.0.1:{there.port}/signin")).code == 200
            go.set()
            codes = list(await asyncio.gather(*tasks))
            client.close()
            return codes

        codes = http.loop.run_sync(flood, timeout=300)
        assert full.is_set()
        assert most == 2
        assert codes.count(503) == 40 - 2 - 16
        assert codes.count(422) == 2 + 16


def browser_after(answer: HTTPResponse, *, signed_in: bool = False) -> dict[str, str]:
    """The headers of a browser after an answer that signed it in: signed out again, unless said otherwise."""
    cookies = [one.split(";")[0] for one in answer.headers.get_list("Set-Cookie")]
    return {"Cookie": "; ".join(one for one in cookies if signed_in or "-device-" in one)}


@alike
class TestKnownDevice:
    @pytest.fixture
    def device(self, http: Http, anna: str) -> dict[str, str]:
        return browser_after(sign_in(http))

    def guess(
        self, http: Http, times: int, headers: dict[str, str] | None = None, name: str = "anna"
    ) -> set[int]:
        return {sign_in(http, headers, name=name, password=ANOTHER).code for _ in range(times)}

    def test_cookie_is_read_by_no_script_and_sent_by_no_other_site(self, http: Http, anna: str) -> None:
        session, device = sign_in(http).headers.get_list("Set-Cookie")
        assert session.startswith("zoombridge=")
        assert device.startswith("zoombridge-device-")
        for attribute in ("HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=15552000"):
            assert attribute in device
        assert "Domain" not in device
        assert "anna" not in device

    def test_cookie_is_bound_to_the_host_on_https(
        self, http: Http, bridge: Bridge, anna: str, passwords: Passwords
    ) -> None:
        behind = served(http, bridge, passwords=passwords, behind_proxy=True)
        _, device = sign_in(behind, {"X-Forwarded-Proto": "https"}).headers.get_list("Set-Cookie")
        assert device.startswith("__Host-zoombridge-device-")
        assert "Secure" in device

    def test_passes_while_strangers_guess_from_the_same_address(
        self, http: Http, device: dict[str, str]
    ) -> None:
        assert self.guess(http, 12) == {422, 429}
        assert sign_in(http).code == 429
        assert sign_in(http, device).code == 303
        assert sign_in(http).code == 429, "strangers wait on"

    def test_passes_while_strangers_guess_from_many_addresses(
        self, http: Http, bridge: Bridge, passwords: Passwords, device: dict[str, str]
    ) -> None:
        there = served(http, bridge, passwords=passwords, behind_proxy=True)
        guesses = [
            sign_in(there, {"X-Forwarded-For": f"192.0.2.{number}"}, password=ANOTHER).code
            for number in range(8)
        ]
        assert guesses == [422] * 5 + [429] * 3
        assert sign_in(there, {"X-Forwarded-For": "198.51.100.1"}).code == 429
        assert sign_in(there, device | {"X-Forwarded-For": "198.51.100.1"}).code == 303

    def test_needs_the_password(self, http: Http, device: dict[str, str]) -> None:
        assert not is_in(http, device)
        answer = sign_in(http, device, password=ANOTHER)
        assert answer.code == 422
        assert "Set-Cookie" not in answer.headers

    def test_does_not_wait_for_its_own_few_failures_and_then_like_a_stranger(
        self, http: Http, device: dict[str, str]
    ) -> None:
        assert self.guess(http, 10, device) == {422}
        assert sign_in(http).code == 303, "a stranger has not waited for them"
        assert self.guess(http, 5, device) == {422}
        assert sign_in(http, device).code == 429

    def test_begins_anew_with_a_sign_in(self, http: Http, device: dict[str, str]) -> None:
        for _ in range(2):
            assert self.guess(http, 9, device) == {422}
            assert sign_in(http, device).code == 303

    def test_is_one_of_its_user_only(
        self, http: Http, auth_service: AuthService, device: dict[str, str]
    ) -> None:
        auth_service.add("bert", Role.VIEWER, PASSWORD)
        self.guess(http, 6, name="bert")
        value = device["Cookie"].partition("=")[2]
        as_bert = browser_after(sign_in(http, name="anna"))["Cookie"].partition("=")[0]
        assert sign_in(http, device, name="bert").code == 429
        assert sign_in(http, {"Cookie": f"{as_bert}={value}"}, name="bert").code == 429

    def test_of_two_users_is_known_to_both(self, http: Http, auth_service: AuthService, anna: str) -> None:
        auth_service.add("bert", Role.VIEWER, PASSWORD)
        both = "; ".join(browser_after(sign_in(http, name=name))["Cookie"] for name in ("anna", "bert"))
        for name in ("anna", "bert"):
            self.guess(http, 6, name=name)
            assert sign_in(http, {"Cookie": both}, name=name).code == 303

    def test_is_a_stranger_after_a_new_password(
        self, http: Http, auth_service: AuthService, device: dict[str, str]
    ) -> None:
        auth_service.set_password("anna", ANOTHER)
        for _ in range(6):
            sign_in(http, password="wrong")
        assert sign_in(http, device, password=ANOTHER).code == 429

    def test_is_not_made_up(self, http: Http, device: dict[str, str]) -> None:
        self.guess(http, 6)
        name, value = device["Cookie"].split("=")
        for forged in ("", "x", value[:-1] + ("0" if value[-1] != "0" else "1"), value.partition(".")[2]):
            assert sign_in(http, {"Cookie": f"{name}={forged}"}).code == 429

    def test_is_one_after_choosing_a_password_by_link(
        self, http: Http, auth_service: AuthService, anna: str
    ) -> None:
        form = {"token": auth_service.link("anna", Purpose.PASSWORD), "password": ANOTHER, "again": ANOTHER}
        device = browser_after(post(http, "/password", **form))
        self.guess(http, 0)
        for _ in range(6):
            sign_in(http, password="wrong")
        assert sign_in(http, device, password=ANOTHER).code == 303

    def test_changes_its_password_while_strangers_guess(self, http: Http, anna: str) -> None:
        here = browser_after(sign_in(http), signed_in=True)
        self.guess(http, 12)
        form = {"password": PASSWORD, "wanted": ANOTHER, "again": ANOTHER}
        changed = post(http, "/account", here, **form)
        assert changed.code == 303
        self.guess(http, 2)
        assert sign_in(http, browser_after(changed), password=ANOTHER).code == 303

    def test_waits_in_turns_of_its_own(self, auth_service: AuthService, anna: str) -> None:
        """What these turns are worth: tests/web/signin/test_hashing_queue.py."""
        clients: list[Client] = []

        class Noting(HashingQueue):
            async def run(self, client: Client, function: Callable[..., Any], *arguments: Any) -> Any:
                clients.append(client)
                return await super().run(client, function, *arguments)

        async def attempts() -> None:
            with ThreadPoolExecutor() as pool:
                guard = SignInGuard(auth_service, pool, hashing=Noting(pool))
                session = await guard.attempt(
                    "anna", "192.0.2.1", lambda: auth_service.sign_in("anna", PASSWORD)
                )
                remembered = auth_service.remember_device(session or "")
                assert remembered is not None
                for address in ("192.0.2.1", "2001:db8::1"):
                    await guard.attempt("anna", address, lambda: None, device_token="x")
                    await guard.attempt("anna", address, lambda: None, device_token=remembered[1])

        asyncio.run(attempts())
        known = Client(clients[2].key, is_known=True)
        here = Client("192.0.2.1")
        assert clients == [here, here, known, Client("2001:db8::/64"), known]
        assert known.key != here.key


@alike
class TestDatabaseThatIsDown:
    def test_is_said_on_every_door_and_page(
        self, http: Http, store: Store, session: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def down() -> None:
            raise StoreUnavailableError("The database cannot be used now.")

        monkeypatch.setattr(store, "reading", down)
        monkeypatch.setattr(store, "submit", lambda _: down())
        for answer in (
            http("GET", "/webhooks", headers=session),
            http("GET", "/signin"),
            sign_in(http),
            http("GET", "/first?token=x"),
            http("GET", "/link?token=x"),
            post(http, "/link", token="x"),
            http("GET", "/enter/confirm", headers={"Cookie": "zoombridge-entry=x"}),
            post(http, "/enter", token="x"),
            post(http, "/signout", session),
        ):
            assert answer.code == 503
            assert "The database cannot be used now." in text(answer)
            assert "Set-Cookie" not in answer.headers

    def test_does_not_count_as_a_try(
        self, http: Http, store: Store, anna: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as broken:
            broken.setattr(store, "reading", StoreUnavailableError)
            for _ in range(7):
                assert sign_in(http).code in (500, 503)
        assert sign_in(http).code == 303


class TestLog:
    def test_tells_who_came_and_of_who_failed_only_from_where(
        self,
        http: Http,
        auth_service: AuthService,
        wp_site: Site,
        anna: str,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """A password that was typed into the wrong field is not kept."""
        sign_in(http)
        sign_in(http, name=PASSWORD, password="anna")
        token = auth_service.from_wordpress("s1", "wanda")
        entered, browser = enter(http, token)
        said = "".join(capsys.readouterr())
        assert re.search(r"signed_in .*address=127\.0\.0\.1 .*name=anna", said)
        assert re.search(r"sign_in_failed .*address=127\.0\.0\.1", said)
        assert said.count("signed_in") == 2
        kept = [one.partition("=")[2] for one in (browser["Cookie"], cookie(entered)["Cookie"])]
        for secret in (PASSWORD, token, *kept):
            assert secret not in said


class TestFirst:
    def form(self, token: str, **changed: str) -> dict[str, str]:
        return {"token": token, "name": "anna", "password": PASSWORD, "again": PASSWORD} | changed

    def test_is_made_and_let_in(self, http: Http, auth_service: AuthService) -> None:
        token = auth_service.invitation()
        shown = http("GET", f"/first?token={token}")
        assert shown.code == 200
        assert "At least 12 characters" in text(shown)
        assert http("GET", f"/first?token={token}").code == 200, "to look does not use it up"

        answer = post(http, "/first", **self.form(token))
        assert (answer.code, answer.headers["Location"]) == (303, "/")
        assert is_in(http, cookie(answer))
        assert sign_in(http).code == 303

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"password": "short", "again": "short"}, "fewer than 12"),
            ({"again": ANOTHER}, "do not match"),
            ({"name": "a b"}, "letters"),
            (
                {"name": "annabella.smith", "password": "annabella.smith", "again": "annabella.smith"},
                "not be the user name",
            ),
        ],
    )
    def test_is_told_what_is_wrong(
        self, http: Http, auth_service: AuthService, changed: dict[str, str], said: str
    ) -> None:
        token = auth_service.invitation()
        answer = post(http, "/first", **self.form(token, **changed))
        assert answer.code == 422
        assert said in text(answer)
        assert f'value="{self.form(token, **changed)["name"]}"' in answer.body.decode(), (
            "what was typed stays"
        )
        assert PASSWORD not in answer.body.decode()
        assert not auth_service.has_users()
        assert post(http, "/first", **self.form(token)).code == 303

    def test_is_made_once(self, http: Http, auth_service: AuthService) -> None:
        token = auth_service.invitation()
        post(http, "/first", **self.form(token))
        for answer in (
            post(http, "/first", **self.form(token, name="mallory")),
            http("GET", f"/first?token={token}"),
        ):
            assert answer.code == 403
            assert "no longer works" in text(answer)
            assert "Set-Cookie" not in answer.headers
        assert [user.name for user in auth_service.users()] == ["anna"]

    def test_is_not_made_by_a_guess_and_nothing_is_computed_for_one(
        self, http: Http, auth_service: AuthService, passwords: Passwords, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        auth_service.invitation()
        monkeypatch.setattr(passwords, "hashed", lambda _: pytest.fail("computed"))
        for guess in ("", "x", "é", "x" * 10_000):
            assert post(http, "/first", **self.form(guess)).code == 403


class TestLinks:
    def test_for_a_password(self, http: Http, auth_service: AuthService, anna: str) -> None:
        before = cookie(sign_in(http))
        token = auth_service.link("anna", Purpose.PASSWORD)
        assert "For anna." in text(http("GET", f"/password?token={token}"))
        form = {"token": token, "password": ANOTHER, "again": ANOTHER, "name": "mallory"}
        assert "For anna." in text(post(http, "/password", **form | {"again": "x"}))
        answer = post(http, "/password", **form)
        assert answer.code == 303
        assert is_in(http, cookie(answer))
        assert not is_in(http, before), "signed out everywhere"
        assert sign_in(http).code == 422
        assert sign_in(http, password=ANOTHER).code == 303
        assert post(http, "/password", **form).code == 403
        assert [user.name for user in auth_service.users()] == ["anna"], "the token says whose it is"

    def test_that_let_in_are_used_by_a_button(self, http: Http, auth_service: AuthService, anna: str) -> None:
        token = auth_service.link("anna", Purpose.SIGN_IN)
        for _ in range(2):  # whoever opens it ahead of people does not use it up
            asked = http("GET", f"/link?token={token}")
            assert asked.code == 200
            assert "Sign in as anna" in text(asked)
            assert "signed in here" not in text(asked)
            assert "Set-Cookie" not in asked.headers
            assert http("HEAD", f"/link?token={token}").code == 405
        assert Form.of(asked) == ("/link", {"token": token})
        assert post(http, f"/link?token={token}").code == 403, "not from the address"
        answer = post(http, "/link", token=token)
        assert (answer.code, answer.headers["Location"]) == (303, "/")
        assert is_in(http, cookie(answer))
        for again in (http("GET", f"/link?token={token}"), post(http, "/link", token=token)):
            assert (again.code, "Set-Cookie" in again.headers) == (403, False)

    def test_that_let_in_say_whose_session_ends(
        self, http: Http, auth_service: AuthService, session: dict[str, str]
    ) -> None:
        auth_service.add("bert", Role.VIEWER)
        token = auth_service.link("bert", Purpose.SIGN_IN)
        asked = text(http("GET", f"/link?token={token}", headers=session))
        assert "You are signed in here as anna. If you continue, that session ends." in asked
        assert "Stay signed in as anna" in asked
        assert is_in(http, session)
        answer = post(http, "/link", session, token=token)
        assert answer.code == 303
        assert not is_in(http, session)
        assert "bert" in text(http("GET", "/account", headers=cookie(answer)))

    def test_that_let_in_are_used_by_no_form_from_elsewhere(
        self, http: Http, auth_service: AuthService, session: dict[str, str]
    ) -> None:
        """Nobody is signed in as somebody else by a page of theirs."""
        token = auth_service.link("anna", Purpose.SIGN_IN)
        for headers in (ELSEWHERE, {"Origin": "null", "Sec-Fetch-Site": "cross-site"}):
            answer = post(http, "/link", headers | session, token=token)
            assert (answer.code, "Set-Cookie" in answer.headers) == (403, False)
        assert post(http, "/link", token=token).code == 303

    def test_from_wordpress_are_not_taken_from_an_address(
        self, http: Http, auth_service: AuthService, wp_site: Site
    ) -> None:
        token = auth_service.from_wordpress("s1", "wanda")
        assert http("GET", f"/enter?token={token}").code == 405
        assert http("HEAD", f"/enter?token={token}").code == 405
        assert http("GET", f"/enter/confirm?token={token}").code == 403
        assert http("GET", f"/link?token={token}").code == 403
        assert post(http, "/link", token=token).code == 403
        assert post(http, f"/enter?token={token}").code == 403
        assert post(http, "/enter", token=token).code == 303


class Form(HTMLParser):
    """The form of a page: its address and hidden fields."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            assert given["method"] == "post"
            self.action = given["action"] or ""
        elif tag == "input" and given.get("type") == "hidden":
            self.fields[given["name"] or ""] = given["value"] or ""

    @classmethod
    def of(cls, answer: HTTPResponse) -> tuple[str, dict[str, str]]:
        parser = cls()
        parser.feed(answer.body.decode())
        return parser.action, parser.fields


def enter(
    http: Http, token: str, session: dict[str, str] | None = None
) -> tuple[HTTPResponse, dict[str, str]]:
    """Post a link from wp-admin as a browser does, and open where that leads; return the page and the browser's headers.

    The cookie of a session goes with what is opened, and not with the form of another site.
    """
    posted = post(http, "/enter", ELSEWHERE, token=token)
    assert (posted.code, posted.headers["Location"]) == (303, "/enter/confirm")
    cookies = [cookie(posted)["Cookie"], *([session["Cookie"]] if session else [])]
    browser = {"Cookie": "; ".join(cookies)}
    return http("GET", "/enter/confirm", headers=browser), browser


class TestFromWordPress:
    def test_enters_from_another_origin(self, http: Http, auth_service: AuthService, wp_site: Site) -> None:
        answer, _ = enter(http, auth_service.from_wordpress("s1", "wanda"))
        assert (answer.code, answer.headers["Location"]) == (303, "/")
        shown = http("GET", "/webhooks", headers=cookie(answer))
        assert shown.code == 200
        assert "wanda, of Site s1" in text(shown)
        assert "-device-" not in answer.headers["Set-Cookie"], "there is no password to type"

    @alike
    def test_enters_without_saying_from_where(
        self, http: Http, auth_service: AuthService, wp_site: Site
    ) -> None:
        """As a browser does that is told to keep it to itself."""
        token = auth_service.from_wordpress("s1", "wanda")
        hidden = {"Origin": "null", "Sec-Fetch-Site": "cross-site"}
        assert post(http, "/enter", hidden, token=token).code == 303

    @alike
    def test_is_kept_by_this_browser_alone(
        self, http: Http, auth_service: AuthService, wp_site: Site
    ) -> None:
        token = auth_service.from_wordpress("s1", "wanda")
        posted = post(http, "/enter", ELSEWHERE, token=token)
        kept = posted.headers["Set-Cookie"]
        for attribute in ("zoombridge-entry=", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"):
            assert attribute in kept
        assert token not in kept
        assert token not in posted.headers["Location"]
        for headers in ({}, {"Cookie": f"zoombridge-entry={token}"}):
            answer = http("GET", "/enter/confirm", headers=headers)
            assert (answer.code, "Set-Cookie" in answer.headers) == (403, False)

    @alike
    def test_asks_before_it_replaces_the_session_of_another(
        self, http: Http, auth_service: AuthService, session: dict[str, str], wp_site: Site
    ) -> None:
        asked, browser = enter(http, auth_service.from_wordpress("s1", "wanda"), session)
        assert asked.code == 200
        assert "You are signed in here as anna. If you continue, that session ends." in text(asked)
        assert "Sign in as wanda" in text(asked)
        assert "wp-admin of Site s1" in text(asked)
        assert "Set-Cookie" not in asked.headers
        assert is_in(http, session)
        assert Form.of(asked) == ("/enter/confirm", {})

        assert post(http, "/enter/confirm", ELSEWHERE | browser).code == 403
        assert post(http, "/enter/confirm", session).code == 403, "only where the link was posted"
        assert is_in(http, session)
        answer = post(http, "/enter/confirm", browser)
        assert (answer.code, answer.headers["Location"]) == (303, "/")
        assert "wanda, of Site s1" in text(http("GET", "/webhooks", headers=cookie(answer)))
        assert not is_in(http, session)
        assert post(http, "/enter/confirm", browser).code == 403, "works once"

    @alike
    @pytest.mark.parametrize(("name", "asks"), [("wanda", False), ("willy", True)])
    def test_asks_only_where_it_is_another(
        self, http: Http, auth_service: AuthService, wp_site: Site, name: str, asks: bool
    ) -> None:
        before, _ = enter(http, auth_service.from_wordpress("s1", "wanda"))
        answer, _ = enter(http, auth_service.from_wordpress("s1", name), cookie(before))
        assert answer.code == (200 if asks else 303)
        assert ("as wanda, for the site Site s1" in text(answer)) == asks
        assert is_in(http, cookie(before)) == asks, "a session is replaced by the next of the same user"

    @alike
    def test_asks_a_user_of_the_same_name(
        self, http: Http, auth_service: AuthService, session: dict[str, str], wp_site: Site
    ) -> None:
        """A user of WordPress is another person than one of the bridge."""
        asked, _ = enter(http, auth_service.from_wordpress("s1", "anna"), session)
        assert asked.code == 200
        assert is_in(http, session)

    def test_does_not_enter_again_or_by_a_guess(
        self, http: Http, auth_service: AuthService, wp_site: Site
    ) -> None:
        token = auth_service.from_wordpress("s1", "wanda")
        post(http, "/enter", ELSEWHERE, token=token)
        for given in (token, "", "x", "é", "x" * 10_000):
            answer = post(http, "/enter", ELSEWHERE, token=given)
            assert answer.code == 403
            assert "Set-Cookie" not in answer.headers
            assert "go back and press the button there again" in text(answer)

    def test_the_cookie_of_who_was_here_opens_nothing_by_that(
        self, http: Http, session: dict[str, str]
    ) -> None:
        """The one door that takes forms from anywhere looks at no cookie."""
        assert post(http, "/enter", ELSEWHERE | session).code == 403

    def test_many_at_the_same_moment_enter_once(self, auth_service: AuthService, wp_site: Site) -> None:
        token = auth_service.from_wordpress("s1", "wanda")

        def enter(_: int) -> bool:
            try:
                return bool(auth_service.sign_in_by_link(Purpose.SITE, token))
            except Exception:  # noqa: BLE001 - which one it is, is told elsewhere
                return False

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(enter, range(8))) == 1
