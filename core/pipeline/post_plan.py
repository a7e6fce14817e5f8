"""Plan the requests that bring one post to its wanted state: compare, then write the difference.

Zoom decides that a meeting exists and what it is; people decide everything else. So only what Zoom changed since the
last write is written, and what editors own (content, image, category, slug, status, author) is left as it is.

A meeting that the site's rules exclude has no post. A post that the bridge created is moved to the trash, with all
that editors have added, and is restored with it; one that people created, or took out of the trash again, is theirs:
it stays, and is updated.

A plan does no I/O: it is a generator that yields requests to the site and is sent the responses, so that the requests
of many posts can be batched.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from core import messages
from core.errors import Fault, SiteFaultError
from core.render import Post, Presence, meeting_html
from core.store.posts.queue import Base, PostState, Written
from core.wordpress.requests import (
    CATEGORIES,
    CreatePost,
    DeletePost,
    FindPosts,
    PostOperation,
    ReadPost,
    TrashPost,
    UpdatePost,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.model.meeting import Meeting
    from core.wordpress.client import WordPressClient
    from core.wordpress.responses import SitePost

_TRASH = "trash"
# WordPress's error codes for an author or a category that does not exist any more, or may not be chosen.
_INVALID_CHOICE = ("rest_invalid_author", "rest_cannot_edit_others", "rest_cannot_assign_term")


@dataclass(frozen=True, slots=True)
class PlanResult:
    """The post's state now, the action taken (`action`), and whether a request was sent to WordPress.

    `remark` is a message for the site's owner.
    """

    written: Written
    action: str
    sent_request: bool = True
    remark: str = ""


Plan = Generator[PostOperation, Any, PlanResult]

_LEFT_OUT = PlanResult(Written(base=Base(left_out=True)), "left out")


@dataclass(frozen=True, slots=True)
class PlanTask:
    """A meeting, the post that a site should have for it, and what was written there before.

    `in_doubt`: an earlier attempt may have done more than `written` says, so the post is read first. Without
    `is_granted`, no account that tells of the meeting is granted to the site any more.
    """

    meeting: Meeting
    wanted: Post
    written: Written
    revision: int
    in_doubt: bool = False
    is_granted: bool = True


def run_plans(client: WordPressClient, tasks: Sequence[PlanTask]) -> list[PlanResult | SiteFaultError]:
    """Bring the posts of one site to their wanted state; return the result of each, in order. Blocks.

    The requests of one round are batched. After a fault the same task may be repeated.
    """
    plans = [plan_post(task) for task in tasks]
    results: list[PlanResult | SiteFaultError | None] = [None] * len(plans)
    requests: dict[int, PostOperation] = {}

    def advance(index: int, answer: Any) -> None:
        try:
            if isinstance(answer, SiteFaultError):
                requests[index] = plans[index].throw(answer)
            else:
                requests[index] = plans[index].send(answer)
        except StopIteration as done:
            results[index] = done.value
        except SiteFaultError as error:
            results[index] = error

    for index in range(len(plans)):
        advance(index, None)
    while requests:
        sent, requests = requests, {}
        for index, answer in zip(sent, client.perform(list(sent.values())), strict=True):
            advance(index, answer)
    return [result for result in results if result is not None]


def plan_post(task: PlanTask) -> Plan:
    """Yield requests until the site's post is in its wanted state; return the result.

    Raises: SiteFaultError where the site answered a request with it.
    """
    if task.written.state in (PostState.DETACHED, PostState.DELETED):
        return (yield from _revive_or_leave(task))
    if not task.is_granted:
        return (yield from _withdraw(task))
    if task.wanted.by_rule:
        return (yield from _leave_out(task))
    match task.wanted.presence:
        case Presence.GONE:
            return (yield from _delete(task))
        case Presence.TRASHED:
            return (yield from _trash(task))
        case Presence.SHOWN | Presence.WITHHELD:
            return (yield from _show(task))


def _show(task: PlanTask) -> Plan:
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
            raise exists  # it exists, but cannot be read: retry later, and show the owner
        if not found:
            return PlanResult(Written(), "withheld")
        return (yield from _adopt(task, found[0]))
    if task.written.state is PostState.TRASHED:
        return (yield from _restore(task))
    return (yield from _update(task))


def _create(task: PlanTask) -> Plan:
    wanted = task.wanted
    fields = {
        "title": wanted.title,
        "content": wanted.content,
        "status": wanted.status,
        "zoombridge": {**_ticked(wanted.field, dict.fromkeys(wanted.ticks, "1")), "revision": task.revision},
    }
    chosen: dict[str, Any] = {} if wanted.author is None else {"author": wanted.author}
    if wanted.category is not None:
        chosen[CATEGORIES] = [wanted.category]
    remark = ""
    try:
        made: SitePost = yield CreatePost(fields | chosen)
    except SiteFaultError as error:
        if not chosen or not error.evidence.startswith(_INVALID_CHOICE):
            raise
        # Better a page without its author than none.
        made = yield CreatePost(fields)
        remark = messages.CHOICE_REJECTED % {"evidence": error.evidence}
    base = Base(
        topic=task.meeting.topic,
        field=_digest(wanted.field),
        agenda=_digest(wanted.content),
        content=_digest(made.content),
        made=True,
        ticks=dict.fromkeys(wanted.ticks, False),
    )
    return PlanResult(Written(PostState.SYNCED, made.id, made.link, base), "created", remark=remark)


def _adopt(task: PlanTask, found: SitePost) -> Plan:
    """Adopt an existing post as the meeting's mirror.

    Its details hold the title that Zoom last gave it. The content is its editors', unless the bridge created the post
    and did not receive the response.
    """
    base = _base_in(task, found)
    base = replace(base, made=task.in_doubt and bool(base.content))
    written = Written(PostState.SYNCED, found.id, found.link, base)
    adopted = replace(task, written=written, in_doubt=False)
    if found.status == _TRASH and task.meeting.recovered:
        return (yield from _restore(adopted))
    done = yield from _update(adopted, now=found)
    return replace(done, action="adopted")


def _update(task: PlanTask, *, status: str | None = None, now: SitePost | None = None) -> Plan:
    """Write what differs from the last write, and nothing else. `now` is the post, where it was just read."""
    meeting, wanted, written = task.meeting, task.wanted, task.written
    assert written.post_id is not None  # noqa: S101 - callers have checked
    changes: dict[str, Any] = {} if status is None else {"status": status}
    try:
        base, now = yield from _read_base(task, written.post_id, now)
        if meeting.topic and meeting.topic != base.topic:
            changes["title"] = wanted.title
        ticks, new_ticks = _choose(base.ticks, wanted.ticks, now)
        if _digest(wanted.field) != base.field or new_ticks:
            changes["zoombridge"] = {**_ticked(wanted.field, new_ticks), "revision": task.revision}
        agenda, content = base.agenda, base.content
        if wanted.presence is Presence.SHOWN and base.content and _digest(wanted.content) != base.agenda:
            # The agenda has changed; it is written into the content only where no editor has changed that.
            now = now or (yield ReadPost(written.post_id))
            if _digest(now.content) == base.content:
                changes["content"] = wanted.content
            else:
                content = ""
        if not changes:
            base = replace(base, agenda=agenda, content=content, ticks=ticks, left_out=False)
            return PlanResult(replace(written, base=base), "unchanged", sent_request=now is not None)
        post: SitePost = yield UpdatePost(written.post_id, changes)
    except SiteFaultError as error:
        if error.fault is not Fault.POST_MISSING:
            raise
        return (yield from _find_again(task))
    if "content" in changes:
        agenda, content = _digest(wanted.content), _digest(post.content)
    kept = Base(
        topic=meeting.topic or base.topic,
        field=_digest(wanted.field),
        agenda=agenda,
        content=content,
        made=base.made,
        ticks=ticks,
    )
    return PlanResult(Written(PostState.SYNCED, post.id, post.link, kept), "updated")


def _read_base(
    task: PlanTask, post_id: int, now: SitePost | None
) -> Generator[PostOperation, Any, tuple[Base, SitePost | None]]:
    """Return the base of the comparison, and the post, where it has to be read first."""
    base = task.written.base or Base()
    if now is None and (task.in_doubt or base.ticks.keys() != task.wanted.ticks):
        now = yield ReadPost(post_id)
    return (_base_in(task, now, before=base) if task.in_doubt and now else base), now


def _choose(
    before: Mapping[str, bool], wanted: frozenset[str], post: SitePost | None
) -> tuple[dict[str, bool], dict[str, str]]:
    """Return the options that the rules tick from now on, and the fields to write for that.

    An option is ticked when the rule comes and unticked when it goes. In between it belongs to the site, and what was
    ticked before the rule stays so. `post` is needed where the rules have changed.
    """
    fields = None if post is None else post.field.get("fields")
    options = fields if isinstance(fields, dict) else {}
    ticks = {name: before[name] if name in before else bool(options.get(name)) for name in sorted(wanted)}
    new = {name: "1" for name, was_there in ticks.items() if name not in before and not was_there}
    return ticks, new | {
        name: "" for name, was_there in before.items() if name not in wanted and not was_there
    }


def _ticked(field: Mapping[str, Any], ticks: Mapping[str, str]) -> dict[str, Any]:
    return {**field, "fields": {**field["fields"], **ticks}} if ticks else dict(field)


def _find_again(task: PlanTask) -> Plan:
    """Adopt another post of the same number in place of a missing one, or accept that a person deleted it."""
    others: list[SitePost] = yield FindPosts(task.meeting.number)
    for found in others:
        if found.id != task.written.post_id:
            return (yield from _adopt(task, found))
    return PlanResult(Written(PostState.DETACHED), "detached")


def _restore(task: PlanTask) -> Plan:
    """Restore the post from the trash, with its previous status.

    WordPress's own untrash makes a draft; a POST with the old status restores status and slug.
    """
    assert task.written.post_id is not None  # noqa: S101 - callers have checked
    try:
        post: SitePost = yield ReadPost(task.written.post_id)
    except SiteFaultError as error:
        if error.fault is not Fault.POST_MISSING:
            raise
        if task.written.base is not None and task.written.base.left_out:
            # No person decided against it: WordPress empties its trash automatically after a month.
            return (yield from _show(replace(task, written=Written(), in_doubt=False)))
        return (yield from _find_again(task))
    before = post.field.get("trashed_from")
    status = before if isinstance(before, str) and before else task.wanted.status
    done = yield from _update(task, status=status if post.status == _TRASH else None, now=post)
    if done.written.state is PostState.TRASHED:
        return replace(done, written=replace(done.written, state=PostState.SYNCED))
    return replace(done, action="restored" if done.action == "updated" else done.action)


def _trash(task: PlanTask) -> Plan:
    written = task.written
    if written.state is PostState.TRASHED and not task.in_doubt:
        return PlanResult(written, "unchanged", sent_request=False)
    if written.post_id is None:
        every: list[SitePost] = yield FindPosts(task.meeting.number)
        found = [post for post in every if post.status != _TRASH]
        if not found:
            return PlanResult(Written(), "nothing to trash")
        written = Written(PostState.SYNCED, found[0].id, found[0].link, _base_in(task, found[0]))
        yield from _take_over(task, found[0])
    assert written.post_id is not None  # noqa: S101 - just found
    try:
        moved: bool = yield TrashPost(written.post_id)
    except SiteFaultError as error:
        if error.fault is not Fault.POST_MISSING:
            raise
        return PlanResult(Written(PostState.DETACHED), "detached")
    # A post that a person had trashed before stays in the trash when the meeting is recovered.
    return PlanResult(replace(written, state=PostState.TRASHED) if moved else written, "trashed")


def moves_to_trash(task: PlanTask) -> bool:
    """Whether this task will move a shown post to the trash."""
    if task.written.state is not PostState.SYNCED:
        return False
    base = task.written.base
    return task.wanted.presence is Presence.TRASHED or (
        task.wanted.by_rule and base is not None and base.made
    )


def _leave_out(task: PlanTask) -> Plan:
    """Ensure that a meeting excluded by the site's rules has no post that the bridge created."""
    written = task.written
    base = written.base or Base()
    if written.post_id is None:
        if base.left_out and not task.in_doubt:
            return PlanResult(written, "unchanged", sent_request=False)
        found: list[SitePost] = yield FindPosts(task.meeting.number)
        return (yield from _adopt(task, found[0])) if found else _LEFT_OUT
    if not base.made:
        return (yield from (_restore(task) if written.state is PostState.TRASHED else _update(task)))
    try:
        return (yield from _exclude(task, written.post_id, base))
    except SiteFaultError as error:
        if error.fault is not Fault.POST_MISSING:
            raise
        return _LEFT_OUT if base.left_out else PlanResult(Written(PostState.DETACHED), "detached")


