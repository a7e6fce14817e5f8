"""`python -m tests.fuzz`: run fuzzers for some time, or one input again."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import click

from tests.fuzz import fuzzers
from tests.fuzz.fuzzers import NAMES, Amount


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(NAMES))
@click.option("--minutes", type=float, default=1.0, show_default=True, help="How long each fuzzer runs.")
@click.option("--seed", type=int, help="Where chance begins; the default is another each time.")
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Run this input alone, without a fuzzer.",
)
def main(names: tuple[str, ...], minutes: float, seed: int | None, file: Path | None) -> None:
    """Run fuzzers one after the other, all of them where none is named. What they find is kept in build/fuzz."""
    if file is not None:
        [name] = names or [file.resolve().parent.name]
        fuzzers.check(name, file.read_bytes())
        click.echo(f"{name}: nothing is wrong with {file}")
        return
    amount = Amount(seconds=max(1, round(minutes * 60)))
    is_good = True
    for name in names or NAMES:
        chosen = seed or random.randrange(1, 2**31)
        click.echo(f"{name}: for {minutes:g} minutes, seed {chosen}")
        outcome = fuzzers.fuzz(name, amount, seed=chosen, folder=fuzzers.FOUND / name)
        click.echo(outcome.summary)
        is_good = is_good and outcome.is_good
    sys.exit(not is_good)


if __name__ == "__main__":
    main()
