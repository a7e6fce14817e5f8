"""A stranger who does something a thousand times causes one line."""

from structlog.testing import capture_logs

from web.http.overload_log import OverloadLog


def test_each_event_is_logged_once_in_a_while_and_counted() -> None:
    now = [100.0]
    log = OverloadLog(seconds=60, clock=lambda: now[0])
    with capture_logs() as logs:
        for _ in range(1000):
            log.warning("refused", reason="full")
        log.warning("closed")
        now[0] += 59
        log.warning("refused", reason="full")
        now[0] += 1
        log.warning("refused", reason="full")
    assert logs == [
        {"event": "refused", "reason": "full", "times": 1, "log_level": "warning"},
        {"event": "closed", "times": 1, "log_level": "warning"},
        {"event": "refused", "reason": "full", "times": 1001, "log_level": "warning"},
    ]
