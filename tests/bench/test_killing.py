"""Ten rounds of what `make soak` does two hundred times: kill -9 under load loses nothing and doubles nothing."""

from pathlib import Path

import pytest

from bench.killing import Killing
from bench.place import Place
from bench.verify import Found
from tests.wordpress import WordPress

ROUNDS = 10


@pytest.mark.parametrize("wordpress", ["debian-mariadb"], indirect=True)
def test_nothing_acknowledged_is_lost_and_no_post_is_doubled(site: WordPress, tmp_path: Path) -> None:
    killing = Killing(site, Place(tmp_path / "bridge"))

    found = killing.rounds(ROUNDS)

    assert killing.killed == ROUNDS
    assert len(killing.sender.acknowledged) > ROUNDS
    assert found == Found(missing=0, doubled=0, absent=0, wrong=0)
