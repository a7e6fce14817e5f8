"""Rules and dashboard use metrics that exist, and each alert has its section in the runbook. See `tests.promtool`, too."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update

from core.model.health_facts import CHECKED, FactName, HealthFinding
from core.monitoring.alerts import Alert, AlertKind, Severity
from core.store.db.engine import Store
from core.store.db.schema import sites as sites_table
from core.store.events import log
from core.store.sites import health
from tests.core.events import ACCOUNT, event
from tests.core.store.entries import entry
from tests.core.store.grants import granted
from tests.core.store.kept import keep, stand
from tests.web.conftest import METRICS_TOKEN, Http
from web.monitoring.metrics import fact_slug

ROOT = Path(__file__).parents[3]
RULES = (ROOT / "watching/alerts.yml").read_text(encoding="utf-8")
RULE_TESTS = (ROOT / "watching/alerts.test.yml").read_text(encoding="utf-8")
DASHBOARD: dict[str, Any] = json.loads((ROOT / "watching/dashboard.json").read_text(encoding="utf-8"))
RUNBOOK = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^#{2,3} (.+)\n\n((?:(?!#).*\n)*)", RUNBOOK, re.MULTILINE))
NAMES = re.findall(r"- alert: (\w+)", RULES)
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
METRIC = re.compile(r"\b(?:zoombridge|process|python)_\w+")
OF_PROMETHEUS = {"up"}
OF_THE_SITE = {FactName.WORDPRESS, FactName.PLUGIN, FactName.PAIRING}  # told by the alert "site"


@pytest.fixture
def exported(monitored: Http, store: Store) -> dict[str, set[str]]:
    """The metrics of a bridge where everything has happened, with the names of their labels."""
    granted(store, ACCOUNT, "s1")
    keep(store, 1)
    stand(store, 1, wanted=2, behind_since=5000)
    store.write(lambda connection: log.append(connection, [entry(store, event("meeting.updated", 1))]))
    seen = {"last_event_at": 61_000, "validated_at": 62_000, "last_write_at": 63_000}
    store.write(lambda connection: connection.execute(update(sites_table).values(**seen)))
    body = monitored("GET", "/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"}).body.decode()
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(body):
        found.setdefault(family.name, set())
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    found["zoombridge_event_to_post_seconds"] |= {"quantile"}  # which has no value without a write
    return found


def selected(expression: str) -> list[tuple[str, set[str]]]:
    """Return the metrics of an expression with the labels by which they are selected or grouped."""
    grouped = set(re.findall(r"\w+", " ".join(re.findall(r"\bby \(([^)]*)\)", expression))))
    return [
        (name, set(re.findall(r"(\w+)=", labels or "")) | grouped)
        for name, labels in re.findall(r"\b((?:zoombridge|process|python)_\w+)(?:\{([^}]*)\})?", expression)
    ]


def test_every_metric_and_label_of_rules_and_dashboard_exists(exported: dict[str, set[str]]) -> None:
    rules = re.findall(r"expr: (?:>-\n)?((?:.+\n)+?) +for:|expr: (.+)", RULES)
    expressions = [one or other for one, other in rules] + EXPRESSIONS
    assert len(expressions) == len(NAMES) + len(EXPRESSIONS)
    used = [one for expression in expressions for one in selected(expression)]
    assert {name for name, _ in used} - set(exported) == set()
    of_scrape = {"job", "instance"}  # which Prometheus adds
    for name, labels in used:
        assert labels - of_scrape <= exported[name], (name, labels, exported[name])


def test_the_rules_tests_name_every_rule_and_metrics_that_exist(exported: dict[str, set[str]]) -> None:
    tested = set(re.findall(r"alertname: (\w+)", RULE_TESTS))
    assert tested == set(NAMES)
    assert set(METRIC.findall("\n".join(re.findall(r"series: (.*)", RULE_TESTS)))) <= set(exported)


def test_the_documentation_names_every_metric(exported: dict[str, set[str]]) -> None:
    text = (ROOT / "docs/watching.md").read_text(encoding="utf-8")
    own = {name for name in exported if name.startswith("zoombridge_") and exported[name]}
    assert {name for name in own if name not in text} == set()


def test_every_alert_and_fact_has_its_section() -> None:
    facts = [
        fact_slug(Alert(AlertKind.CHECK, Severity.CRITICAL, subject=str(name)))
        for name in CHECKED
        if name not in OF_THE_SITE
    ]
    wanted = {*NAMES, *(kind.value for kind in AlertKind if kind is not AlertKind.CHECK)}
    wanted |= {f"check-{fact}" for fact in facts}
    headings = set(SECTIONS) - {
        "Alerts of Prometheus",
        "Alerts of the bridge",
        "Facts of a check",
        "Not ready",
    }
    assert headings == wanted
    for heading in (*wanted, "Not ready"):
        parts = re.findall(r"^- \*\*(.+?)\*\*: \S", SECTIONS[heading], re.MULTILINE)
        assert parts == ["What happened", "What is lost", "What to do"], heading


def test_annotations_lead_to_their_sections() -> None:
    anchors = {heading.lower().replace(" ", "-") for heading in SECTIONS}
    links = dict(zip(NAMES, re.findall(r"runbook: docs/runbook\.md#(.+)", RULES), strict=True))
    generic = links.pop("ZoomBridgeNeedsAttention")
    assert generic == "{{ $labels.kind }}{{ with $labels.fact }}-{{ . }}{{ end }}"
    assert links == {name: name.lower() for name in links}
    assert set(links.values()) <= anchors
    inside = set(re.findall(r"\]\(#([\w-]+)\)", RUNBOOK))
    assert inside <= anchors


def test_open_alerts_tell_kind_fact_and_site(monitored: Http, store: Store) -> None:
    found = [HealthFinding(FactName.PRO_WEBHOOK, False, "It is silent.")]
    store.write(lambda connection: health.record(connection, "s1", found, now=1))
    body = monitored("GET", "/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"}).body.decode()
    labels = {"kind": "check", "severity": "warning", "fact": "pro-webhook", "site": "s1"}
    families = {family.name: family for family in text_string_to_metric_families(body)}
    samples = families["zoombridge_open_alerts"].samples
    assert [sample.value for sample in samples if sample.labels == labels] == [1]


def test_the_dashboard_is_whole() -> None:
    panels = DASHBOARD["panels"]
    assert {panel["type"] for panel in panels} <= {"stat", "timeseries", "table"}
    assert len({panel["id"] for panel in panels}) == len(panels)
    (variable,) = DASHBOARD["templating"]["list"]
    source = {"type": "prometheus", "uid": f"${{{variable['name']}}}"}
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        assert panel["title"]
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
        for target in (panel, *panel["targets"]):
            assert target["datasource"] == source
        for expression in (target["expr"] for target in panel["targets"]):
            assert expression.count("(") == expression.count(")")
