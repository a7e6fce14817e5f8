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

TAKE_OVER = "zoombridge_raise_option_row( 'zoombridge_epoch', sprintf( '%09d', $epoch ) );"
GIVE_BACK = (
    "$GLOBALS['wpdb']->delete( $GLOBALS['wpdb']->options, array( 'option_name' => 'zoombridge_epoch' ) );"
)
WORDS = "Another bridge has taken over this site"


@pytest.fixture
def pair(site: WordPress, tmp_path: Path) -> Iterator[Pair]:
    made = Pair(site, tmp_path / "bridge")
    yield made
    made.bridge.stop()


def webhooks_page(site: WordPress, address: str) -> str:
    with sign_in(site) as session:
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", session.get(address, timeout=90).text)).split())


def check(pair: Pair) -> str:
    """Return what `site check` says; it ends with 1 where it found something wrong."""
    try:
        return pair.bridge.command("site", "check", pair.site.url)
    except BridgeDiedError as error:
        return str(error)


def test_other_bridge_is_told_and_connecting_again_heals_at_once(pair: Pair, site: WordPress) -> None:
    site.php(TAKE_OVER, epoch=99)
    meetings = [Meeting("meeting") for _ in range(3)]
    for meeting in meetings:
        assert pair.send(meeting.created()).status_code == 204, "events are taken all the same"

    eventually(lambda: WORDS in pair.bridge.command("site", "list"), pair.bridge.log)
    page = webhooks_page(site, str(site.rest("GET", "zoombridge/v1/connection").json()["page"]))
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
