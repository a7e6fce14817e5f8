"""Files and folders that only their owner may read."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from core.errors import ExposedFileError
from core.store.db import private_files
from core.store.db.engine import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

UNTOUCHABLE = Path("/proc/self/status")
"""A file whose mode nobody can change, not even root: https://man7.org/linux/man-pages/man5/proc.5.html"""


@contextmanager
def umask(value: int) -> Iterator[None]:
    """Let files be created under a umask."""
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


def not_owner(*_args: object) -> None:
    """As `chmod` answers who is not the owner: https://man7.org/linux/man-pages/man2/chmod.2.html"""
    raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))


def mode(path: Path) -> int:
    """Return the permissions of a file or folder."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("value", [0o000, 0o022, 0o027])
class TestUmask:
    def test_does_not_open_the_files_of_a_database(self, tmp_path: Path, value: int) -> None:
        data = tmp_path / "data"
        with umask(value):
            store = Store(f"sqlite:///{data / 'zoombridge.db'}")
            try:
                store.write(lambda connection: connection.exec_driver_sql("CREATE TABLE one (id INTEGER)"))
                found = {path.name: mode(path) for path in data.iterdir()}
            finally:
                store.close()
        assert set(found) >= {
            "zoombridge.db", "zoombridge.db-wal", "zoombridge.db-shm", "zoombridge.db.lock", "zoombridge.key"
        }  # fmt: skip
        assert set(found.values()) == {0o600}, found
        assert mode(data) == 0o700

    def test_does_not_open_a_folder_or_a_file(self, tmp_path: Path, value: int) -> None:
        with umask(value):
            private_files.make_folder(tmp_path / "above" / "data")
            private_files.make_file(tmp_path / "made")
            private_files.write_file(tmp_path / "written", b"code")
        assert mode(tmp_path / "above" / "data") == 0o700
        assert mode(tmp_path / "made") == mode(tmp_path / "written") == 0o600


class TestThatOthersCanRead:
    @pytest.mark.parametrize("suffix", [".db", ".db-wal", ".db-shm", ".db.lock", ".key"])
    def test_is_tightened_which_the_log_says(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"zoombridge{suffix}"
        url = f"sqlite:///{tmp_path / 'zoombridge.db'}"
        Store(url).close()
        path.touch()
        path.chmod(0o644)
        with capture_logs() as logs:
            store = Store(url)
        try:
            assert mode(path) == 0o600
        finally:
            store.close()
        said = [line for line in logs if line["event"] == "made_private"]
        assert [(line["path"], line["mode_before"]) for line in said] == [(str(path), "0644")]

    def test_is_tightened_where_it_is_a_folder(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o750)
        with capture_logs() as logs:
            private_files.make_folder(tmp_path)
        assert mode(tmp_path) == 0o700
        assert [line["mode_before"] for line in logs] == ["0750"]

    def test_is_replaced_not_filled(self, tmp_path: Path) -> None:
        path = tmp_path / "zip"
        path.touch()
        path.chmod(0o644)
        with path.open("rb") as opened:
            private_files.write_file(path, b"code")
            assert opened.read() == b"", "somebody who has the old file open reads nothing of the new one"
        assert mode(path) == 0o600

    def test_does_not_follow_a_link_that_another_user_laid(self, tmp_path: Path) -> None:
        theirs = tmp_path / "theirs"
        theirs.write_bytes(b"")
        (tmp_path / "zip").symlink_to(theirs)
        private_files.write_file(tmp_path / "zip", b"code")
        assert theirs.read_bytes() == b""


class TestThatCannotBeTightened:
    @pytest.mark.parametrize("name", ["zoombridge.key", "zoombridge.db"])
    def test_is_refused_with_what_to_do(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).symlink_to(UNTOUCHABLE)
        url = f"sqlite:///{tmp_path / 'zoombridge.db'}"
        with pytest.raises(ExposedFileError) as refused:
            Store(url)
        said = str(refused.value)
        assert f"{tmp_path / name} (mode 0444)" in said
        assert "Operation not permitted" in said
        assert "nothing is lost" in said
        assert "chmod 600" in said

    def test_leaves_the_database_free_for_the_next_start(self, tmp_path: Path) -> None:
        (tmp_path / "zoombridge.key").symlink_to(UNTOUCHABLE)
        url = f"sqlite:///{tmp_path / 'zoombridge.db'}"
        with pytest.raises(ExposedFileError):
            Store(url)
        (tmp_path / "zoombridge.key").unlink()
        Store(url).close()

    def test_is_refused_where_it_is_the_folder_of_everybody(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o1777)
        with pytest.raises(ExposedFileError, match="all users") as refused:
            private_files.make_folder(tmp_path)
        assert f"such as {tmp_path}/zoombridge" in str(refused.value)
        assert mode(tmp_path) == 0o1777, "other programs need it"

    def test_is_accepted_where_it_is_a_folder_of_a_group(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As Kubernetes makes one for `fsGroup`: root's, and its group's."""
        tmp_path.chmod(0o2770)
        monkeypatch.setattr(os, "chmod", not_owner)
        with capture_logs() as logs:
            private_files.make_folder(tmp_path)
        assert [(line["event"], line["path"], line["mode"], line["reason"]) for line in logs] == [
            ("not_private", str(tmp_path), "2770", "Operation not permitted")
        ]

    def test_is_refused_where_it_is_a_folder_of_others_too(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tmp_path.chmod(0o2775)
        monkeypatch.setattr(os, "chmod", not_owner)
        with pytest.raises(ExposedFileError, match=r"mode 2775.*chmod 700"):
            private_files.make_folder(tmp_path)

    def test_is_refused_where_it_is_a_database_of_a_group(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "zoombridge.db"
        path.touch()
        path.chmod(0o660)
        monkeypatch.setattr(os, "chmod", not_owner)
        with pytest.raises(ExposedFileError, match="mode 0660"):
            private_files.tighten(path)


class TestOutput:
    @pytest.mark.parametrize(("before", "after"), [(0o644, 0o640), (0o666, 0o660), (0o604, 0o600)])
    def test_in_a_file_is_closed_to_others(self, tmp_path: Path, before: int, after: int) -> None:
        path = tmp_path / "bridge.log"
        with path.open("w") as log, capture_logs() as logs:
            path.chmod(before)
            private_files.tighten_output(log)
        assert mode(path) == after
        assert [(line["event"], line["mode"]) for line in logs] == [("made_private", f"{after:04o}")]

    def test_in_a_file_stays_readable_for_its_group(self, tmp_path: Path) -> None:
        """A program that collects logs may be in it."""
        path = tmp_path / "bridge.log"
        with path.open("w") as log, capture_logs() as logs:
            path.chmod(0o640)
            private_files.tighten_output(log)
        assert mode(path) == 0o640
        assert not logs

    def test_in_a_file_that_cannot_be_closed_is_warned_of(self) -> None:
        """The file may be root's: systemd opens it before it changes to the bridge's user."""
        with UNTOUCHABLE.open() as log, capture_logs() as logs:
            private_files.tighten_output(log)
        [line] = logs
        assert (line["event"], line["log_level"], line["mode"]) == ("not_private", "warning", "0444")
        assert (line["path"], line["reason"]) == (f"the file of {UNTOUCHABLE}", "Operation not permitted")

    def test_elsewhere_stays_as_it_is(self) -> None:
        with Path("/dev/null").open("w") as null, capture_logs() as logs:
            before = mode(Path("/dev/null"))
            private_files.tighten_output(null)
        assert mode(Path("/dev/null")) == before
        assert not logs
