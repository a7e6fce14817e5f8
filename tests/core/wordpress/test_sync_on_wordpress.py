"""The client against a real WordPress with the plugin, and the double of the plugin compared with the real one."""

from __future__ import annotations

import json
import random
import time
from dataclasses import asdict, replace
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from core.errors import Fault, SiteFaultError
from core.model.meeting import MeetingState
from core.render import SiteRules, render
from core.wordpress.post_operations import CreatePost, DeletePost, ReadPost, TrashPost, UpdatePost
from core.wordpress.responses import SitePost
from core.wordpress.sync_client import Doorway, SyncClient
from core.wordpress.sync_envelope import UnsignedAnswerError, derive_keys, open_answer, seal_request
from core.wordpress.sync_operations import (
    ChoiceKind,
    Choices,
    Delete,
    Deleted,
    Find,
    Hello,
    Metas,
    Operation,
    Outcome,
    Position,
    PostReport,
    Read,
    Restore,
    Standing,
    Sweep,
    Trash,
    Unpair,
    Write,
)
from core.wordpress.sync_posts import Mark
from tests.conftest import STUB_SLUG
from tests.core.wordpress.network_double import NetworkDouble
from tests.core.wordpress.plugin_double import PluginDouble
from tests.core.wordpress.rendered import MEETING, NOW, NUMBER, fields
from tests.plugin_stub.pairing import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.wordpress import WordPress

KEY = "00112233445566778899aabbccddeeff" * 2
SITE = "k3v9"
BRIDGE = "http://127.0.0.1:9"  # nothing listens there
# Dies as a plugin may, on an action of WordPress around saving a post.
DIES = """<?php
add_action( '%s', function ( $id, $post ) {
    $post = (object) $post;
    if ( 'zoom-meetings' === $post->post_type && 'Deadly' === $post->post_title ) {
        exit( 'Sorry.' );
    }
}, 10, 2 );
"""


@pytest.fixture(autouse=True)
def paired(site: WordPress) -> None:
    """The plugin knows the bridge's key."""
    connect(site, BRIDGE, name=SITE, key=KEY)


def connected(site: WordPress, **options: Any) -> SyncClient:
    return SyncClient(site.rest_root, site.url, site=SITE, key=KEY, epoch=1, **options)


@pytest.fixture
def client(site: WordPress) -> Iterator[SyncClient]:
    with connected(site) as made:
        yield made


def _id(result: object) -> int:
    assert isinstance(result, Standing), result
    return result.post


def fault(result: object) -> Fault:
    assert isinstance(result, SiteFaultError), result
    return result.fault


