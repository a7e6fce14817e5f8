"""The zip of the plugin: for updates without, for a site to be added with its pairing code."""

import subprocess
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from web.stub.plugin_zip import CODE_FILE, SLUG, archive

CODE = "https://bridge.example.org#zb1.0123456789abcdef.0123456789abcdef0123456789abcdef"


def files(zipped: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(BytesIO(zipped)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def test_without_a_code_holds_none() -> None:
    held = files(archive())
    assert f"{SLUG}/load.php" in held
    assert f"{SLUG}/{CODE_FILE}" not in held
    assert archive() == archive(), "the same version gives the same bytes"


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
