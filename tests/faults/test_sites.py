"""Faults of a WordPress site. Each ends with the site right, and with words that its owner understands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest

from core.errors import Fault
from tests.end_to_end.events import Meeting
from tests.faults.stepped import SHORT
from tests.wordpress.serve import reserve

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.stepped import Stepped

    Misbehave = Callable[[str], Callable[[], None]]

# One kind of WordPress is enough: what differs between the two is their database.
pytestmark = pytest.mark.parametrize("wordpress", ["debian-mariadb"], indirect=True)

# Only what the bridge asks of posts, so that tests can look at them meanwhile by other means.
OF_THE_BRIDGE = "false !== strpos( $_SERVER['HTTP_USER_AGENT'] ?? '', 'ZoomWordPressBridge' )"


def answering(status: int, body: str, *headers: str) -> str:
    """PHP that answers whatever the bridge asks."""
    lines = "".join(f"header( '{line}' );" for line in headers)
    return (
        f"if ( {OF_THE_BRIDGE} ) {{ http_response_code( {status} ); "
        f"header( 'Content-Type: text/html' ); {lines} echo '{body}'; exit; }}"
    )


def several(count: int) -> list[Meeting]:
    return [Meeting("meeting", topic=f"Meeting {index:02}") for index in range(count)]


class TestNotReached:
    def test_refused(self, stepped: Stepped, meeting: Meeting) -> None:
        with reserve(0) as nobody:
            stepped.home = f"http://127.0.0.1:{nobody.getsockname()[1]}"
            stepped.rest_root = f"{stepped.home}/wp-json/"
            stepped.tell(meeting.created())
            assert stepped.run() == [[meeting.number]]

        assert "could not be reached: its server refuses the connection" in stepped.owner_message
        assert "retries automatically" in stepped.owner_message
        (attempt,) = stepped.attempts(meeting.number)
        assert (attempt.fault, attempt.action, attempt.status) == (Fault.NETWORK, None, None)
        assert attempt.message == stepped.owner_message

        stepped.home, stepped.rest_root = stepped.wordpress.url, stepped.wordpress.rest_root
        stepped.again()
        stepped.until_quiet()
        assert stepped.post(meeting.number)["title"]["raw"] == meeting.topic
        assert stepped.owner_message == ""
        assert stepped.attempts(meeting.number)[0].action == "created"

    def test_too_slow_and_not_done(self, stepped: Stepped, misbehave: Misbehave, meeting: Meeting) -> None:
        mend = misbehave(f"if ( {OF_THE_BRIDGE} ) {{ usleep( 3000000 ); exit; }}")
        stepped.timeout = SHORT
        stepped.tell(meeting.created())
        stepped.run()

        assert "it took too long to answer" in stepped.owner_message
        (attempt,) = stepped.attempts(meeting.number)
        assert attempt.milliseconds >= 2000
        assert stepped.titles() == []

        mend()
        stepped.timeout = (5.0, 30.0)
        stepped.again()
        stepped.until_quiet()
        assert stepped.titles() == [meeting.topic]
        assert stepped.owner_message == ""


# However it is written: the answer goes through this buffer, which is emptied once all is done.
SLOW_AFTER = f"""
$slow = static function () {{
    static $is_slow = false;
    if ( {OF_THE_BRIDGE} && ! $is_slow ) {{
        $is_slow = true;
        ob_start( static function ( $answer ) {{
            usleep( 3000000 );
            return $answer;
        }} );
    }}
}};
foreach ( [ 'save_post_zoom-meetings', 'added_post_meta', 'updated_post_meta', 'wp_trash_post' ] as $hook ) {{
    add_action( $hook, $slow );
}}
"""


class TestTooSlowAfterItWasDone:
    """WordPress has done it, and its answer did not arrive: the bridge asks what became of it."""

    @pytest.fixture
    def slow_once(self, stepped: Stepped, misbehave: Misbehave) -> Callable[[], None]:
        def run() -> None:
            mend = misbehave(SLOW_AFTER)
            stepped.timeout = SHORT
            stepped.again()
            stepped.run()
            assert stepped.owner_message == ""
            assert stepped.waiting() == {}
            mend()
            stepped.timeout = (5.0, 30.0)
            stepped.again()

        return run

    def test_no_second_post(self, stepped: Stepped, meeting: Meeting, slow_once: Callable[[], None]) -> None:
        stepped.tell(meeting.created())
        slow_once()
        assert stepped.titles() == [meeting.topic], "it was done"

        stepped.until_quiet()
        assert stepped.titles() == [meeting.topic]
        assert [attempt.action for attempt in stepped.attempts(meeting.number)] == ["created"]

        stepped.tell(meeting.updated(agenda="Bring the blue folder."))
        stepped.until_quiet()
        assert "Bring the blue folder." in stepped.post(meeting.number)["content"]["raw"]

    def test_what_zoom_took_back_does_not_stay(
        self, stepped: Stepped, meeting: Meeting, slow_once: Callable[[], None]
    ) -> None:
        stepped.tell(meeting.created())
        stepped.until_quiet()
        stepped.tell(meeting.updated(topic="Concert", agenda="With orchestra"))
        slow_once()
        assert stepped.titles() == ["Concert"]

        stepped.tell(meeting.updated(topic=meeting.topic, agenda=""))
        stepped.until_quiet()

        post = stepped.post(meeting.number)
        assert (post["title"]["raw"], post["content"]["raw"]) == (meeting.topic, "")
        stepped.tell(meeting.updated(agenda="Bring the blue folder."))
        stepped.until_quiet()
        assert "Bring the blue folder." in stepped.post(meeting.number)["content"]["raw"]

    def test_what_an_editor_wrote_meanwhile_stays(
        self, stepped: Stepped, meeting: Meeting, slow_once: Callable[[], None]
    ) -> None:
        stepped.tell(meeting.created())
        stepped.until_quiet()
        stepped.tell(meeting.updated(topic="Concert", agenda="With orchestra"))
        slow_once()
        edited = {"title": "Our grand concert", "content": "An editor's words"}
        stepped.wordpress.rest(
            "POST", f"wp/v2/zoom_meetings/{stepped.post(meeting.number)['id']}", json=edited
        )

        stepped.until_quiet()

        post = stepped.post(meeting.number)
        assert {key: post[key]["raw"] for key in edited} == edited

    def test_trashed_by_the_bridge_comes_back(
        self, stepped: Stepped, meeting: Meeting, slow_once: Callable[[], None]
    ) -> None:
        stepped.tell(meeting.created())
        stepped.until_quiet()
        stepped.tell(meeting.deleted())
        slow_once()
        assert stepped.post(meeting.number)["status"] == "trash"
        stepped.until_quiet()
        assert stepped.post(meeting.number)["status"] == "trash"

        stepped.tell(meeting.recovered())
        stepped.until_quiet()
        assert stepped.post(meeting.number)["status"] == "publish"


BREAKS_DOWN = """
add_filter( '%s', static function ( $data ) {
    $title = is_array( $data ) ? $data['post_title'] : get_post( $data )->post_title;
    if ( 'Meeting 03' === $title ) { http_response_code( 500 ); exit; }
    return $data;
} );
"""


class TestBrokenDown:
    def test_whole_site(self, stepped: Stepped, misbehave: Misbehave) -> None:
        mend = misbehave(answering(500, "<title>Fatal error</title>"))
        meetings = several(8)
        stepped.tell(*[meeting.created() for meeting in meetings])
        for _ in range(8):
            stepped.run()
            stepped.to_the_next()

        assert "HTTP 500" in stepped.owner_message
        assert "error log" in stepped.owner_message
        assert stepped.attempts(meetings[0].number)[-1].status == 500

        mend()
        stepped.until_quiet()
        assert stepped.titles() == [meeting.topic for meeting in meetings]
        assert stepped.owner_message == ""

    def test_over_one_post_only(self, stepped: Stepped, misbehave: Misbehave) -> None:
        """Another plugin breaks down on one title, before the post is there."""
        mend = misbehave(BREAKS_DOWN % "wp_insert_post_data")
        meetings = several(8)
        bad = meetings[3]
        stepped.tell(*[meeting.created() for meeting in meetings])
        for _ in range(12):
            stepped.run()
            stepped.to_the_next()

        others = [meeting for meeting in meetings if meeting is not bad]
        assert list(stepped.waiting()) == [bad.number], "the others are there"
        assert "stopped while it wrote this page, in mu-plugins/misbehaving" in stepped.waiting()[bad.number]
        assert stepped.owner_message == "", "the site is well"
        for meeting in others:
            assert stepped.post(meeting.number)["title"]["raw"] == meeting.topic

        mend()
        stepped.until_quiet()
        assert stepped.titles() == [meeting.topic for meeting in meetings]

    def test_over_one_post_once_it_is_there(self, stepped: Stepped, misbehave: Misbehave) -> None:
        """Its row and its metas are: nothing is left to write, and the bridge finds that out by itself."""
        misbehave(BREAKS_DOWN % "save_post_zoom-meetings")
        meetings = several(8)
        stepped.tell(*[meeting.created() for meeting in meetings])
        stepped.until_quiet()

        assert stepped.waiting() == {}
        assert stepped.titles() == [meeting.topic for meeting in meetings]
        assert [attempt.action for attempt in stepped.attempts(meetings[3].number)] == ["adopted"]

    def test_over_a_new_post_and_the_agenda_changes_before_the_next_try(
        self, stepped: Stepped, misbehave: Misbehave, meeting: Meeting
    ) -> None:
        """The post is there, with the old agenda and without its details: what it holds is nobody's but the bridge's."""
        mend = misbehave(
            "add_action( 'save_post_zoom-meetings', static function () { http_response_code( 500 ); exit; } );"
        )
        stepped.tell(meeting.created(), meeting.updated(agenda="Bring the folder."))
        stepped.run()
        assert "stopped while it wrote this page" in stepped.waiting()[meeting.number]

        mend()
        stepped.tell(meeting.updated(agenda="Bring the candles."))
        stepped.until_quiet()
        content = stepped.post(meeting.number)["content"]["raw"]
        assert "candles" in content
        assert "folder" not in content

    def test_database_of_the_site_gone(self, stepped: Stepped, meeting: Meeting) -> None:
        config = stepped.wordpress.directory / "wp-config.php"
        before = config.read_text()
        stepped.tell(meeting.created())
        try:
            config.write_text(before.replace("localhost:/", "localhost:/gone/"))
            stepped.run()
        finally:
            config.write_text(before)

        assert "HTTP 500" in stepped.waiting()[meeting.number]
        stepped.until_quiet()
        assert stepped.titles() == [meeting.topic]

    def test_being_updated(self, stepped: Stepped, meeting: Meeting) -> None:
        """WordPress's own maintenance mode answers 503 with Retry-After: 600."""
        mode = stepped.wordpress.directory / ".maintenance"
        stepped.tell(meeting.created())
        try:
            mode.write_text("<?php $upgrading = time();")
            stepped.run()
        finally:
            mode.unlink()

        assert "being updated" in stepped.owner_message
        assert stepped.to_the_next() >= 599
        stepped.until_quiet()
        assert stepped.titles() == [meeting.topic]


