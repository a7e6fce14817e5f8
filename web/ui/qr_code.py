"""QR codes as inline SVG, which the pages' Content-Security-Policy allows."""

from __future__ import annotations

import segno
from markupsafe import Markup

_PIXELS = 4  # per module
_QUIET_ZONE = 4  # modules around it, which readers need


def qr_code(text: str) -> Markup:
    """Return a QR code: dark on white in every colour scheme, since readers need that."""
    svg: str = segno.make_qr(text, error="m").svg_inline(
        scale=_PIXELS, border=_QUIET_ZONE, dark="#000", light="#fff", svgclass=None, lineclass=None
    )
    return Markup(svg)  # noqa: S704 - made of the modules alone
