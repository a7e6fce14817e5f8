"""An acceptor's process, started by the bridge: `python -m web.acceptor`, with open sockets by their descriptors.

It ends when the bridge stops it or is gone. It ignores signals: a terminal and a service manager send them to every
process, but the bridge decides in which order processes end.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket

from web.acceptor.worker import AcceptorWorker
from web.http.logs import TEXT, log_to_stderr


def main() -> None:
    """Accept requests until the channel closes."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    parser = argparse.ArgumentParser(prog="python -m web.acceptor", description=__doc__)
    parser.add_argument("--channel", type=int, required=True, help="descriptor of the socket to the bridge")
    parser.add_argument(
        "--listen", type=int, action="append", required=True, help="descriptor to accept from"
    )
    parser.add_argument("--behind-proxy", action="store_true")
    parser.add_argument("--log-level", default="info")
    parser.add_argument("--log-format", default=TEXT)
    options = parser.parse_args()
    log_to_stderr(options.log_level, options.log_format)
    asyncio.run(_accept(options.channel, options.listen, behind_proxy=options.behind_proxy))


async def _accept(channel: int, listening: list[int], *, behind_proxy: bool) -> None:
    # At once, with whatever is open: without the bridge nothing can be answered, and its successor needs the address.
    worker = AcceptorWorker(on_close=lambda: os._exit(0))
    sockets = [socket.socket(fileno=descriptor) for descriptor in listening]
    await worker.run(socket.socket(fileno=channel), sockets, behind_proxy=behind_proxy)
    await asyncio.Event().wait()  # until the channel has closed, and the process with it


if __name__ == "__main__":
    main()
