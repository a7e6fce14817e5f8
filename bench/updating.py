"""Updates under load, from the last release to this checkout. Nothing acknowledged is missing, no post is doubled."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tarfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench.events import SECRET
from bench.figures import Figure, at_least, at_most
from bench.killing import Restarting
from bench.place import Place, folder
from tests.code_pairing import connect_by_commands
from tests.conftest import STUB_SLUG
from tests.postgresql import PostgreSQL
from tests.running import RunningBridge
from tests.wordpress import WordPress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.figures import Say, Scale
    from bench.verify import Found

UPDATES = 10
_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Release:
    """The last release: its version, and a folder with its code."""

    version: str
    folder: Path

    def run(self, data: Path, *options: str, database_url: str | None) -> RunningBridge:
        """Start its bridge, with the packages of this environment."""
        command = ("env", f"--chdir={self.folder}", sys.executable, "-m", "web.cli")
        kind = type("ReleasedBridge", (RunningBridge,), {"COMMAND": command})
        bridge: RunningBridge = kind(data, *options, database_url=database_url)
        return bridge


@contextmanager
def last_release() -> Iterator[Release]:
    """Give the last release of CHANGELOG.md, as of the commit in which the version number became its own.

    Raises: LookupError where the history of this checkout does not hold it.
    """
    changelog = (_ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    version = re.findall(r"^## (\d\S+) - ", changelog, re.MULTILINE)[0]
    found = _git("log", "--format=%H", f'-S__version__ = "{version}"', "--", "core/__init__.py").split()
    if not found:
        raise LookupError(f"No commit here made this version {version}: is the checkout shallow?")
    with folder() as made, tarfile.open(fileobj=io.BytesIO(_archived(found[-1]))) as packed:
        packed.extractall(made, filter="data")
        yield Release(version, made)


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=_ROOT, check=True, capture_output=True, text=True).stdout


def _archived(commit: str) -> bytes:
    command = ["git", "archive", commit, "core", "web", "templates", "plugin_stub"]
    return subprocess.run(command, cwd=_ROOT, check=True, capture_output=True).stdout


@dataclass(slots=True, kw_only=True)
class Updating(Restarting):
    """Restarts in which processes of the last release give way to processes of this checkout, one after the other.

    `together` counts what was acknowledged while both ran, `revisions` names the database's before and after each restart.
    """

    release: Release
    started: int = 0
    together: int = 0
    revisions: list[str] = field(default_factory=list)
    _before_new: int = 0

    def _run(self, data: Path, port: int = 0) -> RunningBridge:
        self.started += 1
        if self.started <= self.processes:
            return self.release.run(data, *self.options, database_url=self.place.database_url)
        bridge = Restarting._run(self, data, port)
        if self.started == self.processes + 1:
            self._before_new = len(self.sender.acknowledged)
        return bridge

    def _connect(self, bridge: RunningBridge) -> str:
        self._note_revision()
        return f"/sites/{connect_by_commands(bridge, self.site, SECRET)}/wp-json/vczapi/v1/meeting"

    def _restart(self, index: int) -> None:
        Restarting._restart(self, index)
        self._note_revision()
        if self.place.database_url is not None and self.started == 2 * self.processes:
            self.together = len(self.sender.acknowledged) - self._before_new

    def _note_revision(self) -> None:
        self.revisions.append(self.place.rows("SELECT version_num FROM alembic_version")[0][0])


def sqlite(scale: Scale, say: Say) -> list[Figure]:
    """Update the one process on SQLite."""
    with last_release() as release:
        return _figures(release, "SQLite", 1, scale, say)


def postgresql(scale: Scale, say: Say) -> list[Figure]:
    """Update two processes on PostgreSQL in turn: the new one starts beside both old ones, and goes on beside one."""
    with last_release() as release:
        return _figures(release, "PostgreSQL, two processes", 2, scale, say)


def update_once(release: Release, processes: int, say: Say) -> tuple[Updating, Found]:
    """Update so many processes under load: one on SQLite, several on PostgreSQL. Return what happened, and what is wrong."""
    with ExitStack() as stack:
        made = stack.enter_context(folder())
        site = stack.enter_context(WordPress.start("debian-mariadb"))
        site.add_plugin(release.folder / "plugin_stub", STUB_SLUG)
        url = stack.enter_context(PostgreSQL()).empty() if processes > 1 else None
        place = Place(made / "bridge", url, migrated=False)
        updating = Updating(site, place, processes=processes, release=release)
        return updating, updating.rounds(processes, say)


def _figures(release: Release, where: str, processes: int, scale: Scale, say: Say) -> list[Figure]:
    until = time.monotonic() + scale.within
    done: list[Updating] = []
    found: list[Found] = []
    while len(done) < UPDATES and time.monotonic() < until:
        updating, wrong = update_once(release, processes, say)
        done.append(updating)
        found.append(wrong)
        say(f"update {len(done)} of {UPDATES}: {wrong.faults} faults, revisions {updating.revisions}")
    acknowledged = sum(len(one.sender.acknowledged) for one in done)
    loaded = sum(one.loaded for one in done)
    name = f"{len(done)} updates from {release.version} under load, {where}"
    seen = f"{acknowledged} acknowledged, revision {' to '.join(dict.fromkeys(done[0].revisions))}"
    figures = [
        at_most(f"{name}: acknowledged events missing", sum(one.missing for one in found), 0, seen),
        at_most("posts doubled", sum(one.doubled for one in found), 0),
        at_most("posts absent or not as the fold says", sum(one.absent + one.wrong for one in found), 0),
        at_least("restarts after which events were waiting", loaded, len(done) * processes),
    ]
    if processes > 1:
        together = min(one.together for one in done)
        figures.append(at_least("fewest events acknowledged while both versions ran", together, 1))
    else:
        figures.append(at_most("posts leased after a stop", sum(one.leased for one in done), 0))
    return figures
