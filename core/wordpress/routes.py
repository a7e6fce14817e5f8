"""How WordPress is asked: an ask of the bridge's as a request to its REST API, and how to read the answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core.wordpress import responses
from core.wordpress.requests import CreatePost, DeletePost, FindPosts, ReadPost, TrashPost, UpdatePost

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from core.wordpress.requests import Ask

POSTS = "wp/v2/zoom_meetings"

_KEPT = "id,status,link,title.raw,content.raw,date_gmt,modified_gmt,zoombridge"
# Every status, and the trash, which `any` leaves out.
_ANYWHERE = "any,trash"
_MOST_POSTS = 100  # of a page of WordPress's; a number has one post, where nobody copied it


@dataclass(frozen=True, slots=True)
class Request:
    """How an ask is put to WordPress."""

    method: str
    route: str
    read: Callable[[Any], Any]
    body: Any = None
    query: Mapping[str, str] = field(default_factory=dict)


def request_of(ask: Ask) -> Request:
    """Return the request that does what is asked."""
    kept = {"_fields": _KEPT}
    match ask:
        case CreatePost(fields):
            return Request("POST", POSTS, responses.made, fields, kept)
        case UpdatePost(post_id, fields):
            return Request("POST", f"{POSTS}/{post_id}", responses.site_post, fields, kept)
        case TrashPost(post_id):
            return Request("DELETE", f"{POSTS}/{post_id}", responses.trashed, query=kept)
        case DeletePost(post_id):
            query = {"force": "true", "_fields": "deleted"}
            return Request("DELETE", f"{POSTS}/{post_id}", responses.deleted, query=query)
        case ReadPost(post_id):
            return Request(
                "GET", f"{POSTS}/{post_id}", responses.site_post, query={"context": "edit", **kept}
            )
        case FindPosts(number):
            query = {
                "context": "edit",
                "status": _ANYWHERE,
                "per_page": str(_MOST_POSTS),
                "zoombridge_number": str(number),
            }
            return Request("GET", POSTS, responses.posts_of(number), query={**kept, **query})
