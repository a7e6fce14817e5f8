"""Memory of a running bridge."""

from __future__ import annotations

import re
from pathlib import Path


def resident(pid: int) -> int:
    """Return the resident memory of a process and of those that it has started, in KiB."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    children = Path(f"/proc/{pid}/task").glob("*/children")
    return int(found[1]) + sum(
        resident(int(child)) for path in children for child in path.read_text().split()
    )
