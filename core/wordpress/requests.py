"""What can be asked of a site about its posts, as values: who decides what to ask need not do the asking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


CATEGORIES = "zoom_meeting_cats"
"""The REST base of the taxonomy `zoom-meeting`, with VCZAPI and without; and the field of a post that names them."""


@dataclass(frozen=True, slots=True)
class CreatePost:
    """Make a post. Answered by it; fault `exists` where its number has one already."""

    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class UpdatePost:
    """Change a post. Answered by it; fault `post_missing` where there is none."""

    post_id: int
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TrashPost:
    """Put a post into the trash. Answered by whether it was not there already."""

    post_id: int


@dataclass(frozen=True, slots=True)
class DeletePost:
    """Delete a post for good. Answered by nothing; fault `post_missing` where there is none."""

    post_id: int


@dataclass(frozen=True, slots=True)
class ReadPost:
    """Read a post. Answered by it; fault `post_missing` where there is none."""

    post_id: int


@dataclass(frozen=True, slots=True)
class FindPosts:
    """Find the posts of a Zoom number. Answered by a list: outside the trash first, then by id."""

    number: int


Ask = CreatePost | UpdatePost | TrashPost | DeletePost | ReadPost | FindPosts