def _withdraw(task: PlanTask) -> Plan:
    """Move a post that the bridge created to the trash, and leave any other as it is."""
    written, base = task.written, task.written.base or Base()
    is_away = written.state is PostState.TRASHED and not task.in_doubt
    if written.post_id is None or not base.made or is_away:
        return PlanResult(written, "left alone", sent_request=False)
    try:
        moved: bool = yield TrashPost(written.post_id)
    except SiteFaultError as error:
        if error.fault is not Fault.POST_MISSING:
            raise
        return _LEFT_OUT
    away = replace(written, state=PostState.TRASHED, base=replace(base, left_out=True))
    # A post that a person had trashed before stays in the trash when the account is granted again.
    return PlanResult(away if moved else written, "left out")


def _exclude(task: PlanTask, post_id: int, base: Base) -> Plan:
    """Move a post that the bridge created to the trash, unless a person has restored it."""
    away = replace(task.written, state=PostState.TRASHED, base=replace(base, left_out=True))
    if task.written.state is PostState.TRASHED:
        post: SitePost = yield ReadPost(post_id)
        if post.status == _TRASH:
            return PlanResult(away, "unchanged")
        if not task.in_doubt:
            theirs = replace(task.written, state=PostState.SYNCED, base=replace(base, made=False))
            return (yield from _update(replace(task, written=theirs), now=post))
    moved: bool = yield TrashPost(post_id)
    # A post that a person had trashed before stays in the trash when the rules include the meeting again.
    return PlanResult(away if moved else task.written, "left out")


