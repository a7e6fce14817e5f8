"""An empty Debian machine with systemd, in a folder: debootstrap fills it, systemd-nspawn boots it. Needs root."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.wordpress.process import Server

if TYPE_CHECKING:
    from collections.abc import Sequence

_INCLUDED = (
    "systemd",
    "systemd-sysv",
    "libpam-systemd",
    "dbus",
    "dbus-user-session",
    "sudo",
    "ca-certificates",
)
# Where this machine's programs look for names and trust, without which a folder reaches no packages.
_OF_THE_NETWORK = ("/etc/resolv.conf", "/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt")
# Of the web server, its administration and the bridge: the machine has no network of its own.
_PORTS = (80, 443, 2019, 8765)
_START_SECONDS = 600.0


def lend_network(root: Path) -> None:
    """Let a release of Debian in a folder reach what this machine reaches."""
    for name in filter(Path.is_file, map(Path, _OF_THE_NETWORK)):
        target = root / name.relative_to("/")
        target.unlink(missing_ok=True)
        shutil.copy(name, target)
    # Of a mirror that is a copy of some day, apt refuses the lists when they are old, unless it is told otherwise.
    command = ["apt-config", "dump", "Acquire::Check-Valid-Until"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    (root / "etc/apt/apt.conf.d/80lent").write_text(said, encoding="utf-8")


def mirror() -> str:
    """Return the mirror of the machine's own sources, or Debian's."""
    said = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI)"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    found = re.search(r"^Debian (https?://\S+)$", said, re.MULTILINE)
    return found[1] if found else "http://deb.debian.org/debian"


class Machine:
    """A machine with a release of Debian; a context manager that boots and stops it. It shares this one's network."""

    def __init__(self, root: Path, release: str) -> None:
        self.root = root
        included = f"--include={','.join(_INCLUDED)}"
        subprocess.run(
            ["debootstrap", "--variant=minbase", included, release, str(root), mirror()],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        lend_network(root)

    def __enter__(self) -> Self:
        taken = [port for port in _PORTS if _is_taken(port)]
        assert not taken, f"other programs listen on {taken}, which the machine's would need"
        command = ["systemd-nspawn", "--directory", str(self.root), "--boot", "--register=no", "--keep-unit"]
        command += ["--console=pipe", "--resolv-conf=off", "--timezone=off"]
        self._server = Server(command, log=self.root.with_suffix(".log"))
        try:
            self._server.wait_until(self._is_running, _START_SECONDS)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if leader := self._leader():
            subprocess.run([*self._inside(leader), "systemctl", "poweroff"], check=False, capture_output=True)
            deadline = time.monotonic() + _START_SECONDS
            while self._leader() and time.monotonic() < deadline:
                time.sleep(0.1)
        self._server.stop()

    def run(self, command: str, *, typed: str = "", folder: str = "/root") -> str:
        """Run a line of a shell as root; return what it printed.

        Raises: AssertionError with that, and with the end of the machine's journal, where it fails.
        """
        leader = self._leader()
        assert leader, "the machine has stopped"
        done = subprocess.run(
            [*self._inside(leader), "bash", "-c", f"cd {folder} && {command}"],
            input=typed,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{self._journal(leader)}"
        return done.stdout

    def _journal(self, leader: int) -> str:
        command = [*self._inside(leader), "journalctl", "--boot", "--lines=200", "--no-pager"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    def _is_running(self) -> bool:
        leader = self._leader()
        if not leader:
            return False
        asked = [*self._inside(leader), "systemctl", "is-system-running"]
        said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
        return said in ("running", "degraded")

    def _leader(self) -> int:
        """Return the id of the machine's first process; 0 while there is none."""
        for path in Path("/proc").glob("[0-9]*/root"):
            try:
                is_first = path.samefile(self.root) and (path.parent / "comm").read_text() == "systemd\n"
                if is_first and "\t1\n" in (path.parent / "status").read_text().partition("NSpid:")[2]:
                    return int(path.parent.name)
            except OSError:
                continue
        return 0

    @staticmethod
    def _inside(leader: int) -> Sequence[str]:
        environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"]
        environment += ["DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8"]
        namespaces = ["--mount", "--uts", "--ipc", "--pid", "--cgroup", "--root", "--wd"]
        return ["nsenter", "--target", str(leader), *namespaces, "env", "-i", *environment]


def _is_taken(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0
