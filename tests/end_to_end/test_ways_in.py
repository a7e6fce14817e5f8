"""Each way in which sites are closed: from the downloaded plugin to the page of a meeting."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.conftest import STUB, STUB_SLUG
from tests.end_to_end.adding import Place, set_option, upload
from tests.end_to_end.browser import sign_in
from tests.end_to_end.events import Meeting
from tests.end_to_end.front import WebServer
from tests.end_to_end.pair import eventually
from tests.plugin_stub.network import SITES, make_network, unexpected
from tests.plugin_stub.pairing import Admin, must_use
from tests.wordpress import WordPress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.end_to_end.adding import Owner

# Plugins that close the REST API to strangers, each by another filter of WordPress; the last one to everybody.
AUTHENTICATION_ERRORS = """
add_filter( 'rest_authentication_errors', static function ( $errors ) {
    return is_user_logged_in() ? $errors : new WP_Error( 'rest_closed', 'Sign in first.', array( 'status' => 401 ) );
}, 99 );
"""
PRE_DISPATCH = """
add_filter( 'rest_pre_dispatch', static function ( $result ) {
    return is_user_logged_in() ? $result : new WP_Error( 'rest_closed', 'Sign in first.', array( 'status' => 401 ) );
} );
"""
BEFORE_CALLBACKS = """
add_filter( 'rest_request_before_callbacks', static function ( $response ) {
    return is_user_logged_in() ? $response : new WP_Error( 'rest_closed', 'Sign in first.', array( 'status' => 401 ) );
} );
"""
ENDPOINTS = """
add_filter( 'rest_endpoints', static function ( $endpoints ) {
    return is_user_logged_in() ? $endpoints : array();
} );
"""
ENDS = "add_action( 'rest_api_init', static function () { wp_die( 'Closed.', '', 403 ); } );"
NO_APPLICATION_PASSWORDS = "add_filter( 'wp_is_application_passwords_available', '__return_false' );"

ZOOM = r"/wp-json/vczapi/v1/"


@dataclass(frozen=True)
class Way:
    """How a site is closed. `endpoint` is what its address for Zoom begins with, after its host."""

    name: str
    must_use: str = ""
    server: WebServer | None = None
    permalinks: str = ""
    scheme: str = "http"
    endpoint: str = "/wp-json/vczapi/v1/meeting"


WAYS = [
    Way("open"),
    Way("authentication-errors", AUTHENTICATION_ERRORS),
    Way("pre-dispatch", PRE_DISPATCH),
    Way("before-callbacks", BEFORE_CALLBACKS),
    Way("endpoints", ENDPOINTS),
    Way("rest-ends", ENDS),
    Way("no-application-passwords", NO_APPLICATION_PASSWORDS),
    Way("no-authorization", server=WebServer(strips=("Authorization",))),
    Way("plain", permalinks="plain", endpoint="/index.php?rest_route=/vczapi/v1/meeting"),
    Way("no-wp-json", server=WebServer(forbidden=r"/wp-json"), endpoint="/?rest_route=/vczapi/v1/meeting"),
    Way("tls", server=WebServer(https="only"), scheme="https"),
    Way("inspecting", server=WebServer(most_bytes=128 * 1024, inspects=rb"<(?:div|p|a|iframe|script)\b")),
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_from_the_plugin_to_a_page(place: Place, way: Way) -> None:
    home = place.begin(way.name, way.server)
    with ExitStack() as stack:
        if way.must_use:
            stack.enter_context(must_use(place.wordpress, way.must_use))
        if way.permalinks:
            set_option(place.wordpress, "permalink_structure", "")
        site_id = place.connected(home)
        assert place.owner.check(site_id) == {}
        reached = home.replace("http", way.scheme, 1)
        assert place.owner.endpoint(site_id) == reached + way.endpoint
        place.makes_a_page(site_id, way.name)


def test_closed_to_zoom_only(place: Place) -> None:
    """Everything but Zoom's own requests works: they go to the bridge directly."""
    home = place.begin("closed", WebServer(forbidden=r".*vczapi/v1"))
    site_id = place.connected(home)
    assert place.owner.check(site_id) == {}
    assert place.send(place.owner.endpoint(site_id), Meeting("meeting").created()).status_code == 403
    direct = f"{place.owner.bridge.url}/sites/{site_id}/wp-json/vczapi/v1/meeting"
    place.makes_a_page(site_id, "closed", endpoint=direct)


