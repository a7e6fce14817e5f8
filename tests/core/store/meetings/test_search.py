"""Lists of meetings: what is found, in which order, page by page."""

from typing import Any

import pytest

from core.model.meeting import Meeting, MeetingKind, MeetingState
from core.model.post_status import PostStatus
from core.monitoring.meeting_search import find, let_dates_pass
from core.store.accounts import users as zoom_users
from core.store.db.engine import Store
from core.store.meetings import meetings
from core.store.meetings import search as meeting_search
from core.store.meetings.search import MeetingFilter, MeetingKey, Period
from core.store.posts import status as post_statuses
from core.store.sites import grants
from core.store.sites.sites import Site
from tests.core.conftest import connected
from tests.core.events import ACCOUNT
from tests.core.store.grants import granted
from tests.core.store.kept import HOUR, NOW_MS, keep, said, stand, weekly


def numbers(store: Store, now: int = NOW_MS, **wanted: Any) -> list[int]:
    return [key.number for key in find(store, MeetingFilter(**wanted), now=now, limit=100).keys]


@pytest.fixture
def sites(store: Store, site: Site) -> Store:
    """Two sites that show the account's meetings."""
    connected(store, "s2")
    granted(store, ACCOUNT, "s1", "s2")
    return store


class TestWhen:
    @pytest.fixture(autouse=True)
    def _kept(self, sites: Store) -> None:
        for number, hours in ((1, 5), (2, -0.5), (3, -50), (4, -3), (5, None), (6, 1)):
            keep(sites, number, hours)
        keep(sites, 7, -100, **weekly(-100, 2, 68))
        keep(sites, 8, -200, **weekly(-200, -100))

    @pytest.mark.parametrize(
        ("when", "found"),
        [
            (Period.UPCOMING, [2, 6, 7, 1]),
            (Period.PAST, [4, 3, 8]),
            (Period.UNDATED, [5]),
            (Period.SERIES, [7, 8]),
            (Period.ALL, [1, 7, 6, 2, 4, 3, 8, 5]),
        ],
    )
    def test_is_by_the_date_that_leads(self, sites: Store, when: Period, found: list[int]) -> None:
        assert numbers(sites, when=when) == found

    def test_dates_of_a_series_pass_without_an_event(self, sites: Store) -> None:
        later = NOW_MS + 3 * HOUR
        assert numbers(sites, now=later - 1, when=Period.UPCOMING) == [7, 1]
        assert numbers(sites, now=later, when=Period.UPCOMING) == [1, 7]
        assert numbers(sites, now=NOW_MS + 100 * HOUR, when=Period.UPCOMING) == []

    def test_a_change_meanwhile_counts_more_than_a_date_that_passed(self, sites: Store) -> None:
        later = NOW_MS + 3 * HOUR
        with sites.reading() as connection:
            moved = meeting_search.find_stale_dates(connection, sites.sealer, now=later, limit=9)
        assert [one.number for one in moved] == [7]
        changed = Meeting(ACCOUNT, 7, object={"topic": "Choir", "type": 2, "start_time": said(4)})
        assert sites.write(
            lambda connection: meetings.save(connection, sites.sealer, changed, seen=1, now=later)
        )
        sites.write(lambda connection: meeting_search.save_dates(connection, moved))
        assert numbers(sites, now=later, when=Period.SERIES) == [8]
        with sites.reading() as connection:
            (line,) = meeting_search.lines(connection, sites.sealer, [MeetingKey(0, 7, ACCOUNT)])
        assert line.starts_at == NOW_MS + 4 * HOUR

    def test_many_dates_pass_at_one_look(self, sites: Store) -> None:
        for number in range(100, 350):
            keep(sites, number, **weekly(-10, 10), now=0)
        let_dates_pass(sites, now=NOW_MS)
        with sites.reading() as connection:
            assert meeting_search.find_stale_dates(connection, sites.sealer, now=NOW_MS, limit=1) == []


