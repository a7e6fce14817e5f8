"""`zoombridge alerts`: where alerts are sent, and what is done about open ones."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import click

from core.monitoring.notify.settings import Security
from core.monitoring.notify.texts import clean
from core.store.alerts.channels import ChannelKind
from core.store.alerts.open_alerts import Handling
from web.cli.confirmation import confirm, yes_option
from web.cli.instance import instance_options
from web.cli.json_output import json_option, print_json
from web.cli.output import echo
from web.cli.secret_input import ALERT_SECRET, read_secret
from web.cli.times import to_minutes
from web.rpc import api
from web.ui import i18n

if TYPE_CHECKING:
    from web.cli.instance import Instance
    from web.rpc.api import AlertStatus

_HOURS = {"h": 1, "d": 24, "w": 7 * 24}


@click.group()
def alerts() -> None:
    """Manage where alerts are sent, and open alerts."""


@alerts.command("list")
@json_option
@instance_options
def list_(as_json: bool, instance: Instance) -> None:
    """List the channels that send alerts.

    Shows the result of the last message of each channel.
    """
    found = instance.call(api.ALERT_CHANNELS, api.NoArguments())
    if as_json:
        print_json(*found)
        return
    if not found:
        echo("No channel. Add one: zoombridge alerts add")
    for one in found:
        paused = "  paused" if one.is_paused else ""
        echo(f"{one.name}  {one.kind.value}  {one.target}  {one.site_url or 'all sites'}{paused}")
        if one.at is not None:
            echo(f"  last message {to_minutes(one.at)}: {one.state}. {one.outcome}".rstrip())


@alerts.command("add")
@click.argument("kind", type=click.Choice([kind.value for kind in ChannelKind]))
@click.option("--name", required=True, help="A name for this channel.")
@click.option(
    "--site", default="", show_default="all sites", help="Only alerts of this site (address or ID)."
)
@click.option(
    "--language",
    type=click.Choice(i18n.languages()),
    default=i18n.SOURCE,
    help="Language of the messages.",
)
@click.option("--digest", is_flag=True, help="Also send a weekly summary.")
@click.option("--url", default="", show_default="none", help="For webhook: the address to send to.")
@click.option("--smtp-host", default="", show_default="none", help="For email: the mail server.")
@click.option(
    "--smtp-port", default="", show_default="depends on --smtp-security", help="For email: its port."
)
@click.option(
    "--smtp-security",
    type=click.Choice([one.value for one in Security]),
    default=Security.STARTTLS.value,
    help="For email: how the connection is encrypted.",
)
@click.option(
    "--smtp-user",
    default="",
    show_default="none",
    help="For email: the user name, if the mail server asks for one.",
)
@click.option("--sender", default="", show_default="none", help="For email: the sender's address.")
@click.option("--to", "recipients", multiple=True, help="For email: a recipient; repeatable.")
@instance_options
def add(
    kind: str,
    name: str,
    site: str,
    language: str,
    digest: bool,
    url: str,
    smtp_host: str,
    smtp_port: str,
    smtp_security: str,
    smtp_user: str,
    sender: str,
    recipients: tuple[str, ...],
    instance: Instance,
) -> None:
    """Add a channel of KIND.

    Secrets cannot be given as options: the password of the mail server (with --smtp-user), and the address of
    Slack's hook, are read from ZOOMBRIDGE_ALERT_SECRET, a prompt, or standard input. The secret that signs a
    webhook is printed once.
    """
    password = ""
    if kind == ChannelKind.EMAIL and smtp_user:
        password = read_secret(ALERT_SECRET, "Password of the mail server", "password")
    if kind == ChannelKind.SLACK:
        url = read_secret(ALERT_SECRET, "Address of the hook", "address")
    added = instance.call(
        api.ALERT_ADD,
        api.AddAlertChannel(
            name=name,
            kind=ChannelKind(kind),
            site=site,
            language=language,
            digest=digest,
            host=smtp_host,
            port=smtp_port,
            security=smtp_security,
            username=smtp_user,
            password=password,
            sender=sender,
            recipients=" ".join(recipients),
            url=url,
        ),
    )
    echo(f"Channel {added.name} added. Send a test: zoombridge alerts test {shlex.quote(added.name)}")
    if added.secret:
        echo(f"Secret that signs its messages, shown only now: {added.secret}")


@alerts.command("test")
@click.argument("name")
@instance_options
@click.pass_context
def test(context: click.Context, name: str, instance: Instance) -> None:
    """Send a test message by the channel NAME.

    Exits with status 1 if it is not accepted.
    """
    tested = instance.call(api.ALERT_TEST, api.AlertChannelRequest(name=name))
    echo(f"{tested.name}: {'delivered' if tested.delivered else 'FAILED'}. {tested.outcome}")
    context.exit(0 if tested.delivered else 1)


@alerts.command("pause")
@click.argument("name")
@instance_options
def pause(name: str, instance: Instance) -> None:
    """Stop sending by the channel NAME, until it is resumed.

    What waits to be sent is dropped.
    """
    paused = instance.call(api.ALERT_PAUSE, api.PauseAlertChannel(name=name, paused=True))
    echo(f"Channel {paused.name} paused")


@alerts.command("resume")
@click.argument("name")
@instance_options
def resume(name: str, instance: Instance) -> None:
    """Send by the channel NAME again."""
    resumed = instance.call(api.ALERT_PAUSE, api.PauseAlertChannel(name=name, paused=False))
    echo(f"Channel {resumed.name} resumed")


@alerts.command("remove")
@click.argument("name")
@yes_option
@instance_options
def remove(name: str, yes: bool, instance: Instance) -> None:
    """Remove the channel NAME, with its deliveries."""
    confirm(f"Remove the channel {name}? Messages that wait are dropped.", yes=yes)
    removed = instance.call(api.ALERT_REMOVE, api.AlertChannelRequest(name=name))
    echo(f"Channel {removed.name} removed")


@alerts.command("open")
@json_option
@instance_options
def open_(as_json: bool, instance: Instance) -> None:
    """List the open alerts, critical ones first.

    Alerts that say the same about several sites are listed as one.
    """
    found = instance.call(api.ALERT_OPEN, api.NoArguments())
    if as_json:
        print_json(*found)
        return
    if not found:
        echo("There are no open alerts.")
    groups: dict[tuple[str, ...], list[AlertStatus]] = {}
    for one in found:  # those that say the same of several sites are one entry
        key = (one.severity, one.message, one.handling, one.reason, "" if one.site else one.id)
        groups.setdefault(key, []).append(one)
    for some in groups.values():
        _print(*some)


@alerts.command("acknowledge")
@click.argument("alert")
@click.option("--reason", required=True, help="Why: shown with the alert, and kept in the audit log.")
@instance_options
def acknowledge(alert: str, reason: str, instance: Instance) -> None:
    """Acknowledge ALERT (its ID) until it ends.

    It no longer counts as urgent, and nothing is sent about it until it ends and returns.
    """
    _print(
        instance.call(
            api.ALERT_HANDLE, api.HandleAlert(id=alert, handling=Handling.ACKNOWLEDGED, reason=reason)
        )
    )


@alerts.command("snooze")
@click.argument("alert")
@click.option("--for", "period", required=True, help="How long: 8h, 2d, 1w; 90 days at most.")
@click.option("--reason", required=True, help="Why: shown with the alert, and kept in the audit log.")
@instance_options
def snooze(alert: str, period: str, reason: str, instance: Instance) -> None:
    """Snooze ALERT (its ID) for some time.

    Like `acknowledge`, but an alert that lasts longer counts again, and is sent again.
    """
    match = re.fullmatch(r"([0-9]{1,4})([hdw])", period)
    if match is None:
        raise click.BadParameter("Write 8h, 2d or 1w.", param_hint="--for")
    hours = int(match[1]) * _HOURS[match[2]]
    request = api.HandleAlert(id=alert, handling=Handling.SNOOZED, reason=reason, hours=hours)
    _print(instance.call(api.ALERT_HANDLE, request))


@alerts.command("reopen")
@click.argument("alert")
@instance_options
def reopen(alert: str, instance: Instance) -> None:
    """Reopen ALERT (its ID), as if not handled."""
    _print(instance.call(api.ALERT_HANDLE, api.HandleAlert(id=alert, handling=Handling.NONE)))


def _print(one: AlertStatus, *others: AlertStatus) -> None:
    """Print an alert, or alerts of several sites that say the same: their IDs and sites stand below."""
    if others:
        echo(f"{one.severity.value}  {1 + len(others)} sites")
    else:
        since = "" if one.since is None else f"  since {to_minutes(one.since)}"
        echo(clean(f"{one.id}  {one.severity.value}  {one.site or 'the bridge'}{since}"))
    echo(clean(f"  {one.message}"))
    if one.handling:
        until = "" if one.until is None else f" until {to_minutes(one.until)}"
        echo(clean(f"  {one.handling}{until}: {one.reason}"))
    for each in (one, *others) if others else ():
        since = "" if each.since is None else f"  since {to_minutes(each.since)}"
        echo(clean(f"    {each.id}  {each.site}{since}"))