class TestBusy:
    @pytest.mark.parametrize("form", ["seconds", "date"])
    def test_retry_after_is_obeyed(
        self, stepped: Stepped, misbehave: Misbehave, meeting: Meeting, form: str
    ) -> None:
        then = datetime.now(UTC) + timedelta(seconds=900)
        wait = "900" if form == "seconds" else format_datetime(then, usegmt=True)
        mend = misbehave(answering(429, "Slow down", f"Retry-After: {wait}"))
        stepped.tell(meeting.created())
        stepped.run()

        assert "asks the bridge to retry later" in stepped.owner_message
        mend()
        stepped.forward(880)
        assert stepped.run() == []
        stepped.forward(25)
        assert stepped.run() == [[meeting.number]]
        assert stepped.titles() == [meeting.topic]
        assert [attempt.status for attempt in stepped.attempts(meeting.number)] == [None, 429]


class TestFirewall:
    @pytest.mark.parametrize("status", [200, 403, 503])
    def test_page_is_named(
        self, stepped: Stepped, misbehave: Misbehave, meeting: Meeting, status: int
    ) -> None:
        mend = misbehave(answering(status, "<html><title>Blocked by GuardDog</title>Who are you?</html>"))
        stepped.tell(meeting.created())
        stepped.run()

        said = stepped.owner_message or stepped.waiting()[meeting.number]
        assert "Blocked by GuardDog" in said
        assert f"HTTP {status}" in said
        if status != 503:
            assert "firewall" in said
            assert "/wp-json/" in said
        assert stepped.titles() == []

        mend()
        stepped.until_quiet()
        assert stepped.titles() == [meeting.topic]

    def test_redirect(self, stepped: Stepped, misbehave: Misbehave, meeting: Meeting) -> None:
        mend = misbehave(answering(301, "", "Location: https://www.example.org/wp-json/?secret=1"))
        stepped.tell(meeting.created())
        stepped.run()

        assert "another address (https://www.example.org/wp-json/)" in stepped.owner_message
        assert "connect the site again" in stepped.owner_message

        mend()
        stepped.connect()
        stepped.until_quiet()
        assert stepped.titles() == [meeting.topic]


