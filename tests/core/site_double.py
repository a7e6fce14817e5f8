"""A WordPress site in memory: it answers as docs/sync.md says, and records the operations."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from core.errors import Fault, SiteFaultError
from core.render import text
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
from core.wordpress.sync_operations import PostReport
from core.wordpress.sync_posts import Mark


def fault(kind: Fault, **evidence: Any) -> SiteFaultError:
    return SiteFaultError(f"{kind} happened", fault=kind, **evidence)


@dataclass
class SiteDouble(SyncClient):
    """The client of a site, and the site. `on_operation` runs before each operation; a fault that it returns is the answer.

    `marks` are those of the operations performed, and `quiet` the numbers of those that were not to be announced.
    """

    home: str = "https://s1.example.org"

    posts: dict[int, dict[str, Any]] = field(default_factory=dict)
    performed: list[PostOperation] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    quiet: list[int] = field(default_factory=list)
    rewritten: tuple[str, ...] = ()
    rounds: int = 0
    told: list[PostReport] = field(default_factory=list)  # of what others change
    acknowledged: list[PostReport] = field(default_factory=list)
    info: SiteInfo | None = None
    written: list[PostReport] = field(default_factory=list)  # what stands after writes
    on_operation: Callable[[PostOperation], SiteFaultError | None] = lambda _: None

    def perform(
        self, operations: Sequence[PostOperation], marks: Sequence[Mark], *, quiet: bool = False
    ) -> list[Any]:
        self.rounds += 1
        self.marks += marks
        self.quiet += [mark.number for mark in marks] if quiet else []
        answers: list[Any] = []
        for operation in operations:
            self.performed.append(operation)
            found = self.on_operation(operation)
            try:
                answers.append(self._do(operation) if found is None else found)
            except SiteFaultError as error:
                answers.append(error)
        return answers

    def close(self) -> None:
        """There is nothing to close."""

    @property
    def changes(self) -> list[PostReport]:
        return [change for change in self.told if change not in self.acknowledged]

    def acknowledge(self, changes: Iterable[PostReport]) -> None:
        self.acknowledged += changes

    def take_written(self) -> list[PostReport]:
        written, self.written = self.written, []
        return written

    def made_by_hand(self, number: int, **given: Any) -> int:
        """Make a post as people and other plugins do; return its id."""
        post_id = max(self.posts, default=100) + 1
        self.posts[post_id] = {
            "title": "By hand", "content": "<p>By hand</p>", "status": "publish", "number": str(number),
            "revision": None, "details": {}, "fields": {}, "trashed_from": None, "untouched": False, **given,
        }  # fmt: skip
        return post_id

    def trash(self, post_id: int) -> None:
        """As people do it in wp-admin."""
        post = self.posts[post_id]
        post["trashed_from"], post["status"] = post["status"], "trash"

    @property
    def only(self) -> dict[str, Any]:
        """The one post that there is."""
        (post,) = self.posts.values()
        return post

    @property
    def writes(self) -> list[PostOperation]:
        """The operations that change something."""
        return [operation for operation in self.performed if not isinstance(operation, ReadPost | FindPosts)]

    def forget(self) -> None:
        """Clear the record of operations."""
        self.performed.clear()
        self.marks.clear()
        self.rounds = 0

    def _do(self, operation: PostOperation) -> Any:
        if isinstance(operation, CreatePost):
            return self._create(operation.fields)
        if isinstance(operation, FindPosts):
            found = [
                self._shown(one) for one in self.posts if self.posts[one]["number"] == str(operation.number)
            ]
            return sorted(found, key=lambda post: (post.status == "trash", post.id))
        if operation.post_id not in self.posts:
            raise fault(Fault.POST_MISSING, status=404)
        if isinstance(operation, DeletePost):
            del self.posts[operation.post_id]
            return None
        if isinstance(operation, TrashPost):
            moved = self.posts[operation.post_id]["status"] != "trash"
            if moved:
                self.trash(operation.post_id)
            return moved
        if isinstance(operation, UpdatePost):
            self._write(operation.post_id, operation.fields)
            return self._stands(operation.post_id)
        return self._shown(operation.post_id)

    def _create(self, fields: Any) -> SitePost:
        number = int(fields["zoombridge"]["number"])
        for post_id, post in self.posts.items():
            if post["number"] == str(number):
                raise fault(Fault.EXISTS, status=409, post_id=post_id)
        post_id = self.made_by_hand(number)
        self._write(post_id, fields)
        self.posts[post_id]["made"] = True
        return self._stands(post_id)

    def _write(self, post_id: int, fields: Any) -> None:
        post = self.posts[post_id]
        if fields.get("keep_title") and self._shown(post_id).editors_title:
            fields = {name: value for name, value in fields.items() if name != "title"}
        for name in ("title", "content", "status", "author", "zoom_meeting_cats"):
            if name in fields:
                post[name] = fields[name]
        post["wrote"] = post.get("wrote", {}) | {
            name: fields[name] for name in ("title", "content") if name in fields
        }
        zoombridge = fields.get("zoombridge", {})
        if "details" in zoombridge:
            post["details"] = {**post["details"], **json.loads(zoombridge["details"])}
        post["fields"] = {**post["fields"], **zoombridge.get("fields", {})}
        post.update({name: zoombridge[name] for name in ("revision", "html", "kind") if name in zoombridge})
        if post["status"] != "trash":
            post["trashed_from"] = None

    def _stands(self, post_id: int) -> SitePost:
        """What a write tells: no metas."""
        return replace(self._shown(post_id), field={}, rewritten=self.rewritten)

    def _shown(self, post_id: int) -> SitePost:
        post = self.posts[post_id]
        zoombridge = {
            "number": post["number"],
            "details": json.dumps(post["details"]) if post["details"] else None,
            "fields": dict(post["fields"]) or None,
            "revision": post["revision"],
            "trashed_from": post["trashed_from"],
        }
        return SitePost(
            id=post_id,
            status=post["status"],
            link=f"https://s1.example.org/?p={post_id}",
            title=post["title"],
            content=post["content"],
            field=zoombridge,
            untouched=post["untouched"],
            own_texts=frozenset(name for name, text in post.get("wrote", {}).items() if post[name] == text),
            editors_title=post.get("made", False)
            and post["title"] not in (post["wrote"]["title"], text.title(post["details"].get("topic", ""))),
        )
