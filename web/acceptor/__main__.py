"""The acceptor's process, started by the bridge's: `python -m web.acceptor`, with open sockets by their numbers.

It ends when the bridge says so or is gone. Signals leave it alone: a terminal and a service manager send them to
every process, but the order in which things end is the bridge's to say.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
from typing import TYPE_CHECKING, Any

from tornado.routing import AnyMatches, Rule, URLSpec
from tornado.web import Application

from web.acceptor.line import GROUP, PAGE, READY, STOP, Line
from web.acceptor.page import Page
from web.acceptor.passing_on import PassingOn
from web.groups import Groups
from web.handover import Reply
from web.inflight import InFlight
from web.logs import log_to_stderr
from web.server import drain, make_server
from web.webhooks import ROUTES, WebhookHandler

if TYPE_CHECKING:
    from web.groups import Group
    from web.handover import Answers


def main() -> None:
    """Accept until told otherwise."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    parser = argparse.ArgumentParser(prog="python -m web.acceptor", description=__doc__)
    parser.add_argument("--line", type=int, required=True, help="the socket to the bridge's process")
    parser.add_argument("--listen", type=int, action="append", required=True, help="a socket to accept from")
    parser.add_argument("--behind-proxy", action="store_true")
    parser.add_argument("--log-level", default="info")
    given = parser.parse_args()
    log_to_stderr(given.log_level)
    asyncio.run(accept(given.line, given.listen, behind_proxy=given.behind_proxy))


async def accept(line_number: int, listen_numbers: list[int], *, behind_proxy: bool) -> None:
    """Accept from inherited sockets, until the bridge says stop."""
    stop = asyncio.Event()

    def hear(kind: str, content: Any) -> None:
        if kind == GROUP:
            groups.deliver((number, Reply(*reply)) for number, *reply in content)
        elif kind == PAGE:
            number, *page = content
            passing.hear(number, Page(*page))
        elif kind == STOP:
            stop.set()

    def send(group: Group) -> bool:
        return line.send(GROUP, [(number, *asked) for number, asked in group])

    # Without the bridge nothing can be answered; and a new one wants the address.
    line = Line(hear, ended=lambda: os._exit(0))
    in_flight = InFlight()
    groups, passing = Groups(send), PassingOn(line, in_flight)
    loop = asyncio.get_running_loop()
    await loop.create_unix_connection(lambda: line, sock=socket.socket(fileno=line_number))
    server = make_server(make_app(groups, passing, in_flight), behind_proxy=behind_proxy)
    server.add_sockets([socket.socket(fileno=number) for number in listen_numbers])
    line.send(READY)
    await stop.wait()
    await drain(server, in_flight)
    line.close()
    await asyncio.Event().wait()  # until the line has ended, and all with it


def make_app(answers: Answers, passing: PassingOn, in_flight: InFlight) -> Application:
    """Return the application of an acceptor: the endpoints, and a way on for everything else."""
    given = {"answers": answers, "in_flight": in_flight}
    return Application(
        [*(URLSpec(route, WebhookHandler, given) for route in ROUTES), Rule(AnyMatches(), passing)],
        cross_origin_protection=True,
        log_function=lambda _: None,
        compress_response=False,
    )


if __name__ == "__main__":
    main()
