"""The client against a double of the plugin: every fault between two steps, one effect each, nothing lost."""

from __future__ import annotations

import json
import random
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Fault, SiteFaultError
from core.wordpress.post_operations import CreatePost, DeletePost, FindPosts, ReadPost, TrashPost, UpdatePost
from core.wordpress.sync_client import MOST_READS, Doorway, SyncClient
from core.wordpress.sync_operations import (
    Delete,
    Deleted,
    Find,
    Hello,
    Operation,
    Outcome,
    Position,
    Read,
    Restore,
    Standing,
    Sweep,
    Swept,
    Trash,
    Unpair,
    Write,
)
from core.wordpress.sync_posts import Mark
from tests.core.wordpress.network_double import FATES, Fate, NetworkDouble, Reply
from tests.core.wordpress.plugin_double import PluginDouble
from tests.core.wordpress.plugin_envelope import unpack

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

KEY = "00112233445566778899aabbccddeeff" * 2
HOME = "https://example.org"
ROOT = f"{HOME}/wp-json/"
NUMBER = 85393847045
NOW = 1_800_000_000.5
NO_ROUTE = json.dumps({"code": "rest_no_route", "message": "No route"}).encode()
FIREWALL: Reply = (403, {}, b"<title>Blocked by a firewall</title>")


class World:
    """A site with its plugin, the network, and a client of it. `pauses` are what the client waited."""

    def __init__(self, **client: Any) -> None:
        self.ahead = 0.0  # of the site's clock
        self.now = NOW
        self.pauses: list[float] = []
        self.plugin = PluginDouble(KEY, "k3v9", HOME, lambda: self.now + self.ahead)
        self.net = NetworkDouble(self.plugin, ROOT, HOME)
        options: dict[str, Any] = {
            "site": "k3v9",
            "key": KEY,
            "epoch": 3,
            "clock": lambda: self.now,
            "pause": self.pauses.append,
        }
        self.client = SyncClient(ROOT, HOME, **options | client)

    def befall(self, *fates: tuple[Fate, int] | Fate) -> None:
        self.net.fates = deque((fate, 0) if isinstance(fate, str) else fate for fate in fates)

    def run(self, *operations: Operation) -> list[Any]:
        return list(self.client.run(operations))

    def posts(self, count: int) -> list[int]:
        """Make posts by hand, with numbers from 1 on."""
        return [self.plugin.make_by_hand(str(number)).id for number in range(1, count + 1)]

    @property
    def sent(self) -> list[list[str]]:
        """The operations of each request that was sent, by name."""
        return [[one["op"] for one in unpack(json.loads(body))["operations"]] for body in self.net.bodies]


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    with made.net, made.client:
        yield made


def retitled(posts: Sequence[int], seq: int = 1) -> list[Operation]:
    return [Write(seq + place, str(place + 1), post, title=f"New {post}") for place, post in enumerate(posts)]


def fault(result: object) -> Fault:
    assert isinstance(result, SiteFaultError), result
    return result.fault


class TestRequests:
    def test_what_is_written_stands_there(self, world: World) -> None:
        [made] = world.run(Write(7, "85393847045", title="Choir", content="<p>Sing</p>", status="draft"))
        assert isinstance(made, Standing)
        assert (made.status, made.position, made.by) == ("draft", Position(3, 7), "bridge")
        [read] = world.run(Read(made.post))
        assert read.state.title == "Choir"
        assert (made.digest, made.link) == (read.digest, read.link)

    def test_every_operation_is_understood(self, world: World) -> None:
        [post] = world.posts(1)
        results = world.run(
            Hello(),
            Find(("1",), hint=post),
            Read(post),
            Write(1, "1", post, title="x"),
            Trash(2, "1", post),
            Restore(3, "1", post, "private"),
            Delete(4, "1", post),
            Outcome("0f" * 16),
            Hello(call=True),
            Unpair(),
        )
        assert [type(result).__name__ for result in results] == [
            "Greeting",
            "Found",
            "Standing",
            "Standing",
            "Standing",
            "Standing",
            "Deleted",
            "Progress",
            "Greeting",
            "Unpaired",
        ]
        assert [results[4].status, results[5].status] == ["trash", "private"]

    def test_each_method_asks_for_what_it_returns(self, world: World) -> None:
        assert world.client.authors()[0].name == "admin"
        assert world.client.categories()
        greeting = world.client.hello()
        assert (greeting.rest_root, greeting.bridge) == (ROOT, None)
        called = world.client.hello(call=True).bridge
        assert called is not None
        assert called.reached

    def test_unpair_ends_what_may_have_ended_before(self, world: World) -> None:
        for _ in range(2):
            world.client.unpair()
            assert not world.plugin.paired

    def test_unpair_that_is_not_answered_is_told(self, world: World) -> None:
        world.befall("request lost")
        with pytest.raises(SiteFaultError) as caught:
            world.client.unpair()
        assert caught.value.fault is Fault.NETWORK
        assert world.plugin.paired

    def test_the_site_tells_of_itself_with_each_answer(self, world: World) -> None:
        [post] = world.posts(1)
        world.run(Write(9, "1", post, title="x"))
        info = world.client.info
        assert info is not None
        assert (info.highest, info.can_trash, info.vczapi, info.stub) == (Position(3, 9), True, None, "0.2.0")

    def test_quiet_is_told(self, world: World) -> None:
        [post] = world.posts(1)
        world.client.run([Read(post)], quiet=True)
        world.client.perform([UpdatePost(post, {"title": "x"})], [Mark(1, 1)], quiet=True)
        world.client.run([Read(post)])
        assert [payload["quiet"] for payload in world.plugin.payloads] == [True, True, False]

    def test_without_operations_nothing_is_sent(self, world: World) -> None:
        assert world.client.run([]) == []
        assert world.client.perform([], []) == []
        assert world.sent == []

    def test_each_request_has_a_nonce_of_its_own(self, world: World) -> None:
        for _ in range(3):
            world.run(Hello())
        assert len({json.loads(body)["n"] for body in world.net.bodies}) == 3


