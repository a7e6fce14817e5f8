"""*Answers to Zoom* in the design, each row through the real WordPress; and what must never be written down."""

from __future__ import annotations

import hashlib
import hmac
import json
import resource
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from core.zoom import scenarios
from core.zoom.signature import sign
from tests.end_to_end.browser import save_secret
from tests.end_to_end.events import Meeting
from tests.end_to_end.pair import SECRET, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.end_to_end.pair import Pair

WRONG = "Another-Secret-Of-Zoom-99"


def held(pair: Pair) -> int:
    return int(pair.rows("SELECT count(*) FROM quarantine")[0][0])


def unreadable(pair: Pair) -> int:
    return int(pair.rows("SELECT count(*) FROM events WHERE outcome = 'unreadable'")[0][0])


class TestRows:
    def test_authentic_event(self, pair: Pair, meeting: Meeting) -> None:
        first = pair.send(meeting.created())
        again = pair.send(meeting.created())

        assert (first.status_code, first.content, again.status_code) == (204, b"", 204)
        assert first.headers["Cache-Control"] == "no-store"
        assert pair.logged(meeting.number), "durable by the time of the answer"

    def test_ignored_event(self, pair: Pair, meeting: Meeting) -> None:
        assert pair.send(meeting.joined()).status_code == 204
        (line,) = pair.logged(meeting.number)
        assert (line.outcome, bool(line.reason)) == ("ignored", True)

    @pytest.mark.parametrize("route", ["meeting", "webinar", "recording"])
    def test_validation(self, pair: Pair, route: str) -> None:
        body = json.dumps(scenarios.validation("qgg8vlvZRS6UYooatFL8Aw", now=datetime.now(UTC))).encode()

        answer = pair.send(body, route=route)

        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("application/json")
        encrypted = hmac.new(SECRET.encode(), b"qgg8vlvZRS6UYooatFL8Aw", hashlib.sha256).hexdigest()
        assert answer.json() == {"plainToken": "qgg8vlvZRS6UYooatFL8Aw", "encryptedToken": encrypted}
        assert pair.rows("SELECT validated_at FROM sites WHERE id = ?", pair.id)[0][0]

    @pytest.mark.parametrize(
        "headers",
        [
            {"x-zm-signature": "v0=" + 64 * "0"},
            {"x-zm-signature": ""},
            {"x-zm-signature": None},
            {"x-zm-request-timestamp": None},
            {"x-zm-request-timestamp": "yesterday"},
        ],
        ids=["wrong", "empty", "missing", "no timestamp", "odd timestamp"],
    )
    def test_signature(self, pair: Pair, meeting: Meeting, headers: dict[str, str | None]) -> None:
        answer = pair.send(meeting.created(), headers=headers)

        assert answer.status_code == 401
        document = answer.json()
        assert document["code"] == "zoombridge_signature"
        assert document["message"]
        assert SECRET not in answer.text
        assert pair.logged(meeting.number) == []

    @pytest.mark.parametrize(("age", "status"), [(290, 204), (310, 401), (-290, 204), (-310, 401)])
    def test_timestamp(self, pair: Pair, meeting: Meeting, age: int, status: int) -> None:
        before = held(pair)

        assert pair.send(meeting.created(), age=age).status_code == status

        assert held(pair) == before, "no secret token can ever verify it"

    @pytest.mark.parametrize(
        "body", [b"not JSON", b"[]", b'{"event": 7}', b'{"payload": {}}', b"\xff\x00", b"[" * 100_000]
    )
    def test_not_an_event(self, pair: Pair, body: bytes) -> None:
        before = unreadable(pair)

        assert pair.send(body).status_code == 204

        assert unreadable(pair) == before + 1

    def test_not_an_event_and_not_signed(self, pair: Pair) -> None:
        before = unreadable(pair)

        assert pair.send(b"not JSON", secret=WRONG).status_code == 401

        assert unreadable(pair) == before

    @pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", None])
    def test_content_type(self, pair: Pair, meeting: Meeting, content_type: str | None) -> None:
        assert pair.send(meeting.created(), headers={"content-type": content_type}).status_code == 204
        assert pair.logged(meeting.number)

    def test_too_large(self, pair: Pair, meeting: Meeting) -> None:
        event = meeting.created()
        event["payload"]["padding"] = "x" * (1024 * 1024)

        answer = pair.send(event, timeout=600)

        assert (answer.status_code, answer.json()["code"]) == (413, "zoombridge_too_large")
        assert pair.logged(meeting.number) == []

    def test_directly_at_the_bridge(self, pair: Pair, meeting: Meeting) -> None:
        url = f"{pair.bridge.url}/sites/{pair.id}/wp-json/vczapi/v1/meeting"

        assert pair.send(meeting.created(), url=url).status_code == 204

        pair.await_page(meeting.number, meeting.topic)


@pytest.fixture
def full_disk(fresh: Pair) -> Iterator[None]:
    """The bridge's files may not grow, as on a disk that is full."""
    # Beyond what it writes to its own log, and short of where the database's log ends once some events are in it.
    wal = fresh.bridge.data / "zoombridge.db-wal"
    for at in range(1, 100):
        if wal.stat().st_size > 96 * 1024:
            break
        ignored = {"event": "user.signed_in", "event_ts": at, "payload": {"account_id": "x", "object": {}}}
        assert fresh.send(ignored).status_code == 204
    assert wal.stat().st_size > 96 * 1024
    before = resource.prlimit(fresh.bridge.pid, resource.RLIMIT_FSIZE, (64 * 1024, resource.RLIM_INFINITY))
    yield
    resource.prlimit(fresh.bridge.pid, resource.RLIMIT_FSIZE, before)


