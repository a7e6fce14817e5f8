"""From nothing to a page on the site, in a browser; then each thing that goes wrong, and what the page says of it.

A person sits before the browser here: what they do in WordPress is done on WordPress's own pages.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import sys
import time
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import requests
from playwright.sync_api import expect

from core.zoom.scenarios import validation
from core.zoom.sender import send
from tests.conftest import STUB, STUB_SLUG, new_context
from tests.end_to_end.ahead import SECONDS
from tests.end_to_end.events import Meeting
from tests.end_to_end.pages import follow_sign_in_link
from tests.end_to_end.pair import SECRET, eventually
from tests.plugin_stub.pairing import stored
from tests.running import RunningBridge
from tests.wordpress.meetings import read_posts
from tests.wordpress.signing_in import sign_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.end_to_end.pair import Pair
    from tests.wordpress import WordPress

WRONG_SECRET = "Another-Secret-Of-Zoom-0815"
NOWHERE = "http://127.0.0.1:1"
ELSEWHERE = "https://elsewhere.example.org"
SLOWLY = 60_000  # milliseconds for what the bridge and WordPress do together

# What stands in the way of events on real sites, as must-use plugins.
BLOCKS = """<?php
if ( 'POST' === $_SERVER['REQUEST_METHOD'] && false !== strpos( $_SERVER['REQUEST_URI'], 'vczapi/v1' ) ) {
	http_response_code( 403 );
	echo '<html><head><title>Blocked by a firewall</title></head><body>No.</body></html>';
	exit;
}
"""
WANTS_A_SIGN_IN = """<?php
add_action( 'init', static function () {
	if ( false !== strpos( $_SERVER['REQUEST_URI'], 'vczapi/v1' ) && ! is_user_logged_in() ) {
		wp_send_json( array( 'code' => 'rest_login_required', 'message' => 'Sign in first.' ), 401 );
	}
} );
"""
# As a proxy before the site does, here in a request to the site itself.
ENCODES_AGAIN = """<?php
$at = 'http://' . $_SERVER['HTTP_HOST'] . $_SERVER['REQUEST_URI'];
if ( false !== strpos( $at, 'vczapi/v1' ) && empty( $_SERVER['HTTP_X_ENCODED_AGAIN'] ) ) {
	$headers = array( 'X-Encoded-Again: 1' );
	foreach ( getallheaders() as $name => $value ) {
		if ( ! in_array( strtolower( $name ), array( 'content-length', 'connection' ), true ) ) {
			$headers[] = $name . ': ' . $value;
		}
	}
	$options = array(
		'method' => 'POST',
		'header' => $headers,
		'content' => json_encode( json_decode( file_get_contents( 'php://input' ) ) ),
		'ignore_errors' => true,
	);
	$answer = file_get_contents( $at, false, stream_context_create( array( 'http' => $options ) ) );
	header( $http_response_header[0] );
	header( 'Content-Type: application/json' );
	echo $answer;
	exit;
}
"""
CHANGES_THE_TIME = """<?php
if ( isset( $_SERVER['HTTP_X_ZM_REQUEST_TIMESTAMP'] ) ) {
	$_SERVER['HTTP_X_ZM_REQUEST_TIMESTAMP'] = (string) ( time() - 60 );
}
"""
CLOSES_REST = """<?php
add_action( 'rest_api_init', static function () { wp_die( 'Closed.', '', 403 ); } );
"""


class AheadBridge(RunningBridge):
    """A bridge whose clock is a quarter of an hour ahead."""

    COMMAND = (sys.executable, "-m", "tests.end_to_end.ahead")


class Person:
    """Who sets it up, before a browser."""

    def __init__(self, page: Page, site: WordPress, data: Path) -> None:
        self.page = page
        self.site = site
        self.bridge = RunningBridge(data)
        self.address = ""

    def sign_in_to_the_bridge(self) -> None:
        follow_sign_in_link(self.page, self.bridge.sign_in_link())

    def restart(self, kind: type[RunningBridge]) -> None:
        """Start the bridge again at its address."""
        port = int(self.bridge.url.rpartition(":")[2])
        self.bridge.stop()
        self.bridge = kind(self.bridge.data, port=port)

    def download(self, file: Path) -> None:
        """Press the button that gives the plugin with a code."""
        with self.page.expect_download() as downloaded:
            self.page.get_by_role("button", name="Download plugin").click()
        downloaded.value.save_as(file)
        expect(self.page.get_by_text("Install the plugin in WordPress")).to_be_visible()

    def upload(self, plugin: Path) -> Page:
        """Upload the plugin in a window of wp-admin, and return that."""
        window = self.page.context.new_page()
        window.goto(f"{self.site.url}/wp-admin/plugin-install.php?tab=upload")
        if window.get_by_label("Password", exact=True).count():
            sign_in(window, self.site.user, self.site.password)
        window.set_input_files("input[type=file]", plugin)
        window.get_by_role("button", name="Install Now").click()
        return window

    def open_site(self) -> None:
        self.page.goto(self.address)

    def paste_secret(self, secret: str) -> None:
        """Save a secret token on the page Webhooks, and come back."""
        self.page.goto(f"{self.bridge.url}/webhooks")
        self.page.locator("#zb-secret").fill(secret)
        self.page.get_by_role("button", name="Save token").click()
        expect(self.page.get_by_role("status")).to_contain_text("Saved.")
        self.open_site()

    def remove_secret(self, ending: str, *, is_needed: bool) -> None:
        """Remove a secret token on the page Webhooks, which asks once more about one that Zoom signs with."""
        self.page.goto(f"{self.bridge.url}/webhooks")
        self.page.get_by_role("button", name=f"Remove the token that ends in {ending}").click()
        self.page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        if is_needed:
            self.page.get_by_role("button", name=f"Remove {ending} anyway").click()
        expect(self.page.get_by_role("status")).to_contain_text("Removed.")

    def test(self) -> str:
        """Press the button, wait for the end, and read what the page says then."""
        self.open_site()
        self.page.get_by_role("button", name=re.compile("test event$")).click()
        expect(self.page.locator("#zb-test:not([data-live])")).to_be_visible(timeout=SLOWLY)
        return self.page.locator("#zb-test").inner_text()

    def line(self, words: str) -> None:
        """Wait until the checklist says this, without a reload."""
        expect(self.page.locator("#zb-checklist")).to_contain_text(words, timeout=SLOWLY)

    def zoom_sends(self, event: dict[str, object], secret: str = SECRET) -> int:
        """Let Zoom send an event to the site's endpoint; return the status that it hears."""
        return post(self.site, event, secret)

    def mend(self) -> None:
        """Test once more: all is well again."""
        assert "Everything works" in self.test()

    def left_of_tests(self) -> list[str]:
        """Return the titles of posts that a test has left on the site."""
        titles = [str(post["title"]["raw"]) for post in read_posts(self.site)]
        return [title for title in titles if title.startswith("Test ")]


