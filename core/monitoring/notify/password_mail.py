"""Send links by e-mail with which users choose a new password, over the mail server of the alerts.

Everybody can ask for one, so the answer is given before anything is looked up: neither it nor its time tells whether
there is such a user.
"""

from __future__ import annotations

import secrets
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import structlog

from core import messages
from core.errors import DeliveryError, StoreError
from core.monitoring.notify import senders
from core.monitoring.notify.deliverer import untranslated
from core.monitoring.notify.settings import EmailSettings
from core.monitoring.notify.texts import Text
from core.store.alerts import channels
from core.store.alerts.channels import ChannelKind
from core.store.db import settings

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from core.auth.service import AuthService

_MOST_WAITING = 20

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class PasswordMailer:
    """Send links in a thread of its own. Thread-safe. `public_url` is the bridge's address where it is not the saved one.

    `translate` takes a sentence of `core.messages` and a language. `tls` replaces the system's trust in mail servers.
    """

    auth: AuthService
    translate: Callable[[str, str], str] = untranslated
    public_url: str = ""
    tls: ssl.SSLContext | None = None
    _pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="password-mail")
    )
    _waiting: set[Future[None]] = field(default_factory=set)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def is_available(self) -> bool:
        """Whether a mail server is set up, and the address of the bridge known. Blocks."""
        return self._way() is not None

    def request(self, name: str, language: str) -> None:
        """Send a link to a user, if there is one of this name. Does not block; what is too much is dropped."""
        acting = copy_context()  # of the request, which tells who acts
        with self._guard:
            if len(self._waiting) >= _MOST_WAITING:
                logger.warning("password_mail_dropped")
                return
            future = self._pool.submit(acting.run, self._run, name, language)
            self._waiting.add(future)
        future.add_done_callback(self._waiting.discard)

    def stop(self) -> None:
        """Finish what was asked for. Blocks."""
        self._pool.shutdown(wait=True)

    def send(self, name: str, language: str) -> bool:
        """Send a link; return whether one was sent. Blocks. Raises: DeliveryError, StoreError."""
        way = self._way()
        link = None if way is None else self.auth.link_by_mail(name)
        if way is None or link is None:
            return False
        server, address = way

        def words(sentence: str) -> str:
            return self.translate(sentence, language)

        lines = [
            words(messages.PASSWORD_MAIL_INTRO % {"name": link.name, "address": address}),
            "",
            f"{address.rstrip('/')}/password?token={link.token}",
            "",
            words(messages.PASSWORD_MAIL_IGNORE),
        ]
        text = Text(words(messages.PASSWORD_MAIL_SUBJECT), lines)
        to = replace(server, recipients=(link.address,))
        senders.send_text(to, text, f"pwd_{secrets.token_hex(16)}", now=time.time(), tls=self.tls)
        return True

    def _run(self, name: str, language: str) -> None:
        try:
            if self.send(name, language):
                logger.info("password_mail_sent")
        except (DeliveryError, StoreError) as error:
            logger.warning("password_mail_failed", reason=senders.without_addresses(str(error)))
        except Exception:
            logger.exception("password_mail_failed")

    def _way(self) -> tuple[EmailSettings, str] | None:
        """Return the mail server and the address of the bridge. The request's own address could be anybody's."""
        store = self.auth.store
        with store.reading() as connection:
            address = self.public_url or settings.public_url(connection)
            found = [
                channel
                for channel in channels.list_all(connection, store.sealer)
                if channel.kind is ChannelKind.EMAIL and channel.site_id is None and not channel.is_paused
            ]
        return (EmailSettings.of(found[0].settings), address) if found and address else None
