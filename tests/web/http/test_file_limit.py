"""A server may open as many files as the system permits."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource
from structlog.testing import capture_logs
from web.http.file_limit import raise_file_limit

most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (64, most))
with capture_logs() as logs:
    raise_file_limit()
print(resource.getrlimit(resource.RLIMIT_NOFILE) == (most, most), logs == [
    {"event": "file_limit", "limit": most, "before": 64, "log_level": "info"}
])
"""
REFUSED = """
import resource
from structlog.testing import capture_logs
from web.http.file_limit import raise_file_limit

def refuse(*_):
    raise ValueError("not allowed")

resource.setrlimit = refuse
with capture_logs() as logs:
    raise_file_limit()
print([(line["event"], line["reason"]) for line in logs] == [("file_limit_not_raised", "not allowed")])
"""


@pytest.mark.parametrize(("program", "said"), [(PROGRAM, "True True"), (REFUSED, "True")])
def test_is_raised_or_the_log_says_why_not(program: str, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=600, check=True
    )
    assert done.stdout.strip() == said