class TestChunks:
    def test_of_at_most_100_operations(self, world: World) -> None:
        posts = world.posts(250)
        results = world.run(*retitled(posts))
        assert [len(sent) for sent in world.sent] == [100, 100, 50]
        assert [result.post for result in results] == posts

    def test_of_few_reads_whose_answers_are_large(self, world: World) -> None:
        posts = world.posts(MOST_READS + 1)
        world.run(*map(Read, posts))
        assert [len(sent) for sent in world.sent] == [MOST_READS, 1]

    def test_of_at_most_96_kib(self, world: World) -> None:
        posts = world.posts(60)
        noise = random.Random(7)
        texts = [noise.randbytes(3000).hex() for _ in posts]
        results = world.run(
            *(
                Write(1, str(number), post, content=text)
                for number, (post, text) in enumerate(zip(posts, texts, strict=True), start=1)
            )
        )
        assert all(isinstance(result, Standing) for result in results)
        assert [world.plugin.posts[post].content for post in posts] == texts
        assert max(map(len, world.net.bodies)) <= 98_304
        assert len(world.sent) < 6

    def test_what_does_not_fit_is_told_and_the_others_are_written(self, world: World) -> None:
        first, large, last = world.posts(3)
        text = random.Random(7).randbytes(100_000).hex()
        results = world.run(
            Write(1, "1", first, title="x"),
            Write(2, "2", large, content=text),
            Write(3, "3", last, title="x"),
        )
        assert [type(result) for result in results] == [Standing, SiteFaultError, Standing]
        assert fault(results[1]) is Fault.REFUSED

    def test_are_smaller_where_a_server_takes_less(self, world: World) -> None:
        posts = world.posts(8)
        carry = world.net._befall

        def limited(fate: Fate, at: int, body: bytes) -> Any:
            return (413, {}, b"<title>Too large</title>") if len(body) > 12_000 else carry(fate, at, body)

        world.net._befall = limited  # type: ignore[method-assign]
        noise = random.Random(7)

        def write(seq: int) -> list[Any]:
            texts = [noise.randbytes(2500).hex() for _ in posts]
            numbered = enumerate(zip(posts, texts, strict=True), start=1)
            return world.run(
                *(Write(seq, str(number), post, content=text) for number, (post, text) in numbered)
            )

        results = write(1)
        assert all(isinstance(result, Standing) for result in results)
        before = len(world.sent)
        write(2)
        assert max(map(len, world.net.bodies[before:])) <= 12_000, "it remembers"

    def test_what_the_site_did_not_come_to_is_sent_again_in_order(self, world: World) -> None:
        posts = world.posts(10)
        world.befall(("stops", 4), ("stops", 1))
        results = world.run(*retitled(posts))
        assert [result.post for result in results] == posts
        assert [len(sent) for sent in world.sent] == [10, 6, 5]
        assert max(world.plugin.writes.values()) == 1

    def test_a_site_that_comes_to_nothing_is_left_alone(self, world: World) -> None:
        posts = world.posts(3)
        world.befall(("stops", 0), ("stops", 0), ("stops", 0))
        results = world.run(*retitled(posts))
        assert {fault(result) for result in results} == {Fault.THROTTLED}
        assert len(world.sent) == 2


