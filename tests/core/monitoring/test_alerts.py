"""What is not as it should be: told early, and no louder than it is."""

from dataclasses import replace
from typing import Any

import pytest

from core.errors import Fault
from core.model.health_facts import CHECKED, FactName, HealthFact
from core.model.post_status import PostStatus
from core.model.site_facts import OpenPosts, SiteFacts
from core.monitoring.alerts import (
    CONFIRMED_AFTER,
    PATIENCE,
    SETUP,
    Alert,
    AlertKind,
    Disk,
    Severity,
    alerts_of,
)

HOUR = 3_600_000
NOW = 1_000 * HOUR
WELL = SiteFacts(
    id="s1",
    name="Choir",
    url="https://s1.example.org",
    validated_at=NOW - HOUR,
    last_event="meeting.updated",
    last_event_at=NOW - HOUR,
    last_write_at=NOW - HOUR,
)


def found(site: SiteFacts = WELL, **more: Any) -> list[Alert]:
    return alerts_of([site], now=NOW, **more)


def alerted(**values: Any) -> list[tuple[AlertKind, Severity]]:
    return [(one.kind, one.severity) for one in found(replace(WELL, **values))]


def test_nothing_where_all_is_well() -> None:
    assert found() == []
    assert alerts_of([], now=NOW) == []


class TestSite:
    @pytest.mark.parametrize("fault", [Fault.CREDENTIALS, Fault.MOVED, "what a later version knows"])
    def test_that_only_a_person_can_mend_needs_one_at_once(self, fault: str) -> None:
        assert alerted(fault=fault, fault_message="It is so.") == [(AlertKind.SITE, Severity.CRITICAL)]

    @pytest.mark.parametrize(
        ("ago", "severity"), [(PATIENCE, Severity.WARNING), (PATIENCE + 1, Severity.CRITICAL)]
    )
    def test_that_may_pass_needs_one_when_it_lasts(self, ago: int, severity: Severity) -> None:
        waiting = (OpenPosts(PostStatus.PENDING, 3, since=NOW - ago),)
        (one,) = found(
            replace(WELL, fault=Fault.NETWORK, fault_message="Away.", open=waiting, blocked_until=NOW + 1)
        )
        assert (one.kind, one.severity, one.message, one.count) == (AlertKind.SITE, severity, "Away.", 3)
        assert (one.since, one.until) == (NOW - ago, NOW + 1)

    def test_is_told_once_for_all_its_posts(self) -> None:
        posts = (
            OpenPosts(PostStatus.FAILING, 2, since=NOW - 2 * HOUR, fault="network", message="Away."),
            OpenPosts(PostStatus.PENDING, 5, since=NOW - HOUR),
        )
        assert alerted(fault=Fault.NETWORK, fault_message="Away.", open=posts) == [
            (AlertKind.SITE, Severity.CRITICAL)
        ]


def failing(name: FactName, *, seen_for: int = CONFIRMED_AFTER) -> HealthFact:
    return HealthFact(name, False, f"{name} fails.", since=NOW - HOUR, seen_at=NOW - HOUR + seen_for)


class TestChecks:
    @pytest.mark.parametrize("name", CHECKED)
    def test_a_fact_needs_somebody_once_a_second_check_has_found_it(self, name: FactName) -> None:
        (first,) = found(replace(WELL, failing=(failing(name, seen_for=CONFIRMED_AFTER - 1),)))
        (second,) = found(replace(WELL, failing=(failing(name),)))
        # A version of VCZAPI that was not tried stops nothing.
        lasting = Severity.WARNING if name is FactName.VCZAPI else Severity.CRITICAL
        assert (first.severity, second.severity) == (Severity.WARNING, lasting)
        assert (first.id, second.message, second.since) == (second.id, f"{name} fails.", NOW - HOUR)

    def test_a_goodbye_of_the_plugin_needs_no_second(self) -> None:
        gone = failing(FactName.PLUGIN, seen_for=0)
        assert alerted(failing=(gone,), left_at=NOW) == [(AlertKind.SITE, Severity.CRITICAL)]

    def test_and_writes_that_fail_for_it_are_one_alert(self) -> None:
        """Whichever is known first, it stays the same alert."""
        written = {"fault": Fault.NETWORK, "fault_message": "Away.", "last_write_at": NOW}
        facts = (failing(FactName.WORDPRESS), failing(FactName.PAGES))
        (by_write,), (by_check,), (both,) = (
            found(replace(WELL, **values))
            for values in (written, {"failing": facts}, {**written, "failing": facts})
        )
        assert by_write.id == by_check.id == both.id
        assert (by_write.severity, by_check.severity, both.severity) == (
            Severity.WARNING,
            Severity.CRITICAL,
            Severity.CRITICAL,
        )
        assert (by_write.message, both.message) == ("Away.", "WordPress fails.")

    def test_of_one_site_have_identifiers_of_their_own(self) -> None:
        facts = tuple(failing(name) for name in CHECKED)
        alerts = found(replace(WELL, failing=facts))
        assert len({one.id for one in alerts}) == len(alerts) == len(CHECKED) - 2
        assert {one.id for one in found(replace(WELL, id="s2", failing=facts))}.isdisjoint(
            one.id for one in alerts
        )


