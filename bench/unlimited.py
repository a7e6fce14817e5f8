"""The bridge as it would be if Zoom had no limits: `python -m bench.unlimited`, with the arguments of `zoombridge`.

Then the bridge itself or the site limits an import. For the benchmark only: Zoom would answer 429.
"""

from __future__ import annotations

import sys

from core.zoom.rate_limit import PER_SECOND, RateLabel
from tests.running import RunningBridge
from web.cli import main

_PER_SECOND = 10_000


class UnlimitedBridge(RunningBridge):
    """Such a bridge, as a process of its own."""

    COMMAND = (sys.executable, "-m", "bench.unlimited")


if __name__ == "__main__":
    for plan in PER_SECOND:
        PER_SECOND[plan] = dict.fromkeys(RateLabel, _PER_SECOND)
    main()
