"""The container's image without an engine: the Dockerfile's instructions in folders, run by chroot as Compose would.

debootstrap's Debian with its own Python stands in for the image that the Dockerfile starts from. Needs root and debootstrap.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from tests.packaging.machine import lend_network, mirror

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
_BASE = re.compile(r"python:3\.\d+-slim-(\w+)(?: AS (\w+))?")
_PACKAGES = "ca-certificates,python3,python3-venv"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_READY_SECONDS = 600.0
# As root of new namespaces: the root file system read-only, data and /tmp not, no network but the loopback.
_PREPARE = """
set -e
ip link set lo up
mount --bind "$1" "$1"
mount --bind "$2" "$1/var/lib/zoombridge"
mount -o remount,bind,ro "$1"
mount --types tmpfs tmpfs "$1/tmp"
mount --types proc proc "$1/proc"
mount --rbind /dev "$1/dev"
shift 2
exec "$@"
"""


def is_possible() -> bool:
    """Tell whether this machine can do it."""
    return os.geteuid() == 0 and shutil.which("debootstrap") is not None


def instructions(dockerfile: Path) -> Iterator[tuple[str, str]]:
    """Return the instructions of a Dockerfile, in order: the name and the rest."""
    text = re.sub(r"^#.*\n", "", dockerfile.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip():
            name, _, rest = line.partition(" ")
            yield name, " ".join(rest.split())


class Image:
    """What the instructions make: a folder for each stage, and the settings of the last."""

    def __init__(self, dockerfile: Path, made: Path) -> None:
        """Follow the instructions. Raises: subprocess.CalledProcessError; AssertionError for an unknown one."""
        self._made = made
        self.root = self._folder = made
        self._stages: dict[str, Path] = {}
        self._settings: dict[str, str] = {}
        self.environment: dict[str, str] = {}
        for name, rest in instructions(dockerfile):
            self._follow(name, rest)

    @property
    def command(self) -> list[str]:
        """What a container of it runs."""
        return [*json.loads(self._settings["ENTRYPOINT"]), *json.loads(self._settings["CMD"])]

    @property
    def check(self) -> list[str]:
        """What tells whether it is healthy."""
        command: list[str] = json.loads(self._settings["HEALTHCHECK"].partition(" CMD ")[2])
        return command

    def _follow(self, name: str, rest: str) -> None:
        match name:
            case "FROM":
                self._begin(rest)
            case "WORKDIR":
                self._folder = self.root / rest.lstrip("/")
                self._folder.mkdir(parents=True, exist_ok=True)
            case "COPY":
                self._copy(rest.split())
            case "RUN":
                inside = f"cd /{self._folder.relative_to(self.root)} && {rest}"
                command = ["chroot", str(self.root), "env", "-i", *self._variables(), "sh", "-ec", inside]
                subprocess.run(command, check=True)
            case "ENV":
                for one in shlex.split(rest):
                    key, _, value = one.partition("=")
                    self.environment[key] = value.replace("$PATH", self.environment["PATH"])
            case "USER" | "HEALTHCHECK" | "ENTRYPOINT" | "CMD":
                self._settings[name] = rest
            case _:
                assert name in ("VOLUME", "EXPOSE"), f"{name} is not known here"

    def _begin(self, rest: str) -> None:
        """Start a stage, from Debian as debootstrap makes it."""
        self._settings = {}
        self.environment = {"PATH": _PATH}
        found = _BASE.fullmatch(rest)
        assert found, rest
        base = self._made / found[1]
        if not base.exists():
            command = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", found[1], str(base)]
            subprocess.run([*command, mirror()], check=True, stdout=subprocess.DEVNULL)
            lend_network(base)
            (base / "usr/local/bin/python").symlink_to("/usr/bin/python3")
        self.root = self._folder = self._made / f"stage-{len(self._stages)}"
        self._stages[found[2] or str(len(self._stages))] = self.root
        subprocess.run(["cp", "--archive", str(base), str(self.root)], check=True)

    def _copy(self, words: list[str]) -> None:
        source = ROOT
        if words[0].startswith("--from="):
            source = self._stages[words.pop(0).removeprefix("--from=")]
        *names, target = words
        into = self.root / target.lstrip("/") if target.startswith("/") else self._folder / target
        for one in (source / name.lstrip("/") for name in names):
            # Of a folder, what is in it; a file keeps its name in a folder.
            copied = f"{one}/." if one.is_dir() else str(one)
            if one.is_dir():
                into.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "--archive", "--no-preserve=ownership", copied, str(into)], check=True)

    def _variables(self) -> list[str]:
        return [f"{key}={value}" for key, value in self.environment.items()]

    def inside(self, command: list[str]) -> list[str]:
        """Return how a command runs in the image: as its user, without privileges, with its variables."""
        user, _, group = self._settings["USER"].partition(":")
        rights = [f"--reuid={user}", f"--regid={group}", "--clear-groups", "--no-new-privs"]
        rights += ["--bounding-set=-all", "--inh-caps=-all"]
        limited = ["chroot", str(self.root), "setpriv", *rights]
        return [*limited, "env", "-i", *self._variables(), *command]


class Folder:
    """The image's command in namespaces of its own, whose commands end with an AssertionError where they fail."""

    def __init__(self, image: Image, made: Path) -> None:
        self._image = image
        self._stack = ExitStack()
        volume = made / "volume"
        # As an engine does it with a new volume: what the image has at that place, with its owner and mode.
        subprocess.run(["cp", "--archive", str(image.root / "var/lib/zoombridge"), str(volume)], check=True)
        self._log = made / "container.log"
        namespaces = ["--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child"]
        prepared = ["sh", "-c", _PREPARE, "sh", str(image.root), str(volume)]
        self._process = self._stack.enter_context(
            subprocess.Popen(
                ["unshare", *namespaces, *prepared, *image.inside(image.command)],
                stdin=subprocess.DEVNULL,
                stdout=self._stack.enter_context(self._log.open("ab")),
                stderr=subprocess.STDOUT,
            )
        )

    def wait_until_healthy(self) -> None:
        """Return once the image's own health check passes."""
        deadline = time.monotonic() + _READY_SECONDS
        while self._run(self._image.check).returncode:
            assert self._process.poll() is None, f"it ended:\n{self.log()}"
            assert time.monotonic() < deadline, f"not healthy:\n{self.log()}"
            time.sleep(0.5)

    def shell(self, line: str) -> str:
        """Return what a line of a shell in the container prints."""
        done = self._run(["sh", "-c", line])
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        return done.stdout

    def log(self) -> str:
        """Return what the container wrote so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def stop(self) -> int:
        """Ask it to end; return its exit status."""
        os.kill(self._leader(), signal.SIGTERM)
        return self._process.wait(_READY_SECONDS)

    def remove(self) -> None:
        """End it; its files go with the folder that they are in."""
        self._process.kill()
        self._stack.close()

    def _leader(self) -> int:
        """Return the id of its first process; 0 while there is none."""
        path = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        children = path.read_text().split()
        return int(children[0]) if children else 0

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        namespaces = ["--mount", "--pid", "--net", "--ipc", "--uts"]
        entered = ["nsenter", f"--target={self._leader()}", *namespaces, *self._image.inside(command)]
        return subprocess.run(entered, capture_output=True, text=True, check=False)