class TestNotAllowed:
    def test_another_key_stops_the_whole_site(self, stepped: Stepped) -> None:
        stepped.connect(key="0b" * 32, pairs=False)
        meetings = several(5)
        stepped.tell(*[meeting.created() for meeting in meetings])
        assert len(stepped.run()) == 1, "one request tells it"

        assert "does not accept this bridge's key" in stepped.owner_message
        assert "Connect the site again" in stepped.owner_message
        stepped.forward(1800)
        assert stepped.run() == [], "nothing but a person can mend it"

        stepped.connect()
        stepped.run()
        assert stepped.titles() == [meeting.topic for meeting in meetings], "it heals at once"

    def test_bridge_that_another_one_has_superseded_writes_nothing_and_says_so(
        self, stepped: Stepped, meeting: Meeting
    ) -> None:
        """Such as one that was restored from a backup, after the site was connected again."""
        stepped.connect(epoch=3)
        stepped.tell(meeting.created())
        stepped.until_quiet()
        stepped.connect(epoch=2)
        stepped.tell(meeting.updated(topic="From the backup"))
        stepped.run()

        assert "Another bridge has taken over this site" in stepped.owner_message
        assert stepped.titles() == [meeting.topic]

        stepped.connect(epoch=4)
        stepped.until_quiet()
        assert stepped.titles() == ["From the backup"]

    def test_bridge_restored_from_a_backup_writes_nothing_over_what_came_later(
        self, stepped: Stepped, meeting: Meeting
    ) -> None:
        """Its epoch is the same, and its places in the order of writes are earlier ones."""
        stepped.tell(meeting.created())
        stepped.until_quiet()
        post_id = stepped.post(meeting.number)["id"]
        stepped.wordpress.php(
            """
            $parts = explode( '.', get_post_meta( $post_id, '_zoombridge_seq', true ) );
            $parts[1] = '999999999';
            update_post_meta( $post_id, '_zoombridge_seq', implode( '.', $parts ) );
            """,
            post_id=post_id,
        )
        stepped.tell(meeting.updated(topic="From the backup"))
        stepped.run()

        assert "A later change has reached this page first" in stepped.waiting()[meeting.number]
        assert "connect the site again" in stepped.waiting()[meeting.number]
        assert stepped.owner_message == "", "other pages are written"
        assert stepped.titles() == [meeting.topic]

        stepped.connect(epoch=2)
        stepped.until_quiet()
        assert stepped.titles() == ["From the backup"]

    def test_refusal_of_one_post_harms_no_other(self, stepped: Stepped, misbehave: Misbehave) -> None:
        mend = misbehave(
            """
            add_filter( 'wp_insert_post_empty_content', static function ( $is_empty, $post ) {
                return $is_empty || 'Meeting 03' === $post['post_title'];
            }, 10, 2 );
            """
        )
        meetings = several(6)
        bad = meetings[3]
        stepped.tell(*[meeting.created() for meeting in meetings])
        stepped.run()

        assert list(stepped.waiting()) == [bad.number]
        assert (
            "WordPress rejected the request: empty_content: Content, title, and excerpt are empty."
            in stepped.waiting()[bad.number]
        )
        assert stepped.owner_message == ""
        assert len(stepped.titles()) == 5
        (attempt,) = stepped.attempts(bad.number)
        assert (attempt.fault, attempt.status) == (Fault.REFUSED, None)

        mend()
        stepped.tell(bad.updated(duration=45))
        stepped.run()
        assert stepped.titles() == [meeting.topic for meeting in meetings], "a change is tried at once"


