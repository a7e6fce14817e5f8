"""Pack the WordPress plugin as a zip, to upload in wp-admin."""

from __future__ import annotations

import io
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import ZoomBridgeError

if TYPE_CHECKING:
    from collections.abc import Iterator

SLUG = "meetings-bridge-for-zoom"
# Fixed, so that the same version gives the same bytes, wherever its files came from.
_DATE = (2020, 1, 1, 0, 0, 0)
_MODE = 0o644
_UNIX = 3
CODE_FILE = "pairing-code.php"
RELEASE_FILE = "release.json"  # the signature of what the zip holds
_LEFT_OUT = ("__pycache__", "__init__.py", CODE_FILE, RELEASE_FILE)


def archive(pairing_code: str = "", *, folder: Path | None = None) -> bytes:
    """Return the zip; with a pairing code, the plugin pairs its site when it is activated.

    `folder` holds the plugin; the default is the installed one. The same files give the same bytes: neither their times,
    modes and order in the folder count, nor the machine. Nothing is compressed, because what compressors write differs
    between versions of zlib; the zip has less than 1 MB.

    Raises: ZoomBridgeError where the plugin is missing from this installation.
    """
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as made:
        for name, content in _contents(folder or plugin_folder(), SLUG):
            _write(made, name, content)
        if pairing_code:
            _write(made, f"{SLUG}/{CODE_FILE}", _code_file(pairing_code))
    return written.getvalue()


def _write(made: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, date_time=_DATE)
    entry.external_attr = _MODE << 16
    entry.create_system = _UNIX
    made.writestr(entry, content, zipfile.ZIP_STORED)


def _code_file(pairing_code: str) -> bytes:
    """Return the PHP file that holds the code. It gives nothing to who opens it in a browser."""
    return f"<?php\ndefined( 'ABSPATH' ) || exit;\nreturn {php_string(pairing_code)};\n".encode()


def php_string(text: str) -> str:
    """Return text as a string of PHP, in single quotes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def plugin_folder() -> Path:
    """Return the folder of the plugin, beside the packages or installed with them.

    Raises: ZoomBridgeError where it is missing from this installation.

    Without Python in it, it is a namespace package, and importlib.resources refuses those of an editable installation,
    whose path has an entry that is no folder.
    """
    found = find_spec("plugin_stub")
    for folder in (found and found.submodule_search_locations) or ():
        if (Path(folder) / "load.php").is_file():
            return Path(folder)
    raise ZoomBridgeError("The WordPress plugin is missing from this installation. Install it again.")


def _contents(folder: Path, prefix: str) -> Iterator[tuple[str, bytes]]:
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.name.startswith(".") or item.name in _LEFT_OUT:
            continue
        name = f"{prefix}/{item.name}"
        if item.is_dir():
            yield from _contents(item, name)
        else:
            yield name, item.read_bytes()
