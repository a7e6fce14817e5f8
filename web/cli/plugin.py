"""`zoombridge plugin`: the WordPress plugin as a file to install."""

from __future__ import annotations

import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.errors import ZoomBridgeError

if TYPE_CHECKING:
    from collections.abc import Iterator

SLUG = "zoom-wordpress-bridge"
# The date in the archive is fixed, so that the same version gives the same bytes.
_DATE = (2020, 1, 1, 0, 0, 0)
_LEFT_OUT = ("__pycache__", "__init__.py")


@click.command()
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path(f"{SLUG}.zip"),
    help="Where to write it.",
)
def plugin(output: Path) -> None:
    """Write the WordPress plugin as a zip, to install under Plugins > Add New > Upload Plugin."""
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _contents(_stub(), SLUG):
            entry = zipfile.ZipInfo(name, date_time=_DATE)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    click.echo(f"Wrote {output}. Install it in WordPress: Plugins > Add New > Upload Plugin.")


def _stub() -> Path:
    """Return the folder of the plugin, beside the packages or installed with them.

    It holds no Python, so it is a namespace to Python, and importlib.resources refuses those of an editable
    installation, whose path has an entry that is no folder.
    """
    found = find_spec("plugin_stub")
    for place in (found and found.submodule_search_locations) or ():
        if (Path(place) / "load.php").is_file():
            return Path(place)
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
