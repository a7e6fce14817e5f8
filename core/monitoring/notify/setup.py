"""Add a channel, as a page or a command asks for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from core import messages
from core.errors import AlertChannelError, UnknownSiteError
from core.monitoring.notify import settings
from core.monitoring.notify.settings import EmailSettings, HookSettings
from core.monitoring.notify.watcher import next_digest
from core.store.alerts import channels
from core.store.alerts.channels import LONGEST_NAME, Channel, ChannelKind
from core.store.db import clock as store_clock
from core.store.sites import sites

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from core.store.db.engine import Store


@dataclass(frozen=True, slots=True)
class NewChannel:
    """A channel as a person entered it. `site` is an id or an address; empty: all sites.

    The fields from `host` on are for e-mail, `url` is for hooks.
    """

    name: str
    kind: ChannelKind
    site: str = ""
    language: str = "en"
    digest: bool = False
    host: str = ""
    port: str = ""
    security: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    sender: str = ""
    recipients: str = ""
    url: str = field(default="", repr=False)


def add(store: Store, wanted: NewChannel) -> tuple[Channel, str]:
    """Add a channel. Returns it, and the secret that its receiver needs: shown now only; empty without.

    Raises: AlertChannelError.
    """
    name = " ".join(wanted.name.split())
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise AlertChannelError(messages.ALERT_NAME_INVALID % {"most": LONGEST_NAME}, field="name")
    found = _settings(wanted)
    channel = store.write(partial(_add, store=store, wanted=wanted, name=name, found=found))
    return channel, found.secret if isinstance(found, HookSettings) else ""


def target(channel: Channel) -> str:
    """Return where a channel sends, as lists show it."""
    of_kind = EmailSettings if channel.kind is ChannelKind.EMAIL else HookSettings
    return of_kind.of(channel.settings).target


def _settings(wanted: NewChannel) -> EmailSettings | HookSettings:
    if wanted.kind is ChannelKind.WEBHOOK:
        return HookSettings.parse(wanted.url, secret=settings.new_signing_secret())
    if wanted.kind is ChannelKind.SLACK:
        return HookSettings.parse(wanted.url)
    return EmailSettings.parse(
        host=wanted.host,
        port=wanted.port,
        security=wanted.security,
        username=wanted.username,
        password=wanted.password,
        sender=wanted.sender,
        recipients=wanted.recipients,
    )


def _add(
    connection: Connection,
    *,
    store: Store,
    wanted: NewChannel,
    name: str,
    found: EmailSettings | HookSettings,
) -> Channel:
    site_id = None
    if wanted.site:
        try:
            site_id = sites.find(connection, wanted.site, store.sealer).id
        except UnknownSiteError as error:
            raise AlertChannelError(messages.ALERT_NO_SITE, field="site") from error
    now = store_clock.now(connection)
    channel = Channel(
        id=channels.new_id(),
        name=name,
        kind=wanted.kind,
        settings=settings.stored(found),
        site_id=site_id,
        language=wanted.language,
        digest_at=next_digest(now) if wanted.digest else None,
        created_at=now,
    )
    channels.add(connection, channel, store.sealer)
    return channel
