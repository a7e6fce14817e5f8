"""`zoombridge alerts`: channels and open alerts, by commands."""

import io
import re
from email import message_from_bytes, policy

import pytest

from core.store.sites.sites import Site
from tests.mail_server import MailServer
from tests.web.cli.conftest import Run

MAIL = (
    "alerts",
    "add",
    "email",
    "--name",
    "Ops",
    "--sender",
    "bridge@example.org",
    "--to",
    "anna@example.org",
)


class TestChannels:
    def test_send_a_test_by_a_mail_server(self, run: Run, with_site: Site) -> None:
        with MailServer() as server:
            host = ("--smtp-host", "127.0.0.1", "--smtp-port", str(server.port), "--smtp-security", "none")
            added = run(*MAIL, *host, "--site", "s1", "--digest", "--language", "de")
            assert (added.status, "Channel Ops added" in added.out) == (0, True)
            tested = run("alerts", "test", "ops")
            assert (tested.status, tested.out) == (0, "Ops: delivered. accepted by the mail server\n")
        (got,) = server.received
        message = message_from_bytes(got.body, policy=policy.default)
        assert message["Subject"] == "[Zoom WordPress Bridge] Dies ist ein Test"
        listed = run("alerts", "list").out
        assert "Ops  email  anna@example.org  https://s1.example.org" in listed
        assert "delivered. accepted by the mail server" in listed
        failed = run("alerts", "test", "Ops")
        assert (failed.status, "FAILED. The mail server could not be reached" in failed.out) == (1, True)

    def test_speak_no_language_that_there_is_not(self, run: Run, with_site: Site) -> None:
        ran = run(*MAIL, "--smtp-host", "mail.example.org", "--language", "fr")
        assert (ran.status, "'fr' is not one of 'en', 'de'" in ran.err) == (2, True)

    def test_take_secrets_from_the_environment_or_standard_input(
        self, run: Run, with_site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(" \n"))
        missing = run("alerts", "add", "slack", "--name", "Chat")
        assert (missing.status, "ZOOMBRIDGE_ALERT_SECRET" in missing.err) == (2, True)
        monkeypatch.setenv("ZOOMBRIDGE_ALERT_SECRET", "https://hooks.example.org/T0P")
        assert run("alerts", "add", "slack", "--name", "Chat").status == 0
        assert run(*MAIL, "--smtp-host", "mail.example.org", "--smtp-user", "bridge").status == 0
        listed = run("alerts", "list").out
        assert "Chat  slack  hooks.example.org  all sites" in listed
        assert "T0P" not in listed
        help_text = run("alerts", "add", "--help").out
        assert not re.search(r"--\S*(password|secret)", help_text)

    def test_show_the_secret_of_a_webhook_once(self, run: Run, with_site: Site) -> None:
        added = run("alerts", "add", "webhook", "--name", "my hook", "--url", "https://hooks.example.org/x")
        assert re.search(r"whsec_[A-Za-z0-9+/]{43}=", added.out)
        assert "zoombridge alerts test 'my hook'" in added.out
        assert "whsec_" not in run("alerts", "list").out

    def test_are_paused_resumed_and_removed(self, run: Run, with_site: Site) -> None:
        run("alerts", "add", "webhook", "--name", "hook", "--url", "https://hooks.example.org/x")
        assert run("alerts", "pause", "hook").out == "Channel hook paused\n"
        assert "  paused" in run("alerts", "list").out
        assert run("alerts", "resume", "HOOK").out == "Channel hook resumed\n"
        assert run("alerts", "remove", "hook", "--yes").out == "Channel hook removed\n"
        assert "No channel" in run("alerts", "list").out
        gone = run("alerts", "pause", "hook")
        assert (gone.status, "no channel named “hook”" in gone.err) == (1, True)


class TestOpen:
    def test_are_acknowledged_snoozed_and_reopened(self, run: Run, with_site: Site) -> None:
        (alert_id, severity, *_) = run("alerts", "open").out.split()
        assert severity in ("critical", "warning")
        done = run("alerts", "acknowledge", alert_id, "--reason", "it is \x1b[31m known")
        assert "acknowledged: it is" in done.out
        assert "\x1b" not in done.out
        snoozed = run("alerts", "snooze", alert_id, "--for", "2d", "--reason", "weekend")
        assert re.search(r"snoozed until [0-9-]{10} [0-9:]{5}.*: weekend", snoozed.out)
        assert "snoozed" not in run("alerts", "reopen", alert_id).out
        for wrong in (("--for", "soon"), ("--for", "91d")):
            assert run("alerts", "snooze", alert_id, *wrong, "--reason", "x").status != 0
        assert run("alerts", "acknowledge", "0" * 16, "--reason", "x").status == 1