class TestPosts:
    def test_a_meeting_goes_there_and_comes_back_whole(self, client: SyncClient) -> None:
        written = fields()
        [made] = client.perform([CreatePost(written)], [Mark(NUMBER, 1)])
        read = client.read_post(made.id)
        assert client.find_posts(NUMBER) == [read]
        assert (made.title, made.content) == (written["title"], written["content"])
        # WordPress writes some entities in another form.
        assert unescape(read.content) == unescape(written["content"])
        assert (read.status, read.link) == ("publish", made.link)
        field, sent = read.field, written["zoombridge"]
        assert [
            field[key] for key in ("number", "kind", "join_url", "start_date_utc", "revision", "fields")
        ] == [sent[key] for key in ("number", "kind", "join_url", "start_date_utc", "revision", "fields")]
        assert field["pro"] == {key: value for key, value in sent["pro"].items() if value is not None}
        assert read.untouched
        assert client.info is not None
        assert client.info.highest == Position(1, 1)

    def test_an_update_changes_only_what_is_given(self, client: SyncClient) -> None:
        [made] = client.perform([CreatePost(fields())], [Mark(NUMBER, 1)])
        before = client.read_post(made.id)
        client.perform([UpdatePost(made.id, {"zoombridge": {"revision": 2}})], [Mark(NUMBER, 2)])
        after = client.read_post(made.id)
        assert after.field == {**before.field, "revision": 2}
        assert (after.title, after.content, after.status) == (before.title, before.content, before.status)

    def test_a_post_goes_to_the_trash_and_comes_back_with_its_status(self, client: SyncClient) -> None:
        [made] = client.perform([CreatePost({**fields(), "status": "private"})], [Mark(NUMBER, 1)])
        assert client.perform([TrashPost(made.id)], [Mark(NUMBER, 2)]) == [True]
        assert client.perform([TrashPost(made.id)], [Mark(NUMBER, 3)]) == [False]
        [trashed] = client.find_posts(NUMBER)
        assert (trashed.status, trashed.field["trashed_from"]) == ("trash", "private")
        [back] = client.perform([UpdatePost(made.id, {"status": "private"})], [Mark(NUMBER, 4)])
        assert (back.status, back.link) == ("private", made.link)

    def test_a_deleted_post_is_gone(self, client: SyncClient) -> None:
        [made] = client.perform([CreatePost(fields())], [Mark(NUMBER, 1)])
        assert client.perform([DeletePost(made.id)], [Mark(NUMBER, 2)]) == [None]
        assert client.find_posts(NUMBER) == []
        results = client.perform(
            [ReadPost(made.id), DeletePost(made.id), TrashPost(made.id), UpdatePost(made.id, {"title": "x"})],
            [Mark(NUMBER, seq) for seq in (0, 3, 4, 5)],
        )
        assert {fault(result) for result in results} == {Fault.POST_MISSING}

    def test_the_author_and_category_that_were_chosen(self, site: WordPress, client: SyncClient) -> None:
        site.rest("POST", "wp/v2/zoom_meeting_cats", json={"name": "Songs & Dances"})
        user = site.php(
            "return wp_insert_user( ['user_login' => 'zoe', 'user_pass' => 'x', 'role' => 'author'] );"
        )
        [category] = client.categories()
        assert category.name == "Songs & Dances"
        assert user in [author.id for author in client.authors()]
        chosen = {**fields(), "author": user, "zoom_meeting_cats": [category.id]}
        [made] = client.perform([CreatePost(chosen)], [Mark(NUMBER, 1)])
        told = site.rest("GET", f"wp/v2/zoom_meetings/{made.id}").json()
        assert (told["author"], told["zoom_meeting_cats"]) == (user, [category.id])


class TestPages:
    def made(self, client: SyncClient) -> SitePost:
        [post] = client.perform([CreatePost(fields())], [Mark(NUMBER, 1)])
        assert isinstance(post, SitePost)
        return post

    def test_visitors_see_the_text_as_text(self, client: SyncClient) -> None:
        page = requests.get(self.made(client).link, timeout=600).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page
        # WordPress writes some entities in another form.
        assert "[gallery]" not in page
        assert "[gallery]" in unescape(page)
        for part in ("zoombridge-meeting", "zoombridge-join-link", "<time", "zoombridge-cancelled"):
            assert part in page

    def test_our_html_passes_the_plugins_list_of_tags_unchanged(self, client: SyncClient) -> None:
        written = fields()["zoombridge"]["html"]
        kept = client.read_post(self.made(client).id).field["html"]
        tags = [part.split(">")[0] for part in written.split("<")[1:]]
        assert [part.split(">")[0] for part in kept.split("<")[1:]] == tags

    def test_a_meeting_that_is_deleted_shows_no_link_to_those_who_see_its_page(
        self, client: SyncClient
    ) -> None:
        made = self.made(client)
        gone = render(replace(MEETING, state=MeetingState.DELETED), SiteRules(), NOW)
        client.perform([UpdatePost(made.id, {"zoombridge": dict(gone.field)})], [Mark(NUMBER, 2)])
        assert "zoombridge-join-link" not in requests.get(made.link, timeout=600).text


class TestChoices:
    def test_authors_are_who_may_write(self, site: WordPress, client: SyncClient) -> None:
        site.php(
            """
            foreach ( array( 'zoe' => 'author', 'bert' => 'contributor', 'sam' => 'subscriber' ) as $login => $role ) {
                wp_insert_user( array( 'user_login' => $login, 'user_pass' => 'x', 'role' => $role,
                    'display_name' => "O'$login & Co" ) );
            }
            """
        )
        names = [author.name for author in client.authors()]
        assert "O'zoe & Co" in names
        assert "O'bert & Co" in names
        assert "O'sam & Co" not in names
        assert names == sorted(names, key=str.lower)

    def test_categories_by_name_as_people_read_it(self, site: WordPress, client: SyncClient) -> None:
        assert client.categories() == []
        for name in ("Songs & Dances", "Courses"):
            site.rest("POST", "wp/v2/zoom_meeting_cats", json={"name": name})
        assert [category.name for category in client.categories()] == ["Courses", "Songs & Dances"]


