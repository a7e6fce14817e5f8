"""Operations of the sync protocol go out as the contract names them, and results come in by its schema."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Fault
from core.wordpress import sync_faults
from core.wordpress.post_operations import CATEGORIES, CreatePost, DeletePost, ReadPost, TrashPost, UpdatePost
from core.wordpress.responses import Choice, UnexpectedError
from core.wordpress.sync_operations import (
    BridgeCall,
    ChoiceKind,
    Choices,
    Delete,
    Deleted,
    Find,
    Found,
    FoundPost,
    Greeting,
    Hello,
    ItemFault,
    Loader,
    LoaderState,
    Metas,
    Operation,
    Outcome,
    Position,
    Progress,
    Read,
    Restore,
    Standing,
    Trash,
    Unpair,
    Unpaired,
    Write,
)
from core.wordpress.sync_operations_json import LONGEST_TEXT, document, payload_of, position_of, result_of
from core.wordpress.sync_posts import Mark, post_of, sync_operations

NUMBER = "85393847045"
STANDS: dict[str, Any] = {
    "ok": True,
    "post": 7,
    "link": "https://example.org/?p=7",
    "status": "publish",
    "seq": "3.41",
    "digest": "d" * 64,
    "by": "bridge",
    "own_texts": ["title"],
    "editors_title": False,
}
STATE = {
    "title": "Choir",
    "content": "<p>Sing</p>",
    "status": "publish",
    "author": 2,
    "metas": {"number": NUMBER, "revision": 5, "details": None},
    "trashed_from": None,
}
GREETING: dict[str, Any] = {
    "ok": True,
    "version": "0.2.0",
    "home": "https://example.org",
    "type": "stub",
    "page": "https://example.org/wp-admin/",
    "endpoints": {},
    "nonces": True,
    "charset": "utf8mb4",
    "trash": True,
    "rest": "https://example.org/wp-json/",
    "vczapi_pro": "1.7.5",
}
PAYLOAD: dict[str, Any] = {
    "error": None,
    "results": [{"i": 4, **STANDS}],
    "highest": {"epoch": 3, "seq": 41},
    "changed": [],
    "protocols": [2, 2],
    "vczapi": "4.6.7",
    "vczapi_pro": False,
    "can": {"trash": True},
}
FIELDS: dict[str, Any] = {
    "title": "Choir",
    "content": "<p>Sing</p>",
    "status": "publish",
    "author": 3,
    CATEGORIES: [4],
    "zoombridge": {
        "number": NUMBER,
        "html": "<p>x</p>",
        "join_url": None,
        "details": '{"a": null}',
        "fields": {"b": None},
        "pro": None,
        "host": "a-host",
        "revision": 5,
    },
}
EVERY: list[Operation] = [
    Hello(),
    Find((NUMBER,)),
    Read(7),
    Write(41, NUMBER, 7),
    Trash(41, NUMBER, 7),
    Restore(41, NUMBER, 7),
    Delete(41, NUMBER, 7),
    Outcome("0f" * 16),
    Choices(ChoiceKind.AUTHORS),
    Unpair(),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


class TestDocument:
    @pytest.mark.parametrize(
        ("operation", "expected"),
        [
            (Hello(), {"op": "hello"}),
            (Hello(call=True), {"op": "hello", "call": True}),
            (Unpair(), {"op": "unpair"}),
            (Find((NUMBER, "7"), hint=9), {"op": "find", "numbers": [NUMBER, "7"], "hint": 9}),
            (Read(7), {"op": "read", "post": 7}),
            (Trash(41, NUMBER, 7), {"op": "trash", "seq": 41, "number": NUMBER, "post": 7}),
            (Restore(41, NUMBER, 7), {"op": "restore", "seq": 41, "number": NUMBER, "post": 7}),
            (
                Restore(41, NUMBER, 7, "draft"),
                {"op": "restore", "seq": 41, "number": NUMBER, "post": 7, "status": "draft"},
            ),
            (Delete(41, NUMBER, 7), {"op": "delete", "seq": 41, "number": NUMBER, "post": 7}),
            (Outcome("0f" * 16), {"op": "outcome", "n": "0f" * 16}),
            (Choices(ChoiceKind.AUTHORS), {"op": "choices", "kind": "authors"}),
            (Write(41, NUMBER), {"op": "write", "seq": 41, "number": NUMBER}),
            (
                Write(41, NUMBER, 7, title="", keep_title=True, content="", status="draft"),
                {
                    "op": "write",
                    "seq": 41,
                    "number": NUMBER,
                    "post": 7,
                    "title": "",
                    "keep_title": True,
                    "content": "",
                    "status": "draft",
                },
            ),
        ],
    )
    def test_names_the_fields_of_the_contract(self, operation: Operation, expected: dict[str, Any]) -> None:
        assert document(operation, 5) == {"i": 5, **expected}

    def test_metas_are_named_by_how_they_are_written(self) -> None:
        metas = Metas({"revision": 5}, {"details": "{}", "fields": {"a": None}}, ("pro",))
        told = document(Write(41, NUMBER, 7, metas=metas), 0)["metas"]
        assert told == {
            "set": {"revision": 5},
            "lay_over": {"details": "{}", "fields": {"a": None}},
            "remove": ["pro"],
        }
        assert "metas" not in document(Write(41, NUMBER, 7, metas=Metas()), 0)


class TestResults:
    def test_what_stands(self) -> None:
        told = STANDS | {"took": {"title": True, "content": {"became": "<p>x</p>"}}, "already": True}
        assert result_of(Write(41, NUMBER, 7), told) == Standing(
            7,
            "https://example.org/?p=7",
            "publish",
            Position(3, 41),
            "d" * 64,
            "bridge",
            own_texts=frozenset({"title"}),
            editors_title=False,
            already=True,
            became={"content": "<p>x</p>"},
        )

    def test_a_post_that_no_bridge_has_written_has_no_position(self) -> None:
        standing = result_of(Trash(41, NUMBER, 7), STANDS | {"seq": None, "by": None})
        assert isinstance(standing, Standing)
        assert (standing.position, standing.by) == (None, None)

    def test_a_read_tells_the_state(self) -> None:
        standing = result_of(Read(7), STANDS | {"state": STATE})
        assert isinstance(standing, Standing)
        assert standing.state is not None
        assert (standing.state.title, standing.state.metas["revision"]) == ("Choir", 5)
        with pytest.raises(UnexpectedError):
            result_of(Read(7), STANDS)

    def test_posts_are_found_outside_the_trash_first_and_then_by_id(self) -> None:
        told = [
            {"post": post, "status": status, "managed": post == 9}
            for post, status in ((3, "trash"), (9, "draft"), (5, "publish"))
        ]
        found = result_of(Find((NUMBER, "8")), {"ok": True, "posts": {NUMBER: told}})
        assert found == Found(
            {
                NUMBER: (
                    FoundPost(5, "publish", managed=False),
                    FoundPost(9, "draft", managed=True),
                    FoundPost(3, "trash", managed=False),
                ),
                "8": (),
            }
        )
        assert result_of(Find(("8",)), {"ok": True, "posts": []}) == Found({"8": ()})

    def test_the_small_ones(self) -> None:
        assert result_of(Delete(41, NUMBER, 7), {"ok": True, "post": 7, "status": "deleted"}) == Deleted(7)
        assert result_of(Outcome(""), {"ok": True, "known": True, "at": 3, "done": False}) == Progress(
            known=True, at=3, done=False
        )
        told = {"ok": True, "choices": [{"id": 3, "name": "Songs &amp; Dances"}]}
        assert result_of(Choices(ChoiceKind.CATEGORIES), told) == [Choice(3, "Songs & Dances")]

    def test_a_call_of_the_bridge_is_told(self) -> None:
        called = {"address": "https://bridge.example", "reached": False, "status": None, "message": "No."}
        greeting = result_of(Hello(call=True), GREETING | {"bridge": called})
        assert isinstance(greeting, Greeting)
        assert greeting.bridge == BridgeCall(
            "https://bridge.example", reached=False, status=None, message="No."
        )
        for wrong in ({}, {"bridge": None}, {"bridge": called | {"reached": "yes"}}):
            with pytest.raises(UnexpectedError):
                result_of(Hello(call=True), GREETING | wrong)
        plain = result_of(Hello(), GREETING)
        assert isinstance(plain, Greeting)
        assert (plain.bridge, plain.others) == (None, ())

    @pytest.mark.parametrize(
        "odd", ["javascript:alert(1)", "//evil.example/", "", f"https://example.org/{'x' * LONGEST_TEXT}"]
    )
    def test_addresses_are_of_the_web_and_of_bounded_length(self, odd: str) -> None:
        """Pages of the bridge link to them, and they are kept for each post."""
        standing = result_of(Trash(41, NUMBER, 7), STANDS | {"link": odd})
        told = {"page": odd, "endpoints": {"meeting": odd, "recording": "https://example.org/r", "more": "x"}}
        greeting = result_of(Hello(), GREETING | told)
        assert isinstance(standing, Standing)
        assert isinstance(greeting, Greeting)
        assert (standing.link, greeting.page) == ("", "")
        assert greeting.endpoints == {"recording": "https://example.org/r"}

    def test_long_texts_are_cut_or_refused_but_for_titles_and_contents(self) -> None:
        long = "x" * (LONGEST_TEXT + 1)
        greeting = result_of(Hello(), GREETING | {"name": long})
        assert isinstance(greeting, Greeting)
        assert greeting.name == long[:-1]
        standing = result_of(Read(7), STANDS | {"state": STATE | {"title": long, "content": long}})
        assert isinstance(standing, Standing)
        assert standing.state is not None
        assert (standing.state.title, standing.state.content) == (long, long)
        for name in ("status", "digest"):
            with pytest.raises(UnexpectedError):
                result_of(Trash(41, NUMBER, 7), STANDS | {name: long})

    def test_greeting_names_other_posts(self) -> None:
        greeting = result_of(Hello(), GREETING | {"others": [12, 15]})
        assert isinstance(greeting, Greeting)
        assert greeting.others == (12, 15)
        for wrong in ("12", ["12"], [-1], {"0": 12}):
            with pytest.raises(UnexpectedError):
                result_of(Hello(), GREETING | {"others": wrong})

    def test_greeting_tells_of_the_loader(self) -> None:
        told = {"state": "missing", "writable": False}
        greeting = result_of(Hello(), GREETING | {"loader": told})
        assert isinstance(greeting, Greeting)
        assert greeting.loader == Loader(LoaderState.MISSING, writable=False)
        later = result_of(Hello(), GREETING | {"loader": told | {"state": "later"}})
        assert isinstance(later, Greeting)
        assert later.loader is None
        for wrong in ("none", {"state": "none"}, told | {"state": 1}, told | {"writable": "no"}):
            with pytest.raises(UnexpectedError):
                result_of(Hello(), GREETING | {"loader": wrong})

    def test_the_pairing_is_over_only_where_the_site_says_so(self) -> None:
        assert result_of(Unpair(), {"ok": True, "paired": False}) == Unpaired()
        for told in ({"ok": True}, {"ok": True, "paired": True}):
            with pytest.raises(UnexpectedError):
                result_of(Unpair(), told)

    def test_a_fault_tells_the_post_the_file_and_what_stands(self) -> None:
        told = {"ok": False, "code": "failed", "text": "no", "file": "plugins/x.php"}
        assert result_of(Write(41, NUMBER), told) == ItemFault("failed", "no", "plugins/x.php")
        stale = result_of(Write(41, NUMBER, 7), STANDS | {"ok": False, "code": "stale"})
        assert isinstance(stale, ItemFault)
        assert stale.standing is not None
        assert (stale.post, stale.standing.position) == (7, Position(3, 41))

    @pytest.mark.parametrize("told", ["3", "3.", ".1", "-1.2", "3.41.1", 3.41, ["3.41"], "٣.٤"])
    def test_a_position_is_two_numbers(self, told: object) -> None:
        with pytest.raises(UnexpectedError):
            position_of(told)

    def test_positions_are_ordered_by_epoch_and_then_by_counter(self) -> None:
        assert sorted([Position(3, 10), Position(4, 1), Position(3, 9)]) == [(3, 9), (3, 10), (4, 1)]

    @given(
        st.sampled_from(EVERY), st.dictionaries(st.sampled_from([*STANDS, "state", "posts", "took"]), JSON)
    )
    def test_anything_else_is_unexpected_and_nothing_worse(
        self, operation: Operation, told: dict[str, Any]
    ) -> None:
        with contextlib.suppress(UnexpectedError):
            result_of(operation, STANDS | told)


class TestPayload:
    def test_is_read_whole(self) -> None:
        payload = payload_of(PAYLOAD)
        assert payload.error is None
        assert list(payload.results) == [4]
        assert payload.highest == (3, 41)
        assert (payload.protocols, payload.vczapi, payload.can_trash) == ((2, 2), "4.6.7", True)

    @given(st.dictionaries(st.sampled_from(list(PAYLOAD)), JSON))
    def test_anything_else_is_unexpected_and_nothing_worse(self, told: dict[str, Any]) -> None:
        with contextlib.suppress(UnexpectedError):
            payload_of(PAYLOAD | told)


class TestFaults:
    @pytest.mark.parametrize(
        ("code", "fault"),
        [
            ("missing", Fault.POST_MISSING),
            ("exists", Fault.EXISTS),
            ("busy", Fault.BUSY),
            ("stale", Fault.STALE),
            ("no_trash", Fault.NO_TRASH),
            ("invalid", Fault.REFUSED),
            ("column", Fault.REFUSED),
            ("failed", Fault.SERVER),
            ("refused", Fault.REFUSED),
            ("a new one", Fault.REFUSED),
        ],
    )
    def test_of_an_operation_are_of_its_post_alone(self, code: str, fault: Fault) -> None:
        found = sync_faults.of_item(ItemFault(code, "100 % wrong", post=7))
        assert found.fault is fault
        assert not found.fault.stops_site
        assert "100 % wrong" in found.evidence
        assert "%(" not in str(found)

    def test_the_file_in_which_php_died_is_named(self) -> None:
        found = sync_faults.of_item(ItemFault("failed", "", "plugins/other/other.php"))
        assert "plugins/other/other.php" in str(found)
        assert found.unsure

    @pytest.mark.parametrize(
        ("error", "protocols", "fault"),
        [
            ({"code": "clock"}, [2, 2], Fault.CLOCK),
            ({"code": "replayed"}, [2, 2], Fault.CLOCK),
            ({"code": "superseded", "epoch": 4}, [2, 2], Fault.SUPERSEDED),
            ({"code": "moved", "home": "https://new.example"}, [2, 2], Fault.MOVED),
            ({"code": "moved"}, [2, 2], Fault.MOVED),
            ({"code": "update"}, [1, 1], Fault.STUB_OUTDATED),
            ({"code": "update"}, [3, 4], Fault.BRIDGE_OUTDATED),
            ({"code": "invalid"}, [2, 2], Fault.REFUSED),
        ],
    )
    def test_of_a_request(self, error: dict[str, Any], protocols: list[int], fault: Fault) -> None:
        found = sync_faults.of_request(payload_of(PAYLOAD | {"error": error, "protocols": protocols}))
        assert found is not None
        assert found.fault is fault
        assert error.get("home", "") in str(found)


class TestPosts:
    def test_a_post_is_created_with_all_that_is_wanted(self) -> None:
        [write] = sync_operations(CreatePost(FIELDS), Mark(int(NUMBER), 41))
        assert write == Write(
            41,
            NUMBER,
            title="Choir",
            content="<p>Sing</p>",
            status="publish",
            host="a-host",
            author=3,
            terms=(4,),
            metas=Metas(
                {"number": NUMBER, "html": "<p>x</p>", "revision": 5},
                {"details": '{"a": null}', "fields": {"b": None}},
                ("join_url", "pro"),
            ),
        )
        json.dumps(document(write, 0))

    def test_an_update_names_only_what_changes(self) -> None:
        [write] = sync_operations(
            UpdatePost(7, {"zoombridge": {"revision": 6, "host": "a-host"}}), Mark(int(NUMBER), 42)
        )
        assert write == Write(42, NUMBER, 7, metas=Metas({"revision": 6}))
        [write] = sync_operations(UpdatePost(7, {"title": "Band", "keep_title": True}), Mark(int(NUMBER), 43))
        assert write == Write(43, NUMBER, 7, title="Band", keep_title=True)

    def test_the_others(self) -> None:
        mark = Mark(int(NUMBER), 43)
        assert sync_operations(ReadPost(7), mark) == (Read(7),)
        assert sync_operations(TrashPost(7), mark) == (Read(7), Trash(43, NUMBER, 7))
        assert sync_operations(DeletePost(7), mark) == (Delete(43, NUMBER, 7),)

    def test_a_read_post_is_as_the_rest_api_told_it(self) -> None:
        standing = result_of(
            Read(7), STANDS | {"state": STATE | {"status": "trash", "trashed_from": "draft"}}
        )
        assert isinstance(standing, Standing)
        post = post_of(standing)
        assert (post.id, post.status, post.title, post.content) == (7, "trash", "Choir", "<p>Sing</p>")
        assert post.field == {**STATE["metas"], "trashed_from": "draft"}  # type: ignore[dict-item]
        assert post.untouched

    def test_a_written_post_holds_what_was_sent_but_for_what_became_of_it(self) -> None:
        told = STANDS | {"took": {"title": True, "content": {"became": "<p>other</p>"}}}
        standing = result_of(Write(41, NUMBER), told)
        assert isinstance(standing, Standing)
        post = post_of(standing, CreatePost(FIELDS))
        assert (post.title, post.content, post.link) == ("Choir", "<p>other</p>", STANDS["link"])
        assert post.rewritten == ("content",)

    @pytest.mark.parametrize("title", ["Theirs", ""])
    def test_a_title_that_stays_as_an_editor_gave_it_is_not_rewritten(self, title: str) -> None:
        standing = result_of(Write(41, NUMBER, 7), STANDS | {"took": {"title": {"kept": title}}})
        assert isinstance(standing, Standing)
        post = post_of(standing, UpdatePost(7, {"title": "Choir", "keep_title": True}))
        assert (post.title, post.rewritten) == (title, ())
