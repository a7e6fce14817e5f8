"""The list of meetings, in both shells: what it finds, and what it says where there is nothing."""

import re
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from core.model.meeting import MeetingKind, MeetingState
from core.model.post_status import PostStatus
from core.store.db.engine import Store
from core.store.meetings.search import MeetingFilter, Period
from tests.core.conftest import connected
from tests.core.events import ACCOUNT
from tests.core.store.grants import granted
from tests.core.store.kept import keep, stand, weekly
from tests.web.pages.conftest import both_stores
from tests.web.pages.doors import Door, Elements, link, words
from web.pages.meetings import parse_query, to_query
from web.ui.meetings import format_number

HOSTILE = '"><script>alert(1)</script>\ud83d'
NOW = int(time.time() * 1000)


@pytest.fixture
def kept(store: Store, admin: Door) -> Store:
    """Meetings of an account that two sites show, and one of another account."""
    connected(store, "s2")
    granted(store, ACCOUNT, "s1", "s2")
    told: dict[str, Any] = {"now": NOW}
    keep(store, 85393847045, 24, topic="Choir rehearsal", host_id="anna", **told)
    keep(store, 84200300400, 48, topic="Webinar of May", kind=MeetingKind.WEBINAR, host_id="ben", **told)
    keep(store, 84200300401, -48, topic="Long ago", state=MeetingState.DELETED, host_id="ben", **told)
    keep(store, 84200300402, None, topic="Office hours", host_id="ben", **told)
    keep(store, 84200300403, topic="Of others", account_id="another", **told)
    stand(store, 85393847045, link="https://s1.example.org/choir")
    return store


def topics(shown: str) -> list[str]:
    known = ("Choir rehearsal", "Webinar of May", "Long ago", "Office hours", "Of others", "Weekly")
    return sorted((topic for topic in known if topic in shown), key=shown.index)


class TestShows:
    @both_stores
    def test_what_is_upcoming_first(self, door: Door, kept: Store) -> None:
        answer = door.get("/meetings")
        assert answer.code == 200
        shown = words(answer)
        of_others = [] if door.site else ["Of others"]
        assert topics(shown) == [*of_others, "Choir rehearsal", "Webinar of May"]
        assert "853 9384 7045" in shown

    def test_each_with_a_link_that_leads_to_it(self, door: Door, kept: Store) -> None:
        address = link(door.get("/meetings"), "Choir rehearsal")
        assert door.path(address) == f"/meetings/{ACCOUNT}/85393847045"
        assert door.get(door.path(address)).code == 200

    def test_how_the_posts_stand_on_each_site(self, admin: Door, stub: Door, kept: Store) -> None:
        shown = words(admin.get("/meetings?q=choir"))
        assert "Site s1: Synced" in shown
        for stands, word in (
            ("draft", "Draft"),
            ("protected", "Password-protected"),
            ("trashed", "In the trash"),
            ("gone", "Deleted on the site"),
            ("published", "Synced"),
        ):
            stand(kept, 85393847045, stands=stands)
            assert f"Site s1: {word}" in words(admin.get("/meetings?q=choir"))
        assert "Site s2: Pending" in shown
        shown = words(stub.get("/meetings?q=choir"))
        assert "Synced" in shown
        assert "s2" not in shown

    @both_stores
    @pytest.mark.parametrize(
        ("said", "found"),
        [
            ("Past", ["Long ago", "Weekly"]),
            ("No fixed time", ["Office hours"]),
            ("Series", ["Weekly"]),
            ("All", ["Webinar of May", "Choir rehearsal", "Long ago", "Weekly", "Office hours"]),
        ],
    )
    def test_other_times_by_a_link(self, stub: Door, kept: Store, said: str, found: list[str]) -> None:
        keep(kept, 5, topic="Weekly", now=NOW, **weekly(-100, -50, now=NOW))
        answer = stub.get(stub.path(link(stub.get("/meetings"), said)))
        assert topics(words(answer)) == found

    def test_text_of_zoom_is_text(self, door: Door, kept: Store) -> None:
        keep(kept, 6, topic=HOSTILE, host_id=HOSTILE, host_email=HOSTILE, now=NOW)
        answer = door.get("/meetings?when=all")
        assert answer.code == 200
        assert b"<script>alert" not in answer.body
        assert "<script>alert(1)</script>?" in words(answer)


class TestScope:
    def test_a_site_sees_its_own_only(self, narrow: Door, kept: Store) -> None:
        for path in ("/meetings?when=all", "/meetings?when=all&site=s2", "/meetings?q=others"):
            assert "Of others" not in words(narrow.get(path))
        assert "Site s2" not in words(narrow.get("/meetings"))

    def test_hosts_of_others_are_not_told(self, narrow: Door, kept: Store) -> None:
        keep(kept, 7, account_id="another", host_id="secret-host", now=NOW)
        answer = narrow.get("/meetings")
        assert "anna" in words(answer)
        assert b"secret-host" not in answer.body

    def test_the_bridge_sees_every_site(self, admin: Door, kept: Store) -> None:
        assert "Of others" in words(admin.get("/meetings"))
        assert "Of others" not in words(admin.get("/meetings?site=s2&when=all"))


