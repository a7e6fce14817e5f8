"""Send to a mail server, a webhook and a Slack-compatible hook, which are doubles on this machine."""

import base64
import email.policy
import hashlib
import hmac
import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from core.errors import DeliveryError
from core.monitoring.notify import senders
from core.monitoring.notify.settings import EmailSettings, HookSettings, Security, new_signing_secret, stored
from core.store.alerts.channels import Channel, ChannelKind
from core.store.alerts.deliveries import Delivery, DeliveryState, MessageKind
from tests.mail_server import MailServer, certificates

NOW = 1_800_000_000
EVIL = "Chor\r\nBcc: x@evil.example\r\n\r\n<!channel> @here <https://evil.example|click> & \u202e"
PAYLOAD = {
    "groups": [
        {
            "kind": "site",
            "text": "The site cannot be updated. Ü.",
            "since": 0,
            "ids": ["a1"],
            "sites": [["s1", EVIL], ["s2", "Ädel " * 300]],
            "more_sites": 2,
        }
    ],
    "more": 3,
}


def channel(kind: ChannelKind, settings: EmailSettings | HookSettings) -> Channel:
    return Channel("c1", "Ops", kind, stored(settings))


def delivery(kind: MessageKind = MessageKind.CRITICAL, payload: dict[str, Any] = PAYLOAD) -> Delivery:
    return Delivery(
        1, "c1", "msg_1", kind, payload, DeliveryState.PENDING, 0, 0, "", created_at=NOW * 1000, ended_at=None
    )


def send(to: Channel, what: Delivery | None = None, tls: ssl.SSLContext | None = None) -> str:
    return senders.send(
        to,
        what or delivery(),
        address="https://bridge.example.org",
        now=NOW,
        translate=lambda sentence, _: sentence,
        tls=tls,
    )


# --- E-mail -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What the mail server needs, and what trusts it."""
    return certificates(tmp_path_factory.mktemp("certificates"))


def by_mail(server: MailServer, security: Security, **more: Any) -> Channel:
    values = {"username": "", "password": "", "recipients": ("anna@example.org", "otto@example.org"), **more}
    settings = EmailSettings(
        host="127.0.0.1", port=server.port, security=security, sender="bridge@example.org", **values
    )
    return channel(ChannelKind.EMAIL, settings)