class TestWays:
    @pytest.mark.parametrize("doorway", list(Doorway))
    def test_both_doorways_lead_to_it(self, site: WordPress, doorway: Doorway) -> None:
        with connected(site, doorway=doorway) as client:
            assert client.hello().home == site.url
            assert client.doorway is doorway

    def test_with_plain_permalinks_too(self, site: WordPress) -> None:
        site.php("update_option('permalink_structure', ''); delete_option('rewrite_rules');")
        root = f"{site.url}/?rest_route=/"
        with SyncClient(root, site.url, site=SITE, key=KEY, epoch=1) as client:
            greeting = client.hello()
            assert client.doorway is Doorway.REST
        assert greeting.nonces

    def test_with_another_clock(self, site: WordPress) -> None:
        with connected(site, clock=lambda: time.time() - 90_000) as client:
            assert client.hello().trash
            assert abs(client.clock_offset - 90_000) < 60

    def test_noise_around_the_answer_is_passed_over(self, site: WordPress, client: SyncClient) -> None:
        noisy = site.directory / "wp-content/mu-plugins/noisy.php"
        noisy.write_text(
            "\xef\xbb\xbf<?php echo \"\\n#zb2:{}\\n\"; add_action( 'shutdown', function () { echo 'Bye'; } );"
        )
        try:
            assert client.hello().home == site.url
        finally:
            noisy.unlink()

    @pytest.mark.parametrize(
        ("other", "expected"),
        [
            ({"key": "f" * 64}, Fault.CREDENTIALS),
            ({"site": "other"}, Fault.CREDENTIALS),
            ({"epoch": 0}, Fault.SUPERSEDED),
        ],
    )
    def test_another_bridge_is_refused(
        self, site: WordPress, client: SyncClient, other: dict[str, Any], expected: Fault
    ) -> None:
        client.hello()
        options: dict[str, Any] = {"site": SITE, "key": KEY, "epoch": 1} | other
        with SyncClient(site.rest_root, site.url, **options) as stranger:
            assert [fault(result) for result in stranger.run([Hello()])] == [expected]

    def test_another_address_is_told(self, site: WordPress) -> None:
        with SyncClient(site.rest_root, "https://moved.example", site=SITE, key=KEY, epoch=1) as client:
            [result] = client.run([Hello()])
        assert fault(result) is Fault.MOVED
        assert site.url in str(result)

    def test_without_the_plugin_it_is_missing(self, site: WordPress, client: SyncClient) -> None:
        site.deactivate_plugin(STUB_SLUG)
        assert [fault(result) for result in client.run([Hello()])] == [Fault.STUB_MISSING]


class _LosesAnswers(HTTPAdapter):
    """Sends requests, and breaks off before the answers of those that `lost` names, from 0 on."""

    def __init__(self, *lost: int) -> None:
        super().__init__()
        self._lost = lost
        self.sent = 0

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        answer = super().send(request, **options)
        self.sent += 1
        if self.sent - 1 in self._lost:
            answer.content  # noqa: B018 - the site has come to its end
            raise requests.exceptions.ConnectionError("reset")
        return answer


