"""A WordPress by hand.

python -m tests.wordpress fetch [KIND…]            download what is missing
python -m tests.wordpress start KIND [PLUGIN…]     start one, until Ctrl-C
"""

import sys
from pathlib import Path

from tests.wordpress import KINDS, WordPress, packages
from tests.wordpress.debian import FetchError


def fetch(kinds: list[str]) -> None:
    for kind in KINDS:
        if kind in kinds or not kinds:
            try:
                packages.core(kind)
                packages.php(kind)
                if kind == "playground-sqlite":
                    packages.classic_theme()  # which it does not come with
            except FetchError as error:
                sys.exit(f"{kind}: {error}")


def start(kind: str, *plugins: str) -> None:
    [known] = [each for each in KINDS if each == kind]
    with WordPress.start(known, plugins=[Path(plugin) for plugin in plugins]) as site:
        print(f"{site.url}/wp-admin/  user {site.user}  password {site.password}")
        print(f"application password {site.application_password}  log {site.log_path}", flush=True)
        sys.stdin.read()


match sys.argv[1:]:
    case ["fetch", *kinds]:
        fetch(kinds)
    case ["start", kind, *plugins] if kind in KINDS:
        start(kind, *plugins)
    case _:
        sys.exit(f"{__doc__}\nKIND is one of: {', '.join(KINDS)}")
