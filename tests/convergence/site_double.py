"""A WordPress site in memory: answers what is asked of it as docs/sync.md says, and watches over its editors."""

from __future__ import annotations

import copy
import json
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from core.errors import SiteFaultError
from core.wordpress import sync_faults
from core.wordpress.faults import SiteResponse, classify, unreachable
from core.wordpress.post_operations import (
    CreatePost,
    DeletePost,
    FindPosts,
    PostOperation,
    ReadPost,
    TrashPost,
    UpdatePost,
)
from core.wordpress.responses import SitePost
from core.wordpress.sync_client import SiteInfo, SyncClient
from core.wordpress.sync_operations import ItemFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.wordpress.sync_operations import PostReport
    from core.wordpress.sync_posts import Mark

Failure = Literal[
    "refused",  # nothing listens
    "slow before",  # timed out, and was not done
    "slow after",  # timed out, and was done
    "broken before",  # 500, and was not done
    "broken after",  # 500, and was done
    "half",  # killed between the row and its metas: a new post is there, with its number only
    "busy",  # 429
    "down",  # 503 with Retry-After
    "crash before",  # the bridge is killed before it sends a request
    "crash after",  # the bridge is killed before it hears the answer
]
FAILURES: tuple[Failure, ...] = Failure.__args__  # type: ignore[attr-defined]
_WRITES = (CreatePost, UpdatePost, TrashPost, DeletePost)


class Killed(BaseException):
    """The bridge is gone, in the middle of what it did."""


@dataclass(eq=False)
class PostDouble:
    """A post, and what people did to it."""

    id: int
    title: str
    content: str
    status: str
    field: dict[str, Any]
    trashed_from: str | None = None
    title_told: str = ""  # the last title that the bridge gave it
    title_is_editors: bool = False
    is_made: bool = False  # by the bridge, which has stored that
    content_is_editors: bool = False
    content_is_anyones: bool = False  # saved by half, and again since: nothing tells whose it is
    trashed_by_editor: bool = False
    untouched: bool = True  # since the bridge's last write
    shown_as: str = "publish"  # the status that it has while nobody has trashed it


