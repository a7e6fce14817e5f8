"""The pages on which a site is connected: step by step, and for nobody else."""

import re
import zipfile
from dataclasses import dataclass
from io import BytesIO
from typing import Self
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from sqlalchemy import update

from core.errors import Fault, SiteFaultError
from core.pipeline import site_client
from core.sites import connect as site_connect
from core.sites.connect import SetupProblem
from core.store.db.engine import Store
from core.store.db.schema import pending_sites as pending_sites_table
from core.store.sites import pending_sites
from core.store.sites.pending_sites import PendingSite
from core.wordpress.discovery import Discovery
from core.wordpress.faults import not_wordpress
from core.wordpress.responses import ApplicationPassword, Connection, User
from tests.core.conftest import connected
from tests.web.conftest import Http
from tests.web.pages.conftest import both_stores
from tests.web.pages.doors import Door, Elements, link, words
from web.pages.connect import bridge_address

FOUND = Discovery(
    "https://example.org/",
    "https://example.org/wp-json/",
    'Choir "& Co <b>',
    "https://example.org/wp-admin/authorize-application.php",
)
LOCAL = Discovery(
    "http://127.0.0.1:8080/",
    "http://127.0.0.1:8080/wp-json/",
    "Choir",
    "http://127.0.0.1:8080/wp-admin/authorize-application.php",
)
PASSWORD = "abcd EFGH ijkl MNOP"


class WordPress:
    """A WordPress that is found at any address. Tests set `found` and `error`."""

    def __init__(self) -> None:
        self.found: Discovery | SiteFaultError = LOCAL
        self.error: SiteFaultError | None = None  # the answer to pairing
        self.searched: list[str] = []
        self.paired: list[tuple[str, str, str]] = []
        self.site_id = ""

    @property
    def next_page(self) -> str:
        """Where a browser is sent once the site is paired."""
        return f"/sites/{self.site_id}?done=connected"


@dataclass
class Client:
    """A `WordPressClient` of the double, signed in as an administrator."""

    wordpress: WordPress
    username: str
    password: str

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def me(self) -> User:
        return User(1, self.username, frozenset({"manage_options"}))

    def connection(self) -> Connection:
        return connection_of()

    def pair(self, bridge: str, site: str, _key: str) -> Connection:
        self.wordpress.paired.append((self.username, self.password, bridge))
        if self.wordpress.error is not None:
            raise self.wordpress.error
        self.wordpress.site_id = site
        return connection_of(bridge, site)

    def unpair(self) -> Connection:
        return connection_of()

    def application_password(self) -> ApplicationPassword:
        return ApplicationPassword("1", app_id="another")


