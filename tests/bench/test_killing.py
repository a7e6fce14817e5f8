"""Ten rounds of what `make soak` does two hundred times: kill -9 under load loses nothing and doubles nothing."""

from pathlib import Path

import pytest

from bench.killing import Killing, Restarting
from bench.place import Place
from bench.verify import Found
from tests.wordpress import WordPress

ROUNDS = 10
RESTARTS = 2


@pytest.mark.parametrize("wordpress", ["debian-mariadb"], indirect=True)
def test_nothing_acknowledged_is_lost_and_no_post_is_doubled(site: WordPress, tmp_path: Path) -> None:
    killing = Killing(site, Place(tmp_path / "bridge"))

    found = killing.rounds(ROUNDS)

    assert killing.killed == ROUNDS
    assert len(killing.sender.acknowledged) > ROUNDS
    assert found == Found(missing=0, doubled=0, absent=0, wrong=0)


@pytest.mark.parametrize("wordpress", ["debian-mariadb"], indirect=True)
def test_restarts_lose_nothing_double_no_post_and_leave_no_lease(site: WordPress, tmp_path: Path) -> None:
    restarting = Restarting(site, Place(tmp_path / "bridge"))

    found = restarting.rounds(RESTARTS)

    assert (restarting.killed, restarting.loaded, restarting.leased) == (RESTARTS, RESTARTS, 0)
    assert len(restarting.sender.acknowledged) > RESTARTS
    assert found == Found(missing=0, doubled=0, absent=0, wrong=0)