class TestDoorways:
    @pytest.mark.parametrize(
        "answer",
        [
            FIREWALL,
            (404, {}, b"<title>Not found</title>"),
            (401, {"WWW-Authenticate": "Basic"}, b"<title>Password</title>"),
            (500, {}, b""),
            (200, {}, b"<title>Choir</title>"),
            (301, {"Location": "https://www.example.org/"}, b""),
        ],
    )
    @pytest.mark.parametrize("closed", ["rest", "home"])
    def test_the_one_that_works_is_found_and_remembered(
        self, closed: str, answer: tuple[int, dict[str, str], bytes]
    ) -> None:
        world = World(doorway=Doorway(closed))
        [post] = world.posts(1)
        world.net.closed[closed] = answer
        with world.net, world.client:
            [written] = world.run(Write(1, "1", post, title="x"))
            assert isinstance(written, Standing)
            assert world.client.doorway != closed
            assert len(world.net.bodies) == 2
            assert world.net.bodies[0] == world.net.bodies[1], "a site carries out the same nonce once"
            world.run(Read(post))
        assert len(world.net.bodies) == 3

    def test_their_addresses_are_those_of_the_contract(self, world: World) -> None:
        world.net.closed["rest"] = FIREWALL
        world.run(Hello())
        assert world.net.addresses == [f"{ROOT}zoombridge/v1/sync", f"{HOME}/?zoombridge_sync=1"]

    def test_both_closed_are_told_with_what_the_site_says(self, world: World) -> None:
        world.net.closed = {"rest": FIREWALL, "home": (403, {}, b"")}
        [post] = world.posts(1)
        [result] = world.run(Write(1, "1", post, title="x"))
        assert fault(result) is Fault.NOT_JSON
        assert "Blocked by a firewall" in str(result)
        assert not result.unsure

    def test_a_site_that_asks_to_wait_is_not_asked_twice(self, world: World) -> None:
        world.net.closed = {"rest": (503, {"Retry-After": "60"}, b"")}
        [result] = world.run(Hello())
        assert (fault(result), result.retry_after) == (Fault.THROTTLED, 60)
        assert len(world.net.bodies) == 1

    def test_without_the_plugin_it_is_missing(self, world: World) -> None:
        world.net.closed = {"rest": (404, {}, NO_ROUTE), "home": (200, {}, b"<title>Choir</title>")}
        assert {fault(result) for result in world.run(Hello())} == {Fault.STUB_MISSING}

    def test_an_old_plugin_is_to_be_updated(self, world: World) -> None:
        world.net.closed = {"rest": (404, {}, NO_ROUTE), "home": (200, {}, b"<title>Choir</title>")}
        world.net.index = (200, {}, json.dumps({"namespace": "zoombridge/v1", "routes": {}}).encode())
        assert {fault(result) for result in world.run(Hello())} == {Fault.STUB_OUTDATED}


