"""Zoom's endpoints: which addresses and headers they are."""

import pytest

from core.wordpress import signing
from web.webhooks.endpoint import is_endpoint, is_forwarded, is_stored, site_id_of

ROUTE = "/wp-json/vczapi/v1"


@pytest.mark.parametrize(
    ("target", "site_id"),
    [
        (f"{ROUTE}/meeting", None),
        (f"{ROUTE}/webinar/", None),
        (f"/sites/s-1_X{ROUTE}/recording", "s-1_X"),
        (f"/sites/s1{ROUTE}/meeting?a=/b", "s1"),
    ],
)
def test_names_a_site_or_leaves_that_to_the_plugin(target: str, site_id: str | None) -> None:
    assert is_endpoint(target)
    assert site_id_of(target) == site_id


@pytest.mark.parametrize(
    "target",
    ["/", "", f"{ROUTE}/phone", f"{ROUTE}/meeting/x", f"/x{ROUTE}/meeting", f"/sites/a%20b{ROUTE}/meeting",
     f"/sites/{'a' * 65}{ROUTE}/meeting", f"{ROUTE}/meeting\n", f"/events?to={ROUTE}/meeting"],
)  # fmt: skip
def test_is_no_other_address(target: str) -> None:
    assert not is_endpoint(target)
    assert site_id_of(target) is None


def test_stores_zooms_headers_and_forwards_the_plugins_too() -> None:
    for name in ("x-zm-signature", "content-type", "authorization"):
        assert is_stored(name)
        assert is_forwarded(name)
    for name in (signing.SITE_HEADER, signing.SIGNATURE_HEADER):
        assert not is_stored(name)
        assert is_forwarded(name)
    assert not is_forwarded("cookie")
