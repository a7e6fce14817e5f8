"""What a site's owner is told where only they can help, on the pages and the commands that they use."""

from __future__ import annotations

import html
import re
import sqlite3
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest
import requests

from core.sites.returned_password import APP_ID
from core.store.db.encryption import Sealer
from tests.end_to_end.browser import sign_in, webhooks_of
from tests.end_to_end.events import Meeting
from tests.end_to_end.pair import Pair, eventually
from tests.running import BridgeDiedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.wordpress import WordPress

pytestmark = pytest.mark.parametrize("wordpress", ["debian-mariadb"], indirect=True)

TAKE_OVER = "zoombridge_raise_option_row( 'zoombridge_epoch', sprintf( '%09d', $epoch ) );"
GIVE_BACK = (
    "$GLOBALS['wpdb']->delete( $GLOBALS['wpdb']->options, array( 'option_name' => 'zoombridge_epoch' ) );"
)
WORDS = "Another bridge has taken over this site"
# As the plugin was before signed requests: it forwards events and shows pages, but does not answer the bridge.
OLD = """<?php
add_action( 'plugins_loaded', static function () {
    remove_action( 'parse_request', 'zoombridge_sync_answer_request', PHP_INT_MIN );
} );
"""
PASSWORDS = "WP_Application_Passwords::get_user_application_passwords( get_user_by( 'login', $user )->ID )"
MAKE = (
    "return WP_Application_Passwords::create_new_application_password("
    " get_user_by( 'login', $user )->ID, [ 'name' => 'Zoom WordPress Bridge', 'app_id' => $app ] )[0];"
)
UPDATE = "Update the plugin"


@pytest.fixture
def pair(site: WordPress, tmp_path: Path) -> Iterator[Pair]:
    made = Pair(site, tmp_path / "bridge")
    yield made
    made.bridge.stop()


def webhooks_page(site: WordPress, address: str) -> str:
    with sign_in(site) as session:
        return " ".join(
            html.unescape(re.sub(r"<[^>]+>", " ", session.get(address, timeout=600).text)).split()
        )


def check(pair: Pair) -> str:
    """Return what `site check` says, without the times; it ends with 1 where it found something wrong."""
    try:
        said = pair.bridge.command("site", "check", pair.site.url)
    except BridgeDiedError as error:
        said = str(error)
    return re.sub(r", since [-0-9 :]+ UTC", "", said)


@contextmanager
def planted(site: WordPress, code: str) -> Iterator[None]:
    """A must-use plugin of these lines is there."""
    # PHP keeps what it has compiled by the file's name.
    path = site.directory / f"wp-content/mu-plugins/in-the-way-{time.monotonic_ns()}.php"
    path.write_text(code, encoding="utf-8")
    try:
        yield
    finally:
        path.unlink()


def shown(pair: Pair, path: str) -> str:
    """Return a page at the bridge's own address, as text."""
    cookies = {"zoombridge": pair.session()}
    answer = requests.get(f"{pair.bridge.url}{path}", cookies=cookies, timeout=600)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def stored(pair: Pair) -> tuple[str, str, str]:
    """Return user, password and home as the bridge has stored them."""
    sealer = Sealer((pair.bridge.data / "zoombridge.key").read_text())
    [(username, password, home)] = pair.rows("SELECT username, password, home FROM sites")
    return username, sealer.open_text(password), home.rstrip("/")


def as_version_0_1_0_kept_it(pair: Pair) -> None:
    """Put an application password of the bridge into its database, and no home."""
    site = pair.site
    password = site.php(MAKE, user=site.user, app=APP_ID)
    sealer = Sealer((pair.bridge.data / "zoombridge.key").read_text())
    pair.bridge.stop()
    with closing(sqlite3.connect(pair.bridge.data / "zoombridge.db")) as connection, connection:
        connection.execute(
            "UPDATE sites SET username = ?, password = ?, home = ''", (site.user, sealer.seal_text(password))
        )
    assert stored(pair) == (site.user, password, "")