class TestFaults:
    def test_lost_answers_lose_nothing_and_double_nothing(self, site: WordPress, client: SyncClient) -> None:
        [kept, deleted] = client.run([Write(seq, str(seq), title=f"Old {seq}") for seq in (1, 2)])
        client._session.mount("http://", _LosesAnswers(0))
        results = client.run(
            [
                Write(3, "1", _id(kept), title="New"),
                Delete(4, "2", _id(deleted)),
                Write(5, "3", title="Made", status="publish"),
            ]
        )
        assert [type(result) for result in results] == [Standing, Deleted, Standing]
        assert [post.title for post in client.find_posts(1) + client.find_posts(3)] == ["New", "Made"]
        assert client.find_posts(2) == []
        assert site.php("return array_sum( (array) wp_count_posts( 'zoom-meetings' ) );") == 2

    def test_answers_lost_at_random_double_nothing(self, site: WordPress, client: SyncClient) -> None:
        chance = random.Random(7)
        made = client.run([Write(seq, str(seq), title="Old") for seq in range(1, 4)])
        posts = [_id(standing) for standing in made]
        for turn in range(1, 7):
            client._session.mount("http://", _LosesAnswers(0, chance.randint(1, 4)))
            seq = 10 * turn
            operations = [
                *(
                    Write(seq, str(number), post, title=f"Turn {turn}")
                    for number, post in enumerate(posts, start=1)
                ),
                Write(seq, str(1000 + turn), title="Made"),
            ]
            results = client.run(operations)
            client._session.mount("http://", HTTPAdapter())
            if any(isinstance(result, SiteFaultError) for result in results):
                results = client.run(operations)  # what was asked of the outcome was lost, too
            assert [isinstance(result, Standing) and result.already for result in results] == [True] * 4
            assert [client.read_post(post).title for post in posts] == [f"Turn {turn}"] * 3
        assert [len(client.find_posts(1000 + turn)) for turn in range(1, 7)] == [1] * 6
        assert site.php("return array_sum( (array) wp_count_posts( 'zoom-meetings' ) );") == 9

    def test_the_post_at_which_another_plugin_dies_is_named_and_the_others_are_written(
        self, site: WordPress, client: SyncClient
    ) -> None:
        deadly = site.directory / "wp-content/mu-plugins/deadly.php"
        deadly.write_text(DIES % "save_post")
        titles = ["One", "Two", "Deadly", "Four", "Five"]
        try:
            results = client.run(
                [Write(seq, str(seq), title=title) for seq, title in enumerate(titles, start=1)]
            )
        finally:
            deadly.unlink()
        assert [isinstance(result, Standing) for result in results] == [True, True, False, True, True]
        # The other plugin died after the row was made, and again alone: then it is found, and may be ours.
        dead = results[2]
        assert isinstance(dead, SiteFaultError)
        assert (dead.fault, dead.unsure) == (Fault.EXISTS, True)
        assert [len(client.find_posts(number)) for number in range(1, 6)] == [1] * 5

    def test_the_file_in_which_a_write_dies_is_named(self, site: WordPress, client: SyncClient) -> None:
        made = client.run([Write(seq, str(seq), title="Choir") for seq in range(1, 6)])
        deadly = site.directory / "wp-content/mu-plugins/deadly.php"
        deadly.write_text(DIES % "pre_post_update")
        try:
            results = client.run(
                [
                    Write(seq + 10, str(seq), _id(standing), title="Deadly" if seq == 3 else "New")
                    for seq, standing in enumerate(made, start=1)
                ]
            )
        finally:
            deadly.unlink()
        assert [isinstance(result, Standing) for result in results] == [True, True, False, True, True]
        assert fault(results[2]) is Fault.SERVER
        assert "mu-plugins/deadly.php" in str(results[2])

    def test_a_write_at_whose_metas_another_plugin_dies_leaves_nothing(
        self, site: WordPress, client: SyncClient
    ) -> None:
        deadly = site.directory / "wp-content/mu-plugins/deadly.php"
        deadly.write_text(
            "<?php add_action( 'added_post_meta', function ( $id, $post, $key ) {"
            " if ( '_vczapi_meeting_type' === $key ) { exit; } }, 10, 3 );"
        )
        metas = Metas({"kind": "meeting"})
        try:
            [dead] = client.run([Write(1, "1", title="Made", metas=metas)])
        finally:
            deadly.unlink()
        assert fault(dead) is Fault.SERVER
        assert site.php("return array_sum( (array) wp_count_posts( 'zoom-meetings' ) );") == 0
        [made] = client.run([Write(2, "1", title="Made", metas=metas)])
        assert isinstance(made, Standing), "No lock is left."

    def test_a_site_without_a_trash_keeps_the_post(self, site: WordPress, client: SyncClient) -> None:
        [made] = client.perform([CreatePost(fields())], [Mark(NUMBER, 1)])
        config = site.directory / "wp-config.php"
        before = config.read_text(encoding="utf-8")
        try:
            config.write_text(
                before.replace("<?php", "<?php define('EMPTY_TRASH_DAYS', 0);", 1), encoding="utf-8"
            )
            [result] = client.perform([TrashPost(made.id)], [Mark(NUMBER, 2)])
        finally:
            config.write_text(before, encoding="utf-8")
        assert fault(result) is Fault.NO_TRASH
        assert client.read_post(made.id).status == "publish"


