"""Settings of alert channels by kind, checked as a person enters them. Pure."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from core import messages
from core.errors import AlertChannelError
from core.wordpress.homes import is_local

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_RECIPIENTS = 20
_LONGEST = 500
_SECRET_PREFIX = "whsec_"  # noqa: S105 - how secrets of Standard Webhooks begin
_SECRET_BYTES = 32
# A name of labels as DNS has them: Python fails for others before it asks.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*"
_ADDRESS = re.compile(rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_NAME}")
_HOST = re.compile(rf"{_NAME}|[0-9A-Fa-f:]{{2,45}}")


class Security(StrEnum):
    """How the connection to a mail server is encrypted."""

    STARTTLS = "starttls"
    TLS = "tls"  # from its beginning
    NONE = "none"


PORTS = {Security.STARTTLS: 587, Security.TLS: 465, Security.NONE: 25}


@dataclass(frozen=True, slots=True)
class EmailSettings:
    """A mail server, and who writes to whom over it. Without a `username` nobody signs in."""

    host: str
    port: int
    security: Security
    username: str
    password: str
    sender: str
    recipients: tuple[str, ...]

    @classmethod
    def parse(
        cls,
        *,
        host: str,
        port: str,
        security: str,
        username: str,
        password: str,
        sender: str,
        recipients: str,
    ) -> EmailSettings:
        """Check what a person entered. Raises: AlertChannelError."""
        host, wanted = _host(host), _security(security)
        if username and wanted is Security.NONE and not is_local(host):
            raise AlertChannelError(messages.ALERT_PASSWORD_IN_CLEAR, field="security")
        if len(username) > _LONGEST or len(password) > _LONGEST:
            raise AlertChannelError(messages.ALERT_TOO_LONG, field="username")
        if bool(username) != bool(password):
            raise AlertChannelError(messages.ALERT_NAME_AND_PASSWORD, field="username")
        return cls(
            host,
            _port(port, wanted),
            wanted,
            username,
            password,
            _address(sender.strip(), "sender"),
            _addresses(recipients),
        )

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> EmailSettings:
        """Return settings as they were stored."""
        kept = {**stored, "security": Security(stored["security"]), "recipients": tuple(stored["recipients"])}
        return cls(**kept)

    @property
    def target(self) -> str:
        """Where it sends, as lists show it."""
        return ", ".join(self.recipients)


@dataclass(frozen=True, slots=True)
class HookSettings:
    """The address of a hook, and the secret with which requests to it are signed; empty for Slack's."""

    url: str
    secret: str = ""

    @classmethod
    def parse(cls, url: str, *, secret: str = "") -> HookSettings:
        """Check an address that a person entered. Raises: AlertChannelError."""
        url = url.strip()
        try:
            parts = urlsplit(url)
            is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_address = False
        if not is_address or len(url) > 4 * _LONGEST or re.search(r"[\s\x00-\x1f\x7f\\]", url):
            raise AlertChannelError(messages.ALERT_URL_INVALID, field="url")
        if parts.username is not None or parts.password is not None:
            raise AlertChannelError(messages.ADDRESS_WITH_PASSWORD, field="url")
        if parts.scheme == "http" and not is_local(parts.hostname):
            raise AlertChannelError(messages.ALERT_URL_NOT_SECURE, field="url")
        return cls(url, secret)

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> HookSettings:
        """Return settings as they were stored."""
        return cls(**stored)

    @property
    def target(self) -> str:
        """Where it sends, as lists show it: the host alone, as the path may be a secret."""
        return urlsplit(self.url).hostname or ""


def stored(settings: EmailSettings | HookSettings) -> dict[str, Any]:
    """Return settings as they are stored: as JSON can hold them."""
    return asdict(settings) | (
        {"recipients": list(settings.recipients)} if isinstance(settings, EmailSettings) else {}
    )


def new_signing_secret() -> str:
    """Return a new secret in the form of Standard Webhooks.

    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """
    return _SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def key_of(secret: str) -> bytes:
    """Return the key of a secret of Standard Webhooks. Raises: ValueError."""
    try:
        return base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("not a secret") from error


def _host(text: str) -> str:
    host = text.strip().strip("[]")
    if not _HOST.fullmatch(host):
        raise AlertChannelError(messages.ALERT_HOST_INVALID, field="host")
    return host


def _security(text: str) -> Security:
    if text not in Security.__members__.values():
        raise AlertChannelError(messages.ALERT_SECURITY_INVALID, field="security")
    return Security(text)


def _port(text: str, security: Security) -> int:
    number = text.strip() or str(PORTS[security])
    if not re.fullmatch(r"[0-9]{1,5}", number) or not 0 < int(number) < 2**16:
        raise AlertChannelError(messages.ALERT_PORT_INVALID, field="port")
    return int(number)


def _addresses(text: str) -> tuple[str, ...]:
    found = [one for one in re.split(r"[\s,;]+", text.strip()) if one]
    if not 0 < len(found) <= MOST_RECIPIENTS:
        raise AlertChannelError(
            messages.ALERT_RECIPIENTS_NUMBER % {"most": MOST_RECIPIENTS}, field="recipients"
        )
    return tuple(_address(one, "recipients") for one in found)


def _address(text: str, field: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise AlertChannelError(messages.ALERT_ADDRESS_INVALID % {"address": _short(text)}, field=field)
    return text


def _short(text: str) -> str:
    return text.strip()[:100]
