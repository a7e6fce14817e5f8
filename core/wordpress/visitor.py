"""Requests for public pages of a site, as a visitor without an account sends them: status and `Location`, no body."""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests
from urllib3.exceptions import HTTPError

from core.wordpress import transport

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from core.wordpress.addresses import Access

_TIMEOUT = (5.0, 10.0)  # connect and read, in seconds


class Visitor:
    """Sends requests for pages without any login, cookie or cache. A context manager; not thread-safe."""

    def __init__(self, access: Access | None = None) -> None:
        self._session = transport.session(access=access)
        self._session.headers.update({"Accept": "text/html,*/*;q=0.1", "Cache-Control": "no-cache"})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def get(self, url: str) -> tuple[int, str]:
        """Request a page; return its status and `Location`, which is empty without a redirect. Blocks.

        The body is not read, and redirects are not followed. Raises: SiteFaultError where there is no response.
        """
        self._session.cookies.clear()
        try:
            with self._session.get(url, timeout=_TIMEOUT, stream=True) as response:
                return response.status_code, response.headers.get("Location", "")
        except (requests.RequestException, HTTPError, OSError, UnicodeError) as error:
            raise transport.fault_of(error, wrote=False) from error
