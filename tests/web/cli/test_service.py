"""`zoombridge service`: the units, and `serve` under a service manager."""

import json
import os
import re
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path, PurePosixPath

import pytest

from tests.running import RunningBridge
from tests.web.cli.conftest import Run
from web.cli.service_units import UnitOptions, units

PATIENCE = 600
MOST_EXPOSURE = 25  # of 100; systemd calls up to 40 "OK"
COMMAND = PurePosixPath("/usr/bin/true")  # systemd-analyze wants it to exist


def written(folder: Path, options: UnitOptions) -> list[str]:
    for name, text in units(options).items():
        (folder / name).write_text(text, encoding="utf-8")
    return [str(folder / name) for name in units(options)]


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments],
        env=os.environ | {"XDG_RUNTIME_DIR": "/run"},
        capture_output=True,
        text=True,
        check=False,
    )


class TestUnits:
    def test_of_the_system_are_valid_and_hardened(self, tmp_path: Path) -> None:
        paths = written(tmp_path, UnitOptions(COMMAND, user="zoombridge"))
        verified = analyze("verify", "--man=no", *paths)
        assert (verified.returncode, verified.stderr) == (0, "")
        rated = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSURE}", paths[0])
        assert rated.returncode == 0, rated.stdout

    def test_of_a_user_are_valid(self, tmp_path: Path) -> None:
        verified = analyze("verify", "--man=no", "--user", *written(tmp_path, UnitOptions(COMMAND)))
        assert (verified.returncode, verified.stderr) == (0, "")

    def test_home_of_the_command_can_be_read(self) -> None:
        of_home = units(UnitOptions(PurePosixPath("/home/anna/bin/zoombridge"), user="anna"))
        assert "\nProtectHome=read-only\n" in of_home["zoombridge.service"]
        assert "\nProtectHome=yes\n" in units(UnitOptions(COMMAND, user="anna"))["zoombridge.service"]

    @pytest.mark.parametrize("path", ["bin/zoombridge", "/opt/my bridge/zoombridge", "/opt/%h/zoombridge"])
    def test_path_that_systemd_would_misread_is_refused(self, path: str) -> None:
        with pytest.raises(ValueError, match="plain characters"):
            UnitOptions(PurePosixPath(path))


class TestCommands:
    def test_print_writes_nothing(self, run: Run, tmp_path: Path) -> None:
        ran = run(
            "service", "install", "--print", "--folder", str(tmp_path / "units"), "--listen", "[::1]:81"
        )
        assert (ran.status, ran.err) == (0, "")
        assert "User=zoombridge" in ran.out
        assert "ListenStream=[::1]:81" in ran.out
        assert f"ExecStart={Path(sys.executable).parent / 'zoombridge'} serve\n" in ran.out
        assert not (tmp_path / "units").exists()

    def test_writes_what_it_shows_and_removes_it(self, run: Run, tmp_path: Path) -> None:
        ran = run("service", "install", "--user", "--folder", str(tmp_path))
        assert ran.status == 0
        names = ["zoombridge.service", "zoombridge.socket"]
        assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == names
        for name in names:
            assert (tmp_path / name).read_text() in ran.out
        assert "systemctl --user enable --now zoombridge.socket zoombridge.service" in ran.out
        assert run("service", "remove", "--user", "--folder", str(tmp_path)).status == 0
        assert [path for path in tmp_path.iterdir() if path.is_file()] == []
        again = run("service", "remove", "--user", "--folder", str(tmp_path))
        assert (again.status, "There is no zoombridge.service" in again.err) == (1, True)

    def test_says_how_to_create_the_user(self, run: Run, tmp_path: Path) -> None:
        ran = run("service", "install", "--folder", str(tmp_path), "--run-as", "zb-nobody-has-this")
        assert (ran.status, list(tmp_path.iterdir())) == (1, [])
        assert "useradd --system" in ran.err

    @pytest.mark.parametrize("listen", ["8765", "localhost:8765", "127.0.0.1:8765\nUser=root"])
    def test_address_is_checked(self, run: Run, listen: str) -> None:
        assert run("service", "install", "--print", "--listen", listen).status == 2

    def test_status_of_what_is_not_installed(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "systemctl").write_text("#!/bin/sh\necho LoadState=not-found\n")
        (tmp_path / "systemctl").chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
        ran = run("service", "status")
        assert (ran.status, ran.out.count("not installed")) == (1, 2)


class _Activated(RunningBridge):
    """`serve` with a listening socket as its descriptor 3, as systemd starts it."""

    COMMAND = (
        "bash", "-c", 'exec 3<&"$ZB_SOCKET"; export LISTEN_PID=$$; exec "$@"', "-", sys.executable, "-m", "web.cli"
    )  # fmt: skip


def test_serves_under_a_service_manager(tmp_path: Path) -> None:
    """One start: its socket is used, readiness, health and the end are told, and acceptors hear nothing of it."""
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told,
        socket.create_server(("127.0.0.1", 0)) as listening,
    ):
        told.bind(str(tmp_path / "notify"))
        told.settimeout(PATIENCE)
        os.set_inheritable(listening.fileno(), True)
        port = listening.getsockname()[1]
        bridge = _Activated(
            tmp_path / "data",
            "--acceptors",
            "1",
            pass_fds=(listening.fileno(),),
            environment={
                "ZB_SOCKET": str(listening.fileno()),
                "LISTEN_FDS": "1",
                "NOTIFY_SOCKET": told.getsockname(),
                "WATCHDOG_USEC": "200000",
            },
        )
        with bridge:
            assert bridge.url == f"http://127.0.0.1:{port}"
            assert told.recv(4096) == f"READY=1\nSTATUS=Serves on {bridge.url}".encode()
            with urllib.request.urlopen(f"{bridge.url}/readyz", timeout=PATIENCE) as answer:
                assert json.load(answer) == {"status": "ready"}
            assert told.recv(4096) == b"WATCHDOG=1"
            assert told.recv(4096) == b"WATCHDOG=1"
            _, acceptor = bridge.pids
            assert not re.search(
                rb"NOTIFY_SOCKET|LISTEN_|WATCHDOG_", Path(f"/proc/{acceptor}/environ").read_bytes()
            )
        while (notice := told.recv(4096)) == b"WATCHDOG=1":
            pass
        assert notice.startswith(b"STOPPING=1\n")
        # Until the next start, connections wait at the manager's socket.
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
