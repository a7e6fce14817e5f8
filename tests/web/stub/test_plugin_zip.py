"""The zip of the plugin: for updates without, for a site to be added with its pairing code."""

import os
import subprocess
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from web.stub.plugin_zip import CODE_FILE, SLUG, archive, plugin_folder

CODE = "https://bridge.example.org#zb1.0123456789abcdef.0123456789abcdef0123456789abcdef"


def files(zipped: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(BytesIO(zipped)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def test_without_a_code_holds_none() -> None:
    held = files(archive())
    assert f"{SLUG}/load.php" in held
    assert f"{SLUG}/{CODE_FILE}" not in held
    assert archive() == archive(), "the same version gives the same bytes"


def copied(target: Path, names: list[Path], *, mode: int, time: int) -> Path:
    """Copy the plugin file by file, in the order of `names`; the files get this mode and time."""
    for name in names:
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((plugin_folder() / name).read_bytes())
        copy.chmod(mode)
        os.utime(copy, (time, time))
    return target


def test_of_copies_in_any_order_with_any_times_and_modes_is_the_same_bytes(tmp_path: Path) -> None:
    names = sorted(
        path.relative_to(plugin_folder())
        for path in plugin_folder().rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    )
    first = copied(tmp_path / "first", names, mode=0o600, time=1_000_000_000)
    second = copied(tmp_path / "second", names[::-1], mode=0o755, time=1_900_000_000)
    (second / ".hidden").write_text("left by an editor")
    assert archive(CODE, folder=first) == archive(CODE, folder=second) == archive(CODE)


def test_does_not_depend_on_the_version_of_a_compressor() -> None:
    with zipfile.ZipFile(BytesIO(archive(CODE))) as opened:
        entries = opened.infolist()
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}
    assert {(entry.create_system, entry.external_attr, entry.extra) for entry in entries} == {
        (3, 0o644 << 16, b"")
    }
    assert len(archive()) < 1024 * 1024, "WordPress may take no more than 2 MB"


def test_with_a_code_holds_the_same_plugin_and_the_code() -> None:
    held = files(archive(CODE))
    assert CODE in held.pop(f"{SLUG}/{CODE_FILE}").decode()
    assert held == files(archive())


@pytest.mark.parametrize("code", [CODE, r"http://b/it's\'<?php exit; ?>#zb1.0.1", "http://ü/\\#zb1"])
def test_gives_the_code_to_wordpress_and_nothing_to_others(tmp_path: Path, code: str) -> None:
    (tmp_path / CODE_FILE).write_bytes(files(archive(code))[f"{SLUG}/{CODE_FILE}"])

    def shown(script: str) -> str:
        return subprocess.run(
            ["php", "-r", script], cwd=tmp_path, capture_output=True, check=True, text=True
        ).stdout

    assert shown(f"define( 'ABSPATH', '/' ); echo require './{CODE_FILE}';") == code
    assert shown(f"echo 'begin ', require './{CODE_FILE}';").strip() in ("", "begin")
