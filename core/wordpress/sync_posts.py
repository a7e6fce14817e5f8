"""Post operations of the mirror as operations of the sync protocol, and their results as posts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.wordpress.post_operations import CATEGORIES, CreatePost, DeletePost, ReadPost, TrashPost, UpdatePost
from core.wordpress.responses import SitePost
from core.wordpress.sync_operations import Delete, Metas, Read, Trash, Write

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.wordpress.sync_operations import Operation, Standing, State

TRASH = "trash"

# Metas that are laid over what is there; the others are replaced.
_LAID_OVER = ("details", "fields", "pro")


@dataclass(frozen=True, slots=True)
class Mark:
    """A meeting's number, and the place of a write to its post: a later write has a higher `seq`."""

    number: int
    seq: int


def sync_operations(
    operation: CreatePost | UpdatePost | ReadPost | TrashPost | DeletePost, mark: Mark
) -> tuple[Operation, ...]:
    """Return the operations that perform a post operation; the result of the last one is its result."""
    number = str(mark.number)
    match operation:
        case CreatePost(fields):
            return (_write(fields, mark),)
        case UpdatePost(post_id, fields):
            return (_write(fields, mark, post_id),)
        case ReadPost(post_id):
            return (Read(post_id),)
        case TrashPost(post_id):
            # Whether the post was in the trash already is seen only before.
            return Read(post_id), Trash(mark.seq, number, post_id)
        case DeletePost(post_id):
            return (Delete(mark.seq, number, post_id),)


def post_of(standing: Standing, sent: CreatePost | UpdatePost | None = None) -> SitePost:
    """Return the post in which this stands.

    Without a state, its title and content are those that were sent, except where the site stored something
    else; its `field` is then empty.
    """
    if standing.state is not None:
        return _post_with(standing, standing.state)
    fields: Mapping[str, Any] = {} if sent is None else sent.fields
    title = standing.became.get("title", fields.get("title", ""))
    return SitePost(
        id=standing.post,
        status=standing.status,
        link=standing.link,
        title=str(title) if standing.kept_title is None else standing.kept_title,
        content=str(standing.became.get("content", fields.get("content", ""))),
        field={},
        rewritten=tuple(sorted(standing.became)),
    )


def _post_with(standing: Standing, state: State) -> SitePost:
    return SitePost(
        id=standing.post,
        status=state.status,
        link=standing.link,
        title=state.title,
        content=state.content,
        field={**state.metas, "trashed_from": state.trashed_from},
        untouched=standing.by == "bridge",
        own_texts=standing.own_texts,
        editors_title=standing.editors_title,
    )


def _write(fields: Mapping[str, Any], mark: Mark, post: int | None = None) -> Write:
    field = fields.get("zoombridge")
    author = fields.get("author")
    return Write(
        seq=mark.seq,
        number=str(mark.number),
        post=post,
        title=fields.get("title"),
        keep_title=fields.get("keep_title", False),
        slug=fields.get("slug"),
        content=fields.get("content"),
        status=fields.get("status"),
        host=None if field is None or post is not None else field.get("host"),
        author=author if isinstance(author, int) else None,
        terms=tuple(fields.get(CATEGORIES, ())),
        metas=None if field is None else _metas(field),
    )


def _metas(field: Mapping[str, Any]) -> Metas:
    """Sort the metas of a field by how they are written. A null removes a meta, but details and fields stay."""
    given = {name: value for name, value in field.items() if name != "host" and value is not None}
    removed = [
        name for name, value in field.items() if value is None and name not in ("host", "details", "fields")
    ]
    return Metas(
        set={name: value for name, value in given.items() if name not in _LAID_OVER},
        lay_over={name: value for name, value in given.items() if name in _LAID_OVER},
        remove=tuple(removed),
    )
