"""`zoombridge user`: who may sign in."""

import io
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core.auth.service import AuthService
from core.store import audit
from core.store.audit import Actor, ActorKind
from core.store.auth import second_factors
from core.store.auth.one_time_links import OneTimeLink, Purpose
from core.store.db import settings
from core.store.db.engine import Store
from tests.core.auth.test_passwords import Counting
from tests.core.conftest import KEYS
from tests.web.cli.conftest import Ran, Run

PASSWORD = "four words in a row"
ANOTHER = "five other words in a row"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long argon2 takes is no matter of these tests."""
    monkeypatch.setattr("core.auth.passwords.PasswordHasher", Counting)


@pytest.fixture
def kept(
    run: Run, data: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Purpose, str], OneTimeLink | None]:
    """Look up a token in the folder where the commands keep their things."""
    monkeypatch.setenv("ZOOMBRIDGE_KEY", KEYS)

    def look(purpose: Purpose, word: str) -> OneTimeLink | None:
        store = Store(f"sqlite:///{data / 'zoombridge.db'}", keys=KEYS)
        try:
            return AuthService(store).find_link(purpose, word)
        finally:
            store.close()

    return look


@pytest.fixture
def typed(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command with something piped in."""

    def command(*arguments: str) -> Ran:
        piped, *rest = arguments
        monkeypatch.setattr(sys, "stdin", io.StringIO(piped))
        return run(*rest)

    return command


