"""A server that runs for as long as we do."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

SUPERVISE = Path(__file__).with_name("supervise.py")
STOP_WITHIN = 20.0  # then it is killed


class ServerError(Exception):
    """A server did not start, or ended by itself; the message holds the end of its log."""


class Server:
    """A server in a process group of its own, which ends with us, whatever becomes of us."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        remove: Path | None = None,
        stop_with: signal.Signals = signal.SIGTERM,
    ) -> None:
        """Start it. The folder `remove` is deleted once it has ended; `stop_with` is how it is asked to."""
        self.command = command
        self.log = log
        supervisor = [sys.executable, "-I", "-S", str(SUPERVISE), str(int(stop_with))]
        if remove:
            supervisor += ["--remove", str(remove)]
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*supervisor, *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The id of the process, and of its group."""
        return self._process.pid

    def wait_until(self, ready: Callable[[], bool], within: float = 600.0) -> None:
        """Return when `ready` says so, or raise with the end of the log."""
        deadline = time.monotonic() + within
        while not ready():
            if self._process.poll() is not None:
                raise ServerError(f"{self.command[0]} ended before it was ready:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise ServerError(f"{self.command[0]} was not ready in {within:g} s:\n{self.log_tail()}")
            time.sleep(0.01)

    def log_tail(self, lines: int = 20) -> str:
        """The last lines that it wrote, with the file's name."""
        written = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join([f"{self.log}:", *written[-lines:]])

    def stop(self, *, keep: bool = False) -> None:
        """End it, and return when its whole group is gone. A second call does nothing.

        `keep` leaves the folder `remove` for somebody who starts it again.
        """
        if self._process.stdin and not self._process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(b"keep" if keep else b"")
                self._process.stdin.close()
        try:
            self._process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
