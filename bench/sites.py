"""Doubles of many sites behind one address: `python -m bench.sites COUNT SLOW SILENT WRITTEN`.

Site `sN` is at /sN. The first SLOW of them answer after `SLOW_SECONDS`, the next SILENT never. A line of the file
WRITTEN tells each page that a site has written: when (monotonic seconds), site, number, title.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from tests.core.wordpress.plugin_double import PluginDouble

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "5e" * 32
SLOW_SECONDS = 10.0


def site_id(index: int) -> str:
    """Return the bridge's name for a site."""
    return f"s{index}"


@dataclass(frozen=True, slots=True)
class Doubles:
    """The process of the doubles, and the address that all of them are behind."""

    address: str
    pid: int


@contextmanager
def doubles(count: int, written: Path, *, slow: int = 0, silent: int = 0) -> Iterator[Doubles]:
    """Run them in a process of their own."""
    arguments = [str(count), str(slow), str(silent), str(written)]
    with subprocess.Popen(
        [sys.executable, "-m", "bench.sites", *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield Doubles(process.stdout.readline().strip(), process.pid)
            if process.poll() is not None:
                raise RuntimeError("The doubles of the sites ended too early.")
        finally:
            process.terminate()


class _Site(PluginDouble):
    """A site that keeps no record of its requests, which are too many, but of the pages that it writes."""

    def note(self, written: TextIO) -> None:
        """Write down the pages of the last request, and forget it."""
        for payload in self.payloads:
            for operation in payload["operations"]:
                if operation["op"] == "write" and "title" in operation:
                    line = (time.monotonic(), self.site, operation["number"], operation["title"])
                    written.write("\t".join(map(str, line)) + "\n")
        self.payloads.clear()
        self.writes.clear()
        written.flush()


class _Sync(RequestHandler):
    """The plugin's address for the bridge's requests."""

    def initialize(self, sites: list[_Site], written: TextIO, slow: int, silent: int) -> None:
        """Take the sites, and which of them answer late or never."""
        self._sites = sites
        self._written = written
        self._slow = slow
        self._silent = silent

    async def post(self, index: str) -> None:
        """Answer as the plugin does."""
        place = int(index)
        if place < self._slow:
            await asyncio.sleep(SLOW_SECONDS)
        elif place < self._slow + self._silent:
            await asyncio.Event().wait()
        site = self._sites[place]
        status, body = site.handle(self.request.body)
        site.note(self._written)
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.finish(body)


async def _serve(count: int, slow: int, silent: int, written: Path) -> None:
    sockets = bind_sockets(0, "127.0.0.1", backlog=1024)
    address = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
    sites = [_Site(KEY, site_id(index), f"{address}/{site_id(index)}", time.time) for index in range(count)]
    with written.open("a", encoding="utf-8") as file:
        options: dict[str, Any] = {"sites": sites, "written": file, "slow": slow, "silent": silent}
        app = Application(
            [(r"/s(\d+)/wp-json/zoombridge/v1/sync", _Sync, options)], log_function=lambda _: None
        )
        HTTPServer(app).add_sockets(sockets)
        click.echo(address)
        await asyncio.Event().wait()


@click.command(help=__doc__)
@click.argument("count", type=int)
@click.argument("slow", type=int)
@click.argument("silent", type=int)
@click.argument("written", type=click.Path(path_type=Path))
def main(count: int, slow: int, silent: int, written: Path) -> None:
    """Serve them until the process is ended."""
    asyncio.run(_serve(count, slow, silent, written))


if __name__ == "__main__":
    main()