class TestMail:
    @pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
    def test_is_encrypted_plain_text_to_all_recipients(
        self, trust: tuple[ssl.SSLContext, ssl.SSLContext], security: Security
    ) -> None:
        ours, theirs = trust
        offered = {"starttls": ours} if security is Security.STARTTLS else {"tls": ours}
        with MailServer(users={"anna": "pass word"}, **offered) as server:  # type: ignore[arg-type]
            said = send(by_mail(server, security, username="anna", password="pass word"), tls=theirs)
        assert said == "accepted by the mail server"
        (got,) = server.received
        assert (got.sender, got.is_encrypted, got.username) == ("bridge@example.org", True, "anna")
        assert got.recipients == ["anna@example.org", "otto@example.org"]
        message = email.message_from_bytes(got.body, policy=email.policy.default)
        assert set(message.keys()) == {
            "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version",
            "Content-Type", "Content-Transfer-Encoding",
        }  # fmt: skip
        assert message.get_content_type() == "text/plain"
        assert message["Auto-Submitted"] == "auto-generated"
        body = message.get_content()
        for part in (
            "Ü.",
            "1970-01-01 00:00 UTC",
            "and 2 more",
            "Further alerts: 3.",
            "https://bridge.example.org",
        ):
            assert part in body
        assert "\u202e" not in body
        assert "\nBcc" not in body.replace("\r", "")
        assert "pass word" not in got.body.decode()

    def test_is_not_sent_in_clear_where_encryption_is_wanted(
        self, trust: tuple[ssl.SSLContext, ssl.SSLContext]
    ) -> None:
        with MailServer() as server, pytest.raises(DeliveryError, match="offers no STARTTLS") as caught:
            send(by_mail(server, Security.STARTTLS), tls=trust[1])
        assert caught.value.is_final
        assert server.received == []

    def test_is_not_sent_to_whom_the_certificate_does_not_show(
        self, trust: tuple[ssl.SSLContext, ssl.SSLContext]
    ) -> None:
        for offered in ({"starttls": trust[0]}, {"tls": trust[0]}):
            security = Security.STARTTLS if "starttls" in offered else Security.TLS
            with MailServer(**offered) as server, pytest.raises(DeliveryError, match="cannot be trusted"):  # type: ignore[arg-type]
                send(by_mail(server, security))
            assert server.received == []

    def test_takes_a_server_that_offers_nothing(self) -> None:
        with MailServer(unknown={"otto@example.org"}) as server:
            assert "not for: otto@example.org" in send(by_mail(server, Security.NONE))
        assert [one.recipients for one in server.received] == [["anna@example.org"]]

    @pytest.mark.parametrize(
        ("replies", "said", "is_final"),
        [
            ({"MAIL": "451 Try later\x07"}, "refused the message: 451 Try later", False),
            ({"MAIL": "550 No"}, "refused the message: 550 No", True),
            ({"RCPT": "450 Busy"}, "refused the message: 450 Busy", False),
            ({"RCPT": "550 Nobody"}, "refused the message: 550 Nobody", True),
            ({"DATA": "554 Spam"}, "refused the message: 554 Spam", True),
            ({"EHLO": "421 Closing", "HELO": "421 Closing"}, "421 Closing", False),
        ],
    )
    def test_that_is_refused_says_why(self, replies: dict[str, str], said: str, is_final: bool) -> None:
        with MailServer(replies=replies) as server, pytest.raises(DeliveryError) as caught:
            send(by_mail(server, Security.NONE))
        assert said in str(caught.value)
        assert caught.value.is_final == is_final

    def test_that_may_not_sign_in_says_so_without_the_password(
        self, trust: tuple[ssl.SSLContext, ssl.SSLContext]
    ) -> None:
        with (
            MailServer(tls=trust[0], users={"anna": "right"}) as server,
            pytest.raises(DeliveryError) as caught,
        ):
            send(by_mail(server, Security.TLS, username="anna", password="pa55word"), tls=trust[1])
        assert "does not accept user name and password: 535" in str(caught.value)
        assert "pa55word" not in str(caught.value)

    def test_signs_in_by_what_is_not_ascii(self, trust: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
        with MailServer(tls=trust[0], users={"änne": "gehéim"}) as server:
            send(by_mail(server, Security.TLS, username="änne", password="gehéim"), tls=trust[1])
            with pytest.raises(DeliveryError, match="does not accept") as caught:
                send(by_mail(server, Security.TLS, username="änne", password="ß"), tls=trust[1])
        assert [one.username for one in server.received] == ["änne"]
        assert caught.value.is_final
        with MailServer() as server, pytest.raises(DeliveryError, match="takes no user name") as caught:
            send(by_mail(server, Security.NONE, username="änne", password="ß"))
        assert caught.value.is_final

    def test_reasons_name_nobody_in_logs(self) -> None:
        reason = "refused: 550 5.1.1 <anna@example.org>: no such user otto+x@example.org."
        assert senders.without_addresses(reason) == "refused: 550 5.1.1 <…@…>: no such user …@…"

    def test_to_nobody_there_says_so(self) -> None:
        with MailServer() as server:
            pass
        with pytest.raises(DeliveryError, match="could not be reached") as caught:
            send(by_mail(server, Security.NONE))
        assert not caught.value.is_final


# --- Hooks --------------------------------------------------------------------------------------------------


@dataclass
class Hook:
    """A server that takes messages, and answers each with the next of `statuses`, else 204."""

    statuses: list[int] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def hook() -> Iterator[Hook]:
    """A server for hooks at an address that is a secret."""
    found = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            found.requests.append((self.path, headers, body))
            status = found.statuses.pop(0) if found.statuses else 204
            self.send_response(status)
            self.send_header("Content-Length", "0")
            if status in range(300, 400):
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_port}/hooks/T0P-5ECRET"
    yield found
    server.shutdown()
    server.server_close()


