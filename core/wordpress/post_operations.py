"""Operations on a site's posts, as the mirror plans them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

CATEGORIES = "zoom_meeting_cats"
"""The field of a new post that holds the IDs of its categories."""


@dataclass(frozen=True, slots=True)
class CreatePost:
    """Create a post; returns it. Fault `exists` where its number has one already."""

    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class UpdatePost:
    """Update a post; returns it. Fault `post_missing` where there is none.

    With the field `keep_title`, an editor's title stays; fault `refused` where the plugin does not know it.
    """

    post_id: int
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TrashPost:
    """Move a post to the trash; returns whether it was not there already."""

    post_id: int


@dataclass(frozen=True, slots=True)
class DeletePost:
    """Delete a post permanently; returns None. Fault `post_missing` where there is none."""

    post_id: int


@dataclass(frozen=True, slots=True)
class ReadPost:
    """Read a post; returns it. Fault `post_missing` where there is none."""

    post_id: int


@dataclass(frozen=True, slots=True)
class FindPosts:
    """Find the posts of a Zoom number; returns a list: outside the trash first, then by id."""

    number: int


PostOperation = CreatePost | UpdatePost | TrashPost | DeletePost | ReadPost | FindPosts
