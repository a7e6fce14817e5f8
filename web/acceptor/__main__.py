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

from web.acceptor.worker import AcceptorWorker
from web.http.logs import log_to_stderr


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
    asyncio.run(_accept(given.line, given.listen, behind_proxy=given.behind_proxy))


async def _accept(line: int, listening: list[int], *, behind_proxy: bool) -> None:
    # At once, with whatever is open: without the bridge nothing can be answered, and a new one wants the address.
    accepting = AcceptorWorker(ended=lambda: os._exit(0))
    sockets = [socket.socket(fileno=number) for number in listening]
    await accepting.run(socket.socket(fileno=line), sockets, behind_proxy=behind_proxy)
    await asyncio.Event().wait()  # until the line has ended, and all with it


if __name__ == "__main__":
    main()
