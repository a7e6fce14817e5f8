"""The pages on which a site is added: the plugin with its code, and what becomes of it. For nobody else."""

import re
import time
import zipfile
from dataclasses import replace
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import update
from tornado.ioloop import IOLoop

from core import messages
from core.bridge import Bridge
from core.errors import Fault, SiteFaultError
from core.sites import pairing_codes, typed_home
from core.sites.pairing_caller import PairingCaller
from core.store.db import schema, settings
from core.store.db.engine import Store
from core.store.sites import pairings, sites
from core.store.sites.pairings import Pairing, PairingCode, PairingState
from core.store.sites.sites import Site
from core.wordpress.addresses import Endpoint
from tests.core.conftest import connected
from tests.web import pairings as web_pairings
from tests.web.conftest import served
from tests.web.pages.conftest import both_stores
from tests.web.pages.doors import Door, Elements, link, words
from tests.web.pairings import HOME
from web.app import make_app
from web.stub.plugin_zip import CODE_FILE, SLUG

BRIDGE = "https://bridge.example.org"
HOSTILE = '</title><script>alert("name")</script>'


class Caller(PairingCaller):
    """Notes which sites it should call back. Tests set `underway`."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.begun: list[str] = []
        self.underway: set[str] = set()

    def begin(self, pairing_id: str) -> None:
        self.begun.append(pairing_id)

    def is_underway(self, pairing_id: str) -> bool:
        return pairing_id in self.underway


@pytest.fixture
def caller(bridge: Bridge, store: Store) -> Caller:
    bridge.pairing_caller = Caller(store)
    return bridge.pairing_caller


@pytest.fixture
def admin(admin: Door, caller: Caller) -> Door:
    """An administrator of the bridge; no site is called back meanwhile."""
    return admin


def begun(door: Door, **form: str) -> str:
    """Ask for a code; return the page of its progress."""
    answer = door.post("/sites/add", **({"bridge_url": BRIDGE} | form))
    assert answer.code == 303, words(answer)
    location: str = answer.headers["Location"]
    assert re.fullmatch(r"/sites/add/[0-9a-f]{16}\?download=yes", location)
    return location.partition("?")[0]


def code_of(store: Store, page: str, requested_by: str = "/anna") -> PairingCode:
    found = pairing_codes.load_code(store, page.rpartition("/")[2], requested_by)
    assert found is not None
    return found[0]


def used(store: Store, page: str, state: PairingState = PairingState.CONFIRM, **values: Any) -> Pairing:
    """Note that a site has used the code of a page."""
    return web_pairings.used(store, page.rpartition("/")[2], state, **values)


def state_of(store: Store, made: Pairing) -> PairingState:
    with store.reading() as connection:
        found = pairings.load(connection, made.id, store.sealer)
    assert found is not None
    return found.state


def saved_url(store: Store) -> str:
    with store.reading() as connection:
        return settings.public_url(connection)


def save_url(store: Store, url: str) -> None:
    store.write(lambda connection: settings.save_public_url(connection, url))


class TestForm:
    @both_stores
    def test_gives_a_code_of_this_bridge(self, admin: Door, store: Store) -> None:
        assert admin.get("/sites/add").code == 200
        code = code_of(store, begun(admin, address="https://choir.example.org"))
        assert code.text.startswith(f"{BRIDGE}#zb1.{code.id}.")
        assert (code.uses, code.site_id) == (1, None)
        assert "choir.example.org" in code.address

    def test_needs_no_address(self, admin: Door, store: Store) -> None:
        assert code_of(store, begun(admin, address="")).address == ""

    def test_gives_one_code_for_several_sites(self, admin: Door, store: Store) -> None:
        assert code_of(store, begun(admin, uses="12")).uses == 12

    @pytest.mark.parametrize("address", ["no address", "https://anna:secret@example.org", "x" * 2001])
    def test_refuses_what_is_no_address(self, admin: Door, address: str) -> None:
        answer = admin.post("/sites/add", address=address, bridge_url=BRIDGE)
        assert answer.code == 422
        assert "zb-address-error" in answer.body.decode()

    @pytest.mark.parametrize("uses", ["0", "101", "-1", "many", "1e2", "²"])
    def test_refuses_what_is_no_number_of_sites(self, admin: Door, uses: str) -> None:
        answer = admin.post("/sites/add", uses=uses, bridge_url=BRIDGE)
        assert answer.code == 422
        assert "Enter a number from 1 to 100." in words(answer)

    def test_lets_no_address_confirm_several_sites(self, admin: Door) -> None:
        answer = admin.post("/sites/add", uses="2", address="https://example.org", bridge_url=BRIDGE)
        assert answer.code == 422
        assert "cannot confirm several sites" in words(answer)

    def test_shows_what_was_typed_as_text(self, admin: Door) -> None:
        answer = admin.post("/sites/add", address='"><x>', uses='"><x>', bridge_url='"><x>')
        assert answer.code == 422
        assert b"<x>" not in answer.body


class TestBridgeAddress:
    def test_is_asked_for_with_what_the_browser_uses(self, admin: Door) -> None:
        answer = admin.get("/sites/add")
        own = f"http://127.0.0.1:{admin.http.port}"
        assert Elements(answer).named("zb-bridge_url")["value"] == own
        assert f"machine reach it at {own}" in words(answer), "and why"

    def test_is_saved_and_asked_for_once(self, admin: Door, store: Store) -> None:
        begun(admin)
        assert saved_url(store) == BRIDGE
        answer = admin.get("/sites/add")
        assert "It is asked for once" not in words(answer)
        assert Elements(answer).named("zb-bridge_url")["value"] == BRIDGE, "under More options"

    def test_that_only_this_machine_reaches_does_for_wordpress_beside_it(
        self, admin: Door, store: Store
    ) -> None:
        page = begun(admin, bridge_url="http://127.0.0.1:8765")
        assert code_of(store, page).bridge_url == "http://127.0.0.1:8765"
        assert "It is asked for once" in words(admin.get("/sites/add"))

    def test_can_be_corrected(self, admin: Door, store: Store) -> None:
        save_url(store, "https://old.example.org")
        begun(admin)
        assert saved_url(store) == BRIDGE

    def test_of_an_option_counts(
        self, bridge: Bridge, caller: Caller, store: Store, session: dict[str, str], io_loop: IOLoop
    ) -> None:
        with served(io_loop, lambda: make_app(bridge, public_url="https://fixed.example.org/")) as http:
            door = Door(http, session)
            answer = door.get("/sites/add")
            assert Elements(answer).named("zb-bridge_url")["value"] == "https://fixed.example.org"
            assert "It is asked for once" not in words(answer)
            page = begun(door, bridge_url="http://bridge.internal:8765")
        assert code_of(store, page).bridge_url == "http://bridge.internal:8765"
        assert saved_url(store) == ""

    def test_must_be_one(self, admin: Door, store: Store) -> None:
        answer = admin.post("/sites/add", bridge_url="bridge")
        assert answer.code == 422
        assert "“bridge” is not a valid address of the bridge" in words(answer)
        assert saved_url(store) == ""

    def test_of_one_site_that_is_connected_again_is_not_that_of_all(
        self, admin: Door, store: Store, wp_site: Site
    ) -> None:
        save_url(store, BRIDGE)
        inside = replace(wp_site, bridge_url="http://bridge.internal:8765")
        store.write(lambda connection: sites.save(connection, inside, store.sealer))
        answer = admin.get("/sites/add?site=s1")
        assert Elements(answer).named("zb-bridge_url")["value"] == inside.bridge_url
        page = begun(admin, site="s1", bridge_url=inside.bridge_url)
        assert code_of(store, page).bridge_url == inside.bridge_url
        assert saved_url(store) == BRIDGE


class TestDownload:
    def test_begins_by_itself_once(self, admin: Door) -> None:
        page = begun(admin)
        assert admin.get(f"{page}?download=yes").headers["Refresh"] == f"0; url={page}/plugin.zip"
        assert "Refresh" not in admin.get(page).headers

    @both_stores
    def test_is_the_plugin_with_the_code(self, admin: Door, store: Store) -> None:
        page = begun(admin)
        address = link(admin.get(page), "Download plugin again")
        answer = admin.get(address)
        assert answer.headers["Content-Type"] == "application/zip"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{SLUG}.zip"'
        with zipfile.ZipFile(BytesIO(answer.body)) as opened:
            assert code_of(store, page).text in opened.read(f"{SLUG}/{CODE_FILE}").decode()

    def test_for_updates_has_no_code(self, admin: Door) -> None:
        answer = admin.get("/plugin.zip")
        assert answer.headers["Content-Type"] == "application/zip"
        with zipfile.ZipFile(BytesIO(answer.body)) as opened:
            names = opened.namelist()
        assert f"{SLUG}/load.php" in names
        assert f"{SLUG}/{CODE_FILE}" not in names

    def test_is_for_who_asked_for_it(self, admin: Door, visitor: Door, watcher: Door) -> None:
        page = begun(admin)
        for other, code in ((visitor, 404), (watcher, 403)):
            answer = other.get(f"{page}/plugin.zip")
            assert answer.code == code
            assert answer.headers["Content-Type"].startswith("text/html")

    def test_ends_when_the_code_is_used(self, admin: Door, store: Store) -> None:
        page = begun(admin)
        used(store, page)
        assert admin.get(f"{page}/plugin.zip").code == 404
        assert "Refresh" not in admin.get(f"{page}?download=yes").headers

    def test_can_be_replaced_by_the_code_alone(self, admin: Door, store: Store) -> None:
        page = begun(admin)
        answer = admin.get(page)
        text = code_of(store, page).text
        assert Elements(answer).named("zb-code")["value"] == text
        line = f"define( 'ZOOMBRIDGE_PAIRING_CODE', '{text}' );"
        assert Elements(answer).named("zb-constant")["value"] == line


class TestProgress:
    def shown(self, admin: Door, store: Store, state: PairingState, **values: Any) -> str:
        page = begun(admin)
        used(store, page, state, **values)
        return words(admin.get(page))

    def test_waits_for_the_site_and_says_how_to_get_there(self, admin: Door) -> None:
        page = begun(admin, address="https://choir.example.org")
        answer = admin.get(page)
        assert "Upload: in WordPress, under Plugins > Add New > Upload Plugin" in words(answer)
        part = Elements(answer).named("zb-pairing")
        assert part["data-live"] == "2"
        assert "data-follow" in part
        assert link(answer, "Refresh") == page, "where there is no script"

    def test_says_that_an_address_without_a_scheme_answers_over_http_only(
        self, admin: Door, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = typed_home.TypedHome("http://choir.example.org/", only_http=True)
        monkeypatch.setattr(typed_home, "find", lambda _: found)
        answer = admin.post("/sites/add", address="choir.example.org", uses="1", bridge_url=BRIDGE)
        page = answer.headers["Location"]
        answer = admin.get(page)
        assert "Nothing answers there over https, so this leads to http://choir.example.org/." in words(
            answer
        )
        assert link(answer, "Open that page").startswith("http://choir.example.org/wp-admin/")
        assert "Nothing answers" not in words(admin.get(page.partition("?")[0]))

    def test_shows_that_the_site_is_called_back(self, admin: Door, store: Store) -> None:
        shown = self.shown(admin, store, PairingState.CALLING)
        assert "Plugin installed, and it has called the bridge" in shown
        assert f"The bridge calls {HOME}" in shown

    def test_says_why_the_site_is_not_reached(self, admin: Door, store: Store, caller: Caller) -> None:
        message = messages.SITE_UNREACHABLE % {"reason": messages.NO_ALLOWED_ADDRESS}
        page = begun(admin)
        made = used(store, page, PairingState.UNREACHABLE, message=message)
        assert message in words(admin.get(page))
        assert caller.begun == []
        answer = admin.post(page, pairing=made.id, do="retry")
        assert (answer.headers["Location"], caller.begun) == (page, [made.id])
        caller.underway = {made.id}
        assert "Trying again" in words(admin.get(page))

    @pytest.mark.parametrize("state", [PairingState.UNREACHABLE, PairingState.CALLING])
    def test_tries_again_while_somebody_watches(
        self, admin: Door, store: Store, caller: Caller, state: PairingState
    ) -> None:
        page = begun(admin)
        before = int(time.time() * 1000) - 20_000
        made = used(store, page, state, created_at=before, checked_at=before)
        admin.get(page)
        assert caller.begun == [made.id]

    @both_stores
    def test_asks_for_the_servers_own_password(self, admin: Door, store: Store, caller: Caller) -> None:
        page = begun(admin)
        made = used(store, page, PairingState.SERVER_PASSWORD)
        assert "password of its own" in words(admin.get(page))
        answer = admin.post(page, pairing=made.id, do="password", username=" staging ", password=" s3cret ")
        assert (answer.headers["Location"], caller.begun) == (page, [made.id])
        with store.reading() as connection:
            kept = pairings.load(connection, made.id, store.sealer)
        assert kept is not None
        assert kept.server_login == ("staging", " s3cret ")
        assert "s3cret" not in admin.get(page).body.decode()

    @pytest.mark.parametrize(
        "form",
        [
            {"username": "staging"},
            {"password": "s3cret"},
            {"username": "a:b", "password": "s3cret"},
            {"username": "x" * 201, "password": "y" * 201},
        ],
    )
    def test_asks_again_for_half_of_it(
        self, admin: Door, store: Store, caller: Caller, form: dict[str, str]
    ) -> None:
        page = begun(admin)
        made = used(store, page, PairingState.SERVER_PASSWORD)
        answer = admin.post(page, pairing=made.id, do="password", **form)
        assert answer.code == 422
        assert caller.begun == []
        assert b"s3cret" not in answer.body, "what was typed is not shown again"
        assert "data-live" not in Elements(answer).named("zb-pairing"), "what is said stays"

    def test_shows_names_and_addresses_as_text(self, admin: Door, store: Store) -> None:
        for state in PairingState:
            if state is not PairingState.CONNECTED:
                page = begun(admin)
                used(store, page, state, name=HOSTILE, home=f"https://x/{HOSTILE}", message=HOSTILE)
                answer = admin.get(page)
                assert answer.code == 200
                assert b"<script>alert" not in answer.body
                assert b"<script>alert" not in admin.get("/sites").body
                assert f'href="https://x/{HOSTILE}' not in words(answer)

    def test_goes_on_to_the_site(self, admin: Door, store: Store) -> None:
        page = begun(admin)
        used(store, page, PairingState.CONNECTED, site_id="s1")
        answer = admin.get(page)
        assert (answer.code, answer.headers["Location"]) == (303, "/sites/s1?done=connected")
        assert "Connected. Now set up Zoom" in words(admin.follow(answer))

    def test_of_an_expired_code_starts_again(self, admin: Door, store: Store) -> None:
        page = begun(admin)
        store.write(lambda connection: connection.execute(update(schema.pairing_codes).values(expires_at=1)))
        answer = admin.get(page)
        shown = words(answer)
        if answer.code == 303:
            shown = words(admin.follow(answer))
        assert "has expired" in shown
        assert "data-live" not in shown


class TestAddress:
    """A site inside the bridge's network, about which an administrator is asked."""

    ASKED = (Endpoint("wp.example.org", 0, "10.0.0.5"), Endpoint("wp.example.org", 8080, "10.0.0.5"))

    def test_is_allowed_by_a_button(self, admin: Door, store: Store, caller: Caller) -> None:
        page = begun(admin)
        made = used(store, page, PairingState.UNREACHABLE, asked_addresses=self.ASKED)
        shown = words(admin.get(page))
        assert "wp.example.org = 10.0.0.5" in shown
        assert "Allow address" in shown
        caller.begun.clear()
        admin.post(page, do="allow", pairing=made.id, address="wp.example.org = 10.0.0.6")
        assert (self.allowed(store, made), caller.begun) == ((), [])
        admin.post(page, do="allow", pairing=made.id, address=str(self.ASKED[0]))
        assert (self.allowed(store, made), caller.begun) == (self.ASKED[:1], [made.id])

    def test_is_neither_shown_nor_allowed_to_who_sees_one_site(self, visitor: Door, store: Store) -> None:
        page = begun(visitor)
        made = used(store, page, PairingState.UNREACHABLE, site_id="s1", asked_addresses=self.ASKED)
        shown = words(visitor.get(page))
        assert "10.0.0.5" not in shown
        assert "Allow address" not in shown
        visitor.post(page, do="allow", pairing=made.id, address=str(self.ASKED[0]))
        assert self.allowed(store, made) == ()

    @staticmethod
    def allowed(store: Store, made: Pairing) -> tuple[Endpoint, ...]:
        with store.reading() as connection:
            found = pairings.load(connection, made.id, store.sealer)
        assert found is not None
        return found.addresses


