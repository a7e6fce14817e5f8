"""The health of a site, as the bridge finds it out by itself, with a real WordPress."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.conftest import STUB, STUB_SLUG
from tests.end_to_end.pages import follow_sign_in_link
from tests.end_to_end.pair import eventually

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.end_to_end.pair import Pair


def facts(pair: Pair) -> dict[str, tuple[bool, str]]:
    """Return what is stored of the site: whether it is well, and the message, by the name of the fact."""
    rows = pair.rows("SELECT name, well, message FROM health_facts WHERE site_id = ?", pair.id)
    return {name: (bool(well), message) for name, well, message in rows}


def test_a_plugin_that_is_deactivated_and_active_again(pair: Pair, page: Page) -> None:
    """Nobody looks: the plugin's goodbye, and its return, have the site checked at once."""
    eventually(lambda: facts(pair).get("bridge", (False, ""))[0], lambda: str(facts(pair)))
    pair.site.deactivate_plugin(STUB_SLUG)
    try:
        eventually(
            lambda: "was deactivated in WordPress" in facts(pair).get("plugin", (True, ""))[1],
            lambda: str(facts(pair)),
        )
        assert "bridge" not in facts(pair), "what was well before is not known any more"
        follow_sign_in_link(page, pair.bridge.sign_in_link())
        page.goto(f"{pair.bridge.url}/sites/{pair.id}")
        checklist = page.locator("#zb-checklist")
        expect(checklist).to_contain_text("Activate it again under Plugins in wp-admin")
        expect(checklist).to_contain_text("Since ")
    finally:
        pair.site.add_plugin(STUB, STUB_SLUG)
    eventually(lambda: facts(pair).get("bridge", (False, ""))[0], lambda: str(facts(pair)))
    expect(checklist).to_contain_text("Plugin installed, and it answers the bridge", timeout=60_000)
