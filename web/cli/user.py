"""`zoombridge user`: users who sign in at the bridge's own address."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from core.store.auth.users import Role
from web.cli.confirmation import confirm, yes_option
from web.cli.instance import DEFAULT_URL, instance_options, public_url_option
from web.cli.json_output import json_option, print_json
from web.cli.output import counted, echo
from web.cli.times import to_minutes
from web.rpc import api

if TYPE_CHECKING:
    from web.cli.instance import Instance


@click.group()
def user() -> None:
    """Manage users of the bridge's own pages.

    Administrators can change everything, viewers can only view. An administrator of a connected WordPress site needs
    no user here: wp-admin shows the same pages, for that site.
    """


@user.command("add")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    default=Role.ADMINISTRATOR.value,
    help="Role of the user.",
)
@instance_options
def add(name: str, role: str, instance: Instance) -> None:
    """Add the user NAME.

    The password is prompted for, or read from standard input: zoombridge user add anna < password.txt
    """
    request = api.AddUser(name=name, role=Role(role), password=_password())
    added = instance.call(api.USER_ADD, request)
    echo(f"Added {added.name} as {role}.")


@user.command("list")
@json_option
@instance_options
def list_(as_json: bool, instance: Instance) -> None:
    """List the users, and when they were last seen."""
    users = instance.call(api.USER_LIST, api.NoArguments())
    if as_json:
        print_json(*users)
        return
    if not users:
        echo("There are no users yet. Add an administrator: zoombridge user add NAME")
    for one in users:
        seen = f"last seen {to_minutes(one.last_seen_at)}" if one.last_seen_at else "never seen"
        more = ["no password yet"] if not one.has_password else []
        more += ["two-factor"] if one.has_two_factor else []
        more += ["e-mail address"] if one.has_email_address else []
        echo(f"{one.name}  {one.role}  {', '.join([seen, *more])}")


@user.command("remove")
@click.argument("name")
@yes_option
@instance_options
def remove(name: str, yes: bool, instance: Instance) -> None:
    """Remove the user NAME, and sign them out everywhere."""
    confirm(f"Remove {name}?", yes=yes)
    instance.call(api.USER_REMOVE, api.UserRequest(name=name))
    echo(f"Removed {name}.")


@user.command("password")
@click.argument("name")
@instance_options
def password(name: str, instance: Instance) -> None:
    """Set the password of NAME, and sign them out everywhere.

    The password is prompted for, or read from standard input: zoombridge user password anna < password.txt
    """
    instance.call(api.USER_SESSIONS, api.UserRequest(name=name))  # there is such a user
    instance.call(api.USER_PASSWORD, api.SetPassword(name=name, password=_password()))
    echo(f"Changed the password of {name}.")


@user.command("email")
@click.argument("name")
@click.argument("address", required=False)
@click.option("--remove", is_flag=True, help="Remove the address.")
@instance_options
def email(name: str, address: str | None, remove: bool, instance: Instance) -> None:
    """Set the e-mail address of NAME.

    A user who has forgotten the password can have a link sent there, where a mail server is set up: see zoombridge
    alerts add.
    """
    if bool(address) == remove:
        raise click.UsageError("Give either an ADDRESS or --remove.")
    request = api.SetEmailAddress(name=name, email_address=address or "")
    instance.call(api.USER_EMAIL_ADDRESS, request)
    echo(f"{'Removed' if remove else 'Saved'} the e-mail address of {name}.")


@user.command("link")
@click.argument("name", required=False)
@click.option(
    "--keep-password",
    is_flag=True,
    help="Create a link that signs in and leaves the password unchanged. It is valid for an hour.",
)
@public_url_option
@instance_options
def link(name: str | None, keep_password: bool, public_url: str | None, instance: Instance) -> None:
    """Create a one-time link with which NAME sets a password.

    It is valid for three days. Without NAME, create the link for the first administrator, while there are no users.
    """
    made = instance.call(api.USER_LINK, api.MakeLink(name=name, keep_password=keep_password))
    address = public_url or made.public_url or instance.server_url() or DEFAULT_URL
    echo(f"This link works once: {address}{made.path}")


@user.command("sessions")
@click.argument("name")
@json_option
@instance_options
def sessions(name: str, as_json: bool, instance: Instance) -> None:
    """List where NAME is signed in.

    The browser that was used last comes first.
    """
    found = instance.call(api.USER_SESSIONS, api.UserRequest(name=name))
    if as_json:
        print_json(*found)
        return
    if not found:
        echo(f"{name} is not signed in anywhere.")
    for one in found:
        used = f"signed in {to_minutes(one.created_at)}, last used {to_minutes(one.used_at)}"
        echo(f"{one.id}  {used}  {one.address or '-'}  {one.browser or 'unknown browser'}")


@user.command("sign-out")
@click.argument("name")
@click.option("--session", metavar="ID", help="End only this session: see zoombridge user sessions.")
@instance_options
def sign_out(name: str, session: str | None, instance: Instance) -> None:
    """Sign NAME out everywhere, or end one session."""
    ended = instance.call(api.USER_SIGN_OUT, api.EndSessions(name=name, session=session))
    if session is not None and not ended.number:
        raise click.ClickException(
            f"{name} has no session {session}. List them: zoombridge user sessions {name}"
        )
    echo(f"Ended {counted(ended.number, 'session')} of {name}.")


@user.command("remove-two-factor")
@click.argument("name")
@yes_option
@instance_options
def remove_two_factor(name: str, yes: bool, instance: Instance) -> None:
    """Remove the two-factor authentication of NAME.

    For somebody who has lost the app and the recovery codes. Their password alone then signs them in, and they can
    set it up again.
    """
    confirm(f"Remove the two-factor authentication of {name}?", yes=yes)
    instance.call(api.USER_REMOVE_TWO_FACTOR, api.UserRequest(name=name))
    echo(f"Removed the two-factor authentication of {name}.")


def _password() -> str:
    """Prompt for a password, or read it from a pipe. It is no option: `ps` shows those to every local user."""
    if sys.stdin.isatty():
        given: str = click.prompt("Password", hide_input=True, confirmation_prompt="Confirm password")
        return given
    line = sys.stdin.readline()
    if not line:
        raise click.UsageError("Type the password, or pipe it in: zoombridge user … < password.txt")
    return line.rstrip("\r\n")