class TestConfirmation:
    @both_stores
    def test_connects_the_site(self, admin: Door, store: Store, caller: Caller) -> None:
        connected: list[str] = []
        caller.on_connected = connected.append
        page = begun(admin, address="https://other.example.org")
        made = used(store, page)
        shown = words(admin.get(page))
        assert f"“Choir” at {HOME}" in shown
        assert "You entered https://other.example.org" in shown
        answer = admin.follow(admin.post(page, pairing=made.id, do="confirm"))
        assert answer.headers["Location"] == f"/sites/{made.site_id}?done=connected"
        assert state_of(store, made) is PairingState.CONNECTED
        assert connected == [made.site_id]
        with store.reading() as connection:
            assert sites.load(connection, made.site_id, store.sealer).home == HOME

    @both_stores
    def test_refuses_the_site(self, admin: Door, store: Store) -> None:
        page = begun(admin)
        made = used(store, page)
        shown = words(admin.follow(admin.post(page, pairing=made.id, do="refuse")))
        assert state_of(store, made) is PairingState.REFUSED
        assert "Nothing was connected" in shown
        admin.post(page, pairing=made.id, do="confirm")
        assert state_of(store, made) is PairingState.REFUSED, "a decision is one"

    @pytest.mark.parametrize("state", [PairingState.CALLING, PairingState.UNREACHABLE, PairingState.REFUSED])
    def test_comes_after_the_call_back(self, admin: Door, store: Store, state: PairingState) -> None:
        page = begun(admin)
        made = used(store, page, state)
        assert admin.post(page, pairing=made.id, do="confirm").headers["Location"] == page
        assert state_of(store, made) is state

    def test_that_fails_says_why(
        self, admin: Door, store: Store, caller: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        page = begun(admin)
        made = used(store, page)

        def fail(*_: object, **__: object) -> None:
            raise SiteFaultError(messages.SITE_BUSY, fault=Fault.THROTTLED)

        monkeypatch.setattr(caller, "confirm", fail)
        answer = admin.post(page, pairing=made.id, do="confirm")
        assert answer.code == 422
        assert messages.SITE_BUSY in words(answer)

    def test_is_for_pairings_of_this_code(self, admin: Door, store: Store) -> None:
        page, other = begun(admin), begun(admin)
        made = used(store, other)
        for do in ("confirm", "refuse", "retry", "password", "?", ""):
            assert admin.post(page, pairing=made.id, do=do).headers["Location"] == page
        assert state_of(store, made) is PairingState.CONFIRM


class TestSeveral:
    def test_shows_what_each_became(self, admin: Door, store: Store) -> None:
        page = begun(admin, uses="5")
        used(store, page, PairingState.CONNECTED, site_id="s1", name="First")
        second = used(store, page, PairingState.CONFIRM, name="Second")
        used(store, page, PairingState.REFUSED, name="Third")
        answer = admin.get(page)
        assert answer.code == 200
        shown = words(answer)
        for said in (
            "First https://choir.example.org/blog Connected",
            "Second",
            "To be confirmed",
            "Refused",
        ):
            assert said in shown
        assert "2 of 5 sites can still use the code" in shown
        assert link(answer, "First") == "/sites/s1"
        assert "data-follow" not in Elements(answer).named("zb-pairings")
        assert admin.post(page, pairing=second.id, do="refuse").headers["Location"] == page

    def test_says_that_none_has_called(self, admin: Door) -> None:
        assert "No site has called yet" in words(admin.get(begun(admin, uses="5")))


class TestCancel:
    @both_stores
    def test_ends_the_code(self, admin: Door, store: Store) -> None:
        page = begun(admin)
        answer = admin.post(page, do="cancel")
        assert answer.headers["Location"] == "/sites?gone=cancelled"
        assert "The pairing code is cancelled" in words(admin.follow(answer))
        assert pairing_codes.load_code(store, page.rpartition("/")[2], "/anna") is None
        assert admin.get(page).headers["Location"] == "/sites/add?late=yes"
        assert "This pairing code has expired" in words(admin.get("/sites/add?late=yes"))


class TestWho:
    @pytest.fixture
    def page(self, admin: Door) -> str:
        return begun(admin)

    def test_may_not_is_told(self, stub: Door, watcher: Door, page: str) -> None:
        for path in ("/sites/add", page, f"{page}/plugin.zip"):
            assert watcher.get(path).code == 403
            assert "Only an administrator can add sites" in watcher.get(path).body.decode()
            assert stub.get(path).code == 403
        for door in (stub, watcher):
            assert door.post("/sites/add", bridge_url=BRIDGE).code == 403
            assert door.post(page, do="cancel").code == 403

    def test_else_asked_for_it_does_not_see_it(self, visitor: Door, page: str, store: Store) -> None:
        assert visitor.get(page).headers["Location"] == "/sites/add?late=yes"
        assert visitor.post(page, do="cancel").headers["Location"] == "/sites/add?late=yes"
        assert code_of(store, page)

    def test_sees_one_site_connects_that_again(
        self, visitor: Door, caller: Caller, store: Store, wp_site: Site
    ) -> None:
        connected(store, "s2")
        for asked in ("", "?site=s2"):
            assert "Connect Site s1 again" in words(visitor.get(f"/sites/add{asked}"))
        page = begun(visitor, site="s2", uses="50", address="https://elsewhere.example.org")
        code = code_of(store, page, "s1/wanda")
        assert (code.site_id, code.uses, code.address) == ("s1", 1, "")
        assert saved_url(store) == "", "the bridge's own address is not theirs"
        assert urlsplit(link(visitor.get(page), "Site s1")).path == "/sites/s1"


class TestAgain:
    @both_stores
    def test_is_for_the_site_that_is_there(self, admin: Door, store: Store) -> None:
        page = begun(admin, site="s1", uses="7", address="https://elsewhere.example.org")
        code = code_of(store, page)
        assert (code.site_id, code.uses, code.address) == ("s1", 1, "")
        used(store, page, PairingState.CONFIRM, site_id="s1")
        assert "which was at https://s1.example.org" in words(admin.get(page))

    def test_of_a_site_that_is_gone_adds_one(self, admin: Door) -> None:
        assert "Address of your site" in words(admin.get("/sites/add?site=nowhere"))


class TestList:
    def test_leads_back_to_what_is_open(self, admin: Door, store: Store, watcher: Door) -> None:
        unused = begun(admin, address="https://choir.example.org")
        asked = begun(admin)
        used(store, asked, name="To confirm")
        several = begun(admin, uses="5")
        used(store, several, PairingState.CONNECTED, site_id="s1")
        done = begun(admin)
        used(store, done, PairingState.CONNECTED, site_id="s1")
        answer = admin.get("/sites")
        assert link(answer, "https://choir.example.org") == unused
        assert link(answer, "To confirm") == asked
        assert link(answer, "Up to 5 sites") == several
        assert done not in answer.body.decode()
        assert "Sites being added" not in words(watcher.get("/sites"))


def test_former_address_leads_here(admin: Door) -> None:
    assert admin.get("/sites/connect").headers["Location"] == "/sites/add"
    assert admin.get("/sites/connect?again=s1").headers["Location"] == "/sites/add?site=s1"
