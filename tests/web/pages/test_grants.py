"""The page Accounts and sites: requests, and which sites show which Zoom account."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from core.store.accounts import credentials as zoom_credentials
from core.store.accounts.credentials import ZoomAccount
from core.store.db.schema import posts
from core.store.db.schema import sites as sites_table
from core.store.events import log, waiting
from core.store.events.waiting_limits import WaitingLimits
from core.store.posts import queue
from core.store.sites import grants, sites
from core.store.sites.grants import GrantSource
from core.zoom.oauth import Credentials
from tests.core.conftest import connected
from tests.core.events import ACCOUNT, event
from tests.core.store.entries import entry
from tests.core.store.grants import granted
from tests.web.conftest import text
from tests.web.pages.conftest import both_stores
from tests.web.pages.doors import Elements, link

if TYPE_CHECKING:
    from tornado.httpclient import HTTPResponse

    from core.bridge import Bridge
    from core.store.db.engine import Store
    from tests.web.pages.doors import Door

PATH = "/accounts/grants"
OWN = f"{PATH}?account={ACCOUNT}"


@pytest.fixture
def asked(store: Store, admin: Door) -> Store:
    """An account that s1 has by its first event, and that asks to be shown on s2, for three events."""
    connected(store, "s2")
    append(store, "s1", 1)
    for at in (1, 2, 3):
        append(store, "s2", at)
    return store


def append(store: Store, site_id: str, at: int, account_id: str = ACCOUNT) -> None:
    line = entry(
        store, event(at=at, account_id=account_id), site_id=site_id, received_at=1_767_603_600_000 + at
    )
    limits = WaitingLimits(of_account=2, accounts=1)
    store.write(lambda connection: log.append(connection, [line], waiting_limits=limits))


def post(door: Door, do: str, site: str = "s2", account: str = ACCOUNT, **more: str) -> HTTPResponse:
    return door.post(PATH, do=do, site=site, account=account, **more)


def given(store: Store) -> list[tuple[str, str]]:
    with store.reading() as connection:
        return [(one.site_id, one.source) for one in grants.list_all(connection)]


class TestRequests:
    @both_stores
    def test_say_who_asks_for_what_and_what_waits(self, asked: Store, admin: Door) -> None:
        page = text(admin.get(PATH))
        assert f"{ACCOUNT} Site s2 2 events since" in page
        assert f"{ACCOUNT} Request to decide Site s1" in page
        assert "1 older one not kept" in page
        assert "Granted by a first event only." in page
        assert "asks to be shown on a site" in text(admin.get("/accounts"))

    @both_stores
    def test_granted_ones_are_processed_and_shown(self, asked: Store, admin: Door, bridge: Bridge) -> None:
        bridge.fold_worker.fold_pending()
        page = text(admin.follow(post(admin, "grant")))
        assert "Granted." in page
        assert "2 events that waited are processed now" in page
        assert "1 older event was too many to keep. Import" in page
        assert "No request" in page
        assert given(asked) == [("s1", GrantSource.FIRST_EVENT), ("s2", GrantSource.ADMINISTRATOR)]
        bridge.fold_worker.fold_pending()
        with asked.reading() as connection:
            assert len(queue.list_recent(connection, asked.sealer, "s2", limit=9)) == 1

    @both_stores
    def test_refused_ones_are_deleted_and_can_be_granted_later(self, asked: Store, admin: Door) -> None:
        page = text(admin.follow(post(admin, "refuse")))
        assert "2 events that waited were deleted" in page
        assert "No request" in page
        assert "Refused and revoked" in page
        append(asked, "s2", 9)
        page = text(admin.get(PATH))
        assert "No request" in page
        assert f"{ACCOUNT} Site s2" in page
        assert "1 event that waited is processed" in text(admin.follow(post(admin, "grant")))
        assert "Refused and revoked" not in text(admin.get(PATH))

    def test_that_somebody_else_has_granted_are_not_said_to_be_refused(
        self, asked: Store, admin: Door
    ) -> None:
        post(admin, "grant")
        page = text(admin.follow(post(admin, "refuse")))
        assert "Nothing was changed: the account is granted to the site by now." in page
        assert "Refused." not in page
        assert ("s2", GrantSource.ADMINISTRATOR) in given(asked)

    def test_that_are_found_lead_back_to_what_was_searched(self, asked: Store, admin: Door) -> None:
        searched = f"{PATH}?q=Site+s2"
        actions = {one.get("action") for one in Elements(admin.get(searched)).all("form")}
        assert searched in actions
        answer = admin.post(searched, do="refuse", site="s2", account=ACCOUNT)
        assert answer.headers["Location"].startswith(f"{searched}&done=refused")

    def test_of_an_account_with_credentials_have_its_name(self, asked: Store, admin: Door) -> None:
        account = ZoomAccount("The choir", Credentials(ACCOUNT, "id", "secret"))
        asked.write(lambda connection: zoom_credentials.save(connection, account, asked.sealer))
        page = text(admin.get(PATH))
        assert f"The choir {ACCOUNT} Site s2" in page

    def test_that_are_too_many_are_counted(self, asked: Store, admin: Door) -> None:
        granted(asked, "another", "elsewhere")
        append(asked, "s2", 5, "another")
        page = text(admin.get(PATH))
        assert "1 event of another account came to Site s2 while too many accounts were asking" in page
        assert "another Site s2" not in page
        post(admin, "refuse")
        assert "too many accounts were asking" in text(admin.get(PATH)), "until it is dismissed"
        post(admin, "dismiss")
        assert "too many accounts were asking" not in text(admin.get(PATH))

    def test_name_accounts_as_text(self, asked: Store, admin: Door) -> None:
        post(admin, "refuse")
        granted(asked, "<b>x</b>", "elsewhere")
        append(asked, "s2", 7, "<b>x</b>")
        assert "<b>x</b>" not in admin.get(PATH).body.decode()

    def test_alert_administrators_and_the_site(self, asked: Store, admin: Door) -> None:
        overview = admin.get("/")
        assert "2 events have been waiting since" in text(overview)
        assert PATH in overview.body.decode()
        post(admin, "refuse")
        with asked.reading() as connection:
            assert waiting.summaries(connection) == {}

    def test_alert_without_a_link_where_nothing_can_be_decided(self, store: Store, narrow: Door) -> None:
        granted(store, ACCOUNT, "elsewhere")
        append(store, "s1", 1)
        page = narrow.get("/")
        assert "1 event has been waiting since" in text(page)
        assert "until an administrator of the bridge decides" in text(page)
        assert PATH not in page.body.decode()


class TestAccounts:
    def test_say_where_they_are_shown_since_when_and_why(self, asked: Store, admin: Door) -> None:
        own = admin.get(link(admin.get(PATH), ACCOUNT))
        assert "Site s1" in text(own)
        assert "by its first event" in text(own)
        assert "2 events since" in text(own), "its request is there, too"

    def test_are_confirmed(self, asked: Store, admin: Door) -> None:
        assert "Confirm grant" in text(admin.get(OWN))
        shown = admin.follow(admin.post(OWN, do="grant", account=ACCOUNT, site="s1"))
        assert given(asked) == [("s1", GrantSource.ADMINISTRATOR)]
        assert "Granted. The site shows the account" in text(shown)
        assert "API credentials none" in text(shown), "it is the account's own page"
        assert "Confirm grant" not in text(admin.get(OWN))

    def test_are_shown_on_further_sites(self, asked: Store, admin: Door) -> None:
        connected(asked, "s3")
        options = [one["value"] for one in Elements(admin.get(OWN)).all("option")]
        assert options[:2] == ["s2", "s3"]
        post(admin, "grant", "s3")
        assert ("s3", GrantSource.ADMINISTRATOR) in given(asked)

    @both_stores
    def test_are_revoked_once_the_pages_are_named(self, asked: Store, admin: Door, bridge: Bridge) -> None:
        bridge.fold_worker.fold_pending()
        shown = post(admin, "revoke", "s1")
        assert (shown.code, "Revoke the grant of" in text(shown)) == (200, True)
        assert "The site has no page of this account" in text(shown)
        assert len(given(asked)) == 1, "not without a confirmation"
        page = text(admin.follow(post(admin, "revoke", "s1", sure="yes")))
        assert "Revoked." in page
        assert given(asked) == []
        assert "Refused and revoked" in page

    def test_count_the_pages_that_a_revocation_concerns(
        self, asked: Store, admin: Door, bridge: Bridge
    ) -> None:
        bridge.fold_worker.fold_pending()
        asked.write(lambda connection: connection.execute(update(posts).values(state="synced", post_id=5)))
        page = text(post(admin, "revoke", "s1"))
        assert "The site has 1 page of this account" in page
        assert "are moved to the trash" in page

    def test_are_granted_in_advance(self, asked: Store, admin: Door) -> None:
        admin.follow(post(admin, "grant", "s2", "NotHeardOfYet"))
        append(asked, "s1", 5, "NotHeardOfYet")
        assert ("s2", GrantSource.ADMINISTRATOR) in given(asked)
        assert len(given(asked)) == 2, "so that no other site has it first"

    @pytest.mark.parametrize("account_id", ["", "x", "a b c", "site:s1", "zoombridge-test-s1", "ü" * 9])
    def test_that_cannot_be_are_refused(self, asked: Store, admin: Door, account_id: str) -> None:
        answer = post(admin, "grant", "s2", account_id)
        assert answer.code == 422
        assert Elements(answer).named("zb-account-error")
        assert len(given(asked)) == 1

    def test_of_a_site_that_is_gone_are_left_alone(self, asked: Store, admin: Door) -> None:
        for do in ("grant", "refuse", "revoke"):
            answer = post(admin, do, "nowhere", "NotHeardOfYet", sure="yes")
            assert "Nothing was changed" in text(admin.follow(answer))
        assert "Nothing was changed" in text(admin.follow(post(admin, "revoke", "s2", sure="yes")))
        assert post(admin, "nonsense").code == 303
        assert len(given(asked)) == 1
        append(asked, "s1", 8, "NotHeardOfYet")
        assert len(given(asked)) == 2, "nor is anything decided about other sites"

    def test_are_listed_in_pages(self, asked: Store, admin: Door) -> None:
        for number in range(30):
            granted(asked, f"Account{number:02}", "s1")
        first = admin.get(PATH)
        assert "Account18" in text(first)
        assert "Account20" not in text(first)
        assert "after=Account19" in first.body.decode()
        second = text(admin.get(f"{PATH}?after=Account19"))
        assert "Account20" in second
        assert ACCOUNT in second
        assert "Next accounts" not in second

    def test_are_searched_by_account_and_site(self, asked: Store, admin: Door) -> None:
        connected(asked, "s3")
        granted(asked, "Choir", "s2", "s3")
        granted(asked, "Band", "s3")
        page = text(admin.get(f"{PATH}?q=site+s2"))
        assert "1 of 3 accounts" in page
        assert "Choir" in page
        assert "Band" not in page
        assert f"{ACCOUNT} Site s2 2 events since" in page, "it asks for that site"
        page = text(admin.get(f"{PATH}?q=BAND"))
        assert "1 of 3 accounts" in page
        assert "No request matches." in page
        assert "No account matches" in text(admin.get(f"{PATH}?q=nowhere"))

    @both_stores
    def test_have_a_row_each_with_state_sites_and_last_event(self, asked: Store, admin: Door) -> None:
        for site in ("s3", "s4", "s5"):
            connected(asked, site)
        granted(asked, "Choir", "s2", "s3", "s4", "s5")
        append(asked, "s2", 1, "Choir")
        account = ZoomAccount("Library", Credentials("Nowhere", "id", "secret"))
        asked.write(lambda connection: zoom_credentials.save(connection, account, asked.sealer))
        post(admin, "refuse")
        page = text(admin.get(PATH))
        assert f"{ACCOUNT} By its first event Site s1 2026-01-05 09:00 UTC" in page
        assert "Choir Granted Site s2, Site s3, Site s4 and 1 more 2026-01-05 09:00 UTC" in page
        assert "Library Not shown no site never" in page

    def test_of_which_nothing_is_known_have_no_page(self, asked: Store, admin: Door) -> None:
        for account in ("Unheard", "site:s1", "zoombridge-test-s1"):
            assert admin.get(f"{PATH}?account={account}").code == 404

    def test_on_many_sites_show_these_in_pages(self, asked: Store, admin: Door) -> None:
        shown_on = [f"more{number:02}" for number in range(25)]
        for site in shown_on:
            connected(asked, site)
        granted(asked, "Choir", *shown_on)
        first, second = (text(admin.get(f"{PATH}?account=Choir&page={page}")) for page in (1, 2))
        assert ("Site more19" in first, "Site more20" in first) == (True, False)
        assert ("Site more19" in second, "Site more20" in second) == (False, True)
        assert "Next page" in first
        assert "Next page" not in second


class TestManySites:
    def test_are_searched_by_name_or_address(self, asked: Store, admin: Door) -> None:
        for number in range(50):
            connected(asked, f"more{number:02}")
        shown = Elements(admin.get(OWN))
        assert shown.named("zb-other")["list"] == "zb-known-sites"
        with asked.reading() as connection:
            of_id = {site.id: site for site in sites.names(connection)}
        for typed in ("Site more07", of_id["more08"].url, "more09"):
            admin.follow(post(admin, "grant", typed))
        named = {site_id for site_id, _ in given(asked)}
        assert named == {"s1", "more07", "more08", "more09"}

    def test_of_one_name_are_not_mistaken(self, asked: Store, admin: Door) -> None:
        connected(asked, "s3")
        asked.write(lambda connection: connection.execute(update(sites_table).values(name="Blog")))
        assert "no longer exists" in text(admin.follow(post(admin, "grant", "Blog")))
        assert given(asked) == [("s1", GrantSource.FIRST_EVENT)]


class TestWho:
    def test_sees_it_decides_nothing_as_a_viewer(self, asked: Store, watcher: Door) -> None:
        page = watcher.get(PATH)
        assert page.code == 200
        assert ACCOUNT in text(page)
        assert "Confirm grant" not in text(watcher.get(OWN))
        assert post(watcher, "grant").code == 403
        assert len(given(asked)) == 1

    def test_of_one_site_does_not_see_it(self, narrow: Door) -> None:
        assert narrow.get(PATH).code == 403
