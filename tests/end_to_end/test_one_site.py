"""One WordPress is never two sites: whatever becomes of its address, its plugin, its database or the bridge."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.conftest import STUB, STUB_SLUG
from tests.end_to_end.adding import database, notice, upload
from tests.end_to_end.front import DOMAIN, WebServer
from tests.end_to_end.pair import eventually
from tests.plugin_stub.pairing import stored
from tests.running import RunningBridge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.end_to_end.adding import Place

PLUGIN = f"{STUB_SLUG}/load.php"
UNINSTALL = """
require_once ABSPATH . 'wp-admin/includes/plugin.php';
deactivate_plugins( $plugin );
uninstall_plugin( $plugin );
"""


@contextmanager
def stopped_bridge(place: Place) -> Iterator[None]:
    """Stop the bridge, which looks at pages on its own, while files of the site are exchanged."""
    data, port = place.owner.bridge.data, int(place.owner.bridge.url.rpartition(":")[2])
    place.owner.bridge.stop()
    yield
    place.owner.bridge = RunningBridge(data, port=port)


def connects_again(place: Place, site_id: str = "") -> str:
    """Add the site once more; where its plugin has a connection, it asks an administrator first."""
    code = place.owner.new_code(site=site_id)
    plugin = place.owner.plugin(code)
    with stopped_bridge(place):
        upload(place.wordpress, plugin)
    found = place.admin.open()
    if stored(place.wordpress) is not None and any("accept" in one.buttons for one in found):
        place.admin.press(notice(found, "accept"), "accept")
    return place.owner.await_site(code)


class TestAddresses:
    def test_redirecting_front_page(self, place: Place) -> None:
        """A person types the address that the browser shows, which is not the home."""
        home = place.begin("front", WebServer(leads_to=f"http://front.{DOMAIN}/welcome/"))
        code = place.connect(f"{home}/welcome/")
        assert place.owner.await_state(code, "confirm").home == home
        site_id = place.owner.confirm(code)
        meeting = place.makes_a_page(site_id, "front")

        place.wordpress.php("delete_option( 'zoombridge_connection' );")
        assert place.owner.await_site(place.connect(f"{home}/welcome/")) == site_id
        place.wordpress.php("delete_option( 'zoombridge_connection' );")
        assert place.connected(home) == site_id
        assert place.owner.site_at("front.") == [site_id]
        place.updates_the_page(site_id, meeting, "front")

    @pytest.mark.parametrize(
        ("name", "home", "server"),
        [
            ("scheme", f"https://scheme.{DOMAIN}", WebServer(https="only")),
            ("moving", f"http://www.moving.{DOMAIN}", None),
        ],
        ids=["https", "www"],
    )
    def test_moves_that_the_plugin_reports_by_itself(
        self, place: Place, name: str, home: str, server: WebServer | None
    ) -> None:
        site_id = place.connected(place.begin(name))
        meeting = place.makes_a_page(site_id, name)

        place.be_at(home, server)
        assert not any(one.buttons for one in place.admin.open()), "nobody needs to be asked"
        eventually(lambda: place.owner.endpoint(site_id).startswith(home))
        assert place.owner.check(site_id) == {}
        assert place.owner.site_at(f"{name}.") == [site_id]
        place.updates_the_page(site_id, meeting, name)

    @pytest.mark.parametrize(
        "home", [f"http://folder.{DOMAIN}/blog", f"http://elsewhere.{DOMAIN}"], ids=["folder", "domain"]
    )
    def test_moves_that_an_administrator_confirms(self, place: Place, home: str) -> None:
        name = "folder" if "folder" in home else "domain"
        old = place.begin(name)
        site_id = place.connected(old)
        meeting = place.makes_a_page(site_id, name)

        place.be_at(home)
        place.admin.press(notice(place.admin.open(), "moved"), "moved")
        eventually(lambda: place.owner.endpoint(site_id).startswith(f"{home}/"))
        assert place.owner.check(site_id) == {}
        assert place.owner.site_at(f"{name}.{DOMAIN}") + place.owner.site_at("elsewhere.") == [site_id]
        place.updates_the_page(site_id, meeting, name)

    def test_moved_and_added_with_a_new_code(self, place: Place) -> None:
        """Nobody answered the question whether it has moved: the plugin proves which site it was."""
        site_id = place.connected(place.begin("before"))
        meeting = place.makes_a_page(site_id, "before")
        place.front.close(f"before.{DOMAIN}")
        place.be_at(f"http://after.{DOMAIN}")

        code = place.owner.new_code(f"http://after.{DOMAIN}")
        place.upload(code)
        place.admin.press(notice(place.admin.open(), "accept"), "accept")
        assert place.owner.await_site(code) == site_id
        assert place.owner.site_at("before.") == []
        assert place.owner.site_at("after.") == [site_id]
        place.updates_the_page(site_id, meeting, "before")


class TestPlugin:
    def test_deleted_and_installed_again(self, place: Place) -> None:
        home = place.begin("reinstalled")
        site_id = place.connected(home)
        meeting = place.makes_a_page(site_id, "reinstalled")
        place.wordpress.php(UNINSTALL, plugin=PLUGIN)
        assert "was deleted in WordPress" in place.owner.check(site_id)["plugin"]

        place.wordpress.add_plugin(STUB, STUB_SLUG)
        assert place.connected(home) == site_id
        assert place.owner.check(site_id) == {}
        assert place.owner.site_at("reinstalled.") == [site_id]
        place.updates_the_page(site_id, meeting, "reinstalled")


class TestRestored:
    def test_database_of_wordpress(self, place: Place, tmp_path: Path) -> None:
        """A dump is put back from before the site got the key that it has now."""
        site_id = place.connected(place.begin("dump"))
        meeting = place.makes_a_page(site_id, "dump")
        with stopped_bridge(place):
            shutil.copyfile(database(place.wordpress), tmp_path / "dump.sqlite")
        first = stored(place.wordpress)
        assert connects_again(place) == site_id
        assert stored(place.wordpress) != first
        with stopped_bridge(place):
            shutil.copyfile(tmp_path / "dump.sqlite", database(place.wordpress))

        told = place.owner.check(site_id)
        assert list(told) == ["pairing"], told
        assert "Connect the site again" in told["pairing"]
        assert connects_again(place, site_id) == site_id
        assert place.owner.check(site_id) == {}
        assert place.owner.site_at("dump.") == [site_id]
        place.updates_the_page(site_id, meeting, "dump")

    def test_bridge(self, place: Place, tmp_path: Path) -> None:
        """A backup of the bridge is put back from before the site got the key that it has now."""
        owner = place.owner
        site_id = place.connected(place.begin("backup"))
        meeting = place.makes_a_page(site_id, "backup")
        kept = owner.bridge.data / "zoombridge.db"
        with closing(sqlite3.connect(kept)) as here, closing(sqlite3.connect(tmp_path / "backup")) as there:
            here.backup(there)
        assert connects_again(place) == site_id
        owner.bridge.stop()
        for file in owner.bridge.data.glob("zoombridge.db*"):
            file.unlink()
        shutil.copyfile(tmp_path / "backup", kept)
        owner.bridge = RunningBridge(owner.bridge.data, port=int(owner.bridge.url.rpartition(":")[2]))

        told = owner.check(site_id)
        assert "Connect the site again" in told["pairing"]
        assert connects_again(place) == site_id
        assert owner.check(site_id) == {}
        assert owner.site_at("backup.") == [site_id]
        place.updates_the_page(site_id, meeting, "backup")
