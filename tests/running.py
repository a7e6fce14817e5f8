"""The bridge as a process of its own, started by its command: for end-to-end tests, demo and benchmarks."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

_START_SECONDS = 300
_STOP_SECONDS = 600

LOOPBACK = ("127.0.0.0/8", "::1/128")
"""The networks that the sites of tests, demo and benchmarks are in."""

PASSWORD = "correct horse battery staple"


class BridgeDiedError(AssertionError):
    """The process ended instead of serving. The message is what it wrote."""


class RunningBridge:
    """`zoombridge serve` on a data folder; a context manager that ends it."""

    COMMAND: tuple[str, ...] = (sys.executable, "-m", "web.cli")

    def __init__(
        self,
        data: Path,
        *options: str,
        port: int = 0,
        database_url: str | None = None,
        environment: Mapping[str, str] | None = None,
        pass_fds: tuple[int, ...] = (),
    ) -> None:
        """Start it, with more in its environment and open files, and wait until it says that it serves."""
        self.data = data
        data.mkdir(parents=True, exist_ok=True)
        self.log_path = data / "bridge.log"
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("ZOOMBRIDGE_")
        } | {
            "ZOOMBRIDGE_DATA": str(data),
            "ZOOMBRIDGE_ALLOW_NETWORK": " ".join(LOOPBACK),
            "PYTHONUNBUFFERED": "1",
        }
        if database_url is not None:
            self.environment["ZOOMBRIDGE_DATABASE_URL"] = database_url
        self.environment |= environment or {}
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [*self.COMMAND, "serve", "--port", str(port), *options],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self.environment,
                pass_fds=pass_fds,
                start_new_session=True,
                text=True,
            )
        self._said: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.url = self._wait_for(r"serves on (\S+)")
        except BaseException:
            self.kill()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def first_link(self) -> str:
        """Return the link to the page where the first administrator is made, as it was printed."""
        return self._wait_for(r"works once\): (\S+)")

    def sign_in_link(self, user: str = "anna", *, role: str = "administrator") -> str:
        """Return a link by which a user signs in, and which works once; the user is made where there is none."""
        if not re.search(rf"^{re.escape(user)} ", self.command("user", "list"), re.MULTILINE):
            self.command("user", "add", user, "--role", role, typed=PASSWORD)
        said = self.command("user", "link", user, "--keep-password", "--public-url", self.url)
        return said.rpartition(" ")[2].strip()

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    @property
    def pids(self) -> list[int]:
        """The ids of all its processes: its own, and its acceptors'."""
        started = (path.read_text().split() for path in Path(f"/proc/{self.pid}/task").glob("*/children"))
        return [self.pid, *(int(child) for children in started for child in children)]

    def command(self, *arguments: str, typed: str = "") -> str:
        """Run another command on the same data folder, with what is typed; return what it printed."""
        done = subprocess.run(
            [*self.COMMAND, *arguments],
            env=self.environment,
            input=typed,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        if done.returncode != 0:
            raise BridgeDiedError(f"zoombridge {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._close()

    def stop(self) -> None:
        """Ask it to end, as a service manager would; raises where it does not."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        finally:
            self._close()

    def log(self) -> str:
        """What it wrote to standard error."""
        return self.log_path.read_text(errors="replace")

    def _close(self) -> None:
        self._process.wait(_STOP_SECONDS)
        self._reader.join(_STOP_SECONDS)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with contextlib.suppress(ValueError):
            for line in self._process.stdout:
                self._said.put(line)
        self._said.put(None)

    def _wait_for(self, pattern: str) -> str:
        while True:
            line = self._said.get(timeout=_START_SECONDS)
            if line is None:
                raise BridgeDiedError(self.log())
            if found := re.search(pattern, line):
                return found[1]