class SignedClient:
    """A `SyncClient` of a site whose plugin takes signed requests."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def hello(self) -> None:
        pass


def connection_of(bridge: str | None = None, site: str | None = None) -> Connection:
    return Connection(
        "0.1.0",
        paired=bridge is not None,
        bridge=bridge,
        site=site,
        endpoints={},
        type_owner="stub",
        vczapi=None,
        vczapi_pro=False,
        page=LOCAL.url + "wp-admin/",
        home=LOCAL.url.rstrip("/"),
    )


@pytest.fixture
def wordpress(store: Store, monkeypatch: pytest.MonkeyPatch) -> WordPress:
    made = WordPress()

    def find(address: str) -> Discovery:
        made.searched.append(address)
        if isinstance(made.found, SiteFaultError):
            raise made.found
        return made.found

    def client(_root: str, username: str, password: str, **_: object) -> Client:
        return Client(made, username, password)

    monkeypatch.setattr(site_connect, "find", find)
    monkeypatch.setattr(site_connect, "WordPressClient", client)
    monkeypatch.setattr(site_client, "connect", lambda *_, **__: SignedClient())
    monkeypatch.setattr("core.sites.health_check.check", lambda *_, **__: None)
    return made


def begun(door: Door) -> str:
    """Type an address; return the page of the next step."""
    answer = door.post("/sites/connect", address="example.org")
    assert answer.code == 303, words(answer)
    location: str = answer.headers["Location"]
    return location


def candidate(store: Store, page: str, requested_by: str = "/anna") -> PendingSite:
    found = site_connect.load(store, page.split("?", maxsplit=1)[0].rpartition("/")[2], requested_by)
    assert found is not None
    return found


def back(store: Store, page: str, **given: str) -> str:
    """Return where WordPress sends the browser."""
    query = {
        "state": candidate(store, page).state,
        "site_url": "http://127.0.0.1:8080",
        "user_login": "admin",
        "password": PASSWORD,
    } | given
    return f"{page}/back?{urlencode(query)}"


class TestAddress:
    @both_stores
    def test_is_asked_for(self, admin: Door) -> None:
        answer = admin.get("/sites/connect")
        assert answer.code == 200
        given = {field.get("name"): field.get("value") for field in Elements(answer).all("input")}
        assert given["bridge_url"] == f"http://127.0.0.1:{admin.http.port}", "as the browser asked"

    @both_stores
    def test_leads_to_the_next_step(self, admin: Door, wordpress: WordPress) -> None:
        wordpress.found = FOUND
        page = begun(admin)
        assert re.fullmatch(r"/sites/connect/[0-9a-f]{16}", page)
        assert wordpress.searched == ["example.org"]
        answer = admin.get(page)
        assert "WordPress found" in words(answer)
        assert "<b>" not in answer.body.decode().split("<main")[1]

    def test_that_is_no_good_stays_in_the_form(self, admin: Door, wordpress: WordPress) -> None:
        wordpress.found = not_wordpress("No WordPress was found there.")
        answer = admin.post("/sites/connect", address='example.org/"><x>')
        assert answer.code == 422
        assert "No WordPress was found there." in words(answer)
        assert b"<x>" not in answer.body

    @pytest.mark.parametrize("address", ["", "   ", "x" * 2001])
    def test_that_is_none_is_asked_for_again(self, admin: Door, wordpress: WordPress, address: str) -> None:
        answer = admin.post("/sites/connect", address=address)
        assert answer.code == 422
        assert wordpress.searched == []

    def test_of_the_bridge_must_be_one(self, admin: Door, wordpress: WordPress) -> None:
        answer = admin.post("/sites/connect", address="example.org", bridge_url="bridge")
        assert answer.code == 422
        assert "not a valid bridge address" in words(answer)
        assert wordpress.searched == []

    @pytest.mark.parametrize(
        ("typed", "taken"),
        [
            ("https://bridge.example.org", "https://bridge.example.org"),
            (" https://bridge.example.org/ ", "https://bridge.example.org"),
            ("http://10.0.0.1:8765/zoom/", "http://10.0.0.1:8765/zoom"),
            ("bridge.example.org", None),
            ("ftp://bridge.example.org", None),
            ("https://a:b@bridge.example.org", None),
            ("https://bridge.example.org?x", None),
            ("https://bridge.example.org:99999", None),
            ("https://", None),
            ("https://x/" + "y" * 2000, None),
        ],
    )
    def test_of_the_bridge_as_the_plugin_takes_it(self, typed: str, taken: str | None) -> None:
        assert bridge_address(typed) == taken

    def test_of_a_site_that_is_connected_is_known(self, admin: Door, wordpress: WordPress) -> None:
        assert "https://s1.example.org" in words(admin.get("/sites/connect?again=s1"))
        admin.post("/sites/connect", again="s1", address="https://other.example.org")
        assert wordpress.searched == ["https://s1.example.org"]


class TestApproval:
    def test_is_asked_for_by_a_link_to_wordpress(
        self, admin: Door, store: Store, wordpress: WordPress
    ) -> None:
        page = begun(admin)
        address = link(admin.get(page), "Go to WordPress")
        assert address.startswith(LOCAL.authorization_url)
        given = parse_qs(urlsplit(address).query)
        own = f"http://127.0.0.1:{admin.http.port}"
        assert given["success_url"] == [f"{own}{page}/back?state={candidate(store, page).state}"]
        assert given["reject_url"] == [f"{own}{page}?refused=yes"]

    def test_survives_a_reload(self, admin: Door, wordpress: WordPress) -> None:
        page = begun(admin)
        one, other = (parse_qs(urlsplit(link(admin.get(page), "Go to WordPress")).query) for _ in range(2))
        assert one["success_url"] == other["success_url"]

    def test_is_by_hand_where_wordpress_hands_over_to_https_only(
        self, admin: Door, wordpress: WordPress
    ) -> None:
        wordpress.found = FOUND
        answer = admin.get(begun(admin))
        assert "success_url" not in link(answer, "Open WordPress and approve")
        assert "only to https addresses" in words(answer)
        assert "open" in next(iter(Elements(answer).all("details")))

    def test_that_is_refused_is_kindly_noted(self, admin: Door, wordpress: WordPress) -> None:
        shown = words(admin.get(f"{begun(admin)}?refused=yes"))
        assert "The connection was rejected in WordPress" in shown
        assert "Go to WordPress and approve" in shown


class TestBack:
    def test_with_the_credential_leaves_the_address_at_once(
        self, admin: Door, store: Store, wordpress: WordPress
    ) -> None:
        page = begun(admin)
        answer = admin.get(back(store, page))
        assert answer.code == 303
        assert answer.headers["Location"] == page
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.body == b""
        kept = candidate(store, page)
        assert (kept.username, kept.password) == ("admin", PASSWORD)

    @both_stores
    def test_goes_on_to_pair(self, admin: Door, store: Store, wordpress: WordPress) -> None:
        page = begun(admin)
        answer = admin.follow(admin.get(back(store, page)))
        assert (answer.code, answer.headers["Location"]) == (303, wordpress.next_page)
        own = f"http://127.0.0.1:{admin.http.port}"
        assert wordpress.paired == [("admin", PASSWORD, own)]

    def test_is_good_once(self, admin: Door, store: Store, wordpress: WordPress) -> None:
        page = begun(admin)
        address = back(store, page)
        admin.get(address)
        other = address.replace(urlencode({"password": PASSWORD}), "password=another")
        assert admin.get(other).headers["Location"] == f"{page}?stale=yes"
        assert candidate(store, page).password == PASSWORD

    @pytest.mark.parametrize(
        "wrong",
        [
            {"state": "x"},
            {"state": ""},
            {"state": "é"},
            {"password": ""},
            {"user_login": ""},
            {"password": "x" * 201},
            {"user_login": "x" * 201},
        ],
    )
    def test_with_anything_else_keeps_nothing(
        self, admin: Door, store: Store, wordpress: WordPress, wrong: dict[str, str]
    ) -> None:
        page = begun(admin)
        answer = admin.get(back(store, page, **wrong))
        assert answer.headers["Location"] == f"{page}?stale=yes"
        assert candidate(store, page).password == ""
        assert "was not used" in words(admin.follow(answer))

    def test_is_for_who_began(self, admin: Door, visitor: Door, store: Store, wordpress: WordPress) -> None:
        """Nobody can slip a credential of theirs in, nor finish what another began."""
        page = begun(admin)
        for path in (back(store, page), page):
            answer = visitor.get(path)
            assert (answer.code, answer.headers["Location"]) == (303, "/sites/connect?late=yes")
        assert candidate(store, page).password == ""

    def test_of_who_is_not_signed_in_any_more_takes_no_password_along(
        self, http: Http, admin: Door, store: Store, wordpress: WordPress
    ) -> None:
        page = begun(admin)
        answer = http("GET", back(store, page))
        assert answer.code == 303
        assert parse_qs(urlsplit(answer.headers["Location"]).query) == {"to": [page]}
        assert answer.headers["Referrer-Policy"] == "no-referrer"

    def test_too_late_begins_anew(self, admin: Door, store: Store, wordpress: WordPress) -> None:
        page = begun(admin)
        address = back(store, page)
        store.write(lambda connection: connection.execute(update(pending_sites_table).values(expires_at=1)))
        answer = admin.get(address)
        assert answer.headers["Location"] == "/sites/connect?late=yes"
        assert "has expired" in words(admin.follow(answer))


class TestByHand:
    @both_stores
    def test_a_credential_is_kept_and_used(self, admin: Door, store: Store, wordpress: WordPress) -> None:
        page = begun(admin)
        answer = admin.post(page, username=" admin ", password=f" {PASSWORD}\n")
        assert answer.headers["Location"] == page
        assert admin.get(page).headers["Location"] == wordpress.next_page
        assert wordpress.paired[0][:2] == ("admin", PASSWORD)

    @pytest.mark.parametrize(
        "form",
        [{"username": "admin"}, {"password": PASSWORD}, {}, {"username": "x" * 201, "password": "x" * 201}],
    )
    def test_half_of_one_is_asked_for_again(
        self, admin: Door, store: Store, wordpress: WordPress, form: dict[str, str]
    ) -> None:
        page = begun(admin)
        answer = admin.post(page, **form)
        assert answer.code == 422
        assert PASSWORD not in answer.body.decode(), "what was typed is not shown again"
        assert candidate(store, page).password == ""


class TestObstacle:
    def stopped(self, door: Door, store: Store, wordpress: WordPress, error: SiteFaultError) -> str:
        """Go to the step where pairing fails; return its page."""
        wordpress.error = error
        page = begun(door)
        answer = door.follow(door.get(back(store, page)))
        assert answer.headers["Location"] == page
        return page

    @both_stores
    def test_a_missing_plugin_is_offered(self, admin: Door, store: Store, wordpress: WordPress) -> None:
        page = self.stopped(
            admin, store, wordpress, SiteFaultError("It is not there.", fault=Fault.STUB_MISSING)
        )
        answer = admin.get(page)
        assert "The plugin is not installed yet" in words(answer)
        assert link(answer, "Open that page").startswith("http://127.0.0.1:8080/wp-admin/plugin-install.php")
        zipped = admin.get(link(answer, "Download the plugin"))
        assert zipped.headers["Content-Type"] == "application/zip"
        with zipfile.ZipFile(BytesIO(zipped.body)) as archive:
            assert "meetings-bridge-for-zoom/load.php" in archive.namelist()
        assert admin.get(page).code == 200, "looking at the page again tries nothing"
        assert len(wordpress.paired) == 1

        answer = admin.follow(admin.post(page))
        assert "the problem below remains" in words(answer)
        wordpress.error = None
        assert admin.post(page).headers["Location"] == wordpress.next_page

    @both_stores
    def test_an_old_plugin_is_to_be_replaced(self, admin: Door, store: Store, wordpress: WordPress) -> None:
        page = self.stopped(admin, store, wordpress, SiteFaultError("It is old.", fault=Fault.STUB_OUTDATED))
        answer = admin.get(page)
        assert "The plugin is too old Nothing was changed. Update the plugin" in words(answer)
        assert "Press Replace current with uploaded" in words(answer)
        assert link(answer, "Download the plugin")
        wordpress.error = None
        assert admin.post(page).headers["Location"] == wordpress.next_page

    def test_another_fault_may_be_tried_again(self, admin: Door, store: Store, wordpress: WordPress) -> None:
        page = self.stopped(
            admin, store, wordpress, SiteFaultError("It broke <b> down.", fault=Fault.REFUSED)
        )
        answer = admin.get(page)
        assert "It broke" in words(answer)
        assert b"<b> down" not in answer.body
        wordpress.error = None
        assert admin.post(page).headers["Location"] == wordpress.next_page

    @pytest.mark.parametrize(
        ("status", "said"), [(401, "WordPress does not accept"), (403, "You are no administrator.")]
    )
    def test_a_credential_that_is_no_good_is_dropped(
        self, admin: Door, store: Store, wordpress: WordPress, status: int, said: str
    ) -> None:
        error = SiteFaultError("You are no administrator.", fault=Fault.CREDENTIALS, status=status)
        page = self.stopped(admin, store, wordpress, error)
        shown = words(admin.get(page))
        assert said in shown
        assert "Go to WordPress and approve" in shown
        assert candidate(store, page).problem in (SetupProblem.CREDENTIALS, SetupProblem.NOT_ADMINISTRATOR)


class TestGiveUp:
    @both_stores
    def test_forgets_all_of_it(self, admin: Door, store: Store, wordpress: WordPress) -> None:
        page = begun(admin)
        answer = admin.post(page, give_up="yes")
        assert answer.headers["Location"] == "/sites"
        assert admin.get(page).headers["Location"] == "/sites/connect?late=yes"


class TestWhoMay:
    @pytest.mark.parametrize(
        "path", ["/sites/connect", "/sites/connect/0123456789abcdef", "/sites/connect/0123456789abcdef/back"]
    )
    def test_not_who_only_looks_and_not_from_wp_admin(self, watcher: Door, stub: Door, path: str) -> None:
        for door in (watcher, stub):
            answer = door.get(path)
            assert answer.code == 403
            assert b"own address" in answer.body
        assert watcher.post("/sites/connect", address="example.org").code == 403

    @pytest.mark.parametrize("path", ["/sites/connect", "/plugin.zip", "/sites/connect/0123456789abcdef"])
    def test_nobody_who_is_not_signed_in(self, http: Http, path: str) -> None:
        answer = http("GET", path)
        assert answer.code == 303
        assert answer.headers["Location"].startswith("/signin")

    def test_who_sees_one_site_connects_that_one_only(
        self, visitor: Door, store: Store, wordpress: WordPress
    ) -> None:
        connected(store, "s2")
        assert "s2.example.org" not in words(visitor.get("/sites/connect?again=s2"))
        visitor.post("/sites/connect", again="s2", address="https://s2.example.org")
        assert wordpress.searched == ["https://s1.example.org"]

    def test_a_candidate_is_not_to_be_guessed(self) -> None:
        assert len({pending_sites.new_id() for _ in range(100)}) == 100
