"""The sites, found by what people call them."""

from dataclasses import replace
from functools import partial

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import func, select

from core.errors import StoreError, UnknownSiteError
from core.store.db.encryption import Sealer
from core.store.db.engine import Store
from core.store.db.schema import metadata
from core.store.events import log, quarantine
from core.store.events.request import Request
from core.store.sites import sites, zoom_secrets
from core.store.sites.sites import Site, SiteName
from core.zoom.signature import Secret
from tests.core.conftest import connected, with_password
from tests.core.store.entries import entry


def load(store: Store, site_id: str = "s1") -> Site:
    with store.reading() as connection:
        return sites.load(connection, site_id, store.sealer)


class TestSave:
    def test_keeps_a_site(self, store: Store, site: Site) -> None:
        assert load(store) == site

    def test_keeps_what_is_now_known_of_one_that_is_there(self, store: Store, site: Site) -> None:
        store.write(lambda connection: sites.record_validation(connection, "s1", now=5))
        renamed = replace(site, name="Renamed", password="new one", vczapi=True)
        store.write(lambda connection: sites.save(connection, renamed, store.sealer))
        assert load(store) == replace(renamed, validated_at=5)

    def test_lifts_a_block(self, store: Store, site: Site) -> None:
        store.write(
            lambda connection: sites.record_fault(
                connection, "s1", fault="network", message="down", blocked_until=10**14, now=1
            )
        )
        assert load(store).blocked_until == 10**14
        store.write(lambda connection: sites.save(connection, site, store.sealer))
        assert load(store) == site

    def test_shows_no_secret_in_its_text_form(self, store: Store, site: Site) -> None:
        kept = with_password(store, site)
        assert kept.password not in repr(kept)
        assert kept.key not in repr(kept)


class TestForgetPassword:
    def forget(self, store: Store, site: Site) -> None:
        store.write(partial(sites.forget_password, site=site, sealer=store.sealer))

    def test_leaves_all_else(self, store: Store, site: Site) -> None:
        kept = with_password(store, site)
        self.forget(store, kept)
        assert load(store) == replace(kept, username="", password="")

    def test_leaves_that_of_a_site_that_was_paired_anew(self, store: Store, site: Site) -> None:
        kept = with_password(store, site)
        paired = replace(kept, epoch=2, password="new one")
        store.write(lambda connection: sites.save(connection, paired, store.sealer))
        self.forget(store, kept)
        assert load(store) == paired


class TestRecordCheck:
    def test_ends_a_block_and_keeps_what_was_found(self, store: Store, site: Site) -> None:
        store.write(
            lambda connection: sites.record_fault(
                connection, "s1", fault="network", message="down", blocked_until=10**14, now=1
            )
        )
        found = replace(site, endpoints={"meeting": "https://new"}, vczapi=True, vczapi_pro=True)
        store.write(lambda connection: sites.record_check(connection, found))
        assert load(store) == found

    def test_of_a_pairing_that_is_over_keeps_nothing(self, store: Store, site: Site) -> None:
        paired = replace(site, epoch=2, key="6f" * 32)
        store.write(lambda connection: sites.save(connection, paired, store.sealer))
        store.write(lambda connection: sites.record_check(connection, replace(site, vczapi=True)))
        assert load(store) == paired


class TestKey:
    def test_is_the_one_that_sealed(self, store: Store, site: Site) -> None:
        with store.reading() as connection:
            sites.check_key(connection, store.sealer)

    def test_is_another(self, store: Store, site: Site) -> None:
        other = Sealer(Fernet.generate_key().decode())
        with store.reading() as connection, pytest.raises(StoreError, match="ZOOMBRIDGE_KEY"):
            sites.check_key(connection, other)

    def test_does_not_matter_while_nothing_is_sealed(self, store: Store) -> None:
        with store.reading() as connection:
            sites.check_key(connection, Sealer(Fernet.generate_key().decode()))


class TestFind:
    @pytest.mark.parametrize(
        "name",
        ["s1", "https://s1.example.org", "http://s1.example.org/", "s1.example.org", " S1.Example.org/ "],
    )
    def test_takes_what_people_call_it(self, store: Store, site: Site, name: str) -> None:
        with store.reading() as connection:
            assert sites.find(connection, name, store.sealer) == site

    @pytest.mark.parametrize("name", ["", "s", "example.org", "s1.example.org/blog"])
    def test_says_how_to_see_those_there_are(self, store: Store, site: Site, name: str) -> None:
        with store.reading() as connection, pytest.raises(UnknownSiteError, match="site list"):
            sites.find(connection, name, store.sealer)


class TestEvery:
    def test_is_in_order_of_age(self, store: Store, site: Site) -> None:
        connected(store, "a0")
        newer = replace(connected(store, "a1"), id="a2", url="https://a2", created_at=2)
        store.write(lambda connection: sites.save(connection, newer, store.sealer))
        with store.reading() as connection:
            found = sites.list_all(connection, store.sealer)
            names = sites.names(connection)
            of_one = sites.names(connection, "a2")
        assert [one.id for one in found] == ["a0", "a1", "s1", "a2"]
        assert names == [SiteName(one.id, one.name, one.url) for one in found]
        assert of_one == names[3:]


class TestRemove:
    def test_leaves_nothing_of_it_but_the_logs(self, store: Store, site: Site) -> None:
        connected(store, "s2")
        store.write(
            lambda connection: zoom_secrets.save(connection, "s1", Secret("x" * 9), store.sealer, now=1)
        )
        store.write(lambda connection: log.append(connection, [entry(store)]))
        store.write(
            lambda connection: quarantine.add(
                connection, "s1", Request({}, b"{}"), store.sealer, reason="", now=1
            )
        )
        store.write(lambda connection: sites.remove(connection, "s1"))
        with store.reading() as connection:
            left = {
                table.name: connection.scalar(select(func.count()).select_from(table))
                for table in metadata.sorted_tables
            }
        assert {name for name, count in left.items() if count} == {"sites", "events", "audit_log"}
        with pytest.raises(UnknownSiteError):
            load(store)
        assert load(store, "s2")


class TestBreaker:
    def test_counts_failures_and_closes_with_a_success(self, store: Store, site: Site) -> None:
        for number in (1, 2):
            store.write(
                lambda connection: sites.record_fault(
                    connection, "s1", fault="network", message="down", blocked_until=9, now=1
                )
            )
            assert load(store).failures == number
        store.write(lambda connection: sites.record_success(connection, "s1", now=10))
        assert load(store) == replace(site, last_write_at=10)


class TestNames:
    def test_are_not_guessed_and_fit_into_an_address(self) -> None:
        assert len({sites.new_id() for _ in range(100)}) == 100
        assert sites.new_id().isalnum()
        assert len(sites.new_key()) == 64


class TestSamePairing:
    def test_ends_with_another_key_or_another_epoch(self, store: Store, site: Site) -> None:
        def is_same() -> bool:
            with store.reading() as connection:
                return sites.has_same_pairing(connection, site, store.sealer)

        assert is_same()
        store.write(lambda connection: sites.save_keys(connection, site, "ab" * 32, "", store.sealer))
        assert not is_same()
        store.write(lambda connection: sites.save_keys(connection, site, site.key, "", store.sealer))
        assert is_same()
        again = replace(site, epoch=site.epoch + 1)
        store.write(lambda connection: sites.save(connection, again, store.sealer))
        assert not is_same()
