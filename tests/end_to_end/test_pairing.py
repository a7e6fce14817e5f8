"""From a pairing code to a connected site, with the real bridge, its command, and a real WordPress with the plugin."""

from __future__ import annotations

import re
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.conftest import STUB_SLUG
from tests.end_to_end.pair import eventually
from tests.plugin_stub.conftest import sign_in
from tests.plugin_stub.pairing import Admin, code_file, let_time_pass, must_use, stored
from tests.running import RunningBridge
from web.rpc import api
from web.rpc.client import RpcClient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.wordpress import WordPress


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[RunningBridge]:
    with RunningBridge(tmp_path / "bridge") as running:
        yield running


@contextmanager
def uploaded(bridge: RunningBridge, site: WordPress, folder: Path, *options: str) -> Iterator[str]:
    """Have the command write the plugin, and put its code where the upload would; yields what the command said."""
    file = folder / "plugin.zip"
    said = bridge.command(
        "site", "add", *options, "--no-wait", "--output", str(file), "--bridge-url", bridge.url
    )
    code = code_in(file)
    assert code in said
    with code_file(site, code):
        yield said


def code_in(file: Path) -> str:
    """The pairing code in a zip of the plugin."""
    with zipfile.ZipFile(file) as packed:
        held = packed.read(f"{STUB_SLUG}/pairing-code.php").decode()
    code = re.search("return '(.*)';", held)
    assert code is not None
    return code[1]


def states(bridge: RunningBridge) -> list[api.CodePairing]:
    codes = RpcClient(bridge.data / "rpc.json").call(api.SITE_PAIRINGS, api.PairingCodeRequest(code=None))
    return [one for code in codes for one in code.pairings]


def sites(bridge: RunningBridge) -> list[api.ListedSite]:
    return RpcClient(bridge.data / "rpc.json").call(api.SITE_LIST, api.SiteListRequest())


class TestOneUpload:
    def test_connects_the_site_that_was_named(
        self, site: WordPress, bridge: RunningBridge, tmp_path: Path
    ) -> None:
        with uploaded(bridge, site, tmp_path, site.url):
            Admin(site, sign_in(site)).open()
            eventually(lambda: sites(bridge))
        [connected] = sites(bridge)
        held = stored(site)
        assert held is not None
        assert (held["bridge"], held["site"]) == (bridge.url, connected.id)
        assert "ok    bridge" in check(bridge, site.url)

    def test_is_waited_for_by_the_command(
        self, site: WordPress, bridge: RunningBridge, tmp_path: Path
    ) -> None:
        file = tmp_path / "plugin.zip"
        told = ["site", "add", site.url, "--output", str(file), "--bridge-url", bridge.url]
        with ThreadPoolExecutor(1) as pool:
            command = pool.submit(bridge.command, *told)
            code = eventually(lambda: command.done() or (zipfile.is_zipfile(file) and code_in(file)))
            assert isinstance(code, str), command.result()
            with code_file(site, code):
                Admin(site, sign_in(site)).open()
                said = command.result(600)
        [connected] = sites(bridge)
        assert f"Connected {connected.name} ({site.url}) as {connected.id}." in said
        assert "wp-json/vczapi/v1/meeting" in said or "rest_route" in said

    def test_waits_for_a_person_otherwise(
        self, site: WordPress, bridge: RunningBridge, tmp_path: Path
    ) -> None:
        with uploaded(bridge, site, tmp_path):
            Admin(site, sign_in(site)).open()
            eventually(lambda: any(one.state == "confirm" for one in states(bridge)))
        assert sites(bridge) == []
        said = bridge.command("site", "confirm", site.url, "--yes")
        assert "Connected " in said
        assert len(sites(bridge)) == 1

    def test_again_keeps_the_record(self, site: WordPress, bridge: RunningBridge, tmp_path: Path) -> None:
        """The plugin is deleted, installed again and connected with another code."""
        admin = Admin(site, sign_in(site))
        with uploaded(bridge, site, tmp_path, site.url):
            admin.open()
            eventually(lambda: sites(bridge))
        [before] = sites(bridge)
        site.php("delete_option( 'zoombridge_connection' ); delete_option( 'zoombridge_pairing' );")
        first_key = stored(site)
        assert first_key is None
        with uploaded(bridge, site, tmp_path):
            admin.open()
            eventually(lambda: stored(site) is not None)
            eventually(lambda: "ok    pairing" in check(bridge, site.url))
        assert [one.id for one in sites(bridge)] == [before.id]


