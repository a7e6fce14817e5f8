"""Sentences of core on German pages: stored in English, shown in German."""

from typing import Any

import pytest
from sqlalchemy import update

from core import messages
from core.sites import apply_rules
from core.store import jobs
from core.store.db.engine import Store
from core.store.db.schema import jobs as jobs_table
from core.store.db.schema import sites as sites_table
from core.store.events.log import Outcome
from core.store.sites.sites import Site
from tests.web.conftest import Http, text
from tests.web.pages.test_events import NOON, put

UNREACHABLE = messages.SITE_UNREACHABLE % {"reason": messages.NO_SUCH_SERVER}


@pytest.fixture
def german(session: dict[str, str]) -> dict[str, str]:
    """A German administrator."""
    return session | {"Accept-Language": "de"}


def change(store: Store, table: Any, **values: Any) -> None:
    store.write(lambda connection: connection.execute(update(table).values(**values)))


@pytest.mark.parametrize("path", ["/", "/sites", "/sites/s1"])
def test_fault_of_a_site(http: Http, store: Store, wp_site: Site, german: dict[str, str], path: str) -> None:
    change(store, sites_table, fault="network", fault_message=UNREACHABLE)
    shown = text(http("GET", path, headers=german))
    assert "Die Website war nicht erreichbar: es gibt keinen Server dieses Namens." in shown
    assert "could not be reached" not in shown


def test_findings_of_a_site(http: Http, store: Store, wp_site: Site, german: dict[str, str]) -> None:
    advice = messages.BRIDGE_ADVICE % {"address": "https://bridge.example.org"}
    findings = [
        ("WordPress", True, messages.SITE_ANSWERS % {"name": "Anna"}),
        ("plugin", True, messages.PLUGIN_VERSION % {"version": "0.1.0"}),
        ("clock", True, messages.CLOCKS_AGREE),
        ("bridge", False, f"Verbindung abgelehnt. {advice}"),
    ]
    report = {"findings": [{"name": name, "well": well, "message": said} for name, well, said in findings]}
    change(store, sites_table, health_report=report, checked_at=NOON)
    shown = text(http("GET", "/sites/s1", headers=german))
    assert "Prüfen Sie, ob die Bridge läuft" in shown
    for english in ("signed in as", "Check whether the bridge runs"):
        assert english not in shown


@pytest.mark.parametrize(
    "case",
    [
        (messages.JOB_FAILED % {"error": "KeyError"}, "interner Fehler aufgetreten (KeyError)"),
        (messages.WAITING_FOR_SITE_FAULT % {"fault": UNREACHABLE}, "es gibt keinen Server dieses Namens"),
        (messages.SCAN_POSTS_DUE % {"count": 300}, "300 Seiten sind noch zu schreiben"),
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