def post(site: WordPress, event: dict[str, object], secret: str) -> int:
    body = json.dumps(event).encode()
    reply = send(f"{site.rest_root}vczapi/v1/meeting", body, secret, timestamp=int(time.time()), timeout=600)
    assert reply.status is not None, reply.text
    return reply.status


@pytest.fixture
def person(kept_pair: Pair, page: Page, tmp_path: Path) -> Iterator[Person]:
    """Somebody before a browser, a bridge that knows no site, and a WordPress without the plugin."""
    site = kept_pair.site
    site.php("delete_option( 'zoombridge_connection' );")
    site.deactivate_plugin(STUB_SLUG)
    shutil.rmtree(site.directory / "wp-content/plugins" / STUB_SLUG)
    site.log_path.write_bytes(b"")
    made = Person(page, site, tmp_path / "bridge")
    yield made
    made.bridge.stop()
    if not (site.directory / "wp-content/plugins" / STUB_SLUG / "load.php").exists():
        site.add_plugin(STUB, STUB_SLUG)
    kept_pair.connect_again()


@contextmanager
def in_the_way(site: WordPress, code: str) -> Iterator[None]:
    """Let a must-use plugin stand in the way of events."""
    # PHP keeps what it has compiled by the file's name.
    plugin = site.directory / f"wp-content/mu-plugins/in-the-way-{time.monotonic_ns()}.php"
    plugin.write_text(code, encoding="utf-8")
    try:
        yield
    finally:
        plugin.unlink()


@pytest.mark.timeout(900)
def test_from_nothing_to_a_page_and_what_goes_wrong(person: Person, page: Page, tmp_path: Path) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    person.sign_in_to_the_bridge()

    connects(person, tmp_path)
    meeting, link = sets_up_zoom(person)
    visits(page, link, meeting.topic)
    told = person.test()
    assert "Everything works" in told
    assert "Page visible to a visitor" in told
    assert person.left_of_tests() == []

    finds_what_blocks(person)
    finds_what_changes(person)
    finds_a_wrong_secret(person, meeting)
    finds_that_another_bridge_took_over(person, tmp_path)
    finds_that_the_bridge_is_not_reached(person, tmp_path)
    finds_a_wrong_clock(person)

    assert person.left_of_tests() == []
    eventually(lambda: not held_of_tests(person))
    log = person.bridge.log()
    assert SECRET not in log
    assert "zb1." not in log, "no pairing code either"
    assert errors == []
    lets_go(person)
    assert requests.get(link, timeout=600).status_code == 200


def connects(person: Person, tmp_path: Path) -> None:
    """One upload; the page goes on by itself, and asks as the site is not where the person said."""
    page = person.page
    page.goto(f"{person.bridge.url}/sites")
    page.get_by_role("link", name="Add a site").click()
    page.get_by_label("Address of your site").fill("no address")
    page.get_by_role("button", name="Download plugin").click()
    expect(page.get_by_text("This is not the address of a site.")).to_be_visible()
    page.get_by_label("Address of your site").fill(ELSEWHERE)
    person.download(tmp_path / "plugin.zip")

    window = person.upload(tmp_path / "plugin.zip")
    window.get_by_role("link", name="Activate Plugin").click(timeout=SLOWLY)
    window.wait_for_url("**/plugins.php**")
    window.close()

    expect(page.get_by_text("Is this your site?")).to_be_visible(timeout=SLOWLY)
    expect(page.get_by_text(f"at {person.site.url}, and answers there")).to_be_visible()
    expect(page.get_by_text(f"You entered {ELSEWHERE}")).to_be_visible()
    page.get_by_role("button", name="Connect this site").click()
    expect(page.get_by_text("Connected. Now set up Zoom")).to_be_visible(timeout=SLOWLY)
    person.address = page.url.partition("?")[0]
    person.line("WordPress reaches the bridge")


def sets_up_zoom(person: Person) -> tuple[Meeting, str]:
    """The list ticks itself; return the first meeting, and the address of its page."""
    assert "One more step" in person.test()
    person.paste_secret(SECRET)
    person.line("secret token is saved")
    assert person.zoom_sends(validation("plain-token", now=datetime.now(UTC))) == 200
    person.line("Zoom has validated the endpoint")
    meeting = Meeting("meeting")
    assert person.zoom_sends(meeting.created()) == 204
    person.line("Meetings have pages on the site")
    expect(person.page.get_by_role("heading", name="Setup complete")).to_be_visible(timeout=SLOWLY)
    [shown] = read_posts(person.site, meeting.number)
    return meeting, str(shown["link"])


def visits(page: Page, link: str, topic: str) -> None:
    """A visitor, who is not signed in anywhere, sees the page."""
    browser = page.context.browser
    assert browser
    context = new_context(browser)
    visitor = context.new_page()
    visitor.goto(link)
    expect(visitor.get_by_role("heading", name=topic)).to_be_visible()
    context.close()


def finds_what_blocks(person: Person) -> None:
    """A firewall's page, and a plugin that wants a sign-in; not one that closes the REST API."""
    with in_the_way(person.site, BLOCKS):
        told = person.test()
    assert "The endpoint answered: this step failed." in told
    assert (
        "A page was returned where the plugin should have answered (HTTP 403: “Blocked by a firewall”)"
        in told
    )
    assert "Allow POST to /wp-json/vczapi/v1/" in told

    with in_the_way(person.site, WANTS_A_SIGN_IN):
        told = person.test()
    assert "WordPress refused the event before the plugin saw it" in told
    assert "rest_login_required Sign in first." in told

    with in_the_way(person.site, CLOSES_REST):
        assert "Everything works" in person.test()


def finds_what_changes(person: Person) -> None:
    """A proxy that encodes the body again, and a plugin that changes a header."""
    with in_the_way(person.site, ENCODES_AGAIN):
        told = person.test()
    assert "Received by the bridge, byte for byte: this step failed." in told
    assert "decoded and encoded again" in told

    with in_the_way(person.site, CHANGES_THE_TIME):
        told = person.test()
    assert "header x-zm-request-timestamp was changed on the way" in told


