"""Nothing is left behind: no process and no file, also when nobody was there to say stop."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from tests.wordpress import Kind, WordPress
from tests.wordpress.cache import cached
from tests.wordpress.process import Server, ServerError

ROOT = Path(__file__).parents[2]
KIND: Kind = "debian-mariadb"


def processes_that_mention(text: str) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:  # it ended meanwhile
                continue
            if text.encode() in command:
                found.append(command.replace(b"\0", b" ").decode())
    return found


def wait_for_the_end_of(folder: Path) -> None:
    deadline = time.monotonic() + 600
    while (folder.exists() or processes_that_mention(str(folder))) and time.monotonic() < deadline:
        time.sleep(0.02)


@pytest.mark.wordpress
class TestWordPress:
    """Of the kind with a database server beside it: that is more to end."""

    def test_stop(self) -> None:
        with WordPress.start(KIND, workers=2) as site:
            folder = site.directory.parents[1]
            assert processes_that_mention(str(folder))

        assert not folder.exists()
        assert processes_that_mention(str(folder)) == []
        site.stop()  # a second time does nothing

    def test_killed_parent(self) -> None:
        code = (
            "import sys, time; from tests.wordpress import WordPress;"
            "site = WordPress.start(sys.argv[1]);"
            "print(site.directory.parents[1], flush=True); time.sleep(600)"
        )
        with subprocess.Popen(
            [sys.executable, "-c", code, KIND], stdout=subprocess.PIPE, text=True, cwd=ROOT
        ) as parent:
            assert parent.stdout
            folder = Path(parent.stdout.readline().strip())
            assert folder.is_dir()
            assert processes_that_mention(str(folder))
            parent.send_signal(signal.SIGKILL)

        wait_for_the_end_of(folder)

        assert processes_that_mention(str(folder)) == []
        assert not folder.exists()

    def test_directory_that_was_given_is_kept(self, tmp_path: Path) -> None:
        with WordPress.start(KIND, directory=tmp_path / "site", workers=1):
            pass

        assert (tmp_path / "site/wordpress/wp-config.php").is_file()
        assert (tmp_path / "site/php.log").is_file()
        assert processes_that_mention(str(tmp_path)) == []

    def test_plain_permalinks(self) -> None:
        with WordPress.start(KIND, permalinks="", workers=1) as site:
            assert site.php("return rest_url();") == f"{site.url}/index.php?rest_route=/"

    def test_failed_start_leaves_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        with pytest.raises(FileNotFoundError):
            WordPress.start(KIND, plugins=[tmp_path / "no-such-plugin"])

        assert list(tmp_path.iterdir()) == []
        assert processes_that_mention(str(tmp_path)) == []


class TestServer:
    def test_early_end_is_told_with_its_log(self, tmp_path: Path) -> None:
        server = Server(["sh", "-c", "echo no such port; exit 3"], log=tmp_path / "log")

        with pytest.raises(ServerError, match=r"ended before it was ready(.|\n)*no such port"):
            server.wait_until(lambda: False)
        server.stop()

    def test_late_start_is_told(self, tmp_path: Path) -> None:
        server = Server(["sleep", "600"], log=tmp_path / "log")

        with pytest.raises(ServerError, match=r"not ready in 0\.1 s"):
            server.wait_until(lambda: False, within=0.1)
        server.stop()

    def test_whole_group_ends(self, tmp_path: Path) -> None:
        name = f"60{os.getpid()}"
        server = Server(["sh", "-c", f"sleep {name} & sleep {name}"], log=tmp_path / "log")
        server.wait_until(lambda: len(processes_that_mention(f"sleep\0{name}")) == 2)

        server.stop()

        assert processes_that_mention(f"sleep\0{name}") == []


def _fetch(cache: Path, both: Barrier) -> None:
    def fill(folder: Path) -> None:
        with (cache / "fetched").open("a") as log:
            log.write("once\n")
        (folder / "file").write_text("content")

    both.wait()
    assert (cached("thing", fill, cache) / "file").read_text() == "content"


class TestCache:
    def test_two_at_once_fetch_once(self, tmp_path: Path) -> None:
        spawn = multiprocessing.get_context("spawn")
        both = spawn.Barrier(2)
        workers = [spawn.Process(target=_fetch, args=(tmp_path, both)) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

        assert [worker.exitcode for worker in workers] == [0, 0]
        assert (tmp_path / "fetched").read_text() == "once\n"

    def test_broken_download_leaves_nothing(self, tmp_path: Path) -> None:
        def fill(folder: Path) -> None:
            (folder / "half").touch()
            raise OSError("connection lost")

        with pytest.raises(OSError, match="connection lost"):
            cached("thing", fill, tmp_path)

        assert [path.name for path in tmp_path.iterdir()] == ["thing.lock"]
