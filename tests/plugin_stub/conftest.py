"""Fixtures for the stub: a double of the bridge, a site that is paired with it, a session in wp-admin."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.examples import SOAK
from tests.plugin_stub.bridge_double import BridgeDouble
from tests.plugin_stub.pairing import connect
from tests.wordpress import COMMON_KINDS, WordPress
from tests.wordpress.vczapi_site import REAL, VczapiSite

# Messages that the stub does not cause: WordPress 6.1's HTTP client and SQLite integration are older than PHP 8.2, and
# WordPress 6.5 than PHP 8.4, its parser of "Basic garbage" expects a colon, and PHP logs each body over its own limit.
NOT_OURS = re.compile(
    r"Deprecated: .* in \S+/wp-includes/Requests/"
    r"|Deprecated: .*Implicitly marking parameter .* in \S+/wp-(?:includes|admin)/"
    r"|Undefined array key 1 in \S+/wp-includes/load\.php"
    r"|Deprecated: .* in \S+/sqlite-database-integration/"
    r"|POST Content-Length of \d+ bytes exceeds"
)

# What does not depend on the versions of WordPress and of its database is tried on one of the two kinds in every run, and on
# both by the soak.
ON_ONE = {
    "test_metas": "debian-mariadb",
    "test_changes": "playground-sqlite",
    "test_calendar": "playground-sqlite",
    "test_forward": "debian-mariadb",
    "test_page": "playground-sqlite",
    "test_plugin": "debian-mariadb",
    "test_pairing": "debian-mariadb",
    "test_moving": "debian-mariadb",
    "test_goodbye": "debian-mariadb",
    "test_rotation": "debian-mariadb",
    "test_new_address": "debian-mariadb",
    "test_loader": "debian-mariadb",
    "test_predecessor": "debian-mariadb",
    "test_type": "playground-sqlite",
    "test_admin_list": "debian-mariadb",
    "test_visitors": "debian-mariadb",
    "test_vczapi_alone": "debian-mariadb",
    "test_vczapi_form": "debian-mariadb",
    "test_vczapi_visitors": "debian-mariadb",
    "test_vczapi_box": "debian-mariadb",
    "test_vczapi_next": "playground-sqlite",
    "test_vczapi_page": "debian-mariadb",
    "test_vczapi_metas": "debian-mariadb",
    "test_vczapi_pro": "debian-mariadb",
    "test_vczapi_promises": "playground-sqlite",
}

VCZAPI = Path(__file__).parent.parent / "wordpress/vczapi"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if SOAK or REAL:
        return
    if elsewhere := [item for item in items if _is_tried_on_the_other(item)]:
        config.hook.pytest_deselected(items=elsewhere)
        items[:] = [item for item in items if not _is_tried_on_the_other(item)]


def _is_tried_on_the_other(item: pytest.Item) -> bool:
    # pytest hands over the tests of all folders, and end_to_end/ has modules of the same names.
    is_ours = item.path.parent == Path(__file__).parent
    kind = item.callspec.params.get("wordpress") if is_ours and hasattr(item, "callspec") else None
    return kind in COMMON_KINDS and kind != ON_ONE.get(item.path.stem, kind)


@pytest.fixture
def bridge() -> Iterator[BridgeDouble]:
    with BridgeDouble() as double:
        yield double


@pytest.fixture
def paired(site: WordPress, bridge: BridgeDouble) -> WordPress:
    """A site that is paired with the double."""
    connect(site, bridge.url)
    return site


@pytest.fixture
def with_vczapi(site: WordPress) -> WordPress:
    """A site on which the double of VCZAPI is active until the next reset."""
    site.add_plugin(VCZAPI)
    return site


@pytest.fixture
def vczapi(site: WordPress) -> Iterator[VczapiSite]:
    """A site on which VCZAPI is active, as connected with Zoom: its double, or the real plugin if it was named."""
    started = VczapiSite.start(site)
    yield started
    started.disconnect()


@pytest.fixture(autouse=True)
def _quiet(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that makes PHP log a notice, warning, deprecation or error."""
    yield
    if "wordpress" in request.fixturenames:
        site: WordPress = request.getfixturevalue("wordpress")
        assert [line for line in site.php_log().splitlines() if not NOT_OURS.search(line)] == []


def sign_in(site: WordPress, user: str | None = None, password: str | None = None) -> requests.Session:
    """Sign in to wp-admin, as a browser does."""
    session = requests.Session()
    # WordPress checks that cookies work.
    session.cookies.set("wordpress_test_cookie", "WP Cookie check")
    form = {"log": user or site.user, "pwd": password or site.password, "testcookie": "1"}
    response = session.post(f"{site.url}/wp-login.php", data=form, allow_redirects=False, timeout=600)
    assert response.status_code == 302, response.text
    return session


def password_of(site: WordPress, name: str, role: str) -> str:
    """Create a user and return an application password."""
    password: str = site.php(
        """
        $id = wp_insert_user( array( 'user_login' => $name, 'user_pass' => 'a-password', 'role' => $role ) );
        return WP_Application_Passwords::create_new_application_password( $id, array( 'name' => 'x' ) )[0];
        """,
        name=name,
        role=role,
    )
    return password
