"""`python -m bench`: measure, print a table, write results.json. A figure that is missed is a result, too."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from bench import (
    acknowledging,
    backups,
    claiming,
    filtering,
    flooding,
    forwarding,
    idling,
    importing,
    keeping,
    killing,
    many_sites,
    scaling,
    showing,
    starting,
    syncing,
)
from bench.figures import SHORT, USUAL, WHOLE, Figure, Scale

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.figures import Say

RESULTS = Path(__file__).with_name("results.json")


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One benchmark: some figures, measured together."""

    run: Callable[[Scale, Say], list[Figure]]

    @property
    def about(self) -> str:
        """What it does, in a line."""
        return (self.run.__doc__ or "").splitlines()[0]


BENCHMARKS = {
    "plain": Benchmark(acknowledging.against_plain),
    "inside": Benchmark(acknowledging.against_wordpress),
    "ways": Benchmark(forwarding.ways),
    "shown": Benchmark(showing.one_event),
    "burst": Benchmark(showing.burst),
    "full-log": Benchmark(keeping.full_log),
    "memory": Benchmark(keeping.memory),
    "backup": Benchmark(backups.under_load),
    "floods": Benchmark(flooding.floods),
    "filters-sqlite": Benchmark(filtering.sqlite),
    "filters-postgresql": Benchmark(filtering.postgresql),
    "many-sites-sqlite": Benchmark(many_sites.sqlite),
    "many-sites-postgresql": Benchmark(many_sites.postgresql),
    "claims-sqlite": Benchmark(claiming.sqlite),
    "claims-postgresql": Benchmark(claiming.postgresql),
    "start": Benchmark(starting.start),
    "idle": Benchmark(idling.idle),
    "import": Benchmark(importing.whole_account),
    "sync": Benchmark(syncing.against_batches),
    "kill-sqlite": Benchmark(killing.sqlite),
    "kill-postgresql": Benchmark(killing.postgresql),
    "restart-sqlite": Benchmark(killing.restart_sqlite),
    "restart-postgresql": Benchmark(killing.restart_postgresql),
    "two-processes": Benchmark(scaling.two_processes),
}


@click.command(help=__doc__)
@click.option(
    "--only", multiple=True, type=click.Choice(list(BENCHMARKS)), help="Only this; may be repeated."
)
@click.option("--short", "scale", flag_value="short", help="Everything small, to see that it runs.")
@click.option("--whole", "scale", flag_value="whole", help="Everything at its full length.")
def main(only: tuple[str, ...], scale: str | None) -> None:
    """Run the benchmarks."""
    sizes = {"short": SHORT, "whole": WHOLE}.get(scale or "", USUAL)
    out = Console()
    out.print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before; {time.strftime('%Y-%m-%d %H:%M')}"
    )
    figures: list[Figure] = []
    broken = []
    for name in only or BENCHMARKS:
        out.print(f"[bold]{name}[/]: {BENCHMARKS[name].about}")
        began = time.monotonic()
        try:
            figures += BENCHMARKS[name].run(sizes, lambda said: out.print(f"  {said}", highlight=False))
        except Exception:  # noqa: BLE001 - the others are worth having
            out.print_exception(max_frames=4)
            broken.append(name)
        out.print(f"  [dim]{time.monotonic() - began:.0f} s[/]")
        _write(figures)
    out.print(_table(figures))
    if broken:
        out.print(f"[red]Broke: {', '.join(broken)}[/]")
        sys.exit(1)


def _write(figures: list[Figure]) -> None:
    told = [{"name": one.name, "value": one.value, "bound": one.bound, "holds": one.holds} for one in figures]
    RESULTS.write_text(json.dumps({"figures": told}, indent=1) + "\n")


def _table(figures: list[Figure]) -> Table:
    table = Table("what", "value", "bound", "holds", "seen")
    for one in figures:
        holds = {True: "[green]yes[/]", False: "[red]no[/]", None: ""}[one.holds]
        table.add_row(one.name, f"{one.value:g}", one.bound, holds, one.seen)
    return table


if __name__ == "__main__":
    main()
