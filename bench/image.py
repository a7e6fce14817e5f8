"""Build the container's image and run it as `packaging/container/compose.yaml` does: `python -m bench.image`.

With Docker or Podman. Where neither works, the Dockerfile's instructions are followed in a folder instead, which needs
root and debootstrap; without them, it is linted alone. The bridge runs with SQLite; no port is opened on this machine.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Protocol

import click

from bench import image_steps

ROOT = Path(__file__).parents[1]
FILE = ROOT / "packaging" / "container" / "Dockerfile"
IMAGE = "zoombridge-soak"
_ENGINES = ("docker", "podman")
_RIGHTS = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
_READY_SECONDS = 600.0


def engine() -> str:
    """Return the engine that works on this machine; empty where none does."""
    for name in _ENGINES:
        if (
            shutil.which(name)
            and not subprocess.run([name, "info"], capture_output=True, check=False).returncode
        ):
            return name
    return ""


class Runs(Protocol):
    """The image that runs, in an engine's container or in namespaces."""

    def wait_until_healthy(self) -> None:
        """Return once the image's own health check passes."""

    def shell(self, line: str) -> str:
        """Return what a line of a shell in it prints."""

    def log(self) -> str:
        """Return what it wrote so far."""

    def stop(self) -> int:
        """Ask it to end; return its exit status."""


class Container:
    """The image in a container, whose commands end with an AssertionError where they fail."""

    def __init__(self, program: str, options: tuple[str, ...]) -> None:
        self._program = program
        command = ("run", "--detach", *_RIGHTS, *options, IMAGE)
        self._name = self._engine(*command).strip().splitlines()[-1]

    def wait_until_healthy(self) -> None:
        """Return once the image's own health check passes."""
        check = re.search(r"HEALTHCHECK .*\\\n +CMD (\[.*\])", FILE.read_text(encoding="utf-8"))
        assert check, "the Dockerfile has no health check"
        command = re.findall(r'"([^"]*)"', check[1])
        deadline = time.monotonic() + _READY_SECONDS
        while self._run("exec", self._name, *command).returncode:
            assert time.monotonic() < deadline, f"not healthy:\n{self.log()}"
            time.sleep(0.5)

    def shell(self, line: str) -> str:
        """Return what a line of a shell in the container prints."""
        return self._engine("exec", self._name, "sh", "-c", line)

    def log(self) -> str:
        """Return what the container wrote so far."""
        done = self._run("logs", self._name)
        return done.stdout + done.stderr

    def stop(self) -> int:
        """Ask it to end; return its exit status."""
        self._engine("stop", "--time", "60", self._name)
        return int(self._engine("wait", self._name))

    def remove(self) -> None:
        """Delete it, with its volume."""
        self._run("rm", "--force", "--volumes", self._name)

    def _engine(self, *arguments: str) -> str:
        done = self._run(*arguments)
        assert done.returncode == 0, f"{self._program} {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([self._program, *arguments], capture_output=True, text=True, check=False)


def verify(container: Runs) -> None:
    """Raise: AssertionError where the container is not as docs/hosting.md says."""
    container.wait_until_healthy()
    assert container.shell("id -u").strip() == "10001"
    assert re.search(r"^CapBnd:\t0+$", container.shell("cat /proc/1/status"), re.MULTILINE)
    assert "read-only" in container.shell("touch /opt/zoombridge/x 2>&1 || true").lower()
    container.shell("touch /var/lib/zoombridge/x && rm /var/lib/zoombridge/x")
    container.shell("! command -v pip")
    added = container.shell("printf 'correct horse battery staple\\n' | zoombridge user add anna")
    assert "anna" in added + container.shell("zoombridge user list")
    assert container.stop() == 0, container.log()


@click.command(help=__doc__)
@click.option("--engine", "program", help="The engine to use, in place of the one that works.")
@click.option("--option", "options", multiple=True, help="More options of the engine's `run`.")
def main(program: str | None, options: tuple[str, ...]) -> None:
    """Lint, build, run."""
    subprocess.run([str(Path(sys.executable).with_name("hadolint")), str(FILE)], check=True)
    program = program or engine()
    if program:
        _run_by_engine(program, options)
    elif image_steps.is_possible():
        _run_in_a_folder()
    else:
        click.echo("The Dockerfile has no faults; not built: neither Docker nor Podman works here.")


def _run_by_engine(program: str, options: tuple[str, ...]) -> None:
    subprocess.run([program, "build", "--file", str(FILE), "--tag", IMAGE, str(ROOT)], check=True)
    container = Container(program, options)
    try:
        verify(container)
    finally:
        container.remove()
    click.echo(
        f"The image was built by {program}, and ran read-only, without root and privileges, until it was asked to stop."
    )


def _run_in_a_folder() -> None:
    with tempfile.TemporaryDirectory(prefix="zoombridge-image-") as made:
        Path(made).chmod(0o755)  # for apt and for the image's user, who get through it
        folder = image_steps.Folder(image_steps.Image(FILE, Path(made)), Path(made))
        try:
            verify(folder)
        finally:
            folder.remove()
    click.echo(
        "No engine works here: the Dockerfile's instructions were followed in a folder, on Debian's own Python, and what "
        "they make ran read-only, without root and privileges, until it was asked to stop."
    )


if __name__ == "__main__":
    main()
