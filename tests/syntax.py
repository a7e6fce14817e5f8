"""Parse all code with every Python and PHP that is promised and can be found here: `python -m tests.syntax`.

PHP 7.4 is the one that the oldest WordPress of the tests runs on; it is fetched where it is missing.
"""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.wordpress.packages import php

ROOT = Path(__file__).parents[1]
PACKAGES = ("core", "web", "tests", "bench")
_PARSE = """
import ast, pathlib, sys, warnings
warnings.simplefilter("error")
files = [file for folder in sys.argv[1:] for file in pathlib.Path(folder).rglob("*.py")]
for file in files:
    ast.parse(file.read_bytes(), str(file))
    compile(file.read_bytes(), str(file), "exec")
print(len(files))
"""


def promised_pythons() -> list[str]:
    """Return the versions of Python that setup.cfg names."""
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    return re.findall(r"Python :: (3\.\d+)$", settings["metadata"]["classifiers"], re.MULTILINE)


def pythons() -> dict[str, str]:
    """Return the interpreters that are here, by version."""
    here = ".".join(map(str, sys.version_info[:2]))
    found = {version: shutil.which(f"python{version}") for version in promised_pythons()} | {
        here: sys.executable
    }
    return {version: path for version, path in found.items() if path}


def phps() -> dict[str, str]:
    """Return the interpreters of PHP that are here, and the oldest that the plugin promises."""
    found = {"7.4": php("minimum-mariadb"), "the machine's": "php"}
    found |= {name: path for name in ("php8.3", "php8.4", "php8.5") if (path := shutil.which(name))}
    return found


def main() -> int:
    """Parse everything; return 1 where something cannot be parsed."""
    bad = 0
    for version, python in pythons().items():
        done = subprocess.run(
            [python, "-c", _PARSE, *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=False
        )
        bad += done.returncode != 0
        print(f"Python {version}: {done.stdout.strip() or done.stderr.strip()} files")
    files = sorted((ROOT / "plugin_stub").glob("*.php"))
    for name, program in phps().items():
        for file in files:
            command = [program, "-d", "display_errors=stderr", "-d", "error_reporting=-1", "-l", str(file)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode or done.stderr:
                bad += 1
                print(f"PHP {name}: {done.stdout}{done.stderr}")
        print(f"PHP {name}: {len(files)} files")
    missing = [version for version in promised_pythons() if version not in pythons()]
    print(f"{bad} cannot be parsed; not here: Python {', '.join(missing) or 'none'}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
