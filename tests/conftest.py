"""Fixtures that every room's tests share: a real WordPress of each kind, a browser, Tornado's loop."""

import asyncio
import gc
import inspect
import platform
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from cryptography.fernet import Fernet
from playwright.sync_api import Browser, BrowserContext, expect
from sqlalchemy import create_engine
from tornado.ioloop import IOLoop

from core.store.db.encryption import Sealer
from core.store.db.migrate import upgrade
from core.wordpress.connections import allow_networks
from tests import statements
from tests.examples import SOAK
from tests.postgresql import PostgreSQL
from tests.running import LOOPBACK
from tests.stores import is_for_the_soak
from tests.wordpress import COMMON_KINDS, KINDS, WordPress

STUB = Path(__file__).parent.parent / "plugin_stub"
STUB_SLUG = "meetings-bridge-for-zoom"

CHROMIUM = Path("/usr/bin/chromium-headless-shell")
CHROMIUM_FLAGS = [
    "--no-sandbox",  # which root may not do without, and containers do not offer
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A page that asks for a picture at Gravatar must not wait for a name server that does not answer.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
# How long a browser waits for something to appear. Only a test that fails waits as long; a busy machine may need it.
BROWSER_SECONDS = 600


# The most important tests, which run on the newest WordPress as well. The soak runs more of them, and those on the
# oldest one, too: see bench/soak.py.
ON_NEWEST = (
    "tests/plugin_stub/test_sync.py::TestWrite::",
    "tests/plugin_stub/test_plugin.py::TestGerman::test_is_shown",
    "tests/core/wordpress/test_sync_on_wordpress.py::",
    "tests/end_to_end/test_events.py::TestCreated::",
    "tests/end_to_end/test_visitors.py::TestVisitors::test_everything_in_every_theme",
    "tests/wordpress/test_packages.py::",
)
# On an empty machine: minutes, of which most goes into downloads.
IN_SOAK_ONLY = ("tests/packaging/test_debian.py::",)
IN_SOAK = (*ON_NEWEST, "tests/plugin_stub/", "tests/end_to_end/test_events.py::")


def pytest_configure(config: pytest.Config) -> None:
    allow_networks(LOOPBACK)  # where WordPress and the doubles are
    statements.share()
    # By default it draws a traceback with the package rich, which takes longer than most tests.
    structlog.dev.ConsoleRenderer.get_active().exception_formatter = structlog.dev.plain_traceback
    for service in ("WordPress", "PostgreSQL", "browser"):
        config.addinivalue_line(
            "markers", f"{service.lower()}: uses a real {service} (set from the fixtures used)"
        )


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage while the tests' modules are imported: all of it stays."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if left_out := [item for item in items if not _is_for_its_servers(item)]:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if _is_for_its_servers(item)]
    for item in items:
        if not isinstance(item, pytest.Function):
            continue
        for service in _services(item):
            item.add_marker(service)
        # Without the marker nothing awaits the coroutine. pytest itself only complains where no plugin
        # takes the test, and only as it runs; this is seen before anything does.
        if inspect.iscoroutinefunction(item.function) and not item.get_closest_marker("gen_test"):
            raise pytest.UsageError(f"{item.nodeid} is `async def`, but not marked: @pytest.mark.gen_test")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Look less often for cycles in what all tests share: the modules and 10,000 tests are never garbage.

    It took a seventh of the processor's time of tests that start no program.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _is_for_its_servers(item: pytest.Item) -> bool:
    """Tell whether a test runs on the kinds of database and WordPress that it was given."""
    given = item.callspec.params if hasattr(item, "callspec") else {}
    if given.get("database_kind") == "postgresql" and not SOAK and is_for_the_soak(item.nodeid):
        return False
    if not SOAK and item.nodeid.startswith(IN_SOAK_ONLY):
        return False
    kind = given.get("wordpress")
    if kind is None or kind in COMMON_KINDS:
        return True
    chosen = IN_SOAK if SOAK else ON_NEWEST if kind == "newest-mariadb" else ()
    return item.nodeid.startswith(chosen)


def _services(item: pytest.Function) -> list[str]:
    """Return the markers of the servers and programs that a test starts."""
    services: list[str] = [
        name for name in ("wordpress", "postgresql", "browser") if name in item.fixturenames
    ]
    given = item.callspec.params if hasattr(item, "callspec") else {}
    if given.get("database_kind") == "postgresql" and "postgresql" not in services:
        services.append("postgresql")
    return services


# --- WordPress ----------------------------------------------------------------------------------------


@pytest.fixture(scope="session", params=KINDS)
def wordpress(request: pytest.FixtureRequest) -> Iterator[WordPress]:
    """One WordPress of each kind for the whole session, with the stub active. Tests want `site`.

    Most tests run on the common kinds alone.
    """
    with WordPress.start(request.param) as started:
        if (STUB / "load.php").exists():
            started.add_plugin(STUB, STUB_SLUG)
            started.snapshot()
        yield started


@pytest.fixture
def site(wordpress: WordPress) -> WordPress:
    """The WordPress as it was after installing, whatever the test before has done to it."""
    wordpress.reset()
    return wordpress


# --- The database -------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """One server for the whole session. It does not sync: no test with it is about a power cut."""
    with PostgreSQL(fsync=False) as started:
        yield started


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """What runs on both kinds of database asks for this, mostly without knowing."""
    named: str = request.param
    return named


@pytest.fixture
def database_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of each kind."""
    if database_kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'zoombridge.db'}"
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    url = server.empty()
    yield url
    server.drop(url)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file whose tables are there, to copy: that is quicker than to migrate another."""
    path = tmp_path_factory.mktemp("migrated") / "zoombridge.db"
    engine = create_engine(f"sqlite:///{path}")
    upgrade(engine, Sealer(Fernet.generate_key().decode()))
    engine.dispose()
    return path


@pytest.fixture
def migrated_url(
    database_kind: str, request: pytest.FixtureRequest, migrated_file: Path, tmp_path: Path
) -> Iterator[str]:
    """A database of each kind whose tables are there."""
    if database_kind == "sqlite":
        path = tmp_path / "zoombridge.db"
        path.touch(mode=0o600)
        shutil.copyfile(migrated_file, path)
        yield f"sqlite:///{path}"
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    url = server.lend()
    yield url
    server.give_back(url)


# --- The browser --------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Debian's own Chromium, without the windows that nobody sees.

    Elsewhere Playwright's: Ubuntu's is a snap, which cannot be driven.
    """
    args = {**browser_type_launch_args, "args": CHROMIUM_FLAGS}
    if platform.freedesktop_os_release()["ID"] == "debian" and CHROMIUM.exists():
        args["executable_path"] = str(CHROMIUM)
    return args


@pytest.fixture(scope="session", autouse=True)
def _patience_of_expectations() -> None:
    """Let `expect` wait longer than Playwright's five seconds."""
    expect.set_options(timeout=BROWSER_SECONDS * 1000)


@pytest.fixture
def context(context: BrowserContext) -> BrowserContext:
    """The context of `page`."""
    context.set_default_timeout(BROWSER_SECONDS * 1000)
    return context


def new_context(browser: Browser, **options: Any) -> BrowserContext:
    """Return another context of a browser, which waits as long as the one of `page`."""
    context = browser.new_context(**options)
    context.set_default_timeout(BROWSER_SECONDS * 1000)
    return context


@pytest.fixture(scope="session")
def base_url() -> None:
    """No address that pages would be relative to.

    Both pytest-playwright and pytest-tornado have a fixture of this name, with scopes that do not fit
    together. Tests of a Tornado application take its `http_port`.
    """


@pytest.fixture(autouse=True)
def _playwright_waits_aside(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let a test run an event loop although a test before it has used the browser.

    Playwright's loop stays in this thread, half-way through a step, until the session ends. asyncio takes
    it for running and would refuse any other.
    """
    running = asyncio._get_running_loop()
    if running is None or "playwright" in request.fixturenames:
        yield
        return
    asyncio._set_running_loop(None)
    yield
    asyncio._set_running_loop(running)


# --- Tornado ------------------------------------------------------------------------------------------


@pytest.fixture
def io_loop(_playwright_waits_aside: None) -> Iterator[IOLoop]:
    """pytest-tornado's own makes its loop the current one by calls that Tornado has deprecated."""
    loop = IOLoop(make_current=False)
    asyncio.set_event_loop(loop.asyncio_loop)
    yield loop
    asyncio.set_event_loop(None)
    loop.close(all_fds=True)
