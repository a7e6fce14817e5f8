"""Every page for wp-admin passes the plugin's filter whole, with the wp_kses() of every WordPress that the tests know.

Each other page that a test requests for wp-admin passes it in one of them: see `Http` in tests/web/conftest.py.
"""

from core.bridge import Bridge
from core.store.db.engine import Store
from core.store.sites.sites import Site
from tests.plugin_stub.page_filter import Tokens, page_filter
from tests.web.conftest import CONTEXT, PAGE, Http, from_stub
from tests.web.routes import fill_two_sites, pages
from tests.wordpress import KINDS


def test_every_page_passes_whole(http: Http, wp_site: Site, bridge: Bridge, store: Store) -> None:
    names = fill_two_sites(http, bridge, store)
    shown = 0
    for route in pages(bridge, names):
        for path in route.paths:
            answer = http("GET", path, headers=from_stub(wp_site, "GET", path, context=CONTEXT))
            if not answer.headers.get("Content-Type", "").startswith("text/html"):
                continue
            html = answer.body.decode()
            for kind in KINDS:
                assert Tokens(page_filter(kind)(html, page=PAGE)).found == Tokens(html).found, (path, kind)
            shown += 1
    assert shown > 10
