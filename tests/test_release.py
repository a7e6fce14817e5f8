"""What `make release` refuses, and the plugin's two zips. That two builds are the same, it checks itself."""

import io
import re
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests import release
from web.stub.plugin_zip import SLUG, archive

ROOT = Path(__file__).parents[1]
README = (ROOT / "plugin_stub/readme.txt").read_text(encoding="utf-8")
TESTED = re.findall(r"^Tested up to: (.+)$", README, re.MULTILINE)[0]
VERSION = release.version_of(ROOT)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of which a release can be built, whatever was added here since the last one."""
    newest = max(path.name for path in (ROOT / release.MIGRATIONS).glob("0*.py"))
    names = ("core/__init__.py", "plugin_stub/load.php", "plugin_stub/readme.txt", "sbom.cdx.json")
    for name in (*names, release.ROLLING, f"{release.MIGRATIONS}/{newest}"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        shutil.copy(ROOT / name, tmp_path / name)
    rolling = tmp_path / release.ROLLING
    text = rolling.read_text(encoding="utf-8")
    rolling.write_text(re.sub(r'^RELEASED = ".+"$', f'RELEASED = "{newest[:4]}"', text, flags=re.MULTILINE))
    changelog = (
        f"# Changelog\n\n## Unreleased\n\n## {VERSION} - 2026-11-30\n\n### Added\n- All.\n\n## 0.0.1\n"
    )
    (tmp_path / "CHANGELOG.md").write_text(changelog)
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    return tmp_path


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, timeout=600)


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    name = ("-c", "user.name=Anna", "-c", "user.email=anna@example.org", "-c", "commit.gpgsign=false")
    git(folder, *name, "commit", "--quiet", "--message", "Change it")


class TestRefused:
    def test_nothing_is_wrong(self, checkout: Path) -> None:
        assert release.problems(checkout) == []

    def test_a_checkout_with_changes(self, checkout: Path) -> None:
        (checkout / "new.txt").touch()
        assert release.problems(checkout) == ["The checkout has changes: new.txt. Commit them first."]

    @pytest.mark.parametrize(
        ("file", "old", "new", "reason"),
        [
            ("CHANGELOG.md", f"## {VERSION} ", "## 9.9.9 ", f"CHANGELOG.md has no section {VERSION}."),
            ("CHANGELOG.md", "Unreleased\n", "Unreleased\n- More.\n", "has changes under Unreleased"),
            ("plugin_stub/readme.txt", "Stable tag: ", "Stable tag: 9", "The plugin's version differs"),
            ("plugin_stub/load.php", "_VERSION', '", "_VERSION', '9", "The plugin's version differs"),
            ("core/__init__.py", '= "', '= "9', "The plugin has another version than the bridge"),
            (release.ROLLING, 'RELEASED = "', 'RELEASED = "9', "the newest migration is"),
            ("core/__init__.py", '= "', '= "9', "sbom.cdx.json is of another version"),
        ],
    )
    def test_what_does_not_fit(self, checkout: Path, file: str, old: str, new: str, reason: str) -> None:
        text = (checkout / file).read_text(encoding="utf-8")
        assert old in text
        (checkout / file).write_text(text.replace(old, new), encoding="utf-8")
        commit(checkout)
        assert reason in "\n".join(release.problems(checkout))


class TestZips:
    def test_differ_in_where_updates_come_from_alone(self) -> None:
        own, directory = contents(archive()), contents(release.directory_zip(ROOT / "plugin_stub"))
        load = f"{SLUG}/load.php"
        line = b" * Update URI:        https://meetings-bridge-for-zoom.invalid/\n"
        assert line in own[load]
        loads = b"require_once __DIR__ . '/updater.php';\n"
        assert own[load].replace(line, b"").replace(loads, b"") == directory[load]
        assert not [
            name
            for name, content in directory.items()
            if name.endswith(".php") and (b"updater.php" in content or b"upgrader_pre_download" in content)
        ]
        assert own.keys() - directory.keys() == {f"{SLUG}/updater.php"}
        assert [name for name in directory if own[name] != directory[name]] == [load]

    def test_hold_no_pairing_code_and_nothing_hidden(self) -> None:
        names = contents(release.directory_zip(ROOT / "plugin_stub"))
        assert not [
            name for name in names if "/." in name or "pairing-code.php" in name or name.endswith(".py")
        ]

    def test_every_file_of_php_is_closed_to_browsers(self) -> None:
        files = contents(release.directory_zip(ROOT / "plugin_stub"))
        php = {name: content for name, content in files.items() if name.endswith(".php")}
        assert len(php) > 40
        guards = (b"defined( 'ABSPATH' ) || exit;", b"defined( 'WP_UNINSTALL_PLUGIN' ) || exit;")
        assert [name for name, content in php.items() if not any(guard in content for guard in guards)] == []


class TestReadme:
    def test_is_what_the_directory_takes(self) -> None:
        assert release.readme_problems(README, f"{TESTED}.4") == []

    @pytest.mark.parametrize(
        ("old", "new", "reason"),
        [
            (f"Tested up to: {TESTED}", "Tested up to: 6.0", "the newest WordPress is"),
            ("Tags: zoom,", "Tags: a, b, zoom,", "more than 5 tags"),
            ("Publishes Zoom", "Publishes " * 20 + "Zoom", "more than 150 characters"),
            ("License: GPL-2.0-or-later", "License: none", "no licence"),
            ("Contributors: ", "By: ", "no line “Contributors”"),
        ],
    )
    def test_says_what_it_would_not_take(self, old: str, new: str, reason: str) -> None:
        assert old in README
        assert reason in "\n".join(release.readme_problems(README.replace(old, new), TESTED))


def test_a_source_package_is_the_same_bytes_whoever_packs_it() -> None:
    def packed(names: list[str], **stamp: int) -> bytes:
        written = io.BytesIO()
        with tarfile.open(fileobj=written, mode="w:gz") as tar:
            for name in names:
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(name), 0o664
                member.mtime, member.uid = stamp["mtime"], stamp["uid"]
                tar.addfile(member, io.BytesIO(name.encode()))
        return written.getvalue()

    one, other = packed(["a", "b"], mtime=1, uid=0), packed(["b", "a"], mtime=2, uid=1000)
    assert one != other
    assert release.repacked(one, 7) == release.repacked(other, 7)


def contents(archived: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archived)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


class TestKey:
    def test_is_its_owners_alone_and_never_replaced(self, tmp_path: Path) -> None:
        path = tmp_path / "key"
        public = release.create_key(path)
        assert path.stat().st_mode & 0o777 == 0o600
        assert release.public_key(release.load_key(path)) == public
        with pytest.raises(FileExistsError):
            release.create_key(path)

    def test_has_to_be_known_to_the_plugin(self, tmp_path: Path) -> None:
        key = release.load_key(tmp_path / "key") if release.create_key(tmp_path / "key") else None
        assert key is not None
        (problem,) = release.key_problems(key, ROOT)
        assert release.public_key(key) in problem
