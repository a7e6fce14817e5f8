"""`zoombridge service`: the bridge as a service of systemd."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.errors import ZoomBridgeError
from web.cli.output import echo
from web.cli.service_units import SERVICE, SOCKET, UnitOptions, units

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_SYSTEM_FOLDER = Path("/etc/systemd/system")
_PACKAGE_FOLDERS = (Path("/usr/lib/systemd/system"), Path("/lib/systemd/system"))
_SYSTEMD_RUNS = Path(
    "/run/systemd/system"
)  # https://www.freedesktop.org/software/systemd/man/latest/sd_booted.html
_PROPERTIES = ("LoadState", "ActiveState", "SubState", "UnitFileState", "StatusText", "FragmentPath")

_user_option = click.option(
    "--user",
    "for_user",
    is_flag=True,
    help="Use the current user's service manager in place of the system's; needs no root.",
)


def _folder_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--folder",
        type=click.Path(file_okay=False, path_type=Path),
        show_default="where the service manager looks",
        help="Folder of the unit files.",
    )(command)


@click.group()
def service() -> None:
    """Run the bridge as a systemd service."""


@service.command()
@_user_option
@click.option("--run-as", default="zoombridge", help="System user that the service runs as, without --user.")
@click.option(
    "--listen",
    default="127.0.0.1:8765",
    callback=lambda *given: _address(given[2]),
    help="Address and port to listen on.",
)
@click.option("--print", "only_print", is_flag=True, help="Print the unit files, and write nothing.")
@click.option("--no-start", is_flag=True, help="Write the unit files, and start nothing.")
@_folder_option
def install(
    for_user: bool, run_as: str, listen: str, only_print: bool, no_start: bool, folder: Path | None
) -> None:
    """Write the unit files, enable the service and start it.

    Shows what it writes. Run it again after an update that moved the command or changed the units.
    """
    try:
        options = UnitOptions(_own_command(), "" if for_user else run_as, listen)
    except ValueError as error:
        raise ZoomBridgeError(str(error)) from error
    if not only_print and not for_user:
        _check_user(options)
    target = folder or _unit_folder(for_user=for_user)
    for name, text in units(options).items():
        echo(f"# {target / name}\n{text}")
        if not only_print:
            target.mkdir(parents=True, exist_ok=True)
            _write(target / name, text)
    if only_print:
        return
    commands: list[Sequence[str]] = [
        ["daemon-reload"],
        ["enable", "--now", SOCKET, SERVICE],
        ["restart", SERVICE],
    ]
    if no_start or folder is not None or not _SYSTEMD_RUNS.is_dir():
        echo("Not started. To start it:")
        for command in commands[:2]:
            echo("  " + " ".join(_systemctl(command, for_user=for_user)))
    else:
        for command in commands:
            _run(_systemctl(command, for_user=for_user))
        echo(f"The service runs. Its log: {_journal(for_user=for_user)}")
    if for_user:
        echo("To have it run while you are not signed in: loginctl enable-linger")


@service.command()
@_user_option
def status(for_user: bool) -> None:
    """Show whether the service is installed, enabled and active. Exits with status 1 if it is not active."""
    is_active = True
    for unit in (SERVICE, SOCKET):
        said = _run(
            _systemctl(["show", f"--property={','.join(_PROPERTIES)}", unit], for_user=for_user)
        ).splitlines()
        found = dict(line.split("=", 1) for line in said if "=" in line)
        if found.get("LoadState") != "loaded":
            echo(f"{unit}: not installed")
            is_active = False
            continue
        text = f" ({found['StatusText']})" if found.get("StatusText") else ""
        echo(
            f"{unit}: {found.get('ActiveState')}, {found.get('SubState')}, {found.get('UnitFileState')}{text}"
        )
        is_active = is_active and found.get("ActiveState") == "active"
    echo(f"Log: {_journal(for_user=for_user)}")
    if not is_active:
        sys.exit(1)


@service.command()
@_user_option
@_folder_option
def remove(for_user: bool, folder: Path | None) -> None:
    """Stop the service and delete its unit files. Database, key and settings stay."""
    target = folder or _unit_folder(for_user=for_user)
    present = [target / name for name in (SERVICE, SOCKET) if (target / name).exists()]
    if not present:
        if not for_user and any((packaged / SERVICE).exists() for packaged in _PACKAGE_FOLDERS):
            raise ZoomBridgeError("The service belongs to the package: apt-get remove zoombridge.")
        raise ZoomBridgeError(f"There is no {SERVICE} in {target}.")
    runs = folder is None and _SYSTEMD_RUNS.is_dir()
    if runs:
        _run(_systemctl(["disable", "--now", SOCKET, SERVICE], for_user=for_user))
    for path in present:
        path.unlink()
        echo(f"Deleted {path}")
    if runs:
        _run(_systemctl(["daemon-reload"], for_user=for_user))


def _own_command() -> Path:
    """Return the path of `zoombridge` in the environment that this process runs in."""
    return Path(sys.executable).parent / "zoombridge"


def _address(listen: str) -> str:
    if not re.fullmatch(r"(\d+\.\d+\.\d+\.\d+|\[[0-9a-fA-F:.]+\]):\d{1,5}", listen):
        raise click.BadParameter("Write an address and a port: 127.0.0.1:8765 or [::1]:8765.")
    return listen


def _check_user(options: UnitOptions) -> None:
    """Raise: ZoomBridgeError where the service's user does not exist, or cannot reach the command."""
    try:
        pwd.getpwnam(options.user)
    except KeyError as error:
        raise ZoomBridgeError(
            f"There is no user {options.user}. Create it, and run this again: "
            f"useradd --system --user-group --home-dir /var/lib/zoombridge --shell /usr/sbin/nologin {options.user}"
        ) from error
    if options.command.parts[1:2] == ("root",):
        raise ZoomBridgeError(
            f"{options.command} is in a folder that only root can read. Install the bridge where its user can read "
            "it: PIPX_HOME=/opt/pipx PIPX_BIN_DIR=/usr/local/bin pipx install."
        )


def _unit_folder(*, for_user: bool) -> Path:
    if not for_user:
        return _SYSTEM_FOLDER
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "systemd" / "user"


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except PermissionError as error:
        raise ZoomBridgeError(
            f"Cannot write {path}. Run this with sudo; or with --user, for a service of your own user."
        ) from error
    path.chmod(0o644)


def _systemctl(arguments: Sequence[str], *, for_user: bool) -> list[str]:
    return ["systemctl", *(["--user"] if for_user else []), *arguments]


def _journal(*, for_user: bool) -> str:
    return f"journalctl {'--user ' if for_user else ''}-u {SERVICE}"


def _run(command: Sequence[str]) -> str:
    """Return what a command printed. Raises: ZoomBridgeError where it fails or does not exist."""
    if shutil.which(command[0]) is None:
        raise ZoomBridgeError("There is no systemctl on this machine: a service needs systemd.")
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed programs
    if done.returncode != 0:
        raise ZoomBridgeError(f"{' '.join(command)} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
