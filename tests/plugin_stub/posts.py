"""Posts of meetings as the bridge leaves them, made without it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.wordpress import WordPress

POSTS = "wp/v2/zoom_meetings"
NUMBER = "85393847045"
DETAILS = {
    "id": 85393847045,
    "type": 2,
    "topic": 'Fire drill 🚒 "C:\\temp" \u2019 \\u00e9',
    "duration": 45,
    "empty": {},
    "list": [],
    "settings": {"join_before_host": True, "audio": "both", "jbh_time": 5},
}
FIELDS = {
    "userId": "KDcuGIm1QgePTO8WbOqwIQ",
    "meeting_type": 1,
    "start_date": "2026-03-02 10:00",
    "timezone": "Europe/Berlin",
    "duration": 45,
    "password": "a\\b\"c'd",
    "alternative_host_ids": ["one", "two"],
}
FIELD: dict[str, Any] = {
    "number": NUMBER,
    "kind": "meeting",
    "details": json.dumps(DETAILS),
    "fields": FIELDS,
    "pro": {"enabled_recurring": "on", "frequency": "2", "weekly_occurence": ["1", "3"]},
    "join_url": "https://us02web.zoom.us/j/85393847045?pwd=aBc.1&x=y%20z",
    "start_date_utc": "2026-03-02 09:00:00",
    "html": '<p class="zoombridge-time"><time datetime="2026-03-02T09:00:00Z">10:00</time></p>',
    "revision": 7,
}


def make(site: WordPress, field: dict[str, Any] | None = None, **post: Any) -> dict[str, Any]:
    """Make a post that holds the metas of a field; return it as REST shows it to an editor.

    `post` holds columns of the post, by their names in the database.
    """
    made: int = site.php(
        """
        $id = wp_insert_post( wp_slash( $post ), true );
        foreach ( ZOOMBRIDGE_PLAIN_METAS as $name => $key ) {
            zoombridge_set_meta( $id, $key, $field[ $name ] ?? null );
        }
        foreach ( ZOOMBRIDGE_ARRAY_METAS as $name => $key ) {
            zoombridge_set_meta( $id, $key, $field[ $name ] ?? null );
        }
        zoombridge_set_meta( $id, '_meeting_zoom_details', json_decode( $field['details'] ?? 'null' ) );
        return $id;
        """,
        field=FIELD if field is None else field,
        post={"post_type": "zoom-meetings", "post_title": "A meeting", "post_status": "publish"} | post,
    )
    answer = site.rest("GET", f"{POSTS}/{made}", params={"context": "edit"})
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown
