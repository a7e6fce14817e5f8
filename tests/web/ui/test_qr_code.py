"""QR codes on pages."""

import re

import segno

from web.ui.qr_code import qr_code

URI = "otpauth://totp/Zoom%20WordPress%20Bridge:anna?secret=JBSWY3DPEHPK3PXP&issuer=Zoom%20WordPress%20Bridge"


def test_is_what_the_pages_policy_allows() -> None:
    """No style, script or address of another file."""
    svg = str(qr_code(URI))
    assert svg.startswith("<svg ")
    assert set(re.findall(r"<([a-z]+)", svg)) == {"svg", "g", "path"}
    for forbidden in ("style", "href", "url(", "onload"):
        assert forbidden not in svg


def test_holds_the_text_dark_on_white_with_a_margin() -> None:
    svg = str(qr_code(URI))
    code = segno.make_qr(URI, error="m")
    size = (code.symbol_size(border=0)[0] + 2 * 4) * 4
    assert f'width="{size}" height="{size}"' in svg
    assert 'fill="#fff"' in svg
    assert 'stroke="#000"' in svg
    # The dark modules of the rows, as strokes of the path.
    dark = sum(int(length) for length in re.findall(r"h(\d+)", svg.rpartition(' d="')[2]))
    assert dark == sum(sum(row) for row in code.matrix)
    assert svg != str(qr_code(URI + "x"))
