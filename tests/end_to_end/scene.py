"""A bridge and a site on which something has happened of every kind, for looks and pictures: always the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.end_to_end.events import Meeting, in_days, series

if TYPE_CHECKING:
    from tests.end_to_end.pair import Pair

REHEARSAL = 85393847045
CONCERTS = 82700130461
BOARD = 84019277330
LESSON = 81500023311
HOSTILE = 86121200988


def furnish(pair: Pair) -> None:
    """Let it happen. The pair has a connected site and a secret token, and nothing else."""
    rehearsal = Meeting("meeting", REHEARSAL, topic="Choir rehearsal ♫", start=in_days(3, 18))
    pair.tell(rehearsal.created())
    pair.tell(rehearsal.updated({"topic": rehearsal.topic}, topic="Choir rehearsal with orchestra"))
    pair.tell(rehearsal.updated({"duration": 60}, duration=120))

    concerts = series("webinar", topic="Sunday concerts, live from the town hall")
    concerts.number = CONCERTS
    pair.tell(concerts.created(), concerts.deleted([concerts.changes["occurrences"][1]]))

    board = Meeting("meeting", BOARD, topic="Board meeting", start=in_days(1, 9))
    pair.tell(board.created(), board.deleted())

    # Somebody deleted its post for good: the bridge does not make it again by itself.
    lesson = Meeting("meeting", LESSON, topic="Singing lesson", start=in_days(5, 15))
    pair.tell(lesson.created())
    post = pair.post(LESSON)["id"]
    pair.site.rest("DELETE", f"wp/v2/zoom_meetings/{post}", params={"force": "true"})
    pair.tell(lesson.updated(topic="Singing lesson for beginners"))

    hostile = (
        "A topic as long as Zoom allows & <b>with what looks like HTML</b>, withoutanyspacesforawholelinebecausepeopledothat"
        * 2
    )
    long = Meeting("meeting", HOSTILE, topic=hostile[:200], start=in_days(9))
    pair.tell(long.created())

    # What the bridge does not act on, and what another secret token signed.
    pair.send({"event": "user.signed_in", "event_ts": rehearsal.created()["event_ts"], "payload": {}})
    pair.send(Meeting("meeting", topic="Another choir").created(), secret="Another-Secret-Of-Zoom-1")
