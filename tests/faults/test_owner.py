"""What a site's owner is told where only they can help, on the pages and the commands that they use."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.browser import sign_in
from tests.end_to_end.events import Meeting
from tests.end_to_end.pair import Pair, eventually
from tests.running import BridgeDiedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.wordpress import WordPress

pytestmark = pytest.mark.parametrize("wordpress", ["debian-mariadb"], indirect=True)

REVOKE = "WP_Application_Passwords::delete_all_application_passwords( get_user_by( 'login', $user )->ID );"
MAKE = (
    "return WP_Application_Passwords::create_new_application_password("
    " get_user_by( 'login', $user )->ID, [ 'name' => 'Bridge' ] )[0];"
)


@pytest.fixture
def pair(site: WordPress, tmp_path: Path) -> Iterator[Pair]:
    made = Pair(site, tmp_path / "bridge")
    yield made
    made.bridge.stop()


def check(pair: Pair) -> str:
    """Return what `site check` says; it ends with 1 where it found something wrong."""
    try:
        return pair.bridge.command("site", "check", pair.site.url)
    except BridgeDiedError as error:
        return str(error)


def webhooks_page(site: WordPress, address: str) -> str:
    with sign_in(site) as session:
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", session.get(address, timeout=90).text)).split())


def test_revoked_password_is_told_and_a_new_one_heals_at_once(
    pair: Pair, site: WordPress, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = str(site.rest("GET", "zoombridge/v1/connection").json()["page"])
    site.php(REVOKE, user=site.user)
    meetings = [Meeting("meeting") for _ in range(3)]
    for meeting in meetings:
        assert pair.send(meeting.created()).status_code == 204, "events are taken all the same"

    words = "WordPress does not accept the application password"
    eventually(lambda: words in pair.bridge.command("site", "list"), pair.bridge.log)
    page = webhooks_page(site, address)
    assert words in page
    assert "Connect the site again" in page
    assert "Nothing is lost" in page
    assert f"FAIL  WordPress: {words}" in check(pair)

    monkeypatch.setattr(site, "application_password", site.php(MAKE, user=site.user))
    pair.connect()
    checked = check(pair)
    assert "ok    WordPress: answers" in checked
    assert checked.count("FAIL") == 1, "only Zoom has not validated the endpoint in this test"
    for meeting in meetings:
        pair.settled(meeting.number)
        assert pair.post(meeting.number)["status"] == "publish"
    assert words not in pair.bridge.command("site", "list")
    assert words not in webhooks_page(site, address)


def test_check_lifts_a_block_once_the_site_is_well(pair: Pair, site: WordPress) -> None:
    """A person mended it, and asks the bridge to look now rather than in an hour."""
    demote = "( new WP_User( get_user_by( 'login', $user )->ID ) )->set_role( $role );"
    site.php(demote, user=site.user, role="subscriber")
    meeting = Meeting("meeting")
    assert pair.send(meeting.created()).status_code == 204
    eventually(lambda: "role Administrator" in pair.bridge.command("site", "list"), pair.bridge.log)

    site.php(demote, user=site.user, role="administrator")
    assert "ok    WordPress: answers" in check(pair)

    pair.settled(meeting.number)
    assert pair.post(meeting.number)["title"]["raw"] == meeting.topic
    assert "role Administrator" not in pair.bridge.command("site", "list")
