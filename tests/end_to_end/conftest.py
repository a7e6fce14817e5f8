"""A WordPress and a bridge that are connected, one pair of each kind, kept for all the tests here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import STUB, STUB_SLUG
from tests.end_to_end.adding import Owner, Place
from tests.end_to_end.browser import sign_in as wp_admin
from tests.end_to_end.events import Meeting, series
from tests.end_to_end.front import Front
from tests.end_to_end.pages import InBrowser, InWordPress
from tests.end_to_end.pair import Pair
from tests.examples import SOAK
from tests.plugin_stub.network import LOCKED, MESSAGE
from tests.plugin_stub.pairing import Admin
from tests.running import RunningBridge
from tests.wordpress import WordPress

if TYPE_CHECKING:
    from collections.abc import Iterator

VCZAPI = Path(__file__).parent.parent / "wordpress/vczapi"
VCZAPI_PRO = Path(__file__).parent.parent / "wordpress/vczapi-pro"

# WordPress 6.1's HTTP client and what stands in for MySQL are older than PHP 8.2; and PHP tells of each body over its own
# limit.
NOT_OURS = re.compile(
    r"Deprecated: .* in \S+/(?:wp-includes/Requests|mu-plugins/sqlite-database-integration)/"
    r"|Warning: .*POST Content-Length of "
)


# What is tried on the older WordPress, too, in every run. All the rest is in the soak: see bench/soak.py.
ON_BOTH = ("test_events",)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what would be looked at twice, and of what the older WordPress is for, all but the most important.

    How the bridge's own pages look does not depend on WordPress: they are looked at with the newer one alone. With
    the older one, those in its wp-admin are, as its own styles are others. What a new bridge has no pages for yet
    looks the same in both frames: only the soak looks at both.
    """
    # pytest hands over the tests of all folders.
    ours = [item for item in items if item.path.parent == Path(__file__).parent]
    twice = [item for item in ours if isinstance(item, pytest.Function) and _is_seen_elsewhere(item)]
    if twice:
        config.hook.pytest_deselected(items=twice)
        items[:] = [item for item in items if item not in twice]


def _is_seen_elsewhere(item: pytest.Function) -> bool:
    given = item.callspec.params if hasattr(item, "callspec") else {}
    is_new = "watch" in item.fixturenames and "new" in item.fixturenames
    if is_new and given.get("kind_of_frame") is InWordPress:
        return not SOAK
    # What runs on the newest is chosen in tests/conftest.py.
    if given.get("wordpress", "playground-sqlite") in ("playground-sqlite", "newest-mariadb"):
        return False
    if not SOAK and item.path.stem not in ON_BOTH:
        return True
    return is_new or any(value in (InBrowser, "browser") for value in given.values())


@pytest.fixture(scope="package")
def kept_pair(wordpress: WordPress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """One pair for all tests. Tests want `pair`; they do not meet, since each has meetings of its own."""
    wordpress.reset()
    made = Pair(wordpress, tmp_path_factory.mktemp("bridge"))
    yield made
    made.bridge.stop()


@pytest.fixture
def pair(kept_pair: Pair) -> Iterator[Pair]:
    """A connected pair. PHP has nothing to complain of after any test."""
    kept_pair.site.log_path.write_bytes(b"")
    yield kept_pair
    assert complaints(kept_pair.site) == []


@pytest.fixture
def fresh(kept_pair: Pair, tmp_path: Path) -> Iterator[Pair]:
    """A new bridge that the same WordPress is connected with for one test, without a secret token."""
    made = Pair(kept_pair.site, tmp_path / "bridge", secret=None)
    yield made
    made.bridge.stop()
    kept_pair.connect_again()


@pytest.fixture(scope="class")
def kept_with_vczapi(kept_pair: Pair) -> Iterator[Pair]:
    """The pair while the double of the plugin VCZAPI is active, which the bridge has been told."""
    kept_pair.site.add_plugin(VCZAPI)
    kept_pair.connect_again()
    yield kept_pair
    kept_pair.site.deactivate_plugin("vczapi")
    kept_pair.connect_again()


@pytest.fixture
def with_vczapi(kept_with_vczapi: Pair, pair: Pair) -> Pair:
    """A connected pair, with the double of VCZAPI active."""
    return pair


@pytest.fixture(scope="class")
def kept_with_pro(kept_with_vczapi: Pair) -> Iterator[Pair]:
    """The same with the double of VCZAPI's PRO add-on."""
    kept_with_vczapi.site.add_plugin(VCZAPI_PRO)
    kept_with_vczapi.connect_again()
    yield kept_with_vczapi
    kept_with_vczapi.site.deactivate_plugin("vczapi-pro")


@pytest.fixture
def with_pro(kept_with_pro: Pair, pair: Pair) -> Pair:
    """A connected pair, with the doubles of VCZAPI and of its PRO add-on active."""
    return pair


@pytest.fixture(params=["meeting", "webinar"])
def kind(request: pytest.FixtureRequest) -> str:
    """What Zoom calls it."""
    named: str = request.param
    return named


@pytest.fixture
def meeting(kind: str) -> Meeting:
    """A meeting or webinar of this test's own."""
    return Meeting(kind)


@pytest.fixture
def weekly(kind: str) -> Meeting:
    """The same with four weekly dates."""
    return series(kind)


def complaints(site: WordPress) -> list[str]:
    """Return what PHP has complained of."""
    found = [one for one in MESSAGE.split(site.php_log()) if one.strip() and not LOCKED.search(one)]
    return [line for one in found for line in one.splitlines() if line and not NOT_OURS.search(line)]


@pytest.fixture(scope="package")
def alone() -> Iterator[WordPress]:
    """A WordPress of these tests' own, with the plugin active and an administrator signed in; paired with no bridge."""
    with WordPress.start("playground-sqlite", plugins=()) as started:
        started.add_plugin(STUB, STUB_SLUG)
        yield started


@pytest.fixture(scope="package")
def kept_place(alone: WordPress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """That WordPress, and a bridge that sees the Internet through a front. Tests want `place`."""
    admin = Admin(alone, wp_admin(alone))
    alone.snapshot()  # with the session
    with Front(tmp_path_factory.mktemp("front")) as front, pytest.MonkeyPatch.context() as patch:
        for name, value in front.environment.items():
            patch.setenv(name, value)
        owner = Owner(RunningBridge(tmp_path_factory.mktemp("bridge")))
        yield Place(alone, admin, owner, front)
        owner.bridge.stop()


@pytest.fixture
def place(kept_place: Place) -> Iterator[Place]:
    """Where sites are added. PHP has nothing to complain of after any test."""
    yield kept_place
    assert complaints(kept_place.wordpress) == []
