"""Files and folders that only the bridge's own user may read: database, key, address of the server, codes, logs.

Modes are set, not left to the umask. What others could read is tightened, which the log says. Where that fails, it is
refused; but not the data folder for the sake of its group, as the files in it are tightened themselves, nor a log, which
whoever starts the bridge has opened: there the log warns. Access control lists need nothing of their own: `chmod`
sets their mask with the mode of the group. https://man7.org/linux/man-pages/man5/acl.5.html
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import structlog

from core.errors import ExposedFileError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import TextIO

_FILE = 0o600
_FOLDER = 0o700
_NOT_OWNER = stat.S_IRWXG | stat.S_IRWXO

logger = structlog.get_logger(__name__)


def make_folder(path: Path) -> None:
    """Create a folder with mode 0700; tighten one that exists. Raises: ExposedFileError, OSError.

    One that is open to its group alone, and must stay so, is accepted: Kubernetes gives volumes to the group `fsGroup`.
    https://kubernetes.io/docs/tasks/configure-pod-container/security-context/
    Folders above it that are missing too are created with the modes of the umask.
    """
    path.mkdir(parents=True, exist_ok=True, mode=_FOLDER)
    found = path.stat()
    if found.st_mode & stat.S_ISVTX:  # as /tmp: a folder of everybody, which must stay as it is
        raise ExposedFileError(
            f"{path} is a folder for all users of this machine. Nothing was done, and nothing is lost. Choose a folder of the "
            f"bridge's own, which is created if it does not exist, such as {path / 'zoombridge'}."
        )
    left, reason = _take_away(_NOT_OWNER, str(path), path, found.st_mode, _FOLDER)
    if left & stat.S_IRWXO:
        raise _refusal(str(path), found.st_mode, _FOLDER, reason)
    if left:
        _warn(str(path), found.st_mode, reason)


def make_file(path: Path) -> None:
    """Create an empty file with mode 0600; tighten one that exists. Raises: ExposedFileError, OSError."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, _FILE))
    tighten(path)


def write_file(path: Path, content: bytes) -> None:
    """Write a file with mode 0600, in place of one of this name. Raises: OSError."""
    path.unlink(missing_ok=True)  # whoever has the old one open must not read the new one
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, _FILE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def tighten(path: Path) -> None:
    """Set the mode of a file to 0600 if others may read or change it; without effect if there is none.

    Raises: ExposedFileError.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        return
    left, reason = _take_away(_NOT_OWNER, str(path), path, found.st_mode, _FILE)
    if left:
        raise _refusal(str(path), found.st_mode, _FILE, reason)


def tighten_output(stream: TextIO) -> None:
    """Close the file that a shell or service manager redirects an output to: a log, with the first sign-in link.

    Only to others: its group may be that of a program that collects logs. Where that fails, the log warns, as the file
    may be another user's: systemd opens it as root. Pipes, terminals and sockets stay as they are.
    https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#StandardOutput=
    """
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):  # no stream of the system
        return
    found = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(found):
        return
    name = f"the file of {stream.name}"
    left, reason = _take_away(stat.S_IRWXO, name, descriptor, found, stat.S_IMODE(found) & ~stat.S_IRWXO)
    if left:
        _warn(name, found, reason)


def _take_away(bits: int, name: str, target: Path | int, found: int, wanted: int) -> tuple[int, str]:
    """Set a mode without these bits where it has some; return those that are left, and why.

    A file system may ignore a mode, so it is read again.
    """
    if not found & bits:
        return 0, ""
    reason = "its file system keeps no modes"
    try:
        os.chmod(target, wanted)  # noqa: PTH101 - or a descriptor
    except OSError as error:
        reason = error.strerror or type(error).__name__
    left = os.stat(target).st_mode & bits  # noqa: PTH116
    if not left:
        logger.warning(
            "made_private", path=name, mode_before=f"{stat.S_IMODE(found):04o}", mode=f"{wanted:04o}"
        )
    return left, reason


def _warn(name: str, found: int, reason: str) -> None:
    logger.warning("not_private", path=name, mode=f"{stat.S_IMODE(found):04o}", reason=reason)


def _refusal(name: str, found: int, wanted: int, reason: str) -> ExposedFileError:
    return ExposedFileError(
        f"Other users of this machine can read {name} (mode {stat.S_IMODE(found):04o}), and its mode cannot be "
        f"changed: {reason}. Nothing was done, and nothing is lost. Run chmod {wanted:o} on it as its "
        "owner, give it to the bridge's user with chown, or move it to a file system that keeps modes."
    )
