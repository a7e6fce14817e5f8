"""The search for secrets in what a run leaves behind finds them in every form."""

import base64
import json
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.traces import Secrets, files, open_to_others

LINK = "https://us02web.zoom.us/j/85393847045?pwd=a+b/c&d"
KEY = "00112233445566778899aabbccddeeff"


def found(value: str, content: bytes) -> bool:
    secrets = Secrets()
    secrets.add("it", value)
    return bool(secrets.found([("log", content)]))


@pytest.mark.parametrize("around", [(b"", b""), (b"a", b"b"), (b"ab", b"cd"), (b"abc", b"d")])
@pytest.mark.parametrize("value", [LINK, "four words in a row", "Grüße-an-alle", KEY])
def test_every_form_is_found(value: str, around: tuple[bytes, bytes]) -> None:
    before, after = around
    data = before + value.encode() + after
    for written in (
        data,
        data.hex().encode(),
        data.hex().upper().encode(),
        base64.b64encode(data),
        base64.urlsafe_b64encode(data).rstrip(b"="),
        quote(data, safe="").encode(),
        json.dumps({"a": value}).encode(),
        json.dumps({"a": value}).replace("/", "\\/").encode(),
    ):
        assert found(value, b"x" + written + b"y"), written
        assert not found(value + "!", written)


def test_a_key_is_found_by_its_bytes() -> None:
    for value, data in (
        (KEY, bytes.fromhex(KEY)),
        (base64.urlsafe_b64encode(bytes(range(32))).decode(), bytes(range(32))),
    ):
        for written in (data, data.hex().encode(), base64.b64encode(b"x" + data)):
            assert found(value, b"- " + written + b" -")


@pytest.mark.parametrize(
    ("content", "is_found"),
    [
        ("code=482915", True),
        ("482915", True),
        ("1482915", False),
        ("482915a", False),
        ("at 2026-03-01T10:00:00.482915Z", False),
    ],
)
def test_digits_are_found_where_they_stand_alone(content: str, is_found: bool) -> None:
    assert found("482915", content.encode()) is is_found


def test_files_and_modes_are_read_in_every_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    below = tmp_path / "a/b"
    below.mkdir(parents=True)
    (tmp_path / "a").chmod(0o700)
    below.chmod(0o750)
    for name, mode in (("own", 0o600), ("all", 0o604), ("of.log", 0o640), ("all.log", 0o644)):
        (below / name).write_text(name)
        (below / name).chmod(mode)
    assert [name for name, _ in files(tmp_path)] == ["a/b/all", "a/b/all.log", "a/b/of.log", "a/b/own"]
    assert open_to_others(tmp_path) == ["a/b 750", "a/b/all 604", "a/b/all.log 644"]
