"""What becomes of a pairing code, in each state: in a real Chromium, wide and light, narrow and dark."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from markupsafe import Markup

from core import messages
from core.store.sites.pairings import Pairing, PairingCode, PairingState
from tests.end_to_end.looks import assert_fits
from tests.web.pairings import pairing
from web.pages.add_site import CodeView
from web.ui.shell import TABS, BrowserShell, render
from web.ui.viewer import Role, Viewer

if TYPE_CHECKING:
    from playwright.sync_api import Page

LOOKS: tuple[tuple[int, Literal["light", "dark"]], ...] = ((1280, "light"), (375, "dark"))
WHY = messages.PAIRING_NETWORK % {
    "address": "https://choir.example.org/" + "long" * 30,
    "reason": messages.NO_ALLOWED_ADDRESS,
}
_AXE = """
async () => {
    const found = await axe.run(document, {resultTypes: ['violations']});
    return found.violations.map((one) => [one.id, one.help, one.nodes.map((node) => node.html.slice(0, 300))]);
}
"""


def code(uses: int, left: int) -> PairingCode:
    now = int(time.time() * 1000)
    return PairingCode(
        id="0123456789abcdef",
        secret="0123456789abcdef" * 2,
        bridge_url="https://bridge.example.org",
        address="https://entered.example.org",
        site_id=None,
        requested_by="/anna",
        uses=uses,
        uses_left=left,
        created_at=now,
        expires_at=now + 10**8,
    )


def became(state: PairingState) -> Pairing:
    made = pairing("0123456789abcdef", state, message=WHY, name="A choir with a long name " * 5)
    return replace(made, server_username="staging")


def shown(made: PairingCode, pairings: list[Pairing], *, errors: dict[str, str] | None = None) -> str:
    view = CodeView(
        code=made,
        known=None,
        pairings=pairings,
        states=PairingState,
        is_open=made.uses_left > 0,
        is_live=False,
        underway=frozenset(),
        constant=f"define( 'ZOOMBRIDGE_PAIRING_CODE', '{made.text}' );",
        upload="https://entered.example.org/wp-admin/plugin-install.php?tab=upload",
        only_http=False,
        errors=errors or {},
        invalid=pairings[0].id if errors else "",
        username="",
        problem="",
    )
    values = {"viewer": Viewer("anna", Role.ADMINISTRATOR), "current": "/sites", "tabs": TABS, "view": view}
    return render("pages/pairing-code.jinja", BrowserShell("n0nce", Markup("")), values)


PAGES = {
    "waiting": shown(code(1, 1), []),
    "expired": shown(code(1, 0), []),
    "several": shown(code(20, 14), [became(state) for state in PairingState]),
    "incomplete": shown(
        code(1, 0),
        [became(PairingState.SERVER_PASSWORD)],
        errors={"username": "Enter it.", "password": "Enter it."},
    ),
    **{state.value: shown(code(1, 0), [became(state)]) for state in PairingState},
}


@pytest.mark.parametrize("state", PAGES)
def test_can_be_used_by_everybody(page: Page, state: str) -> None:
    page.set_content(PAGES[state])
    page.evaluate("document.querySelectorAll('details').forEach((it) => { it.open = true; })")
    page.evaluate(AXE_SCRIPT)
    for width, scheme in LOOKS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate(_AXE) == [], (state, scheme, width)
        assert_fits(page)
