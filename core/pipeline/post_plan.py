"""Plan the requests that bring one post to its wanted state: compare, then write the difference.

Zoom decides that a meeting exists and what it is; people decide everything else. So only what Zoom changed since the
last write is written, and what editors own (content, image, category, slug, status, author) is left as it is.

A meeting that the site's rules exclude has no post. A post that the bridge created is moved to the trash,
with all that editors have added, and is restored together with the meeting; one that people created, or took
out of the trash again, is theirs: it stays, and is updated.

A plan does no I/O: it is a generator that yields operations on the site's posts and is sent their results, so that the
operations of many posts go into one request.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator
from dataclasses import dataclass, replace
from html import unescape
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol

from core import messages
from core.errors import Fault, SiteFaultError
from core.render import Post, Presence, meeting_html
from core.store.posts.queue import Base, PostState, Written
from core.wordpress.post_operations import (
    CATEGORIES,
    CreatePost,
    DeletePost,
    FindPosts,
    PostOperation,
    ReadPost,
    TrashPost,
    UpdatePost,
)
from core.wordpress.sync_posts import Mark

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.model.meeting import Meeting
    from core.wordpress.responses import SitePost

_TRASH = "trash"
_DRAFT = "draft"
_PUBLISHED = "publish"
# The last digits of an operation's place in the order of writes are its step in the plan.
_MOST_STEPS = 1000
# What the rules choose for a new post; the site takes its own choice where there is no such user or category.
_CHOICES = frozenset({"author", "terms"})


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
    `is_granted`, no account that tells of the meeting is granted to the site any more. `epoch` is that of the claim:
    operations of a later claim have later places in the order of writes. `is_quiet`: a new page is not announced.
    `deleted_by_user`: the site has told that a person deleted the post permanently. `returns_title`: Zoom's title replaces
    an editor's.
    """

    meeting: Meeting
    wanted: Post
    written: Written
    revision: int
    in_doubt: bool = False
    is_granted: bool = True
    epoch: int = 0
    is_quiet: bool = False
    deleted_by_user: bool = False
    returns_title: bool = False


class PostClient(Protocol):
    """What performs the operations of plans: `core.wordpress.sync_client.SyncClient`."""

    def perform(
        self, operations: Sequence[PostOperation], marks: Sequence[Mark], *, quiet: bool = False
    ) -> list[Any]:
        """Perform operations; return for each its result or its SiteFaultError."""


def run_plans(client: PostClient, tasks: Sequence[PlanTask]) -> list[PlanResult | SiteFaultError]:
    """Bring the posts of one site to their wanted state; return the result of each, in order. Blocks.

    The operations of one round go together, those that are not to be announced apart from the others. After a fault the
    same task may be repeated.
    """
    plans = [plan_post(task) for task in tasks]
    results: list[PlanResult | SiteFaultError | None] = [None] * len(plans)
    operations: dict[int, PostOperation] = {}

    def advance(index: int, answer: Any) -> None:
        try:
            if isinstance(answer, SiteFaultError):
                operations[index] = plans[index].throw(answer)
            else:
                operations[index] = plans[index].send(answer)
        except StopIteration as done:
            results[index] = done.value
        except SiteFaultError as error:
            results[index] = error

    for index in range(len(plans)):
        advance(index, None)
    for step in count(1):
        if not operations:
            break
        sent, operations = operations, {}
        for quiet in (False, True):
            part = {index: one for index, one in sent.items() if tasks[index].is_quiet is quiet}
            marks = [_mark(tasks[index], step) for index in part]
            answers = client.perform(list(part.values()), marks, quiet=quiet) if part else []
            for index, answer in zip(part, answers, strict=True):
                advance(index, answer)
    return [result for result in results if result is not None]


