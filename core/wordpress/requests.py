"""Operations on a site's posts as values, and their requests to WordPress's REST API. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core.wordpress import responses

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

POSTS = "wp/v2/zoom_meetings"

CATEGORIES = "zoom_meeting_cats"
"""The REST base of the taxonomy `zoom-meeting`, with VCZAPI and without; and the field of a post that names them."""

_FIELDS = "id,status,link,title.raw,content.raw,date_gmt,modified_gmt,zoombridge"
# Every status, and the trash, which `any` does not include.
_ANYWHERE = "any,trash"
_MOST_POSTS = 100  # in one page of results; a number has one post, unless it was copied


@dataclass(frozen=True, slots=True)
class CreatePost:
    """Create a post; returns it. Fault `exists` where its number has one already."""

    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class UpdatePost:
    """Update a post; returns it. Fault `post_missing` where there is none."""

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


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A REST request for a post operation; `read` parses the JSON of the response."""

    method: str
    route: str
    read: Callable[[Any], Any]
    body: Any = None
    query: Mapping[str, str] = field(default_factory=dict)


def request_of(operation: PostOperation) -> HttpRequest:
    """Return the REST request that performs an operation."""
    only = {"_fields": _FIELDS}
    match operation:
        case CreatePost(fields):
            return HttpRequest("POST", POSTS, responses.made, fields, only)
        case UpdatePost(post_id, fields):
            return HttpRequest("POST", f"{POSTS}/{post_id}", responses.site_post, fields, only)
        case TrashPost(post_id):
            return HttpRequest("DELETE", f"{POSTS}/{post_id}", responses.trashed, query=only)
        case DeletePost(post_id):
            query = {"force": "true", "_fields": "deleted"}
            return HttpRequest("DELETE", f"{POSTS}/{post_id}", responses.deleted, query=query)
        case ReadPost(post_id):
            return HttpRequest(
                "GET", f"{POSTS}/{post_id}", responses.site_post, query={"context": "edit", **only}
            )
        case FindPosts(number):
            query = {
                "context": "edit",
                "status": _ANYWHERE,
                "per_page": str(_MOST_POSTS),
                "zoombridge_number": str(number),
            }
            return HttpRequest("GET", POSTS, responses.posts_of(number), query={**only, **query})
