"""A paired site with VCZAPI, and what the bridge writes there."""

import json
from typing import Any

import pytest

from tests.plugin_stub.pairing import connect
from tests.plugin_stub.sync import SyncClient
from tests.wordpress import WordPress
from tests.wordpress.vczapi_site import NUMBER, VczapiSite

BRIDGE = "https://bridge.example.org"


@pytest.fixture
def sync(vczapi: VczapiSite) -> SyncClient:
    """A paired site with VCZAPI."""
    connect(vczapi.site, BRIDGE)
    return SyncClient(vczapi.site)


def manage(sync: SyncClient, post: int, **metas: Any) -> None:
    """Let the bridge write a post for the first time; what is not given stays."""
    merged = {name: metas.pop(name) for name in ("details", "fields", "pro") if name in metas}
    if "details" in merged:
        merged["details"] = json.dumps(merged["details"])
    changes = {"set": {"revision": 1, **metas}, "lay_over": merged}
    result = sync.send(sync.write(str(NUMBER), post, metas=changes)).result
    assert result["ok"], result


def disconnect(site: WordPress) -> None:
    """Leave the site without a connection, as when it was disconnected, or somebody said that it is a copy."""
    site.php("delete_option( 'zoombridge_connection' );")