class TestSearch:
    @pytest.fixture(autouse=True)
    def _kept(self, sites: Store) -> None:
        topics = {1: "Chorprobe Köln", 2: "100 % sure_thing", 3: "Choir 85393847045", 4: "ÉCOLE du soir"}
        for number, topic in topics.items():
            keep(sites, number, topic=topic)
        keep(sites, 85393847045, topic="Board")

    @pytest.mark.parametrize(
        ("words", "found"),
        [
            ("chor", [1]),
            ("KOLN  Chor", [1]),
            ("chor choir", []),
            ("école", [4]),
            ("%", [2]),
            ("_", [2]),
            ("e_t", [2]),
            ("\\", []),
            ("/", []),
            ("'; DROP TABLE meetings; --", []),
            ("853 9384 7045", [3, 85393847045]),
            ("853-9384-7045", [85393847045]),
            ("85393847045", [3, 85393847045]),
            ("9" * 40, []),
            ("100", [2]),
        ],
    )
    def test_finds_words_of_the_topic_and_numbers(self, sites: Store, words: str, found: list[int]) -> None:
        assert sorted(numbers(sites, words=words)) == found

    def test_is_bounded(self, sites: Store) -> None:
        assert numbers(sites, words="chor " + "x" * 10_000) == []
        assert numbers(sites, words="köln " * 10_000) == [1]


class TestFilters:
    def test_by_state_kind_and_host(self, sites: Store) -> None:
        keep(sites, 1, host_id="anna")
        keep(sites, 2, host_id="ben", kind=MeetingKind.WEBINAR)
        keep(sites, 3, host_id="anna", state=MeetingState.DELETED)
        assert numbers(sites, state=MeetingState.DELETED) == [3]
        assert numbers(sites, kind=MeetingKind.WEBINAR) == [2]
        assert numbers(sites, host_id="anna") == [1, 3]
        assert numbers(sites, host_id="anna", state=MeetingState.SCHEDULED, kind=MeetingKind.MEETING) == [1]
        assert numbers(sites, host_id="%") == []

    def test_by_site(self, sites: Store) -> None:
        keep(sites, 1)
        keep(sites, 2, account_id="another")
        assert numbers(sites) == [1, 2]
        assert numbers(sites, site_id="s1") == [1]
        assert numbers(sites, site_id="s3") == []

    def test_by_how_the_posts_stand(self, sites: Store) -> None:
        told: dict[PostStatus, dict[str, Any]] = {
            PostStatus.SYNCED: {},
            PostStatus.PENDING: {"wanted": 2},
            PostStatus.FAILING: {"wanted": 2, "fault": "server"},
            PostStatus.WITHHELD: {"state": "none", "post_id": None, "reason": "Too little is known."},
            PostStatus.DETACHED: {"state": "detached", "post_id": None},
            PostStatus.TRASHED: {"state": "trashed"},
            PostStatus.DELETED: {"state": "deleted", "post_id": None},
            PostStatus.NONE: {"state": "none", "post_id": None},
        }
        for number, values in enumerate(told.values()):
            keep(sites, number)
            stand(sites, number, **values)
            stand(sites, number, "s2", state="deleted", post_id=None)
        for number, one in enumerate(told):
            if one is not PostStatus.NONE:
                assert numbers(sites, site_id="s1", status=one) == [number]
                if one is not PostStatus.DELETED:
                    assert numbers(sites, status=one) == [number]
                    assert numbers(sites, site_id="s2", status=one) == []
            assert self.statuses_of(sites, number) == [one, PostStatus.DELETED]
        without = [3, 4, 6, 7]
        assert numbers(sites, site_id="s1", status=PostStatus.NONE) == without
        assert numbers(sites, status=PostStatus.NONE) == without
        assert numbers(sites, site_id="s2", status=PostStatus.NONE) == list(range(8))

    def test_what_is_only_busy_waits(self, sites: Store) -> None:
        keep(sites, 1)
        stand(sites, 1, wanted=2, fault="busy")
        assert numbers(sites, site_id="s1", status=PostStatus.PENDING) == [1]
        assert numbers(sites, site_id="s1", status=PostStatus.FAILING) == []
        assert self.statuses_of(sites, 1)[0] is PostStatus.PENDING

    def statuses_of(self, store: Store, number: int) -> list[PostStatus]:
        with store.reading() as connection:
            return [
                line.status for line in post_statuses.of_meetings(connection, [(ACCOUNT, number)], now=NOW_MS)
            ]