# --- The double ---------------------------------------------------------------------------------------------

HAND, NEW = "85393847045", "91234567890"
META = Metas(
    {"kind": "meeting", "join_url": "https://zoom.us/j/1", "html": "<p>x</p>", "revision": 5},
    {
        "details": json.dumps(
            {"topic": "Choir", "settings": {"a": 1, "b": 2}, "start_url": "https://zoom.us/s/1"}
        ),
        "fields": {"one": "1", "two": "2"},
        "pro": {"x": "y"},
    },
)
LATER = Metas(
    {"revision": 6},
    {"details": json.dumps({"topic": None, "settings": {"b": None, "c": 3}}), "fields": {"one": None}},
    ("join_url", "pro"),
)
# What is sent, given the IDs of the posts in the order of their appearance: the first was made by hand.
SCRIPT: list[Callable[[list[int]], Operation]] = [
    lambda _: Hello(),
    lambda _: Find((HAND, NEW)),
    lambda ids: Find((HAND, NEW), hint=ids[0]),
    lambda ids: Read(ids[0]),
    lambda _: Read(999_999),
    lambda ids: Write(5, HAND, ids[0], title="New"),
    lambda ids: Write(5, HAND, ids[0], title="Newer"),
    lambda ids: Trash(5, HAND, ids[0]),
    lambda ids: Write(4, HAND, ids[0], title="Older"),
    lambda ids: Write(6, NEW, ids[0], title="Another number"),
    lambda ids: Write(6, HAND, ids[0], status="future"),
    lambda ids: Find((HAND,), hint=ids[0]),
    lambda _: Write(7, NEW, title="A < B & C", content="<p>Sing</p>", status="publish", metas=META),
    lambda _: Write(7, NEW, title="Again"),
    lambda _: Write(8, NEW, title="Double"),
    lambda ids: Read(ids[1]),
    lambda ids: Write(9, NEW, ids[1], metas=LATER),
    lambda ids: Read(ids[1]),
    lambda ids: Write(10, NEW, ids[1], content="<p>Dance</p>", status="private", keep_title=True),
    lambda ids: Write(11, NEW, ids[1], metas=Metas(remove=("number",))),
    lambda ids: Trash(12, NEW, ids[1]),
    lambda ids: Read(ids[1]),
    lambda ids: Trash(13, NEW, ids[1]),
    lambda _: Find((NEW, HAND)),
    lambda ids: Write(14, NEW, ids[1], title="In the trash", keep_title=True),
    lambda ids: Restore(15, NEW, ids[1]),
    lambda ids: Restore(16, NEW, ids[1], "draft"),
    lambda ids: Read(ids[1]),
    lambda ids: Trash(17, NEW, ids[1]),
    lambda ids: Restore(18, NEW, ids[1], "pending"),
    lambda ids: Trash(19, NEW, ids[1]),
    lambda ids: Write(20, NEW, ids[1], status="publish"),
    lambda ids: Read(ids[1]),
    lambda ids: Delete(21, HAND, ids[1]),
    lambda ids: Delete(22, NEW, ids[1]),
    lambda ids: Delete(22, NEW, ids[1]),
    lambda ids: Read(ids[1]),
    lambda ids: Restore(23, NEW, ids[1]),
    lambda _: Write(22, NEW, title="Late"),
    lambda _: Write(24, NEW, title="Again"),
    lambda _: Find((NEW,)),
    lambda _: Outcome("0f" * 16),
    lambda _: Choices(ChoiceKind.AUTHORS),
    lambda _: Sweep(),
    lambda ids: Sweep(ids[2]),
    lambda _: Hello(visit=7),
    lambda _: Hello(visit=8),
    lambda _: Hello(visit=-1),
    lambda _: Sweep(-1),
    lambda ids: Delete(25, HAND, ids[0]),
    lambda _: Hello(call=True),
    lambda _: Unpair(),
]
# What depends on the site.
_APART = {
    "text",
    "message",
    "link",
    "version",
    "page",
    "endpoints",
    "charset",
    "author",
    "home",
    "rest",
    "name",
    "place",
}


