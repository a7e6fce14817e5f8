"""Where WordPress itself comes from: packages of Debian, or the builds of WordPress Playground on npm."""

import platform
import re
import shutil
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from tests.wordpress.cache import cache_directory, cached
from tests.wordpress.debian import FetchError, Release, other_release, own_release, run

Kind = Literal["debian-mariadb", "playground-sqlite", "newest-mariadb", "minimum-mariadb"]
KINDS: tuple[Kind, ...] = get_args(Kind)
# What tests run on if nothing else is said; tests/conftest.py names those that run on the others, too.
COMMON_KINDS = KINDS[:2]

PLAYGROUND = "@wp-playground/wordpress-builds@0.9.19"
PLAYGROUND_WORDPRESS = "wp-6.5"

# Where each distribution keeps what its next release is made of.
NEWEST = {"debian": "sid", "ubuntu": "devel"}
# No mirror that machines have in their sources holds the WordPress 5.8 that the plugin asks for: this release has
# the one before it, and the PHP that the plugin asks for.
MINIMUM = {"debian": "bullseye"}
MINIMUM_PHP = "7.4"

THEME = re.compile(r"wordpress-theme-.+")
CLASSIC_THEME = "twentytwentyone"
_CLASSIC_PACKAGE = f"wordpress-theme-{CLASSIC_THEME}"
# The machine's own C library serves every program; what PHP is linked with besides comes along.
BELONGS_TO_PHP = re.compile(rf"php{re.escape(MINIMUM_PHP)}-.+|lib(?!c6$|crypt1$|perl|db5).+")


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
    if kind == "newest-mariadb":
        return _newest(cache or cache_directory())
    if kind == "minimum-mariadb":
        return cached(f"wordpress-{MINIMUM['debian']}", _fetch_minimum, cache)
    return cached(f"wordpress-playground-{PLAYGROUND_WORDPRESS}", _fetch_playground, cache)


def php(kind: Kind, cache: Path | None = None) -> str:
    """The PHP that runs this WordPress: the machine's, or one of its own, fetched where it is missing."""
    if kind == "minimum-mariadb":
        return str(cached(f"php-{MINIMUM_PHP}", _fetch_php, cache) / "php")
    return "php"


def classic_theme(cache: Path | None = None) -> Path | None:
    """The folder of a theme without blocks; fetched where it is missing. None where the machine's release has none."""
    release = platform.freedesktop_os_release()
    name = f"theme-{CLASSIC_THEME}-{release['ID']}-{release.get('VERSION_CODENAME', 'unknown')}"
    if not ((cache or cache_directory()) / name).is_dir() and not own_release().has(_CLASSIC_PACKAGE):
        return None
    return cached(name, _fetch_classic_theme, cache)


def _newest(cache: Path) -> Path:
    """The newest WordPress, fetched anew each month. Where that fails, the one of an earlier month serves."""
    before = sorted(cache.glob("wordpress-newest-????-??"))
    try:
        folder = cached(f"wordpress-newest-{time.strftime('%Y-%m')}", _fetch_newest, cache)
    except FetchError:
        if not before:
            raise
        return before[-1]
    for older in before:
        if older != folder:
            shutil.rmtree(older, ignore_errors=True)
    return folder


def _fetch_debian(target: Path) -> None:
    _unpack_wordpress(own_release(), target)


def _fetch_classic_theme(target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="zoombridge-theme-") as work:
        own_release().unpack([_CLASSIC_PACKAGE], Path(work))
        [style] = Path(work).rglob(f"{CLASSIC_THEME}/style.css")
        shutil.copytree(style.parent, target, dirs_exist_ok=True)


def _fetch_newest(target: Path) -> None:
    with other_release(NEWEST) as release:
        _unpack_wordpress(release, target)


def _fetch_minimum(target: Path) -> None:
    with other_release(MINIMUM) as release:
        _unpack_wordpress(release, target)


