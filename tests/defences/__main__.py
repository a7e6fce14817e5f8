"""Remove the defences of docs/security.md one by one, and show that a test fails for each.

`python -m tests.defences` works on a copy of this checkout, whose modules are the ones that are tested. First, the tests
that the table names must pass there. Then, for each defence: it is removed, its tests run, each of them must fail by an
assertion, and it is put back. The exit status is 1 where a removal is not noticed, or where the text of a defence is not
found exactly once.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests import groups
from tests.defences.checkout import Checkout, of_test
from tests.defences.defence import ROOT, StaleDefenceError
from tests.defences.table import DEFENCES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.defences.checkout import Removal
    from tests.defences.defence import Defence


def main() -> int:
    """Return 0 if a test fails for each defence that is removed."""
    arguments = _arguments()
    defences = _selected(arguments.only)
    if arguments.list:
        for one in defences:
            print(f"{one.name:<56} {one.door}")
        return 0
    if stale := list(_stale(defences)):
        print("\n".join(stale))
        return 1
    with tempfile.TemporaryDirectory(prefix="zoombridge-defences-", dir=groups.memory()) as folder:
        checkout = Checkout(Path(folder))
        print(f"{len(defences)} defences. First, their tests while all of them stand ...", flush=True)
        if wrong := _wrong_as_it_is(checkout, defences):
            print(f"These tests do not pass as things are, so that they would show nothing:\n{wrong}")
            return 1
        removals = []
        for number, one in enumerate(defences, 1):
            removals.append(checkout.remove(one))
            _print_progress(removals[-1], f"{number}/{len(defences)}")
    _print_table(removals)
    return 1 if any(one.problem for one in removals) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.defences",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--list", action="store_true", help="list the defences, and remove none")
    only = "only the defence of this name, or those of this door; may be repeated"
    parser.add_argument("--only", action="append", metavar="NAME", help=only)
    return parser.parse_args()


def _selected(wanted: Sequence[str] | None) -> list[Defence]:
    if not wanted:
        return list(DEFENCES)
    unknown = set(wanted) - {name for one in DEFENCES for name in (one.name, one.door)}
    if unknown:
        sys.exit(f"There is no defence and no door of this name: {', '.join(sorted(unknown))}. See --list.")
    return [one for one in DEFENCES if one.name in wanted or one.door in wanted]


def _stale(defences: Sequence[Defence]) -> Iterator[str]:
    """Yield what is wrong with defences whose text is not in this checkout exactly once."""
    for one in defences:
        try:
            one.removed((ROOT / one.file).read_text(encoding="utf-8"))
        except (StaleDefenceError, FileNotFoundError) as error:
            yield str(error)


def _wrong_as_it_is(checkout: Checkout, defences: Sequence[Defence]) -> str:
    """Run the tests of the defences without a change. Return what is wrong; empty if each ran and passed."""
    wrong: list[str] = []
    for kind in sorted({defence.wordpress for defence in defences}):
        tests = sorted({test for one in defences if one.wordpress == kind for test in one.tests})
        outcomes, printed = checkout.run(tests, kind)
        found = [f"{one.name}: {one.kind}" for one in outcomes if one.kind != "passed"]
        found += [f"{test}: did not run" for test in tests if not of_test(outcomes, test)]
        wrong += [*found, printed] if found else []
    return "\n".join(wrong)


def _print_progress(removal: Removal, place: str) -> None:
    result = "NOT NOTICED" if removal.problem else f"{removal.failed} failed"
    print(f"{place:>7}  {result:<12} {removal.seconds:4.0f} s  {removal.defence.name}", flush=True)


def _print_table(removals: Sequence[Removal]) -> None:
    print("\n| door | defence | removed from | tests that failed |\n|---|---|---|---|")
    for removal in removals:
        one = removal.defence
        failed = "**none**" if removal.problem else removal.failed
        print(f"| {one.door} | {one.name} | `{one.file}` | {failed} |")
    missed = [removal for removal in removals if removal.problem]
    for removal in missed:
        print(f"\n--- {removal.defence.name}, removed from {removal.defence.file}: {removal.problem}")
    print(f"\n{len(removals) - len(missed)} of {len(removals)} removals were noticed.")


if __name__ == "__main__":
    sys.exit(main())