class TestWebhook:
    def test_is_signed_as_standard_webhooks_are(self, hook: Hook) -> None:
        secret = new_signing_secret()
        settings = HookSettings.parse(hook.url, secret=secret)
        assert send(channel(ChannelKind.WEBHOOK, settings)) == "accepted (HTTP 204)"
        ((_, headers, body),) = hook.requests
        signed = f"msg_1.{NOW}.".encode() + body
        key = base64.b64decode(secret.removeprefix("whsec_"))
        expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert secret.startswith("whsec_")
        assert 24 <= len(key) <= 64
        assert headers["webhook-id"] == "msg_1"
        assert headers["webhook-timestamp"] == str(NOW)
        assert headers["webhook-signature"] == f"v1,{expected}"
        assert headers["content-type"] == "application/json"
        told = json.loads(body)
        assert (told["type"], told["timestamp"]) == ("alerts.critical", "2027-01-15T08:00:00+00:00")
        (alert,) = told["data"]["alerts"]
        assert (alert["kind"], alert["sites"][0]) == ("site", {"id": "s1", "name": EVIL})

    def test_signs_the_example_of_its_specification(self) -> None:
        """https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md"""
        secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        made = senders.signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
        assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

    @pytest.mark.parametrize(
        ("status", "is_final"),
        [(500, False), (429, False), (408, False), (404, True), (410, True), (302, False)],
    )
    def test_that_is_not_accepted_is_sent_again_where_that_may_help(
        self, hook: Hook, status: int, is_final: bool
    ) -> None:
        hook.statuses = [status]
        with pytest.raises(DeliveryError, match=str(status)) as caught:
            send(channel(ChannelKind.WEBHOOK, HookSettings.parse(hook.url, secret=new_signing_secret())))
        assert caught.value.is_final == is_final
        assert len(hook.requests) == 1, "redirects are not followed"
        assert "T0P-5ECRET" not in str(caught.value)

    def test_to_nobody_there_names_no_address(self, hook: Hook) -> None:
        away = HookSettings.parse("http://127.0.0.1:9/hooks/T0P-5ECRET")
        with pytest.raises(DeliveryError, match="could not be reached") as caught:
            send(channel(ChannelKind.SLACK, away))
        assert "T0P" not in str(caught.value)


class TestSlack:
    def test_text_is_text(self, hook: Hook) -> None:
        send(channel(ChannelKind.SLACK, HookSettings.parse(hook.url)))
        ((_, headers, body),) = hook.requests
        told = json.loads(body)
        assert told["text"].startswith("Needs attention: ")
        assert not set("<>\r\u202e") & set(told["text"])
        assert "&lt;!channel&gt; @\u200bhere &lt;https://evil.example|click&gt; &amp;" in told["text"]
        assert (told["mrkdwn"], told["link_names"]) == (False, False)
        assert "webhook-signature" not in headers
        assert len(told["text"]) < 4000

    @pytest.mark.parametrize(
        ("kind", "payload", "said"),
        [
            (MessageKind.TEST, {}, "This is a test"),
            (MessageKind.ENDED, PAYLOAD, "Resolved: "),
            (
                MessageKind.DIGEST,
                {"groups": [], "more": 0, "sites": 2, "events": 7, "critical": 0, "warnings": 0},
                "Sites: 2. Events in the last 7 days: 7.\n\nThere are no open alerts.",
            ),
        ],
    )
    def test_says_what_it_is_about(
        self, hook: Hook, kind: MessageKind, payload: dict[str, Any], said: str
    ) -> None:
        send(channel(ChannelKind.SLACK, HookSettings.parse(hook.url)), delivery(kind, payload))
        assert said in json.loads(hook.requests[0][2])["text"]
