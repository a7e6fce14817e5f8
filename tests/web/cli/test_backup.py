"""`zoombridge backup`, `restore` and `move`, as docs/keeping.md has them."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.events import story
from bench.place import ROUTE, Place
from bench.sender import Sender
from bench.verify import missing
from tests.running import RunningBridge

if TYPE_CHECKING:
    from tests.postgresql import PostgreSQL
    from tests.web.cli.conftest import Run

DOC = (Path(__file__).parents[3] / "docs" / "keeping.md").read_text(encoding="utf-8")
PASSPHRASE = "correct horse battery staple"


def command(wanted: str, **instead: object) -> list[str]:
    """Return the arguments of a command of the document, with the places that it names replaced."""
    (line,) = [
        one for one in re.findall(r"^    zoombridge (.+)$", DOC, re.MULTILINE) if one.startswith(wanted)
    ]
    for name, value in instead.items():
        line = re.sub(
            {"backups": "/var/backups/zoombridge", "safe": "/safe"}.get(name, name), str(value), line
        )
    return shlex.split(line)


def run(data: Path, arguments: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("ZOOMBRIDGE_")}
    return subprocess.run(
        [sys.executable, "-m", "web.cli", *arguments],
        env=own | {"ZOOMBRIDGE_DATA": str(data)} | environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        stdin=subprocess.DEVNULL,
    )


class TestDocument:
    def test_is_followed(self, tmp_path: Path, postgresql: PostgreSQL) -> None:
        """Backed up under load, restored elsewhere, moved to PostgreSQL; nothing acknowledged before is missing."""
        place = Place(tmp_path / "bridge")
        place.add_site_that_is_down()
        backups, safe = tmp_path / "backups", tmp_path / "safe"
        backups.mkdir()
        safe.mkdir()
        sender = Sender()
        sender.give(islice(story(meetings=20), 4000))
        bridge = RunningBridge(place.data, "--acceptors", "0")
        try:
            before, done, stayed = asyncio.run(self._back_up(sender, bridge, place.data, backups))
        finally:
            bridge.stop()
        assert (done.returncode, done.stderr) == (0, "")
        assert str(place.data / "zoombridge.key") in done.stdout
        assert stayed, "the events came while it copied"
        assert missing(place, sender.acknowledged) == 0
        place.close()

        checked = run(place.data, [*command("backup --check", backups=backups), "--json"])
        assert json.loads(checked.stdout)["key_fits"] is True
        (safe / "zoombridge.key").write_text((place.data / "zoombridge.key").read_text())
        new = tmp_path / "new"
        restored = run(new, command("restore", backups=backups, safe=safe))
        assert (restored.returncode, restored.stderr) == (0, "")
        assert "zoombridge reconcile" in restored.stdout
        assert (new / "zoombridge.key").stat().st_mode & 0o777 == 0o600

        url = postgresql.empty()
        there = r"postgresql://\S+"
        moved = run(new, command("move", **{there: url.replace("\\", "")}))
        assert (moved.returncode, moved.stderr) == (0, "")
        self._assert_serves(new, url, before)
        refused = run(new, ["serve"])
        assert (refused.returncode, "was moved to postgresql://" in refused.stderr) == (1, True)
        postgresql.drop(url)

    async def _back_up(
        self, sender: Sender, bridge: RunningBridge, data: Path, backups: Path
    ) -> tuple[Sender, subprocess.CompletedProcess[str], bool]:
        """Return what was acknowledged before the backup, how it ended, and whether more came meanwhile."""
        ended = asyncio.Event()
        sending = asyncio.create_task(sender.send([bridge.url], ROUTE, connections=4, until=ended.is_set))
        while len(sender.acknowledged) < 50 and not sending.done():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)
        before = Sender(acknowledged=list(sender.acknowledged))
        done = await asyncio.to_thread(run, data, command("backup /", backups=backups))
        more = len(sender.acknowledged) > len(before.acknowledged)
        ended.set()
        await sending
        return before, done, more

    def _assert_serves(self, data: Path, url: str | None, before: Sender) -> None:
        place = Place.__new__(Place)
        place.data, place.database_url, place._reader = data, url, None
        place.url = url or f"sqlite:///{data / 'zoombridge.db'}"
        with RunningBridge(data, "--acceptors", "0", database_url=url):
            place.await_folded(within=600)
        assert missing(place, before.acknowledged) == 0
        place.close()


class TestKey:
    def test_comes_with_the_backup(self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ZOOMBRIDGE_BACKUP_PASSPHRASE", PASSPHRASE)
        run("db", "upgrade")
        with_key, new = command("backup --include-key", backups=tmp_path), tmp_path / "new"
        assert run(*with_key).status == 0
        assert "The key in it fits." in run("backup", "--check", with_key[-1]).out
        restored = run("restore", with_key[-1], "--data", str(new))
        assert (restored.status, restored.err) == (0, "")
        assert (new / "zoombridge.key").read_text() == (tmp_path / "data" / "zoombridge.key").read_text()

    def test_is_asked_for(self, run: Run, tmp_path: Path) -> None:
        run("db", "upgrade")
        file, new = str(tmp_path / "one"), str(tmp_path / "new")
        assert run("backup", file).status == 0
        asked = run("restore", file, "--data", new)
        assert (asked.status, "--key-file" in asked.err) == (2, True)
        other = tmp_path / "other.key"
        other.write_text("kGxqPcdWrxkFpK2kNxNFp8yo4sF0xKpmvbvVYTJmFzo=")
        wrong = run("restore", file, "--key-file", str(other), "--data", new)
        assert (wrong.status, "another key" in wrong.err) == (1, True)
        assert sorted(path.name for path in Path(new).iterdir()) == []
        assert run("backup", "--check", file, "--data", new).out.count("No key is here") == 1


class TestNothing:
    @pytest.mark.parametrize(
        "command", ["backup {}/x", "move --to-database sqlite:///{}/y.db", "restore {}/none"]
    )
    def test_is_there(self, run: Run, tmp_path: Path, command: str) -> None:
        ran = run(*command.format(tmp_path).split())
        assert ran.status == 1
        assert ran.err.startswith("Error: There ")
        assert not (tmp_path / "x").exists()
