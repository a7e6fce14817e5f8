"""A bridge and a site on which something has happened of every kind, for looks and pictures: always the same."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tests.end_to_end.events import ACCOUNT, Meeting, series
from tests.zoom.server import CLIENT_ID, CLIENT_SECRET

if TYPE_CHECKING:
    from tests.end_to_end.pair import Pair
    from tests.zoom import ZoomServer

YOUTH_CHOIR = "YouthChoirAccount00000"
REHEARSAL = 85393847045
CONCERTS = 82700130461
BOARD = 84019277330
LESSON = 81500023311
HOSTILE = 86121200988
STRANGE = 88001230019
EVENSONG = 83310042007
CHAMBER_CHOIR = "ChamberChoirAccount000"


def furnish(pair: Pair, zoom: ZoomServer) -> None:
    """Let it happen. The pair has a connected site and a secret token, and nothing else.

    Every date is one of next March's, so that pages say the same from day to day.
    """
    rehearsal = Meeting("meeting", REHEARSAL, topic="Choir rehearsal ♫", start=in_march(2, 18))
    pair.tell(rehearsal.created())
    live_through_a_week(pair)
    pair.tell(rehearsal.updated({"topic": rehearsal.topic}, topic="Choir rehearsal with orchestra"))
    pair.tell(rehearsal.updated({"duration": 60}, duration=120))

    concerts = series("webinar", first=in_march(7, 17), topic="Sunday concerts, live from the town hall")
    concerts.number, concerts.topic = CONCERTS, concerts.changes["topic"]
    pair.tell(concerts.created(), concerts.deleted([concerts.changes["occurrences"][1]]))

    board = Meeting("meeting", BOARD, topic="Board meeting", start=in_march(6, 9))
    pair.tell(board.created(), board.deleted())

    # Somebody deleted its post for good: the bridge does not make it again by itself.
    lesson = Meeting("meeting", LESSON, topic="Singing lesson", start=in_march(5, 15))
    pair.tell(lesson.created())
    post = pair.post(LESSON)["id"]
    pair.site.rest("DELETE", f"wp/v2/zoom_meetings/{post}", params={"force": "true"})
    pair.tell(lesson.updated(topic="Singing lesson for beginners"))

    hostile = (
        "A topic as long as Zoom allows & <b>with what looks like HTML</b>, withoutanyspacesforawholelinebecausepeopledothat"
        * 2
    )
    long = Meeting("meeting", HOSTILE, topic=hostile[:200], start=in_march(9, 16))
    pair.tell(long.created())

    read_account(pair, zoom)

    # What the bridge does not act on, and what another secret token signed.
    pair.send({"event": "user.signed_in", "event_ts": rehearsal.created()["event_ts"], "payload": {}})
    strange = Meeting("meeting", STRANGE, topic="Another choir", start=in_march(4, 10))
    pair.send(strange.created(), secret="Another-Secret-Of-Zoom-1")

    # An account that another site shows, and that nobody has granted to this one.
    asking = Meeting("meeting", EVENSONG, topic="Evensong", start=in_march(8, 17)).created()
    asking["payload"]["account_id"] = CHAMBER_CHOIR
    pair.send(asking)


def read_account(pair: Pair, zoom: ZoomServer) -> None:
    """Let the bridge read another Zoom account, and look what an import of it would do."""
    choir = zoom.account
    anna, ben = choir.add_user("Anna"), choir.add_user("Ben")
    for user, topic in (
        (anna, "Auditions"),
        (anna, "Sectional rehearsal, altos"),
        (ben, "Evening for parents"),
    ):
        choir.make(user, topic, quietly=True)
    pair.bridge.command(
        "account", "add",
        "--account-id", choir.account_id,
        "--client-id", CLIENT_ID,
        "--name", "Youth choir",
        "--plan", "pro",
        "--oauth-url", zoom.oauth_url,
        typed=CLIENT_SECRET + "\n",
    )  # fmt: skip
    pair.bridge.command("import", "--dry-run")


def in_march(day: int, hour: int) -> datetime:
    """Return a full hour (UTC) of the March that is to come."""
    now = datetime.now(UTC) + timedelta(days=1)
    this_year = datetime(now.year, 3, day, hour, tzinfo=UTC)
    return this_year if datetime(now.year, 3, 1, tzinfo=UTC) > now else this_year.replace(year=now.year + 1)


def live_through_a_week(pair: Pair) -> None:
    """Give the log a past: a week of events of meetings that nobody knows any more, always the same.

    They are written while the bridge rests, as nothing can be sent into the past.
    """
    pair.bridge.stop()
    with closing(sqlite3.connect(pair.bridge.data / "zoombridge.db")) as connection, connection:
        for hours in range(7 * 24 - 1, 0, -1):
            at = int(time.time() // 3600 - hours) * 3_600_000
            for count in range((hours * 7 + hours // 24) % 9 if hours % 24 in range(2, 16) else hours % 2):
                _happened(
                    connection,
                    pair,
                    70_000_000_000 + hours * 10 + count,
                    at + 60_000 * (count + 1),
                    hours + count,
                )
        hold_pages(connection, pair)
        connection.execute(
            "INSERT INTO grants (account_id, site_id, source, granted_at) VALUES (?, 'elsewhere', 'administrator', ?)",
            (CHAMBER_CHOIR, int(time.time() * 1000)),
        )
    pair.restart()


def hold_pages(connection: sqlite3.Connection, pair: Pair) -> None:
    """Have an administrator decide about some pages, as if a reconciliation had found their meetings gone."""
    now = int(time.time() * 1000)
    for number, topic, state, by in (
        (REHEARSAL, "Choir rehearsal with orchestra", "held", None),
        (CONCERTS, "Sunday concerts, live from the town hall", "held", None),
        (STRANGE, "Choir outing", "dismissed", "anna"),
    ):
        connection.execute(
            """
            INSERT INTO removals (site_id, account_id, number, state, topic, found_at, decided_by, decided_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """,
            (pair.id, ACCOUNT, number, state, topic, now, by, now if by else None),
        )


def _happened(connection: sqlite3.Connection, pair: Pair, number: int, at: int, variety: int) -> None:
    ignored = variety % 6 == 0
    event, outcome, reason = (
        ("meeting.participant_joined", "ignored", "The bridge does not process events of this type.")
        if ignored
        else ("meeting.updated", "applied", None)
    )
    connection.execute(
        """
        INSERT INTO events (digest, account_id, number, event, at, rank, received_at, site_id, request_id, request,
            outcome, reason, applied_at)
        SELECT ?, ?, ?, ?, ?, rank, ?, ?, NULL, request, ?, ?, ?
        FROM events WHERE number = ? LIMIT 1
        """,
        (
            f"past-{number}",
            ACCOUNT,
            number,
            event,
            at,
            at,
            pair.id,
            outcome,
            reason,
            None if ignored else at + 30,
            REHEARSAL,
        ),
    )
    if not ignored:
        took = 350 + variety * 97 % 700
        connection.execute(
            """
            INSERT INTO attempts (site_id, number, at, milliseconds, did, status)
            VALUES (?, ?, ?, ?, 'updated', 200)
            """,
            (pair.id, number, at + 60, took),
        )
