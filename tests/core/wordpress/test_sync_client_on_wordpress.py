"""The client of the sync protocol and the plugin, each of which other tests hold against a double, on a real WordPress."""

from collections.abc import Iterator

import pytest

from core.errors import SiteFaultError
from core.wordpress.operations import Delete, Deleted, Metas, Read, Restore, Standing, Trash, Write
from core.wordpress.sync_client import Doorway, SyncClient
from tests.plugin_stub.bridge_double import KEY, SITE
from tests.wordpress import WordPress


@pytest.fixture
def client(site: WordPress) -> Iterator[SyncClient]:
    connection = {"bridge": "https://bridge.example.org", "site": SITE, "key": KEY}
    assert site.rest("POST", "zoombridge/v1/connection", json=connection).status_code == 200
    with SyncClient(site.rest_root, site.url, site=SITE, key=KEY, epoch=1) as client:
        yield client


def standing(result: object) -> Standing:
    assert isinstance(result, Standing), result
    return result


def test_life_of_a_post(client: SyncClient) -> None:
    assert client.hello().nonces
    metas = Metas(
        set={"kind": "meeting", "revision": 1}, lay_over={"details": '{"id":1}', "fields": {"a": "b"}}
    )
    [made] = client.run([Write(1, "85393847045", title="Fire &amp; drill 🚒", status="publish", metas=metas)])
    post = standing(made).post
    assert standing(made).became == {}

    read, trashed, again = client.run(
        [Read(post), Trash(2, "85393847045", post), Trash(2, "85393847045", post)]
    )

    state = standing(read).state
    assert state
    assert (state.title, state.metas["fields"]) == ("Fire &amp; drill 🚒", {"a": "b"})
    assert standing(trashed).status == "trash"
    assert standing(again).already
    assert [post.id for post in client.find_posts(85393847045)] == [post]
    restored, deleted = client.run([Restore(3, "85393847045", post), Delete(4, "85393847045", post)])
    assert standing(restored).status == "publish"
    assert deleted == Deleted(post)
    assert client.authors()[0].name == "admin"
    assert client.categories() == []


def test_fault_of_one_operation(client: SyncClient) -> None:
    missing, made = client.run([Trash(1, "1", 999), Write(2, "2", title="x", status="draft")])

    assert isinstance(missing, SiteFaultError)
    assert missing.fault.value == "post_missing"
    assert standing(made).status == "draft"


def test_other_doorway_and_wrong_clock(site: WordPress, client: SyncClient) -> None:
    with SyncClient(
        site.rest_root, site.url, site=SITE, key=KEY, epoch=1, doorway=Doorway.HOME, clock_offset=-5000
    ) as other:
        assert other.hello().version == "0.1.0"
        assert abs(other.clock_offset) < 60
