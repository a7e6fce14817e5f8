"""`zoombridge site add`, `confirm` and `allow`: connect WordPress sites by pairing codes."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from core.errors import ZoomBridgeError
from core.monitoring.notify.texts import clean
from core.sites.pairing import PairingState
from core.store.db import private_files
from core.store.sites.pairings import MOST_USES
from core.wordpress.homes import is_local, is_same_home
from web.cli.confirmation import ask, yes_option
from web.cli.instance import DEFAULT_URL, instance_options
from web.cli.output import counted, echo
from web.cli.times import to_minutes
from web.rpc import api
from web.stub.plugin_zip import SLUG, archive

if TYPE_CHECKING:
    from web.cli.instance import Instance

_POLL_SECONDS = 1.0
_ENDED = (PairingState.CONNECTED, PairingState.REFUSED)
_NEEDS_PERSON = (PairingState.CONFIRM, PairingState.SERVER_PASSWORD)


@click.command()
@click.argument("address", default="")
@click.option(
    "--uses",
    type=click.IntRange(1, MOST_USES),
    default=1,
    help="Sites that can be added with the same file or code.",
)
@click.option(
    "--bridge-url",
    envvar="ZOOMBRIDGE_PUBLIC_URL",
    show_default="the saved address, else the running server",
    help="Address at which WordPress reaches the bridge.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path(f"{SLUG}.zip"),
    help="File to write the plugin to.",
)
@click.option("--wait/--no-wait", default=True, help="Wait until the site is connected.")
@instance_options
def add(
    address: str, *, uses: int, bridge_url: str | None, output: Path, wait: bool, instance: Instance
) -> None:
    """Connect a WordPress site.

    Writes the plugin with a pairing code, and waits for the site. Upload the file in WordPress and activate the
    plugin: the site then connects by itself. With ADDRESS, the site at that address is connected at once; before
    any other site is, you are asked to confirm it.
    """
    request = api.NewPairingCode(
        address=address,
        uses=uses,
        bridge_url=(bridge_url or "").rstrip("/"),
        own_url=instance.server_url() or DEFAULT_URL,
    )
    code = instance.call(api.SITE_CODE, request)
    _write(output, archive(code.text))
    _explain(code, output)
    if not wait:
        return
    if instance.server_url() is None and instance.is_sqlite:
        echo("No bridge is running: start it with zoombridge serve, then activate the plugin.")
        return
    if not _Watch(instance, code.id).follow():
        sys.exit(1)


@click.command()
@click.argument("site", default="")
@yes_option
@instance_options
def confirm(site: str, *, yes: bool, instance: Instance) -> None:
    """Connect a site that waits for a confirmation.

    Such a site has used a pairing code. SITE is its address; without it, each site that waits is asked about.
    """
    watch = _Watch(instance, None, is_sure=yes)
    waiting = [
        one
        for code in instance.call(api.SITE_PAIRINGS, api.PairingCodeRequest(code=None))
        for one in code.pairings
        if one.state not in _ENDED and (not site or is_same_home(site, one.home))
    ]
    if not waiting:
        at = f" at {site}" if site else ""
        raise ZoomBridgeError(f"No site{at} waits for confirmation. Add one: zoombridge site add")
    for one in waiting:
        watch.show(one)
        if one.state in _NEEDS_PERSON:
            watch.ask(one)


@click.command()
@click.argument("site", default="")
@yes_option
@instance_options
def allow(site: str, *, yes: bool, instance: Instance) -> None:
    """Allow private addresses of sites.

    The bridge does not call an address inside a network before it is allowed. SITE is the site's address; without it,
    you are asked about each address that waits. To allow whole networks, use `serve --allow-network`.
    """
    asked = [
        one
        for one in instance.call(api.SITE_ASKED, api.NoArguments())
        if not site or is_same_home(site, one.home)
    ]
    if not asked:
        at = f" of {site}" if site else ""
        raise ZoomBridgeError(f"There is no address{at} to allow.")
    has_changed = False
    for one in asked:
        echo(f"{one.home} is inside a network: {', '.join(one.addresses)}")
        if yes or ask("Allow this? Only if your WordPress is there"):
            request = api.AllowAddresses(id=one.id, addresses=one.addresses)
            if instance.call(api.SITE_ALLOW, request):
                echo("Allowed, and called.")
            else:
                has_changed = True
                echo("It has changed meanwhile. Please try again.")
    if has_changed:
        sys.exit(1)


def _write(output: Path, content: bytes) -> None:
    """Write the zip, readable by its owner only: who has the code can connect a site."""
    try:
        private_files.write_file(output, content)
    except OSError as error:
        raise ZoomBridgeError(
            f"{output} cannot be written: {error.strerror}. Choose another --output."
        ) from error


def _explain(code: api.IssuedCode, output: Path) -> None:
    if code.http_address:
        echo(f"Nothing answers there over https, so {code.http_address} is meant.")
    echo(f"Wrote {output}, for {counted(code.uses, 'site')}. Now, in WordPress:")
    echo("  1. Plugins > Add New > Upload Plugin: upload this file, and activate the plugin.")
    echo("  2. The plugin calls the bridge, and says so in a notice.")
    echo(
        "Where the plugin is installed already, or nothing can be uploaded, paste this code on its page there:"
    )
    echo(f"  {code.text}")
    echo(f"The code is valid until {to_minutes(code.expires_at)}. Treat it like a password.")
    if is_local(urlsplit(code.bridge_url).hostname):
        echo(
            f"Only a WordPress on this machine reaches {code.bridge_url}. For any other one, give the bridge's public "
            "address: --bridge-url https://bridge.example.org",
            err=True,
        )


@dataclass
class _Watch:
    """Show what becomes of a code in the terminal, and ask what only a person knows."""

    instance: Instance
    code_id: str | None
    is_sure: bool = False
    _shown: dict[str, tuple[PairingState, str]] = field(default_factory=dict)

    @property
    def is_interactive(self) -> bool:
        """Whether a person can be asked."""
        return sys.stdin.isatty()

    def follow(self, *, poll_seconds: float = _POLL_SECONDS) -> bool:
        """Wait until every use of the code has led to a site; returns whether all are connected. Raises: click.Abort on Ctrl-C."""
        echo("Waiting for the site. Ctrl-C stops waiting only: the code stays valid.", err=True)
        try:
            while True:
                [code] = self.instance.call(api.SITE_PAIRINGS, api.PairingCodeRequest(code=self.code_id))
                for one in code.pairings:
                    self.show(one)
                    if one.state in _NEEDS_PERSON and not self._handle(one):
                        return False
                if not code.is_open and all(one.state in _ENDED for one in code.pairings):
                    if code.uses_left:
                        echo("The code has expired. Get a new one: zoombridge site add", err=True)
                        return False
                    return all(one.state is PairingState.CONNECTED for one in code.pairings)
                time.sleep(poll_seconds)
        except KeyboardInterrupt:
            echo("\nNo longer waiting. Sites that need you: zoombridge site confirm", err=True)
            raise click.Abort from None

    def show(self, one: api.CodePairing) -> None:
        """Print the state of a pairing, if it has changed."""
        if self._shown.get(one.id) == (one.state, one.message):
            return
        self._shown[one.id] = one.state, one.message
        match one.state:
            case PairingState.CALLING:
                echo(f"{one.home} has used the code. Calling it back …")
            case PairingState.CONNECTED:
                self._print_connected(self.instance.call(api.SITE_SHOW, api.SiteRequest(site=one.site_id)))
            case _:
                echo(one.message)
                if one.asked_addresses:
                    echo(f"It is inside a network. To allow that: zoombridge site allow {one.home}")

    def ask(self, one: api.CodePairing) -> None:
        """Ask for what a pairing needs, and act accordingly. Raises: ZoomBridgeError."""
        if one.state is PairingState.SERVER_PASSWORD:
            username = click.prompt("User name (web server)")
            password = click.prompt("Password (web server)", hide_input=True)
            given = api.ServerPassword(pairing=one.id, username=username, password=password)
            self.instance.call(api.SITE_SERVER_PASSWORD, given)
        elif self.is_sure or ask(clean(f"Connect “{one.name}” at {one.home}?")):
            connected = self.instance.call(api.SITE_CONFIRM, api.PairingRequest(pairing=one.id))
            self._shown[one.id] = PairingState.CONNECTED, ""
            self._print_connected(connected)

    def _handle(self, one: api.CodePairing) -> bool:
        """Ask a person; returns False where none can be asked, or the answer was no."""
        if not self.is_interactive:
            echo(f"Run in a terminal: zoombridge site confirm {one.home}", err=True)
            return False
        self.ask(one)
        return one.state is not PairingState.CONFIRM or self._shown[one.id][0] is PairingState.CONNECTED

    @staticmethod
    def _print_connected(site: api.ConnectedSite) -> None:
        echo(clean(f"Connected {site.name} ({site.url}) as {site.id}."))
        echo(f"Now save Zoom's secret token: zoombridge site secret-token {site.url}")
        echo("Then paste this into Zoom as the event notification endpoint URL:")
        echo(f"  {site.endpoint}")