def play(client: SyncClient, hand: int) -> list[Any]:
    """Send the script, each operation in a request of its own; return the results without what differs by site."""
    ids, digests = [hand], [""]
    told: list[Any] = []
    for step in SCRIPT:
        operation = step(ids)
        [raw] = client._ask([operation]).results.values()
        plain = {name: value for name, value in raw.items() if name not in _APART}
        if plain["ok"] and isinstance(plain.get("post"), int) and plain["post"] not in ids:
            ids.append(plain["post"])
        told.append((len(told), type(operation).__name__, _plain(plain, ids, digests)))
    return told


def _plain(value: Any, ids: list[int], digests: list[str]) -> Any:
    """Name posts and digests by their order, and read what is JSON text."""
    if isinstance(value, list):
        return [_plain(one, ids, digests) for one in value]
    if not isinstance(value, dict):
        return value
    plain = {}
    for name, one in value.items():
        if name in _APART:
            continue
        if name == "post" and one in ids:
            plain[name] = f"post {ids.index(one)}"
        elif name == "digest":
            if one not in digests:
                digests.append(one)
            plain[name] = f"digest {digests.index(one)}"
        elif name == "details" and isinstance(one, str):
            plain[name] = json.loads(one)
        else:
            plain[name] = _plain(one, ids, digests)
    return plain


def test_the_double_answers_as_the_plugin_does(site: WordPress, client: SyncClient) -> None:
    hand = site.php(
        "$id = wp_insert_post(['post_type' => 'zoom-meetings', 'post_title' => 'By hand', 'post_status' => 'publish']);"
        "add_post_meta($id, '_meeting_zoom_meeting_id', $number); return $id;",
        number=HAND,
    )
    real = play(client, hand)
    place = site.php("return zoombridge_place();")
    double = PluginDouble(KEY, SITE, site.url, time.time, place=place)
    double.bridge = {"address": BRIDGE, "reached": False, "status": None, "message": ""}
    made = double.make_by_hand(HAND)
    with NetworkDouble(double, site.rest_root, site.url), connected(site) as other:
        imagined = play(other, made.id)
    differ = [(there, here) for there, here in zip(real, imagined, strict=True) if there != here]
    assert differ == []


# What others do, on the site and on its double; `by` is a plugin.
CHANGES: list[tuple[str, Callable[[PluginDouble, int], None]]] = [
    (
        "wp_update_post( array( 'ID' => $id, 'post_title' => 'Theirs', 'post_password' => 'x' ) );",
        lambda double, post: double.change(post, by="plugin", title="Theirs", password=True),
    ),
    ("wp_trash_post( $id );", lambda double, post: double.change(post, by="plugin", status="trash")),
    ("wp_delete_post( $id, true );", lambda double, post: double.delete(post, by="plugin")),
]


def changed(client: SyncClient, change: Callable[[int, int], None]) -> list[Any]:
    """Return what is told of changes to a new post, with and without an acknowledgement, and of writes to it."""
    [made] = client.run([Write(1, NEW, title="Made", status="publish", metas=META)])
    told: list[Any] = []
    for index in range(len(CHANGES)):
        change(index, _id(made))
        for _ in range(2):
            client.hello()
            told += client.changes
        client.acknowledge(client.changes)
        client.hello()
        told.append(client.changes)
        [result] = client.run([Write(2 + index, NEW, _id(made), title="Zoom's", keep_title=True)])
        told.append((result.kept_title, result.became) if isinstance(result, Standing) else fault(result))
    return [
        {
            name: value
            for name, value in asdict(one).items()
            if name not in ("post", "link", "digest", "at", "version")
        }
        if isinstance(one, PostReport)
        else one
        for one in told
    ]


def test_the_double_tells_changes_as_the_plugin_does(site: WordPress, client: SyncClient) -> None:
    real = changed(client, lambda index, post: site.php(CHANGES[index][0], id=post))
    double = PluginDouble(KEY, SITE, site.url, time.time)
    with NetworkDouble(double, site.rest_root, site.url), connected(site) as other:
        imagined = changed(other, lambda index, post: CHANGES[index][1](double, post))
    assert [one for one in real if one == []] == [[]] * 3
    assert (len(real), real) == (12, imagined)
    assert ("Theirs", {}) in real