class TestRefusals:
    @pytest.mark.parametrize("other", [{"key": "f" * 64}, {"site": "other"}])
    def test_another_key_or_site_is_told_as_such(self, other: dict[str, str]) -> None:
        world = World(**other)
        with world.net, world.client:
            [result] = world.run(Hello())
        assert fault(result) is Fault.CREDENTIALS
        assert len(world.net.bodies) == 1

    def test_a_copy_at_another_address_is_told(self, world: World) -> None:
        world.plugin.home = "https://staging.example.org"
        [result] = world.run(Hello())
        assert fault(result) is Fault.MOVED
        assert "https://staging.example.org" in str(result)

    def test_a_bridge_of_an_older_epoch_writes_nothing(self, world: World) -> None:
        [post] = world.posts(1)
        world.plugin.epoch = 4
        results = world.run(*retitled([post]), Read(post))
        assert [fault(result) for result in results] == [Fault.SUPERSEDED] * 2
        assert not world.plugin.writes

    @pytest.mark.parametrize(
        ("protocols", "expected"), [((1, 1), Fault.STUB_OUTDATED), ((3, 4), Fault.BRIDGE_OUTDATED)]
    )
    def test_without_a_common_version_it_says_which_one_is_to_be_updated(
        self, world: World, protocols: tuple[int, int], expected: Fault
    ) -> None:
        world.plugin.protocols = protocols
        assert [fault(result) for result in world.run(Hello())] == [expected]

    def test_one_that_is_refused_leaves_the_others(self, world: World) -> None:
        good, gone = world.posts(2)
        del world.plugin.posts[gone]
        results = world.run(
            Write(1, "2", gone, title="x"),
            Write(1, "1", good, status="future"),
            Write(2, "1", good, title="New"),
            Write(1, "1", good, title="Old"),
            Write(1, "1"),
        )
        assert [fault(result) for result in results if isinstance(result, SiteFaultError)] == [
            Fault.POST_MISSING,
            Fault.REFUSED,
            Fault.STALE,
            Fault.EXISTS,
        ]
        assert (results[4].post_id, results[4].unsure) == (good, False)
        assert world.plugin.posts[good].title == "New"

    def test_a_form_that_saves_is_waited_for(self, world: World) -> None:
        world.plugin.saving = True
        [result] = world.run(Write(1, "1"))
        assert fault(result) is Fault.BUSY
        assert result.fault.retry

    def test_without_a_trash_nothing_is_done(self, world: World) -> None:
        [post] = world.posts(1)
        world.plugin.trash = False
        [result] = world.run(Trash(1, "1", post))
        assert fault(result) is Fault.NO_TRASH
        assert world.plugin.posts[post].status == "publish"

    def test_where_nothing_listens_nothing_is_in_doubt(self, world: World) -> None:
        [post] = world.posts(1)
        refused = requests.exceptions.ConnectionError(ConnectionRefusedError())

        def refuse(fate: Fate, at: int, body: bytes) -> Reply:
            raise refused

        world.net._befall = refuse  # type: ignore[method-assign]
        results = world.run(*(Write(seq, "1", post, title="x") for seq in range(150)))
        assert {fault(result) for result in results} == {Fault.NETWORK}
        assert not any(result.unsure for result in results)
        assert len(world.net.bodies) == 1

    def test_a_post_that_is_there_when_a_create_is_sent_again_may_be_its_own(self, world: World) -> None:
        world.posts(1)
        world.befall("request lost")
        [result] = world.run(Write(1, "1", title="Made"))
        assert (fault(result), result.unsure) == (Fault.EXISTS, True)

    def test_an_answer_of_another_shape_is_told_for_its_operation_alone(self, world: World) -> None:
        posts = world.posts(3)
        carry_out = world.plugin._carry_out

        def odd(operation: dict[str, Any], epoch: int) -> dict[str, Any]:
            result = carry_out(operation, epoch)
            return {"ok": True} if operation["i"] == 1 else result

        world.plugin._carry_out = odd  # type: ignore[method-assign]
        results = world.run(*retitled(posts))
        assert [isinstance(result, Standing) for result in results] == [True, False, True]
        assert (fault(results[1]), results[1].unsure) == (Fault.REFUSED, True)


class TestClock:
    @pytest.mark.parametrize("ahead", [-86_400.0, 301.0, 5e8])
    def test_the_sites_time_is_taken_over_once(self, world: World, ahead: float) -> None:
        [post] = world.posts(1)
        world.ahead = ahead
        [written] = world.run(Write(1, "1", post, title="x"))
        assert isinstance(written, Standing)
        assert len(world.net.bodies) == 2
        assert abs(world.client.clock_offset - ahead) <= 1
        world.run(Read(post))
        assert len(world.net.bodies) == 3

    def test_a_clock_that_runs_away_is_told(self, world: World) -> None:
        handle = world.plugin.handle

        def runs(body: bytes) -> Any:
            world.ahead += 1000
            return handle(body)

        world.plugin.handle = runs  # type: ignore[method-assign]
        [result] = world.run(Hello())
        assert fault(result) is Fault.CLOCK
        assert len(world.net.bodies) == 2

    def test_a_clock_that_was_set_back_is_told(self, world: World) -> None:
        [post] = world.posts(1)
        world.run(Hello())
        world.now += 2000
        world.run(Hello())  # forgets the nonces from before, and remembers until when
        world.now -= 4000
        [result] = world.run(Write(1, "1", post, title="x"))
        assert fault(result) is Fault.CLOCK
        assert not world.plugin.writes


