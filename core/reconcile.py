"""One post brought to what it should be: compare, then ask WordPress for the difference.

Zoom decides that a meeting exists and what it is; people decide everything else. So only what Zoom changed
since the last write is written, and what editors own (content, image, category, slug, status, author) is
left as it is.

A plan does no I/O: it is a generator that yields what to ask of the site and is sent the answers, so that
the asks of many posts can travel in one request.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from core.errors import SiteFaultError
from core.render import Post, Presence, page
from core.store.posts import Base, PostState, Written
from core.wordpress.asks import Ask, CreatePost, DeletePost, FindPosts, ReadPost, TrashPost, UpdatePost
from core.wordpress.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.meeting import Meeting
    from core.wordpress.client import SitePost, WordPressClient

_TRASH = "trash"


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What is known of the post now; what was done, in a word; and whether WordPress was asked at all."""

    written: Written
    did: str
    asked: bool = True


Plan = Generator[Ask, Any, Reconciled]


@dataclass(frozen=True, slots=True)
class Task:
    """A meeting, the post that a site should have for it, and what was written there before.

    `in_doubt`: an earlier attempt may have done more than `written` says, so the post is looked at first.
    """

    meeting: Meeting
    wanted: Post
    written: Written
    revision: int
    in_doubt: bool = False


def carry_out(client: WordPressClient, tasks: Sequence[Task]) -> list[Reconciled | SiteFaultError]:
    """Bring the posts of one site to what they should be; return for each what came of it.

    The writes of one round go together. After a fault the same task may be given again.
    """
    plans = [plan(task) for task in tasks]
    results: list[Reconciled | SiteFaultError | None] = [None] * len(plans)
    asks: dict[int, Ask] = {}

    def advance(index: int, answer: Any) -> None:
        try:
            if isinstance(answer, SiteFaultError):
                asks[index] = plans[index].throw(answer)
            else:
                asks[index] = plans[index].send(answer)
        except StopIteration as done:
            results[index] = done.value
        except SiteFaultError as error:
            results[index] = error

    for index in range(len(plans)):
        advance(index, None)
    while asks:
        asked, asks = asks, {}
        for index, answer in zip(asked, client.perform(list(asked.values())), strict=True):
            advance(index, answer)
    return [result for result in results if result is not None]


def plan(task: Task) -> Plan:
    """Yield what to ask of the site until its post is what it should be; return what is known of it then.

    Lets the `SiteFaultError` of an answer out where the site did not do it.
    """
    if task.written.state in (PostState.DETACHED, PostState.GONE):
        return (yield from _revive_or_leave(task))
    match task.wanted.presence:
        case Presence.GONE:
            return (yield from _delete(task))
        case Presence.TRASHED:
            return (yield from _trash(task))
        case Presence.SHOWN | Presence.WITHHELD:
            return (yield from _show(task))


def _show(task: Task) -> Plan:
    if task.written.post_id is None:
        exists: SiteFaultError | None = None
        if task.wanted.presence is Presence.SHOWN:
            try:
                return (yield from _create(task))
            except SiteFaultError as error:
                if error.fault is not Fault.EXISTS:
                    raise
                exists = error
        found: list[SitePost] = yield FindPosts(task.meeting.number)
        if not found and exists is not None:
            raise exists  # it is there, but not to be seen: another look is needed, and the owner must know
        if not found:
            return Reconciled(Written(), "withheld")
        return (yield from _adopt(task, found[0]))
    if task.written.state is PostState.TRASHED:
        return (yield from _restore(task))
    return (yield from _update(task))


def _create(task: Task) -> Plan:
    wanted = task.wanted
    made: SitePost = yield CreatePost(
        {
            "title": wanted.title,
            "content": wanted.content,
            "status": wanted.status,
            "zoombridge": {**wanted.field, "revision": task.revision},
        }
    )
    base = Base(
        topic=task.meeting.topic,
        field=_digest(wanted.field),
        agenda=_digest(wanted.content),
        content=_digest(made.content),
    )
    return Reconciled(Written(PostState.SHOWN, made.id, made.link, base), "created")


def _adopt(task: Task, found: SitePost) -> Plan:
    """Take a post that is there already for the mirror of this meeting.

    The title that Zoom last gave it stands in its details. The content is its editors', unless the bridge
    has made the post, and did not hear of it.
    """
    written = Written(PostState.SHOWN, found.id, found.link, _base_in(task, found))
    adopted = replace(task, written=written, in_doubt=False)
    if found.status == _TRASH and task.meeting.recovered:
        return (yield from _restore(adopted))
    done = yield from _update(adopted)
    return replace(done, did="adopted")


def _update(task: Task, *, status: str | None = None) -> Plan:
    """Write what differs from what was written last, and nothing else."""
    meeting, wanted, written = task.meeting, task.wanted, task.written
    assert written.post_id is not None  # noqa: S101 - callers have checked
    base = written.base or Base()
    changes: dict[str, Any] = {} if status is None else {"status": status}
    now: SitePost | None = None
    try:
        if task.in_doubt:
            now = yield ReadPost(written.post_id)
            base = _base_in(task, now, before=base)
        if meeting.topic and meeting.topic != base.topic:
            changes["title"] = wanted.title
        if _digest(wanted.field) != base.field:
            changes["zoombridge"] = {**wanted.field, "revision": task.revision}
        agenda, content = base.agenda, base.content
        if wanted.presence is Presence.SHOWN and base.content and _digest(wanted.content) != base.agenda:
            # The agenda has changed; it goes into the content only while no editor has been there.
            now = now or (yield ReadPost(written.post_id))
            if _digest(now.content) == base.content:
                changes["content"] = wanted.content
            else:
                content = ""
        if not changes:
            kept = Base(base.topic, base.field, agenda, content)
            return Reconciled(replace(written, base=kept), "unchanged", asked=False)
        post: SitePost = yield UpdatePost(written.post_id, changes)
    except SiteFaultError as error:
        if error.fault is not Fault.POST_MISSING:
            raise
        return (yield from _find_again(task))
    if "content" in changes:
        agenda, content = _digest(wanted.content), _digest(post.content)
    kept = Base(meeting.topic or base.topic, _digest(wanted.field), agenda, content)
    return Reconciled(Written(PostState.SHOWN, post.id, post.link, kept), "updated")


