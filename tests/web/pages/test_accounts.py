"""The page Zoom accounts: credentials that Zoom takes, work that is asked for, and what came of it."""

import re
from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import update
from tornado.httpclient import HTTPResponse

import web.pages.accounts
from core.bridge import Bridge
from core.store import jobs
from core.store.accounts import credentials as zoom_credentials
from core.store.accounts import findings
from core.store.accounts.credentials import ZoomAccount
from core.store.accounts.findings import Finding
from core.store.db.engine import Store
from core.store.db.schema import jobs as jobs_table
from core.store.jobs import JobState
from core.store.sites import grants
from core.store.sites.grants import GrantSource
from core.zoom.oauth import Credentials
from tests.core.conftest import connected
from tests.core.store.grants import granted
from tests.web.conftest import Http, text
from tests.web.pages.conftest import both_stores
from tests.web.pages.doors import Elements
from tests.zoom import Account, ZoomServer
from tests.zoom.server import CLIENT_ID, CLIENT_SECRET

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def zoom(monkeypatch: pytest.MonkeyPatch) -> Iterator[ZoomServer]:
    with ZoomServer(Account()) as server:
        monkeypatch.setattr(web.pages.accounts, "OAUTH_URL", server.oauth_url)
        yield server


def post(http: Http, session: dict[str, str], **form: str) -> HTTPResponse:
    return http("POST", "/accounts", urlencode(form).encode(), FORM | session)


def add(http: Http, session: dict[str, str], zoom: ZoomServer, **changed: str) -> HTTPResponse:
    given = {
        "account_id": zoom.account.account_id,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "name": "The choir's",
        "plan": "business",
    }
    return post(http, session, do="add", **{**given, **changed})


class TestAdd:
    @both_stores
    def test_an_account_whose_credentials_zoom_takes_is_kept(
        self, http: Http, session: dict[str, str], store: Store, zoom: ZoomServer
    ) -> None:
        site = connected(store, "s9")
        answer = add(http, session, zoom, site=site.id)
        assert answer.code == 303
        with store.reading() as connection:
            (account,) = zoom_credentials.list_all(connection, store.sealer)
            assert grants.site_ids(connection, account.id) == [site.id]
        assert (account.name, account.plan) == ("The choir's", "business")
        page = http("GET", answer.headers["Location"], headers=session)
        assert "Zoom accepted the credentials" in text(page)
        assert CLIENT_SECRET not in page.body.decode()

    def test_credentials_that_zoom_refuses_are_not(
        self, http: Http, session: dict[str, str], store: Store, zoom: ZoomServer
    ) -> None:
        answer = add(http, session, zoom, client_secret="another-secret")
        assert answer.code == 422
        assert "Invalid client_id or client_secret" in text(answer)
        assert "another-secret" not in answer.body.decode()
        with store.reading() as connection:
            assert zoom_credentials.list_all(connection, store.sealer) == []

    def test_scopes_that_are_missing_are_named(
        self, http: Http, session: dict[str, str], zoom: ZoomServer
    ) -> None:
        zoom.behaviour.scopes.discard("webinar:read:webinar:admin")
        answer = add(http, session, zoom)
        page = text(http("GET", answer.headers["Location"], headers=session))
        assert "is missing these scopes" in page
        assert "webinar:read:webinar:admin" in page

    @pytest.mark.parametrize("name", ["account_id", "client_id", "client_secret"])
    def test_what_is_missing_is_said_at_its_field(
        self, http: Http, session: dict[str, str], zoom: ZoomServer, name: str
    ) -> None:
        answer = add(http, session, zoom, **{name: ""})
        assert answer.code == 422
        assert f'id="zb-{name}-error"' in answer.body.decode()

    def test_what_was_chosen_stays_where_something_is_wrong(
        self, http: Http, session: dict[str, str], store: Store, zoom: ZoomServer
    ) -> None:
        def chosen(answer: HTTPResponse) -> list[str | None]:
            boxes = [one for one in Elements(answer).all("input") if one.get("name") == "site"]
            return [box["value"] for box in boxes if "checked" in box]

        connected(store, "s8")
        assert chosen(http("GET", "/accounts", headers=session)) == ["s8"], "the only one"
        assert chosen(add(http, session, zoom, client_id="")) == []
        connected(store, "s9")
        assert chosen(add(http, session, zoom, client_id="", site="s9")) == ["s9"]
        assert chosen(add(http, session, zoom, client_secret="another-secret", site="s8")) == ["s8"]

    def test_with_a_new_secret_keeps_interval_and_name(
        self, http: Http, session: dict[str, str], store: Store, zoom: ZoomServer
    ) -> None:
        add(http, session, zoom)
        post(http, session, do="hours", account=zoom.account.account_id, hours="0")
        add(http, session, zoom, name="", plan="pro")
        with store.reading() as connection:
            (account,) = zoom_credentials.list_all(connection, store.sealer)
        assert (account.name, account.reconcile_hours, account.plan) == ("The choir's", 0, "pro")
        add(http, session, zoom, name="Others")
        with store.reading() as connection:
            assert list(zoom_credentials.names(connection).values()) == ["Others"]

    def test_a_site_that_is_not_there_is_refused(
        self, http: Http, session: dict[str, str], store: Store, zoom: ZoomServer
    ) -> None:
        assert add(http, session, zoom, site="nowhere").code == 422
        with store.reading() as connection:
            assert zoom_credentials.list_all(connection, store.sealer) == []

    @both_stores
    def test_ends_what_only_a_first_event_granted_where_sites_are_chosen(
        self, http: Http, session: dict[str, str], store: Store, zoom: ZoomServer
    ) -> None:
        for site_id in ("s8", "s9"):
            connected(store, site_id)
        account_id = zoom.account.account_id
        learn = partial(
            grants.add, account_id=account_id, site_id="s8", source=GrantSource.FIRST_EVENT, now=1
        )
        store.write(learn)
        add(http, session, zoom)
        with store.reading() as connection:
            assert grants.site_ids(connection, account_id) == ["s8"], (
                "nobody has said which sites may have it"
            )
        answer = add(http, session, zoom, site="s9")
        with store.reading() as connection:
            assert grants.site_ids(connection, account_id) == ["s9"]
        page = text(http("GET", answer.headers["Location"], headers=session))
        assert "No longer shown on Site s8" in page


