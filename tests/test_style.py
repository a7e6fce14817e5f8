"""Rules of this code base that no linter knows."""

from __future__ import annotations

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
