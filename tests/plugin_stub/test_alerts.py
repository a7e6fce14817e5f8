"""What administrators see in wp-admin of the bridge's alerts, as it has told them."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING

from tests.plugin_stub.conftest import password_of, sign_in
from tests.plugin_stub.pairing import connect
from tests.plugin_stub.sync import SyncClient

if TYPE_CHECKING:
    import requests

    from tests.wordpress import WordPress

BRIDGE = "http://127.0.0.1:9"  # nothing listens there: no page may wait for it
NOTICE = "critical alerts about this site. <a"
BUBBLE = 'class="awaiting-mod count-2"'


class TestAlerts:
    def test_administrators_are_told_until_they_dismiss_it(self, site: WordPress) -> None:
        connect(site, BRIDGE)
        sync = SyncClient(site)

        def tell(count: int, digest: str = "0" * 16) -> None:
            answer = sync.send({"op": "hello", "alerts": {"count": count, "digest": digest}})
            assert answer.codes == ["ok"]

        def get(session: requests.Session, path: str) -> str:
            answer = session.get(f"{site.url}/wp-admin/{path}", timeout=600)
            assert answer.status_code == 200
            return answer.text

        anna = sign_in(site)
        assert "awaiting-mod count-2" not in get(anna, "index.php")
        tell(2)
        for path in ("index.php", "plugins.php", "edit.php?post_type=zoom-meetings"):
            page = get(anna, path)
            assert NOTICE in page, path
            assert page.count(BUBBLE) == 3, "at the menu, its heading, and the page"
        page = get(anna, "edit.php?post_type=page")
        assert (NOTICE in page, BUBBLE in page) == (False, True)

        password_of(site, "eva", "editor")
        page = get(sign_in(site, "eva", "a-password"), "index.php")
        assert (NOTICE in page, BUBBLE in page) == (False, False)

        page = get(anna, "index.php")
        link = re.search(r'href="([^"]*action=zoombridge_dismiss[^"]*)"', page)
        assert link is not None
        dismiss = unescape(link[1])
        assert anna.get(dismiss.replace("_wpnonce=", "_wpnonce=0"), timeout=600).status_code == 403
        assert anna.get(
            dismiss, headers={"referer": f"{site.url}/wp-admin/plugins.php"}, timeout=600
        ).url.endswith("plugins.php")
        page = get(anna, "index.php")
        assert (NOTICE in page, BUBBLE in page) == (False, True)
        tell(2, "1" * 16)
        assert NOTICE in get(anna, "index.php"), "these are other alerts"
        tell(1, "2" * 16)
        assert "one critical alert about this site" in get(anna, "index.php")

        site.php(
            "zoombridge_write_option_row('zoombridge_alerts', '2|' . str_repeat('1', 16) . '|1767603600');"
        )
        assert "about this site" not in get(anna, "index.php"), "it was told long ago"
        tell(0)
        assert "about this site" not in get(anna, "index.php")
        bad = {"op": "hello", "alerts": {"count": -1, "digest": "x"}}
        assert sync.send(bad).codes == ["invalid"]
