"""An empty Debian machine with systemd, in a folder: debootstrap fills it, systemd-nspawn boots it. Needs root."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.wordpress.process import Server

if TYPE_CHECKING:
    from collections.abc import Sequence

_INCLUDED = ("systemd", "systemd-sysv", "dbus", "sudo", "ca-certificates")
# What this machine itself needs to reach Debian's and Python's packages.
_OF_THE_NETWORK = ("/etc/resolv.conf", "/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt")
_START_SECONDS = 600.0


class Machine:
    """A machine of the same release as this one; a context manager that boots and stops it. It shares this one's network."""

    def __init__(self, root: Path) -> None:
        self.root = root
        codename = _of_this_release("VERSION_CODENAME")
        subprocess.run(
            ["debootstrap", "--variant=minbase", f"--include={','.join(_INCLUDED)}", codename, str(root)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        for name in _OF_THE_NETWORK:
            if Path(name).is_file():
                target = root / name.lstrip("/")
                target.unlink(missing_ok=True)
                shutil.copy(name, target)

    def __enter__(self) -> Self:
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
        """Run a line of a shell as root; return what it printed. Raises: AssertionError with that where it fails."""
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
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}"
        return done.stdout

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


def _of_this_release(name: str) -> str:
    lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)[name].strip('"')