@dataclass(eq=False)
class SiteDouble(SyncClient):
    """The site. `failures` are those of the next requests, None for those that go well."""

    home: str = "https://double.example.org"
    posts: dict[int, PostDouble] = field(default_factory=dict)
    failures: deque[Failure | None] = field(default_factory=deque)
    in_doubt: set[int] = field(default_factory=set)
    """Posts about which the bridge has been left in doubt: it may take what was done to them for its own."""
    requests: int = 0
    info: SiteInfo | None = None  # which plugins it has, it does not tell either

    def perform(
        self,
        operations: Sequence[PostOperation],
        marks: Sequence[Mark],
        *,
        quiet: bool = False,
    ) -> list[Any]:
        """Do as the client does: the writes in one request, and each read in one of its own."""
        answers: list[Any] = [None] * len(operations)
        writes = [index for index, operation in enumerate(operations) if isinstance(operation, _WRITES)]
        reads = [[index] for index, operation in enumerate(operations) if not isinstance(operation, _WRITES)]
        for together in [*([writes] if writes else []), *reads]:
            told = self._request([operations[index] for index in together])
            for index, answer in zip(together, told, strict=True):
                answers[index] = answer
        return answers

    @property
    def changes(self) -> list[PostReport]:
        """It does not tell what people change, like plugins before that: the bridge looks when it writes."""
        return []

    def take_written(self) -> list[PostReport]:
        """Nor what stands after a write."""
        return []

    def close(self) -> None:
        """There is nothing to close."""

    # --- What people do -----------------------------------------------------------------------------------

    def retitle(self, post: PostDouble, title: str) -> None:
        """An editor gives a post another title."""
        self._touch(post)
        post.title, post.title_is_editors = title, True

    def rewrite(self, post: PostDouble, content: str) -> None:
        """An editor writes the content."""
        self._touch(post)
        post.content, post.content_is_editors = content, True

    def show_as(self, post: PostDouble, status: str) -> None:
        """An editor chooses another status."""
        if post.status != "trash":
            self._touch(post)
            post.status = post.shown_as = status

    def trash(self, post: PostDouble) -> None:
        """An editor puts a post into the trash."""
        if post.status != "trash":
            self._touch(post)
            post.status, post.trashed_from, post.trashed_by_editor = "trash", post.status, True

    def _touch(self, post: PostDouble) -> None:
        """It is saved, which WordPress notes."""
        post.untouched = False
        post.content_is_anyones |= "details" not in post.field

    def make_by_hand(self, number: int, topic: str) -> None:
        """An editor makes a meeting in VCZAPI's form: its post is there before Zoom tells of the meeting."""
        details = json.dumps({"id": number, "topic": topic})
        made = {
            "number": str(number),
            "kind": "meeting",
            "details": details,
            "fields": {"site_option_logged_in": "1"},
        }
        post = self._insert(topic, "Written by an editor.", "publish", made)
        post.content_is_editors = True

    def of(self, number: int) -> list[PostDouble]:
        """Return the posts of a number, in the order in which the stub finds them."""
        found = [post for post in self.posts.values() if post.field.get("number") == str(number)]
        return sorted(found, key=lambda post: (post.status == "trash", post.id))

    # --- What the bridge requests --------------------------------------------------------------------------------

    def _request(self, operations: list[PostOperation]) -> list[Any]:
        self.requests += 1
        failure = self.failures.popleft() if self.failures else None
        wrote = isinstance(operations[0], _WRITES)
        if failure is None:
            return [self._answer(operation) for operation in operations]
        if failure in ("slow after", "broken after", "crash after", "half") and wrote:
            for operation in operations:
                self._doubt(operation)
                self._answer(operation, half=failure == "half")
                self._doubt(operation)
        elif failure in ("slow before", "broken before", "crash before"):
            for operation in operations:
                self._doubt(operation)
        if failure.startswith("crash"):
            raise Killed
        return [self._fault(failure, wrote=wrote)] * len(operations)

    def _fault(self, failure: Failure, *, wrote: bool) -> SiteFaultError:
        if failure == "refused":
            return unreachable("its server refuses the connection", evidence="")
        if failure.startswith("slow"):
            return unreachable("it took too long to answer", evidence="", unsure=wrote)
        status, headers = {"busy": (429, {"Retry-After": "7"}), "down": (503, {"Retry-After": "60"})}.get(
            failure, (500, {})
        )
        answer = SiteResponse(status, headers, b"<title>Failure</title>")
        return classify(answer, now=datetime.now(UTC), wrote=wrote)

    def _doubt(self, operation: PostOperation) -> None:
        match operation:
            case CreatePost(fields):
                self.in_doubt |= {post.id for post in self.of(int(fields["zoombridge"]["number"]))}
            case UpdatePost(post_id) | TrashPost(post_id) | DeletePost(post_id):
                self.in_doubt.add(post_id)

    def _answer(self, operation: PostOperation, *, half: bool = False) -> Any:
        answer: Any
        try:
            match operation:
                case CreatePost(fields):
                    answer = self._create(dict(fields), half=half)
                case UpdatePost(post_id, fields):
                    answer = self._update(self._post_of(post_id), dict(fields))
                case TrashPost(post_id):
                    answer = self._trash(self._post_of(post_id))
                case DeletePost(post_id):
                    self._delete(self._post_of(post_id))
                    answer = None
                case ReadPost(post_id):
                    answer = _told(self._post_of(post_id))
                case FindPosts(number):
                    answer = [_told(post) for post in self.of(number)]
        except SiteFaultError as error:
            return error
        return answer

    def _create(self, fields: dict[str, Any], *, half: bool) -> SitePost:
        given = dict(fields["zoombridge"])
        there = self.of(int(given["number"]))
        if there:
            raise sync_faults.of_item(ItemFault("exists", "This meeting has a post.", post=there[0].id))
        known = {"number": given["number"]} if half else given
        post = self._insert(fields["title"], fields["content"], fields["status"], known)
        post.untouched = not half
        post.is_made = not half
        return _stands(post)

    def _insert(self, title: str, content: str, status: str, given: dict[str, Any]) -> PostDouble:
        post = PostDouble(len(self.posts) + 1, title, content, status, {}, title_told=title, shown_as=status)
        _lay(post.field, given)
        self.posts[post.id] = post
        return post

    def _update(self, post: PostDouble, fields: dict[str, Any]) -> SitePost:
        if fields.pop("keep_title", False) and post.is_made and post.title_is_editors:
            fields.pop("title")
        if "title" in fields:
            assert not (post.is_made and post.title_is_editors), (
                f"An editor's title {post.title!r} was replaced."
            )
            # On one that was saved by half, nothing tells which title was Zoom's.
            known = "details" in post.field
            assert not (known and post.title_is_editors and fields["title"] == post.title_told), (
                f"An editor's title {post.title!r} was replaced by {fields['title']!r}, which Zoom did not change."
            )
            post.title = post.title_told = fields["title"]
            post.title_is_editors = False
        if "content" in fields:
            assert not post.content_is_editors, f"An editor's content was replaced by {fields['content']!r}."
            post.content = fields["content"]
        if "status" in fields:
            assert post.status == "trash", (
                f"The bridge made {fields['status']!r} of an editor's {post.status!r}."
            )
            # Of a post that was never in the bridge's charge, nobody knows who trashed it: it may have been the plugin,
            # as the meeting was deleted. That the meeting was recovered is known.
            is_in_charge = post.field.get("revision") is not None
            assert not post.trashed_by_editor or post.id in self.in_doubt or not is_in_charge, (
                "What an editor had trashed came back."
            )
            assert fields["status"] == post.trashed_from
            post.status, post.trashed_from, post.trashed_by_editor = fields["status"], None, False
        _lay(post.field, dict(fields.get("zoombridge", {})))
        post.untouched = True
        return _stands(post)

    def _trash(self, post: PostDouble) -> bool:
        assert post.field.get("revision") is not None, "WordPress would tell Zoom to delete the meeting."
        if post.status == "trash":
            return False
        post.untouched = True
        post.status, post.trashed_from = "trash", post.status
        return True

    def _delete(self, post: PostDouble) -> None:
        post.field = {}  # so that its number finds nothing; ids are not given twice
        post.status = "gone"

    def _post_of(self, post_id: int) -> PostDouble:
        post = self.posts.get(post_id)
        if post is None or post.status == "gone":
            raise sync_faults.of_item(ItemFault("missing", "There is no such post."))
        return post

    def delete_by_hand(self, post: PostDouble) -> None:
        """An editor deletes a post for good."""
        post.field, post.status = {}, "gone"


