"""Files and folders that only the bridge's own user may read: database, key, address of the server, codes, logs.

Modes are set, not left to the umask. What others could read is tightened, which the log says; where that fails, it is
refused. Access control lists need nothing of their own: `chmod` sets their mask with the mode of the group.
https://man7.org/linux/man-pages/man5/acl.5.html
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
_OTHERS = stat.S_IRWXG | stat.S_IRWXO

logger = structlog.get_logger(__name__)


def make_folder(path: Path) -> None:
    """Create a folder with mode 0700; tighten one that exists. Raises: ExposedFileError, OSError.

    Folders above it that are missing too are created with the modes of the umask.
    """
    path.mkdir(parents=True, exist_ok=True, mode=_FOLDER)
    found = path.stat()
    if found.st_mode & stat.S_ISVTX:  # as /tmp: a folder of everybody, which must stay as it is
        raise ExposedFileError(
            f"{path} is a folder for all users of this machine. Nothing was done, and nothing is lost. Choose a folder of the "
            f"bridge's own, which is created if it does not exist, such as {path / 'zoombridge'}."
        )
    _tighten(str(path), path, found.st_mode, _FOLDER)


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
    _tighten(str(path), path, found.st_mode, _FILE)


def tighten_output(stream: TextIO) -> None:
    """Tighten the file that a shell or service manager redirects an output to: a log, with the first sign-in link.

    Pipes, terminals and sockets stay as they are. Raises: ExposedFileError.
    """
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):  # no stream of the system
        return
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode):
        _tighten(f"the file of {stream.name}", descriptor, found.st_mode, _FILE)


def _tighten(name: str, target: Path | int, found: int, wanted: int) -> None:
    """Set a mode without bits for others. A file system may ignore it, so it is read again."""
    if not found & _OTHERS:
        return
    reason = "its file system keeps no modes"
    try:
        os.chmod(target, wanted)  # noqa: PTH101 - or a descriptor
    except OSError as error:
        reason = error.strerror or type(error).__name__
    if os.stat(target).st_mode & _OTHERS:  # noqa: PTH116
        raise ExposedFileError(
            f"Other users of this machine can read {name} (mode {stat.S_IMODE(found):04o}), and its mode cannot be "
            f"changed: {reason}. Nothing was done, and nothing is lost. Run chmod {wanted:o} on it as its "
            "owner, give it to the bridge's user with chown, or move it to a file system that keeps modes."
        )
    logger.warning("made_private", path=name, mode_before=f"{stat.S_IMODE(found):04o}", mode=f"{wanted:04o}")
