"""Run the linters and every test, in groups side by side: most of them wait for servers of their own most of the time.

`python -m tests.all` prints the progress of each group, the whole output of one that failed, and a summary.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests import groups

# The last group is whatever the others leave, so that no folder can be forgotten.
_SITES = ["tests/end_to_end"]
# They wait for servers more than they compute.
_WAITING = ["tests/plugin_stub", "tests/wordpress", "tests/bench"]
_FAULTS = ["tests/faults"]
# They start the bridge and its commands as processes.
_COMMANDS = ["tests/web/acceptor", "tests/web/cli"]
_PAGES = ["tests/web"]
# What starts no program: the rest is a third of it. The longest group alone would keep one core waiting at the end.
_STORES = ["tests/core/store", "tests/core/sites", "tests/core/wordpress"]
_HISTORIES = ["tests/convergence", "tests/core/accounts", "tests/core/maintenance", "tests/core/pipeline"]
# Those that are tried beside the others of the newer WordPress: what takes a browser most, and another third.
_LOOKS = "test_accessibility or test_browser"
_RULES = "test_rules or test_meetings or test_import or test_one_upload or test_ways_in or test_one_site or test_clones"
_GROUPS = {
    # What looks at every page is the longest, and does it on one WordPress only.
    "older": [*_SITES, "-k", "mariadb"],
    "newer": [*_SITES, "-k", f"not mariadb and not ({_LOOKS}) and not ({_RULES})"],
    "rules": [*_SITES, "-k", f"not mariadb and ({_RULES})"],
    "looks": [*_SITES, "-k", f"not mariadb and ({_LOOKS})"],
    "waiting": [*_WAITING, "-k", "not test_vczapi"],
    "vczapi": ["tests/plugin_stub", "-k", "test_vczapi"],
    "faults": _FAULTS,
    "commands": _COMMANDS,
    "pages": [*_PAGES, *(f"--ignore={folder}" for folder in _COMMANDS)],
    "stores": _STORES,
    "histories": _HISTORIES,
    "rest": [
        "tests",
        *(f"--ignore={folder}" for folder in _SITES + _WAITING + _FAULTS + _PAGES + _STORES + _HISTORIES),
    ],
}
# A full disk and a sync to it are no matter of these.
_IN_MEMORY = ("commands", "pages", "stores", "histories", "rest")


def main() -> int:
    """Run every group; return 0 if none failed."""
    with (
        tempfile.TemporaryDirectory(prefix="zb-") as disk,
        tempfile.TemporaryDirectory(prefix="zb-", dir=groups.memory()) as memory,
    ):
        return groups.run(
            [
                groups.Group("lint", ["make", "--no-print-directory", "lint"]),
                *(
                    groups.pytest_group(name, arguments, folder=Path(memory if name in _IN_MEMORY else disk))
                    for name, arguments in _GROUPS.items()
                ),
            ]
        )


if __name__ == "__main__":
    sys.exit(main())
