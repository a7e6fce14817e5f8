"""Which tests each run tries on SQLite alone; the soak tries them on PostgreSQL, too.

The queries are tried on both stores where they stand, in tests/core/store. What is above them is tried on both as far as
it depends on the store: locks, leases, notifications, faults. Of the rest, a class or two of each file; of commands and
pages, one of each kind.
"""

from __future__ import annotations

ON_SQLITE = (
    "tests/core/accounts/test_host_events.py",
    "tests/core/accounts/test_import_job.py",
    "tests/core/accounts/test_job_schedule.py",
    "tests/core/accounts/test_reconcile_job.py",
    "tests/core/accounts/test_removal_phases.py",
    "tests/core/accounts/test_scan.py",
    "tests/core/auth/test_service.py",
    "tests/core/auth/test_two_factor.py",
    "tests/core/maintenance/test_backup.py",
    "tests/core/monitoring/test_event_detail.py",
    "tests/core/monitoring/notify/test_notify.py",
    "tests/core/pipeline/test_ingest.py",
    "tests/core/pipeline/test_replay.py",
    "tests/core/selftest/test_job.py",
    "tests/core/sites/test_apply_rules.py",
    "tests/core/sites/test_health_check.py",
    "tests/core/sites/test_health_worker.py",
    "tests/core/sites/test_page_visits.py",
    "tests/core/sites/test_pairing.py",
    "tests/core/sites/test_pairing_codes.py",
    "tests/core/sites/test_plugin_reports.py",
    "tests/core/sites/test_preview.py",
    "tests/core/store/test_site_scope.py",
    "tests/core/test_bulk.py",
    "tests/web/acceptor/test_forwarder.py",
    "tests/web/cli/",
    "tests/web/http/test_handler.py",
    "tests/web/monitoring/test_metrics.py",
    "tests/web/monitoring/test_watching.py",
    "tests/web/pages/",
    "tests/web/rpc/test_handler.py",
    "tests/web/signin/test_handlers.py",
    "tests/web/stub/",
    "tests/web/test_excluded_fields.py",
    "tests/web/ui/test_i18n.py",
    "tests/web/webhooks/test_handler.py",
)
ON_BOTH = (
    "tests/core/accounts/test_import_job.py::TestImport",
    "tests/core/accounts/test_reconcile_job.py::TestReconcile",
    "tests/core/auth/test_service.py::TestLastAdministrator",
    "tests/core/auth/test_service.py::TestLinks",
    "tests/core/auth/test_two_factor.py::TestReplay",
    "tests/core/maintenance/test_backup.py::TestEveryWay",
    "tests/core/monitoring/notify/test_notify.py::TestChannels",
    "tests/core/pipeline/test_ingest.py::TestAccepted",
    "tests/core/pipeline/test_ingest.py::TestBatch",
    "tests/core/pipeline/test_ingest.py::TestRecheck",
    "tests/core/pipeline/test_ingest.py::TestUnavailable",
    "tests/core/pipeline/test_replay.py::TestPieces",
    "tests/core/selftest/test_job.py::TestGoesWell",
    "tests/core/sites/test_apply_rules.py::TestReview",
    "tests/core/sites/test_health_check.py::TestFacts",
    "tests/core/sites/test_pairing.py::TestOneWordPressIsOneSite",
    "tests/core/test_bulk.py::TestResults::test_of_tags",
    "tests/web/acceptor/test_forwarder.py::TestFaults",
    "tests/web/cli/test_backup.py",
    "tests/web/cli/test_events.py::TestReplay",
    "tests/web/cli/test_site.py::TestAdd",
    "tests/web/http/test_handler.py::TestOneTimeTokens::test_are_logged_by_no_success",
    "tests/web/monitoring/test_metrics.py::TestNumbers",
    "tests/web/pages/test_accounts.py::TestWork",
    "tests/web/pages/test_events.py::TestReplay",
    "tests/web/pages/test_grants.py::TestRequests",
    "tests/web/pages/test_held_pages.py::TestHeldPages",
    "tests/web/pages/test_meetings.py::TestFind",
    "tests/web/pages/test_overview.py::TestTroubles",
    "tests/web/pages/test_sites.py::TestManySites",
    "tests/web/signin/test_handlers.py::TestDatabaseThatIsDown",
    "tests/web/stub/test_auth.py::TestReplay",
    "tests/web/webhooks/test_handler.py::TestAnswersToZoom::test_a_database_that_cannot_be_written",
    "tests/web/webhooks/test_handler.py::TestAnswersToZoom::test_an_authentic_event",
    "tests/web/webhooks/test_handler.py::TestAnswersToZoom::test_one_seen_before",
)


def is_for_the_soak(nodeid: str) -> bool:
    """Return whether a test on PostgreSQL is left to the soak."""
    return nodeid.startswith(ON_SQLITE) and not nodeid.startswith(ON_BOTH)
