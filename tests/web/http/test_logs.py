"""The formats of the log on standard error, in a process of its own: logging is configured for the whole process."""

import json
import re
import subprocess
import sys

import pytest

SCRIPT = """
import logging, sys, threading, warnings
import structlog
from web.http.logs import log_to_stderr
log_to_stderr("info", sys.argv[1])
log = structlog.get_logger("here")
log.debug("not_shown")
log.info("post_mirrored", site="s1", trace_ids=["a1", "b2"], reason="Ümlaut\\nand a line")
logging.getLogger("tornado.application").warning("Slow: %s", "callback")
try:
    secret = "a local variable"
    1 / 0
except ZeroDivisionError:
    log.exception("job_failed", job=7)
threading.Thread(target=lambda: [][0], name="lost").start()
"""
UTC_TIME = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"


def logged(log_format: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, log_format], capture_output=True, text=True, timeout=600, check=True
    )
    return ran.stderr


def test_json_has_one_object_for_each_line_with_time_level_and_event() -> None:
    lines = [json.loads(line) for line in logged("json").splitlines()]
    assert [(line["level"], line["event"]) for line in lines] == [
        ("info", "post_mirrored"),
        ("warning", "library_message"),
        ("error", "job_failed"),
        ("error", "uncaught"),
    ]
    assert all(re.fullmatch(UTC_TIME, line["time"]) for line in lines)
    mirrored, library, failed, uncaught = lines
    assert (mirrored["trace_ids"], mirrored["reason"]) == (["a1", "b2"], "Ümlaut\nand a line")
    assert (library["logger"], library["message"]) == ("tornado.application", "Slow: callback")
    assert failed["exception"].startswith("Traceback")
    assert "IndexError" in uncaught["exception"]


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_shows_no_values_of_local_variables(log_format: str) -> None:
    said = logged(log_format)
    assert "ZeroDivisionError" in said
    assert "a local variable" not in said


def test_text_has_the_same_fields() -> None:
    first, second = logged("text").splitlines()[:2]
    assert re.match(UTC_TIME, first)
    assert "post_mirrored" in first
    assert "trace_ids=a1,b2" in first
    assert re.match(UTC_TIME, second)
    assert "[tornado.application] message='Slow: callback'" in second