class TestDeaths:
    def test_the_item_that_dies_is_sent_alone_and_the_rest_is_written(self, world: World) -> None:
        posts = world.posts(5)
        world.befall(("dies", 2))
        results = world.run(*retitled(posts))
        assert [result.post for result in results] == posts
        assert [len(sent) for sent in world.sent] == [5, 1, 2]

    def test_what_it_had_done_before_it_died_is_not_done_again(self, world: World) -> None:
        kept, deleted, trashed = world.posts(3)
        operations = (
            Write(1, "1", kept, title="x"),
            Delete(2, "2", deleted),
            Trash(3, "3", trashed),
            Write(4, "9", title="Made"),
        )
        world.befall(("dies after", 0), "well", ("dies after", 0))
        results = world.run(*operations)
        assert [type(result) for result in results] == [Standing, Deleted, Standing, Standing]
        assert set(world.plugin.writes.values()) == {1}

    def test_where_it_dies_again_it_is_named_with_the_file(self, world: World) -> None:
        posts = world.posts(5)
        world.befall(("dies", 2), ("dies", 0))
        results = world.run(*retitled(posts))
        assert [isinstance(result, Standing) for result in results] == [True, True, False, True, True]
        assert fault(results[2]) is Fault.SERVER
        assert "plugins/other/other.php" in str(results[2])
        assert len(world.sent) == 3

    @pytest.mark.parametrize("fate", ["killed before", "killed half", "killed after"])
    def test_the_process_killed_at_an_item_loses_nothing(self, world: World, fate: Fate) -> None:
        posts = world.posts(5)
        world.befall((fate, 2))
        results = world.run(*retitled(posts))
        assert [result.post for result in results] == posts
        assert [world.plugin.posts[post].title for post in posts] == [f"New {post}" for post in posts]
        assert world.pauses == [1.0, 2.0, 4.0], "it may have been at work still"
        assert (["write"] in world.sent) == (fate != "killed after"), (
            "what stands there shows that it was done"
        )
        again = world.plugin.writes["write", posts[2], 3]
        assert again == (2 if fate == "killed half" else 1)

    def test_a_process_killed_before_its_first_item_is_no_fault_of_that(self, world: World) -> None:
        posts = world.posts(3)
        world.befall("killed early")
        results = world.run(*retitled(posts))
        assert [result.post for result in results] == posts
        assert world.sent[-1] == ["write"] * 3

    def test_one_that_is_killed_again_and_again_is_isolated(self, world: World) -> None:
        posts = world.posts(3)
        # In between: the other doorway, the outcome four times, and what stands.
        well: list[Fate] = ["well"] * 6
        world.befall(("killed before", 1), *well, ("killed before", 0))
        results = world.run(*retitled(posts))
        assert [isinstance(result, Standing) for result in results] == [True, False, True]
        assert (fault(results[1]), results[1].unsure) == (Fault.SERVER, True)


