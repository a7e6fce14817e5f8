"""The rules of a site as they are kept, and who is meant by an e-mail address."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from sqlalchemy import update

from core.errors import UnknownSiteError
from core.model.meeting import Meeting
from core.model.rules import Author, NewPostStatus, Rules, read
from core.store.accounts import users as zoom_users
from core.store.accounts.users import ZoomUser
from core.store.db.engine import Store
from core.store.db.schema import sites as table
from core.store.sites import rules, sites
from core.store.sites.sites import Site
from tests.core.store.grants import granted


def kept(store: Store) -> Site:
    with store.reading() as connection:
        return sites.load(connection, "s1", store.sealer)


def host(host_id: str, email: str, name: str = "", account_id: str = "a") -> ZoomUser:
    return ZoomUser(account_id, host_id, email, name, 1)


def about(**object_: Any) -> Meeting:
    return Meeting("a", 7, object={"topic": "Choir", "type": 2, **object_})


class TestSave:
    def test_keeps_them_through_another_pairing(self, store: Store, site: Site) -> None:
        decided = Rules(status=NewPostStatus.DRAFT, never=("a*",), unknown={"later": 1})
        store.write(lambda connection: rules.save(connection, "s1", decided))
        assert read(kept(store).rules).rules == decided
        store.write(lambda connection: sites.save(connection, site, store.sealer))
        assert read(kept(store).rules).rules == decided

    def test_of_a_site_that_was_removed_are_not_saved(self, store: Store, site: Site) -> None:
        with pytest.raises(UnknownSiteError):
            store.write(lambda connection: rules.save(connection, "s2", Rules()))

    def test_tells_whether_they_are_still_the_same(self, store: Store, site: Site) -> None:
        before = kept(store)
        assert store.write(lambda connection: rules.are_unchanged(connection, before))
        store.write(lambda connection: rules.save(connection, "s1", Rules(instant=True)))
        assert not store.write(lambda connection: rules.are_unchanged(connection, before))

    def test_tells_whether_the_plugins_are_still_the_same(self, store: Store, site: Site) -> None:
        before = kept(store)
        for after in (replace(before, vczapi=True), replace(before, vczapi_pro=True)):
            store.write(partial(sites.record_check, site=after))
            assert not store.write(lambda connection: rules.are_unchanged(connection, before))
        assert store.write(lambda connection: rules.are_unchanged(connection, kept(store)))


class TestOfSite:
    def test_reads_what_is_kept_whatever_it_is(self, store: Store, site: Site) -> None:
        store.write(lambda connection: connection.execute(update(table).values(rules=["no", "rules"])))
        with store.reading() as connection:
            assert rules.of_site(connection, store.sealer, kept(store), []).rules == Rules()

    def test_an_address_means_the_ids_that_zoom_told_of_it(self, store: Store, site: Site) -> None:
        found = [host("h1", "Anna@Example.org"), host("h2", "bert@example.org"), host("h3", "anna@example.org", account_id="b")]  # fmt: skip
        store.write(lambda connection: zoom_users.save(connection, found, store.sealer))
        granted(store, "a", "s1")
        granted(store, "b", "s1")
        decided = Rules(hosts=("ANNA@example.org",), authors=(Author("bert@example.org", 4, "Bert"),))
        with store.reading() as connection:
            told = rules.of_site(connection, store.sealer, kept(store), [], decided).rules
        assert set(told.hosts or ()) == {"ANNA@example.org", "h1", "h3"}
        assert told.why_not(about(host_id="h1")) == ""
        assert told.why_not(about(host_id="h2"))
        assert told.author_of(about(host_id="h2")) == Author("h2", 4, "Bert")

    def test_an_address_that_zoom_has_not_told_of_means_itself(self, store: Store, site: Site) -> None:
        decided = Rules(hosts=("anna@example.org",))
        with store.reading() as connection:
            assert rules.of_site(connection, store.sealer, kept(store), [], decided).rules == decided

    def test_names_hosts_only_where_they_are_shown(self, store: Store, site: Site) -> None:
        found = [host("h1", "a@example.org", "Anna"), host("h2", "b@example.org")]
        store.write(lambda connection: zoom_users.save(connection, found, store.sealer))
        granted(store, "a", "s1")
        meetings = [about(host_id="h1"), about(host_id="h2"), about()]
        with store.reading() as connection:
            shown = rules.of_site(connection, store.sealer, kept(store), meetings, Rules(show_host=True))
            hidden = rules.of_site(connection, store.sealer, kept(store), meetings, Rules())
        assert shown.host_names == {"h1": "Anna"}
        assert hidden.host_names == {}

    def test_hosts_of_accounts_that_are_not_granted_are_unknown(self, store: Store, site: Site) -> None:
        """An event of an account of one's own could name any of them, and a page would tell who that is."""
        theirs = [host("h1", "anna@example.org", "Anna", account_id="theirs")]
        store.write(lambda connection: zoom_users.save(connection, theirs, store.sealer))
        granted(store, "a", "s1")
        decided = Rules(show_host=True, hosts=("anna@example.org",))
        with store.reading() as connection:
            shown = rules.of_site(connection, store.sealer, kept(store), [about(host_id="h1")], decided)
        assert shown.host_names == {}
        assert shown.rules.hosts == ("anna@example.org",)
