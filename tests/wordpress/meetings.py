"""Posts of meetings, as WordPress's REST API returns them to an editor, however they were written.

The must-use plugin of these sites adds the field `zoombridge_test`: the metas of the post, by the names of docs/stub.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.wordpress.wordpress import WordPress

_TIMEOUT_SECONDS = 120.0


def read_posts(site: WordPress, number: int | None = None) -> list[dict[str, Any]]:
    """Return the posts of a Zoom meeting number, or of all meetings, also those in the trash, by ID."""
    query: dict[str, Any] = {
        "context": "edit", "status": "any,trash", "per_page": 100, "orderby": "id", "order": "asc"
    }  # fmt: skip
    if number is not None:
        query["zoombridge_test_number"] = str(number)
    posts: list[dict[str, Any]] = []
    page = pages = 1
    while page <= pages:
        answer = site.rest(
            "GET", "wp/v2/zoom_meetings", params={**query, "page": page}, timeout=_TIMEOUT_SECONDS
        )
        assert answer.status_code == 200, answer.text
        pages = int(answer.headers["X-WP-TotalPages"])
        posts += answer.json()
        page += 1
    return posts
