"""What has become critical since the look before, and what has ended."""

from dataclasses import replace

import pytest

from core.model.site_facts import SiteFacts
from core.monitoring.alerts import Alert, AlertKind, Severity
from core.monitoring.notify.changes import NEW_SITE, Changes, compare, of
from core.monitoring.notify.texts import MOST_GROUPS, MOST_SITES, describe, group, payload
from core.store.alerts.open_alerts import Handling, OpenAlert

NOW = 10**12
SITE = SiteFacts("s1", "Choir", "https://s1.example.org")
DOWN = Alert(AlertKind.SITE, Severity.CRITICAL, "s1", "Choir", message="Away.")
LATE = Alert(AlertKind.OVERDUE, Severity.CRITICAL, "s1", "Choir")
MILD = replace(DOWN, severity=Severity.WARNING)
SENT = replace(of(DOWN), sent_at=NOW - 1)
ACKNOWLEDGED = replace(of(DOWN), handling=Handling.ACKNOWLEDGED)
SNOOZED = replace(SENT, handling=Handling.SNOOZED, until=NOW + 1)


def changes(known: OpenAlert | None, *alerts: Alert, site: SiteFacts = SITE) -> Changes:
    return compare(alerts, [site], {} if known is None else {known.id: known}, now=NOW)


@pytest.mark.parametrize(
    ("known", "now", "began", "ended", "kept"),
    [
        (None, None, False, False, False),
        (None, MILD, False, False, False),
        (None, DOWN, True, False, True),
        (SENT, DOWN, False, False, True),
        (SENT, replace(DOWN, message="Another reason."), False, False, True),
        (SENT, MILD, False, False, True),  # a check has found another reason
        (replace(SENT, id=LATE.id), replace(LATE, severity=Severity.WARNING), False, True, False),
        (SENT, None, False, True, False),
        (ACKNOWLEDGED, MILD, False, False, True),
        (ACKNOWLEDGED, DOWN, False, False, True),
        (ACKNOWLEDGED, None, False, False, False),
        (replace(ACKNOWLEDGED, sent_at=NOW - 1), DOWN, False, False, True),
        (replace(ACKNOWLEDGED, sent_at=NOW - 1), MILD, False, False, True),
        (
            replace(ACKNOWLEDGED, id=LATE.id, sent_at=NOW - 1),
            replace(LATE, severity=Severity.WARNING),
            False,
            True,
            True,
        ),
        (replace(ACKNOWLEDGED, sent_at=NOW - 1), None, False, True, False),
        (SNOOZED, DOWN, False, False, True),
        (replace(SNOOZED, until=NOW), DOWN, True, False, True),
        (replace(SNOOZED, until=NOW), MILD, False, False, True),
        (replace(SENT, sent_at=None), DOWN, True, False, True),  # reopened
        (replace(SENT, sent_at=None), None, False, False, False),
    ],
)
def test_is_told_once(
    known: OpenAlert | None, now: Alert | None, began: bool, ended: bool, kept: bool
) -> None:
    """And the look after it finds nothing new."""
    found = changes(known, *([now] if now else []))
    assert (bool(found.began), bool(found.ended)) == (began, ended)
    kept_as = found.saved[0] if found.saved else known
    after = None if kept_as is None or kept_as.id in found.removed else kept_as
    assert (after is not None) == kept
    assert changes(after, *([now] if now else [])).are_none


class TestWhatIsNotKnown:
    CHECK = Alert(AlertKind.CHECK, Severity.CRITICAL, "s1", "Choir", message="No index.", subject="nonces")

    def test_has_not_ended(self) -> None:
        """While the site does not answer, no check tells whether its other faults last."""
        known = replace(of(self.CHECK), sent_at=1)
        assert compare([DOWN], [SITE], {known.id: known, SENT.id: SENT}, now=NOW).are_none
        assert compare([], [SITE], {known.id: known}, now=NOW).ended == [known]
        elsewhere = replace(DOWN, site_id="s2")
        assert compare([elsewhere], [SITE], {known.id: known}, now=NOW).ended == [known]


class TestNewSite:
    def test_may_lack_its_secret_token_for_an_hour(self) -> None:
        lacks = Alert(AlertKind.NO_SECRET, Severity.CRITICAL, "s1", "Choir")
        assert changes(None, lacks, site=replace(SITE, created_at=NOW - NEW_SITE + 1)).are_none
        assert changes(None, lacks, site=replace(SITE, created_at=NOW - NEW_SITE)).began


class TestGroups:
    def test_are_what_is_the_same_over_many_sites(self) -> None:
        alerts = [
            of(replace(DOWN, site_id=f"s{number}", site_name=f"Site {number}", since=number or None))
            for number in range(MOST_SITES + 3)
        ]
        other = of(replace(DOWN, message="Moved.", site_id="t", site_name="T"))
        of_bridge = of(Alert(AlertKind.DISK, Severity.CRITICAL, count=5 * 2**20))
        first, second, third = payload(group([*alerts, other, of_bridge]))["groups"]
        assert (len(first["sites"]), first["more_sites"], first["since"]) == (MOST_SITES, 3, 1)
        assert (second["text"], second["sites"]) == ("The site cannot be updated. Moved.", [["t", "T"]])
        assert (third["sites"], third["more_sites"]) == ([], 0)
        assert "nearly full: 5 MiB" in third["text"]

    def test_are_bounded(self) -> None:
        alerts = [of(replace(DOWN, message="x" * 5000 + str(number))) for number in range(MOST_GROUPS + 7)]
        found = payload(group(alerts))
        assert (len(found["groups"]), found["more"]) == (MOST_GROUPS, 7)
        assert len(str(found)) < 100_000

    @pytest.mark.parametrize("kind", AlertKind)
    def test_say_each_kind_in_words(self, kind: AlertKind) -> None:
        said = describe(Alert(kind, Severity.CRITICAL, "s1", "Choir", count=7, message="So it is."))
        assert said
        assert "%(" not in said
