"""Send one message by a channel: e-mail, a signed webhook, or a Slack-compatible hook. Blocks, bounded in time.

Raises DeliveryError with words for a person; they name neither the address of a hook nor a password.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import smtplib
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from core import messages
from core.errors import DeliveryError, SiteFaultError
from core.monitoring.notify.settings import EmailSettings, HookSettings, Security, key_of
from core.monitoring.notify.texts import clean, word
from core.store.alerts.channels import ChannelKind
from core.wordpress import transport

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.monitoring.notify.texts import Text
    from core.store.alerts.channels import Channel
    from core.store.alerts.deliveries import Delivery

SMTP_TIMEOUT = 20.0
"""Seconds for each answer of a mail server."""
HTTP_TIMEOUT = (5.0, 15.0)
_REDIRECTS, _GONE, _SERVER_ERRORS = range(300, 400), 410, 500
_RETRIED = (408, 425, 429)  # of the client's errors
_LONGEST_SLACK = 3000
_FINAL_REPLIES = range(500, 600)
_AUTHENTICATED = 235
_MAIL_ADDRESS = re.compile(r"[^\s<>@:;,]{1,320}@[^\s<>@:;,]{1,320}")


def send(
    channel: Channel,
    delivery: Delivery,
    *,
    address: str,
    now: float,
    translate: Callable[[str, str], str],
    tls: ssl.SSLContext | None = None,
) -> str:
    """Send a message; return how it was accepted. `address` is the bridge's; `now` in Unix seconds (UTC).

    `translate` takes a sentence of `core.messages` and a language. `tls` replaces the system's trust in mail servers.
    Raises: DeliveryError.
    """
    if channel.kind is ChannelKind.WEBHOOK:
        return _send_webhook(HookSettings.of(channel.settings), delivery, address=address, now=now)
    text = word(
        delivery.kind,
        delivery.payload,
        address=address,
        translate=lambda sentence: translate(sentence, channel.language),
    )
    if channel.kind is ChannelKind.SLACK:
        return _post(HookSettings.of(channel.settings).url, slack_body(text), {})
    settings = EmailSettings.of(channel.settings)
    return _send_mail(settings, mail(settings, text, delivery.message_id, now=now), tls)


def send_text(
    settings: EmailSettings, text: Text, message_id: str, *, now: float, tls: ssl.SSLContext | None = None
) -> str:
    """Send a text by e-mail; return how it was accepted. `now` in Unix seconds (UTC). Raises: DeliveryError."""
    return _send_mail(settings, mail(settings, text, message_id, now=now), tls)


# --- Webhooks -----------------------------------------------------------------------------------------------


def webhook_body(delivery: Delivery, *, address: str) -> bytes:
    """Return the body of a webhook: the same in each attempt."""
    stored = delivery.payload
    at = datetime.fromtimestamp(delivery.created_at / 1000, UTC).isoformat(timespec="seconds")
    data: dict[str, Any] = {"bridge": address} | {
        key: stored[key] for key in ("sites", "events", "critical", "warnings") if key in stored
    }
    if "groups" in stored:
        data["alerts"] = [
            {
                "kind": one["kind"],
                "message": one["text"],
                "since": None if one["since"] is None else _iso(one["since"]),
                "ids": one["ids"],
                "sites": [{"id": site_id, "name": name} for site_id, name in one["sites"]],
                "more_sites": one["more_sites"],
            }
            for one in stored["groups"]
        ]
        data["more"] = stored["more"]
    return json.dumps({"type": delivery.kind.value, "timestamp": at, "data": data}).encode()


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the header `webhook-signature` of Standard Webhooks; `timestamp` is in Unix seconds.

    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key_of(secret), signed, hashlib.sha256)).decode()


def _send_webhook(settings: HookSettings, delivery: Delivery, *, address: str, now: float) -> str:
    body, timestamp = webhook_body(delivery, address=address), int(now)
    headers = {
        "webhook-id": delivery.message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(settings.secret, delivery.message_id, timestamp, body),
    }
    return _post(settings.url, body, headers)


def slack_body(text: Text) -> bytes:
    """Return a message of Slack's incoming webhooks, in which nothing is markup, a link or a mention.

    https://docs.slack.dev/messaging/formatting-message-text/#escaping
    """
    plain = f"{text.subject}\n{text.body}"[:_LONGEST_SLACK]
    escaped = plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # What takes the same messages may look for @channel in them.
    escaped = escaped.replace("@", "@\u200b")
    return json.dumps(
        {"text": escaped, "mrkdwn": False, "unfurl_links": False, "unfurl_media": False, "link_names": False}
    ).encode()


def _post(url: str, body: bytes, headers: dict[str, str]) -> str:
    sent = {"Content-Type": "application/json", **headers}
    try:
        with transport.session() as over:
            answer = transport.send(over, "POST", url, body=body, headers=sent, timeout=HTTP_TIMEOUT)
    except SiteFaultError as error:
        raise DeliveryError(messages.ALERT_HOOK_NO_ANSWER) from error
    status = answer.status
    if status in range(200, 300):
        return messages.ALERT_SENT % {"status": status}
    if status in _REDIRECTS:
        raise DeliveryError(messages.ALERT_HOOK_REDIRECTED % {"status": status})
    if status == _GONE:
        raise DeliveryError(messages.ALERT_HOOK_GONE, is_final=True)
    raise DeliveryError(
        messages.ALERT_HOOK_REFUSED % {"status": status},
        is_final=status < _SERVER_ERRORS and status not in _RETRIED,
    )


def _iso(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="seconds")


# --- E-mail -------------------------------------------------------------------------------------------------


def mail(settings: EmailSettings, text: Text, message_id: str, *, now: float) -> EmailMessage:
    """Return a message in plain text. All its lines are short and in ASCII, so that every server takes it."""
    made = EmailMessage(policy=SMTP)
    made["From"] = settings.sender
    made["To"] = ", ".join(settings.recipients)
    made["Subject"] = f"[Zoom WordPress Bridge] {text.subject}"
    made["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
    made["Message-ID"] = f"<{message_id}@{settings.sender.rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's automatic answer comes back
    made.set_content(text.body, cte="quoted-printable")
    return made


def _send_mail(settings: EmailSettings, message: EmailMessage, tls: ssl.SSLContext | None) -> str:
    tls = tls or ssl.create_default_context()
    try:
        with _connect(settings, tls) as server:
            if settings.security is Security.STARTTLS:
                server.starttls(context=tls)
            if settings.username:
                _log_in(server, settings.username, settings.password)
            refused = server.send_message(message, settings.sender, list(settings.recipients))
    except smtplib.SMTPAuthenticationError as error:
        raise DeliveryError(
            messages.ALERT_MAIL_LOGIN % {"reason": _reply(error.smtp_code, error.smtp_error)},
            is_final=error.smtp_code in _FINAL_REPLIES,
        ) from error
    except smtplib.SMTPRecipientsRefused as error:
        code, reply = next(iter(error.recipients.values()))
        is_final = all(code in _FINAL_REPLIES for code, _ in error.recipients.values())
        raise DeliveryError(
            messages.ALERT_MAIL_REFUSED % {"reason": _reply(code, reply)}, is_final=is_final
        ) from error
    except smtplib.SMTPResponseException as error:
        raise DeliveryError(
            messages.ALERT_MAIL_REFUSED % {"reason": _reply(error.smtp_code, error.smtp_error)},
            is_final=error.smtp_code in _FINAL_REPLIES,
        ) from error
    except smtplib.SMTPNotSupportedError as error:
        has_login = "AUTH" not in str(error)
        text = messages.ALERT_MAIL_NO_STARTTLS if has_login else messages.ALERT_MAIL_NO_LOGIN
        raise DeliveryError(text, is_final=True) from error
    except ssl.SSLError as error:
        reason = getattr(error, "verify_message", "") or error.reason or type(error).__name__
        raise DeliveryError(messages.ALERT_MAIL_UNTRUSTED % {"reason": clean(str(reason))}) from error
    except (smtplib.SMTPException, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        raise DeliveryError(messages.ALERT_MAIL_NO_ANSWER % {"reason": clean(str(reason))}) from error
    if refused:
        return messages.ALERT_MAIL_SENT_IN_PART % {"addresses": ", ".join(sorted(refused))}
    return messages.ALERT_MAIL_SENT


def _connect(settings: EmailSettings, tls: ssl.SSLContext) -> smtplib.SMTP:
    if settings.security is Security.TLS:
        return smtplib.SMTP_SSL(settings.host, settings.port, timeout=SMTP_TIMEOUT, context=tls)
    return smtplib.SMTP(settings.host, settings.port, timeout=SMTP_TIMEOUT)


def _log_in(server: smtplib.SMTP, username: str, password: str) -> None:
    """Log in to a mail server. smtplib sends ASCII only; the mechanism PLAIN has UTF-8 (RFC 4616)."""
    if username.isascii() and password.isascii():
        server.login(username, password)
        return
    server.ehlo_or_helo_if_needed()
    if "PLAIN" not in server.esmtp_features.get("auth", "").upper().split():
        raise smtplib.SMTPNotSupportedError("AUTH PLAIN is not offered.")
    response = base64.b64encode(f"\0{username}\0{password}".encode()).decode()
    code, reply = server.docmd("AUTH", f"PLAIN {response}")
    if code != _AUTHENTICATED:
        raise smtplib.SMTPAuthenticationError(code, reply)


def without_addresses(text: str) -> str:
    """Return a reason for logs: servers may repeat e-mail addresses in their replies, and those name people."""
    return _MAIL_ADDRESS.sub("…@…", text)


def _reply(code: int, reply: bytes | str) -> str:
    """Return a server's reply as text, which may be anything."""
    text = reply.decode(errors="replace") if isinstance(reply, bytes) else reply
    return f"{code} {clean(text)}"[:200].rstrip()
