"""Revoke the application password that version 0.1.0 stored for a site, over the site's REST API.

It also unpairs a plugin of that version. All else goes over the sync protocol (`core.wordpress.sync_client`).
"""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, TypeVar

from requests.auth import HTTPBasicAuth

from core.wordpress import responses, transport
from core.wordpress.faults import classify

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.wordpress.addresses import Access
    from core.wordpress.faults import SiteResponse
    from core.wordpress.responses import ApplicationPassword

Read = TypeVar("Read")

_PASSWORDS = "wp/v2/users/me/application-passwords"


class WordPressClient:
    """Client of one site. Not thread-safe: it holds one HTTP session.

    `rest_root` is the address of the REST API with a slash at the end, `https://SITE/wp-json/`, or with plain
    permalinks `https://SITE/?rest_route=/`. Every method tries once, and raises SiteFaultError where the site
    does not comply. `timeout` (connect, read) is in seconds.
    """

    def __init__(
        self,
        rest_root: str,
        username: str,
        application_password: str,
        *,
        access: Access | None = None,
        timeout: tuple[float, float] = (transport.CONNECT_TIMEOUT, transport.READ_TIMEOUT),
    ) -> None:
        self._root = rest_root if rest_root.endswith("/") else rest_root + "/"
        self._timeout = timeout
        self._session = transport.session(access=access)
        # As bytes: requests would encode text as Latin-1, and user names are not always.
        self._session.auth = HTTPBasicAuth(username.encode(), application_password.encode())
        pair = base64.b64encode(f"{username}:{application_password}".encode()).decode()
        shown = (pair, application_password, application_password.replace(" ", ""))
        self._secrets = [secret.encode() for secret in shown if secret]

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def unpair(self) -> None:
        """End the pairing of a plugin of version 0.1.0; fault `stub_missing` where it is another one."""
        self._request_json("DELETE", "zoombridge/v1/connection", responses.unpaired)

    def application_password(self) -> ApplicationPassword:
        """Return the application password in use (WordPress 5.7 or newer)."""
        return self._request_json("GET", f"{_PASSWORDS}/introspect", responses.application_password)

    def revoke(self, password: ApplicationPassword) -> None:
        """Revoke an application password of this user; the one in use ends with this request."""
        self._request_json("DELETE", f"{_PASSWORDS}/{password.uuid}", responses.deleted)

    def _request_json(self, method: str, route: str, read: Callable[[Any], Read]) -> Read:
        """Send one request and return its JSON parsed by `read`, which raises ValueError for an unexpected one."""
        answer = transport.send(self._session, method, self._root + route, timeout=self._timeout)
        if answer.status in range(200, 300):
            try:
                return read(answer.json())
            except ValueError:
                pass  # not our success: an HTML page, or other JSON
        raise classify(self._without_secrets(answer), now=transport.now(), wrote=method != "GET")

    def _without_secrets(self, answer: SiteResponse) -> SiteResponse:
        """Return a response without the password, in case an error page repeats the request."""
        body = answer.body
        for secret in self._secrets:
            body = body.replace(secret, "•••".encode())
        return replace(answer, body=body)
