"""Run a command of this checkout on another release of Debian: `python -m bench.platforms trixie test`.

debootstrap makes the release in a folder; the commit that is checked out is copied there, and the command runs in it by
chroot, with everything that `bin/setup` installs. Needs root, debootstrap and 6 GB; nothing is left.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from contextlib import ExitStack
from pathlib import Path

import click

from tests.packaging.machine import lend_network, mirror

ROOT = Path(__file__).parents[1]
_PACKAGES = "ca-certificates,git,make,python3,python3-venv,sudo"
_MOUNTED = (("proc", "proc", ()), ("sysfs", "sys", ()), ("/dev", "dev", ("--rbind",)))


def run(release: str, command: list[str]) -> int:
    """Run `make` with a command; return its exit status. Raises: click.ClickException where the release cannot be made."""
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        raise click.ClickException("This needs root and Debian's package debootstrap.")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"zoombridge-{release}-")))
        folder.chmod(0o755)  # for apt, which downloads as a user of its own
        made = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", release, str(folder), mirror()]
        if subprocess.run(made, check=False).returncode:
            raise click.ClickException(f"debootstrap could not make {release}.")
        packed = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True).stdout
        checkout = folder / "checkout"
        with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
            tar.extractall(checkout, filter="data")
        lend_network(folder)
        for source, target, options in _MOUNTED:
            kind = options or ("--types", source)
            subprocess.run(["mount", *kind, source, str(folder / target)], check=True)
            # Lazily: of what was mounted with it, too; and before the folder is removed.
            stack.callback(
                subprocess.run, ["umount", "--recursive", "--lazy", str(folder / target)], check=False
            )
        inside = [
            "chroot",
            str(folder),
            "env",
            "-i",
            "HOME=/root",
            "LANG=C.UTF-8",
            "TERM=dumb",
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        ]
        return subprocess.run(
            [*inside, "CI=true", "make", "-C", "/checkout", *command], check=False
        ).returncode


@click.command(help=__doc__)
@click.argument("release")
@click.argument("command", nargs=-1, required=True)
def main(release: str, command: tuple[str, ...]) -> None:
    """Run it."""
    status = run(release, list(command))
    click.echo(
        f"make {' '.join(command)} on Debian {release}: {'passed' if status == 0 else f'status {status}'}"
    )
    sys.exit(status)


if __name__ == "__main__":
    main()