def finds_a_wrong_secret(person: Person, meeting: Meeting) -> None:
    """Zoom signs with another secret token than the one that is saved."""
    person.paste_secret(WRONG_SECRET)
    person.remove_secret(SECRET[-4:], is_needed=True)
    assert person.zoom_sends(meeting.updated(topic="Moved")) == 401
    told = person.test()
    assert "own events are not quarantined: this step failed." in told
    assert "Zoom signs them with a different secret token than the one saved here" in told
    person.line("They are signed with a different secret token than the one saved here.")
    person.paste_secret(SECRET)
    person.line("Events arrive from Zoom")
    person.remove_secret(WRONG_SECRET[-4:], is_needed=False)


def finds_that_another_bridge_took_over(person: Person, tmp_path: Path) -> None:
    """Another bridge has written to the site; the page leads to connecting it again."""
    page = person.page
    person.site.php(
        "global $wpdb; $row = array( 'option_value' => '000000500' );"
        "$wpdb->update( $wpdb->options, $row, array( 'option_name' => 'zoombridge_epoch' ) );"
    )
    told = person.test()
    assert "Page written to the site: this step failed." in told
    assert "Another bridge has taken over this site" in told
    page.locator("#zb-test").get_by_role("link", name="Connect the site again").click()
    connects_again(person, tmp_path, "Connect again")
    person.mend()


def connects_again(person: Person, tmp_path: Path, button: str) -> None:
    """From the page that asks for it; in wp-admin the connected plugin asks first, with this button."""
    page = person.page
    expect(page.get_by_role("heading", name=re.compile("^Connect .* again$"))).to_be_visible()
    person.download(tmp_path / "again.zip")
    window = person.upload(tmp_path / "again.zip")
    window.get_by_role("link", name="Replace current with uploaded").click(timeout=SLOWLY)
    window.get_by_text("Plugin updated successfully.").wait_for(timeout=SLOWLY)
    window.goto(f"{person.site.url}/wp-admin/plugins.php")
    window.get_by_role("button", name=button).click()
    window.wait_for_url("**/wp-admin/**")
    window.close()
    expect(page.get_by_text("Connected. Now set up Zoom")).to_be_visible(timeout=SLOWLY)
    assert page.url.partition("?")[0] == person.address, "it is the same site"


def finds_that_the_bridge_is_not_reached(person: Person, tmp_path: Path) -> None:
    """WordPress looks for the bridge where nobody listens any more."""
    page = person.page
    page.get_by_text("Change the address of the bridge").click()
    expect(
        page.get_by_text("Only an administrator of the site may send its events elsewhere")
    ).to_be_visible()
    person.site.php(
        "$kept = get_option( 'zoombridge_connection' );"
        "update_option( 'zoombridge_connection', array( 'bridge' => $url ) + $kept );",
        url=NOWHERE,
    )
    page.get_by_role("button", name="Check connection").click()
    person.line("WordPress can\u2019t reach the bridge")
    told = person.test()
    assert "The event reached WordPress, but WordPress does not reach the bridge." in told
    assert f"The bridge at {NOWHERE} could not be reached" in told
    assert f"{NOWHERE}/healthz" in told
    page.get_by_role("link", name="Reconnect site").click()
    connects_again(person, tmp_path, f"Connect to {person.bridge.url}")
    person.line("WordPress reaches the bridge")


def finds_a_wrong_clock(person: Person) -> None:
    """The bridge's machine is a quarter of an hour ahead."""
    person.restart(AheadBridge)
    told = person.test()
    assert "The clocks agree: this step failed." in told
    assert f"{SECONDS / 60:.0f} minutes behind that of the bridge's machine" in told
    person.restart(RunningBridge)
    person.mend()


def lets_go(person: Person) -> None:
    """Disconnect the site; its pages stay."""
    page = person.page
    page.get_by_role("link", name="Disconnect").click()
    expect(page.get_by_text("Every meeting page on the site, as it is now.")).to_be_visible()
    page.get_by_role("button", name="Disconnect").click()
    expect(page.get_by_text("Disconnected. The site's pages stay as they are.")).to_be_visible(timeout=SLOWLY)
    assert stored(person.site) is None


def held_of_tests(person: Person) -> int:
    """Count what the bridge's database holds of tests."""
    address = f"file:{person.bridge.data / 'zoombridge.db'}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as connection:
        return sum(
            connection.execute(f"SELECT count(*) FROM {table} WHERE {column} LIKE '{value}%'").fetchone()[0]
            for table, column, value in (
                ("events", "account_id", "zoombridge-test-"),
                ("meetings", "account_id", "zoombridge-test-"),
                ("posts", "account_id", "zoombridge-test-"),
                ("grants", "account_id", "zoombridge-test-"),
                ("attempts", "number", "999"),
            )
        )
