"""`zoombridge plugin`: the WordPress plugin as a file to install."""

from __future__ import annotations

from pathlib import Path

import click

from web.cli.output import echo
from web.stub.plugin_zip import SLUG, archive


@click.command()
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path(f"{SLUG}.zip"),
    help="File to write.",
)
def plugin(output: Path) -> None:
    """Write the WordPress plugin as a zip file.

    Install it in WordPress under Plugins > Add New > Upload Plugin.
    """
    output.write_bytes(archive())
    echo(f"Wrote {output}. Install it in WordPress: Plugins > Add New > Upload Plugin.")