class TestWork:
    @both_stores
    @pytest.mark.parametrize("do", ["import", "import-dry", "reconcile", "reconcile-dry"])
    def test_is_asked_for(
        self, http: Http, session: dict[str, str], bridge: Bridge, zoom: ZoomServer, do: str
    ) -> None:
        add(http, session, zoom)
        answer = post(http, session, do=do, account=zoom.account.account_id)
        assert answer.headers["Location"] == "/jobs/1"
        with bridge.store.reading() as connection:
            job = jobs.load(connection, 1)
        kind, _, dry = do.partition("-")
        assert (job.kind, bool(job.arguments.get("dry_run")), job.requested_by) == (kind, bool(dry), "anna")
        assert http("GET", "/accounts", headers=session).code == 200

    @both_stores
    def test_shows_how_far_an_import_is(
        self, http: Http, session: dict[str, str], bridge: Bridge, zoom: ZoomServer
    ) -> None:
        add(http, session, zoom)
        post(http, session, do="import", account=zoom.account.account_id)

        def becomes(**values: Any) -> None:
            bridge.store.write(lambda connection: connection.execute(update(jobs_table).values(**values)))

        said = "Reading is complete. Pages that are still to be written: 300."
        becomes(state=JobState.RUNNING, done=123, total=500, counts={"new": 2460}, message=said)

        (bar,) = (page := Elements(http("GET", "/jobs/1", headers=session))).all("progress")
        assert (bar["value"], bar["max"]) == ("123", "500")
        assert page.named("zb-job-1")["data-live"]
        assert said in text(http("GET", "/jobs/1", headers=session))
        for path in ("/accounts", "/jobs"):
            answer = http("GET", path, headers=session)
            assert re.search(r"Running\s+123 of 500", text(answer))
            assert Elements(answer).named("zb-works")["data-live"]

        becomes(state=JobState.DONE, done=500)
        for path in ("/accounts", "/jobs"):
            assert "data-live" not in Elements(http("GET", path, headers=session)).named("zb-works")

    def test_of_an_account_that_is_gone_is_not(self, http: Http, session: dict[str, str]) -> None:
        assert post(http, session, do="import", account="gone").headers["Location"] == "/accounts"

    @both_stores
    def test_tells_what_it_found(self, http: Http, session: dict[str, str], store: Store) -> None:
        job = store.write(
            lambda connection: jobs.enqueue(
                connection, "reconcile", {}, site_id=None, requested_by="anna", now=0
            )
        )
        lines = [
            Finding(job.id, "account", number, kind, f"<b>Choir {number}</b>")
            for number, kind in ((1, "new"), (2, "gone"))
        ]
        store.write(lambda connection: findings.add(connection, lines))
        page = http("GET", f"/jobs/{job.id}/findings", headers=session)
        assert "<b>Choir" not in page.body.decode()
        assert "No longer in Zoom" in text(page)
        only = text(http("GET", f"/jobs/{job.id}/findings?kind=gone", headers=session))
        assert "Choir 2" in only
        assert "Choir 1" not in only
        assert "No findings" in text(http("GET", "/jobs/8/findings", headers=session))


