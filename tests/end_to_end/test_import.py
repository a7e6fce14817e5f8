"""An account's double, the bridge and the real WordPress: everything comes, through a crash, and stays right."""

from __future__ import annotations

import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.pair import eventually
from tests.wordpress.meetings import read_posts
from tests.zoom import Account, ZoomServer
from tests.zoom.server import CLIENT_ID, CLIENT_SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.end_to_end.pair import Pair

MEETINGS = 30


@pytest.fixture
def zoom() -> Iterator[ZoomServer]:
    """An account of three users with ten meetings each, of which the bridge has heard nothing."""
    account = Account(account_id="ImportedAccount0000000")
    for name in ("Anna", "Bert", "Cleo"):
        user = account.add_user(name)
        for number in range(MEETINGS // 3):
            account.make(user, f"{name} {number}", quietly=True, **({"type": 5} if number % 5 == 0 else {}))
    with ZoomServer(account) as server:
        yield server


@pytest.fixture
def reading(fresh: Pair, zoom: ZoomServer) -> Pair:
    """A pair whose bridge may read the account."""
    fresh.bridge.command(
        "account", "add",
        "--account-id", zoom.account.account_id,
        "--client-id", CLIENT_ID,
        "--plan", "business",
        "--oauth-url", zoom.oauth_url,
        typed=CLIENT_SECRET + "\n",
    )  # fmt: skip
    return fresh


def published(pair: Pair) -> dict[int, str]:
    """Return the titles of the site's published meetings, by number."""
    return {
        int(number): post["title"]["raw"]
        for post in read_posts(pair.site)
        # WordPress inserts the metas after the post: one that is being made may have no number yet.
        if post["status"] == "publish" and (number := post["zoombridge_test"]["number"]) is not None
    }


class TestImport:
    def test_says_first_what_it_would_do(self, reading: Pair, zoom: ZoomServer) -> None:
        said = reading.bridge.command("import", "--dry-run")
        assert said.count("page would be created") == MEETINGS
        assert not set(zoom.account.held) & set(published(reading))

    def test_brings_everything_through_a_crash(self, reading: Pair, zoom: ZoomServer) -> None:
        zoom.behaviour.latency = 0.05
        importing = subprocess.Popen(
            [*reading.bridge.COMMAND, "import"],
            env=reading.bridge.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        eventually(lambda: sum("/v2/meetings/" in path for path in zoom.behaviour.requests) > 10)
        reading.bridge._process.send_signal(signal.SIGKILL)
        importing.wait(600)
        reading.bridge._close()
        reading.restart()

        want = {number: held["topic"] for number, held in zoom.account.held.items()}
        eventually(lambda: want.items() <= published(reading).items(), within=600)

        number = next(iter(want))
        assert len(reading.posts(number)) == 1
        assert zoom.behaviour.refused_by_limit == 0


class TestRepair:
    def test_makes_the_site_what_the_account_is(self, reading: Pair, zoom: ZoomServer) -> None:
        reading.bridge.command("import")
        numbers = sorted(zoom.account.held)
        zoom.account.change(numbers[0], topic="Renamed while nobody listened")
        zoom.account.delete(numbers[1])
        added = zoom.account.make(next(iter(zoom.account.users.values())), "Made while nobody listened")
        post = reading.post(numbers[2])["id"]
        reading.site.php(
            "update_post_meta( $post, '_meeting_zoom_join_url', 'https://wrong.example.org/' );", post=post
        )

        said = reading.bridge.command("reconcile")

        for number, found in (
            (numbers[0], ": changed"),
            (numbers[1], "no longer in Zoom"),
            (added, ": new"),
        ):
            assert f"{number}" in said
            assert found in said
        shown = published(reading)
        assert shown[numbers[0]] == "Renamed while nobody listened"
        assert numbers[1] not in shown
        assert added in shown
        assert (
            reading.post(numbers[2])["zoombridge_test"]["join_url"]
            == zoom.account.held[numbers[2]]["join_url"]
        )


class TestHeld:
    def test_many_meetings_that_are_gone_wait_for_a_yes(self, reading: Pair, zoom: ZoomServer) -> None:
        # The site is the same for all tests here: what another left in its trash would stay there.
        reading.site.php(
            "foreach ( get_posts( [ 'post_type' => 'zoom-meetings', 'post_status' => 'trash', 'numberposts' => -1 ] ) as $post ) "
            "{ wp_delete_post( $post->ID, true ); }"
        )
        reading.bridge.command("import")
        numbers = sorted(zoom.account.held)
        eventually(
            lambda: set(numbers) <= set(published(reading)),
            lambda: f"without a page: {set(numbers) - set(published(reading))}",
        )
        zoom.account.change(numbers[-1], topic="Renamed meanwhile")
        for number in numbers[:12]:
            zoom.account.delete(number)

        said = reading.bridge.command("reconcile")

        assert said.count("held back instead of trashed") == 12
        assert "12 of the site's 30 pages would be gone within a day." in said
        shown = published(reading)
        assert set(numbers) <= set(shown)
        assert shown[numbers[-1]] == "Renamed meanwhile"
        assert reading.bridge.command("reconcile", "--held").count("page on") == 12

        zoom.account.recover(numbers[0])
        reading.bridge.command("reconcile", "--approve")

        eventually(lambda: not set(numbers[1:12]) & set(published(reading)), within=600)
        assert {numbers[0], *numbers[12:]} <= set(published(reading))
        assert "No page is held." in reading.bridge.command("reconcile", "--held")
