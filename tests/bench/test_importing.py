"""An import in small, of which `make bench` does far more: killed once, every post right, none twice."""

from pathlib import Path

import pytest

from bench.account import Compared, Truth, compare, double
from bench.importing import Direct, Importing
from bench.place import Place
from bench.site import FastSite
from core.wordpress.sync_client import MOST_AT_ONCE
from tests.wordpress import WordPress

MEETINGS, HOSTS = 40, 4

pytestmark = pytest.mark.parametrize("wordpress", ["debian-mariadb"], indirect=True)


def test_an_import_that_is_killed_goes_on_and_every_post_is_right(site: WordPress, tmp_path: Path) -> None:
    with double(MEETINGS, HOSTS) as zoom:
        truth = Truth(zoom.account)
        fast = FastSite(site, tmp_path / "no-notes")
        with Importing(fast, Place(tmp_path / "bridge"), zoom, print) as importing:
            importing.begin()
            importing.await_written(MEETINGS // 4)
            importing.kill()
            importing.start()
            importing.await_right()

        assert compare(site, truth) == Compared(absent=0, doubled=0, wrong=0)
        assert zoom.behaviour.refused_by_limit == 0
        assert importing.progress > 2


def test_what_is_wrong_on_a_site_is_found(site: WordPress) -> None:
    with double(MOST_AT_ONCE, 1) as zoom:
        truth = Truth(zoom.account)
        Direct(site, truth, apart=0).write(MOST_AT_ONCE)
        assert compare(site, truth).faults == 0

        site.php(
            """
            [ $lost, $wrong, $twice ] = array_map( 'zoombridge_find_post', $numbers );
            wp_delete_post( $lost, true );
            wp_update_post( [ 'ID' => $wrong, 'post_title' => 'Wrong' ] );
            $copy = wp_insert_post( [ 'post_type' => 'zoom-meetings', 'post_title' => 'Twice', 'post_status' => 'publish' ] );
            update_post_meta( $copy, '_meeting_zoom_meeting_id', $numbers[2] );
            """,
            numbers=[str(number) for number in truth.numbers[:3]],
        )

        assert compare(site, truth) == Compared(absent=1, doubled=1, wrong=1)
