"""What every command does alike."""

from pathlib import Path

import click
import pytest

from core import __version__
from tests.web.cli.conftest import Run
from web.cli import zoombridge

COMMANDS = [
    "", "serve", "send", "plugin", "site", "site add", "site confirm", "site list", "site check", "site remove",
    "site secret-token", "site renew-key",
    "doctor", "audit", "user", "user add", "user list", "user remove", "user password", "user link",
    "user sessions", "user sign-out", "user remove-two-factor",
    "quarantine", "quarantine list", "quarantine recheck", "quarantine dismiss", "db", "db upgrade",
    "account", "account add", "account list", "account remove", "account grant", "account grants", "account refuse",
    "account revoke",
    "import", "reconcile",
    "events", "events list", "events show", "events replay", "job", "job list", "job follow", "job resume", "job stop",
]  # fmt: skip


def every(command: click.Command, path: str = "") -> list[str]:
    found = [path.strip()]
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            found += every(inner, f"{path} {name}")
    return found


class TestHelp:
    def test_there_are_no_other_commands(self) -> None:
        assert sorted(every(zoombridge)) == sorted(COMMANDS)

    @pytest.mark.parametrize("command", COMMANDS)
    @pytest.mark.parametrize("option", ["--help", "-h"])
    def test_says_what_the_command_does(self, run: Run, command: str, option: str) -> None:
        ran = run(*command.split(), option)
        assert ran.status == 0
        assert ran.out.startswith("Usage: ")
        assert ran.err == ""

    def test_version(self, run: Run) -> None:
        assert __version__ in run("--version").out


class TestMistakes:
    @pytest.mark.parametrize(
        "command",
        ["nonsense", "serve --port 99999", "send", "site", "site check", "send --to http://x",
         "send --to http://x nowhere.json", "send --to http://x --secret-token x --scenario meeting"],
    )  # fmt: skip
    def test_end_with_a_message_and_a_status(self, run: Run, command: str) -> None:
        ran = run(*command.split())
        assert ran.status == 2
        assert "Usage" in ran.err + ran.out

    def test_a_bad_key_is_said_to_be_one(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ZOOMBRIDGE_KEY", "nonsense")
        ran = run("site", "list")
        assert ran.status == 1
        assert "ZOOMBRIDGE_KEY" in ran.err

    def test_a_bad_database_is_said_to_be_one(self, run: Run) -> None:
        ran = run("db", "upgrade", "--database-url", "nonsense")
        assert ran.status == 1
        assert "ZOOMBRIDGE_DATABASE_URL" in ran.err

    def test_a_folder_that_cannot_be_made_is_said_to_be_one(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        ran = run("db", "upgrade", "--data", str(tmp_path / "file" / "data"))
        assert ran.status == 1
        assert ran.err.startswith("Error: ")
        assert "file" in ran.err
