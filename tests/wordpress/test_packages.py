"""Each kind is the WordPress that it says, and a mirror that cannot be read is named."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.wordpress import packages
from tests.wordpress.debian import FetchError, Release

if TYPE_CHECKING:
    from collections.abc import Sequence
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


class TestClassicTheme:
    @pytest.fixture(autouse=True)
    def _knows_no_package(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """An apt-cache that knows no package."""
        program = tmp_path / "bin/apt-cache"
        program.parent.mkdir()
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")

    def test_release_without_it(self, tmp_path: Path) -> None:
        assert packages.classic_theme(tmp_path / "cache") is None

    def test_one_that_was_fetched_before(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        release = {"ID": "debian", "VERSION_CODENAME": "bookworm"}
        monkeypatch.setattr("platform.freedesktop_os_release", lambda: release)
        kept = tmp_path / "cache/theme-twentytwentyone-debian-bookworm"
        kept.mkdir(parents=True)

        assert packages.classic_theme(tmp_path / "cache") == kept


@dataclass(frozen=True)
class Unpacked(Release):
    """A release whose packages hold one file each; it keeps the names of those that were unpacked."""

    advice: str = ""
    files: dict[str, str] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)

    def without_programs(self, packages: Sequence[str]) -> list[str]:
        return list(packages)

    def unpack(self, packages: Sequence[str], root: Path) -> None:
        for name in packages:
            self.names.append(name)
            (root / self.files[name]).parent.mkdir(parents=True, exist_ok=True)
            (root / self.files[name]).touch()


class TestLinks:
    @pytest.fixture
    def release(self, tmp_path: Path) -> Unpacked:
        """WordPress links to files of two packages that it depends on."""
        wordpress = tmp_path / "usr/share/wordpress"
        wordpress.mkdir(parents=True)
        (wordpress / "crop.js").symlink_to("../javascript/cropper/crop.js")
        (wordpress / "mail").symlink_to("../php/mailer")
        files = {
            "ca-certificates": "usr/share/ca-certificates/one.crt",
            "libjs-cropper": "usr/share/javascript/cropper/crop.js",
            "a-new-mailer": "usr/share/php/mailer/mail.php",
            "wordpress-l10n": "usr/share/wordpress/de.mo",
        }
        return Unpacked(files=files)

    def test_are_followed_until_none_dangles(self, release: Unpacked, tmp_path: Path) -> None:
        packages.complete(release, list(release.files), tmp_path)

        assert release.names == ["ca-certificates", "libjs-cropper", "a-new-mailer"]
        assert (tmp_path / "usr/share/wordpress/mail/mail.php").exists()

    def test_that_lead_nowhere_are_named(self, release: Unpacked, tmp_path: Path) -> None:
        with pytest.raises(FetchError, match=r"WordPress links to files .*: mail$"):
            packages.complete(release, ["libjs-cropper", "wordpress-l10n"], tmp_path)
