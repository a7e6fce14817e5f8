"""Plugins for memberships decide who sees a meeting's private details. Stand-ins for them, run by PHP alone."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import STUB

SCRIPT = Path(__file__).parent / "access.php"
PLUGINS = re.findall(r"^\t\t'([\w:]+)' +=> static", (STUB / "access.php").read_text("utf-8"), re.MULTILINE)


def ask(plugin: str) -> list[Any]:
    """Return what access.php writes."""
    done = subprocess.run(
        ["php", "-d", "display_errors=stderr", "-d", "error_reporting=-1", SCRIPT, plugin],
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""
    found = json.loads(done.stdout)
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("plugin", [*PLUGINS, "filter"])
def test_the_plugin_lets_its_members_in(plugin: str) -> None:
    assert len(PLUGINS) == 10
    (visitor, member, other, everybody), user, uncached, is_protected, checks = ask(plugin)

    assert (visitor, member, everybody) == (False, True, False)
    assert other == (plugin == "wpmem_is_blocked"), "where everybody who is signed in is a member"
    assert user == 7, "asked for every visitor, then signed in as before"
    assert uncached == [7, 8]
    assert is_protected
    assert checks == ([] if plugin == "filter" else [plugin])


def test_without_any_all_is_as_it_was() -> None:
    assert ask("none") == [[True] * 4, 7, [], True, []]
