"""A full disk beneath SQLite."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING, Protocol

import pytest
import requests

from tests.faults.direct import eventually, know_a_site, missing, send
from tests.running import RunningBridge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MEGABYTE = 1024 * 1024


class Disk(Protocol):
    """A disk that can be made full."""

    folder: Path

    def fill(self, pid: int) -> None: ...
    def free(self, pid: int) -> None: ...


class SmallDisk:
    """A file system in memory, of eight megabytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], check=True, capture_output=True
        )

    def fill(self, pid: int) -> None:
        with (self.folder / "filler").open("wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"\0" * 4096)
            except OSError:
                return

    def free(self, pid: int) -> None:
        (self.folder / "filler").unlink()

    def unmount(self) -> None:
        subprocess.run(["umount", str(self.folder)], check=True)


class LimitedProcess:
    """Where nothing may be mounted: a process whose files may not grow, which SQLite takes for the same."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def fill(self, pid: int) -> None:
        size = max(file.stat().st_size for file in self.folder.iterdir())
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def free(self, pid: int) -> None:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def may_mount(folder: Path) -> bool:
    if os.geteuid() != 0:
        return False
    try:
        probe = SmallDisk(folder)
    except subprocess.CalledProcessError:
        return False
    probe.unmount()
    return True


@pytest.fixture(params=["small disk", "limited process"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    """Both where root may mount; twice the second where not, so that no machine goes without."""
    if request.param == "small disk" and may_mount(tmp_path / "probe"):
        small = SmallDisk(tmp_path / "disk")
        yield small
        small.unmount()
    else:
        yield LimitedProcess(tmp_path / "disk")


class TestFull:
    def test_zoom_sends_again_and_the_bridge_goes_on_by_itself(self, disk: Disk, tmp_path: Path) -> None:
        database = disk.folder / "zoombridge.db"
        url, data = f"sqlite:///{database}", tmp_path / "data"
        know_a_site(url, data)
        sent = []
        with RunningBridge(data, database_url=url) as bridge:
            sent += [send(bridge.url) for _ in range(5)]
            assert {one.status for one in sent} == {204}

            disk.fill(bridge.pid)
            while sent[-1].status == 204:  # what is reserved already can still be used
                sent.append(send(bridge.url, padding=20_000))
                assert len(sent) < 1000
            refused = [send(bridge.url, padding=20_000) for _ in range(20)]
            assert {one.status for one in refused} == {503}
            assert all(one.retry_after for one in refused)
            assert requests.get(f"{bridge.url}/healthz", timeout=600).status_code == 200
            # A process that is limited may still write to what its files hold.
            if isinstance(disk, SmallDisk):
                unready = requests.get(f"{bridge.url}/readyz", timeout=600)
                assert (unready.status_code, unready.json()["status"]) == (503, "not ready")

            disk.free(bridge.pid)
            sent.append(eventually(lambda: one if (one := send(bridge.url)).status == 204 else None))
            sent += [send(bridge.url, padding=20_000) for _ in range(5)]
            assert {one.status for one in sent[-5:]} == {204}

        with closing(sqlite3.connect(database)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert missing(url, data, sent) == set()


class TestSecondProcess:
    def test_is_refused_with_the_reason(self, tmp_path: Path) -> None:
        url, data = f"sqlite:///{tmp_path / 'zoombridge.db'}", tmp_path / "data"
        know_a_site(url, data)
        with RunningBridge(data, database_url=url) as bridge:
            done = subprocess.run(
                [*RunningBridge.COMMAND, "serve", "--port", "0"],
                env=bridge.environment,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
        assert done.returncode == 1
        assert "SQLite is for one process" in done.stderr
        assert "PostgreSQL" in done.stderr
        assert "Traceback" not in done.stderr