def test_old_plugin_is_told_everywhere_and_its_update_is_all_that_is_to_do(
    pair: Pair, site: WordPress
) -> None:
    address = webhooks_of(site)
    as_version_0_1_0_kept_it(pair)
    meeting = Meeting("meeting")
    with planted(site, OLD):
        pair.restart()
        assert pair.send(meeting.created()).status_code == 204, "events are taken all the same"
        eventually(lambda: UPDATE in pair.bridge.command("site", "list"), pair.bridge.log)
        assert UPDATE in webhooks_page(site, address)
        for path in ("/", "/sites", f"/sites/{pair.id}", "/webhooks"):
            assert UPDATE in shown(pair, path), path
        assert "FAIL  plugin: The plugin" in check(pair)
        assert pair.posts(meeting.number) == []
        assert stored(pair)[0] == site.user, "it is of no use, and not given back before it is known"

    assert "ok    plugin: version" in check(pair)
    pair.settled(meeting.number)
    assert pair.post(meeting.number)["status"] == "publish"
    eventually(lambda: stored(pair) == ("", "", site.url), pair.bridge.log)
    apps = [one["app_id"] for one in site.php(f"return array_values( {PASSWORDS} );", user=site.user)]
    assert APP_ID not in apps, "WordPress has it back"
    assert len(apps) == 1, "that of the tests is left alone"
    assert UPDATE not in pair.bridge.command("site", "list")
    assert UPDATE not in webhooks_page(site, address)


def test_lost_pairing_is_told_and_connecting_again_heals_at_once(pair: Pair, site: WordPress) -> None:
    """A backup of the site from before is restored, for example."""
    site.php("delete_option( 'zoombridge_connection' );")
    checked = check(pair)
    assert "ok    WordPress: answers" in checked
    assert "FAIL  pairing: The plugin is no longer paired with this bridge. Connect the site again" in checked

    pair.connect()
    checked = check(pair)
    assert "ok    pairing: is paired with this bridge" in checked
    assert checked.count("FAIL") == 1, "only Zoom has not validated the endpoint in this test"
    meeting = Meeting("meeting")
    pair.tell(meeting.created())
    assert pair.post(meeting.number)["status"] == "publish"


def test_other_bridge_is_told_and_connecting_again_heals_at_once(pair: Pair, site: WordPress) -> None:
    site.php(TAKE_OVER, epoch=99)
    meetings = [Meeting("meeting") for _ in range(3)]
    for meeting in meetings:
        assert pair.send(meeting.created()).status_code == 204, "events are taken all the same"

    eventually(lambda: WORDS in pair.bridge.command("site", "list"), pair.bridge.log)
    page = webhooks_page(site, webhooks_of(site))
    assert WORDS in page
    assert "connect the site again" in page

    pair.connect()
    checked = check(pair)
    assert "ok    WordPress: answers" in checked
    assert checked.count("FAIL") == 1, "only Zoom has not validated the endpoint in this test"
    for meeting in meetings:
        pair.settled(meeting.number)
        assert pair.post(meeting.number)["status"] == "publish"
    assert WORDS not in pair.bridge.command("site", "list")


def test_check_lifts_a_block_once_the_site_is_well(pair: Pair, site: WordPress) -> None:
    """A person mended it, and asks the bridge to look now rather than in an hour."""
    site.php(TAKE_OVER, epoch=99)
    meeting = Meeting("meeting")
    assert pair.send(meeting.created()).status_code == 204
    eventually(lambda: WORDS in pair.bridge.command("site", "list"), pair.bridge.log)

    site.php(GIVE_BACK)
    assert "ok    WordPress: answers" in check(pair)

    pair.settled(meeting.number)
    assert pair.post(meeting.number)["title"]["raw"] == meeting.topic
    assert WORDS not in pair.bridge.command("site", "list")
