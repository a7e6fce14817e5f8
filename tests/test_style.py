"""Rules of this code base that no linter knows."""

from __future__ import annotations

import ast
import configparser
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent


def test_layers_have_no_exceptions() -> None:
    """An import that a contract forbids is mended, not ignored."""
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    contracts = [name for name in settings.sections() if name.startswith("importlinter")]
    assert len(contracts) > 1
    assert [name for name in contracts if any("ignore" in option for option in settings[name])] == []


def test_tests_patch_no_private_names() -> None:
    """What a test tunes is an argument with a default, so that the code may be rearranged inside."""
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("*.py")
        if any(
            _patches_private_name(node) for node in _nodes_that_may_patch(path.read_text(encoding="utf-8"))
        )
    }
    assert found == set()


def _nodes_that_may_patch(text: str) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(text)) if "setattr" in text else iter(())


def _patches_private_name(node: ast.AST) -> bool:
    if not (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "setattr"
    ):
        return False
    names = [argument.value for argument in node.args[:2] if isinstance(argument, ast.Constant)]
    last = [name.rpartition(".")[2] for name in names if isinstance(name, str)]
    return any(name.startswith("_") and not name.startswith("__") for name in last)


@cache
def _modules() -> dict[str, ast.Module]:
    """Return the syntax trees of core and web by module name."""
    paths = [path for package in ("core", "web") for path in (ROOT / package).rglob("*.py")]
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): ast.parse(
            path.read_text(encoding="utf-8")
        )
        for path in paths
    }


def _pure_contract() -> set[str]:
    """Return the modules and packages that the contract `pure` names."""
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    return set(settings["importlinter:contract:pure"]["source_modules"].split())


def _is_covered(module: str, names: set[str]) -> bool:
    """Whether a module, or a package that it is in, is one of `names`."""
    return any(module == name or module.startswith(f"{name}.") for name in names)


def _reads_clock(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.module == "time"
    return isinstance(node, ast.Attribute) and (
        (isinstance(node.value, ast.Name) and node.value.id == "time")
        or node.attr in {"now", "utcnow", "today"}
    )


def test_pure_modules_say_so() -> None:
    """The contract `pure` and the docstrings name the same modules."""
    contract = _pure_contract()
    claims = {
        name for name, tree in _modules().items() if re.search(r"\bPure\b", ast.get_docstring(tree) or "")
    }
    assert {name for name in claims if not _is_covered(name, contract)} == set()
    assert contract - claims == set()


def test_pure_modules_read_no_clock() -> None:
    contract = _pure_contract()
    found = {
        name
        for name, tree in _modules().items()
        if _is_covered(name, contract) and any(_reads_clock(node) for node in ast.walk(tree))
    }
    assert found == set()


def test_sentences_of_pages_are_apart() -> None:
    """The line break after a block is removed, so a text right before another keeps it with `+%}`."""
    joined = re.compile(r"\{% endtrans %\}\n\s*(?:\{% if [^\n]*%\}\n\s*)?\{% trans")
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "templates").rglob("*.jinja")
        if joined.search(path.read_text(encoding="utf-8"))
    }
    assert found == set()