class TestClosedSites:
    REFUSES_REST = """
    if ( false !== strpos( $_SERVER['REQUEST_URI'], 'wp-json' ) ) {
        http_response_code( 403 );
        exit( '<title>Forbidden</title>' );
    }
    """
    WANTS_A_PASSWORD = """
    if ( 'door:behind-it-1748' !== ( $_SERVER['PHP_AUTH_USER'] ?? '' ) . ':' . ( $_SERVER['PHP_AUTH_PW'] ?? '' )
        && false !== strpos( $_SERVER['REQUEST_URI'], 'zoombridge' ) ) {
        header( 'WWW-Authenticate: Basic realm="Site"' );
        http_response_code( 401 );
        exit( '<title>401</title>' );
    }
    """

    def test_second_doorway(self, site: WordPress, bridge: RunningBridge, tmp_path: Path) -> None:
        with must_use(site, self.REFUSES_REST), uploaded(bridge, site, tmp_path, site.url):
            Admin(site, sign_in(site)).open()
            eventually(lambda: sites(bridge))

    def test_basic_auth(self, site: WordPress, bridge: RunningBridge, tmp_path: Path) -> None:
        with uploaded(bridge, site, tmp_path, site.url):
            admin = Admin(site, sign_in(site))
            with must_use(site, self.WANTS_A_PASSWORD):
                admin.open()
                eventually(lambda: any(one.state == "server_password" for one in states(bridge)))
                bridge.command("site", "confirm", site.url, typed="door\nbehind-it-1748\n")
                eventually(lambda: sites(bridge))
                assert "ok    pairing" in check(bridge, site.url)


class TestMove:
    def test_keeps_the_record(self, site: WordPress, bridge: RunningBridge, tmp_path: Path) -> None:
        """The same WordPress under another name, which reaches the same server as the former one."""
        admin = Admin(site, sign_in(site))
        with uploaded(bridge, site, tmp_path, site.url):
            admin.open()
            eventually(lambda: sites(bridge))
        [before] = sites(bridge)
        new = site.url.replace("127.0.0.1", "localhost")
        site.php("update_option( 'home', $home );", home=new)
        [asked] = [notice for notice in admin.open() if "moved" in notice.buttons]
        admin.press(asked, "moved")

        def moved() -> bool:
            let_time_pass(site)
            admin.open()
            return [one.url for one in sites(bridge)] == [new]

        eventually(moved)
        assert [one.id for one in sites(bridge)] == [before.id]
        eventually(lambda: not any("moved" in notice.buttons for notice in admin.open()))
        assert "ok    pairing" in check(bridge, new)


class TestKeys:
    def test_are_renewed_from_the_sites_side(
        self, site: WordPress, bridge: RunningBridge, tmp_path: Path
    ) -> None:
        with uploaded(bridge, site, tmp_path, site.url):
            Admin(site, sign_in(site)).open()
            eventually(lambda: sites(bridge))
        before = stored(site)
        assert before is not None
        let_time_pass(site)
        site.php("zoombridge_request( 'POST', '/stub/rotate', array( 'body' => '{}' ) );")
        eventually(lambda: (stored(site) or {}).get("key") not in (None, before["key"]))
        eventually(lambda: "ok    bridge" in check(bridge, site.url))


def check(bridge: RunningBridge, address: str) -> str:
    """What a check says of a site; tokens and events are missing here."""
    found = RpcClient(bridge.data / "rpc.json").call(api.SITE_CHECK, api.SiteRequest(site=address))
    return "\n".join(f"{'ok  ' if one.ok else 'FAIL'}  {one.name}: {one.message}" for one in found)
