"""The wheel is whole: what it installs works in an environment of its own, outside the checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).parents[2]
PACKAGES = ("core", "web", "templates", "plugin_stub")
# What a checkout has and a wheel must have too, by the ends of the files' names.
CARRIED = {
    "core": ("*.py", "*.mako", "py.typed"),
    "web": ("*.py", "py.typed"),
    "templates": ("*.jinja",),
    "plugin_stub": ("*.php", "*.css", "*.js", "*.txt", "*.po", "*.pot", "*.mo", "LICENSE"),
}


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ZOOMBRIDGE_")}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy, so that nothing is left in the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in PACKAGES:
        shutil.copytree(CHECKOUT / name, source / name, ignore=ignored)
    for file in CHECKOUT.iterdir():
        if file.is_file() and not file.name.startswith("."):
            shutil.copy2(file, source)
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder, source, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, where only the libraries that it needs come from ours."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv", cwd=folder)
    python = folder / "venv/bin/python"
    pip = (sys.executable, "-m", "pip", "--python", python)
    run(*pip, "install", "--no-deps", "--no-index", wheel, cwd=folder)
    # Its own files come first. Of ours only the folder is named, so that an editable install in it is not.
    (installed,) = (folder / "venv/lib").glob("python*/site-packages")
    (installed / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def serving(environment: Path, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """`zoombridge serve` from the wheel: its address, and the link for the first administrator."""
    zoombridge = environment / "venv/bin/zoombridge"
    command = [str(zoombridge), "serve", "--port", "0", "--data", str(tmp_path / "data")]
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(
            command,
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        ) as process,
    ):
        try:
            assert process.stdout
            said = process.stdout.readline() + process.stdout.readline()
            found = re.search(r"serves on (\S+)\n.*works once\): (\S+)", said)
            assert found, said + (tmp_path / "log").read_text()
            yield found[1], found[2]
        finally:
            process.terminate()
        assert process.wait(600) == 0


def test_carries_every_file(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        carried = set(archive.namelist())
    for package, patterns in CARRIED.items():
        for pattern in patterns:
            for file in (CHECKOUT / package).rglob(pattern):
                if "__pycache__" not in file.parts:
                    assert str(file.relative_to(CHECKOUT)) in carried
    assert not [name for name in carried if name.startswith("tests/")]


def test_runs_its_own_code(environment: Path, tmp_path: Path) -> None:
    code = f"import {', '.join(PACKAGES)}; print(*(list(it.__path__)[0] for it in ({', '.join(PACKAGES)})))"
    places = run(environment / "venv/bin/python", "-c", code, cwd=tmp_path).split()

    assert len(places) == len(PACKAGES)
    for place in places:
        assert Path(place).is_relative_to(environment)


def test_writes_the_plugin(environment: Path, tmp_path: Path) -> None:
    run(environment / "venv/bin/zoombridge", "plugin", cwd=tmp_path)

    with zipfile.ZipFile(tmp_path / "meetings-bridge-for-zoom.zip") as archive:
        names = set(archive.namelist())
        assert archive.testzip() is None
    for file in chain.from_iterable(
        (CHECKOUT / "plugin_stub").rglob(f"*.{end}") for end in ("php", "css", "js")
    ):
        assert f"meetings-bridge-for-zoom/{file.relative_to(CHECKOUT / 'plugin_stub')}" in names


def test_serves(serving: tuple[str, str]) -> None:
    """The tables are made by its migrations, and its pages by its templates."""
    url, link = serving
    assert requests.get(f"{url}/readyz", timeout=600).json() == {"status": "ready"}
    outside = requests.get(f"{url}/webhooks", timeout=600)
    assert (outside.status_code, "Sign in</h1>" in outside.text) == (200, True)

    with requests.Session() as session:
        assert session.get(link, timeout=600).status_code == 200
        password = "correct horse battery staple"
        form = {
            "token": link.partition("token=")[2],
            "name": "anna",
            "password": password,
            "again": password,
        }
        session.post(f"{url}/first", data=form, timeout=600)
        inside = session.get(f"{url}/webhooks", timeout=600)
    assert inside.status_code == 200
    assert "No site is connected yet" in inside.text
    assert ".zoombridge-card" in inside.text, "its style is in it"
