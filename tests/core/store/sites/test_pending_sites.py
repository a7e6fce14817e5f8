"""Sites on their way to being connected: each for who began, once, and for a while."""

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from core.store.db.engine import Store
from core.store.db.schema import pending_sites as table
from core.store.sites import pending_sites
from core.store.sites.pending_sites import CREDENTIAL_LIFETIME, MOST, STATE_LIFETIME, PendingSite

NOW = 1_767_603_600_000


@pytest.fixture
def candidate(store: Store) -> PendingSite:
    kept = load(store, add(store))
    assert kept is not None
    return kept


def add(store: Store, requested_by: str = "/anna", now: int = NOW) -> str:
    made = PendingSite(
        id=pending_sites.new_id(),
        requested_by=requested_by,
        url="https://example.org/",
        name="Choir",
        rest_root="https://example.org/wp-json/",
        authorization_url="https://example.org/wp-admin/authorize-application.php",
        bridge_url="https://bridge.example.org",
        expires_at=0,
    )
    store.write(lambda connection: pending_sites.add(connection, made, store.sealer, now=now))
    return made.id


def load(store: Store, candidate_id: str, requested_by: str = "/anna", now: int = NOW) -> PendingSite | None:
    with store.reading() as connection:
        return pending_sites.load(connection, candidate_id, requested_by, store.sealer, now=now)


def accept(store: Store, candidate: PendingSite, password: str = "abcd efgh", now: int = NOW) -> bool:
    return store.write(
        lambda connection: pending_sites.save_credential(
            connection, candidate, "admin", password, store.sealer, now=now
        )
    )


class TestAdded:
    def test_is_there_for_who_began_and_for_nobody_else(self, store: Store, candidate: PendingSite) -> None:
        assert load(store, candidate.id, "/ben") is None
        assert load(store, "0" * 16) is None
        assert (candidate.name, candidate.username, candidate.password) == ("Choir", "", "")

    def test_waits_for_a_state_that_nobody_guesses(self, store: Store, candidate: PendingSite) -> None:
        other = load(store, add(store))
        assert other is not None
        assert len(candidate.state) > 30
        assert pending_sites.brings(candidate, candidate.state)
        for wrong in ("", "x", other.state, candidate.state[:-1], "é"):
            assert not pending_sites.brings(candidate, wrong)

    def test_ends_after_a_while(self, store: Store, candidate: PendingSite) -> None:
        assert load(store, candidate.id, now=NOW + STATE_LIFETIME - 1) is not None
        assert load(store, candidate.id, now=NOW + STATE_LIFETIME) is None
        add(store, now=NOW + STATE_LIFETIME)
        with store.reading() as connection:
            assert connection.scalar(select(func.count()).select_from(table)) == 1, "and is forgotten then"

    def test_is_one_of_not_very_many(self, store: Store) -> None:
        first = add(store)
        for later in range(MOST):
            add(store, now=NOW + 1 + later)
        add(store, "/ben")
        with store.reading() as connection:
            assert connection.scalar(select(func.count()).select_from(table)) == MOST + 1
        assert load(store, first) is None


class TestCredential:
    def test_is_kept_sealed_and_longer(self, store: Store, candidate: PendingSite) -> None:
        assert accept(store, candidate)
        kept = load(store, candidate.id, now=NOW + CREDENTIAL_LIFETIME - 1)
        assert kept is not None
        assert (kept.username, kept.password, kept.state) == ("admin", "abcd efgh", "")
        with store.reading() as connection:
            row = connection.execute(select(table)).one()
        assert b"abcd" not in row.password
        assert "abcd" not in repr(kept)

    def test_is_brought_once(self, store: Store, candidate: PendingSite) -> None:
        assert accept(store, candidate)
        assert not accept(store, candidate, "another")
        kept = load(store, candidate.id)
        assert kept is not None
        assert kept.password == "abcd efgh"
        assert not pending_sites.brings(kept, candidate.state)
        assert not pending_sites.brings(kept, "")

    def test_is_not_brought_too_late(self, store: Store, candidate: PendingSite) -> None:
        assert not accept(store, candidate, now=NOW + STATE_LIFETIME)

    def test_that_is_no_good_makes_room_for_another(self, store: Store, candidate: PendingSite) -> None:
        accept(store, candidate)
        store.write(
            lambda connection: pending_sites.drop_credential(
                connection, candidate.id, store.sealer, problem="credentials", message="No.", now=NOW
            )
        )
        kept = load(store, candidate.id)
        assert kept is not None
        assert (kept.password, kept.problem, kept.message) == ("", "credentials", "No.")
        assert kept.state not in ("", candidate.state)
        assert accept(store, kept)
        again = load(store, candidate.id)
        assert again is not None
        assert again.problem == ""


class TestProblem:
    def test_is_noted_and_taken_away(self, store: Store, candidate: PendingSite) -> None:
        for problem, message in (("stub_missing", "It is not there."), ("", "")):
            store.write(
                lambda connection, problem=problem, message=message: pending_sites.record_problem(  # type: ignore[misc]
                    connection, candidate.id, problem=problem, message=message
                )
            )
            kept = load(store, candidate.id)
            assert kept == replace(candidate, problem=problem, message=message)


class TestRemoved:
    def test_is_gone(self, store: Store, candidate: PendingSite) -> None:
        store.write(lambda connection: pending_sites.remove(connection, candidate.id))
        assert load(store, candidate.id) is None
