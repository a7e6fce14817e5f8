"""One post brought to what it should be: compare, then ask WordPress for the difference.

Zoom decides that a meeting exists and what it is; people decide everything else. So only what Zoom changed
since the last write is written, and what editors own (content, image, category, slug, status, author) is
left as it is.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from core.errors import SiteFaultError
from core.render import Post, Presence
from core.store.posts import Base, PostState, Written
from core.wordpress.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.meeting import Meeting
    from core.wordpress.client import SitePost, WordPressClient

_TRASH = "trash"


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What is known of the post now; what was done, in a word; and whether WordPress was asked at all."""

    written: Written
    did: str
    asked: bool = True


def reconcile(
    client: WordPressClient, meeting: Meeting, wanted: Post, written: Written, *, revision: int
) -> Reconciled:
    """Make a site's post of this meeting what `wanted` says, starting from what was `written` before.

    Raises `SiteFaultError` where the site did not do it; the same call may then be made again.
    """
    if written.state in (PostState.DETACHED, PostState.GONE):
        return _revive_or_leave(client, meeting, wanted, written, revision=revision)
    match wanted.presence:
        case Presence.GONE:
            return _delete(client, meeting, written)
        case Presence.TRASHED:
            return _trash(client, meeting, written)
        case Presence.SHOWN | Presence.WITHHELD:
            return _show(client, meeting, wanted, written, revision=revision)


def _show(
    client: WordPressClient, meeting: Meeting, wanted: Post, written: Written, *, revision: int
) -> Reconciled:
    if written.post_id is None:
        if wanted.presence is Presence.SHOWN:
            try:
                return _create(client, meeting, wanted, revision=revision)
            except SiteFaultError as error:
                if error.fault is not Fault.EXISTS:
                    raise
        found = client.find_posts(meeting.number)
        if not found:
            return Reconciled(Written(), "withheld")
        return _adopt(client, meeting, wanted, found[0], revision=revision)
    if written.state is PostState.TRASHED:
        return _restore(client, meeting, wanted, written, revision=revision)
    return _update(client, meeting, wanted, written, revision=revision)


def _create(client: WordPressClient, meeting: Meeting, wanted: Post, *, revision: int) -> Reconciled:
    made = client.create_post(
        {
            "title": wanted.title,
            "content": wanted.content,
            "status": wanted.status,
            "zoombridge": {**wanted.field, "revision": revision},
        }
    )
    base = Base(
        topic=meeting.topic,
        field=_digest(wanted.field),
        agenda=_digest(wanted.content),
        content=_digest(made.content),
    )
    return Reconciled(Written(PostState.SHOWN, made.id, made.link, base), "created")


def _adopt(
    client: WordPressClient, meeting: Meeting, wanted: Post, found: SitePost, *, revision: int
) -> Reconciled:
    """Take a post that is there already for the mirror of this meeting.

    The title that Zoom last gave it stands in its details; the content is its editors'.
    """
    base = Base(topic=_topic_in(found))
    written = Written(PostState.SHOWN, found.id, found.link, base)
    if found.status == _TRASH and meeting.recovered:
        return _restore(client, meeting, wanted, written, revision=revision)
    done = _update(client, meeting, wanted, written, revision=revision)
    return replace(done, did="adopted")


def _update(
    client: WordPressClient,
    meeting: Meeting,
    wanted: Post,
    written: Written,
    *,
    revision: int,
    status: str | None = None,
) -> Reconciled:
    """Write what differs from what was written last, and nothing else."""
    assert written.post_id is not None  # noqa: S101 - callers have checked
    base = written.base or Base()
    changes: dict[str, Any] = {} if status is None else {"status": status}
    if meeting.topic and meeting.topic != base.topic:
        changes["title"] = wanted.title
    if _digest(wanted.field) != base.field:
        changes["zoombridge"] = {**wanted.field, "revision": revision}
    agenda, content = base.agenda, base.content
    try:
        if wanted.presence is Presence.SHOWN and base.content and _digest(wanted.content) != base.agenda:
            # The agenda may have changed; it goes into the content only while no editor has been there.
            if _digest(client.read_post(written.post_id).content) == base.content:
                changes["content"] = wanted.content
            else:
                content = ""
        if not changes:
            return Reconciled(written, "unchanged", asked=False)
        post = client.update_post(written.post_id, changes)
    except SiteFaultError as error:
        if error.fault is not Fault.POST_MISSING:
            raise
        return _find_again(client, meeting, wanted, written, revision=revision)
    if "content" in changes:
        agenda, content = _digest(wanted.content), _digest(post.content)
    kept = Base(meeting.topic or base.topic, _digest(wanted.field), agenda, content)
    return Reconciled(Written(PostState.SHOWN, post.id, post.link, kept), "updated")