class TestNothingSaved:
    """A bridge that has not been told the secret token yet."""

    def test_zoom_shall_send_again_and_then_it_appears(self, fresh: Pair) -> None:
        meeting = Meeting("webinar")
        refused = fresh.send(meeting.created())

        assert refused.status_code == 503
        assert refused.json()["code"] == "zoombridge_no_secret"
        assert int(refused.headers["Retry-After"]) > 0
        assert held(fresh) == 0, "nothing is kept of what Zoom sends again"

        save_secret(fresh.site, SECRET)
        assert fresh.send(meeting.created()).status_code == 204
        fresh.await_page(meeting.number, meeting.topic)


class TestQuarantine:
    def test_refused_events_appear_once_the_right_secret_is_saved(self, fresh: Pair) -> None:
        save_secret(fresh.site, WRONG)
        kept, moved, forged = Meeting("meeting"), Meeting("webinar"), Meeting("meeting")
        events = [kept.created(), moved.created(), moved.updated(topic="Moved meanwhile")]
        assert [fresh.send(event).status_code for event in events] == [401] * 3
        assert fresh.send(forged.created(), secret="Forged-By-Somebody").status_code == 401
        assert held(fresh) == 4
        assert [fresh.posts(one.number) for one in (kept, moved, forged)] == [[], [], []]

        page = save_secret(fresh.site, SECRET)

        assert "3 quarantined events were accepted" in page
        fresh.await_page(kept.number, kept.topic)
        fresh.await_page(moved.number, "Moved meanwhile</h1>")
        assert fresh.posts(forged.number) == []
        assert held(fresh) == 1
        assert WRONG not in page
        assert SECRET not in page

    def test_it_does_not_hold_what_is_not_zooms(self, fresh: Pair) -> None:
        meeting = Meeting("meeting")
        save_secret(fresh.site, WRONG)

        unsigned = fresh.send(meeting.created(), headers={"x-zm-signature": None})
        garbage = fresh.send(b"garbage")

        assert (unsigned.status_code, garbage.status_code) == (401, 401)
        assert held(fresh) == 0


class TestDiskFull:
    def test_zoom_shall_send_again_and_then_it_appears(
        self, fresh: Pair, request: pytest.FixtureRequest
    ) -> None:
        meeting = Meeting("meeting")
        save_secret(fresh.site, SECRET)
        request.getfixturevalue("full_disk")
        refused = fresh.send(meeting.created())
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) > 0
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        assert fresh.logged(meeting.number) == []

        resource.prlimit(fresh.bridge.pid, resource.RLIMIT_FSIZE, unlimited)

        assert fresh.send(meeting.created()).status_code == 204
        fresh.await_page(meeting.number, meeting.topic)


class TestSilence:
    """What must not stand in any log, post or table."""

    def test_no_secret_and_no_key_to_the_host_is_written_down(self, fresh: Pair) -> None:
        pair = fresh
        save_secret(pair.site, WRONG)
        save_secret(pair.site, SECRET)
        passcode = "passcode-of-3512"
        meeting = Meeting("meeting", changes={"password": passcode})
        pair.send(meeting.created(), secret="Forged-By-Somebody")
        pair.send(meeting.created(), headers={"authorization": "Verification-Token-4711"})
        pair.tell(meeting.updated(topic="Concert", start_url="https://example.zoom.us/s/1?zak=KEY-TO-THE"))
        pair.tell(meeting.deleted(), meeting.recovered())
        eventually(lambda: pair.posts(meeting.number))

        key = pair.site.php("return get_option( 'zoombridge_connection' )['key'];")
        sealed = [SECRET, WRONG, key, "KEY-TO-THE", "zak=", "Verification-Token-4711"]

        for file in sorted(pair.bridge.data.glob("zoombridge.db*")):
            content = file.read_bytes()
            for secret in sealed:
                assert secret.encode() not in content, f"{secret} in {file.name}"
        log = pair.bridge.log()
        assert "post_mirrored" in log
        for secret in [*sealed, passcode, "pwd=", "start_url", "Choir", "Concert", "host@example.org"]:
            assert secret not in log, secret

        rows = pair.site.php(
            """
            global $wpdb;
            $posts = $wpdb->get_col( "SELECT CONCAT( post_title, post_content, post_excerpt ) FROM {$wpdb->posts}" );
            return array_merge( $posts, $wpdb->get_col( "SELECT meta_value FROM {$wpdb->postmeta}" ) );
            """
        )
        in_posts = "\n".join(str(row) for row in rows)
        assert passcode in in_posts, "visitors need it"
        for secret in [*sealed, '"start_url"']:
            assert secret not in in_posts, secret

    def test_its_files_are_its_owners(self, pair: Pair) -> None:
        for name in ("zoombridge.key", "rpc.json"):
            assert (pair.bridge.data / name).stat().st_mode & 0o077 == 0, name

    def test_answers_name_no_secret(self, pair: Pair, meeting: Meeting) -> None:
        body = json.dumps(meeting.created()).encode()
        right = sign(SECRET, int(time.time()), body)

        answer = pair.send(body, secret=WRONG)

        assert answer.status_code == 401
        for secret in (SECRET, WRONG, right):
            assert secret not in answer.text + str(answer.headers)