class TestFind:
    """The form of the filter."""

    @pytest.mark.parametrize("who", ["admin", "stub", "visitor", "watcher"])
    def test_leads_to_the_list(self, who: str, kept: Store, request: pytest.FixtureRequest) -> None:
        door: Door = request.getfixturevalue(who)
        page = door.get("/meetings")
        (form,) = [form for form in Elements(page).all("form") if form.get("role") == "search"]
        assert door.path(form["action"] or "") == "/meetings/find"
        answer = door.post(
            "/meetings/find", q=" choir  rehearsal ", kind="meeting", host="anna", posts="synced"
        )
        query = parse_qs(urlsplit(answer.headers["Location"]).query)
        assert query == {"q": ["choir rehearsal"], "kind": ["meeting"], "host": ["anna"], "posts": ["synced"]}
        shown = door.follow(answer)
        assert topics(words(shown)) == ["Choir rehearsal"]
        assert 'value="choir rehearsal"' in shown.body.decode()

    @both_stores
    @pytest.mark.parametrize(
        ("form", "found"),
        [
            ({"q": "853-9384-7045"}, ["Choir rehearsal"]),
            ({"q": "LONG"}, ["Long ago"]),
            ({"kind": "webinar"}, ["Webinar of May"]),
            ({"state": "deleted"}, ["Long ago"]),
            ({"host": "ben"}, ["Webinar of May", "Long ago", "Office hours"]),
            ({"host": "ben", "when": "past"}, ["Long ago"]),
            ({"posts": "pending"}, ["Webinar of May", "Long ago", "Office hours"]),
            ({"posts": "none"}, ["Webinar of May", "Long ago", "Office hours"]),
            ({"posts": "synced"}, ["Choir rehearsal"]),
        ],
    )
    def test_finds(self, stub: Door, kept: Store, form: dict[str, str], found: list[str]) -> None:
        assert topics(words(stub.follow(stub.post("/meetings/find", **form)))) == found

    def test_of_nothing_leads_to_what_is_upcoming(self, door: Door) -> None:
        assert door.post("/meetings/find", q="", when="", state="").headers["Location"] == "/meetings"


class TestPages:
    def test_lead_through_all_and_back(self, door: Door, kept: Store) -> None:
        for number in range(1, 106):
            keep(kept, number, 1 + number / 10, topic=f"Row {number:03}", now=NOW)
        seen = []
        page = door.get("/meetings?q=row")
        for _ in range(3):
            seen.append(re.findall(r"Row \d{3}", words(page)))
            if len(seen) < 3:
                page = door.get(door.path(link(page, "Next")))
        assert [len(rows) for rows in seen] == [50, 50, 5]
        assert [row for rows in seen for row in rows] == [f"Row {number:03}" for number in range(105, 0, -1)]
        assert "Next" not in words(page)
        back = door.get(door.path(link(page, "Previous")))
        assert re.findall(r"Row \d{3}", words(back)) == seen[1]


class TestNothing:
    def test_known_yet_says_what_to_do(self, door: Door) -> None:
        answer = door.get("/meetings")
        assert "No meetings yet" in words(answer)
        assert door.path(link(answer, "s connection")) == "/sites"
        assert not [form for form in Elements(answer).all("form") if form.get("role") == "search"]

    def test_found_leads_on(self, door: Door, kept: Store) -> None:
        shown = door.get("/meetings?q=rehearsal&when=past")
        assert "No matches" in words(shown)
        wider = door.get(door.path(link(shown, "Search all periods")))
        assert topics(words(wider)) == ["Choir rehearsal"]
        assert "No matches" in words(door.get("/meetings?q=xyzzy"))

    def test_upcoming_leads_to_all(self, door: Door, store: Store) -> None:
        granted(store, ACCOUNT, "s1")
        keep(store, 1, -50, topic="Long ago", now=NOW)
        shown = door.get("/meetings")
        assert "No upcoming meetings" in words(shown)
        assert "Long ago" in words(door.get(door.path(link(shown, "Show all meetings"))))

    def test_of_this_name_is_said(self, door: Door, kept: Store) -> None:
        assert "does not exist here" in words(door.get("/meetings?gone=yes"))


@pytest.mark.parametrize(
    "query",
    [
        "when=x&state=y&kind=z&posts=q",
        "after=1.2",
        "after=99999999999999999999.1.x",
        "before=-1.0.",
        "after=1.1.%00",
        "site=%00nope",
        "host=" + "x" * 5000,
        "q=" + "%25" * 3000,
        "q=%F0%9F%98%80",
    ],
)
def test_nonsense_is_answered_with_a_page(admin: Door, kept: Store, query: str) -> None:
    assert admin.get(f"/meetings?{query}").code == 200


class TestQuery:
    @pytest.mark.parametrize(
        "wanted",
        [
            MeetingFilter(),
            MeetingFilter(when=Period.ALL),
            MeetingFilter(words="choir", when=Period.ALL),
            MeetingFilter(words="choir", when=Period.UPCOMING),
            MeetingFilter(
                words="ü & =",
                when=Period.PAST,
                state=MeetingState.DELETED,
                kind=MeetingKind.WEBINAR,
                host_id="a/b==",
                status=PostStatus.FAILING,
                site_id="s1",
            ),
        ],
    )
    def test_is_read_as_it_was_written(self, wanted: MeetingFilter) -> None:
        assert parse_query(to_query(wanted, of_site=None), of_site=None) == wanted

    def test_of_a_site_names_no_other(self) -> None:
        assert parse_query({"site": "s2"}, of_site="s1").site_id == "s1"
        assert "site" not in to_query(MeetingFilter(site_id="s1"), of_site="s1")


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (85393847045, "853 9384 7045"),
        (9384704512, "938 470 4512"),
        (938470451, "938 470 451"),
        (1, "1"),
    ],
)
def test_numbers_are_written_as_zoom_does(number: int, said: str) -> None:
    assert format_number(number) == said.replace(" ", "\u00a0")