class TestPosts:
    def test_that_fail_are_told_by_reason(self) -> None:
        posts = (
            OpenPosts(PostStatus.FAILING, 2, since=NOW - 1, fault="refused", message="Refused."),
            OpenPosts(PostStatus.FAILING, 1, since=NOW - 1, fault="server", message="It broke."),
        )
        first, second = found(replace(WELL, open=posts))
        assert (first.kind, first.severity, first.count, first.message) == (
            AlertKind.FAILING,
            Severity.CRITICAL,
            2,
            "Refused.",
        )
        assert (second.severity, second.count, second.message) == (Severity.WARNING, 1, "It broke.")

    @pytest.mark.parametrize(
        ("ago", "kinds"), [(PATIENCE, []), (PATIENCE + 1, [(AlertKind.BEHIND, Severity.WARNING)])]
    )
    def test_that_wait_are_told_when_it_is_long(self, ago: int, kinds: list[Any]) -> None:
        assert alerted(open=(OpenPosts(PostStatus.PENDING, 5, since=NOW - ago),)) == kinds

    @pytest.mark.parametrize("status", [PostStatus.WITHHELD, PostStatus.DETACHED])
    def test_that_are_not_to_be_shown_are_no_trouble(self, status: PostStatus) -> None:
        assert alerted(open=(OpenPosts(status, 5, message="So."),)) == []


class TestZoom:
    def test_without_a_secret_nothing_else_matters(self) -> None:
        assert alerted(secrets=0, validated_at=None, last_event_at=None) == [
            (AlertKind.NO_SECRET, Severity.CRITICAL)
        ]

    def test_refused_events_need_somebody(self) -> None:
        (one,) = found(replace(WELL, held=3, held_since=NOW - HOUR))
        assert (one.kind, one.severity, one.count, one.since) == (
            AlertKind.QUARANTINE,
            Severity.CRITICAL,
            3,
            NOW - HOUR,
        )

    def test_a_clock_that_is_off_needs_somebody_until_an_event_passes(self) -> None:
        off = replace(WELL, stale_at=NOW, stale_seconds=-900, last_event_at=NOW - 1)
        (one,) = found(off)
        assert (one.kind, one.severity, one.count, one.since) == (
            AlertKind.CLOCK,
            Severity.CRITICAL,
            900,
            NOW,
        )
        assert found(replace(off, last_event_at=NOW)) == []

    def test_a_new_site_waits_for_zoom(self) -> None:
        new = {"validated_at": None, "last_event": None, "last_event_at": None, "created_at": NOW - SETUP}
        assert alerted(**new) == [(AlertKind.NOT_VALIDATED, Severity.WARNING)]
        assert alerted(**new | {"created_at": NOW - SETUP - 1}) == [
            (AlertKind.NOT_VALIDATED, Severity.CRITICAL)
        ]
        assert (AlertKind.HELD_PAGES, Severity.CRITICAL) in alerted(held_pages=7, held_pages_since=NOW)
        assert alerted(**new | {"validated_at": NOW - HOUR}) == [(AlertKind.NO_EVENT, Severity.WARNING)]

    @pytest.mark.parametrize(
        ("validated", "event", "kinds"),
        [
            (73, 30, [(AlertKind.QUIET, Severity.WARNING)]),
            (75, 30, [(AlertKind.OVERDUE, Severity.CRITICAL), (AlertKind.QUIET, Severity.WARNING)]),
            (75, 1, [(AlertKind.OVERDUE, Severity.WARNING)]),
        ],
    )
    def test_an_overdue_validation_is_told_before_zoom_stops(
        self, validated: int, event: int, kinds: list[Any]
    ) -> None:
        assert alerted(validated_at=NOW - validated * HOUR, last_event_at=NOW - event * HOUR) == kinds

    @pytest.mark.parametrize(
        ("hours", "gap", "is_quiet"),
        [
            (24, None, False),
            (25, None, True),
            (25, 1, True),
            (25, 12, False),
            (48, 12, False),
            (49, 12, True),
        ],
    )
    def test_silence_is_told_when_it_is_longer_than_usual(
        self, hours: int, gap: int | None, is_quiet: bool
    ) -> None:
        usual = None if gap is None else gap * HOUR
        kinds = alerted(last_event_at=NOW - hours * HOUR, usual_gap=usual)
        assert kinds == ([(AlertKind.QUIET, Severity.WARNING)] if is_quiet else [])

    def test_no_validation_is_missed_while_events_come(self) -> None:
        assert alerted(validated_at=None) == []


