"""Sentences of core on German pages: stored in English, shown in German."""

from dataclasses import asdict
from typing import Any

import pytest
from sqlalchemy import update

from core import messages
from core.model.health_facts import FactName, HealthFinding
from core.selftest.cleanup import SELF_TEST
from core.selftest.steps import Progress, SelfTestStep
from core.sites import apply_rules, diagnosis
from core.sites.diagnosis import EndpointResponse
from core.sites.vczapi_versions import vczapi_findings
from core.store import jobs
from core.store.db.engine import Store
from core.store.db.schema import jobs as jobs_table
from core.store.db.schema import sites as sites_table
from core.store.events import quarantine
from core.store.events.log import Outcome
from core.store.events.request import Request
from core.store.jobs import JobState
from core.store.posts import attempts
from core.store.posts.attempts import Attempt
from core.store.sites import health, sites
from core.store.sites.sites import Site
from tests.core.events import ACCOUNT, event, raw, signed
from tests.core.store.grants import granted
from tests.core.store.kept import keep, stand
from tests.web.conftest import Http, text
from tests.web.pages.doors import Door
from tests.web.pages.test_events import CHOIR, NOON, put
from tests.web.pages.test_meeting import NOW

UNREACHABLE = messages.SITE_UNREACHABLE % {"reason": messages.NO_ALLOWED_ADDRESS}


@pytest.fixture
def german(session: dict[str, str]) -> dict[str, str]:
    """A German administrator."""
    return session | {"Accept-Language": "de"}


def change(store: Store, table: Any, **values: Any) -> None:
    store.write(lambda connection: connection.execute(update(table).values(**values)))


@pytest.mark.parametrize("path", ["/", "/sites", "/sites/s1"])
def test_fault_of_a_site(http: Http, store: Store, wp_site: Site, german: dict[str, str], path: str) -> None:
    store.write(
        lambda connection: sites.record_fault(
            connection, "s1", fault="network", message=UNREACHABLE, blocked_until=0, now=NOON
        )
    )
    shown = text(http("GET", path, headers=german))
    assert (
        "Die Website war nicht erreichbar: es gibt diese Adresse nicht, oder sie liegt in einem Netz" in shown
    )
    assert "could not be reached" not in shown


def test_findings_of_a_site(http: Http, store: Store, wp_site: Site, german: dict[str, str]) -> None:
    advice = messages.BRIDGE_ADVICE % {"address": "https://bridge.example.org"}
    findings = [
        HealthFinding(FactName.WORDPRESS, True, messages.SITE_ANSWERS),
        HealthFinding(FactName.PLUGIN, True, messages.PLUGIN_VERSION % {"version": "0.1.0"}),
        HealthFinding(FactName.CLOCK, True, messages.CLOCKS_AGREE),
        HealthFinding(FactName.BRIDGE, False, f"Verbindung abgelehnt. {advice}"),
    ]
    findings += vczapi_findings("4.7.0", "")
    change(store, sites_table, checked_at=NOON)
    store.write(lambda connection: health.record(connection, "s1", findings, now=NOON))
    shown = text(http("GET", "/sites/s1", headers=german))
    assert "4.7.0 wurde noch nicht mit der Bridge erprobt" in shown
    assert "Version unbekannt; keine Version" in shown
    assert "Prüfen Sie, ob die Bridge läuft" in shown
    assert "Seit 20" in shown
    for english in ("answers", "Since", "Check whether the bridge runs"):
        assert english not in shown


