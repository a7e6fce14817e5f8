"""Rules of this code base that no linter knows."""

from __future__ import annotations

import ast
import configparser
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_layers_have_no_exceptions() -> None:
    """An import that a contract forbids is mended, not ignored."""
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    contracts = [name for name in settings.sections() if name.startswith("importlinter")]
    assert len(contracts) > 1
    assert [name for name in contracts if any("ignore" in option for option in settings[name])] == []


# What these patch cannot be an argument: the tests show that they would notice a broken order; and connecting a site
# is about to be replaced.
_MAY_PATCH_PRIVATE_NAMES = {
    "tests/core/model/test_fold_properties.py",
    "tests/web/pages/test_connect.py",
}


def test_tests_patch_no_private_names() -> None:
    """What a test tunes is an argument with a default, so that the code may be rearranged inside."""
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("*.py")
        if any(_patches_private_name(node) for node in ast.walk(ast.parse(path.read_text())))
    }
    assert found == _MAY_PATCH_PRIVATE_NAMES


def _patches_private_name(node: ast.AST) -> bool:
    if not (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "setattr"
    ):
        return False
    names = [argument.value for argument in node.args[:2] if isinstance(argument, ast.Constant)]
    last = [name.rpartition(".")[2] for name in names if isinstance(name, str)]
    return any(name.startswith("_") and not name.startswith("__") for name in last)