class TestPasswordOfTheServer:
    LOGIN = ("door", "Sesame-Of-The-Server-1")

    def test_is_asked_for_and_kept_sealed(self, place: Place) -> None:
        owner = place.owner
        home = place.begin("password", WebServer(login=self.LOGIN, open=ZOOM))
        code = place.connect(home)
        asked = owner.await_state(code, "server_password")
        assert "asks for a user name and password of its own" in owner.open(f"/sites/add/{code}").text
        owner.press(code, "password", asked.id, username="door", password="wrong")
        refused = owner.await_state(code, "server_password")
        assert "does not accept this user name and password" in refused.message
        owner.press(code, "password", asked.id, username="door", password=self.LOGIN[1])
        site_id = owner.await_site(code)

        assert owner.check(site_id) == {}
        place.makes_a_page(site_id, "password", auth=self.LOGIN)
        for file in owner.bridge.data.iterdir():
            assert self.LOGIN[1].encode() not in file.read_bytes(), file
        assert self.LOGIN[1] not in owner.open(f"/sites/{site_id}").text

    def test_that_comes_after_the_pairing(self, place: Place) -> None:
        owner = place.owner
        home = place.begin("later")
        site_id = place.connected(home)
        place.be_at(home, WebServer(login=self.LOGIN, open=ZOOM))
        assert "asks for a user name and password of its own" in owner.check(site_id)["WordPress"]
        owner.send(f"/sites/{site_id}", do="login", username=self.LOGIN[0], password=self.LOGIN[1])
        assert owner.check(site_id) == {}
        place.makes_a_page(site_id, "later", auth=self.LOGIN)


def test_firewall_that_is_opened_afterwards(place: Place) -> None:
    """The bridge calls again, and nothing is installed again."""
    owner = place.owner
    home = place.begin("firewall", WebServer(forbidden=r"/"))
    code = place.connect(home)
    blocked = owner.await_state(code, "unreachable")
    assert "something else answers the bridge's requests: usually a firewall" in blocked.message
    assert "The page says: “403 Forbidden” (HTTP 403)." in blocked.message
    place.be_at(home)
    owner.press(code, "retry", blocked.id)
    site_id = owner.await_site(code)
    place.makes_a_page(site_id, "firewall")


class TestWithoutUpload:
    NO_FILES = "define( 'DISALLOW_FILE_MODS', true );"

    def test_constant(self, place: Place) -> None:
        home = place.begin("constant")
        place.upload()
        code = place.owner.new_code(home)
        constant = f"define( 'ZOOMBRIDGE_PAIRING_CODE', '{place.owner.text_of(code)}' );"
        with must_use(place.wordpress, self.NO_FILES + constant):
            uploading = place.admin.session.get(
                f"{place.wordpress.url}/wp-admin/plugin-install.php?tab=upload", timeout=600
            )
            assert uploading.status_code == 403
            [notice] = place.admin.open()
            assert notice.text.startswith(f"Connected to {place.owner.bridge.url}")
            site_id = place.owner.await_site(code)
            assert place.admin.open() == [], "the constant is not asked about again"
            place.makes_a_page(site_id, "constant")

    def test_pasted(self, place: Place) -> None:
        """Without an address: a person confirms the site."""
        home = place.begin("pasted")
        place.upload()
        code = place.owner.new_code()
        with must_use(place.wordpress, self.NO_FILES):
            connected, page = place.admin.paste(place.owner.text_of(code))
            assert connected.text.startswith(f"Connected to {place.owner.bridge.url}")
            assert "confirm it there" in page.text, "the bridge shows no pages there yet"
            assert place.owner.await_state(code, "confirm").home == home
            assert place.owner.site_at(home) == [], "not before somebody has confirmed it"
            place.makes_a_page(place.owner.confirm(code), "pasted")


@pytest.fixture
def network() -> Iterator[WordPress]:
    """A network of two sites with the plugin active in all of it."""
    with WordPress.start("playground-sqlite") as site:
        make_network(site)
        shutil.copytree(STUB, site.directory / "wp-content/plugins" / STUB_SLUG)
        site.php(
            "require_once ABSPATH . 'wp-admin/includes/plugin.php'; activate_plugin( $plugin, '', true );",
            plugin=f"{STUB_SLUG}/load.php",
        )
        yield site
        log = site.php_log()
    assert unexpected(log) == []


def asks(admin: Admin, owner: Owner, code: str, home: str) -> bool:
    """Open wp-admin, which uses the code, again if the database was locked; tell whether the site waits at the bridge."""
    admin.open()
    return any(one.home == home and one.state == "confirm" for one in owner.pairings(code))


def test_network_of_sites(place: Place, network: WordPress) -> None:
    """One upload for the network: each of its sites uses the code once."""
    owner, session = place.owner, sign_in(network)
    code = owner.new_code(uses=2)
    upload(network, owner.plugin(code))
    homes = [(network.url + path).rstrip("/") for path in SITES]
    for path, home in zip(SITES, homes, strict=True):
        eventually(partial(asks, Admin(network, session, path.rstrip("/")), owner, code, home))
    for home in homes:
        owner.press(code, "confirm", owner.await_state(code, "confirm", home=home).id)
    for home in homes:
        [site_id] = [site.id for site in owner.sites() if site.url.rstrip("/") == home]
        assert owner.endpoint(site_id) == f"{home}/wp-json/vczapi/v1/meeting"
        assert owner.check(site_id) == {}
        place.makes_a_page(site_id, home)
    file = network.directory / "wp-content/plugins" / STUB_SLUG / "pairing-code.php"
    assert not file.exists(), "its last use is spent"