def _mark(task: PlanTask, step: int) -> Mark:
    """Return the place of a plan's operation in the order of all writes to its post."""
    # Only the deletion of many copies takes more steps, each of which is on a post of its own.
    return Mark(task.meeting.number, task.epoch * _MOST_STEPS + min(step, _MOST_STEPS - 1))


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
    plans = {
        Presence.GONE: _delete,
        Presence.TRASHED: _trash,
        Presence.CANCELLED: _keep_cancelled,
        Presence.SHOWN: _show,
        Presence.WITHHELD: _show,
    }
    return (yield from plans[task.wanted.presence](task))


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
        # After lost answers, the post that exists may be the one that was just created.
        in_doubt = task.in_doubt or (exists is not None and exists.unsure)
        return (yield from _adopt(replace(task, in_doubt=in_doubt), _choose_post(found)))
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
    chosen: dict[str, Any] = {"slug": wanted.slug} if wanted.slug else {}
    if wanted.author is not None:
        chosen["author"] = wanted.author
    if wanted.category is not None:
        chosen[CATEGORIES] = [wanted.category]
    made: SitePost = yield CreatePost(fields | chosen)
    base = Base(
        topic=wanted.topic,
        field=_digest(wanted.field),
        agenda=_digest(wanted.content),
        content=_text_digest(made.content),
        made=True,
        ticks=dict.fromkeys(wanted.ticks, False),
    )
    written = Written(PostState.SYNCED, made.id, made.link, base)
    return PlanResult(written, "created", remark=_remark(made))


def _remark(post: SitePost) -> str:
    """Return what the owner should know of a write: what the site, or another plugin, made of it.

    It is sent again only when it is to be changed again, so that two plugins do not write against each other for ever.
    """
    if _CHOICES.intersection(post.rewritten):
        return messages.CHOICE_REJECTED % {"evidence": ", ".join(post.rewritten)}
    return messages.FIELDS_REWRITTEN % {"fields": ", ".join(post.rewritten)} if post.rewritten else ""


def _choose_post(found: Sequence[SitePost]) -> SitePost:
    """Return the post of a number that becomes the meeting's mirror, where others have made several.

    One that the bridge has written comes before all others outside the trash, then one that visitors see, then the oldest.
    The others are left as they are.
    """
    return min(
        found,
        key=lambda post: (
            post.status == _TRASH,
            post.field.get("revision") is None,
            post.status != _PUBLISHED,
            post.id,
        ),
    )


def _keep_cancelled(task: PlanTask) -> Plan:
    """Have an existing page say that its meeting is cancelled. None is created, and none is taken out of the trash."""
    if task.written.state is PostState.TRASHED:
        return (yield from _trash(task))
    if task.written.post_id is not None:
        return (yield from _update(task))
    every: list[SitePost] = yield FindPosts(task.meeting.number)
    found = [post for post in every if post.status != _TRASH]
    return (yield from _adopt(task, _choose_post(found))) if found else PlanResult(Written(), "withheld")


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
    wanted, written = task.wanted, task.written
    assert written.post_id is not None  # noqa: S101 - callers have checked
    changes: dict[str, Any] = {} if status is None else {"status": status}
    try:
        base, now = yield from _read_base(task, written.post_id, now)
        changes |= _title_changes(task, base, now)
        topic = wanted.topic if task.meeting.topic or task.returns_title else base.topic
        ticks, new_ticks = _choose(base.ticks, wanted.ticks, now)
        if _digest(wanted.field) != base.field or new_ticks:
            changes["zoombridge"] = {**_ticked(wanted.field, new_ticks), "revision": task.revision}
        agenda, content = base.agenda, base.content
        is_shown = wanted.presence in (Presence.SHOWN, Presence.CANCELLED)
        if is_shown and base.content and _digest(wanted.content) != base.agenda:
            # The agenda has changed; it is written into the content only where no editor has changed that.
            now = now or (yield ReadPost(written.post_id))
            if _is_same_text(base.content, now.content):
                changes["content"] = wanted.content
            else:
                content = ""
        if not changes:
            base = replace(base, topic=topic, agenda=agenda, content=content, ticks=ticks, left_out=False)
            base = replace(base, drafted_from="")
            return PlanResult(replace(written, base=base), "unchanged", sent_request=now is not None)
        post: SitePost = yield UpdatePost(written.post_id, changes)
    except SiteFaultError as error:
        if error.fault is Fault.POST_MISSING:
            return (yield from _find_again(task))
        if error.fault is Fault.REFUSED and not error.unsure and "keep_title" in changes:
            return (yield from _update_after_reading(task, written.post_id, status))
        raise
    if "content" in changes:
        agenda, content = _digest(wanted.content), _text_digest(post.content)
    kept = Base(
        topic=topic,
        field=_digest(wanted.field),
        agenda=agenda,
        content=content,
        made=base.made,
        ticks=ticks,
    )
    written = Written(PostState.SYNCED, post.id, post.link, kept)
    return PlanResult(written, "updated", remark=_remark(post))