class TestPages:
    @pytest.fixture(autouse=True)
    def _kept(self, sites: Store) -> None:
        """Ten upcoming ones, of which some begin at the same moment."""
        for number in range(10):
            keep(sites, number, 1 + number // 4)
        # The same number in another account, which another site shows.
        connected(sites, "s3")
        granted(sites, "another", "s3")
        keep(sites, 4, 2, account_id="another")

    @pytest.mark.parametrize("when", [Period.UPCOMING, Period.ALL])
    def test_lead_through_all_and_back(self, sites: Store, when: Period) -> None:
        wanted = MeetingFilter(when=when)
        whole = find(sites, wanted, now=NOW_MS, limit=100)
        assert (len(whole.keys), whole.more_before, whole.more_after) == (11, False, False)
        pages = [find(sites, wanted, now=NOW_MS, limit=4)]
        while pages[-1].more_after:
            pages.append(find(sites, wanted, now=NOW_MS, limit=4, after=pages[-1].keys[-1]))
        assert [key for page in pages for key in page.keys] == whole.keys
        assert [(page.more_before, page.more_after) for page in pages] == [
            (False, True),
            (True, True),
            (True, False),
        ]
        back = find(sites, wanted, now=NOW_MS, limit=4, before=pages[2].keys[0])
        assert (back.keys, back.more_before, back.more_after) == (pages[1].keys, True, True)
        first = find(sites, wanted, now=NOW_MS, limit=4, before=back.keys[0])
        assert (first.keys, first.more_before) == (pages[0].keys, False)

    def test_of_nothing(self, sites: Store) -> None:
        page = find(sites, MeetingFilter(words="nothing"), now=NOW_MS, limit=4)
        assert (page.keys, page.more_before, page.more_after) == ([], False, False)


class TestLines:
    def test_are_in_the_order_asked_for(self, sites: Store) -> None:
        keep(sites, 1, 3)
        keep(sites, 2, 1)
        asked = [MeetingKey(0, 2, ACCOUNT), MeetingKey(0, 9, ACCOUNT), MeetingKey(0, 1, ACCOUNT)]
        with sites.reading() as connection:
            found = meeting_search.lines(connection, sites.sealer, asked)
        assert [line.meeting.number for line in found] == [2, 1]
        assert found[0].meeting.topic == "Meeting 2"
        assert found[0].starts_at == NOW_MS + HOUR

    def test_tell_where_the_posts_stand_on_each_site(self, sites: Store) -> None:
        keep(sites, 1)
        stand(sites, 1, link="https://s1.example.org/1", lease_until=NOW_MS + 1)
        with sites.reading() as connection:
            one, two = post_statuses.of_meetings(connection, [(ACCOUNT, 1), (ACCOUNT, 2)], now=NOW_MS)
            assert (one.site_id, one.status, one.link, one.is_held) == (
                "s1",
                PostStatus.SYNCED,
                "https://s1.example.org/1",
                True,
            )
            assert (two.site_id, two.status, two.site_name) == ("s2", PostStatus.PENDING, "Site s2")
            only = post_statuses.of_meetings(connection, [(ACCOUNT, 1)], now=NOW_MS, site_id="s2")
            assert [line.site_id for line in only] == ["s2"]
            assert post_statuses.of_meetings(connection, [], now=NOW_MS) == []


class TestHosts:
    def test_are_those_with_the_most_meetings_first(self, sites: Store) -> None:
        keep(sites, 1, host_id="anna", host_email="anna@example.org")
        keep(sites, 2, host_id="ben")
        keep(sites, 3, host_id="ben")
        keep(sites, 4, host_id="carl", account_id="another")
        keep(sites, 5)
        with sites.reading() as connection:
            found = meeting_search.hosts(connection, sites.sealer)
            assert [(host.id, host.email, host.meetings) for host in found] == [
                ("ben", "", 2),
                ("anna", "anna@example.org", 1),
                ("carl", "", 1),
            ]
            assert [host.label for host in found] == ["ben", "anna@example.org", "carl"]
            of_site = meeting_search.hosts(connection, sites.sealer, site_id="s1")
            assert [host.id for host in of_site] == ["ben", "anna"]

    def test_have_no_address_that_only_another_account_told(self, sites: Store) -> None:
        """An event of an account of one's own could name any host, at any time."""
        keep(sites, 1, host_id="anna", host_email="anna@example.org", account_id="another")
        keep(sites, 2, host_id="anna")
        with sites.reading() as connection:
            (found,) = meeting_search.hosts(connection, sites.sealer, site_id="s1")
        assert (found.id, found.email) == ("anna", "")

    def test_are_called_by_their_names_where_the_account_tells_them(self, sites: Store) -> None:
        keep(sites, 1, host_id="anna", host_email="old@example.org")
        told = [zoom_users.ZoomUser(ACCOUNT, "anna", "anna@example.org", "Anna Abel", 1)]
        sites.write(lambda connection: zoom_users.save(connection, told, sites.sealer))
        with sites.reading() as connection:
            (found,) = meeting_search.hosts(connection, sites.sealer)
        assert (found.label, found.email) == ("Anna Abel", "anna@example.org")


class TestScope:
    def test_tells_what_a_site_may_see(self, sites: Store) -> None:
        keep(sites, 1, account_id="another")
        with sites.reading() as connection:
            assert meeting_search.has_meetings(connection)
            assert not meeting_search.has_meetings(connection, site_id="s1")
            assert not meeting_search.is_listed(connection, "another", 1, site_id="s1")
        keep(sites, 1)
        with sites.reading() as connection:
            assert meeting_search.has_meetings(connection, site_id="s1")
            assert meeting_search.is_listed(connection, ACCOUNT, 1, site_id="s1")

    def test_ends_with_the_grant_of_an_account(self, sites: Store) -> None:
        """Its pages are still there, until the mirror has withdrawn them."""
        keep(sites, 1)
        assert numbers(sites, site_id="s1") == [1]
        sites.write(lambda connection: grants.remove(connection, ACCOUNT, "s1", now=NOW_MS))
        assert numbers(sites, site_id="s1") == []
        with sites.reading() as connection:
            assert not meeting_search.has_meetings(connection, site_id="s1")
            assert not meeting_search.is_listed(connection, ACCOUNT, 1, site_id="s1")
        assert numbers(sites, site_id="s2") == [1]


class TestPlan:
    @pytest.mark.parametrize(
        "wanted",
        [
            MeetingFilter(words="choir"),
            MeetingFilter(words="choir", site_id="s1"),
            MeetingFilter(host_id="anna"),
        ],
    )
    def test_a_search_reads_the_index_alone(self, sites: Store, wanted: MeetingFilter) -> None:
        """Which keeps it quick beside very many meetings: else the whole object of each is read."""
        if sites.is_shared:
            pytest.skip("PostgreSQL decides by what the table holds")
        query = meeting_search.query_of(wanted, now=1, limit=9, beside=MeetingKey(1, 1, "a"), rising=True)
        with sites.reading() as connection:
            compiled = query.compile(connection.engine)
            values = tuple(compiled.construct_params()[name] for name in compiled.positiontup or ())
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", values).all()
        assert "USING COVERING INDEX ix_meetings_listed" in plan[0][3]
        # However many sites there are, the posts of a meeting are found in one step: not one for each site.
        of_posts = [row[3] for row in plan if "posts" in row[3]]
        index = "ix_posts_number_account_id" if wanted.site_id is None else "posts_1 (site_id=? AND number=?)"
        assert of_posts
        assert all(index in step for step in of_posts)
