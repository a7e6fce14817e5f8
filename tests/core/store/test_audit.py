"""The audit log: entries, their search, their bounds, and who acts."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert

from core.errors import UserError
from core.store import audit
from core.store.audit import Action, Actor, ActorKind, AuditEntry, AuditFilter
from core.store.db import settings
from core.store.db.schema import audit_log
from core.store.db.settings import RetentionSettings
from core.store.sites import sites
from tests.core.conftest import connected

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from core.store.db.engine import Store

ANNA = Actor(ActorKind.USER, "anna", "192.0.2.7")
DAY = 24 * 60 * 60 * 1000


def entries(store: Store, **wanted: Any) -> list[AuditEntry]:
    with store.reading() as connection:
        return audit.page(connection, AuditFilter(**wanted), limit=1000).entries


def add(store: Store, action: Action = Action.USER_ADDED, subject: str = "", **more: Any) -> None:
    store.write(lambda connection: audit.record(connection, action, subject, **more))


class TestRecord:
    def test_tells_who_did_what_from_where_and_when(self, store: Store) -> None:
        connected(store, "s1")
        with audit.acting(ANNA):
            add(store, Action.SECRET_ADDED, "secret token", site_id="s1", account="A")
        (entry,) = entries(store)
        assert (entry.action, entry.subject, entry.actor) == (Action.SECRET_ADDED, "secret token", ANNA)
        assert (entry.site_id, entry.site) == ("s1", "https://s1.example.org")
        assert entry.detail == {"account": "A"}
        assert entry.at > 1_700_000_000_000

    def test_outlives_the_site(self, store: Store) -> None:
        connected(store, "s1")
        add(store, Action.SITE_REMOVED, site_id="s1")
        store.write(lambda connection: sites.remove(connection, "s1"))
        assert [entry.site for entry in entries(store)] == ["https://s1.example.org"] * 2

    def test_is_undone_with_the_change(self, store: Store) -> None:
        def change(connection: Connection) -> None:
            settings.save_public_url(connection, "https://bridge.example.org")
            raise UserError("No.")

        with pytest.raises(UserError):
            store.write(change)
        assert entries(store) == []
        with store.reading() as connection:
            assert settings.public_url(connection) == ""

    def test_is_bounded(self, store: Store) -> None:
        add(store, subject="x" * 10_000, rules=["y" * 10_000] * 10_000, more="a\0b\ud800")
        (entry,) = entries(store)
        assert len(entry.subject) == 200
        assert (len(entry.detail["rules"]), len(entry.detail["rules"][0])) == (50, 200)
        assert entry.detail["more"] == "ab?"

    def test_of_settings_tells_what_changed_and_nothing_where_nothing_did(self, store: Store) -> None:
        for days in (30, 30):
            with audit.acting(ANNA):
                store.write(
                    lambda connection, days=days: settings.save_retention(  # type: ignore[misc]
                        connection, RetentionSettings(days=days)
                    )
                )
        (entry,) = entries(store)
        assert entry.detail == {"keep_days": {"from": 90, "to": 30}}


class TestActor:
    def test_is_the_bridge_where_nobody_else_is_known(self, store: Store) -> None:
        add(store)
        assert entries(store)[0].actor == Actor(ActorKind.BRIDGE)

    def test_is_known_in_the_thread_that_writes(self, store: Store) -> None:
        add(store)
        with audit.acting(ANNA):
            add(store)
        add(store)
        assert [entry.actor.name for entry in entries(store)] == ["", "anna", ""]

    def test_of_one_request_is_not_that_of_another(self, store: Store) -> None:
        def serve(name: str) -> None:
            audit.act(Actor(ActorKind.USER, name))
            add(store, subject=name)

        threads = [threading.Thread(target=serve, args=(name,)) for name in ("anna", "luke", "otto")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(entry.actor.name == entry.subject for entry in entries(store))

    def test_that_is_the_bridge_is_not_listed_where_only_people_are(self, store: Store) -> None:
        store.write(lambda connection: audit.record_by_person(connection, Action.JOB_REQUESTED))
        with audit.acting(ANNA):
            store.write(lambda connection: audit.record_by_person(connection, Action.JOB_REQUESTED))
        assert [entry.actor for entry in entries(store)] == [ANNA]


class TestSearch:
    @pytest.fixture(autouse=True)
    def some(self, store: Store) -> None:
        connected(store, "s1")
        with audit.acting(ANNA):
            add(store, Action.USER_ADDED, "luke")
            add(store, Action.SECRET_ADDED, site_id="s1")
        with audit.acting(Actor(ActorKind.COMMAND, "Root_1", "host%1")):
            add(store, Action.USER_REMOVED, "luke")

    @pytest.mark.parametrize(
        ("wanted", "actions"),
        [
            ({}, ["user.removed", "secret.added", "user.added"]),
            ({"action": "user"}, ["user.removed", "user.added"]),
            ({"action": "user.added"}, ["user.added"]),
            ({"action": "use"}, []),
            ({"who": "ANN"}, ["secret.added", "user.added"]),
            ({"who": "root_"}, ["user.removed"]),
            ({"who": "%"}, ["user.removed"]),
            ({"who": "192.0.2"}, ["secret.added", "user.added"]),
            ({"site": "s1"}, ["secret.added"]),
            ({"site": "S1.example.org/"}, ["secret.added"]),
            ({"site": "other"}, []),
            ({"since": 1}, ["user.removed", "secret.added", "user.added"]),
            ({"until": 1}, []),
            ({"action": "user", "who": "anna"}, ["user.added"]),
        ],
    )
    def test_finds_what_is_meant(self, store: Store, wanted: dict[str, Any], actions: list[str]) -> None:
        assert [entry.action for entry in entries(store, **wanted)] == actions
        with store.reading() as connection:
            assert audit.count(connection, AuditFilter(**wanted)) == len(actions)

    def test_goes_page_by_page_and_back(self, store: Store) -> None:
        everything = [entry.id for entry in entries(store)]

        def page(**place: int) -> audit.AuditPage:
            with store.reading() as connection:
                return audit.page(connection, AuditFilter(), limit=2, **place)

        first = page()
        assert ([entry.id for entry in first.entries], first.more_newer, first.more_older) == (
            everything[:2], False, True
        )  # fmt: skip
        second = page(before=everything[1])
        assert ([entry.id for entry in second.entries], second.more_newer, second.more_older) == (
            everything[2:], True, False
        )  # fmt: skip
        back = page(after=everything[2])
        assert (back.entries, back.more_newer, back.more_older) == (first.entries, False, True)


class TestBounds:
    def fill(self, store: Store, kind: ActorKind, *times: int, site_id: str | None = None) -> None:
        """Add an entry at each time."""
        rows: list[dict[str, Any]] = [
            {
                "at": at, "action": Action.SITE_LEFT.value, "actor_kind": kind.value, "actor": "", "address": "",
                "site_id": site_id, "site": "", "subject": "", "detail": {},
            }
            for at in times
        ]  # fmt: skip
        store.write(lambda connection: connection.execute(insert(audit_log), rows).rowcount)

    def kinds(self, store: Store) -> Counter[str]:
        return Counter(entry.actor.kind for entry in entries(store))

    def test_are_of_age(self, store: Store) -> None:
        now = 1000 * DAY
        self.fill(store, ActorKind.USER, now - 731 * DAY, now - 729 * DAY, now)
        self.fill(store, ActorKind.VISITOR, now - 91 * DAY, now - 89 * DAY)
        assert store.write(lambda connection: audit.delete_old(connection, now=now)) == 2
        assert self.kinds(store) == {"user": 2, "visitor": 1}

    def test_are_of_number_and_nobody_pushes_out_what_others_did(self, store: Store) -> None:
        self.fill(store, ActorKind.USER, *range(4))
        self.fill(store, ActorKind.PLUGIN, *range(50))
        self.fill(store, ActorKind.VISITOR, *range(50))
        most = {ActorKind.USER: 3, ActorKind.PLUGIN: 5, ActorKind.VISITOR: 5}

        def delete(connection: Connection) -> int:
            return audit.delete_old(connection, now=2, most=most)

        assert store.write(delete) == 1 + 45 + 45
        assert self.kinds(store) == {"user": 3, "plugin": 5, "visitor": 5}
        assert {entry.at for entry in entries(store) if entry.actor.kind is ActorKind.USER} == {1, 2, 3}
        assert store.write(delete) == 0

    @pytest.mark.parametrize("kind", [ActorKind.WORDPRESS, ActorKind.PLUGIN])
    def test_are_shared_by_sites(self, store: Store, kind: ActorKind) -> None:
        """A site tells who acts there: it pushes out nothing of what happened at another."""
        self.fill(store, kind, 1, 2, site_id="s1")
        self.fill(store, kind, *range(50), site_id="s2")
        self.fill(store, kind, *range(20))
        assert store.write(lambda connection: audit.delete_old(connection, now=2, most={kind: 12})) == 60
        assert Counter(entry.site_id for entry in entries(store)) == {"s1": 2, "s2": 5, None: 5}
        assert {entry.at for entry in entries(store) if entry.site_id == "s2"} == {45, 46, 47, 48, 49}

    def test_are_set_for_every_kind(self) -> None:
        assert set(audit.MOST_ENTRIES) == set(ActorKind)
