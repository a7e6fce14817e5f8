"""No English on a German page: every page, every form with wrong values, and the pages of errors."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import update

import web.pages.accounts
from core import messages
from core.accounts import import_job
from core.auth.service import AuthService
from core.bridge import Bridge
from core.errors import StoreUnavailableError
from core.model.health_facts import FactName, HealthFinding
from core.selftest.cleanup import SELF_TEST
from core.selftest.steps import Progress, SelfTestStep, StepReport
from core.sites import diagnosis, pairing_codes
from core.sites.diagnosis import Stage
from core.store import jobs
from core.store.accounts import credentials as zoom_credentials
from core.store.accounts import findings
from core.store.accounts.credentials import ZoomAccount
from core.store.accounts.findings import Finding
from core.store.auth.one_time_links import Purpose
from core.store.db import schema
from core.store.db.engine import Store
from core.store.jobs import JobState
from core.store.sites import health
from core.store.sites.pairings import PairingState
from core.store.sites.sites import Site
from core.wordpress import signing
from core.wordpress.faults import unreachable
from core.zoom.oauth import Credentials
from tests.web.conftest import CONTEXT, Http, from_stub
from tests.web.english import english_on
from tests.web.pairings import used
from tests.web.routes import OURS, Form, Forms, fill_two_sites, pages

GERMAN = {"Accept-Language": "de-DE,de;q=0.9", "Accept": "text/html"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
Get = Callable[[str], str]

# Queries of pages: what a form or an old link leads to, and filters with mistakes.
QUERIES = (
    "?gone=yes", "?gone=trouble", "?gone=done", "?done=yes", "?done=checked", "?done=moved", "?done=connected",
    "?done=asked", "?done=role", "?done=removed", "?done=added", "?saved=yes", "?saved=s1", "?late=yes",
    "?outcome=refused", "?outcome=nothing", "?outcome=failed&number=x&since=x&until=x",
    "?number=1&since=2030-02-01T00:00&until=2030-01-01T00:00", "?q=nichts", "?site=s2", "?lacking=user:read:user:admin",
    "?state=deleted", "?before=1", "?kind=changed", "?gone=cancelled", "?download=yes", "?done=login",
)  # fmt: skip


@pytest.fixture
def database_kind() -> str:
    """Nothing here depends on the kind of the database."""
    return "sqlite"


@pytest.fixture
def unreachable_sites(monkeypatch: pytest.MonkeyPatch) -> None:
    """No request leaves this machine; each fails as at a site that is down."""

    def refuse(*_: object, **__: object) -> None:
        raise unreachable(messages.NO_ALLOWED_ADDRESS, evidence="")

    monkeypatch.setattr("core.wordpress.transport.send", refuse)
    monkeypatch.setattr(web.pages.accounts, "OAUTH_URL", "http://127.0.0.1:9/oauth")


@pytest.fixture
def names(
    http: Http, bridge: Bridge, store: Store, wp_site: Site, unreachable_sites: None
) -> dict[str, list[str]]:
    """A store in which much is wrong; returns the names of what it holds, for the groups of the routes."""
    found = fill_two_sites(http, bridge, store)
    now = int(time.time() * 1000)
    account = ZoomAccount("Chor", Credentials("AccountOurs", "client", "secret"), created_at=now)
    store.write(lambda connection: zoom_credentials.save(connection, account, store.sealer))
    fault = messages.SITE_UNREACHABLE % {"reason": messages.NO_ALLOWED_ADDRESS}
    findings_of_site = [
        HealthFinding(FactName.WORDPRESS, True, messages.SITE_ANSWERS),
        HealthFinding(FactName.PLUGIN, True, messages.PLUGIN_VERSION % {"version": "0.1.0"}),
        HealthFinding(FactName.PAIRING, False, messages.NOT_PAIRED),
        HealthFinding(FactName.CLOCK, False, " ".join(diagnosis.describe_clock_skew(1000))),
        HealthFinding(FactName.BRIDGE, False, f"{messages.PLUGIN_KEY_WRONG} {messages.BRIDGE_LOCAL}"),
        HealthFinding(FactName.PAGES, False, fault),
    ]
    change(store, schema.sites, checked_at=now, fault="network", fault_message=fault)
    store.write(lambda connection: health.record(connection, "s1", findings_of_site, now=now))
    change(store, schema.zoom_accounts, fault_message=messages.ZOOM_RATE_LIMIT)
    imported = store.write(
        lambda connection: jobs.enqueue(
            connection,
            import_job.KIND,
            {"account": "AccountOurs"},
            site_id=None,
            requested_by="anna",
            now=now,
        )
    )
    noted = [
        Finding(imported.id, "AccountOurs", OURS, "changed", "Chor", "topic, start_time, join_url"),
        Finding(imported.id, "AccountOurs", OURS, "leave", "Chor", messages.RULE_INSTANT, "s1"),
    ]
    store.write(lambda connection: findings.add(connection, noted))
    failed = diagnosis.diagnose_visit(diagnosis.VisitorResponse(None, False, messages.ANSWER_TOO_LATE))
    progress = Progress(
        step=SelfTestStep.ENDED,
        lines=[
            StepReport(Stage.ANSWERED, True, 20, "HTTP 204"),
            StepReport(Stage.ARRIVED, True, 20, messages.TEST_UNCHANGED % {"count": 700}),
        ],
        diagnosis=failed,
    )
    tested = store.write(
        lambda connection: jobs.enqueue(
            connection, SELF_TEST, {"site": "s1"}, site_id="s1", requested_by="anna", now=now
        )
    )
    store.write(
        lambda connection: connection.execute(
            update(schema.jobs)
            .where(schema.jobs.c.id == tested.id)
            .values(cursor=asdict(progress), state=JobState.DONE, ended_at=now)
        )
    )
    found["job"] = [*found["job"], str(imported.id), str(tested.id)]
    return found


def change(store: Store, table: Any, **values: Any) -> None:
    store.write(lambda connection: connection.execute(update(table).values(**values)))


VIEWERS = ("session", "viewer", "from_wordpress", "stub")


@pytest.fixture(params=VIEWERS)
def get(request: pytest.FixtureRequest, http: Http, wp_site: Site) -> Get:
    """Return the German page of a path, for each kind of viewer."""
    signed_in = {} if request.param == "stub" else request.getfixturevalue(request.param)

    def fetch(path: str) -> str:
        context = CONTEXT | {"locale": "de_DE"}
        headers = GERMAN | (signed_in or from_stub(wp_site, "GET", path, context=context))
        answer = http("GET", path, headers=headers)
        assert answer.code in (200, 303, 403, 404, 405, 422), (path, answer.code)
        is_page = "zip" not in answer.headers.get("Content-Type", "")
        return answer.body.decode(errors="replace") if is_page else ""

    return fetch


def test_pages(get: Get, bridge: Bridge, names: dict[str, list[str]]) -> None:
    paths = [path for route in pages(bridge, names) for path in route.paths]
    found = {path: english for path in paths if (english := english_on(get(path)))}
    assert found == {}


@pytest.mark.parametrize("get", ["session"], indirect=True)
def test_notes_on_pages(get: Get, bridge: Bridge, names: dict[str, list[str]]) -> None:
    paths = [f"{route.paths[0]}{query}" for route in pages(bridge, names) for query in QUERIES]
    found = {path: english for path in paths if (english := english_on(get(path)))}
    assert found == {}


def values_of(form: Form) -> Iterator[list[tuple[str, str]]]:
    """Yield the fields of a form as the page fills them, and with wrong values in those that a person fills."""
    for wrong in (None, "", "?", "x" * 3000, "http://[", "-1"):
        fields = [
            (name, value if wrong is None or name in ("do", "site", "account", "token") else wrong)
            for name, value in form.fields
        ]
        for button in form.buttons or [("", "")]:
            yield [*fields, button]


def test_forms_with_wrong_values(
    http: Http, store: Store, bridge: Bridge, names: dict[str, list[str]], session: dict[str, str]
) -> None:
    headers = GERMAN | session
    forms: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for path in (path for route in pages(bridge, names) for path in route.paths):
        answer = http("GET", path, headers=headers)
        # The plugin's zip is no page, although forms are in it.
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            for form in Forms(path, answer.body.decode()).found:
                for fields in values_of(form):
                    forms.setdefault((form.action, urlencode([pair for pair in fields if pair[0]])), fields)
    assert len(forms) > 100
    found: dict[str, list[str]] = {}
    seen = set()
    # What removes something comes last, so that the forms before it find it.
    for action, body in sorted(
        forms, key=lambda form: ("remove" in form[1] or "disconnect" in form[0], form)
    ):
        if action in ("/signout", "/account"):
            continue
        answer = http("POST", action, body.encode(), headers | FORM)
        assert answer.code in (200, 303, 403, 404, 422, 429, 503), (action, body[:200], answer.code)
        seen.add(answer.code)
        if english := english_on(answer.body.decode(errors="replace")):
            found[f"{action}?{body[:200]}"] = english
    assert found == {}
    assert {303, 422} <= seen


PASSWORD = "correct horse battery"


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/account", {"password": PASSWORD, "wanted": "short", "again": "short"}),
        ("/account", {"wanted": PASSWORD, "again": "another"}),
        ("/account", {"wanted": "a" * 20, "again": "a" * 20}),
        ("/account", {"wanted": "a" * 600, "again": "a" * 600}),
        ("/users", {"do": "add", "name": "a b"}),
        ("/users", {"do": "add", "name": "anna"}),
        ("/users", {"do": "add", "name": "otto", "role": "viewer"}),
        ("/users", {"do": "link", "name": "nobody"}),
        ("/users", {"do": "role", "name": "anna", "role": "viewer"}),
        ("/users", {"do": "remove", "name": "anna"}),
        ("/signin", {"name": "anna", "password": "wrong"}),
        ("/sites/add", {"address": "no address", "bridge_url": "https://bridge.example.org"}),
        ("/sites/add", {"address": "https://anna:secret@example.org"}),
        ("/sites/add", {"uses": "101", "bridge_url": "bridge"}),
        ("/sites/add", {"uses": "2", "address": "https://example.org"}),
    ],
)
def test_errors_of_forms(
    http: Http, session: dict[str, str], unreachable_sites: None, path: str, form: dict[str, str]
) -> None:
    answer = http("POST", path, urlencode(form).encode(), GERMAN | FORM | session)
    assert answer.code in (200, 422), answer.code
    assert b'lang="de"' in answer.body
    assert english_on(answer.body.decode()) == []


def test_signing_in_with_links(http: Http, auth_service: AuthService) -> None:
    first = auth_service.invitation()
    shown = [http("GET", f"/first?token={first}", headers=GERMAN), http("GET", "/signin", headers=GERMAN)]
    forms = (
        {"token": first, "name": "anna", "password": "short", "again": "short"},
        {"token": first, "name": "a b", "password": PASSWORD, "again": PASSWORD},
        {
            "token": first,
            "name": "annabella.smith",
            "password": "annabella.smith",
            "again": "annabella.smith",
        },
        {"token": first, "name": "anna", "password": PASSWORD, "again": "another"},
        {"token": "unknown", "name": "anna", "password": PASSWORD, "again": PASSWORD},
    )
    shown += [http("POST", "/first", urlencode(form).encode(), GERMAN | FORM) for form in forms]
    made = {"token": first, "name": "anna", "password": PASSWORD, "again": PASSWORD}
    assert http("POST", "/first", urlencode(made).encode(), GERMAN | FORM).code == 303
    link = auth_service.link("anna", Purpose.PASSWORD)
    short = urlencode({"token": link, "password": "short", "again": "short"}).encode()
    shown += [
        http("GET", f"/password?token={link}", headers=GERMAN),
        http("POST", "/password", short, GERMAN | FORM),
        http("GET", "/password?token=unknown", headers=GERMAN),
        http("GET", "/link?token=unknown", headers=GERMAN),
        http("GET", f"/link?token={auth_service.link('anna', Purpose.SIGN_IN)}", headers=GERMAN),
        http("POST", "/enter", b"token=unknown", GERMAN | FORM),
    ]
    wrong = urlencode({"name": "anna", "password": "wrong"}).encode()
    shown += [http("POST", "/signin", wrong, GERMAN | FORM) for _ in range(12)]
    assert shown[-1].code == 429
    for answer in shown:
        assert b'lang="de"' in answer.body
        assert english_on(answer.body.decode()) == [], answer.effective_url


NOT_CALLED_BACK = (
    messages.PAIRING_LOCAL % {"address": "http://localhost/"},
    messages.PAIRING_NETWORK % {"address": "https://x.example.org/", "reason": messages.SERVER_SILENT},
    messages.PAIRING_TLS % {"address": "https://x.example.org/"},
    messages.PAIRING_BUSY,
)


@pytest.mark.parametrize("message", NOT_CALLED_BACK)
def test_why_a_site_cannot_be_called_back(
    http: Http, store: Store, session: dict[str, str], message: str
) -> None:
    code = pairing_codes.issue_code(store, bridge_url="https://bridge.example.org", requested_by="/anna")
    used(store, code.id, PairingState.UNREACHABLE, message=message)
    answer = http("GET", f"/sites/add/{code.id}", headers=GERMAN | session)
    assert answer.code == 200
    assert english_on(answer.body.decode()) == []


class TestErrors:
    def test_database_that_is_down(
        self,
        http: Http,
        store: Store,
        wp_site: Site,
        session: dict[str, str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def down(*_: object) -> None:
            raise StoreUnavailableError(messages.STORE_UNAVAILABLE % {"reason": messages.STORE_SILENT})

        monkeypatch.setattr(store, "reading", down)
        monkeypatch.setattr(store, "submit", down)
        for path in ("/", "/signin", "/link?token=x"):
            answer = http("GET", path, headers=GERMAN | session)
            assert answer.code == 503
            assert "Die Datenbank ist jetzt nicht verfügbar" in answer.body.decode()
            assert english_on(answer.body.decode()) == []
        context = CONTEXT | {"locale": "de_DE"}
        answer = http("GET", "/", headers=from_stub(wp_site, "GET", "/", context=context))
        assert answer.code == 503
        assert "Die Datenbank ist jetzt nicht" in json_message(answer.body)

    def test_form_from_elsewhere(self, http: Http, session: dict[str, str]) -> None:
        for path in ("/users", "/signin", "/nowhere"):
            headers = GERMAN | FORM | session | {"Sec-Fetch-Site": "cross-site"}
            answer = http("POST", path, b"", headers)
            assert answer.code in (403, 404)
            assert b'lang="de"' in answer.body
            assert english_on(answer.body.decode()) == []

    def test_address_that_does_not_exist(self, http: Http, wp_site: Site) -> None:
        answer = http("GET", "/nowhere", headers=GERMAN)
        assert answer.code == 404
        assert "gibt es keine Seite" in answer.body.decode()
        assert english_on(answer.body.decode()) == []
        headers = from_stub(wp_site, "GET", "/nowhere", context=CONTEXT | {"locale": "de_DE"})
        answer = http("GET", "/nowhere", headers=headers)
        assert answer.code == 404
        assert signing.ANSWER_HEADER in answer.headers
        assert "gibt es keine Seite" in json_message(answer.body)

    def test_plugin_that_is_not_known(self, http: Http, wp_site: Site) -> None:
        context = CONTEXT | {"locale": "de_DE"}
        answer = http("GET", "/", headers=from_stub(wp_site, "GET", "/", context=context, key="00" * 32))
        assert answer.code == 401
        assert "signiert mit einem anderen Schlüssel" in json_message(answer.body)

    def test_too_many_jobs(
        self, http: Http, store: Store, names: dict[str, list[str]], session: dict[str, str]
    ) -> None:
        for number in range(jobs.MOST_UNFINISHED + 1):
            answer = http(
                "POST", "/events/replay", urlencode({"number": number + 1}).encode(), GERMAN | FORM | session
            )
        assert answer.code == 422
        assert "Aufträge dieser Art warten bereits" in answer.body.decode()
        assert english_on(answer.body.decode()) == []

    def test_what_is_gone(self, http: Http, store: Store, wp_site: Site, session: dict[str, str]) -> None:
        for path in ("/sites/nowhere", "/jobs/999", "/events/999", "/events/quarantine/999", "/meetings/x/1"):
            answer = http("GET", path, headers=GERMAN | session)
            if answer.code == 303:
                answer = http("GET", answer.headers["Location"], headers=GERMAN | session)
            assert english_on(answer.body.decode()) == [], path


def json_message(body: bytes) -> str:
    found = re.search(r'"message": "((?:[^"\\]|\\.)*)"', body.decode())
    assert found, body
    return found[1].encode().decode("unicode_escape")
