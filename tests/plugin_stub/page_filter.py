"""The plugin's filter for pages, run by PHP alone; and what of a page it would take away."""

from __future__ import annotations

import atexit
import base64
import json
import re
import subprocess
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from tests.wordpress.packages import Kind, core, php

SCRIPT = Path(__file__).parent / "filter_page.php"
PAGE = "https://s1.example.org/wp-admin/edit.php?post_type=zoom-meetings&page=zoombridge-settings"
BRIDGE = "https://bridge.example.org"
# wp_kses() removes these, which no browser shows.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


class PageFilter:
    """A running PHP with the wp_kses() of one kind of WordPress. `elements`: attributes by element."""

    def __init__(self, kind: Kind) -> None:
        settings = ("display_errors=stderr", "error_reporting=-1", "memory_limit=256M")
        command = [php(kind), *(part for setting in settings for part in ("-d", setting))]
        self._process = subprocess.Popen(
            [*command, SCRIPT, core(kind)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.elements: dict[str, list[str]] = json.loads(self._answer())

    def __call__(
        self, html: str, *, page: str = PAGE, bridge: str | None = BRIDGE, may_leave: bool = False
    ) -> str:
        packed = base64.b64encode(html.encode()).decode()
        asked = {"html": packed, "page": page, "bridge": bridge, "may_leave": may_leave}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return base64.b64decode(self._answer()).decode()

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "PHP has ended: see its messages above"
        return line


@cache
def page_filter(kind: Kind) -> PageFilter:
    """Return the filter with the wp_kses() of a kind of WordPress; it runs until the tests end."""
    started = PageFilter(kind)
    atexit.register(started.close)
    return started


class Tokens(HTMLParser):
    """What a page consists of: tags with their attributes, and texts. Two pages with the same are the same to a browser."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[Any, ...]] = []
        self._text = ""
        self.feed(_CONTROL.sub("", html))
        self.close()
        self._end_text()

    def _end_text(self) -> None:
        if self._text:
            self.found.append(("text", self._text))
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._end_text()
        self.found.append(("start", tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        self._end_text()
        self.found.append(("end", tag))

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_comment(self, data: str) -> None:
        self._end_text()
        self.found.append(("comment", data))

    def handle_decl(self, decl: str) -> None:
        self.handle_comment(decl)

    def handle_pi(self, data: str) -> None:
        self.handle_comment(data)

    def unknown_decl(self, data: str) -> None:
        self.handle_comment(data)