def _update_after_reading(task: PlanTask, post_id: int, status: str | None) -> Plan:
    """Update a post by an earlier plugin, which cannot leave an editor's title by itself."""
    try:
        now: SitePost = yield ReadPost(post_id)
    except SiteFaultError as error:
        if error.fault is not Fault.POST_MISSING:
            raise
        return (yield from _find_again(task))
    return (yield from _update(task, status=status, now=now))


def _title_changes(task: PlanTask, base: Base, now: SitePost | None) -> dict[str, Any]:
    """Return what is written of a title that Zoom changed. `now` is the post, where it was just read.

    A title that an editor has given to a page of the bridge's making stays until it is given back. Where the post was not
    read, the site itself leaves such a title.
    """
    wanted = task.wanted
    title: dict[str, Any] = {"title": wanted.title}
    if not task.returns_title:
        is_editors = now is not None and now.editors_title
        if is_editors or not task.meeting.topic or wanted.topic == base.topic:
            return {}
        if now is None:
            title["keep_title"] = True
    # The slug is for a draft, whose address is made when it is published.
    return title | ({"slug": wanted.slug} if wanted.slug else {})


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
    others = [post for post in others if post.id != task.written.post_id]
    if others:
        return (yield from _adopt(task, _choose_post(others)))
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
        is_left_out = task.written.base is not None and task.written.base.left_out
        if is_left_out or not task.deleted_by_user:
            # No person decided against it: WordPress empties its trash automatically after a month.
            return (yield from _show(replace(task, written=Written(), in_doubt=False)))
        return (yield from _find_again(task))
    done = yield from _update(task, status=_status_before(task, post), now=post)
    if done.written.state is PostState.TRASHED:
        return replace(done, written=replace(done.written, state=PostState.SYNCED))
    return replace(done, action="restored" if done.action == "updated" else done.action)


def _status_before(task: PlanTask, post: SitePost) -> str | None:
    """Return the status that a post had before the bridge put it away; None where it has not done so."""
    base = task.written.base or Base()
    if post.status == _DRAFT and base.drafted_from:
        return base.drafted_from
    before = post.field.get("trashed_from")
    if post.status != _TRASH:
        return None
    return before if isinstance(before, str) and before else task.wanted.status


def _trash(task: PlanTask) -> Plan:
    written = task.written
    if written.state is PostState.TRASHED and not task.in_doubt:
        return PlanResult(written, "unchanged", sent_request=False)
    if written.post_id is None:
        every: list[SitePost] = yield FindPosts(task.meeting.number)
        found = [post for post in every if post.status != _TRASH]
        if not found:
            return PlanResult(Written(), "nothing to trash")
        chosen = _choose_post(found)
        written = Written(PostState.SYNCED, chosen.id, chosen.link, _base_in(task, chosen))
        yield from _take_over(task, chosen)
    assert written.post_id is not None  # noqa: S101 - just found
    try:
        done = yield from _put_away(written.post_id)
    except SiteFaultError as error:
        if error.fault is not Fault.POST_MISSING:
            raise
        if written.state is PostState.TRASHED and not task.deleted_by_user:
            return PlanResult(written, "unchanged")  # WordPress has emptied its trash
        return PlanResult(Written(PostState.DETACHED), "detached")
    # A post that a person had put away before stays so when the meeting is recovered.
    base = replace(written.base or Base(), drafted_from=done.drafted_from)
    away = replace(written, state=PostState.TRASHED, base=base)
    return PlanResult(away if done.moved else written, "trashed", remark=done.remark)


@dataclass(frozen=True, slots=True)
class _PutAway:
    """What became of a post that was to be moved to the trash. `moved`: it was not there before.

    `drafted_from` is its status before, where the site has no trash and it was made a draft.
    """

    moved: bool
    drafted_from: str = ""
    remark: str = ""