class TestBridge:
    def test_events_that_it_could_not_fold(self) -> None:
        (one,) = found(failed_events=7, more_failed=True)
        assert (one.kind, one.severity, one.count, one.more) == (
            AlertKind.FAILED_EVENTS,
            Severity.CRITICAL,
            7,
            True,
        )

    def test_accounts_that_it_cannot_read(self) -> None:
        (one,) = found(accounts=[("Choir", "The scope is missing.")])
        assert (one.kind, one.site_name, one.message) == (AlertKind.ACCOUNT, "Choir", "The scope is missing.")

    @pytest.mark.parametrize(
        ("free", "total", "is_full"),
        [
            (900 * 2**20, 10 * 2**30, True),
            (2 * 2**30, 10 * 2**30, False),
            (2 * 2**30, 100 * 2**30, True),
            (11 * 2**30, 1000 * 2**30, False),
            (0, 0, True),
        ],
    )
    def test_a_disk_that_is_nearly_full(self, free: int, total: int, is_full: bool) -> None:
        assert [one.kind for one in found(disk=Disk(free, total))] == ([AlertKind.DISK] if is_full else [])

    def test_what_needs_a_person_comes_first(self) -> None:
        quiet = replace(WELL, last_event_at=NOW - 30 * HOUR)
        refused = replace(WELL, id="s2", held=1)
        assert [one.kind for one in alerts_of([quiet, refused], now=NOW)] == [
            AlertKind.QUARANTINE,
            AlertKind.QUIET,
        ]


class TestLargeRequests:
    def test_need_a_person_until_they_are_dismissed(self) -> None:
        facts: dict[str, Any] = {
            "too_large": 2,
            "too_large_since": NOW - HOUR,
            "too_large_is_plausible": True,
            "unverified_large": 1,
            "unverified_large_since": NOW,
        }
        assert alerted(**facts) == [
            (AlertKind.TOO_LARGE, Severity.CRITICAL),
            (AlertKind.UNVERIFIED_LARGE, Severity.CRITICAL),
        ]
        one, other = found(replace(WELL, **facts))
        assert (one.count, one.since, other.count, other.since) == (2, NOW - HOUR, 1, NOW)

    def test_are_a_warning_where_anybody_may_have_sent_them(self) -> None:
        assert alerted(too_large=1, too_large_since=NOW) == [(AlertKind.TOO_LARGE, Severity.WARNING)]


class TestUnreadableEvents:
    def test_are_a_warning(self) -> None:
        (one,) = alerts_of([], now=NOW, unreadable_events=3, more_unreadable=True)
        assert (one.kind, one.severity, one.count, one.more) == (
            AlertKind.UNREADABLE_EVENTS,
            Severity.WARNING,
            3,
            True,
        )


class TestGrantRequests:
    def test_are_a_warning_that_says_whether_all_of_them_are_kept(self) -> None:
        (one,) = found(replace(WELL, waiting=4, waiting_since=NOW))
        assert (one.kind, one.severity, one.count, one.more) == (
            AlertKind.GRANT_REQUESTS,
            Severity.WARNING,
            4,
            False,
        )
        (one,) = found(replace(WELL, waiting=4, waiting_since=NOW, waiting_dropped=1))
        assert one.more
