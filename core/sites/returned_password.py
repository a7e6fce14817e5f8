"""Give application passwords back to WordPress.

Version 0.1.0 of the bridge signed in with an application password for each request, and stored it. Such a password is
given back as soon as the site answers signed requests.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import structlog

from core.errors import Fault, SiteFaultError, StoreError, UnknownSiteError
from core.pipeline import site_client
from core.store.sites import sites
from core.wordpress.former_client import WordPressClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.store.db.engine import Store
    from core.store.sites.sites import Site

# The bridge as an application of WordPress: https://developer.wordpress.org/rest-api/reference/application-passwords/
APP_ID = "632e233b-ebc0-4d57-bff4-e773adfb0971"
_PAUSE_SECONDS = 3600.0
_TIMEOUT = (5.0, 10.0)  # connect and read
# The password is not valid any more, or WordPress does not say what it is: another try would end the same.
_FINAL = (Fault.CREDENTIALS, Fault.STUB_MISSING, Fault.REFUSED)

logger = structlog.get_logger(__name__)


def give_back(client: WordPressClient) -> bool:
    """Revoke the application password that a client signs in with, if WordPress created it for the bridge.

    Others belong to the person who typed them. Returns False where the site failed, so that another try may help.
    """
    try:
        password = client.application_password()
        if password.app_id == APP_ID:
            client.revoke(password)
    except SiteFaultError as error:
        logger.warning("application_password_not_revoked", fault=error.fault, reason=str(error))
        return error.fault in _FINAL
    return True


@dataclass(slots=True)
class PasswordReturner:
    """Give back the stored passwords of sites in background threads. Thread-safe.

    A site that fails is tried again after an hour at the earliest, when `begin` is called again.
    """

    store: Store
    clock: Callable[[], float] = time.monotonic
    _not_before: dict[str, float] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, site_id: str) -> None:
        """Start to give a site's password back, if it has one and answers signed requests."""
        try:
            with self.store.reading() as connection:
                site = sites.load(connection, site_id, self.store.sealer)
        except UnknownSiteError:
            return
        # The home is known from the first signed answer.
        if not site.password or not site.home:
            return
        now = self.clock()
        with self._guard:
            if now < self._not_before.get(site_id, now):
                return
            self._not_before[site_id] = now + _PAUSE_SECONDS
        threading.Thread(target=self._run, args=(site,), name="password-return", daemon=True).start()

    def _run(self, site: Site) -> None:
        try:
            return_password(self.store, site)
        except StoreError as error:
            logger.warning("application_password_not_forgotten", site=site.id, reason=str(error))
        except Exception:
            logger.exception("application_password_not_forgotten", site=site.id)


def return_password(store: Store, site: Site) -> None:
    """Give a site's stored password back, and forget it. Blocks. It stays stored where the site fails."""
    with WordPressClient(
        site.rest_root, site.username, site.password, access=site_client.access(site), timeout=_TIMEOUT
    ) as client:
        is_done = give_back(client)
    if is_done:
        store.write(partial(sites.forget_password, site=site, sealer=store.sealer))
