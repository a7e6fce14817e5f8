"""With which secret Zoom signs, as the events in the log say themselves."""

import time
from dataclasses import replace
from typing import Any

import pytest

from core.sites import secret_rotation
from core.sites.secret_rotation import SecretRotation, analyze_rotation
from core.store.db.engine import Store
from core.store.events import log
from core.store.events.request import Request
from core.store.sites import zoom_secrets
from core.store.sites.sites import Site
from core.store.sites.zoom_secrets import SavedToken
from core.zoom.probe import probe_account_id
from core.zoom.signature import Secret
from tests.core.conftest import connected
from tests.core.events import event, raw, signed
from tests.core.store.entries import entry

OLD, NEW = "old-secret-token", "new-secret-token"


def saved(*values: str, **more: Any) -> list[SavedToken]:
    """Secrets that were saved one after the other, the newest first."""
    return [SavedToken(number, Secret(value, **more), number) for number, value in enumerate(values, 1)][::-1]


def came(*secrets: str) -> list[tuple[int, Request]]:
    """Events, the newest first, each signed with one of these; they came at 1000, 2000 and so on."""
    body = raw(event())
    found = []
    for at, secret in enumerate(secrets, 1):
        headers = (
            {"authorization": secret[6:]}
            if secret.startswith("token:")
            else signed(body, secret=secret, at=at)
        )
        found.append((at * 1000, Request(headers, body)))
    return found[::-1]


def uses(rotation: SecretRotation) -> list[tuple[str, int, int | None, int | None]]:
    return [(use.token.secret.value, use.events, use.last_at, use.since) for use in rotation.uses]


class TestJudge:
    def test_one_secret(self) -> None:
        found = analyze_rotation(saved(OLD), came(OLD, OLD))
        assert uses(found) == [(OLD, 2, 2000, 1000)]
        assert found.current is not None
        assert found.old == []
        assert not found.is_waiting

    def test_a_new_one_that_zoom_does_not_use_yet(self) -> None:
        found = analyze_rotation(saved(OLD, NEW), came(OLD, OLD))
        assert uses(found) == [(NEW, 0, None, None), (OLD, 2, 2000, 1000)]
        assert found.is_waiting
        assert found.old == []

    def test_a_new_one_that_has_taken_over(self) -> None:
        found = analyze_rotation(saved(OLD, NEW), came(OLD, NEW, NEW))
        assert uses(found) == [(NEW, 2, 3000, 2000), (OLD, 1, 1000, None)]
        assert [use.token.secret.value for use in found.old] == [OLD]
        assert not found.is_waiting

    def test_both_by_turns_means_the_newest_event_decides(self) -> None:
        """Two apps, or an event that Zoom sent again."""
        found = analyze_rotation(saved(OLD, NEW), came(NEW, OLD, NEW, OLD))
        assert uses(found) == [(NEW, 2, 3000, None), (OLD, 2, 4000, 4000)]
        assert found.is_waiting

    def test_nothing_came_or_nothing_that_a_secret_verifies(self) -> None:
        for events in ([], came("a third secret")):
            found = analyze_rotation(saved(OLD, NEW), events)
            assert found.current is None
            assert found.old == []
            assert found.events == 0
            assert not found.is_waiting

    def test_the_secret_of_another_account_is_not_old(self) -> None:
        other = [SavedToken(1, Secret(OLD, account_id="another"), 1)]
        found = analyze_rotation([*saved(NEW), *other], came(NEW))
        assert found.old == []

    def test_a_verification_token_is_another_thing(self) -> None:
        older = SavedToken(1, Secret("token-of-old", True), 1)
        found = analyze_rotation([SavedToken(2, Secret(NEW), 2), older], came("token:token-of-old", NEW))
        assert [use.events for use in found.uses] == [1, 1]
        assert found.old == []


class TestRotation:
    @pytest.fixture
    def two_sites(self, store: Store, site: Site) -> Store:
        for value in (OLD, NEW):
            secret = Secret(value)
            store.write(
                lambda connection, secret=secret: zoom_secrets.save(
                    connection, "s1", secret, store.sealer, now=1
                )  # type: ignore[misc]
            )
        connected(store, "s2")
        return store

    def arrives(self, store: Store, secret: str, site_id: str = "s1", **given: Any) -> None:
        now = time.time()
        line = entry(store, event(at=int(now * 1000), **given), site_id=site_id, received_at=int(now * 1000))
        body = raw(event(**given))
        sealed = Request(signed(body, secret=secret, at=now), body).sealed(store.sealer)
        line = replace(line, request=sealed, digest=f"{time.monotonic_ns()}")
        store.write(lambda connection: log.append(connection, [line]))

    def test_is_read_from_the_log(self, two_sites: Store) -> None:
        self.arrives(two_sites, OLD)
        self.arrives(two_sites, NEW)
        found = secret_rotation.load_rotation(two_sites, "s1")
        assert [use.events for use in found.uses] == [1, 1]
        assert found.current is not None
        assert found.current.token.secret.value == NEW

    def test_knows_nothing_of_other_sites_and_of_tests(self, two_sites: Store) -> None:
        self.arrives(two_sites, NEW, site_id="s2")
        self.arrives(two_sites, NEW, account_id=probe_account_id("s1"))
        assert secret_rotation.load_rotation(two_sites, "s1").events == 0
        assert secret_rotation.load_rotation(two_sites, "s2").uses == []

    def test_looks_at_the_last_ones_only(self, two_sites: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(secret_rotation, "EVENTS", 3)
        for secret in (OLD, NEW, NEW, NEW):
            self.arrives(two_sites, secret)
        found = secret_rotation.load_rotation(two_sites, "s1")
        assert [use.events for use in found.uses] == [3, 0]
