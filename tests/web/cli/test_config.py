"""The configuration file, and `zoombridge config`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from web.cli.config_file import ConfigError, all_settings, load, table

if TYPE_CHECKING:
    from tests.web.cli.conftest import Run

DOC = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text(encoding="utf-8")
TOKEN = "a token that is long enough"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "zoombridge.toml"


def shown(run: Run, *arguments: str) -> dict[str, tuple[Any, str]]:
    ran = run("config", "show", "--json", *arguments)
    assert (ran.status, ran.err) == (0, "")
    lines = [json.loads(line) for line in ran.out.splitlines()]
    return {line["setting"]: (line["value"], line["source"]) for line in lines}


class TestDocument:
    def test_has_every_setting(self) -> None:
        assert DOC.endswith(f"\n{table()}\n")

    def test_example_is_valid(self, file: Path) -> None:
        [example] = re.findall(r"((?:^    [a-z-]+ = .*\n)+)", DOC, re.MULTILINE)
        (file.parent / "token").write_text(f"{TOKEN}\n")
        (file.parent / "token").chmod(0o640)
        file.write_text(
            re.sub("^    ", "", example, flags=re.MULTILINE).replace("/etc/zoombridge/metrics-", "")
        )
        assert load(file)["metrics_token"] == TOKEN


class TestPrecedence:
    def test_of_the_four_places(
        self, run: Run, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file.write_text('port = 1\nhost = "192.0.2.1"\nbehind-proxy = true\ndata = "from-file"\n')
        monkeypatch.setenv("ZOOMBRIDGE_CONFIG", str(file))
        monkeypatch.setenv("ZOOMBRIDGE_PORT", "2")
        found = shown(run)
        assert found["port"] == (2, "environment")
        assert found["host"] == ("192.0.2.1", "file")
        assert found["behind-proxy"] == (True, "file")
        assert found["acceptors"] == (2, "default")
        assert found["data"] == (str(tmp_path / "data"), "environment")
        other = tmp_path / "other.toml"
        other.write_text("port = 3\nkeep-days = 7\n")
        assert shown(run, "--config", str(other))["keep-days"] == (7, "file")

    def test_of_commands(self, run: Run, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("ZOOMBRIDGE_DATA")
        file.write_text(f'data = "{tmp_path / "filed"}"\nport = 1\n')
        for options, name in ([], "filed"), (["--data", str(tmp_path / "given")], "given"):
            assert run("db", "upgrade", "--config", str(file), *options).status == 0
            assert (tmp_path / name / "zoombridge.db").exists()


class TestMistakes:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("prot = 1", "no setting prot. Is port meant"),
            ("keep_day = 1", "Is keep-days meant"),
            ("nonsense = 1", "config show"),
            ("[serve]\nport = 1", "no setting serve"),
            ('port = "1"', "port has to be a whole number"),
            ("port = true", "port has to be a whole number"),
            ("port = 70000", "port: 70000 is not in the range"),
            ("behind-proxy = 1", "true or false"),
            ('allow-network = "10.0.0.0/8"', "a list of texts"),
            ('allow-network = ["10.0.0.0/99"]', "Write a network as"),
            ('log-level = "loud"', "'loud' is not one of"),
            ('public-url = "bridge"', "Write https://"),
            ("port 1", "is no TOML"),
            ('metrics-token-file = "none"', "cannot be read"),
            ('port-file = "x"', "no setting port-file"),
            (f'metrics-token = "{TOKEN}"\nmetrics-token-file = "x"', "given twice"),
            ('metrics-token = "short"', "at least 16 characters"),
            (f'metrics-token = "{TOKEN}\\n."', "in one line"),
            ('data = "a\\u0000b"', "embedded null"),
            ("port = " + "[" * 5000, "is no TOML"),
        ],
    )
    def test_are_named(self, run: Run, file: Path, text: str, message: str) -> None:
        file.write_text(text)
        file.chmod(0o600)
        (file.parent / "x").touch(0o600)
        for command in ("config check", "config show", "site list"):
            ran = run(*command.split(), "--config", str(file))
            assert (ran.status, ran.out) == (2, "")
            assert str(file) in ran.err
            assert message in ran.err

    def test_of_a_file_that_is_not_there(self, run: Run, file: Path) -> None:
        ran = run("serve", "--config", str(file))
        assert (ran.status, "cannot be read: No such file" in ran.err) == (2, True)

    def test_of_a_file_of_another_user(self, run: Run, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object, **__: object) -> str:
            raise PermissionError(13, "Permission denied")

        file.touch(0o600)
        monkeypatch.setattr(type(file), "read_text", refuse)  # root may read everything
        ran = run("config", "check", "--config", str(file))
        assert (ran.status, "Run this as one of them" in ran.err) == (2, True)

    def test_of_variables(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        assert run("config", "check").status == 0
        monkeypatch.setenv("ZOOMBRIDGE_PROT", "1")
        ran = run("config", "check")
        assert ran.status == 1
        assert "ZOOMBRIDGE_PROT is in the environment, but sets nothing. Is ZOOMBRIDGE_PORT meant?" in ran.out


class TestSecrets:
    @pytest.mark.parametrize(
        "text",
        [
            f'metrics-token = "{TOKEN}"',
            'database-url = "postgresql://u:word@h/d"',
            'database-url = "postgresql://u@h/d?password=word"',
            'metrics-token-file = "secret"',
        ],
    )
    def test_that_everybody_can_read_are_refused(self, file: Path, text: str) -> None:
        file.write_text(text)
        secret = file.parent / "secret"
        secret.write_text(TOKEN)
        for mode, is_refused in (0o644, True), (0o640, False):
            file.chmod(mode)
            secret.chmod(mode)
            if is_refused:
                with pytest.raises(ConfigError, match="Everybody on this machine can read"):
                    load(file)
            else:
                assert len(load(file)) == 1

    def test_others_may_be_read(self, file: Path) -> None:
        file.write_text('port = 1\ndatabase-url = "postgresql://u@h/d"\n')
        file.chmod(0o644)
        assert load(file) == {"port": 1, "database_url": "postgresql://u@h/d"}

    def test_are_not_shown(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ZOOMBRIDGE_METRICS_TOKEN", TOKEN)
        monkeypatch.setenv("ZOOMBRIDGE_KEY", "kGxqPcdWrxkFpK2kNxNFp8yo4sF0xKpmvbvVYTJmFzo=")
        monkeypatch.setenv(
            "ZOOMBRIDGE_DATABASE_URL", "postgresql://u:word@h/d?sslpassword=word&password=word"
        )
        for option in ([], ["--json"]):
            ran = run("config", "show", *option)
            assert "word" not in ran.out.replace("password=", "")
            assert TOKEN not in ran.out
            assert "kGxq" not in ran.out
        assert shown(run)["database-url"] == (
            "postgresql://u:***@h/d?password=***&sslpassword=***",
            "environment",
        )

    def test_are_known_as_such(self) -> None:
        """Options whose names tell of a secret; a new one needs a decision."""
        named = [one for one in all_settings().values() if re.search("token|url|password|secret", one.key)]
        assert {one.key for one in named if not one.is_secret} == {"public-url"}
