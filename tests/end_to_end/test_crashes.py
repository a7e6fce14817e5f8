"""What was acknowledged is never lost: killed bridges, bridges and sites that are down for a while."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.conftest import STUB, STUB_SLUG
from tests.end_to_end.events import Meeting
from tests.end_to_end.gate import Gate
from tests.end_to_end.pair import Pair, eventually
from tests.wordpress import WordPress
from tests.wordpress.serve import reserve, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.wordpress.packages import Kind


@pytest.fixture
def crashing(pair: Pair) -> Iterator[Pair]:
    """A pair whose bridge may be ended; it runs again afterwards."""
    yield pair
    if not pair.is_running:
        pair.restart()


@pytest.fixture
def gate(crashing: Pair, tmp_path: Path) -> Iterator[Gate]:
    put_up = Gate(crashing.site, tmp_path / "gate")
    yield put_up
    put_up.remove()


class TestKilledBetweenAnswerAndWrite:
    def test_write_not_begun_and_write_under_way(self, crashing: Pair, gate: Gate) -> None:
        """Two writes are held in WordPress; the third is claimed, and sent only where one of the two timed out."""
        pair = crashing
        first, second, third = (Meeting("meeting") for _ in range(3))
        gate.hold("before")
        assert pair.send(first.created()).status_code == 204
        gate.await_held("before", 1)
        assert pair.send(second.created()).status_code == 204
        gate.await_held("before", 2)
        assert pair.send(third.created()).status_code == 204
        eventually(lambda: pair.rows("SELECT 1 FROM posts WHERE number = ? AND epoch > 0", third.number))

        pair.bridge.kill()
        assert [pair.posts(one.number) for one in (first, second, third)] == [[], [], []]
        gate.open()
        pair.restart()

        for one in (first, second, third):
            pair.await_page(one.number, one.topic)
            pair.settled(one.number)
            assert len(pair.posts(one.number)) == 1

    def test_write_done_but_not_recorded(self, crashing: Pair, gate: Gate) -> None:
        pair, meeting = crashing, Meeting("webinar")
        gate.hold("after")
        assert pair.send(meeting.created()).status_code == 204
        gate.await_held("after", 1)

        pair.bridge.kill()
        (made,) = pair.posts(meeting.number)
        gate.open()
        pair.restart()

        pair.settled(meeting.number)
        assert pair.post(meeting.number)["id"] == made["id"]
        pair.tell(meeting.updated(topic="Concert"))
        pair.await_page(meeting.number, "Concert</h1>")

    def test_write_goes_on_while_the_next_bridge_writes(self, crashing: Pair, gate: Gate) -> None:
        """WordPress does not notice that who asked is dead: two writes of one meeting go on side by side."""
        pair, meeting = crashing, Meeting("meeting")
        gate.hold("before")
        assert pair.send(meeting.created()).status_code == 204
        gate.await_held("before", 1)

        pair.bridge.kill()
        pair.restart()
        gate.await_held("before", 2)
        gate.open()

        pair.settled(meeting.number)
        pair.await_page(meeting.number, meeting.topic)
        assert len(pair.posts(meeting.number)) == 1

    def test_change_not_written(self, crashing: Pair, gate: Gate) -> None:
        pair, meeting = crashing, Meeting("meeting")
        pair.tell(meeting.created())
        gate.hold("before")
        assert pair.send(meeting.updated(topic="Concert")).status_code == 204
        gate.await_held("before", 1)

        pair.bridge.kill()
        gate.open()
        pair.restart()

        pair.await_page(meeting.number, "Concert</h1>")
        assert len(pair.posts(meeting.number)) == 1

    def test_taken_by_a_wordpress_that_stands_still(self, crashing: Pair) -> None:
        """The whole web server stops after the answer, and goes on when the bridge is dead."""
        pair, meeting = crashing, Meeting("meeting")
        server = pair.site._server.pid
        url = f"{pair.bridge.url}/sites/{pair.id}/wp-json/vczapi/v1/meeting"
        os.killpg(server, signal.SIGSTOP)
        try:
            assert pair.send(meeting.created(), url=url).status_code == 204
            pair.bridge.kill()
        finally:
            os.killpg(server, signal.SIGCONT)
        pair.restart()

        pair.await_page(meeting.number, meeting.topic)
        pair.settled(meeting.number)
        assert len(pair.posts(meeting.number)) == 1


class TestBridgeDown:
    def test_zoom_shall_send_again(self, crashing: Pair) -> None:
        pair, meeting = crashing, Meeting("meeting")
        pair.bridge.stop()

        refused = pair.send(meeting.created())

        assert (refused.status_code, refused.json()["code"]) == (503, "zoombridge_unreachable")
        assert int(refused.headers["Retry-After"]) > 0
        assert pair.bridge.url not in refused.text, "strangers learn no address"

        pair.restart()
        assert pair.send(meeting.created()).status_code == 204
        pair.await_page(meeting.number, meeting.topic)

    def test_hangs(self, crashing: Pair) -> None:
        """Answered while the bridge hangs; and what the bridge took all the same makes no second post."""
        pair, meeting = crashing, Meeting("webinar")
        event = meeting.created()
        os.kill(pair.bridge.pid, signal.SIGSTOP)
        try:
            refused = pair.send(event)
        finally:
            os.kill(pair.bridge.pid, signal.SIGCONT)

        assert refused.status_code == 503
        assert pair.send(event).status_code == 204
        pair.await_page(meeting.number, meeting.topic)
        pair.settled(meeting.number)
        assert len(pair.posts(meeting.number)) == 1

    def test_stops_in_order(self, crashing: Pair) -> None:
        """SIGTERM: what was taken is there after the next start."""
        pair, meeting = crashing, Meeting("meeting")
        assert pair.send(meeting.created()).status_code == 204
        pair.bridge.stop()
        pair.restart()

        pair.await_page(meeting.number, meeting.topic)


class TestWordPressDown:
    def test_post_appears_when_it_is_back(self, wordpress: WordPress, tmp_path: Path) -> None:
        kind: Kind = wordpress.kind
        with WordPress.start(kind, directory=tmp_path / "site") as site:
            site.add_plugin(STUB, STUB_SLUG)
            pair, meeting = Pair(site, tmp_path / "bridge"), Meeting("meeting")
            with pair.bridge:
                pair.tell(meeting.created())
                url = f"{pair.bridge.url}/sites/{pair.id}/wp-json/vczapi/v1/meeting"
                late = Meeting("webinar", topic="Came while it was down")
                site._server.stop()
                assert pair.send(meeting.updated(topic="Concert"), url=url).status_code == 204
                assert pair.send(late.created(), url=url).status_code == 204
                eventually(lambda: pair.rows("SELECT fault FROM sites")[0][0])

                start_again(site)

                pair.await_page(meeting.number, "Concert</h1>")
                pair.await_page(late.number, late.topic)
                pair.settled(late.number)
                assert pair.rows("SELECT fault, failures FROM sites") == [(None, 0)]
                assert len(pair.posts(late.number)) == 1


def start_again(site: WordPress) -> None:
    """Serve a WordPress whose web server was stopped, at its old address."""
    port = int(site.url.rpartition(":")[2])
    log = site.directory.parent / "server.log"
    site._server = serve(
        site.directory,
        reserve(port),
        program=site.program,
        workers=4,
        php_log=site.log_path,
        log=log,
        remove=None,
    )