class TestLostAnswers:
    @pytest.mark.parametrize("fate", ["answer lost", "error page", "twice"])
    def test_of_what_was_done_is_read_and_not_done_again(self, world: World, fate: Fate) -> None:
        kept, trashed, deleted, restored = world.posts(4)
        world.run(Trash(1, "4", restored))
        world.net.bodies.clear()
        world.befall(fate)
        results = world.run(
            Write(1, "1", kept, title="x"),
            Trash(2, "2", trashed),
            Delete(3, "3", deleted),
            Restore(4, "4", restored, "draft"),
            Write(5, "9", title="Made"),
        )
        assert [type(result) for result in results] == [Standing, Standing, Deleted, Standing, Standing]
        assert results[0].already
        new = [
            sent
            for body, sent in zip(world.net.bodies, world.sent, strict=True)
            if body != world.net.bodies[0]
        ]
        assert new[0] == ["outcome"]
        assert not any("write" in sent for sent in new)
        assert set(world.plugin.writes.values()) == {1}
        assert [post.title for post in world.plugin.of("9")] == ["Made"]

    def test_of_what_never_arrived_is_done_then(self, world: World) -> None:
        posts = world.posts(3)
        world.befall("request lost")
        results = world.run(*retitled(posts), Write(9, "9"))
        assert [type(result) for result in results] == [Standing] * 4
        assert [len(sent) for sent in world.sent] == [4, 1, 4]

    def test_what_is_sent_again_has_the_same_seq_and_another_nonce(self, world: World) -> None:
        [post] = world.posts(1)
        world.befall("request lost")
        world.run(Write(41, "1", post, title="x"))
        first, _, again = [json.loads(body) for body in world.net.bodies]
        assert first["n"] != again["n"]
        assert [unpack(message)["operations"][0]["seq"] for message in (first, again)] == [41, 41]

    def test_it_may_be_written_all_the_same_where_the_site_stays_silent(self, world: World) -> None:
        posts = world.posts(120)
        world.befall("answer lost", "request lost")
        results = world.run(*retitled(posts))
        assert {fault(result) for result in results} == {Fault.NETWORK}
        assert [result.unsure for result in results] == [True] * 100 + [False] * 20
        assert len(world.sent) == 2

    def test_a_fault_found_later_is_told(self, world: World) -> None:
        [post] = world.posts(1)
        world.befall("answer lost")
        results = world.run(Write(2, "1", post, title="x"), Write(1, "1", post, title="y"), Write(3, "1"))
        assert isinstance(results[0], Standing)
        assert [fault(result) for result in results[1:]] == [Fault.STALE, Fault.EXISTS]

    def test_whatever_keeps_it_from_being_sent_again_leaves_it_in_doubt(self, world: World) -> None:
        """The request whose answer was lost may be what keeps the site busy."""
        world.plugin.saving = True
        world.befall("request lost")
        [result] = world.run(Write(1, "1", title="Made"))
        assert (fault(result), result.unsure) == (Fault.BUSY, True)

    def test_of_reads_alone_leave_nothing_in_doubt(self, world: World) -> None:
        [post] = world.posts(1)
        world.befall("answer lost")
        [result] = world.run(Read(post))
        assert (fault(result), result.unsure) == (Fault.NETWORK, False)
        world.befall("twice")
        assert isinstance(world.run(Read(post))[0], Standing)

    def test_a_page_that_was_deleted_is_not_made_by_a_request_that_comes_late(self, world: World) -> None:
        world.befall("late", "request lost")
        world.run(Write(1, "9", title="Made"))
        late, world.net.late = world.net.late, []
        [made] = world.run(Write(2, "9", title="Made"))
        world.run(Delete(3, "9", made.post))
        world.net.late = late
        world.net.deliver_late()
        assert world.plugin.of("9") == []

    def test_a_request_that_comes_late_changes_nothing(self, world: World) -> None:
        [kept, deleted] = world.posts(2)
        world.befall("late", "request lost")
        operations = Write(1, "1", kept, title="Old"), Delete(2, "2", deleted), Write(3, "9", title="Made")
        assert {fault(result) for result in world.run(*operations)} == {Fault.NETWORK}
        world.run(Write(4, "1", kept, title="New"), *operations[1:])
        world.net.deliver_late()
        assert world.plugin.posts[kept].title == "New"
        assert deleted not in world.plugin.posts
        assert len(world.plugin.of("9")) == 1
        assert set(world.plugin.writes.values()) == {1}


POSTS = 3
# What is done to which post, in order.
WRITES = st.lists(
    st.tuples(st.integers(0, POSTS - 1), st.sampled_from(["write", "trash", "restore"])), max_size=12
)
BAD = st.lists(st.tuples(st.sampled_from(FATES), st.integers(0, 8)), max_size=8)


class TestAnyFaults:
    @given(WRITES, st.sets(st.integers(0, 4), max_size=3), st.booleans(), BAD)
    def test_have_one_effect_each_and_lose_nothing(
        self, script: list[tuple[int, str]], new: set[int], ends: bool, bad: list[tuple[Fate, int]]
    ) -> None:
        """Kills, losses, repetitions and late arrivals between any two steps."""
        world = World()
        with world.net, world.client:
            posts = world.posts(POSTS)
            operations: list[Operation] = []
            for seq, (place, what) in enumerate(script, start=1):
                number, post = str(place + 1), posts[place]
                match what:
                    case "write":
                        operations.append(Write(seq, number, post, title=f"{seq}"))
                    case "trash":
                        operations.append(Trash(seq, number, post))
                    case _:
                        operations.append(Restore(seq, number, post, "draft"))
            operations += [Write(50 + one, str(1000 + one), title="Made") for one in sorted(new)]
            if ends:
                operations.append(Delete(99, "1", posts[0]))
            world.befall(*bad)
            self._settle(world, operations)
            world.net.deliver_late()
            halves = [fate for fate, _ in bad].count("killed half")
            self._check(world, posts, script, new, ends=ends, halves=halves)

    def _settle(self, world: World, operations: list[Operation]) -> None:
        """Repeat what has a fault that passes, as the mirror does, until nothing is left."""
        waiting = operations
        for _ in range(40):
            results = world.run(*waiting)
            again = []
            for operation, result in zip(waiting, results, strict=True):
                if isinstance(result, SiteFaultError):
                    if result.fault.retry:
                        again.append(operation)
                        continue
                    if isinstance(operation, Delete) or (
                        isinstance(operation, Write) and operation.post is None
                    ):
                        # What an attempt before may have done, the mirror finds by looking.
                        assert result.fault in (Fault.POST_MISSING, Fault.EXISTS), result
                    else:
                        # A later write came first, which happens only to what is repeated.
                        assert result.fault in (Fault.STALE, Fault.POST_MISSING), result
            waiting = again
            if not waiting:
                return
        raise AssertionError("it never ends")

    def _check(
        self,
        world: World,
        posts: list[int],
        script: list[tuple[int, str]],
        new: set[int],
        *,
        ends: bool,
        halves: int,
    ) -> None:
        plugin = world.plugin
        for one in new:
            assert [post.title for post in plugin.of(str(1000 + one))] == ["Made"]
        assert len(plugin.posts) == POSTS + len(new) - ends
        for place, post in enumerate(posts[1:] if ends else posts, start=int(ends)):
            mine = [(seq, what) for seq, (where, what) in enumerate(script, start=1) if where == place]
            last = mine[-1][0] if mine else None
            assert (plugin.posts[post].seq or (3, None))[1] == last
        for (_, _, seq), count in plugin.writes.items():
            assert count <= 1 + halves, seq


