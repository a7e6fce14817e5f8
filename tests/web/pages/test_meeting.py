"""The page of one meeting, in both shells: what it shows to whom, and asking for a post again."""

import re
import time
from typing import Any
from urllib.parse import quote, unquote

import pytest
from sqlalchemy import update

from core.model.meeting import MeetingKind, MeetingState
from core.store.db.engine import Store
from core.store.db.schema import events as events_table
from core.store.events import log
from core.store.posts import attempts, queue
from core.store.posts.attempts import Attempt
from tests.core.conftest import connected
from tests.core.events import ACCOUNT, event
from tests.core.store.entries import entry
from tests.core.store.grants import granted
from tests.core.store.kept import keep, stand, weekly
from tests.web.pages.conftest import both_stores
from tests.web.pages.doors import Door, Elements, link, words

NOW = int(time.time() * 1000)
PATH = f"/meetings/{ACCOUNT}/85393847045"
HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture
def kept(store: Store, admin: Door) -> Store:
    """An account with two sites."""
    connected(store, "s2")
    granted(store, ACCOUNT, "s1", "s2")
    return store


def choir(store: Store, number: int = 85393847045, hours: float | None = 24, **given: Any) -> None:
    told: dict[str, Any] = {
        "topic": "Choir rehearsal",
        "host_id": "anna",
        "timezone": "Europe/Berlin",
        "password": "s3cret",
        "join_url": f"https://example.zoom.us/j/{number}?pwd=hidden",
        "agenda": "Bring the folder.",
        "now": NOW,
    }
    keep(store, number, hours, **(told | given))


def tried(store: Store, site_id: str = "s1", **values: Any) -> None:
    made = Attempt(site_id, 85393847045, NOW, 340, **values)
    store.write(lambda connection: attempts.add(connection, [made]))


class TestFacts:
    @both_stores
    def test_are_shown(self, door: Door, kept: Store) -> None:
        choir(kept)
        answer = door.get(PATH)
        assert answer.code == 200
        shown = words(answer)
        for said in (
            "Choir rehearsal",
            "853 9384 7045",
            "Central European",
            "Your time: 20",
            "60 minutes",
            "anna",
            "s3cret",
            "Bring the folder.",
        ):
            assert said in shown
        links = [element["href"] for element in Elements(answer).all("a")]
        assert "https://zoom.us/meeting/85393847045" in links
        assert "https://example.zoom.us/j/85393847045?pwd=hidden" in links
        assert door.path(link(answer, "All meetings")) == "/meetings"
        assert door.path(link(answer, "anna")) == "/meetings?host=anna"

    def test_hide_the_passcode_from_lookers(self, watcher: Door, kept: Store) -> None:
        pasted = "https://example.zoom.us/j/85393847045?pwd=hidden Passcode: s3cret"
        choir(kept, topic=f"Choir rehearsal, {pasted}", agenda=pasted)
        answer = watcher.get(PATH)
        assert answer.code == 200
        assert b"s3cret" not in answer.body
        assert b"pwd=hidden" not in answer.body
        assert "shown to administrators only" in words(answer)
        assert "Choir rehearsal, Passcode:" in words(watcher.get("/meetings"))

    def test_never_show_the_key_of_the_host(self, door: Door, kept: Store) -> None:
        link = "https://zoom.us/s/853?zak=key-of-the-host"
        pasted = f"{link} https://mail.example/?to={quote(link)}"
        choir(
            kept, start_url=link, settings={"start_url": "zak=key-of-the-host"}, topic=pasted, agenda=pasted
        )
        for answer in (door.get(PATH), door.get("/meetings")):
            assert answer.code == 200
            assert b"key-of-the-host" not in answer.body

    def test_of_zoom_are_text(self, door: Door, kept: Store) -> None:
        odd = HOSTILE + "\ud83d"
        choir(
            kept,
            topic=odd,
            agenda=odd,
            host_id=odd,
            host_email=odd,
            join_url="javascript:alert(1)",
            password=odd,
        )
        answer = door.get(PATH)
        assert answer.code == 200
        assert b"<script>alert" not in answer.body
        assert b"javascript:" not in answer.body

    def test_of_little_is_no_mistake(self, door: Door, kept: Store) -> None:
        keep(kept, 85393847045, None, topic="", type=None, duration=None, host_email=7, now=NOW)
        shown = words(door.get(PATH))
        assert "Meeting without a topic" in shown
        assert "No fixed time" in shown

    @pytest.mark.parametrize(
        ("state", "said"),
        [
            (MeetingState.DELETED, "can be recovered"),
            (MeetingState.PERMANENTLY_DELETED, "permanently deleted in Zoom"),
        ],
    )
    def test_say_that_it_is_gone(self, door: Door, kept: Store, state: MeetingState, said: str) -> None:
        choir(kept, state=state)
        answer = door.get(PATH)
        assert said in words(answer)
        assert "https://example.zoom.us/j/85393847045?pwd=hidden" not in [
            element["href"] for element in Elements(answer).all("a")
        ]


