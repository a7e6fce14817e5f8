"""Sessions: whose browser it is, for how long, and what it sees."""

import pytest
from sqlalchemy import func, select

from core.store.auth import sessions, users
from core.store.auth.sessions import FROM_WORDPRESS, IDLE, LONGEST, Session, SessionEntry
from core.store.auth.users import Role
from core.store.db.engine import Store
from core.store.db.schema import sessions as table
from core.store.sites import sites
from core.store.sites.sites import Site

MINUTE = 60 * 1000


@pytest.fixture
def anna(store: Store) -> str:
    store.write(lambda connection: users.add(connection, "anna", Role.ADMINISTRATOR, "hash", now=1))
    return "anna"


def begin(store: Store, name: str = "anna", site_id: str | None = None, now: int = 0) -> str:
    return store.write(
        lambda connection: sessions.begin(connection, name, Role.ADMINISTRATOR, site_id, now=now)
    )


def look(store: Store, word: str, now: int = 0) -> Session | None:
    with store.reading() as connection:
        return sessions.find(connection, word, now=now)


def use(store: Store, word: str, session: Session, now: int, address: str = "") -> None:
    store.write(lambda connection: sessions.record_use(connection, word, session, now=now, address=address))


def listed(store: Store, name: str = "anna", now: int = 0) -> list[SessionEntry]:
    with store.reading() as connection:
        return sessions.list_of(connection, name, now=now)


def count(store: Store) -> int:
    with store.reading() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


class TestBegin:
    def test_gives_a_word_that_the_database_does_not_hold(self, store: Store, anna: str) -> None:
        word = begin(store)
        assert word != begin(store)
        assert len(word) >= 43, "256 bits"
        with store.reading() as connection:
            held = str(connection.execute(select(table)).all())
        assert word not in held

    def test_sweeps_what_is_over(self, store: Store, anna: str) -> None:
        begin(store)
        begin(store, now=IDLE - 1)
        assert count(store) == 2
        begin(store, now=IDLE)
        assert count(store) == 2

    def test_signs_the_oldest_browser_out_where_there_are_too_many(
        self, store: Store, anna: str, site: Site
    ) -> None:
        of_the_site = begin(store, site_id=site.id)
        words = [begin(store, now=at) for at in range(25)]
        assert [look(store, word, 25) is not None for word in words] == [False] * 5 + [True] * 20
        assert look(store, of_the_site, 25) is not None, "somebody else of that name"


class TestLook:
    def test_tells_whose_it_is(self, store: Store, anna: str) -> None:
        session = look(store, begin(store, now=5), 6)
        assert session == Session("anna", Role.ADMINISTRATOR, None, None, 5, 5 + IDLE, 5)

    @pytest.mark.parametrize("word", ["", "x", "é", "x" * 100_000, "\udcff"])
    def test_knows_no_other_word(self, store: Store, anna: str, word: str) -> None:
        begin(store)
        assert look(store, word) is None

    def test_ends_when_it_was_not_used_for_a_week(self, store: Store, anna: str) -> None:
        word = begin(store)
        assert look(store, word, IDLE - 1) is not None
        assert look(store, word, IDLE) is None

    def test_tells_of_a_role_as_it_is_now(self, store: Store, anna: str) -> None:
        word = begin(store)
        store.write(lambda connection: users.set_role(connection, "anna", Role.VIEWER))
        session = look(store, word)
        assert session is not None
        assert session.role is Role.VIEWER

    def test_knows_no_user_who_was_removed(self, store: Store, anna: str) -> None:
        word = begin(store)
        store.write(lambda connection: users.remove(connection, "anna"))
        assert look(store, word) is None

    def test_of_a_site_sees_that_one_for_half_a_day(self, store: Store, site: Site) -> None:
        """No user of the bridge is needed, and one of the same name changes nothing."""
        word = begin(store, "wanda", site.id)
        store.write(lambda connection: users.add(connection, "wanda", Role.VIEWER, "hash", now=1))
        expected = Session("wanda", Role.ADMINISTRATOR, site.id, site.name, 0, FROM_WORDPRESS, 0)
        assert look(store, word, FROM_WORDPRESS - 1) == expected
        assert look(store, word, FROM_WORDPRESS) is None

    def test_of_a_site_ends_with_the_site(self, store: Store, site: Site) -> None:
        word = begin(store, "wanda", site.id)
        store.write(lambda connection: sites.remove(connection, site.id))
        assert look(store, word) is None