def _find_again(task: Task) -> Plan:
    """Take another post of the same number for one that is gone, or accept that a person deleted it."""
    others: list[SitePost] = yield FindPosts(task.meeting.number)
    for found in others:
        if found.id != task.written.post_id:
            return (yield from _adopt(task, found))
    return Reconciled(Written(PostState.DETACHED), "detached")


def _restore(task: Task) -> Plan:
    """Take the post out of the trash, with the status that it had before.

    WordPress's own untrash makes a draft; a POST with the old status restores status and slug.
    """
    assert task.written.post_id is not None  # noqa: S101 - callers have checked
    try:
        post: SitePost = yield ReadPost(task.written.post_id)
    except SiteFaultError as error:
        if error.fault is not Fault.POST_MISSING:
            raise
        return (yield from _find_again(task))
    before = post.field.get("trashed_from")
    status = before if isinstance(before, str) and before else task.wanted.status
    done = yield from _update(task, status=status if post.status == _TRASH else None)
    if done.written.state is PostState.TRASHED:
        return replace(done, written=replace(done.written, state=PostState.SHOWN))
    return replace(done, did="restored" if done.did == "updated" else done.did)


def _trash(task: Task) -> Plan:
    written = task.written
    if written.state is PostState.TRASHED and not task.in_doubt:
        return Reconciled(written, "unchanged", asked=False)
    if written.post_id is None:
        every: list[SitePost] = yield FindPosts(task.meeting.number)
        found = [post for post in every if post.status != _TRASH]
        if not found:
            return Reconciled(Written(), "nothing to trash")
        written = Written(PostState.SHOWN, found[0].id, found[0].link, _base_in(task, found[0]))
        yield from _take_charge(task, found[0])
    assert written.post_id is not None  # noqa: S101 - just found
    try:
        moved: bool = yield TrashPost(written.post_id)
    except SiteFaultError as error:
        if error.fault is not Fault.POST_MISSING:
            raise
        return Reconciled(Written(PostState.DETACHED), "detached")
    # One that a person had trashed before stays in the trash when the meeting is recovered.
    return Reconciled(replace(written, state=PostState.TRASHED) if moved else written, "trashed")


def _delete(task: Task) -> Plan:
    """Delete every post of the number for good, from the trash too."""
    found: list[SitePost] = yield FindPosts(task.meeting.number)
    for post in found:
        yield from _take_charge(task, post)
    ids = {post.id for post in found}
    if task.written.post_id is not None:
        ids.add(task.written.post_id)
    for post_id in sorted(ids):
        try:
            yield DeletePost(post_id)
        except SiteFaultError as error:
            if error.fault is not Fault.POST_MISSING:
                raise
    return Reconciled(Written(PostState.GONE), "deleted for good" if ids else "nothing to delete")


def _take_charge(task: Task, post: SitePost) -> Generator[Ask, Any, None]:
    """Make a post the bridge's before it goes: WordPress tells Zoom to delete what is lost of any other."""
    if post.field.get("revision") is None:
        try:
            yield UpdatePost(post.id, {"zoombridge": {"revision": task.revision}})
        except SiteFaultError as error:
            if error.fault is not Fault.POST_MISSING:
                raise


def _revive_or_leave(task: Task) -> Plan:
    """Leave a post alone that is gone, unless its meeting has come to life again after it was deleted."""
    if task.written.state is PostState.GONE and task.wanted.presence is Presence.SHOWN:
        return (yield from _show(replace(task, written=Written())))
    return Reconciled(task.written, "left alone", asked=False)


def _base_in(task: Task, post: SitePost, *, before: Base | None = None) -> Base:
    """Return what the bridge wrote last, as the post itself tells it, where nothing else does.

    The content is the bridge's where it is what the bridge makes of the agenda that the post's details hold,
    or what it was `before`; then it may be written again. All else is written again for sure.
    """
    made = (page.agenda(replace(task.meeting, object={"agenda": _told(post, "agenda")})), task.wanted.content)
    if before is None:
        is_ours = post.field.get("revision") is not None and post.content in made
    else:
        is_ours = bool(before.content) and (_digest(post.content) == before.content or post.content in made)
    return Base(topic=_told(post, "topic"), content=_digest(post.content) if is_ours else "")


def _told(post: SitePost, key: str) -> str:
    """Return a text that Zoom last gave a post, from the details that it carries; empty if unknown."""
    details = post.field.get("details")
    if not isinstance(details, str):
        return ""
    try:
        decoded = json.loads(details)
    except ValueError:
        return ""
    text = decoded.get(key) if isinstance(decoded, dict) else None
    return text if isinstance(text, str) else ""


def _digest(value: str | Mapping[str, Any]) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
