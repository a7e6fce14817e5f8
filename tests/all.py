"""Every test, in groups that run side by side: most of them wait for servers of their own most of the time.

`python -m tests.all` shows how far each group is, prints the whole output of one that failed, and ends with how
many tests passed and failed altogether.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field

# The last group is whatever the others leave, so that no folder can be forgotten.
_SITES = ["tests/end_to_end"]
# They wait for servers more than they compute.
_WAITING = ["tests/plugin_stub", "tests/wordpress", "tests/bench", "tests/faults"]
_PAGES = ["tests/web"]
_GROUPS = {
    # Each on one of the two WordPresses.
    "older": [*_SITES, "-k", "debian-mariadb"],
    "newer": [*_SITES, "-k", "not debian-mariadb"],
    "waiting": _WAITING,
    "pages": _PAGES,
    "rest": ["tests", *(f"--ignore={folder}" for folder in _SITES + _WAITING + _PAGES)],
}
_PROGRESS = re.compile(r"\[ *\d+%\]$")
_COUNT = re.compile(r"(\d+) (passed|failed|errors?|xfailed|xpassed|skipped)")


@dataclass
class Group:
    """Some folders of tests, run by a pytest of their own."""

    name: str
    arguments: list[str]
    lines: list[str] = field(default_factory=list)
    status: int = -1

    def run(self) -> None:
        """Run them, and tell how far they are."""
        command = [sys.executable, "-m", "pytest", "-q", "-o", "cache_dir=.pytest_cache/" + self.name]
        with subprocess.Popen(
            [*command, *self.arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                self.lines.append(line.rstrip())
                if found := _PROGRESS.search(self.lines[-1]):
                    print(f"{self.name:>12} {found[0]}", flush=True)
        self.status = process.returncode

    def counts(self) -> Counter[str]:
        """Return how many passed, failed and so on, as pytest's last line says."""
        closing = next((line for line in reversed(self.lines) if _COUNT.search(line)), "")
        return Counter({words: int(number) for number, words in _COUNT.findall(closing)})


def main() -> int:
    """Run every group; return 0 if nothing failed and nothing was left out."""
    groups = [Group(name, arguments) for name, arguments in _GROUPS.items()]
    threads = [threading.Thread(target=group.run) for group in groups]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total: Counter[str] = Counter()
    for group in groups:
        print(f"\n{group.name}: " + (group.lines[-1] if group.lines else "no output"))
        if group.status != 0:
            print("\n".join(group.lines))
        total += group.counts()
    failed = total["failed"] + total["error"] + total["errors"]
    others = sum(total.values()) - total["passed"] - failed
    print(f"\n{total['passed']} passed, {failed} failed" + (f", {others} skipped" if others else ""))
    return 0 if all(group.status == 0 for group in groups) else 1


if __name__ == "__main__":
    sys.exit(main())
