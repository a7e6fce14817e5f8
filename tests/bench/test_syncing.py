"""What `make bench` compares: both ways store the same, and a filled site is one that the plugin knows."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from bench.syncing import Batches, Sync, Way, fill, made, prices, renamed, started
from tests.wordpress import WordPress

NUMBER = 85_000_000_123
# The protocol's, the twin that VCZAPI PRO reads, and the dates by which the plugin selects lists.
OWN = {
    *("_zoombridge_post", "_zoombridge_made", "_zoombridge_seq", "_zoombridge_wrote", "vczapi_meeting_id"),
    *("_zoombridge_begin", "_zoombridge_end", "_zoombridge_last"),
}

pytestmark = pytest.mark.parametrize("wordpress", ["debian-mariadb"], indirect=True)


@pytest.fixture
def sync(site: WordPress) -> Iterator[Sync]:
    way = Sync(site)
    yield way
    way.close()


@pytest.fixture
def batches(site: WordPress) -> Iterator[Batches]:
    way = Batches(site)
    yield way
    way.close()


def stored(site: WordPress, post_id: int) -> dict[str, Any]:
    """Return what is in the database: text, and metas but for the protocol's own."""
    found: dict[str, Any] = site.php(
        """
        $post  = get_post( $id );
        $metas = array_map( fn( $values ) => array_map( 'maybe_unserialize', $values ), get_post_meta( $id ) );
        return [ 'text' => [ $post->post_title, $post->post_content, $post->post_status ], 'metas' => $metas ];
        """,
        id=post_id,
    )
    return {"text": found["text"], "metas": {k: v for k, v in found["metas"].items() if k not in OWN}}


def story(site: WordPress, way: Way) -> list[dict[str, Any]]:
    """Write a post in each manner; return what was stored after each."""
    [post_id] = way.write([NUMBER], [made(NUMBER)])
    seen = [stored(site, post_id)]
    for write in (started(NUMBER, post_id), renamed(NUMBER, post_id)):
        assert way.write([NUMBER], [write]) == [post_id]
        seen.append(stored(site, post_id))
    site.php("wp_delete_post( $id, true );", id=post_id)
    return seen


def test_both_ways_store_the_same(site: WordPress, sync: Sync, batches: Batches) -> None:
    by_sync, by_batches = story(site, sync), story(site, batches)

    assert by_sync == by_batches
    new, live, changed = by_sync
    assert new["text"] == live["text"]
    assert new["metas"] != live["metas"]
    assert [live["text"][index] != changed["text"][index] for index in range(3)] == [True, True, False]
    assert json.loads(json.dumps(new["metas"]["_meeting_zoom_details"][0]))["id"] == NUMBER


def test_what_wordpress_refuses_in_a_batch_is_an_error(site: WordPress, batches: Batches) -> None:
    batches.write([NUMBER], [made(NUMBER)])

    with pytest.raises(AssertionError, match="409"):
        batches.write([NUMBER], [made(NUMBER)])


def test_a_filled_site_holds_posts_of_other_meetings(site: WordPress, sync: Sync) -> None:
    [post_id] = sync.write([NUMBER], [made(NUMBER)])

    fill(site, post_id, 30)

    found = site.php(
        """
        global $wpdb;
        $numbers = $wpdb->get_col( "SELECT meta_value FROM {$wpdb->postmeta} WHERE meta_key = '_meeting_zoom_meeting_id'" );
        $ids     = array_map( 'zoombridge_find_post', $numbers );
        $managed = array_filter( zoombridge_sync_read_rows( $ids ), 'zoombridge_sync_is_managed' );
        $names   = $wpdb->get_col( "SELECT DISTINCT post_name FROM {$wpdb->posts} WHERE post_type = 'zoom-meetings'" );
        return [ count( array_unique( $ids ) ), count( $managed ), count( $names ) ];
        """
    )
    assert found == [31, 31, 31]


def test_each_care_has_a_price(site: WordPress, sync: Sync) -> None:
    [post_id] = sync.write([NUMBER], [made(NUMBER)])

    found = prices(site, post_id, [NUMBER + 1, NUMBER + 2], times=3)

    assert {*found.whole} == {"make", "metas"}
    for kind in found.whole:
        assert found.share(kind) > 0
    assert all(max(each.values()) > 0 for each in found.parts.values())
    assert site.php(
        "return array_map( 'zoombridge_find_post', [ $one, $two ] );",
        one=str(NUMBER + 1),
        two=str(NUMBER + 2),
    )
