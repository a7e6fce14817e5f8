"""Call a site at the home that its plugin reports: find the address at which it answers, or the reason why it does not."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from core import messages
from core.errors import Fault, SiteFaultError
from core.wordpress.addresses import Access
from core.wordpress.homes import is_local, rest_root_at
from core.wordpress.sync_client import Doorway, SyncClient

if TYPE_CHECKING:
    from core.wordpress.addresses import Endpoint
    from core.wordpress.sync_operations import Greeting

TIMEOUT = (5.0, 15.0)
"""Connect and read, in seconds. A site with one PHP process answers once the plugin's own request is done."""


@dataclass(frozen=True, slots=True)
class Callee:
    """A site to call, as its plugin describes it. `site`, `key` and `epoch` are those of the protocol.

    `access` is which addresses inside a network may be called.
    """

    home: str
    rest_root: str
    site: str
    key: str
    epoch: int
    server_login: tuple[str, str] | None = None
    doorway: str = Doorway.REST
    access: Access = field(default_factory=Access)


@dataclass(frozen=True, slots=True)
class Reached:
    """Where and how a site answered. `url` is its home as it was reached.

    `vczapi` and `vczapi_pro` are the versions of that plugin and its add-on, None where they are not active; a version
    that is not known is empty. `used` are the addresses inside a network to which connections were made.
    """

    url: str
    rest_root: str
    doorway: Doorway
    greeting: Greeting
    vczapi: str | None
    vczapi_pro: str | None
    used: frozenset[Endpoint] = frozenset()


def call(callee: Callee, *, timeout: tuple[float, float] = TIMEOUT) -> Reached:
    """Call a site, over https first, and return where it answered. Blocks. Raises: SiteFaultError.

    A WordPress behind a proxy often believes that it is on http. The message of a fault is for a person who is pairing
    the site.
    """
    faults: list[tuple[str, SiteFaultError]] = []
    for url in addresses(callee.home):
        try:
            return _call_at(url, callee, timeout)
        except SiteFaultError as error:
            faults.append((url, error))
    url, fault = _most_telling(faults)
    asks = dict.fromkeys(one for _, error in faults for one in error.asks)
    raise explain(url, fault.reworded(str(fault), asks=tuple(asks)), callee)


def now() -> int:
    """Return the time in Unix milliseconds (UTC)."""
    return int(time.time() * 1000)


def addresses(home: str) -> list[str]:
    """Return the addresses at which a home may be reached, in the order to try them."""
    parts = urlsplit(home.rstrip("/"))
    told = parts.geturl()
    if parts.scheme != "http" or is_local(parts.hostname) or parts.port is not None:
        return [told]
    return [parts._replace(scheme="https").geturl(), told]


def explain(url: str, error: SiteFaultError, callee: Callee) -> SiteFaultError:
    """Return a fault with a message for a person who is pairing the site: what is wrong, and what to do."""
    message = _message(url, error, has_login=callee.server_login is not None)
    return error.reworded(message)


def _call_at(url: str, callee: Callee, timeout: tuple[float, float]) -> Reached:
    root = rest_root_at(callee.rest_root, url)
    with SyncClient(
        root,
        callee.home,
        site=callee.site,
        key=callee.key,
        epoch=callee.epoch,
        address=url,
        server_login=callee.server_login,
        doorway=Doorway(callee.doorway),
        access=callee.access,
        timeout=timeout,
    ) as client:
        greeting = client.hello()
        info = client.info
        has_pro = info is not None and info.vczapi_pro
        return Reached(
            url=url,
            rest_root=root,
            doorway=client.doorway,
            greeting=greeting,
            vczapi=info.vczapi if info is not None else None,
            vczapi_pro=(greeting.vczapi_pro or "") if has_pro else None,
            used=client.used,
        )


def _most_telling(faults: list[tuple[str, SiteFaultError]]) -> tuple[str, SiteFaultError]:
    """Return the fault of the address that says most: the told one, unless it only leads to another one."""
    for fault in faults:
        if fault[1].fault is Fault.SERVER_PASSWORD:
            return fault
    if len(faults) > 1 and faults[-1][1].status in range(300, 400):
        return faults[0]  # http leads to https, which failed
    return faults[-1]


def _message(url: str, error: SiteFaultError, *, has_login: bool) -> str:
    template = _TEMPLATES.get(error.fault)
    match error.fault:
        case Fault.SERVER_PASSWORD:
            return messages.PAIRING_PASSWORD_WRONG if has_login else messages.SERVER_ASKS_PASSWORD
        case Fault.NETWORK if is_local(urlsplit(url).hostname):
            template = messages.PAIRING_LOCAL
        case Fault.MOVED if error.status is not None and error.evidence:
            template = messages.PAIRING_REDIRECTED
    if template is None:
        return str(error)
    return template % {
        "address": url,
        "reason": error.reason or messages.NO_ANSWER,
        "target": error.evidence,
        "status": error.status or 0,
        "page": error.evidence or messages.EMPTY_PAGE,
    }


_TEMPLATES = {
    Fault.NETWORK: messages.PAIRING_NETWORK,
    Fault.TLS: messages.PAIRING_TLS,
    Fault.CREDENTIALS: messages.PAIRING_KEY_UNKNOWN,
    Fault.STUB_MISSING: messages.PAIRING_PLUGIN_MISSING,
    Fault.NOT_JSON: messages.PAIRING_BLOCKED,
    Fault.SERVER: messages.PAIRING_ERROR,
    Fault.THROTTLED: messages.PAIRING_BUSY,
}
