"""Runs one server for exactly as long as whoever started it lives, and takes its files away afterwards.

    python supervise.py SIGNAL [--remove FOLDER] COMMAND…

The parent holds the other end of our standard input. When that closes, because the parent says so or
because it was killed, the server's whole process group gets SIGNAL (a number) and ends: PHP's workers too,
which outlive their master otherwise. The folder stays if the parent says "keep" before it closes. The
kernel's own means, PR_SET_PDEATHSIG, would not do: it fires already when the *thread* that started the
server ends, and does not reach workers.

This file stands alone, on the standard library, so that it starts in a few milliseconds.
"""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys

GRACE = 60.0  # a database on a busy machine takes its time to write everything


def supervise(number: int, command: list[str], folder: str | None) -> int:
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as server:
        # Only now, since a server inherits what is ignored. What follows signals the group, us among it.
        signal.signal(number, signal.SIG_IGN)
        ended = os.pidfd_open(server.pid)
        said, _, _ = select.select([sys.stdin, ended], [], [])
        if sys.stdin in said and os.read(sys.stdin.fileno(), 4) == b"keep":
            folder = None
        os.close(ended)
        os.killpg(0, number)
        try:
            server.wait(GRACE)
        except subprocess.TimeoutExpired:
            server.kill()
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # others still have files beside it
            os.rmdir(os.path.dirname(folder))  # noqa: PTH106, PTH120 - pathlib takes long to import
    return server.returncode


if __name__ == "__main__":
    stop_with, arguments = int(sys.argv[1]), sys.argv[2:]
    removed = None
    if arguments[0] == "--remove":
        removed, arguments = arguments[1], arguments[2:]
    sys.exit(supervise(stop_with, arguments, removed))