class TestDates:
    def test_are_in_the_zone_of_the_meeting(self, door: Door, kept: Store) -> None:
        dates = weekly(-100, 24, 48, now=NOW)
        dates["occurrences"][2]["status"] = "deleted"
        choir(kept, kind=MeetingKind.WEBINAR, **dates)
        shown = words(door.get(PATH))
        assert "Webinar Series" in shown
        assert shown.count("Cancelled") == 1
        assert "One occurrence has ended." in shown
        assert "Time (Central European" in shown

    def test_of_a_long_series_are_bounded(self, door: Door, kept: Store) -> None:
        choir(kept, **weekly(*range(1, 101), now=NOW))
        answer = door.get(PATH)
        assert "40 more occurrences follow." in words(answer)


class TestScope:
    @pytest.mark.parametrize(
        "path",
        [
            "/meetings/another/85393847045",
            "/meetings/-/1",
            f"/meetings/{ACCOUNT}/1",
            "/meetings/%00/1",
            "/meetings/a%2Fb/999999999999999",
        ],
    )
    def test_what_is_not_there_leads_to_the_list(self, door: Door, kept: Store, path: str) -> None:
        choir(kept)
        assert door.get(path).headers["Location"] == "/meetings?gone=yes"

    def test_what_another_site_shows_leads_to_the_list(self, narrow: Door, kept: Store) -> None:
        choir(kept, account_id="another")
        for answer in (
            narrow.get("/meetings/another/85393847045"),
            narrow.post("/meetings/another/85393847045", do="resync", site="s1"),
        ):
            assert answer.headers["Location"] == "/meetings?gone=yes"

    def test_posts_of_other_sites_are_not_told(self, narrow: Door, kept: Store) -> None:
        choir(kept)
        shown = words(narrow.get(PATH))
        assert "Page on Site s1" in shown
        assert "Site s2" not in shown

    def test_an_account_of_any_name_has_a_page(self, admin: Door, kept: Store) -> None:
        for account_id in ("a/b +ü%&=", ""):
            choir(kept, account_id=account_id, topic=f"Of “{account_id}”")
            address = link(admin.get("/meetings"), f"Of “{account_id}”")
            assert "Of “" in words(admin.get(address))


