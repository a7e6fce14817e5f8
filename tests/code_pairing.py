"""Connect a real WordPress with a running bridge by a pairing code, as an administrator does."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from core.store.sites.pairings import PairingState
from web.cli.instance import Instance
from web.rpc import api
from web.rpc.client import RpcClient

if TYPE_CHECKING:
    from tests.running import RunningBridge
    from tests.wordpress import WordPress
    from web.cli.instance import Caller

_WITHIN_SECONDS = 600.0
_LOOK_SECONDS = 0.1

# The form of the plugin's page, and the question that a site with a connection asks: "Connect to …".
_PASTE = """
    $code = zoombridge_parse_pairing_code( $text );
    zoombridge_paste_code( $text );
    zoombridge_try_code_again( $code['id'], true );
    $entry = zoombridge_open_codes( zoombridge_pairing_state() )[ $code['id'] ] ?? null;
    return null === $entry ? '' : 'The plugin says: ' . $entry['message'];
"""


def connect_by_code(bridge: RunningBridge, site: WordPress, secret: str = "", *, bridge_url: str = "") -> str:
    """Connect a site, or connect it again; return its ID. WordPress reaches the bridge at `bridge_url`.

    With Zoom's secret token, unless that is empty. Raises: AssertionError where the site is not connected soon.
    """
    rpc = _caller_of(bridge)
    request = api.NewPairingCode(address=site.url, uses=1, bridge_url=bridge_url or bridge.url, own_url="")
    code = rpc.call(api.SITE_CODE, request)
    problem = site.php(_PASTE, text=code.text)
    assert not problem, problem
    site_id = _await_connected(rpc, code.id)
    if secret:
        rpc.call(api.SITE_SECRET_TOKEN, api.SecretToken(site=site_id, secret_token=secret))
    return site_id


def connect_by_commands(bridge: RunningBridge, site: WordPress, secret: str) -> str:
    """Connect a site by the bridge's own commands, which may be of another version; return its ID.

    Raises: AssertionError where the site is not connected soon.
    """
    written = str(bridge.data / "plugin.zip")
    told = bridge.command(
        "site", "add", site.url, "--bridge-url", bridge.url, "--output", written, "--no-wait"
    )
    problem = site.php(_PASTE, text=told.partition("paste this code")[2].splitlines()[1].strip())
    assert not problem, problem
    deadline = time.monotonic() + _WITHIN_SECONDS
    while not (listed := bridge.command("site", "list", "--json").splitlines()):
        assert time.monotonic() < deadline, bridge.log()
        time.sleep(_LOOK_SECONDS)
    site_id = str(json.loads(listed[0])["id"])
    bridge.command("site", "secret-token", site_id, typed=f"{secret}\n")
    return site_id


def _caller_of(bridge: RunningBridge) -> Caller:
    """Return what executes operations: of bridges that share a database, any process."""
    database_url = bridge.environment.get("ZOOMBRIDGE_DATABASE_URL")
    if database_url is not None:
        return Instance(bridge.data, database_url)
    return RpcClient(bridge.data / "rpc.json")


def _await_connected(rpc: Caller, code_id: str) -> str:
    deadline = time.monotonic() + _WITHIN_SECONDS
    while True:
        [code] = rpc.call(api.SITE_PAIRINGS, api.PairingCodeRequest(code=code_id))
        [pairing] = code.pairings
        if pairing.state is PairingState.CONNECTED:
            return pairing.site_id
        assert time.monotonic() < deadline, pairing
        time.sleep(_LOOK_SECONDS)