class TestAdd:
    def test_reads_the_password_that_is_piped_in(self, run: Run, typed: Run) -> None:
        ran = typed(f"{PASSWORD}\n", "user", "add", "Anna")
        assert (ran.status, ran.err) == (0, "")
        assert ran.out == "Added anna as administrator.\n"
        assert run("user", "list").out == "anna  administrator  never seen\n"

    def test_takes_it_by_no_option(self, run: Run) -> None:
        """Everybody on the machine sees those, with `ps`."""
        for option in ("--password", "-p"):
            assert run("user", "add", "anna", option, PASSWORD).status == 2
        assert "password" not in " ".join(re.findall(r"--\S+", run("user", "add", "--help").out))

    def test_asks_for_it_at_a_terminal(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        class Terminal(io.StringIO):
            def isatty(self) -> bool:
                return True

        answers = iter([PASSWORD, "another", PASSWORD, PASSWORD])
        monkeypatch.setattr(sys, "stdin", Terminal())
        monkeypatch.setattr("click.termui.hidden_prompt_func", lambda _: next(answers))
        ran = run("user", "add", "anna", "--role", "viewer")
        assert ran.status == 0
        assert "Added anna as viewer." in ran.out
        assert PASSWORD not in ran.out + ran.err

    @pytest.mark.parametrize(
        ("piped", "name", "said"),
        [
            ("", "anna", "pipe it in"),
            ("short\n", "anna", "fewer than 12"),
            (f"{PASSWORD}\n", "a b", "letters"),
        ],
    )
    def test_says_what_is_wrong(self, run: Run, typed: Run, piped: str, name: str, said: str) -> None:
        ran = typed(piped, "user", "add", name)
        assert ran.status in (1, 2)
        assert said in ran.err
        assert "There are no users yet" in run("user", "list").out

    def test_knows_two_roles(self, typed: Run) -> None:
        assert typed(PASSWORD, "user", "add", "anna", "--role", "owner").status == 2


class TestOthers:
    @pytest.fixture(autouse=True)
    def _anna_and_luke(self, typed: Run, kept: object) -> None:
        typed(PASSWORD, "user", "add", "anna")
        typed(PASSWORD, "user", "add", "luke", "--role", "viewer")

    def test_password(self, typed: Run) -> None:
        assert typed(ANOTHER, "user", "password", "luke").out == "Changed the password of luke.\n"
        assert typed("short", "user", "password", "luke").status == 1
        for piped in (ANOTHER, ""):
            assert "no user" in typed(piped, "user", "password", "nobody").err, "before it asks"

    def test_email(self, run: Run) -> None:
        assert run("user", "email", "luke", "luke@example.org").out == "Saved the e-mail address of luke.\n"
        assert "e-mail address" in run("user", "list").out
        assert run("user", "email", "luke", "luke").status == 1
        assert run("user", "email", "luke", "--remove").out == "Removed the e-mail address of luke.\n"
        assert run("user", "email", "luke").status == 2

    def test_remove(self, run: Run) -> None:
        assert run("user", "remove", "luke", "--yes").out == "Removed luke.\n"
        assert run("user", "remove", "luke", "--yes").status == 1
        ran = run("user", "remove", "anna", "--yes")
        assert (ran.status, "only administrator" in ran.err) == (1, True)
        assert run("user", "list").out.startswith("anna  administrator")

    def test_sessions_are_listed_and_ended(self, run: Run, data: Path) -> None:
        store = Store(f"sqlite:///{data / 'zoombridge.db'}", keys=KEYS)
        here = Actor(ActorKind.VISITOR, address="192.0.2.1", browser="Firefox (Linux)")
        try:
            with audit.acting(here):
                for _ in range(3):
                    assert AuthService(store).sign_in("luke", PASSWORD)
        finally:
            store.close()
        lines = run("user", "sessions", "luke").out.splitlines()
        assert len(lines) == 3
        assert all(line.endswith("192.0.2.1  Firefox (Linux)") for line in lines)
        session_id = lines[0].split()[0]
        ran = run("user", "sign-out", "luke", "--session", session_id)
        assert ran.out == "Ended 1 session of luke.\n"
        assert session_id not in run("user", "sessions", "luke").out
        again = run("user", "sign-out", "luke", "--session", session_id)
        assert (again.status, "has no session" in again.err) == (1, True)
        assert run("user", "sign-out", "luke").out == "Ended 2 sessions of luke.\n"
        assert run("user", "sessions", "luke").out == "luke is not signed in anywhere.\n"
        for command in ("sessions", "sign-out"):
            assert "no user" in run("user", command, "nobody").err

    def test_two_factor_is_removed_for_who_lost_it(self, run: Run, typed: Run, data: Path) -> None:
        store = Store(f"sqlite:///{data / 'zoombridge.db'}", keys=KEYS)
        try:
            store.write(
                lambda connection: second_factors.save(
                    connection, store.sealer, "luke", SECRET, step=0, now=1
                )
            )
        finally:
            store.close()
        assert "luke  viewer  never seen, two-factor\n" in run("user", "list").out
        assert typed("n\n", "user", "remove-two-factor", "luke").status == 130
        ran = run("user", "remove-two-factor", "Luke", "--yes")
        assert ran.out == "Removed the two-factor authentication of Luke.\n"
        assert "two-factor" not in run("user", "list").out
        again = run("user", "remove-two-factor", "luke", "--yes")
        assert (again.status, "does not use two-factor" in again.err) == (1, True)

    def test_remove_asks(self, typed: Run, run: Run) -> None:
        assert typed("n\n", "user", "remove", "luke").status == 130
        assert "luke" in run("user", "list").out

    @pytest.mark.parametrize(
        ("options", "path", "purpose"),
        [((), "password", Purpose.PASSWORD), (("--keep-password",), "link", Purpose.SIGN_IN)],
    )
    def test_link(
        self,
        run: Run,
        kept: Callable[[Purpose, str], OneTimeLink | None],
        options: tuple[str, ...],
        path: str,
        purpose: Purpose,
    ) -> None:
        said = run("user", "link", "luke", "--public-url", "https://bridge.example.org/", *options).out
        found = re.fullmatch(
            rf"This link works once: https://bridge\.example\.org/{path}\?token=(\S+)\n", said
        )
        assert found
        good = kept(purpose, found[1])
        assert good is not None
        assert good.name == "luke"

    def test_link_leads_to_the_saved_address(
        self, run: Run, data: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ZOOMBRIDGE_KEY", KEYS)
        store = Store(f"sqlite:///{data / 'zoombridge.db'}", keys=KEYS)
        store.write(lambda connection: settings.save_public_url(connection, "https://saved.example.org"))
        store.close()
        assert "https://saved.example.org/password?token=" in run("user", "link", "luke").out

    def test_link_is_for_somebody(self, run: Run) -> None:
        assert "zoombridge user link NAME. There are: anna, luke" in run("user", "link").err
        assert run("user", "link", "nobody").status == 1

    @pytest.mark.parametrize(
        "url", ["bridge.example.org", "ftp://x", "https://x/y", "https://u:p@x", "https://x?y"]
    )
    def test_link_leads_to_an_address(self, run: Run, url: str) -> None:
        assert run("user", "link", "luke", "--public-url", url).status == 2


class TestFirst:
    def test_link_without_a_name_is_for_the_first_administrator(
        self, run: Run, kept: Callable[[Purpose, str], OneTimeLink | None]
    ) -> None:
        found = re.search(r"http://127\.0\.0\.1:8765/first\?token=(\S+)", run("user", "link").out)
        assert found
        assert kept(Purpose.FIRST, found[1])
