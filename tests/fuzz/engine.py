"""Run one target under atheris, which never returns: a process of its own, started by `tests.fuzz.fuzzers`.

`python -m tests.fuzz.engine TARGET [libFuzzer's options and folders]`: https://github.com/google/atheris
"""

from __future__ import annotations

import sys
from importlib import import_module

import atheris

# Where these packages are imported, their coverage is counted, and leads the search.
_COUNTED = ["core", "web", "tests"]
_NOT_COUNTED = ["tests.fuzz.mutation", "tests.nonsense"]


def main() -> None:
    """Fuzz a target until libFuzzer ends the process: with 0 once it is done, with another status for a finding."""
    name = sys.argv.pop(1)
    # Nothing of the project may be imported before.
    with atheris.instrument_imports(include=_COUNTED, exclude=_NOT_COUNTED):
        from tests.fuzz import mutation, targets

        target = targets.TARGETS[name]
        for module in target.loads:
            import_module(module)

    def mutate(data: bytes, longest: int, seed: int) -> bytes:
        return mutation.changed(data, longest, seed, atheris.Mutate)

    options = [f"-max_len={target.longest}", *sys.argv[1:]]
    atheris.Setup([sys.argv[0], *options], target.check, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