def _delete(task: PlanTask) -> Plan:
    """Permanently delete every post of the number, also from the trash."""
    found: list[SitePost] = yield FindPosts(task.meeting.number)
    for post in found:
        yield from _take_over(task, post)
    ids = {post.id for post in found}
    if task.written.post_id is not None:
        ids.add(task.written.post_id)
    for post_id in sorted(ids):
        try:
            yield DeletePost(post_id)
        except SiteFaultError as error:
            if error.fault is not Fault.POST_MISSING:
                raise
    return PlanResult(Written(PostState.DELETED), "deleted for good" if ids else "nothing to delete")


def _take_over(task: PlanTask, post: SitePost) -> Generator[PostOperation, Any, None]:
    """Mark a post as the bridge's before its deletion: for any other, WordPress asks Zoom to delete the meeting."""
    if post.field.get("revision") is None:
        try:
            yield UpdatePost(post.id, {"zoombridge": {"revision": task.revision}})
        except SiteFaultError as error:
            if error.fault is not Fault.POST_MISSING:
                raise


def _revive_or_leave(task: PlanTask) -> Plan:
    """Leave a deleted post alone, unless its meeting exists again after it was deleted."""
    if task.written.state is PostState.DELETED and task.wanted.presence is Presence.SHOWN:
        return (yield from _show(replace(task, written=Written())))
    return PlanResult(task.written, "left alone", sent_request=False)


def _base_in(task: PlanTask, post: SitePost, *, before: Base | None = None) -> Base:
    """Derive from the post itself what the bridge wrote last, where nothing else records it.

    The content is the bridge's, and may be overwritten, where it is what the bridge renders from the agenda in the
    post's details, or what it was `before`; also where another plugin failed before the details of a new post were
    stored, and nobody has saved the post since. Everything else is written again in any case.
    """
    made = (
        meeting_html.agenda(replace(task.meeting, object={"agenda": _detail(post, "agenda")})),
        task.wanted.content,
    )
    if before is None:
        is_as_made = post.untouched and post.field.get("details") is None
        is_ours = post.field.get("revision") is not None and (is_as_made or post.content in made)
    else:
        is_ours = bool(before.content) and (_digest(post.content) == before.content or post.content in made)
    base = Base(topic=_detail(post, "topic"), content=_digest(post.content) if is_ours else "")
    return base if before is None else replace(base, made=before.made, ticks=before.ticks)


def _detail(post: SitePost, key: str) -> str:
    """Return a text of Zoom's from the details in the post; empty if unknown."""
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
