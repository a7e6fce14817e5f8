"""What every command does alike."""

import io
import json
import re
import sys
from pathlib import Path

import click
import pytest

from core import __version__
from core.store.sites.sites import Site
from tests.web.cli.conftest import Run
from web.cli import zoombridge

COMMANDS = [
    "", "config", "config show", "config check", "backup", "restore", "move", "serve", "send", "plugin", "site", "site add", "site allow", "site confirm", "site list", "site check", "site remove",
    "site secret-token", "site renew-key", "site offer-address", "site withdraw-address", "site pause", "site resume", "site tag", "site cancelled-pages",
    "rules", "rules list", "rules show", "rules save", "rules remove", "rules copy", "rules follow", "rules unfollow",
    "alerts", "alerts list", "alerts add", "alerts test", "alerts pause", "alerts resume", "alerts remove", "alerts open",
    "alerts acknowledge", "alerts snooze", "alerts reopen",
    "doctor", "audit", "user", "user add", "user list", "user remove", "user password", "user email", "user link",
    "user sessions", "user sign-out", "user remove-two-factor",
    "quarantine", "quarantine list", "quarantine recheck", "quarantine dismiss", "db", "db upgrade",
    "account", "account add", "account list", "account remove", "account grant", "account grants", "account refuse",
    "account revoke",
    "import", "reconcile", "completion",
    "events", "events list", "events show", "events replay", "job", "job list", "job follow", "job resume", "job stop",
    "service", "service install", "service status", "service remove",
]  # fmt: skip

GROUPS = ["account", "alerts", "config", "db", "events", "job", "quarantine", "service", "site", "user"]


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
        assert "\\b" not in ran.out, "click's mark of lines that are not wrapped"
        assert ran.err == ""

    @pytest.mark.parametrize("group", ["", *GROUPS])
    def test_no_line_of_a_list_is_cut(self, run: Run, group: str) -> None:
        _, _, listed = run(*group.split(), "--help").out.partition("Commands:")
        assert listed
        assert "..." not in listed

    def test_explains_the_exit_status(self, run: Run) -> None:
        assert "Exit status: 0 on success; 1 if" in run("--help").out

    def test_version(self, run: Run) -> None:
        assert __version__ in run("--version").out


class TestMistakes:
    @pytest.mark.parametrize(
        "command",
        ["nonsense", "serve --port 99999", "site", "site check",
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


class TestJson:
    """One object on each line, and nothing else on the standard output."""

    @pytest.mark.parametrize(
        "command",
        [
            "account list", "account grants", "alerts list", "alerts open", "audit", "doctor", "events list", "job list", "quarantine list",
            "quarantine recheck", "site list", "user list",
        ],
    )  # fmt: skip
    def test_nothing_is_no_line(self, run: Run, command: str) -> None:
        ran = run(*command.split(), "--json")
        assert (ran.status, ran.out) == (0, "")

    @pytest.mark.parametrize(
        ("command", "expected"),
        [
            ("site list", {"url": "https://s1.example.org", "name": "Site s1", "fault_message": None}),
            ("site check s1", {"name": "WordPress", "ok": False}),
            ("doctor", {"site": "s1", "name": "WordPress", "ok": False}),
            (
                "quarantine list",
                {"site_url": "https://s1.example.org", "is_plausible": False, "is_kept": True},
            ),
            ("quarantine recheck", {"site_url": "https://s1.example.org", "accepted": 1, "refused": 1}),
        ],
    )
    def test_line_holds_what_the_table_says(
        self, run: Run, with_site: Site, command: str, expected: dict[str, object]
    ) -> None:
        first, *_ = [json.loads(line) for line in run(*command.split(), "--json").out.splitlines()]
        assert first | expected == first

    def test_of_users_and_their_sessions(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO("four words in a row\n"))
        run("user", "add", "anna")
        assert json.loads(run("user", "list", "--json").out)["name"] == "anna"
        assert run("user", "sessions", "anna", "--json").out == ""

    def test_times_are_iso_8601(self, run: Run, with_site: Site) -> None:
        [line, *_] = run("quarantine", "list", "--json").out.splitlines()
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", json.loads(line)["received_at"])


class TestCompletion:
    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_script_asks_the_command(self, run: Run, shell: str) -> None:
        assert f"_ZOOMBRIDGE_COMPLETE={shell}_complete" in run("completion", shell).out

    def test_commands_and_options(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("_ZOOMBRIDGE_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", "zoombridge site li")
        monkeypatch.setenv("COMP_CWORD", "2")
        assert run().out == "plain,list\n"
