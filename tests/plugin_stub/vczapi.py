"""A paired site with VCZAPI, and what the bridge writes there."""

import json
from typing import Any

import pytest

from tests.plugin_stub.bridge_double import KEY, SITE
from tests.plugin_stub.sync import SyncClient
from tests.wordpress.vczapi_site import NUMBER, VczapiSite

CONNECTION = {"bridge": "https://bridge.example.org", "site": SITE, "key": KEY}


@pytest.fixture
def sync(vczapi: VczapiSite) -> SyncClient:
    """A paired site with VCZAPI."""
    assert vczapi.site.rest("POST", "zoombridge/v1/connection", json=CONNECTION).status_code == 200
    return SyncClient(vczapi.site)


def manage(sync: SyncClient, post: int, **metas: Any) -> None:
    """Let the bridge write a post for the first time; what is not given stays."""
    merged = {name: metas.pop(name) for name in ("details", "fields", "pro") if name in metas}
    if "details" in merged:
        merged["details"] = json.dumps(merged["details"])
    changes = {"set": {"revision": 1, **metas}, "lay_over": merged}
    result = sync.send(sync.write(str(NUMBER), post, metas=changes)).result
    assert result["ok"], result