class TestPosts:
    @pytest.mark.parametrize(
        ("values", "said"),
        [
            ({"link": "https://s1.example.org/choir", "written_at": NOW}, "The page matches Zoom."),
            ({"wanted": 2}, "The page will be updated shortly"),
            ({"wanted": 2, "lease_until": NOW + 10**8}, "being written right now"),
            ({"fault": "refused", "fault_message": "It was refused."}, "It was refused."),
            ({"state": "none", "post_id": None, "reason": "Left out."}, "There is no page: Left out."),
            ({"state": "detached", "post_id": None}, "t be recreated automatically."),
            ({"state": "trashed"}, "the WordPress trash. It comes back"),
            ({"state": "deleted", "post_id": None}, "permanently deleted, like the meeting"),
            ({"state": "none", "post_id": None}, "There is no page."),
            ({"stands": "published", "visit": "shown"}, "Visitors see the page."),
            ({"stands": "published"}, "yet whether visitors see it."),
            ({"stands": "published", "visit": "missing", "visit_since": NOW}, "visitors don\u2019t find it"),
            ({"stands": "published", "visit": "missing", "visit_since": NOW}, "Not shown"),
            (
                {"stands": "published", "visit": "elsewhere", "visit_since": NOW},
                "sent to another one, such as to",
            ),
            ({"stands": "published", "visit": "unclear", "visit_since": NOW}, "be seen from here since"),
            ({"stands": "published", "visit": "unclear", "visit_since": NOW}, "Can\u2019t be seen"),
            ({"stands": "draft", "visit": "missing", "visit_since": NOW}, "The page is a draft"),
            ({"stands": "protected"}, "Visitors have to enter the page"),
            (
                {"stands": "draft", "stands_by": "user", "stands_since": NOW},
                "a draft, so visitors don",
            ),
            ({"stands": "private", "stands_by": "user", "stands_since": NOW}, "Changed by a person"),
            (
                {"stands": "scheduled", "stands_by": "plugin", "stands_since": NOW},
                "Changed by another plugin",
            ),
            ({"stands": "trashed", "stands_by": "user", "stands_since": NOW}, "until somebody restores it."),
            ({"stands": "trashed", "stands_since": NOW}, "The bridge learned of it"),
            (
                {"stands": "gone", "stands_by": "cron", "stands_since": NOW},
                "by a scheduled task of WordPress",
            ),
            ({"stands": "other", "wanted": 2}, "Visitors may not see it."),
            ({"state": "trashed", "stands": "trashed", "stands_by": "bridge"}, "It comes back"),
            ({"state": "trashed", "stands": "draft", "stands_by": "bridge"}, "the site has no trash."),
            ({"state": "trashed", "stands": "gone", "stands_by": "cron"}, "It is created again when"),
            ({"state": "trashed", "stands": "gone", "stands_by": "user"}, "t be recreated automatically."),
            ({"state": "trashed", "stands": "published", "stands_by": "user"}, "somebody changed that."),
        ],
    )
    def test_say_how_they_stand(self, stub: Door, kept: Store, values: dict[str, Any], said: str) -> None:
        choir(kept)
        stand(kept, 85393847045, **values)
        assert said in words(stub.get(PATH))

    def test_lead_to_the_page_and_to_its_editor(self, stub: Door, kept: Store) -> None:
        choir(kept)
        stand(kept, 85393847045, link="https://s1.example.org/choir", post_id=17)
        answer = stub.get(PATH)
        assert link(answer, "View page") == "https://s1.example.org/choir"
        assert link(answer, "Edit") == "https://s1.example.org/wp-admin/post.php?post=17&action=edit"

    @pytest.mark.parametrize("stands", ["draft", "private", "scheduled", "trashed"])
    def test_lead_to_no_page_that_visitors_do_not_see(self, stub: Door, kept: Store, stands: str) -> None:
        choir(kept)
        stand(kept, 85393847045, link="https://s1.example.org/choir", post_id=17, stands=stands)
        shown = words(stub.get(PATH))
        assert "View page" not in shown
        assert "Edit in WordPress" in shown

    def test_bring_themselves_up_to_date_while_they_wait(self, stub: Door, kept: Store) -> None:
        choir(kept)
        answer = stub.get(PATH)
        assert Elements(answer).named("zb-posts")["data-live"] == "3"
        assert "Refresh" in words(answer)
        stand(kept, 85393847045, due_at=NOW + 10**8)
        answer = stub.get(PATH)
        assert "data-live" not in Elements(answer).named("zb-posts")
        assert "Refresh" not in words(answer)

    @both_stores
    def test_tell_what_was_tried(self, stub: Door, kept: Store) -> None:
        choir(kept)
        tried(kept, fault="server", message="The site broke down <here>.")
        tried(kept, action="created")
        tried(kept, site_id="s2", message="Not for s1.")
        shown = words(stub.get(PATH))
        assert "The site broke down <here>." in shown
        assert "0.3 s" in shown
        assert "Not for s1." not in shown

    def test_of_no_site_say_what_to_do(self, admin: Door, kept: Store) -> None:
        choir(kept, account_id="another")
        answer = admin.get("/meetings/another/85393847045")
        assert "No site shows this meeting" in words(answer)
        assert link(answer, "View sites") == "/sites"


