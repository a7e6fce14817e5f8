"""A WordPress on the disk: its files, its wp-config.php, and what the installer makes in its database."""

import json
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.wordpress import packages, php

INSTALL = Path(__file__).with_name("install.php")
MUST_USE = Path(__file__).with_name("must_use.php")

SALTS = [
    f"{name}_{kind}" for kind in ("KEY", "SALT") for name in ("AUTH", "SECURE_AUTH", "LOGGED_IN", "NONCE")
]


class Database(Protocol):
    """What WordPress keeps its content in."""

    def constants(self) -> dict[str, str | bool | int]:
        """What wp-config.php says about it."""

    def snapshot(self) -> None:
        """Keep a copy of what is in it."""

    def reset(self) -> None:
        """Put the copy back."""

    def log_tail(self) -> str:
        """Return the last lines of its log; empty where it has none."""

    def stop(self) -> None:
        """End it, and take its files away."""


@dataclass(frozen=True)
class Installed:
    """What the installer made."""

    version: str
    application_password: str


def place(kind: packages.Kind, directory: Path, database: Database, log: Path, cache: Path | None) -> None:
    """Put WordPress's files into `directory`, with a configuration that keeps it to itself."""
    shutil.copytree(packages.core(kind, cache), directory, copy_function=_link)
    content = directory / "wp-content"
    for folder in ("mu-plugins", "plugins", "uploads", "upgrade"):
        (content / folder).mkdir(exist_ok=True)
    shutil.copyfile(MUST_USE, content / "mu-plugins" / MUST_USE.name)
    if kind == "playground-sqlite":
        # WordPress loads only files of this folder, not folders in it; the integration stands in one.
        integration = content / "mu-plugins/sqlite-database-integration"
        drop_in = (integration / "db.copy").read_text(encoding="utf-8")
        drop_in = drop_in.replace("{SQLITE_IMPLEMENTATION_FOLDER_PATH}", str(integration))
        (content / "db.php").write_text(drop_in, encoding="utf-8")
        (content / "mu-plugins/sqlite.php").write_text(
            "<?php\nrequire __DIR__ . '/sqlite-database-integration/load.php';\n", encoding="utf-8"
        )
    constants: dict[str, str | bool | int] = {
        **database.constants(),
        **{salt: secrets.token_hex(32) for salt in SALTS},
        "WP_DEFAULT_THEME": packages.theme(directory),
        "WP_DEBUG": True,
        "WP_DEBUG_LOG": str(log),
        "WP_DEBUG_DISPLAY": False,
        # Where it says "production", application passwords ask for https.
        "WP_ENVIRONMENT_TYPE": "local",
        "DISABLE_WP_CRON": True,
        "AUTOMATIC_UPDATER_DISABLED": True,
        "WP_HTTP_BLOCK_EXTERNAL": True,
        "WP_ACCESSIBLE_HOSTS": "127.0.0.1,localhost",
        "FS_METHOD": "direct",
    }
    if kind == "minimum-mariadb":
        # Debian's own configuration has it, and its WordPress of that time asks for it.
        constants["WP_CORE_UPDATE"] = False
    configuration = directory / "wp-config.php"
    configuration.unlink(missing_ok=True)
    configuration.write_text(_configuration(constants), encoding="utf-8")


def install(
    directory: Path, *, program: str, url: str, user: str, password: str, permalinks: str, log: Path
) -> Installed:
    """Run WordPress's installer on the files that were placed."""
    with php.Code(
        "return require $install;",
        directory=directory,
        url=url,
        log=log,
        constants={"WP_INSTALLING": True, "WP_SITEURL": url},
        arguments={
            "install": str(INSTALL),
            "url": url,
            "user": user,
            "password": password,
            "permalinks": permalinks,
        },
    ) as code:
        return Installed(**php.run(code, program, log))


def _link(source: str, target: str) -> None:
    """Give a file of WordPress, which nothing changes, a second name: copying them all takes seconds."""
    try:
        os.link(source, target)
    except OSError:  # the cache is on another disk
        shutil.copy2(source, target)


def _configuration(constants: Mapping[str, str | bool | int]) -> str:
    defines = (f"define( '{name}', {_literal(value)} );\n" for name, value in constants.items())
    return (
        "<?php\n"
        f"{''.join(defines)}"
        "$table_prefix = 'wp_';\n"
        "defined( 'ABSPATH' ) || define( 'ABSPATH', __DIR__ . '/' );\n"
        "require_once ABSPATH . 'wp-settings.php';\n"
    )


def _literal(value: str | bool | int) -> str:
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{escaped}'"
    return json.dumps(value)
