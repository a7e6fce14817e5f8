"""Two bridges on one PostgreSQL, and one WordPress: each takes events, and every post is written once."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import requests

from core.zoom.signature import sign
from tests.code_pairing import connect_by_code
from tests.end_to_end.events import Meeting
from tests.end_to_end.gate import Gate
from tests.end_to_end.pair import SECRET, SEND_SECONDS, eventually
from tests.running import RunningBridge
from tests.wordpress.meetings import read_posts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.end_to_end.pair import Pair
    from tests.postgresql import PostgreSQL
    from tests.wordpress import WordPress

LEASE_SECONDS = 5


class Several:
    """Bridges that share a database, and the site that they write to."""

    def __init__(self, site: WordPress, url: str, data: Path) -> None:
        self.site, self.url, self._data = site, url, data
        self.bridges = [self.start(), self.start()]
        self.id = connect_by_code(self.bridges[0], site, SECRET)

    def start(self) -> RunningBridge:
        options = ("--lease-seconds", str(LEASE_SECONDS))
        return RunningBridge(self._data, *options, database_url=self.url)

    def send(self, bridge: RunningBridge, event: dict[str, Any]) -> int:
        body = json.dumps(event).encode()
        timestamp = int(time.time())
        headers = {
            "content-type": "application/json",
            "x-zm-request-timestamp": str(timestamp),
            "x-zm-signature": sign(SECRET, timestamp, body),
        }
        url = f"{bridge.url}/sites/{self.id}/wp-json/vczapi/v1/meeting"
        return requests.post(url, data=body, headers=headers, timeout=SEND_SECONDS).status_code

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def settled(self, *, within: float = 600) -> None:
        """Wait until nothing waits for anything any more."""
        pending = "SELECT count(*) FROM events WHERE outcome = 'pending'"
        behind = "SELECT count(*) FROM posts WHERE wanted > written OR lease_until > 0"
        eventually(
            lambda: self.rows(pending) == [(0,)] and self.rows(behind) == [(0,)],
            lambda: f"{self.rows('SELECT * FROM posts')}\n{self.bridges[0].log()[-3000:]}",
            within=within,
        )

    def posts(self, number: int) -> list[dict[str, Any]]:
        return read_posts(self.site, number)

    def holder(self, number: int) -> RunningBridge:
        """Return the bridge that works on the post of this number."""
        ((owner,),) = self.rows("SELECT owner FROM posts WHERE number = %s", number)
        pid = int(owner.split(":")[-2])
        return next(bridge for bridge in self.bridges if bridge.pid == pid)


@pytest.fixture
def several(kept_pair: Pair, postgresql: PostgreSQL, tmp_path: Path) -> Iterator[Several]:
    """Bridges that the WordPress of the pair is connected with for one test."""
    url = postgresql.url()
    made = Several(kept_pair.site, url, tmp_path / "data")
    yield made
    for bridge in made.bridges:
        bridge.stop()
    postgresql.drop(url)
    kept_pair.connect_again()


@pytest.fixture
def gate(several: Several, tmp_path: Path) -> Iterator[Gate]:
    put_up = Gate(several.site, tmp_path / "gate")
    yield put_up
    put_up.remove()


def test_both_take_events_and_each_post_is_written_once(several: Several) -> None:
    meetings = [Meeting("meeting") for _ in range(12)]
    for index, meeting in enumerate(meetings):
        created, moved = meeting.created(), meeting.updated(topic=f"Concert {index}")
        assert several.send(several.bridges[index % 2], created) == 204
        assert several.send(several.bridges[(index + 1) % 2], moved) == 204
        assert several.send(several.bridges[index % 2], moved) == 204, "seen before, by the other one"

    several.settled()

    for index, meeting in enumerate(meetings):
        assert [post["title"]["raw"] for post in several.posts(meeting.number)] == [f"Concert {index}"]
    assert several.rows("SELECT count(*) FROM events") == [(24,)]
    logs = [bridge.log() for bridge in several.bridges]
    assert [log for log in logs if "mirror_failed" in log or "worker_failed" in log] == []


@pytest.mark.parametrize("moment", ["before", "after"])
def test_the_other_takes_over_from_one_that_was_killed_at_its_work(
    several: Several, gate: Gate, moment: str
) -> None:
    meeting = Meeting("meeting")
    gate.hold(moment)
    assert several.send(several.bridges[0], meeting.created()) == 204
    gate.await_held(moment, 1)

    killed = several.holder(meeting.number)
    killed.kill()
    several.bridges.remove(killed)
    gate.open()
    (survivor,) = several.bridges
    assert several.send(survivor, meeting.updated(topic="Concert")) == 204

    several.settled()
    assert [post["title"]["raw"] for post in several.posts(meeting.number)] == ["Concert"]
    # And the one that comes back joins in.
    several.bridges.append(several.start())
    assert several.send(several.bridges[1], meeting.updated(topic="Opera")) == 204
    several.settled()
    assert [post["title"]["raw"] for post in several.posts(meeting.number)] == ["Opera"]


def test_the_command_line_opens_the_database_beside_them(several: Several) -> None:
    assert several.site.url in several.bridges[0].command("site", "list")
    assert not (several.bridges[0].data / "rpc.json").exists()
