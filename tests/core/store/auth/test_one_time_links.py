"""Tickets open one thing, once, for a while."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from core.store.auth import one_time_links
from core.store.auth.one_time_links import LIFETIME, OneTimeLink, Purpose
from core.store.auth.users import Role
from core.store.db.engine import Store
from core.store.db.schema import one_time_links as table
from tests.core.conftest import KEYS

SITE = OneTimeLink(Purpose.SITE, "wanda", Role.ADMINISTRATOR, "s1")


def issue(store: Store, link: OneTimeLink = SITE, now: int = 0) -> str:
    return store.write(lambda connection: one_time_links.issue(connection, link, now=now))


def use(store: Store, token: str, purpose: Purpose = Purpose.SITE, now: int = 0) -> OneTimeLink | None:
    return store.write(lambda connection: one_time_links.use(connection, purpose, token, now=now))


def look(store: Store, token: str, purpose: Purpose = Purpose.SITE, now: int = 0) -> OneTimeLink | None:
    with store.reading() as connection:
        return one_time_links.find(connection, purpose, token, now=now)


class TestTicket:
    def test_says_whom_it_lets_in_and_where(self, store: Store) -> None:
        token = issue(store)
        assert look(store, token) == SITE
        assert use(store, token) == SITE

    def test_is_kept_as_a_digest(self, store: Store) -> None:
        token = issue(store)
        with store.reading() as connection:
            assert token not in str(connection.execute(select(table)).all())

    def test_works_once(self, store: Store) -> None:
        token = issue(store)
        assert use(store, token) == SITE
        assert use(store, token) is None
        assert look(store, token) is None

    def test_works_once_for_many_at_the_same_moment(self, store: Store) -> None:
        token = issue(store)
        with ThreadPoolExecutor(8) as pool:
            used = list(pool.map(lambda _: use(store, token), range(8)))
        assert [one for one in used if one is not None] == [SITE]

    @pytest.mark.parametrize("database_kind", ["postgresql"])
    def test_works_once_for_two_processes(
        self, store: Store, migrated_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The other one is quicker, after this one has seen that the link is good."""
        token = issue(store)
        other = Store(migrated_url, keys=KEYS)
        looked = one_time_links.find
        others: list[OneTimeLink | None] = []

        def and_then(connection: Connection, *given: Any, **more: Any) -> OneTimeLink | None:
            found = looked(connection, *given, **more)
            monkeypatch.setattr(one_time_links, "find", looked)
            others.append(use(other, token))
            return found

        monkeypatch.setattr(one_time_links, "find", and_then)
        try:
            assert use(store, token) is None
        finally:
            other.close()
        assert others == [SITE]

    @pytest.mark.parametrize("purpose", Purpose)
    def test_works_for_so_long(self, store: Store, purpose: Purpose) -> None:
        link = OneTimeLink(purpose, "anna")
        token = issue(store, link)
        assert look(store, token, purpose, LIFETIME[purpose] - 1) == link
        assert look(store, token, purpose, LIFETIME[purpose]) is None
        assert use(store, token, purpose, LIFETIME[purpose]) is None

    def test_from_wordpress_works_for_a_minute(self) -> None:
        assert LIFETIME[Purpose.SITE] == 60_000

    @pytest.mark.parametrize("purpose", Purpose)
    def test_opens_nothing_else(self, store: Store, purpose: Purpose) -> None:
        token = issue(store, OneTimeLink(purpose, "anna"))
        for other in set(Purpose) - {purpose}:
            assert look(store, token, other) is None
            assert use(store, token, other) is None
        assert use(store, token, purpose) is not None, "and trying does not use it up"

    @pytest.mark.parametrize("token", ["", "x", "é", "x" * 100_000])
    def test_is_not_guessed(self, store: Store, token: str) -> None:
        issue(store)
        assert use(store, token) is None


class TestIssue:
    def test_again_for_the_same_person_takes_the_one_before_back(self, store: Store) -> None:
        first = issue(store)
        others = [
            issue(store, OneTimeLink(Purpose.SITE, "willy", Role.ADMINISTRATOR, "s1")),
            issue(store, OneTimeLink(Purpose.SITE, "wanda", Role.ADMINISTRATOR, "s2")),
        ]
        second = issue(store)
        assert look(store, first) is None
        assert look(store, second) is not None
        assert None not in [look(store, token) for token in others]

    def test_of_the_first_leaves_what_other_processes_have_printed(self, store: Store) -> None:
        tokens = [issue(store, OneTimeLink(Purpose.FIRST)) for _ in range(2)]
        assert None not in [look(store, token, Purpose.FIRST) for token in tokens]

    def test_sweeps_what_is_over(self, store: Store) -> None:
        for name in ("a", "b", "c"):
            issue(store, OneTimeLink(Purpose.SITE, name, Role.ADMINISTRATOR, "s1"))
        issue(store, now=LIFETIME[Purpose.SITE])
        with store.reading() as connection:
            assert connection.scalar(select(func.count()).select_from(table)) == 1
