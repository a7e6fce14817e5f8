"""Metrics in Prometheus's format, for holders of the token, with no private data."""

import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update

from core.errors import StoreUnavailableError
from core.monitoring.alerts import Severity
from core.store.db.engine import Store
from core.store.db.schema import sites as sites_table
from core.store.events import log
from core.store.events.log import Outcome
from core.store.sites import sites
from core.store.sites.sites import Site
from tests.core.conftest import connected
from tests.core.events import ACCOUNT, SECRET, event
from tests.core.store.entries import entry
from tests.core.store.grants import granted
from tests.core.store.kept import keep, stand
from tests.web.conftest import METRICS_TOKEN as TOKEN
from tests.web.conftest import Http
from web.cli import zoombridge

NOW = int(time.time() * 1000)


def bearer(token: str = TOKEN) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def measured(http: Http) -> dict[tuple[str, ...], float]:
    """Return each number by its name and the values of its labels."""
    answer = http("GET", "/metrics", headers=bearer())
    assert answer.code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    families = text_string_to_metric_families(answer.body.decode())
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


class TestToken:
    @pytest.mark.parametrize(
        "headers",
        [
            {},
            bearer("another-token-here"),
            {"Authorization": TOKEN},
            {"Authorization": f"Basic {TOKEN}"},
        ],
    )
    def test_is_closed_to_who_has_no_token(self, monitored: Http, headers: dict[str, str]) -> None:
        answer = monitored("GET", "/metrics", headers=headers)
        assert answer.code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert b"zoombridge_site" not in answer.body

    def test_is_closed_without_a_token_of_its_own(self, http: Http, wp_site: Site) -> None:
        for headers in ({}, bearer(), {"Authorization": "Bearer"}):
            answer = http("GET", "/metrics", headers=headers)
            assert answer.code == 403
            assert b"ZOOMBRIDGE_METRICS_TOKEN" in answer.body

    def test_takes_no_token_that_is_easily_guessed(self, tmp_path: Path) -> None:
        found = CliRunner().invoke(zoombridge, ["serve", "--metrics-token", "short", "--data", str(tmp_path)])
        assert found.exit_code == 2
        assert "at least 16 characters" in found.output
        assert list(tmp_path.iterdir()) == []

    def test_says_that_the_database_is_away(self, monitored: Http, monkeypatch: pytest.MonkeyPatch) -> None:
        def away(*_args: Any, **_given: Any) -> Any:
            raise StoreUnavailableError("It is away.")

        monkeypatch.setattr("web.monitoring.metrics.gather", away)
        answer = monitored("GET", "/metrics", headers=bearer())
        assert answer.code == 503
        assert b"It is away." in answer.body


class TestNumbers:
    def test_of_sites(self, monitored: Http, store: Store) -> None:
        connected(store, "s2")
        granted(store, ACCOUNT, "s1", "s2")
        keep(store, 1)
        keep(store, 2)
        stand(store, 1, wanted=2, behind_since=5000)
        stand(store, 2, fault="server", fault_message="It broke.", behind_since=9000)
        for number in (1, 2):
            stand(store, number, "s2", behind_since=None)

        def happens(connection: Any) -> None:
            sites.record_fault(connection, "s1", fault="network", message="Away.", blocked_until=0, now=1)
            seen = {"last_event_at": 61_000, "validated_at": 62_000, "last_write_at": 63_000}
            connection.execute(update(sites_table).where(sites_table.c.id == "s1").values(**seen))

        store.write(happens)
        found = measured(monitored)
        assert found["zoombridge_site_info", "s1", "https://s1.example.org"] == 1
        assert found["zoombridge_site_last_event_timestamp_seconds", "s1"] == 61
        assert found["zoombridge_site_last_validation_timestamp_seconds", "s1"] == 62
        assert found["zoombridge_site_last_write_timestamp_seconds", "s1"] == 63
        assert found["zoombridge_site_oldest_pending_post_timestamp_seconds", "s1"] == 5
        assert ("zoombridge_site_oldest_pending_post_timestamp_seconds", "s2") not in found
        assert found["zoombridge_site_consecutive_failures", "s1"] == 1
        assert found["zoombridge_site_posts", "s1", "pending"] == 1
        assert found["zoombridge_site_posts", "s1", "failing"] == 1
        assert found["zoombridge_site_posts", "s2", "failing"] == 0
        assert found["zoombridge_site_quarantined_requests", "s2"] == 0
        assert found["zoombridge_refused_requests_total", "unsigned"] == 0
        assert found["zoombridge_alerts", Severity.CRITICAL] >= 2
        assert found["zoombridge_alerts", "acknowledged"] == 0

    def test_of_the_log(self, monitored: Http, store: Store) -> None:
        lines = [
            entry(store, event("meeting.updated", number), received_at=NOW, outcome=outcome)
            for number, outcome in enumerate([Outcome.APPLIED, Outcome.APPLIED, Outcome.IGNORED])
        ]
        store.write(lambda connection: log.append(connection, lines))
        found = measured(monitored)
        counted = {outcome: found["zoombridge_last_day_events", outcome] for outcome in Outcome}
        assert {outcome: count for outcome, count in counted.items() if count} == {
            Outcome.APPLIED: 2,
            Outcome.IGNORED: 1,
        }

    def test_of_the_process(self, monitored: Http) -> None:
        found = measured(monitored)
        assert found["process_resident_memory_bytes",] > 0
        assert [key for key in found if key[0] == "zoombridge_info"]

    def test_name_no_meeting_and_no_secret(self, monitored: Http, store: Store, wp_site: Site) -> None:
        granted(store, ACCOUNT, "s1")
        keep(store, 85393847045, topic="Choir rehearsal", host_id="anna")
        body = monitored("GET", "/metrics", headers=bearer()).body.decode()
        for hidden in ("Choir", "85393847045", "anna", ACCOUNT, SECRET, wp_site.key, TOKEN):
            assert hidden not in body