class TestHistory:
    """Each event, what it changed, and when it reached each site."""

    @pytest.fixture
    def lived(self, kept: Store, bridge: Any) -> Store:
        """A meeting that was made and changed twice, of which the site s1 shows all but the last change."""
        start = "2030-05-06T17:00:00Z"
        join_url = "https://example.zoom.us/j/85393847045?pwd=hidden"
        told = {"topic": "Choir", "type": 2, "start_time": start, "join_url": join_url, "password": "s3cret"}
        self.happens(kept, bridge, "meeting.created", 1, **told)
        tried_at(kept, 50, action="created")
        self.happens(
            kept, bridge, "meeting.updated", 101, topic=f"Choir {HOSTILE}", password="n3w", duration=45
        )
        tried_at(kept, 150, action="updated")
        self.happens(kept, bridge, "meeting.updated", 201)
        return kept

    def happens(self, store: Store, bridge: Any, name: str, at: int, **object_: Any) -> None:
        line = entry(store, event(name, NOW + at, id=85393847045, **object_), received_at=NOW + at)
        store.write(lambda connection: log.append(connection, [line]))
        bridge.fold_worker.fold_pending()
        change = (
            update(events_table).where(events_table.c.digest == line.digest).values(applied_at=NOW + at + 1)
        )
        store.write(lambda connection: connection.execute(change))

    @both_stores
    def test_tells_what_each_event_changed_the_newest_first(self, door: Door, lived: Store) -> None:
        answer = door.get(PATH)
        assert answer.code == 200
        assert b"<script>alert" not in answer.body
        shown = words(answer)
        assert shown.index("It changed nothing.") < shown.index(
            "Changed: Topic, Duration, Join link, Passcode"
        )
        assert "Choir " + HOSTILE in shown
        assert "45 minutes" in shown
        assert len(re.findall(r"/events/[0-9]+", unquote(answer.body.decode()))) == 3

    def test_tells_when_it_reached_each_site(self, stub: Door, lived: Store) -> None:
        shown = words(stub.get(PATH))
        assert shown.count("s after it was received") == 2
        assert shown.count("Pending on Site s1") == 1
        assert "s2" not in shown

    def test_hides_passcodes_from_lookers(self, watcher: Door, lived: Store) -> None:
        body = watcher.get(PATH).body
        for secret in (b"s3cret", b"n3w", b"pwd=hidden"):
            assert secret not in body

    def test_is_told_piece_by_piece(self, door: Door, kept: Store, bridge: Any) -> None:
        for number in range(45):
            self.happens(kept, bridge, "meeting.updated", number, topic=f"Edition {number:02}")
        page = door.get(PATH)
        seen = []
        for _ in range(3):
            seen.append(re.findall(r"meeting\.updated", words(page)))
            if len(seen) < 3:
                page = door.get(door.path(link(page, "Older")))
        assert [len(some) for some in seen] == [20, 20, 5]
        assert "Edition 00" in words(page)
        assert "Newest" in words(page)

    def test_says_what_could_not_be_worked_out(self, stub: Door, lived: Store) -> None:
        change = update(events_table).where(events_table.c.at == NOW + 201).values(outcome="failed")
        lived.write(lambda connection: connection.execute(change))
        answer = stub.get(PATH)
        assert "could not process" in words(answer)
        assert stub.path(link(answer, "View these events")) == "/events?number=85393847045&outcome=failed"

    @pytest.mark.parametrize("before", ["x", "-1", "9" * 40, "999999"])
    def test_of_no_place_begins_at_the_newest(self, stub: Door, lived: Store, before: str) -> None:
        assert "It changed nothing." in words(stub.get(f"{PATH}?before={before}"))


def tried_at(store: Store, after: int, **values: Any) -> None:
    made = Attempt("s1", 85393847045, NOW + after, 340, **values)
    store.write(lambda connection: attempts.add(connection, [made]))


