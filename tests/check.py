"""Check a change while it is made: the linters, and core's tests on SQLite. Starts no server, needs no network.

`python -m tests.check` runs both side by side, prints the whole output of what failed, and a summary.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from tests import groups

# Tests wait for threads now and then: one worker more than there are cores has something to do meanwhile.
_WORKERS = (os.cpu_count() or 1) + 1
_TESTS = ["tests/core", "tests/test_style.py"]
# What else reads calendars needs programs that `bin/setup check` does not install, and a download.
_READERS = ("TestReadByOthers", "TestValid")
_WITHOUT_SERVICES = "not wordpress and not postgresql and not browser"


def _without_readers() -> list[str]:
    return [f"--deselect=tests/core/render/test_ical.py::{name}" for name in _READERS]


def main() -> int:
    """Return 0 if all is well."""
    with tempfile.TemporaryDirectory(prefix="zoombridge-check-", dir=groups.memory()) as folder:
        tests = groups.pytest_group(
            "tests",
            [
                *_TESTS,
                *_without_readers(),
                "-m",
                _WITHOUT_SERVICES,
                "-n",
                str(_WORKERS),
                "--dist",
                "worksteal",
            ],
            folder=Path(folder),
            environment={"HYPOTHESIS_PROFILE": "quick"},
        )
        return groups.run([groups.Group("lint", ["make", "--no-print-directory", "lint"]), tests])


if __name__ == "__main__":
    sys.exit(main())
