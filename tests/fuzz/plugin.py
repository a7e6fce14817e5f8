"""The plugin's readers of what a bridge sends, run by PHP alone: see plugin.php."""

from __future__ import annotations

import atexit
import json
import subprocess
from functools import cache
from pathlib import Path

from tests.wordpress.packages import Kind, core, php

SCRIPT = Path(__file__).with_name("plugin.php")
MEGABYTES = 64  # half of what PHP allows by itself
SECONDS = 10  # of processor time for each input

_KIND: Kind = "playground-sqlite"


class Plugin:
    """A running PHP with the plugin's files; starts when it is first needed, and again after it has died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def check(self, data: bytes) -> None:
        """Run one input. Raises: AssertionError with what PHP says is wrong."""
        process = self._running()
        assert process.stdin
        assert process.stdout
        process.stdin.write(len(data).to_bytes(4, "big") + data)
        process.stdin.flush()
        line = process.stdout.readline()
        try:
            said = json.loads(line)
        except ValueError:
            rest = process.communicate()[0]
            self._process = None
            # Out of memory or time.
            raise AssertionError((line + rest).decode(errors="replace")) from None
        assert said is True, said

    def close(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            limits = (f"memory_limit={MEGABYTES}M", "opcache.enable_cli=0")
            settings = ("display_errors=stderr", "log_errors=0", "error_reporting=-1", *limits)
            self._process = subprocess.Popen(
                [
                    php(_KIND),
                    *(part for one in settings for part in ("-d", one)),
                    str(SCRIPT),
                    str(core(_KIND)),
                    str(SECONDS),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        return self._process


@cache
def plugin() -> Plugin:
    """Return the one of this process; it ends with it."""
    started = Plugin()
    atexit.register(started.close)
    return started
