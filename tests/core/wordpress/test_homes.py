"""Which addresses are the same home."""

import pytest

from core.errors import ZoomBridgeError
from core.wordpress.homes import (
    at_origin,
    home_identity,
    is_same_home,
    rest_root_at,
    typed_address,
    zoom_endpoints,
)

HOME = "https://example.org/blog"


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (HOME, HOME, True),
        (HOME, "http://example.org/blog", True),
        (HOME, "https://www.example.org/blog", True),
        (HOME, "http://www.example.org/blog/", True),
        (HOME, "example.org/blog", True),
        (HOME, "HTTPS://EXAMPLE.org:443/blog", True),
        (HOME, "http://example.org:80/blog", True),
        (HOME, " https://example.org./blog ", True),
        (HOME, "https://example.org/blog?lang=en#top", True),
        ("https://example.org/caf%C3%A9", "https://example.org/café", True),
        ("https://xn--mnchen-3ya.example", "https://münchen.example/", True),
        ("https://straße.example", "https://strasse.example", False),
        ("https://straße.example", "https://xn--strae-oqa.example", True),
        ("https://βόλος.example", "https://βόλοσ.example", False),
        ("https://a\u200db.example", "https://ab.example", False),
        (HOME, "https://example.org", False),
        (HOME, "https://example.org/Blog", False),
        (HOME, "https://example.org/blog/en", False),
        (HOME, "https://blog.example.org/blog", False),
        (HOME, "https://example.com/blog", False),
        (HOME, "https://example.org:8443/blog", False),
        ("http://example.org:443", "https://example.org", False),
        ("https://wwwexample.org", "https://example.org", False),
        (HOME, "", False),
        (HOME, "https://[broken", False),
    ],
)
def test_same_home(one: str, other: str, is_same: bool) -> None:
    assert is_same_home(one, other) is is_same
    assert is_same_home(other, one) is is_same


def test_identity_leaves_out_what_does_not_count() -> None:
    assert home_identity("http://www.Example.org:8080/a/") == "example.org:8080/a"


def test_address_at_another_origin() -> None:
    root = "http://example.org/wp/index.php?rest_route=/"
    assert at_origin(root, "https://example.org") == "https://example.org/wp/index.php?rest_route=/"


@pytest.mark.parametrize(
    ("told", "url", "root"),
    [
        ("https://a.org/wp-json/", "https://a.org", "https://a.org/wp-json/"),
        ("http://a.org/wp-json/", "https://a.org/", "https://a.org/wp-json/"),
        ("https://a.org/b/index.php/wp-json/", "https://a.org/b", "https://a.org/b/index.php/wp-json/"),
        (
            "https://a.org/b/index.php?rest_route=/",
            "https://a.org/b",
            "https://a.org/b/index.php?rest_route=/",
        ),
        ("https://a.org/b/?rest_route=%2F", "https://a.org/b", "https://a.org/b/?rest_route=%2F"),
        ("https://a.org/caf%C3%A9/wp-json/", "https://a.org/café", "https://a.org/caf%C3%A9/wp-json/"),
        ("https://a.org/evil/wp-json/", "https://a.org", "https://a.org/?rest_route=/"),
        ("https://a.org/evil/wp-json/", "https://a.org/b", "https://a.org/b/?rest_route=/"),
        ("https://a.org/evil/?rest_route=/", "https://a.org", "https://a.org/?rest_route=/"),
        ("https://a.org/b-evil/wp-json/", "https://a.org/b", "https://a.org/b/?rest_route=/"),
        ("https://a.org/b/../evil/wp-json/", "https://a.org/b", "https://a.org/b/?rest_route=/"),
        ("https://a.org/b/api/", "https://a.org/b", "https://a.org/b/?rest_route=/"),
    ],
)
def test_rest_api_is_that_of_the_home(told: str, url: str, root: str) -> None:
    """Whose folder another one on the same host is, nobody knows."""
    assert rest_root_at(told, url) == root


def test_endpoints_have_https_where_the_site_is_reached_by_it() -> None:
    told = {"meeting": "http://example.org/m", "webinar": "http://cdn.example.org/w"}
    assert zoom_endpoints(told, "http://example.org", has_rest=True) == told
    found = zoom_endpoints(told, "https://example.org/", has_rest=True)
    assert found == told | {"meeting": "https://example.org/m"}


def test_endpoints_have_the_route_in_the_query_where_the_rest_api_is_refused() -> None:
    told = {"meeting": "http://example.org/blog/wp-json/vczapi/v1/meeting"}
    found = zoom_endpoints(told, "https://example.org/blog/", has_rest=False)
    assert found == {"meeting": "https://example.org/blog/?rest_route=/vczapi/v1/meeting"}


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("example.org", "https://example.org/"),
        ("  https://example.org ", "https://example.org/"),
        ("http://example.org:8080/blog", "http://example.org:8080/blog"),
        ("https://example.org/wp-admin/edit.php?post_type=page#top", "https://example.org/"),
        ("https://example.org/blog/wp-login.php?redirect_to=x", "https://example.org/blog/"),
        ("example.org/wp-json/", "https://example.org/"),
    ],
)
def test_what_people_type_is_the_address_of_the_front_page(typed: str, address: str) -> None:
    assert typed_address(typed) == address


@pytest.mark.parametrize(
    "typed", ["", "https://", "ftp://example.org", "my site", "https://[::1", "https://a:b@c.org"]
)
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(ZoomBridgeError):
        typed_address(typed)