class TestList:
    def test_has_a_row_for_each_account_on_pages(
        self, http: Http, session: dict[str, str], store: Store
    ) -> None:
        for site_id in ("s2", "s3", "s4", "s5"):
            connected(store, site_id)
        granted(store, "Account07", "s2", "s3", "s4", "s5")
        for number in range(23):
            name = f"Account{number:02}"
            account = ZoomAccount(name, Credentials(name, "id", "secret"), reconcile_hours=0)
            store.write(partial(zoom_credentials.save, account=account, sealer=store.sealer))
        record = partial(zoom_credentials.record_fault, account_id="Account03", message="Broken.")
        store.write(record)
        first = text(http("GET", "/accounts", headers=session))
        assert "Account03 Failing Broken. no site only on request" in first
        assert "Account07 OK Site s2, Site s3, Site s4 and 1 more only on request" in first
        assert "Account20" not in first
        second = text(http("GET", "/accounts?page=2", headers=session))
        assert "Account20" in second
        assert "Next page" not in second
        assert "Account20" in text(http("GET", "/accounts?page=9", headers=session))


class TestChange:
    def test_how_often_it_is_compared(
        self, http: Http, session: dict[str, str], store: Store, zoom: ZoomServer
    ) -> None:
        add(http, session, zoom)
        answer = post(http, session, do="hours", account=zoom.account.account_id, hours="0")
        own = http("GET", answer.headers["Location"], headers=session)
        assert "Saved." in text(own)
        assert Elements(own).named("zb-hours")["value"] == "0"
        assert "Import meetings" in text(own)
        with store.reading() as connection:
            (account,) = zoom_credentials.list_all(connection, store.sealer)
        assert account.reconcile_hours == 0
        assert "only on request" in text(http("GET", "/accounts", headers=session))
        store.write(partial(zoom_credentials.record_fault, account_id=account.id, message="Zoom is away."))
        post(http, session, do="hours", account=account.id, hours="12")
        with store.reading() as connection:
            (account,) = zoom_credentials.list_all(connection, store.sealer)
        assert (account.reconcile_hours, account.fault_message) == (12, "Zoom is away.")
        for hours in ("", "10000", "-1", "½"):
            wrong = post(http, session, do="hours", account=account.id, hours=hours)
            assert (wrong.code, "Nothing was saved: enter a number" in text(wrong)) == (422, True)

    @both_stores
    def test_credentials_are_forgotten(
        self, http: Http, session: dict[str, str], bridge: Bridge, zoom: ZoomServer
    ) -> None:
        add(http, session, zoom)
        assert post(http, session, do="remove", account=zoom.account.account_id).code == 303
        with bridge.store.reading() as connection:
            assert zoom_credentials.list_all(connection, bridge.store.sealer) == []
