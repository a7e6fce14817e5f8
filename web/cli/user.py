"""`zoombridge user`: who may sign in at the bridge's own address."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from core.auth.service import AuthService
from core.errors import StoreUnavailableError
from core.store.auth.users import Role
from web.cli.context import Place, place_options, public_url_option

if TYPE_CHECKING:
    from pathlib import Path

    from core.store.db.engine import Store

_BRIDGE = "http://127.0.0.1:8765"


def way_in(store: Store, url: str) -> str:
    """Return what `serve` says about its pages: while nobody can sign in, with a link for the first who does."""
    admission = AuthService(store)
    try:
        if admission.is_anybody():
            return f"Settings pages: {url}/"
        return f"Choose who may sign in (this link works once): {url}/first?ticket={admission.invitation()}"
    except StoreUnavailableError as error:
        return f"Settings pages: {url}/ (not at the moment: {error})"


@click.group()
def user() -> None:
    """Say who may sign in to the bridge's own pages.

    Administrators may change everything, lookers may look. Whoever is an administrator of a connected
    WordPress site needs no user here: its wp-admin shows the same pages, of that site.
    """


@user.command("add")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    default=Role.ADMINISTRATOR.value,
    help="What they may do.",
)
@place_options
def add(name: str, role: str, data: Path, database_url: str | None) -> None:
    """Let NAME sign in.

    The password is asked for, or read from standard input: zoombridge user add anna < password.txt
    """
    place = Place(data, database_url)
    added = place.ask("user-add", name=name, role=role, password=_password())
    click.echo(f"{added['name']} can sign in now, as {role}.")


@user.command("list")
@place_options
def list_(data: Path, database_url: str | None) -> None:
    """List the users, and when they were here last."""
    users = Place(data, database_url).ask("user-list")
    if not users:
        click.echo("Nobody can sign in yet. Make an administrator: zoombridge user add NAME")
    for one in users:
        seen = f"last seen {_time(one['last_seen_at'])}" if one["last_seen_at"] else "never seen yet"
        missing = "" if one["has_password"] else ", has to choose a password yet"
        click.echo(f"{one['name']}  {one['role']}  {seen}{missing}")


@user.command("remove")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@place_options
def remove(name: str, yes: bool, data: Path, database_url: str | None) -> None:
    """Let NAME sign in no more; where they are signed in, they are signed out."""
    if not yes:
        click.confirm(f"Remove {name}?", abort=True)
    Place(data, database_url).ask("user-remove", name=name)
    click.echo(f"Removed {name}.")


@user.command("password")
@click.argument("name")
@place_options
def password(name: str, data: Path, database_url: str | None) -> None:
    """Give NAME another password; where they are signed in, they are signed out.

    It is asked for, or read from standard input: zoombridge user password anna < password.txt
    """
    Place(data, database_url).ask("user-password", name=name, password=_password())
    click.echo(f"{name} has another password now.")


@user.command("link")
@click.argument("name", required=False)
@click.option(
    "--keep-password",
    is_flag=True,
    help="The link signs in at once, and leaves the password as it is. Good for an hour.",
)
@public_url_option
@place_options
def link(
    name: str | None, keep_password: bool, public_url: str | None, data: Path, database_url: str | None
) -> None:
    """Make a link that works once, with which NAME chooses a new password. Good for three days.

    Without NAME: the link for the first administrator, while there is none.
    """
    place = Place(data, database_url)
    made = place.ask("user-link", name=name, keep_password=keep_password)
    click.echo(f"This link works once: {public_url or place.served_at() or _BRIDGE}{made['path']}")


def _password() -> str:
    """Ask for a password, or read it from what is piped in. It is no option: `ps` shows those to everybody."""
    if sys.stdin.isatty():
        given: str = click.prompt("Password", hide_input=True, confirmation_prompt="The same again")
        return given
    line = sys.stdin.readline()
    if not line:
        raise click.UsageError("Type the password, or pipe it in: zoombridge user … < password.txt")
    return line.rstrip("\r\n")


def _time(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