def lay_over(old: dict[str, Any] | None, new: dict[str, Any], deeper: str = "") -> dict[str, Any]:
    """Lay new values over old ones, as the stub does: null removes, one key goes deeper."""
    result = dict(old or {})
    for key, value in new.items():
        both = key == deeper and isinstance(value, dict)
        result[key] = lay_over(result.get(key), value) if both else copy.deepcopy(value)
    return {key: value for key, value in result.items() if value is not None}


def _lay(kept: dict[str, Any], given: dict[str, Any]) -> None:
    given.pop("host", None)
    if "details" in given:
        before = json.loads(kept.get("details") or "{}")
        kept["details"] = json.dumps(lay_over(before, json.loads(given.pop("details")), "settings"))
    for key in ("fields", "pro"):
        if key in given:
            told = given.pop(key)
            kept[key] = None if told is None else lay_over(kept.get(key), told)
    kept |= given


def _stands(post: PostDouble) -> SitePost:
    """What a write tells: no metas."""
    return replace(_told(post), field={})


def _told(post: PostDouble) -> SitePost:
    told = {**copy.deepcopy(post.field), "trashed_from": post.trashed_from}
    told.setdefault("revision", None)
    return SitePost(
        post.id,
        post.status,
        f"https://double.example.org/?p={post.id}",
        post.title,
        post.content,
        told,
        post.untouched,
        editors_title=post.is_made and post.title_is_editors,
    )