def _put_away(post_id: int) -> Generator[PostOperation, Any, _PutAway]:
    """Move a post to the trash; make it a draft where WordPress would delete it permanently instead."""
    try:
        moved: bool = yield TrashPost(post_id)
    except SiteFaultError as error:
        if error.fault is not Fault.NO_TRASH:
            raise
    else:
        return _PutAway(moved)
    post: SitePost = yield ReadPost(post_id)
    if post.status == _DRAFT:
        return _PutAway(moved=False)
    yield UpdatePost(post_id, {"status": _DRAFT})
    return _PutAway(moved=True, drafted_from=post.status, remark=messages.PAGE_DRAFTED)


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
        return (yield from _adopt(task, _choose_post(found))) if found else _LEFT_OUT
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
        done = yield from _put_away(written.post_id)
    except SiteFaultError as error:
        if error.fault is not Fault.POST_MISSING:
            raise
        return _LEFT_OUT
    # A post that a person had put away before stays so when the account is granted again.
    away = _away_by_rule(written, base, done)
    return PlanResult(away if done.moved else written, "left out", remark=done.remark)


def _away_by_rule(written: Written, base: Base, done: _PutAway) -> Written:
    base = replace(base, left_out=True, drafted_from=done.drafted_from)
    return replace(written, state=PostState.TRASHED, base=base)


def _exclude(task: PlanTask, post_id: int, base: Base) -> Plan:
    """Move a post that the bridge created to the trash, unless a person has restored it."""
    if task.written.state is PostState.TRASHED:
        post: SitePost = yield ReadPost(post_id)
        if post.status == _TRASH or (post.status == _DRAFT and base.drafted_from):
            away = replace(task.written, base=replace(base, left_out=True))
            return PlanResult(away, "unchanged")
        if not task.in_doubt:
            theirs = replace(task.written, state=PostState.SYNCED, base=replace(base, made=False))
            return (yield from _update(replace(task, written=theirs), now=post))
    done = yield from _put_away(post_id)
    # A post that a person had put away before stays so when the rules include the meeting again.
    away = _away_by_rule(task.written, base, done)
    return PlanResult(away if done.moved else task.written, "left out", remark=done.remark)


def _delete(task: PlanTask) -> Plan:
    """Permanently delete every post of the number, also from the trash."""
    found: list[SitePost] = yield FindPosts(task.meeting.number)
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
    """Mark a post as the bridge's before it is moved to the trash.

    When the trash is emptied, VCZAPI asks Zoom to delete the meeting of any other post.
    """
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
    stored, and nobody has saved the post since. The site itself knows whether title and content are what the bridge last
    wrote, also where the details are of a later save by another plugin. Everything else is written again in any case.
    """
    made = (
        meeting_html.agenda(replace(task.meeting, object={"agenda": _detail(post, "agenda")})),
        task.wanted.content,
    )
    if before is None:
        is_as_made = post.untouched and post.field.get("details") is None
        # A process that was killed between the post and its metas left no revision.
        is_marked = task.in_doubt or post.field.get("revision") is not None
        is_ours = is_marked and (is_as_made or _text_digest(post.content) in map(_text_digest, made))
    else:
        is_ours = bool(before.content) and (
            _is_same_text(before.content, post.content)
            or _text_digest(post.content) in map(_text_digest, made)
        )
    is_ours = is_ours or "content" in post.own_texts
    base = Base(topic=_topic_in(task, post, before), content=_text_digest(post.content) if is_ours else "")
    return base if before is None else replace(base, made=before.made, ticks=before.ticks)


def _topic_in(task: PlanTask, post: SitePost, before: Base | None) -> str:
    """Return the topic of which a post's title was made; empty where the title is to be written again."""
    if "title" not in post.own_texts:
        # Details that another plugin has emptied must not cost the title of an editor.
        return _detail(post, "topic") or (before.topic if before is not None else "")
    return task.wanted.topic if unescape(post.title) == unescape(task.wanted.title) else ""


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


def _text_digest(text: str) -> str:
    """Return the digest of a post's text: characters that a database cannot hold stand there as entities."""
    return _digest(unescape(text))


def _is_same_text(digest: str, text: str) -> bool:
    """Whether a digest is that of a text; earlier versions left the entities in."""
    return digest in (_text_digest(text), _digest(text))


def _digest(value: str | Mapping[str, Any]) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
