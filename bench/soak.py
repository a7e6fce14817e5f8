"""`python -m bench.soak`: the long runs, whole. Takes hours; prints a summary at the end."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import click

_PROPERTIES = ["tests/core/test_fold_properties.py", "tests/core/test_render_properties.py"]
_LONG = ["kill-sqlite", "kill-postgresql", "memory"]


@click.command(help=__doc__)
def main() -> None:
    """Run them one after the other, each to its end."""
    runs = {
        "100,000 examples of each property": (
            [sys.executable, "-m", "pytest", "-q", "--timeout", "0", *_PROPERTIES],
            {"HYPOTHESIS_PROFILE": "soak"},
        ),
        "kills and memory": (
            [sys.executable, "-m", "bench", "--whole", *(f"--only={name}" for name in _LONG)],
            {},
        ),
    }
    summary = []
    for name, (command, environment) in runs.items():
        click.echo(f"{name}: {' '.join(command[1:])}")
        began = time.monotonic()
        done = subprocess.run(command, env={**os.environ, **environment}, check=False)
        summary.append((name, done.returncode, time.monotonic() - began))
    click.echo()
    for name, code, seconds in summary:
        click.echo(f"{name}: {'done' if code == 0 else f'failed ({code})'}, {seconds / 60:.0f} min")
    sys.exit(any(code for _, code, _ in summary))


if __name__ == "__main__":
    main()
