"""Commands that ask first: what they do without an answer."""

import io
import sys

import pytest

from tests.web.cli.conftest import Run

REMOVE_USER = ("user", "remove", "anna")


class TestConfirm:
    @pytest.mark.parametrize("given", [io.StringIO(), None], ids=["empty", "closed"])
    def test_fails_where_nobody_can_be_asked(
        self, run: Run, given: io.StringIO | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "stdin", given)
        ran = run(*REMOVE_USER)
        sys.stdin.close()
        assert (ran.status, ran.out) == (1, "Remove anna? [y/N]: \n")
        assert ran.err == "Error: Nobody could be asked, as standard input is empty. To confirm, add --yes.\n"

    def test_is_no_failure_at_a_terminal(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        """Ctrl-D is an answer there."""

        class Terminal(io.StringIO):
            def isatty(self) -> bool:
                return True

        monkeypatch.setattr(sys, "stdin", Terminal())
        assert run(*REMOVE_USER).status == 130

    @pytest.mark.parametrize(
        "command",
        [
            ("account", "remove", "acc"),
            ("alerts", "remove", "hook"),
            ("rules", "remove", "schools"),
            ("site", "remove", "s1"),
            REMOVE_USER,
        ],
        ids=" ".join,
    )
    def test_comes_before_a_removal(
        self, run: Run, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
        ran = run(*command)
        assert (ran.status, command[-1] in ran.out) == (130, True)
