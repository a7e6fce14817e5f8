"""Pairing codes and pairings: who may use them, for how long, and what is encrypted."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from core.store.db.engine import Store
from core.store.db.schema import pairing_codes
from core.store.db.schema import pairings as table
from core.store.sites import pairings
from core.store.sites.pairings import KEPT, LIFETIME, MOST_CODES, Pairing, PairingCode, PairingState

NOW = 1_767_603_600_000


def code(
    code_id: str = "c1", *, at: int = NOW, uses_left: int = 1, requested_by: str = "/anna"
) -> PairingCode:
    return PairingCode(
        id=code_id,
        secret="a secret of a code",
        bridge_url="https://bridge.example.org",
        address="",
        site_id=None,
        requested_by=requested_by,
        uses=2,
        uses_left=uses_left,
        created_at=at,
        expires_at=at + LIFETIME,
    )


def use(pairing_id: str = "p1", code_id: str = "c1", state: PairingState = PairingState.CALLING) -> Pairing:
    return Pairing(
        id=pairing_id,
        code_id=code_id,
        public_key=f"key of {pairing_id}",
        answer_key="answer",
        uses_left=0,
        site_id="s1",
        key="a key of a pairing",
        home="https://s1.example.org",
        name="Choir",
        rest_root="https://s1.example.org/wp-json/",
        endpoints={"meeting": "https://s1.example.org/wp-json/vczapi/v1/meeting"},
        page="https://s1.example.org/wp-admin/",
        stub="0.3.0",
        vczapi=True,
        vczapi_pro=False,
        epoch=3,
        place="ab" * 32,
        state=state,
        message="",
        created_at=NOW,
        server_username="anna",
        server_password="a password of a server",
        next_call_at=NOW,
    )


def add(store: Store, *made: PairingCode) -> None:
    for one in made:
        store.write(lambda connection, one=one: pairings.add_code(connection, one, store.sealer))  # type: ignore[misc]


def add_use(store: Store, made: Pairing) -> Pairing:
    store.write(lambda connection: pairings.add(connection, made, store.sealer))
    return made


def load(store: Store, pairing_id: str = "p1") -> Pairing | None:
    with store.reading() as connection:
        return pairings.load(connection, pairing_id, store.sealer)


def open_ids(store: Store, requested_by: str | None, now: int = NOW) -> list[str]:
    with store.reading() as connection:
        return [one.id for one in pairings.open_codes(connection, requested_by, store.sealer, now=now)]


class TestCode:
    def test_is_kept_with_its_secret_encrypted(self, store: Store) -> None:
        add(store, code())
        with store.reading() as connection:
            assert pairings.load_code(connection, "c1", store.sealer) == code()
            assert b"secret" not in connection.execute(select(pairing_codes.c.secret)).one().secret

    def test_uses_are_counted(self, store: Store) -> None:
        add(store, code(uses_left=2))
        assert [store.write(lambda connection: pairings.take_use(connection, "c1")) for _ in "ab"] == [1, 0]

    def test_is_open_while_it_can_be_used_or_a_pairing_waits(self, store: Store) -> None:
        add(
            store,
            code("c1"),
            code("c2", uses_left=0),
            code("c3", uses_left=0),
            code("c4", requested_by="/ben"),
        )
        add_use(store, use(code_id="c3", state=PairingState.CONFIRM))
        add_use(store, use("p2", "c2", PairingState.CONNECTED))
        assert open_ids(store, "/anna") == ["c1", "c3"]
        assert open_ids(store, None) == ["c1", "c3", "c4"]
        assert open_ids(store, None, now=NOW + LIFETIME) == ["c3"]

    def test_is_deleted_long_after_its_end(self, store: Store) -> None:
        add(store, code("old"))
        add_use(store, use(code_id="old"))
        add(store, code("new", at=NOW + LIFETIME + KEPT))
        assert load(store) is None
        with store.reading() as connection:
            assert list(connection.scalars(select(pairing_codes.c.id))) == ["new"]

    def test_are_so_many_of_one_site_whatever_names_it_tells(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pairings, "MOST_CODES", 2)
        names = ["s1/a", "s1/b", "s1/c", "s11/a", "/s1"]
        add(store, *(code(f"c{at}", at=NOW + at, requested_by=name) for at, name in enumerate(names)))
        with store.reading() as connection:
            assert sorted(connection.scalars(select(pairing_codes.c.id))) == ["c1", "c2", "c3", "c4"]

    def test_is_one_of_a_number_for_each_user(self, store: Store) -> None:
        add(store, code("others", requested_by="/ben"))
        add(store, *(code(f"c{number:03}", at=NOW + number) for number in range(MOST_CODES + 1)))
        ids = open_ids(store, None, now=NOW + 1000)
        assert (len(ids), "c000" in ids, "c001" in ids, "others" in ids) == (
            MOST_CODES + 1,
            False,
            True,
            True,
        )


class TestPairing:
    def test_is_kept_with_its_secrets_encrypted(self, store: Store) -> None:
        add(store, code())
        made = add_use(store, use())
        assert load(store) == made
        with store.reading() as connection:
            row = connection.execute(select(table.c.key, table.c.server_password)).one()
        assert b"key" not in row.key
        assert b"password" not in row.server_password

    def test_is_changed_only_from_the_state_that_was_read(self, store: Store) -> None:
        """A person refuses it while the site is being called back."""
        add(store, code())
        read = add_use(store, use())
        refused = replace(read, state=PairingState.REFUSED)
        called = replace(read, state=PairingState.CONNECTED)
        for changed, is_saved in ((refused, True), (called, False)):
            assert is_saved is store.write(
                lambda connection, changed=changed: pairings.save(  # type: ignore[misc]
                    connection, changed, store.sealer, was=read.state
                )
            )
        assert load(store) == refused

    def test_is_due_until_the_site_has_answered(self, store: Store) -> None:
        add(store, code())
        for state in PairingState:
            add_use(store, use(state, state=state))
        add_use(store, replace(use("later"), next_call_at=NOW + 1))
        with store.reading() as connection:
            due = pairings.due(connection, now=NOW, since=NOW)
            assert set(due) == {"calling", "unreachable", "server_password"}
            assert pairings.due(connection, now=NOW, since=NOW + 1) == []