class TestWithoutTrash:
    def test_deleted_meeting_gets_a_draft_and_comes_back(
        self, stepped: Stepped, misbehave: Misbehave, meeting: Meeting
    ) -> None:
        """WordPress would delete the page permanently, with all that editors have added."""
        misbehave("define( 'EMPTY_TRASH_DAYS', 0 );")
        stepped.tell(meeting.created())
        stepped.until_quiet()
        stepped.tell(meeting.deleted())
        stepped.until_quiet()
        assert stepped.post(meeting.number)["status"] == "draft"
        assert "made a draft instead" in str(stepped.attempts(meeting.number)[0].message)

        stepped.tell(meeting.recovered())
        stepped.until_quiet()
        assert stepped.post(meeting.number)["status"] == "publish"


class TestBreaker:
    def test_one_probe_then_all(self, stepped: Stepped, misbehave: Misbehave) -> None:
        mend = misbehave(answering(429, "Slow down", "Retry-After: 60"))
        meetings = several(30)
        stepped.tell(*[meeting.created() for meeting in meetings])
        stepped.to_the_next()  # so many at once are a burst, whose end is waited for
        stepped.run()
        assert stepped.batch_sizes == [30]
        stepped.to_the_next()
        stepped.run()
        assert stepped.batch_sizes == [30, 1], "still busy, as one post tells"

        mend()
        stepped.to_the_next()
        assert [len(numbers) for numbers in stepped.run()] == [1, 29]
        assert stepped.titles() == [meeting.topic for meeting in meetings]
