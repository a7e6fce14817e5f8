"""Each kind is the WordPress that it says, and a mirror that cannot be read is named."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.wordpress import packages
from tests.wordpress.debian import FetchError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.wordpress import Kind, WordPress

# First what only comes on top of the machine's release, and what is not of its distribution.
SOURCES = """\
Packages Debian bookworm-security http://security.example/debian-security/
Packages Somebody bookworm http://somebody.example/
Packages Debian bookworm http://mirror.example/debian/
"""


def test_versions(site: WordPress) -> None:
    wordpress = tuple(int(part) for part in site.version.split(".")[:2])
    php = site.php("return PHP_MAJOR_VERSION . '.' . PHP_MINOR_VERSION;")

    assert wordpress >= (5, 7)
    if site.kind == "newest-mariadb":
        assert wordpress > (6, 5)
    if site.kind == "minimum-mariadb":
        assert (wordpress, php) == ((5, 7), "7.4")


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An apt-get that knows the sources in this file, and can read none of them."""
    sources = tmp_path / "sources"
    sources.write_text(SOURCES)
    program = tmp_path / "bin/apt-get"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\n[ "$1" = indextargets ] && exec cat {sources}\necho "Could not resolve"\nexit 100\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return sources


@pytest.mark.usefixtures("apt")
class TestMirrorThatCannotBeRead:
    @pytest.mark.parametrize("kind", ["newest-mariadb", "minimum-mariadb"])
    def test_is_named(self, kind: Kind, tmp_path: Path) -> None:
        with pytest.raises(
            FetchError, match=r"Could not resolve\n+The release .* from http://mirror\.example/debian/"
        ):
            packages.core(kind, tmp_path / "cache")

        assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]

    def test_newest_of_an_earlier_month_serves(self, tmp_path: Path) -> None:
        for name in ("2001-01", "2001-02", "2001-02.unfinished-x"):
            (tmp_path / f"cache/wordpress-newest-{name}").mkdir(parents=True)

        assert packages.core("newest-mariadb", tmp_path / "cache").name == "wordpress-newest-2001-02"

    def test_machine_without_lists(self, apt: Path, tmp_path: Path) -> None:
        apt.write_text("")

        with pytest.raises(FetchError, match="Run `apt-get update` as root first"):
            packages.core("newest-mariadb", tmp_path / "cache")
