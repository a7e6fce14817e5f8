"""PostgreSQL that is restarted, and that hangs, while events keep coming."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from tests.faults.direct import (
    Load,
    eventually,
    know_a_site,
    missing,
    send,
    send_many,
)
from tests.postgresql import PostgreSQL
from tests.running import RunningBridge

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    """A server of these tests' own, which syncs what it commits."""
    with PostgreSQL() as started:
        yield started


@pytest.fixture(params=["socket", "tcp"])
def url(server: PostgreSQL, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    made = server.url(tcp=request.param == "tcp")
    know_a_site(made, tmp_path / "data")
    return made


@pytest.fixture
def bridge(url: str, tmp_path: Path) -> Iterator[RunningBridge]:
    with RunningBridge(tmp_path / "data", database_url=url) as running:
        yield running


def ready(bridge: RunningBridge) -> int:
    return requests.get(f"{bridge.url}/readyz", timeout=600).status_code


def threads(bridge: RunningBridge) -> int:
    status = Path(f"/proc/{bridge.pid}/status").read_text()
    found = re.search(r"^Threads:\s+(\d+)", status, re.MULTILINE)
    assert found
    return int(found[1])


class TestRestarted:
    def test_nothing_acknowledged_is_lost_and_it_goes_on_by_itself(
        self, server: PostgreSQL, url: str, bridge: RunningBridge, tmp_path: Path
    ) -> None:
        assert send(bridge.url).status == 204
        with Load([bridge.url]) as load:
            eventually(lambda: len(load.after(0, 204)) > 20)

            server.shut_down()
            down = len(load.sent)
            refused = eventually(lambda: load.after(down, 503))
            assert ready(bridge) == 503
            server.start_again()

            up = len(load.sent)
            eventually(lambda: len(load.after(up, 204)) > 20)
            eventually(lambda: ready(bridge) == 200)

        assert {one.status for one in load.sent} == {204, 503}
        assert all(one.retry_after for one in refused)
        assert missing(url, tmp_path / "data", load.sent) == set()


class TestHangs:
    def test_each_is_answered_meanwhile_and_nothing_piles_up(
        self, server: PostgreSQL, url: str, bridge: RunningBridge, tmp_path: Path
    ) -> None:
        before = send_many(bridge.url, 40, at_once=20)
        assert {one.status for one in before} == {204}
        counted = threads(bridge)

        server.pause()
        try:
            meanwhile = send_many(bridge.url, 200, at_once=50)
            assert ready(bridge) == 503
            assert threads(bridge) <= counted + 8  # those for what blocks, which start when they are needed
        finally:
            server.resume()

        assert {one.status for one in meanwhile} == {503}
        assert all(one.retry_after for one in meanwhile)
        eventually(lambda: ready(bridge) == 200)
        after = [eventually(lambda: one if (one := send(bridge.url)).status == 204 else None)]
        after += send_many(bridge.url, 40, at_once=20)
        assert {one.status for one in after} == {204}
        assert missing(url, tmp_path / "data", before + meanwhile + after) == set()

    def test_a_bridge_can_be_stopped_all_the_same(self, server: PostgreSQL, bridge: RunningBridge) -> None:
        assert send(bridge.url).status == 204
        server.pause()
        try:
            assert send(bridge.url).status == 503
            bridge.stop()
        finally:
            server.resume()
        assert "Nothing is lost" in bridge.log()


class TestSeveral:
    def test_restarted_beneath_two_bridges(self, server: PostgreSQL, tmp_path: Path) -> None:
        url, data = server.url(), tmp_path / "data"
        know_a_site(url, data)
        with (
            RunningBridge(data, database_url=url) as one,
            RunningBridge(data, database_url=url) as other,
            Load([one.url, other.url]) as load,
        ):
            eventually(lambda: len(load.after(0, 204)) > 20)
            server.restart()
            up = len(load.sent)
            eventually(lambda: len(load.after(up, 204)) > 20)

        assert missing(url, data, load.sent) == set()

    def test_several_start_at_once_on_an_empty_database(self, server: PostgreSQL, tmp_path: Path) -> None:
        """Each would make the tables; one does, and the others wait for it."""
        url = server.empty()
        with ThreadPoolExecutor(3) as pool:
            bridges = list(
                pool.map(lambda number: RunningBridge(tmp_path / "data", database_url=url), range(3))
            )
        try:
            assert [ready(bridge) for bridge in bridges] == [200, 200, 200]
        finally:
            for bridge in bridges:
                bridge.stop()
