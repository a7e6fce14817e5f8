"""The versions of Python and PHP that are promised are the same everywhere."""

import configparser
import re
import tomllib
from pathlib import Path

from tests.syntax import promised_pythons

ROOT = Path(__file__).parents[1]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_python() -> None:
    promised = promised_pythons()
    assert promised == [f"3.{minor}" for minor in range(11, 11 + len(promised))]
    lowest = promised[0]
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    assert settings["options"]["python_requires"] == f">={lowest}"
    assert settings["mypy"]["python_version"] == lowest
    ruff = tomllib.loads(text("pyproject.toml"))["tool"]["ruff"]
    assert ruff["target-version"] == f"py{lowest.replace('.', '')}"
    environments = re.findall(r"py3(\d\d)", text("tox.ini"))
    assert [f"3.{minor}" for minor in environments] == promised
    tried = re.search(r"python3 ((?:python3\.\d+ ?)+)", text("bin/setup"))
    assert tried
    assert tried[1].split() == [f"python{version}" for version in reversed(promised)]


def test_php() -> None:
    header = re.search(r"Requires PHP: +(\S+)", text("plugin_stub/load.php"))
    readme = re.search(r"Requires PHP: (\S+)", text("plugin_stub/readme.txt"))
    assert header
    assert readme
    assert header[1] == readme[1] == "7.4"