def _find_again(
    client: WordPressClient, meeting: Meeting, wanted: Post, written: Written, *, revision: int
) -> Reconciled:
    """Take another post of the same number for one that is gone, or accept that a person deleted it."""
    for found in client.find_posts(meeting.number):
        if found.id != written.post_id:
            return _adopt(client, meeting, wanted, found, revision=revision)
    return Reconciled(Written(PostState.DETACHED, link=None), "detached")


def _restore(
    client: WordPressClient, meeting: Meeting, wanted: Post, written: Written, *, revision: int
) -> Reconciled:
    """Take the post out of the trash, with the status that it had before.

    WordPress's own untrash makes a draft; a POST with the old status restores status and slug.
    """
    assert written.post_id is not None  # noqa: S101 - callers have checked
    try:
        post = client.read_post(written.post_id)
    except SiteFaultError as error:
        if error.fault is not Fault.POST_MISSING:
            raise
        return _find_again(client, meeting, wanted, written, revision=revision)
    before = post.field.get("trashed_from")
    status = before if isinstance(before, str) and before else wanted.status
    in_trash = post.status == _TRASH
    done = _update(client, meeting, wanted, written, revision=revision, status=status if in_trash else None)
    if done.written.state is PostState.TRASHED:
        return replace(done, written=replace(done.written, state=PostState.SHOWN))
    return replace(done, did="restored" if done.did == "updated" else done.did)


def _trash(client: WordPressClient, meeting: Meeting, written: Written) -> Reconciled:
    if written.state is PostState.TRASHED:
        return Reconciled(written, "unchanged", asked=False)
    if written.post_id is None:
        found = [post for post in client.find_posts(meeting.number) if post.status != _TRASH]
        if not found:
            return Reconciled(Written(), "nothing to trash")
        written = Written(PostState.SHOWN, found[0].id, found[0].link, Base(topic=_topic_in(found[0])))
    assert written.post_id is not None  # noqa: S101 - just found
    try:
        moved = client.trash_post(written.post_id)
    except SiteFaultError as error:
        if error.fault is not Fault.POST_MISSING:
            raise
        return Reconciled(Written(PostState.DETACHED), "detached")
    # One that a person had trashed before stays in the trash when the meeting is recovered.
    return Reconciled(replace(written, state=PostState.TRASHED) if moved else written, "trashed")


def _delete(client: WordPressClient, meeting: Meeting, written: Written) -> Reconciled:
    """Delete every post of the number for good, from the trash too."""
    ids = {post.id for post in client.find_posts(meeting.number)}
    if written.post_id is not None:
        ids.add(written.post_id)
    for post_id in sorted(ids):
        try:
            client.delete_post(post_id)
        except SiteFaultError as error:
            if error.fault is not Fault.POST_MISSING:
                raise
    return Reconciled(Written(PostState.GONE), "deleted for good" if ids else "nothing to delete")


def _revive_or_leave(
    client: WordPressClient, meeting: Meeting, wanted: Post, written: Written, *, revision: int
) -> Reconciled:
    """Leave a post alone that is gone, unless its meeting has come to life again after it was deleted."""
    if written.state is PostState.GONE and wanted.presence is Presence.SHOWN:
        return _show(client, meeting, wanted, Written(), revision=revision)
    return Reconciled(written, "left alone", asked=False)


def _topic_in(post: SitePost) -> str:
    """Return the title that Zoom last gave a post, from the details that it carries; empty if unknown."""
    details = post.field.get("details")
    if not isinstance(details, str):
        return ""
    try:
        decoded = json.loads(details)
    except ValueError:
        return ""
    topic = decoded.get("topic") if isinstance(decoded, dict) else None
    return topic if isinstance(topic, str) else ""


def _digest(value: str | Mapping[str, Any]) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
