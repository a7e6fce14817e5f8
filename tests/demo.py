"""`make demo`: a real WordPress, the bridge, and events as Zoom sends them; after each, what the site shows.

Then a Zoom account (a double of Zoom's REST API) is imported, and reconciled after lost events.

All its files are in a folder of its own, which is deleted when it ends.
"""

from __future__ import annotations

import argparse
import json
import re
import secrets
import shlex
import signal
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from rich.console import Console

from core.zoom.scenarios import lifecycle, series, validation
from core.zoom.sender import send
from tests.code_pairing import connect_by_code
from tests.demo_account import AccountStory, shown_as
from tests.running import PASSWORD, RunningBridge
from tests.wordpress import WordPress
from tests.wordpress.meetings import read_posts
from web.stub.plugin_zip import SLUG

if TYPE_CHECKING:
    from collections.abc import Callable

STUB = Path(__file__).parent.parent / "plugin_stub"
_SHOWN_SECONDS = 90.0


@dataclass(frozen=True)
class Seen:
    """What the site has of a meeting: its post in WordPress, and the page that a visitor gets."""

    post: str  # published, in the trash, no post
    title: str
    page: int | None
    text: str
    link: str = ""

    @property
    def is_shown(self) -> bool:
        """Whether a visitor can see it, and join."""
        return self.post == "a page, publish" and self.page == 200 and "Join" in self.text


class Demo:
    """The site, the bridge, and the scenes played on them."""

    def __init__(self, console: Console, wordpress: WordPress, bridge: RunningBridge, token: str) -> None:
        """Connect the two."""
        self.console = console
        self.wordpress = wordpress
        self.bridge = bridge
        self.token = token
        self.endpoint = wordpress.rest_root + "vczapi/v1/meeting"
        self.wrong = 0
        self._links: dict[int, str] = {}
        connect_by_code(bridge, wordpress, token)

    def validate(self) -> None:
        """Let Zoom's validation happen, as it does when the endpoint is pasted into Zoom."""
        event = validation(secrets.token_urlsafe(16), now=datetime.now(UTC))
        reply = send(self.endpoint, _json(event), self.token, timestamp=int(time.time()))
        self.say(reply.status == 200, f"Zoom validates the endpoint: {reply.status}")

    def tell(self, kind: str, number: int) -> None:
        """Send the life of a meeting or webinar, and look at the site after each event."""
        self.head(f"The life of a {kind}", f"Zoom number {number}")
        for event in lifecycle(kind, number, now=datetime.now(UTC)):
            verb = event["event"].partition(".")[2]
            topic = event["payload"]["object"]["topic"]
            self._tell_one(event, number, _EXPECTED[verb](topic))

    def leave_something(self) -> None:
        """Leave a series on the site for the visitor to look at."""
        number = _number()
        event = series(number, now=datetime.now(UTC))
        self.head("A series, which stays on the site", f"Zoom number {number}")
        self._tell_one(event, number, shown_as(event["payload"]["object"]["topic"]))

    def head(self, title: str, more: str) -> None:
        """Print a heading."""
        self.console.print(f"\n[bold]{title}[/bold] ({more})")

    def say(self, good: bool, text: str) -> None:
        """Print a step, and whether it went as expected."""
        self.wrong += not good
        self.console.print(f"  {'[green]✓[/green]' if good else '[red]✗[/red]'}    {text}", highlight=False)

    def run(self, *arguments: str, typed: str = "") -> None:
        """Run one of the bridge's commands, and show what it says."""
        self.console.print(f"  $    zoombridge {shlex.join(arguments)}", highlight=False, markup=False)
        for line in self.bridge.command(*arguments, typed=typed).splitlines():
            self.console.print(f"       {line}", highlight=False, markup=False, style="dim")

    def expect(self, number: int, expected: Callable[[Seen], bool], text: str) -> None:
        """Wait until the site is as it should be, and show what it is then."""
        seen = self._await(number, expected)
        self.say(expected(seen), f"{text}; the site: {seen.post}")
        self._show(seen)

    def _tell_one(self, event: dict[str, Any], number: int, expected: Callable[[Seen], bool]) -> None:
        reply = send(self.endpoint, _json(event), self.token, timestamp=int(time.time()))
        seen = self._await(number, expected)
        good = reply.status == 204 and expected(seen)
        self.say(good, f"{event['event']:32} answered {reply.status}; the site: {seen.post}")
        self._show(seen)

    def _await(self, number: int, expected: Callable[[Seen], bool]) -> Seen:
        deadline = time.monotonic() + _SHOWN_SECONDS
        seen = self.look(number)
        while not expected(seen) and time.monotonic() < deadline:
            time.sleep(0.1)
            seen = self.look(number)
        return seen

    def _show(self, seen: Seen) -> None:
        if seen.page == 200:
            self.console.print(f"       [dim]a visitor of[/dim] {seen.link} [dim]sees[/dim]", highlight=False)
            self.console.print(f"       {seen.title}", highlight=False, markup=False)
            self.console.print(f"       {seen.text}", highlight=False, markup=False, style="dim")
        else:
            link = f" of {seen.link}" if seen.link else ""
            self.console.print(f"       [dim]a visitor{link} gets[/dim] {seen.page}", highlight=False)

    def look(self, number: int) -> Seen:
        """Look at what the site has of a meeting now."""
        found = read_posts(self.wordpress, number)
        if not found:
            link = self._links.get(number)
            status = requests.get(link, timeout=600).status_code if link else None
            return Seen("no post", "", status, "", link or "")
        post = found[0]
        if post["status"] == "publish":
            self._links[number] = post["link"]
        link = self._links.get(number, post["link"])
        page = requests.get(link, timeout=600)
        text = re.search(r'<section class="zoombridge-meeting.*?</section>', page.text, re.DOTALL)
        return Seen(
            "in the trash" if post["status"] == "trash" else f"a page, {post['status']}",
            unescape(post["title"]["raw"]),
            page.status_code,
            " · ".join(_lines(text[0])) if text else "",
            link,
        )