PAYLOAD: dict[str, Any] = {"quiet": False, "budget_ms": 2000, "ack": []}
ITEM = {"i": 0, "op": "outcome", "n": "0f" * 16}
# Requests that are refused as a whole, or in part: what differs from one that is in order, and the payload.
REQUESTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {**PAYLOAD, "operations": [ITEM]}),
    ({"nonce": "aa" * 16}, {**PAYLOAD, "operations": [ITEM]}),
    ({"nonce": "aa" * 16}, {**PAYLOAD, "operations": [ITEM]}),
    ({}, {**PAYLOAD, "operations": [{"i": 0, "op": "outcome", "n": "aa" * 16}]}),
    ({"site": "other"}, {**PAYLOAD, "operations": [ITEM]}),
    ({"keys": derive_keys("f" * 64)}, {**PAYLOAD, "operations": [ITEM]}),
    ({"home": "0" * 64}, {**PAYLOAD, "operations": [ITEM]}),
    ({"home": "0"}, {**PAYLOAD, "operations": [ITEM]}),
    ({"nonce": "AA" * 16}, {**PAYLOAD, "operations": [ITEM]}),
    ({"late": 400}, {**PAYLOAD, "operations": [ITEM]}),
    ({"late": -400}, {**PAYLOAD, "operations": [ITEM]}),
    ({"late": 200}, {**PAYLOAD, "operations": [ITEM]}),
    ({"epoch": 5}, {**PAYLOAD, "operations": [ITEM]}),
    ({"epoch": 4}, {**PAYLOAD, "operations": [ITEM]}),
    ({"epoch": 5}, {**PAYLOAD, "operations": []}),
    ({"epoch": 5}, {**PAYLOAD, "operations": [ITEM] * 2}),
    ({"epoch": 5}, {**PAYLOAD, "operations": [ITEM | {"i": 100}]}),
    ({"epoch": 5}, {**PAYLOAD, "operations": [ITEM | {"i": place} for place in range(101)]}),
    ({"epoch": 5}, {**PAYLOAD, "budget_ms": 50, "operations": [ITEM]}),
    ({"epoch": 5}, {**PAYLOAD, "quiet": "yes", "operations": [ITEM]}),
    ({"epoch": 5}, {**PAYLOAD, "more": 1, "operations": [ITEM]}),
    ({"epoch": 5}, {**PAYLOAD, "ack": [{"post": 1}], "operations": [ITEM]}),
    ({"epoch": 5}, {**PAYLOAD, "ack": [{"post": 1, "version": "AA" * 8}], "operations": [ITEM]}),
    ({"epoch": 5}, {**PAYLOAD, "ack": [{"post": 1, "version": "aa" * 8}], "operations": [ITEM]}),
    ({"epoch": 5}, {**PAYLOAD, "operations": [ITEM, {"i": 7, "op": "unknown"}, ITEM | {"i": 9, "more": 1}]}),
]


def told(client: SyncClient, send: Callable[[bytes], tuple[int, bytes]]) -> list[Any]:
    """Send the requests; return what is answered to each, without texts."""
    answers: list[Any] = []
    began = int(time.time())  # A nonce counts together with the time that was signed with it.
    for number, (other, payload) in enumerate(REQUESTS):
        parts: dict[str, Any] = {
            "keys": client._keys,
            "site": SITE,
            "home": client._home_digest,
            "nonce": f"{number:032x}",
            "epoch": 1,
            "late": 0,
        } | other
        signed = began - parts.pop("late")
        status, body = send(seal_request(parts.pop("keys"), time=signed, payload=payload, **parts))
        try:
            answer = open_answer(client._keys, body, nonce=parts["nonce"]).payload
        except UnsignedAnswerError:
            answers.append((number, status, body))
        else:
            error = {name: one for name, one in (answer["error"] or {}).items() if name != "text"}
            results = [_plain({**one, "text": ""}, [], [""]) for one in answer["results"]]
            answers.append((number, status, error, results, set(answer)))
    return answers


def test_the_double_refuses_as_the_plugin_does(site: WordPress, client: SyncClient) -> None:
    def post(body: bytes) -> tuple[int, bytes]:
        answer = requests.post(f"{site.rest_root}zoombridge/v1/sync", data=body, timeout=300)
        return answer.status_code, answer.content

    real = told(client, post)
    imagined = told(client, PluginDouble(KEY, SITE, site.url, time.time).handle)
    assert [(there, here) for there, here in zip(real, imagined, strict=True) if there != here] == []