def _unpack_wordpress(release: Release, target: Path) -> None:
    """Copy WordPress and its theme out of their packages, with what they link to in others."""
    others = release.dependencies("wordpress")
    with tempfile.TemporaryDirectory(prefix="zoombridge-debian-") as work:
        root = Path(work)
        release.unpack(["wordpress", *filter(THEME.fullmatch, others)], root)
        # Apache's, and it points to a file that exists only once the package is installed.
        (root / "usr/share/wordpress/.htaccess").unlink(missing_ok=True)
        complete(release, others, root)
        shutil.copytree(root / "usr/share/wordpress", target, dirs_exist_ok=True)
    theme(target)


def complete(release: Release, others: Sequence[str], root: Path) -> None:
    """Unpack one package after the other, until no link of WordPress dangles. Raises: FetchError where one still does."""
    wordpress = root / "usr/share/wordpress"
    # The rest of what WordPress depends on is programs, which are either installed properly or not wanted.
    for name in release.without_programs(others):
        if not dangling(wordpress):
            return
        release.unpack([name], root)
    if links := dangling(wordpress):
        names = ", ".join(str(link.relative_to(wordpress)) for link in links)
        raise FetchError(f"WordPress links to files that are in no package that it depends on: {names}")


def dangling(root: Path) -> list[Path]:
    """Return the links below a folder that lead to nothing."""
    return sorted(path for path in root.rglob("*") if path.is_symlink() and not path.exists())


def _fetch_php(target: Path) -> None:
    """Unpack PHP with the libraries of its own release, and write a script `php` that runs it with them."""
    modules = ("cli", "curl", "mbstring", "mysql", "xml")
    root = target / "root"
    with other_release(MINIMUM) as release:
        needed = release.closure([f"php{MINIMUM_PHP}-{module}" for module in modules])
        release.unpack([name for name in needed if BELONGS_TO_PHP.fullmatch(name)], root)
    # Installed, each module's file is linked to with its priority before its name: that is the order to load them in.
    (target / "modules").mkdir()
    for module in root.glob(f"usr/share/php{MINIMUM_PHP}-*/*/*.ini"):
        priority = re.search(r"^; priority=(\d+)", module.read_text(), re.MULTILINE)
        shutil.copyfile(module, target / "modules" / f"{priority[1] if priority else 20}-{module.name}")
    [extensions] = root.glob("usr/lib/php/2*")
    libraries = [*root.glob("lib/*-linux-gnu*"), *root.glob("usr/lib/*-linux-gnu*")]
    program = target / "php"
    program.write_text(
        f"""#!/bin/sh
here=${{0%/*}}
export PHP_INI_SCAN_DIR="$here/modules"
export LD_LIBRARY_PATH="{":".join(f"$here/{path.relative_to(target)}" for path in libraries)}"
exec "$here/root/usr/bin/php{MINIMUM_PHP}" -d extension_dir="$here/{extensions.relative_to(target)}" "$@"
"""
    )
    program.chmod(0o755)
    run([str(program), "--version"], f"PHP {MINIMUM_PHP} does not run on this machine.")


def _fetch_playground(target: Path) -> None:
    """Put together what Playground keeps apart: PHP files, static files, and the SQLite integration."""
    with tempfile.TemporaryDirectory(prefix="zoombridge-playground-") as work:
        run(
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
        run(
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


def theme(folder: Path) -> str:
    """The theme that came with the WordPress in this folder; the newest, where there are several."""
    themes = [style.parent.name for style in folder.glob("wp-content/themes/*/style.css")]
    # The names are numbers spelled out, so the order of the alphabet says nothing.
    order = (
        "twentytwentyfive",
        "twentytwentyfour",
        "twentytwentythree",
        "twentytwentytwo",
        "twentytwentyone",
    )
    for name in (*order, *themes):
        if name in themes:
            return name
    raise FetchError(f"There is no theme in {folder}, so it could show nothing.")
