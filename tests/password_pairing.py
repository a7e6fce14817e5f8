"""Connect a real WordPress with a running bridge by an application password, as versions before pairing codes did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from web.cli.instance import Instance
from web.rpc import api
from web.rpc.client import RpcClient

if TYPE_CHECKING:
    from tests.running import RunningBridge
    from tests.wordpress import WordPress


def connect_by_password(
    bridge: RunningBridge, site: WordPress, secret: str = "", *, bridge_url: str = ""
) -> str:
    """Connect a site, or connect it again; return its ID. WordPress reaches the bridge at `bridge_url`."""
    request = api.AddSite(
        url=site.url,
        username=site.user,
        password=site.application_password,
        bridge_url=bridge_url or bridge.url,
        secret_token=secret,
    )
    database_url = bridge.environment.get("ZOOMBRIDGE_DATABASE_URL")
    if database_url is not None:  # which other processes may open, too
        return Instance(bridge.data, database_url).call(api.SITE_ADD, request).id
    return RpcClient(bridge.data / "rpc.json").call(api.SITE_ADD, request).id