def _trashed(_topic: str) -> Callable[[Seen], bool]:
    return lambda seen: seen.post == "in the trash" and seen.page == 404


def _gone(_topic: str) -> Callable[[Seen], bool]:
    return lambda seen: seen.post == "no post" and seen.page == 404


_EXPECTED = {
    "created": shown_as,
    "updated": shown_as,
    "deleted": _trashed,
    "recovered": shown_as,
    "permanently_deleted": _gone,
}


def main() -> int:
    """Run the demo; return 0 if every page was as it should be."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--exit", action="store_true", help="stop after the story instead of staying up")
    options = parser.parse_args()
    console = Console(soft_wrap=True)
    for number in (signal.SIGINT, signal.SIGTERM):  # the first is ignored where a shell started us with &
        signal.signal(number, lambda *_: _interrupt())
    try:
        with ExitStack() as stack:
            return _run(console, stack, stay=not options.exit)
    except KeyboardInterrupt:
        console.print("\nStopped; everything that the demo made is gone.")
        return 0


def _run(console: Console, stack: ExitStack, *, stay: bool) -> int:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="zoombridge-demo-")))
    console.print("[bold]Zoom WordPress Bridge: demo[/bold]")
    with console.status("Starting a real WordPress (the first time, it is downloaded) …"):
        wordpress = stack.enter_context(WordPress.start("debian-mariadb", plugins=()))
        wordpress.add_plugin(STUB, SLUG)
    console.print(f"  WordPress {wordpress.version} at {wordpress.url}")
    bridge = stack.enter_context(RunningBridge(folder / "bridge"))
    console.print(f"  The bridge at {bridge.url}")
    token = secrets.token_urlsafe(16)
    token_file = folder / "secret-token"
    token_file.write_text(token)
    demo = Demo(console, wordpress, bridge, token)
    console.print("  Connected, as `zoombridge site add` does it\n")
    demo.validate()
    demo.tell("meeting", _number())
    demo.tell("webinar", _number())
    demo.leave_something()
    AccountStory(demo, stack).tell()
    if demo.wrong:
        console.print(f"\n[red]{demo.wrong} steps were not as they should be.[/red] The bridge's log:\n")
        console.print(bridge.log(), highlight=False, markup=False)
    else:
        console.print("\n[green]Every page was as expected.[/green]")
    if stay:
        _invite(console, demo, token_file)
        threading.Event().wait()
    return 1 if demo.wrong else 0


def _invite(console: Console, demo: Demo, token_file: Path) -> None:
    wordpress, bridge = demo.wordpress, demo.bridge
    command = Path(sys.executable).with_name("zoombridge")
    link = bridge.sign_in_link("visitor")
    console.print(
        f"""
Try it out; Ctrl-C ends it.

  The site          {wordpress.url}/zoom-meetings/
  wp-admin          {wordpress.url}/wp-admin/   user {wordpress.user}, password {wordpress.password}
  The page Webhooks {wordpress.url}/wp-admin/edit.php?post_type=zoom-meetings&page=zoombridge-settings
  The same, at the bridge's own address (this link works once)
                    {link}
                    and later with the name visitor and the password {PASSWORD}

On the page Zoom accounts there, you can reconcile the account of the second part with the site.

Send events of your own, as Zoom would:

  {command} send --data {bridge.data} \\
      --to {demo.endpoint} < {token_file}
""",
        highlight=False,
        markup=False,
    )


def _lines(html: str) -> list[str]:
    text = unescape(re.sub(r"<[^>]+>", "\n", html))
    return [line.strip() for line in text.splitlines() if line.strip()]


def _number() -> int:
    return 80_000_000_000 + secrets.randbelow(10**9)


def _json(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _interrupt() -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
