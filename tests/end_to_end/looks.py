"""How a page looks: whether it fits its window, and the pictures of the documentation.

With ZOOMBRIDGE_PICTURES set, tests take them on their way.
"""

from __future__ import annotations

import base64
import os
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from axe_playwright_python.base import AXE_SCRIPT

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.end_to_end.pair import Pair

PICTURES = Path(__file__).parents[2] / "docs/pictures"
WIDTHS = (1280, 375)

# Ports, names and moments differ from run to run; pictures that differ only in them would be noise.
_STEADY = """
(changing) => {
    const steady = (text) => changing.reduce((said, [from, to]) => said.replaceAll(from, to), text);
    const root = document.querySelector('.zoombridge, .zoombridge-meeting') || document.body;
    for (const field of root.querySelectorAll('input')) if (field.value) field.value = steady(field.value);
    for (const time of document.querySelectorAll('.zoombridge time')) time.textContent = 'Mar 3, 2026, 6:00 PM';
    // The addresses that are shown have HTTPS, those of the tests have not.
    document.querySelectorAll('.zoombridge-needs-https').forEach((note) => note.remove());
    // Gravatar is out of reach.
    for (const image of document.querySelectorAll('img.avatar')) image.style.visibility = 'hidden';
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const node = walker.currentNode;
        if (node.parentElement.closest('script, style, svg')) continue;
        node.nodeValue = steady(node.nodeValue)
            .replace(/\\b\\d+([.]\\d+)? s\\b/g, '0.5 s')
            .replace(/\\b\\d+ ms\\b/g, '300 ms')
            .replace(/\\b1\\d{12}\\b/g, '1772557200000');
    }
    document.querySelectorAll('[data-live]').forEach((part) => part.removeAttribute('data-live'));
    if (document.activeElement) document.activeElement.blur();
}
"""


def takes_pictures() -> bool:
    """Return whether pictures are asked for."""
    return bool(os.environ.get("ZOOMBRIDGE_PICTURES"))


def picture(page: Page, pair: Pair, name: str, *, root: str | None = None) -> None:
    """Take a picture for the documentation, where that is asked for; of the newer WordPress.

    Of the whole page, or of what a selector finds first.
    """
    if takes_pictures() and pair.site.kind == "playground-sqlite":
        PICTURES.mkdir(parents=True, exist_ok=True)
        changing = [
            (pair.site.url, "https://choir.example.org"),
            (pair.bridge.url, "https://bridge.example.org"),
            ("A WordPress for tests", "The city choir"),
            (pair.id, "k3v9x2m4q7p1"),
        ]
        page.evaluate(_STEADY, changing)
        # wp-admin's bar and menu are fixed to the window, so the window is as high as the page.
        width = page.evaluate("window.innerWidth")
        page.mouse.move(width - 3, 300)  # where nothing unfolds
        page.set_viewport_size({"width": width, "height": page.evaluate("document.body.scrollHeight")})
        page.evaluate("window.scrollTo(0, 0)")
        taken = page.screenshot() if root is None else page.locator(root).first.screenshot()
        (PICTURES / f"{name}.png").write_bytes(_smaller(page, taken))


# A page has few colours, but for the edges of letters: the 256 that are there most stand for all of them.
_FEW_COLOURS = """
async (png) => {
    const bitmap = await createImageBitmap(await (await fetch('data:image/png;base64,' + png)).blob());
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const drawing = canvas.getContext('2d');
    drawing.drawImage(bitmap, 0, 0);
    const pixels = new Uint32Array(drawing.getImageData(0, 0, bitmap.width, bitmap.height).data.buffer);
    const counts = new Map();
    for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) || 0) + 1);
    const palette = [...counts].sort((one, other) => other[1] - one[1] || one[0] - other[0]).slice(0, 256).map(([it]) => it);
    const parts = (colour) => [colour & 255, (colour >> 8) & 255, (colour >> 16) & 255];
    const kept = palette.map(parts);
    const places = new Map(palette.map((colour, place) => [colour, place]));
    for (const colour of counts.keys()) {
        if (places.has(colour)) continue;
        const [red, green, blue] = parts(colour);
        let nearest = 0, least = Infinity;
        kept.forEach(([r, g, b], place) => {
            const distance = 3 * (r - red) ** 2 + 4 * (g - green) ** 2 + 2 * (b - blue) ** 2;
            if (distance < least) [nearest, least] = [place, distance];
        });
        places.set(colour, nearest);
    }
    const bytes = Uint8Array.from(pixels, (pixel) => places.get(pixel));
    let text = '';
    for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
    return {width: bitmap.width, height: bitmap.height, palette: kept.flat(), bytes: btoa(text)};
}
"""


def _smaller(page: Page, png: bytes) -> bytes:
    """Return the picture with at most 256 colours, which takes a third of the room."""
    blank = page.context.browser.new_page()  # type: ignore[union-attr]
    try:
        few = blank.evaluate(_FEW_COLOURS, base64.b64encode(png).decode())
    finally:
        blank.close()
    width, height = few["width"], few["height"]
    pixels = base64.b64decode(few["bytes"])
    rows = b"".join(b"\0" + pixels[row * width : (row + 1) * width] for row in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = [
        (b"IHDR", header),
        (b"PLTE", bytes(few["palette"])),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


# What axe calls best practice, and no rule, is looked at too; but the frame of a page in wp-admin is WordPress's.
AXE = """
async (root) => {
    const found = await axe.run(root === 'body' ? document : root, {resultTypes: ['violations']});
    return found.violations.map((one) => [one.id, one.help, one.nodes.map((node) => node.html.slice(0, 300))]);
}
"""


def assert_accessible(page: Page, root: str) -> None:
    """Axe finds nothing in what a selector finds."""
    __tracebackhide__ = True
    page.evaluate(AXE_SCRIPT)
    assert page.evaluate(AXE, root) == [], page.url


# A control that touches another one is hard to hit, and labels then seem to belong to what is above them.
_TOUCHING = """
() => {
    const boxes = [...document.querySelectorAll(['button:not(.is-link)', '.zoombridge-button', 'summary', 'select', 'textarea',
        'input:not([type=hidden], [type=checkbox], [type=radio])', 'label', 'legend'].map((it) => '.zoombridge ' + it).join())]
        .filter((it) => it.checkVisibility() && !it.closest('.zoombridge-hidden'))
        .map((it) => [it, it.getBoundingClientRect()]).filter(([, box]) => box.width > 1 && box.height > 1);
    const found = [];
    boxes.forEach(([one, a], place) => boxes.slice(place + 1).forEach(([other, b]) => {
        if (one.contains(other) || other.contains(one)) return;
        const across = Math.max(a.left, b.left) - Math.min(a.right, b.right);
        const down = Math.max(a.top, b.top) - Math.min(a.bottom, b.bottom);
        if (across < 3 && down < 3) found.push([one, other].map((it) => it.outerHTML.slice(0, 200)));
    }));
    return found;
}
"""


def assert_fits(page: Page) -> None:
    """Nothing has to be scrolled to the side, nothing in the page sticks out of it, and no controls touch."""
    touching = page.evaluate(_TOUCHING)
    assert touching == [], touching
    wide = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide[0] <= wide[1]
    sticking_out = page.evaluate(
        """
        [...document.querySelectorAll('.zoombridge *, .zoombridge-meeting *, .zoombridge-visit *')]
            .filter((it) => it.getClientRects().length
                && it.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
            .map((it) => it.outerHTML.slice(0, 200))
        """
    )
    assert sticking_out == []