class TestPosts:
    def test_the_mirror_finds_what_it_had_over_rest(self, world: World) -> None:
        field = {
            "number": str(NUMBER),
            "kind": "meeting",
            "details": json.dumps({"topic": "Choir"}),
            "fields": {"a": "1"},
            "pro": None,
            "html": "<p>x</p>",
            "revision": 5,
        }
        fields = {"title": "Choir", "content": "<p>Sing</p>", "status": "publish", "zoombridge": field}
        [made] = world.client.perform([CreatePost(fields)], [Mark(NUMBER, 1)])
        assert (made.title, made.content, made.status) == ("Choir", "<p>Sing</p>", "publish")
        [read] = world.client.perform([ReadPost(made.id)], [Mark(NUMBER, 0)])
        assert world.client.find_posts(NUMBER) == [read]
        assert world.client.read_post(made.id) == read
        assert read.untouched
        assert read.field["revision"] == 5
        assert json.loads(read.field["details"]) == {"topic": "Choir"}
        [changed] = world.client.perform(
            [UpdatePost(made.id, {"zoombridge": {"revision": 6}})], [Mark(NUMBER, 2)]
        )
        assert (changed.id, changed.link) == (made.id, made.link)
        assert world.client.read_post(made.id).field == read.field | {"revision": 6}

    def test_a_post_goes_to_the_trash_once(self, world: World) -> None:
        [post] = world.posts(1)
        for seq, expected in ((1, True), (2, False)):
            assert world.client.perform([TrashPost(post)], [Mark(1, seq)]) == [expected]
        assert world.client.find_posts(1)[0].field["trashed_from"] == "publish"
        [back] = world.client.perform([UpdatePost(post, {"status": "publish"})], [Mark(1, 3)])
        assert back.status == "publish"

    @pytest.mark.parametrize("fate", ["answer lost", "request lost", ("dies", 1), ("killed after", 1)])
    def test_a_post_that_went_to_the_trash_although_the_answer_was_lost_was_moved(
        self, world: World, fate: Any
    ) -> None:
        [post] = world.posts(1)
        world.befall(fate)
        assert world.client.perform([TrashPost(post)], [Mark(1, 1)]) == [True]

    def test_a_deleted_post_is_gone(self, world: World) -> None:
        [post] = world.posts(1)
        assert world.client.perform([DeletePost(post)], [Mark(1, 1)]) == [None]
        assert world.client.find_posts(1) == []
        [again] = world.client.perform([DeletePost(post)], [Mark(1, 2)])
        assert fault(again) is Fault.POST_MISSING
        with pytest.raises(SiteFaultError):
            world.client.read_post(post)

    def test_results_come_in_the_order_of_the_operations(self, world: World) -> None:
        first, second, third = world.posts(3)
        world.plugin.make_by_hand("2", status="trash")
        results = world.client.perform(
            [
                FindPosts(2),
                UpdatePost(first, {"title": "New"}),
                FindPosts(77),
                TrashPost(third),
                UpdatePost(99, {"title": "x"}),
                ReadPost(second),
            ],
            [Mark(2, 0), Mark(1, 1), Mark(77, 0), Mark(3, 2), Mark(4, 3), Mark(2, 0)],
        )
        assert [post.status for post in results[0]] == ["publish", "trash"]
        assert results[1].title == "New"
        assert results[2] == []
        assert results[3] is True
        assert fault(results[4]) is Fault.POST_MISSING
        assert results[5].id == second
        assert world.sent[0] == ["find"]
        assert len(world.sent) == 3

    def test_many_numbers_are_found_in_one_request(self, world: World) -> None:
        world.posts(40)
        found = world.client.perform([FindPosts(n) for n in range(1, 41)], [Mark(n, 0) for n in range(1, 41)])
        assert [len(posts) for posts in found] == [1] * 40
        assert [len(sent) for sent in world.sent] == [1, 20, 20]

    def test_a_site_that_is_down_is_asked_once(self, world: World) -> None:
        [post] = world.posts(1)
        world.net.closed = {"rest": (503, {"Retry-After": "60"}, b"")}
        results = world.client.perform(
            [FindPosts(1), UpdatePost(post, {"title": "x"})], [Mark(1, 0), Mark(1, 1)]
        )
        assert [fault(result) for result in results] == [Fault.THROTTLED] * 2
        assert len(world.net.bodies) == 1


