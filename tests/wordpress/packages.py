"""Where WordPress itself comes from: Debian's package, or the builds of WordPress Playground on npm."""

import os
import platform
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from tests.wordpress.cache import cached

Kind = Literal["debian-mariadb", "playground-sqlite"]
KINDS: tuple[Kind, ...] = get_args(Kind)

PLAYGROUND = "@wp-playground/wordpress-builds@0.9.19"
PLAYGROUND_WORDPRESS = "wp-6.5"

# Packages whose files Debian's wordpress links to, or that hold its theme. The rest of what it depends on
# is servers and PHP, which are either installed properly or not wanted.
BELONGS_TO_WORDPRESS = re.compile(r"libjs-.+|php-getid3|wordpress-theme-.+")


class FetchError(Exception):
    """WordPress could not be downloaded; the message says what to do."""


def core(kind: Kind, cache: Path | None = None) -> Path:
    """The folder of WordPress's own files, complete and ready to be copied; fetched where it is missing.

    `wp-content/themes` holds one theme. For SQLite, the integration plugin stands in
    `wp-content/mu-plugins` and its `db.copy` beside it.
    """
    if kind == "debian-mariadb":
        # A newer Debian has another WordPress, and another PHP to run it.
        release = platform.freedesktop_os_release()
        name = f"wordpress-{release['ID']}-{release.get('VERSION_CODENAME', 'unknown')}"
        return cached(name, _fetch_debian, cache)
    return cached(f"wordpress-playground-{PLAYGROUND_WORDPRESS}", _fetch_playground, cache)


def _fetch_debian(target: Path) -> None:
    """Unpack the packages side by side, so that links between them hold, and copy WordPress out of them.

    Nothing is installed: that would bring a web server, and start it.
    """
    depends = _run(
        ["apt-cache", "depends", "--no-suggests", "wordpress"],
        "Debian's package `wordpress` is not known here. Run `apt-get update` as root, then try again.",
    )
    names = re.findall(r"^[ |]*(?:Depends|Recommends): (\S+)$", depends, re.MULTILINE)
    packages = ["wordpress", *sorted({name for name in names if BELONGS_TO_WORDPRESS.fullmatch(name)})]
    with tempfile.TemporaryDirectory(prefix="zoombridge-debian-") as work:
        # apt drops to its own user for downloads, who may not write here.
        as_self = ["-o", "APT::Sandbox::User=root"] if os.geteuid() == 0 else []
        _run(
            ["apt-get", *as_self, "download", *packages],
            f"Debian's packages {', '.join(packages)} could not be downloaded. If the message above speaks "
            "of 404 or of no candidate, run `apt-get update` as root, then try again.",
            cwd=Path(work),
        )
        root = Path(work) / "root"
        for package in sorted(Path(work).glob("*.deb")):
            _run(["dpkg", "-x", str(package), str(root)], f"{package.name} could not be unpacked.")
        # Apache's, and it points to a file that exists only once the package is installed.
        (root / "usr/share/wordpress/.htaccess").unlink(missing_ok=True)
        shutil.copytree(root / "usr/share/wordpress", target, dirs_exist_ok=True)
    theme(target)


def _fetch_playground(target: Path) -> None:
    """Put together what Playground keeps apart: PHP files, static files, and the SQLite integration."""
    with tempfile.TemporaryDirectory(prefix="zoombridge-playground-") as work:
        _run(
            ["npm", "pack", "--silent", "--pack-destination", work, PLAYGROUND],
            f"npm could not fetch {PLAYGROUND}. Its message stands above.",
            cwd=Path(work),
        )
        [archive] = Path(work).glob("*.tgz")
        wanted = (
            f"package/src/wordpress/{PLAYGROUND_WORDPRESS}.zip",
            f"package/public/{PLAYGROUND_WORDPRESS}",
            "package/src/sqlite-database-integration/sqlite-database-integration.zip",
        )
        _run(
            ["tar", "--extract", "--file", str(archive), "--directory", work, *wanted],
            f"{PLAYGROUND} does not hold what it should.",
        )
        php, static, sqlite = (Path(work) / path for path in wanted)
        with zipfile.ZipFile(php) as packed:
            packed.extractall(target)
        shutil.copytree(static, target, dirs_exist_ok=True)
        with zipfile.ZipFile(sqlite) as packed:
            packed.extractall(Path(work) / "sqlite")
        [plugin] = (Path(work) / "sqlite").iterdir()
        shutil.copytree(plugin, target / "wp-content/mu-plugins/sqlite-database-integration")


def _run(command: Sequence[str], advice: str, cwd: Path | None = None) -> str:
    """Run a command of the packagers and return what it wrote; `advice` goes with its failure."""
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise FetchError(f"The program `{command[0]}` is missing. Run bin/setup, then try again.") from None
    if done.returncode:
        raise FetchError(f"{done.stdout}{done.stderr}\n{advice}")
    return done.stdout


def theme(folder: Path) -> str:
    """The theme that came with the WordPress in this folder; the newest, where there are several."""
    themes = [style.parent.name for style in folder.glob("wp-content/themes/*/style.css")]
    # The names are numbers spelled out, so the order of the alphabet says nothing.
    order = ("twentytwentyfive", "twentytwentyfour", "twentytwentythree", "twentytwentytwo")
    for name in (*order, *themes):
        if name in themes:
            return name
    raise FetchError(f"There is no theme in {folder}, so it could show nothing.")