class TestAgain:
    def claims(self, store: Store) -> list[queue.Claim]:
        now = int(time.time() * 1000) + 60_000
        return store.write(
            lambda connection: queue.claim(
                connection,
                store.sealer,
                owner="me",
                now=now,
                lease_until=now + 10,
                room=9,
                busy=[],
                at_once=9,
            )
        )

    @both_stores
    def test_writes_on_the_site_that_was_meant(self, door: Door, kept: Store, bridge: Any) -> None:
        choir(kept)
        for site_id in ("s1", "s2"):
            stand(kept, 85393847045, site_id, due_at=None)
        page = door.get(PATH)
        assert "Resync page" in words(page)
        assert not bridge.mirror_worker.thread.is_woken
        answer = door.post(PATH, do="resync", site="s1")
        assert answer.headers["Location"] == f"{PATH}?result=resynced&at=s1"
        assert "The bridge now compares the page on Site s1" in words(door.follow(answer))
        assert [(taken.site_id, taken.in_doubt) for taken in self.claims(kept)] == [("s1", True)]
        assert bridge.mirror_worker.thread.is_woken

    def test_gives_a_title_back(self, door: Door, kept: Store) -> None:
        choir(kept)
        stand(kept, 85393847045, due_at=None)
        assert b'value="title"' not in door.get(PATH).body
        stand(kept, 85393847045, due_at=None, title="editors")
        page = door.get(PATH)
        assert "Its title was changed in WordPress" in words(page)
        assert b'value="title"' in page.body
        answer = door.post(PATH, do="title", site="s1")
        page = door.follow(answer)
        assert "now gives the page on Site s1 the title" in words(page)
        assert "title again" in words(page)
        assert b'value="title"' not in page.body
        assert [taken.returns_title for taken in self.claims(kept) if taken.site_id == "s1"] == [True]

    @both_stores
    def test_makes_what_somebody_deleted(self, door: Door, kept: Store) -> None:
        choir(kept)
        stand(kept, 85393847045, state="detached", post_id=None, due_at=None)
        assert "Recreate page" in words(door.get(PATH))
        answer = door.post(PATH, do="recreate", site="s1")
        assert "now recreating the page on Site s1" in words(door.follow(answer))
        (taken,) = [taken for taken in self.claims(kept) if taken.site_id == "s1"]
        assert taken.written.state is queue.PostState.NONE

    def test_is_not_offered_where_it_makes_no_sense(self, stub: Door, kept: Store) -> None:
        choir(kept, state=MeetingState.DELETED)
        stand(kept, 85393847045, state="detached", post_id=None)
        shown = words(stub.get(PATH))
        assert "Recreate page" not in shown
        assert "Resync page" not in shown

    def test_of_what_is_being_written_asks_nothing(self, door: Door, kept: Store) -> None:
        choir(kept)
        stand(kept, 85393847045, lease_until=NOW + 10**7)
        answer = door.post(PATH, do="resync", site="s1")
        assert "nothing was requested" in words(door.follow(answer))

    @pytest.mark.parametrize(
        "form",
        [
            {"do": "make", "site": "s1"},
            {"do": "write", "site": "s3"},
            {"do": "nothing", "site": "s1"},
            {"do": "write"},
            {},
        ],
    )
    def test_of_what_is_not_so_says_so(self, door: Door, kept: Store, form: dict[str, str]) -> None:
        choir(kept)
        stand(kept, 85393847045, due_at=None)
        answer = door.post(PATH, **form)
        assert "nothing was done" in words(door.follow(answer))

    def test_is_not_for_another_site(self, narrow: Door, kept: Store) -> None:
        choir(kept)
        for site_id in ("s1", "s2"):
            stand(kept, 85393847045, site_id, due_at=None)
        answer = narrow.post(PATH, do="resync", site="s2")
        assert answer.headers["Location"] == f"{PATH}?result=not-found"
        assert self.claims(kept) == []

    def test_is_not_for_lookers(self, watcher: Door, kept: Store) -> None:
        choir(kept)
        stand(kept, 85393847045, due_at=None)
        assert "Resync page" not in words(watcher.get(PATH))
        assert watcher.post(PATH, do="resync", site="s1").code == 403
        assert "s1" not in [taken.site_id for taken in self.claims(kept)]
