"""docs/security.md names for each threat tests that exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = Path(__file__).parent
TEXT = (TESTS.parent / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`([\w/]+\.py)::([\w:]+)`")


@cache
def names(file: str) -> frozenset[str]:
    """Return the tests of a file as the document names them: `TestClass`, `TestClass::test_name`, `test_name`."""
    path = TESTS / file
    if not path.is_file():
        return frozenset()
    return frozenset(_named(ast.parse(path.read_text(encoding="utf-8"))))


def _named(tree: ast.Module | ast.ClassDef) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            inside = list(_named(node))
            yield from ([node.name] if inside else [])
            yield from (f"{node.name}::{name}" for name in inside)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.name


def threats() -> list[str]:
    """Return the rows of the tables of threats, without their headings."""
    tables = re.findall(r"^\| threat \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", TEXT, re.MULTILINE)
    return [row for table in tables for row in table.splitlines()]


def test_every_named_test_exists() -> None:
    named = NAMED.findall(TEXT)
    assert len(named) > 100
    assert [f"{file}::{name}" for file, name in named if name not in names(file)] == []


def test_every_threat_names_a_test() -> None:
    assert len(threats()) > 60
    assert [row for row in threats() if not NAMED.search(row.rsplit(" | ", 1)[-1])] == []


@pytest.mark.parametrize("title", re.findall(r"^## (.+)$", TEXT, re.MULTILINE)[1:])
def test_every_door_has_threats_and_says_what_is_open(title: str) -> None:
    section = TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    assert "| threat |" in section
    assert "*Not yet:*" in section
