"""`zoombridge backup`, `restore` and `move`: the database as a whole."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
from pydantic import BaseModel
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from core.errors import BackupError
from core.maintenance.backup import check_backup, write_backup
from core.maintenance.key_sealing import open_key
from core.maintenance.move import move as move_data
from core.maintenance.restore import read_manifest
from core.maintenance.restore import restore as restore_backup
from core.maintenance.target import own_address
from core.store.audit import acting
from core.store.db import private_files
from core.store.db.encryption import Sealer
from core.store.db.engine import Store, address
from web.cli.instance import instance_options
from web.cli.json_output import json_option, print_json
from web.cli.output import counted, echo
from web.cli.secret_input import BACKUP_PASSPHRASE, read_new_passphrase, read_secret
from web.cli.times import to_minutes
from web.http.logs import log_to_stderr
from web.rpc.caller import command_actor, system_user

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.maintenance.backup import Manifest, Report
    from web.cli.instance import Instance

_FILE = click.Path(dir_okay=False, path_type=Path)


class BackupLine(BaseModel):
    """A backup as --json prints it. `key` is `apart` or `included`; `key_fits` is None where no key was at hand."""

    file: str
    size: int
    made_at: int
    version: str
    revision: str
    database: str
    rows: dict[str, int]
    key: str
    key_fits: bool | None


class FilledLine(BaseModel):
    """A database that was restored or moved, as --json prints it."""

    database: str
    revision: str
    rows: dict[str, int]


@click.command()
@click.argument("file", type=_FILE)
@click.option("--check", is_flag=True, help="Check the backup FILE instead of writing it.")
@click.option("--include-key", is_flag=True, help="Include the key, encrypted with a passphrase.")
@json_option
@instance_options
@click.pass_context
def backup(
    context: click.Context, file: Path, check: bool, include_key: bool, as_json: bool, instance: Instance
) -> None:
    """Back up the database to FILE, while the server runs or not.

    FILE holds all data of the bridge, and is readable by you only. It appears only once it is complete, and
    replaces an older backup. The key that encrypts secrets and events is not in it: keep a copy of it elsewhere, or
    use --include-key, which prompts for a passphrase (ZOOMBRIDGE_BACKUP_PASSPHRASE, or a line of standard input).
    """
    log_to_stderr("warning")
    if check:
        if include_key:
            raise click.UsageError("--check writes nothing, so it takes no --include-key.")
        context.exit(0 if _check(file, instance, as_json=as_json) else 1)
    keys = _keys(instance)
    if keys is None:
        raise BackupError(
            f"There is no key: neither ZOOMBRIDGE_KEY nor {instance.key_file}. Nothing was written."
        )
    passphrase = read_new_passphrase() if include_key else None
    with _progress() as report:
        manifest = write_backup(
            address(instance.url), keys, file, now=time.time(), passphrase=passphrase, report=report
        )
    line = _line(file, manifest, key_fits=True)
    if as_json:
        print_json(line)
        return
    echo(f"Wrote {file}: {_described(line, manifest)}.")
    if include_key:
        echo("The key is in it, encrypted with the passphrase. Without that, nobody can read either.")
    else:
        echo(
            f"The key is not in it. It is {_where_key_is(instance)}: keep a copy of it elsewhere. Without the key, the "
            "backup cannot be restored."
        )


@click.command()
@click.argument("file", type=_FILE)
@click.option(
    "--key-file", type=_FILE, help="File with the key of the bridge that was backed up.", show_default="none"
)
@json_option
@instance_options
def restore(file: Path, key_file: Path | None, as_json: bool, instance: Instance) -> None:
    """Restore the backup FILE into an empty data folder or database.

    The key is that of --key-file, otherwise ZOOMBRIDGE_KEY, the file zoombridge.key in the data folder, or the one
    in the backup, whose passphrase is prompted for (ZOOMBRIDGE_BACKUP_PASSPHRASE, or a line of standard input).
    FILE is checked before, and the database after; if anything is wrong, nothing is changed.
    """
    log_to_stderr("warning")
    private_files.make_folder(instance.data)
    keys, is_new = _keys_for(file, key_file, instance)
    with acting(command_actor(system_user())), contextlib.ExitStack() as undo:
        if is_new:
            private_files.write_file(instance.key_file, keys.strip().encode() + b"\n")
            undo.callback(instance.key_file.unlink, missing_ok=True)
        with _progress() as report:
            restored = restore_backup(
                file, address(instance.url), Sealer(keys), now=time.time(), report=report
            )
        undo.pop_all()
    manifest = restored.manifest
    if as_json:
        rows = {name: one.rows for name, one in manifest.tables.items()}
        print_json(FilledLine(database=_named(instance.url), revision=restored.revision, rows=rows))
        return
    echo(
        f"Restored {manifest.rows:,} rows of {to_minutes(manifest.made_at)} into {_named(instance.url)}, "
        f"at revision {restored.revision}."
    )
    echo(
        "Everybody has to sign in again, and pairing codes have to be issued anew. Make sure that the old bridge does not "
        "run any more, then start this one: zoombridge serve"
    )
    echo(
        "Events since then are not in the backup. If Zoom accounts are connected, compare them with the sites: "
        "zoombridge reconcile"
    )


@click.command("move")
@click.option(
    "--to-database", required=True, help="Empty database to move to: postgresql://user@host/zoombridge."
)
@json_option
@instance_options
def move(to_database: str, as_json: bool, instance: Instance) -> None:
    """Move all data from SQLite to PostgreSQL, or back.

    Stop the server first: Zoom repeats events for 85 minutes. The new database stays empty until everything is
    copied and compared; if the command is interrupted, run it again. Afterwards the old database is not used any
    more. Set the new one as ZOOMBRIDGE_DATABASE_URL. If the new address holds a password, give it here as
    ZOOMBRIDGE_TO_DATABASE rather than as an option.
    """
    log_to_stderr("warning")
    target = address(to_database)
    keys = _keys(instance)
    source = address(instance.url)
    if keys is None or (source.get_backend_name() == "sqlite" and not Path(source.database or "").is_file()):
        raise BackupError(f"There are no data to move: {_named(instance.url)}. Nothing was changed.")
    store = Store(own_address(source).render_as_string(hide_password=False), keys=keys)
    try:
        with acting(command_actor(system_user())), _progress() as report:
            moved = move_data(store, target, name=_named(to_database), report=report)
    finally:
        store.close()
    if as_json:
        rows = {name: one.rows for name, one in moved.tables.items()}
        print_json(FilledLine(database=_named(to_database), revision=moved.revision, rows=rows))
        return
    how = "had been moved before" if moved.was_complete else "moved"
    echo(f"{moved.rows:,} rows {how} to {_named(to_database)}, and compared.")
    echo(
        f"The key stays where it is: {_where_key_is(instance)}. Set ZOOMBRIDGE_DATABASE_URL to the new database, then "
        "start the bridge: zoombridge serve"
    )
    echo(f"{_named(instance.url)} is not used any more. Delete it once the bridge runs.")


def _check(file: Path, instance: Instance, *, as_json: bool) -> bool:
    """Check a backup, print what it holds, and return whether all is well."""
    with _progress() as report:
        found = check_backup(file, report)
    manifest = found.manifest
    passphrase = os.environ.get(BACKUP_PASSPHRASE, "")
    if manifest.key is not None and passphrase:
        keys: str | None = open_key(manifest.key, passphrase)
        what = "The key in it"
    else:
        keys = _keys(instance)
        what = f"The key {_where_key_is(instance)}"
    fits = found.fits(Sealer(keys)) if keys else None
    line = _line(file, manifest, key_fits=fits)
    if as_json:
        print_json(line)
        return fits is not False
    echo(f"{file} is whole: {_described(line, manifest)}.")
    if fits is None:
        echo("No key is here to compare it with. Without the key of the bridge it cannot be restored.")
    elif fits:
        echo(f"{what} fits.")
    else:
        echo(f"{what} does not fit: the backup is of another bridge, or was changed.")
    return fits is not False


def _line(file: Path, manifest: Manifest, *, key_fits: bool | None) -> BackupLine:
    return BackupLine(
        file=str(file),
        size=file.stat().st_size,
        made_at=manifest.made_at,
        version=manifest.version,
        revision=manifest.revision,
        database=manifest.database,
        rows={name: one.rows for name, one in manifest.tables.items()},
        key="apart" if manifest.key is None else "included",
        key_fits=key_fits,
    )


def _described(line: BackupLine, manifest: Manifest) -> str:
    events, sites = line.rows.get("events", 0), line.rows.get("sites", 0)
    return (
        f"{line.size / 1e6:,.1f} MB with {counted(manifest.rows, 'row')} "
        f"({counted(sites, 'site')}, {counted(events, 'event')}) of "
        f"{to_minutes(line.made_at)}, version {line.version}, revision {line.revision}"
    )


def _keys(instance: Instance) -> str | None:
    """Return the keys of an instance; None where it has none yet."""
    if given := os.environ.get("ZOOMBRIDGE_KEY"):
        return given
    return instance.key_file.read_text() if instance.key_file.exists() else None


def _keys_for(file: Path, key_file: Path | None, instance: Instance) -> tuple[str, bool]:
    """Return the keys to restore with, and whether they have to be stored in the data folder."""
    there = _keys(instance)
    if key_file is not None:
        given = key_file.read_text()
        if there is not None and there.split() != given.split():
            raise BackupError(
                f"There is another key already: {_where_key_is(instance)}. Nothing was changed. Move it away first, or "
                "restore into another data folder."
            )
        return given, there is None
    if there is not None:
        return there, False
    sealed = read_manifest(file).key
    if sealed is None:
        raise click.UsageError(
            "The key is not in this backup. Give the one of the bridge that was backed up: --key-file zoombridge.key, or "
            "ZOOMBRIDGE_KEY."
        )
    return open_key(sealed, read_secret(BACKUP_PASSPHRASE, "Passphrase", "passphrase")), True


def _where_key_is(instance: Instance) -> str:
    return "in ZOOMBRIDGE_KEY" if os.environ.get("ZOOMBRIDGE_KEY") else f"the file {instance.key_file}"


def _named(url: str) -> str:
    """Return a database as people name it, without a password."""
    parsed = address(url)
    return (
        str(parsed.database)
        if parsed.get_backend_name() == "sqlite"
        else parsed.set(drivername="postgresql", query={}).render_as_string(hide_password=True)
    )


@contextlib.contextmanager
def _progress() -> Iterator[Report]:
    """Return a context manager that shows in a terminal how far the work is."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        tasks = {}

        def report(phase: str, done: int, total: int) -> None:
            if phase not in tasks:
                tasks[phase] = bar.add_task(phase, total=total)
            bar.update(tasks[phase], completed=done, total=total)

        yield report
