"""Short names of browsers, by what they say of themselves."""

import pytest

from web.ui.browser_names import browser_name

MOZILLA = "Mozilla/5.0 "
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko) "


@pytest.mark.parametrize(
    ("told", "name"),
    [
        (
            MOZILLA + "(Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
            "Firefox (Windows)",
        ),
        (
            MOZILLA + f"(X11; Linux x86_64) {WEBKIT}Chrome/142.0.0.0 Safari/537.36",
            "Chrome (Linux)",
        ),
        (
            MOZILLA + f"(Windows NT 10.0; Win64; x64) {WEBKIT}Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
            "Edge (Windows)",
        ),
        (
            MOZILLA + f"(Linux; Android 15; Pixel 8) {WEBKIT}Chrome/142.0.0.0 Mobile Safari/537.36",
            "Chrome (Android)",
        ),
        (
            MOZILLA + "(iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            "Version/18.0 Mobile/15E148 Safari/604.1",
            "Safari (iPhone)",
        ),
        (
            MOZILLA + "(Macintosh; Intel Mac OS X 14_6) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            "Version/18.0 Safari/605.1.15",
            "Safari (macOS)",
        ),
        ("Firefox/145.0", "Firefox"),
        ("curl/8.0", ""),
        ("", ""),
        ("x" * 100_000 + "Firefox/145.0", ""),
        ("<script>alert(1)</script> Linux", "Linux"),
    ],
)
def test_is_short_and_known(told: str, name: str) -> None:
    assert browser_name(told) == name
