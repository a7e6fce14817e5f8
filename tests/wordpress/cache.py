"""What was downloaded once and serves every checkout on this machine."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


def cache_directory() -> Path:
    """Where downloads are kept: outside the checkout, so that a clean one need not fetch them again."""
    configured = os.environ.get("ZOOMBRIDGE_CACHE")
    return Path(configured).expanduser() if configured else Path.home() / ".cache" / "zoombridge"


def cached(name: str, fill: Callable[[Path], None], cache: Path | None = None) -> Path:
    """The folder `name` of the cache, made by `fill` where it is not there yet.

    `fill` is given an empty folder, which takes its name only once `fill` has returned: a download that
    breaks off leaves nothing that looks like a whole one. Two processes that start at once take turns,
    and the second finds what the first has made.
    """
    cache = cache or cache_directory()
    folder = cache / name
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            unfinished = Path(tempfile.mkdtemp(prefix=f"{name}.unfinished-", dir=cache))
            try:
                fill(unfinished)
                _protect(unfinished)
                unfinished.rename(folder)
            except BaseException:
                shutil.rmtree(unfinished, ignore_errors=True)
                raise
    return folder


def _protect(folder: Path) -> None:
    """Take the right to write from every file: those who use them may link to them."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.chmod(path.stat().st_mode & ~0o222)
