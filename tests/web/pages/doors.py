"""The ways to the pages: a browser of each kind, and the stub on behalf of an administrator of its site."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.web.conftest import CONTEXT, Http, from_stub, is_answered_by_the_bridge

if TYPE_CHECKING:
    from tornado.httpclient import HTTPResponse

    from core.store.sites.sites import Site


@dataclass
class Door:
    """Asks for pages with the headers of a browser, or as the stub of a site."""

    http: Http
    headers: dict[str, str] | None = None
    site: Site | None = None
    locale: str = "en_US"

    def get(self, path: str) -> HTTPResponse:
        return self._ask("GET", path, None)

    def post(self, path: str, **form: str) -> HTTPResponse:
        return self._ask("POST", path, urlencode(form).encode())

    def follow(self, answer: HTTPResponse) -> HTTPResponse:
        """Go where a form leads to."""
        assert answer.code == 303, answer.body
        return self.get(answer.headers["Location"])

    def _ask(self, method: str, path: str, body: bytes | None) -> HTTPResponse:
        headers = dict(self.headers or {})
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if self.site is not None:
            context = CONTEXT | {"locale": self.locale}
            headers |= from_stub(self.site, method, path, body or b"", context=context)
        answer = self.http(method, path, body, headers)
        if self.site is not None:
            assert is_answered_by_the_bridge(self.site, headers, answer)
        return answer

    def path(self, link: str) -> str:
        """Return the path of the bridge that a link leads to, in either shell."""
        if self.site is None:
            return link
        return parse_qs(urlsplit(link).query)["zoombridge"][0]


class Elements(HTMLParser):
    """Every element of a page with its attributes."""

    def __init__(self, answer: HTTPResponse) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(answer.body.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]

    def named(self, id_: str) -> dict[str, str | None]:
        """Return the attributes of the one element with an id."""
        (attributes,) = [attributes for _, attributes in self.found if attributes.get("id") == id_]
        return attributes


def words(answer: HTTPResponse) -> str:
    """Return what a page says, on one line."""
    body = re.sub(r"<(style|script)\b.*?</\1>", " ", answer.body.decode(), flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


def link(answer: HTTPResponse, said: str) -> str:
    """Return the address of the first link that says this."""
    for address, inside in re.findall(
        r'<a\b[^>]*\bhref="([^"]*)"[^>]*>(.*?)</a>', answer.body.decode(), re.DOTALL
    ):
        if said in " ".join(unescape(re.sub(r"<[^>]*>", " ", inside)).split()):
            return unescape(address)
    raise AssertionError(f"No link says “{said}”: {words(answer)}")
