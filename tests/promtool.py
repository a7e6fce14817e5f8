"""Check and test the alert rules with promtool, of Debian's package `prometheus`: `python -m tests.promtool`.

An installed promtool is used; otherwise the package is downloaded and unpacked, but not installed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.wordpress.cache import cached

WATCHING = Path(__file__).parents[1] / "watching"


def promtool() -> str:
    """Return the path of promtool. Raises: subprocess.CalledProcessError where it cannot be downloaded."""
    return shutil.which("promtool") or str(cached("promtool", _fetch) / "promtool")


def _fetch(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as work:
        subprocess.run(["apt-get", "-qq", "download", "prometheus"], cwd=work, check=True)
        (package,) = Path(work).glob("prometheus_*.deb")
        subprocess.run(["dpkg-deb", "--extract", package, f"{work}/unpacked"], check=True)
        shutil.copy2(f"{work}/unpacked/usr/bin/promtool", folder / "promtool")


def main() -> int:
    """Run both commands; return 1 where one fails."""
    tool = promtool()
    return max(
        subprocess.run([tool, *arguments], check=False).returncode
        for arguments in (
            ("check", "rules", WATCHING / "alerts.yml"),
            ("test", "rules", WATCHING / "alerts.test.yml"),
        )
    )


if __name__ == "__main__":
    sys.exit(main())