class TestChanges:
    """What the site tells of others, and what is acknowledged of it."""

    def made(self, world: World, number: str = "7") -> int:
        [made] = world.run(Write(1, number, title="Choir", status="publish"))
        world.client.take_written()
        return int(made.post)

    def acks(self, world: World) -> list[list[dict[str, Any]]]:
        return [unpack(json.loads(body))["ack"] for body in world.net.bodies]

    def test_a_change_is_told_until_it_is_acknowledged(self, world: World) -> None:
        post = self.made(world)
        world.plugin.change(post, status="trash")
        for _ in range(2):
            world.run(Hello())
            [change] = world.client.changes
            assert (change.post, change.number, change.status, change.by) == (post, 7, "trash", "user")
        world.client.acknowledge([change])
        assert world.client.changes == []
        world.run(Hello())
        world.run(Hello())
        assert self.acks(world)[-2:] == [[{"post": post, "version": change.version}], []]
        assert world.client.changes == []
        assert world.plugin.changes == {}

    def test_a_change_after_that_is_told_again(self, world: World) -> None:
        post = self.made(world)
        world.plugin.change(post, status="trash")
        world.run(Hello())
        world.client.acknowledge(world.client.changes)
        world.plugin.change(post, status="draft")
        world.run(Hello())
        assert [change.status for change in world.client.changes] == ["draft"]

    def test_what_another_client_has_acknowledged_is_not_kept(self, world: World) -> None:
        post = self.made(world)
        world.plugin.change(post, status="trash")
        world.run(Hello())
        world.plugin.changes.clear()
        world.run(Hello())
        assert world.client.changes == []

    def test_an_acknowledgement_whose_answer_is_lost_is_sent_again(self, world: World) -> None:
        post = self.made(world)
        world.plugin.change(post, title="Theirs")
        world.run(Hello())
        world.client.acknowledge(world.client.changes)
        world.befall("request lost")
        with pytest.raises(SiteFaultError):
            world.client.hello()
        world.run(Hello())
        assert (self.acks(world)[-1] != [], world.plugin.changes) == (True, {})

    def test_a_deleted_post_stands_as_deleted(self, world: World) -> None:
        post = self.made(world)
        world.plugin.delete(post, by="cron")
        world.run(Hello())
        [change] = world.client.changes
        assert (change.number, change.status, change.by, change.digest) == (7, "deleted", "cron", "")

    @pytest.mark.parametrize("fate", ["well", "answer lost", "dies after"])
    def test_what_stands_after_each_write_is_remembered(self, world: World, fate: Fate) -> None:
        posts = self.made(world, "1"), self.made(world, "2")
        world.befall(fate)
        world.run(Write(5, "1", posts[0], status="draft"), Delete(6, "2", posts[1]))
        told = {(one.post, one.number, one.status, one.by) for one in world.client.take_written()}
        assert told == {(posts[0], 1, "draft", "bridge"), (posts[1], 2, "deleted", "bridge")}
        assert world.client.take_written() == []

    def test_a_sweep_lists_what_the_bridge_manages(self, world: World) -> None:
        post = self.made(world)
        world.plugin.make_by_hand("8")
        world.plugin.change(post, password=True)
        [swept] = world.run(Sweep())
        assert isinstance(swept, Swept)
        assert [(one.post, one.number, one.password, one.ours) for one in swept.posts] == [
            (post, 7, True, True)
        ]
        assert world.client.sweep(post).posts == ()
        world.plugin._sweep = lambda operation: {"posts": [], "next": operation["after"]}  # type: ignore[method-assign]
        with pytest.raises(SiteFaultError, match="does not follow"):
            world.client.sweep(post)  # or the sweep would have no end

    def test_a_visit_tells_the_one_before(self, world: World) -> None:
        assert [world.client.hello(visit=number).visit for number in (4, 5)] == [0, 4]
        assert world.client.hello().visit is None