@pytest.mark.parametrize(
    "case",
    [
        (messages.JOB_FAILED % {"error": "KeyError"}, "interner Fehler aufgetreten (KeyError)"),
        (
            messages.WAITING_FOR_SITE_FAULT % {"fault": UNREACHABLE},
            "es gibt diese Adresse nicht, oder sie liegt in einem Netz",
        ),
        (messages.SCAN_POSTS_DUE % {"count": 300}, "Noch zu schreibende Seiten: 300"),
    ],
)
def test_message_of_a_job(
    http: Http, store: Store, wp_site: Site, german: dict[str, str], case: tuple[str, str]
) -> None:
    message, translated = case
    store.write(
        lambda connection: jobs.enqueue(
            connection, apply_rules.KIND, {"site": "s1"}, site_id="s1", requested_by="anna", now=NOON
        )
    )
    change(store, jobs_table, message=message)
    for path in ("/jobs", "/jobs/1"):
        assert translated in text(http("GET", path, headers=german))


def test_reason_of_an_ignored_event(http: Http, store: Store, wp_site: Site, german: dict[str, str]) -> None:
    event_id = put(store, "user.updated", 0, Outcome.IGNORED, reason=messages.EVENT_NOT_PROCESSED, id="u")
    for path in ("/events", f"/events/{event_id}"):
        shown = text(http("GET", path, headers=german))
        assert "Ereignisse dieser Art verarbeitet die Bridge nicht." in shown
        assert messages.EVENT_NOT_PROCESSED not in shown


def test_text_that_is_in_no_catalogue_is_marked_as_english(
    http: Http, store: Store, wp_site: Site, german: dict[str, str]
) -> None:
    change(store, sites_table, fault="network", fault_message="A fault of an older bridge.")
    answer = http("GET", "/sites", headers=german)
    assert '<span lang="en">A fault of an older bridge.</span>' in answer.body.decode()


def test_reasons_of_a_meeting(http: Http, store: Store, admin: Door, german: dict[str, str]) -> None:
    granted(store, ACCOUNT, "s1")
    keep(store, CHOIR, 24, topic="Choir", now=NOW)
    refused = messages.REQUEST_REJECTED % {"evidence": "x: y"}
    attempt = Attempt("s1", CHOIR, NOW, 340, fault="refused", message=refused)
    store.write(lambda connection: attempts.add(connection, [attempt]))
    stand(store, CHOIR, state="none", post_id=None, reason=messages.RULE_TOPIC_EXCLUDED % {"pattern": "Ch*"})
    shown = text(http("GET", f"/meetings/{ACCOUNT}/{CHOIR}", headers=german))
    assert "Sein Thema passt auf „Ch*“, was die Einstellungen ausschließen." in shown
    assert "WordPress hat die Anfrage abgelehnt: x: y." in shown
    assert "exclude" not in shown


def test_reason_of_a_quarantined_request(
    http: Http, store: Store, wp_site: Site, german: dict[str, str]
) -> None:
    body = raw(event(at=1, id=CHOIR))
    held = Request(signed(body, secret="another", at=NOON / 1000), body)
    store.write(
        lambda connection: quarantine.add(
            connection, "s1", held, store.sealer, reason=messages.WRONG_SECRET, now=NOON
        )
    )
    for path in ("/events?outcome=refused", "/events/quarantine/1"):
        shown = text(http("GET", path, headers=german))
        assert "Zoom hat dies mit einem anderen Secret Token signiert" in shown
        assert "Zoom signed" not in shown


def test_diagnosis_of_a_self_test(http: Http, store: Store, wp_site: Site, german: dict[str, str]) -> None:
    found = diagnosis.diagnose_response(EndpointResponse(503, code="zoombridge_unavailable", message="Full."))
    cursor = asdict(Progress(step=SelfTestStep.ENDED, diagnosis=found))
    store.write(
        lambda connection: jobs.enqueue(
            connection, SELF_TEST, {"site": "s1"}, site_id="s1", requested_by="anna", now=NOON
        )
    )
    change(store, jobs_table, cursor=cursor, state=JobState.DONE, ended_at=NOON)
    shown = text(http("GET", "/sites/s1", headers=german))
    assert "die Bridge konnte es nicht speichern: Full. Zoom sendet ein solches Ereignis" in shown
    assert "Prüfen Sie die Datenbank der Bridge" in shown
    assert "resends" not in shown