class TestUse:
    def test_is_worth_a_write_every_ten_minutes(self, store: Store, anna: str) -> None:
        word = begin(store)
        session = look(store, word)
        assert session is not None
        assert not session.is_use_due(10 * MINUTE - 1)
        assert session.is_use_due(10 * MINUTE)
        use(store, word, session, 10 * MINUTE)
        session = look(store, word)
        assert session is not None
        assert not session.is_use_due(19 * MINUTE)

    def test_lasts_for_a_month_at_most(self, store: Store, anna: str) -> None:
        word = begin(store)
        now = 0
        while (session := look(store, word, now)) is not None:
            use(store, word, session, now)
            now += IDLE // 2
        assert LONGEST <= now <= LONGEST + IDLE // 2

    def test_never_of_a_site(self, store: Store, site: Site) -> None:
        word = begin(store, "wanda", site.id)
        session = look(store, word)
        assert session is not None
        use(store, word, session, FROM_WORDPRESS - 1)
        assert look(store, word, FROM_WORDPRESS - 1) is not None
        assert look(store, word, FROM_WORDPRESS) is None


class TestEnd:
    def test_of_one(self, store: Store, anna: str) -> None:
        one, other = begin(store), begin(store)
        store.write(lambda connection: sessions.end(connection, one))
        assert look(store, one) is None
        assert look(store, other) is not None

    def test_of_all_leaves_others_alone(self, store: Store, anna: str, site: Site) -> None:
        store.write(lambda connection: users.add(connection, "luke", Role.VIEWER, "hash", now=1))
        ended = [begin(store), begin(store)]
        left = [begin(store, "luke"), begin(store, "anna", site.id)]
        store.write(lambda connection: sessions.end_all(connection, "anna"))
        assert [look(store, word) for word in ended] == [None, None]
        assert None not in [look(store, word) for word in left]

    def test_of_one_by_its_id_is_of_that_user_only(self, store: Store, anna: str) -> None:
        one, other = begin(store), begin(store)
        session_id = sessions.id_of(one)
        end = sessions.end_one
        for name, given in (("luke", session_id), ("anna", "x"), ("anna", ""), ("anna", session_id[:-1])):
            assert not store.write(lambda connection: end(connection, name, given))  # noqa: B023
        assert look(store, one) is not None
        assert store.write(lambda connection: end(connection, "anna", session_id))
        assert look(store, one) is None
        assert look(store, other) is not None

    def test_of_all_others(self, store: Store, anna: str, site: Site) -> None:
        store.write(lambda connection: users.add(connection, "luke", Role.VIEWER, "hash", now=1))
        here, elsewhere, on_a_phone = begin(store), begin(store), begin(store)
        left = [here, begin(store, "luke"), begin(store, "anna", site.id)]
        assert store.write(lambda connection: sessions.end_others(connection, "anna", here)) == 2
        assert [look(store, word) for word in (elsewhere, on_a_phone)] == [None, None]
        assert None not in [look(store, word) for word in left]


class TestList:
    def test_has_the_last_used_first_and_no_token(self, store: Store, anna: str, site: Site) -> None:
        old = store.write(
            lambda connection: sessions.begin(
                connection,
                "anna",
                Role.ADMINISTRATOR,
                now=1,
                address="192.0.2.1",
                browser="Firefox (Linux)",
            )
        )
        new = begin(store, now=2)
        begin(store, "anna", site.id)
        session = look(store, old)
        assert session is not None
        use(store, old, session, 9, "192.0.2.2")
        assert listed(store) == [
            SessionEntry(sessions.id_of(old), 1, 9, "192.0.2.2", "Firefox (Linux)"),
            SessionEntry(sessions.id_of(new), 2, 2, "", ""),
        ]
        for word in (old, new):
            assert look(store, sessions.id_of(word)) is None, "an id opens nothing"

    def test_has_none_that_is_over(self, store: Store, anna: str) -> None:
        begin(store)
        assert len(listed(store, now=IDLE - 1)) == 1
        assert listed(store, now=IDLE) == []
