"""README.md names every command, and the documents name nothing that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from web.cli import zoombridge

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
_TOP = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "bench/README.md")
DOCUMENTS = [ROOT / name for name in _TOP]
DOCUMENTS += sorted((ROOT / "docs").glob("*.md"))

_NO_OPTION = {
    "ZOOMBRIDGE_KEY",
    "ZOOMBRIDGE_SECRET_TOKEN",
    "ZOOMBRIDGE_ALERT_SECRET",
    "ZOOMBRIDGE_BACKUP_PASSPHRASE",
    "ZOOMBRIDGE_CLIENT_SECRET",
}
"""Secrets, which no command line should hold."""


def commands(command: click.Command, path: str) -> dict[str, click.Command]:
    """Return the commands that do something, by what is typed to run them."""
    if not isinstance(command, click.Group):
        return {path: command}
    context = click.Context(command)
    found: dict[str, click.Command] = {}
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None
        found |= commands(inner, f"{path} {name}")
    return found


COMMANDS = commands(zoombridge, "zoombridge")


def in_the_table() -> list[str]:
    """Return the commands of the table: `zoombridge job list`, `stop` are two of one group."""
    found = []
    for cell in re.findall(r"^\| (`zoombridge [^|]*) \|", TEXT, re.MULTILINE):
        first, *others = re.findall(r"`([^`]+)`", cell)
        group = first.rpartition(" ")[0]
        found += [first, *(f"{group} {name}" for name in others)]
    return found


def test_the_table_has_every_command_once() -> None:
    assert sorted(in_the_table()) == sorted(COMMANDS)


def test_every_variable_sets_an_option() -> None:
    options = {
        f"ZOOMBRIDGE_{option.name.upper()}"
        for command in COMMANDS.values()
        for option in command.params
        if isinstance(option, click.Option) and option.name
    }
    named = set(re.findall(r"ZOOMBRIDGE_[A-Z_]+", TEXT))
    assert named
    assert named - options == _NO_OPTION


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    files = [link for link in links if not link.startswith(("https:", "http:"))]
    assert [link for link in files if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "bench/README.md"])
def test_named_modules_and_folders_exist(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    named = re.findall(
        r"`((?:core|web|templates|tests|plugin_stub|bench|docs)/(?:[\w./-]*(?:/|\.py))?)`", text
    )
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []
