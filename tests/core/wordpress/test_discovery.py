"""From what a person types to the REST root."""

from collections.abc import Iterator
from typing import Any

import pytest
import responses

from core.errors import Fault, SiteFaultError
from core.wordpress.discovery import discover

GRANT = "https://example.org/wp-admin/authorize-application.php"
INDEX: dict[str, Any] = {
    "name": "Choir",
    "namespaces": ["oembed/1.0", "wp/v2"],
    "authentication": {"application-passwords": {"endpoints": {"authorization": GRANT}}},
}
LINK = {
    "Link": '<https://example.org/wp-json/>; rel="https://api.w.org/", <https://example.org/>; rel=shortlink'
}


@pytest.fixture(autouse=True)
def wire() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


def failure(address: str) -> SiteFaultError:
    with pytest.raises(SiteFaultError) as caught:
        discover(address)
    return caught.value


@pytest.mark.parametrize(
    "typed",
    [
        "example.org",
        "  https://example.org ",
        "https://example.org/wp-admin/edit.php?post_type=page#top",
        "https://example.org/wp-login.php?redirect_to=x",
        "example.org/wp-json/",
    ],
)
def test_what_people_type_leads_to_the_rest_root(typed: str, wire: responses.RequestsMock) -> None:
    wire.get("https://example.org/", body="hello", headers=LINK)
    wire.get("https://example.org/wp-json/", json=INDEX)
    found = discover(typed)
    assert (found.rest_root, found.name, found.authorization_url) == (
        "https://example.org/wp-json/",
        "Choir",
        GRANT,
    )


def test_a_link_in_the_page_will_do(wire: responses.RequestsMock) -> None:
    wire.get("https://example.org/blog", body='<head><LINK rel="https://api.w.org/" href="/blog/api"></head>')
    wire.get("https://example.org/blog/api/", json=INDEX)
    assert discover("example.org/blog").rest_root == "https://example.org/blog/api/"


def test_without_a_link_the_way_that_always_works_is_tried(wire: responses.RequestsMock) -> None:
    wire.get("https://example.org/", body="a firewall took the links away")
    wire.get("https://example.org/?rest_route=/&_fields=name,namespaces,authentication", json=INDEX)
    assert discover("example.org").rest_root == "https://example.org/?rest_route=/"


def test_redirects_of_the_page_are_followed(wire: responses.RequestsMock) -> None:
    wire.get("http://example.org/", status=301, headers={"Location": "https://www.example.org/de/"})
    link = {"Link": '<https://www.example.org/wp-json/>; rel="https://api.w.org/"'}
    wire.get("https://www.example.org/de/", headers=link)
    wire.get("https://www.example.org/wp-json/", json=INDEX)
    found = discover("http://example.org")
    assert (found.url, found.rest_root) == ("https://www.example.org/de/", "https://www.example.org/wp-json/")


def test_a_site_that_believes_to_be_on_http_is_asked_over_https(wire: responses.RequestsMock) -> None:
    wire.get(
        "https://example.org/", headers={"Link": '<http://example.org/wp-json/>; rel="https://api.w.org/"'}
    )
    wire.get("https://example.org/wp-json/", json=INDEX)
    assert discover("example.org").rest_root == "https://example.org/wp-json/"


def test_redirects_in_circles_end(wire: responses.RequestsMock) -> None:
    wire.get("https://example.org/", status=302, headers={"Location": "/"})
    assert "circles" in str(failure("example.org"))
    assert len(wire.calls) == 6


def test_a_redirect_to_something_else_than_the_web_is_not_followed(wire: responses.RequestsMock) -> None:
    wire.get("https://example.org/", status=302, headers={"Location": "file:///etc/passwd"})
    assert failure("example.org").fault is Fault.NOT_WORDPRESS


@pytest.mark.parametrize(
    "typed", ["", "https://", "ftp://example.org", "my site", "https://[::1", "https://a:b@c.org"]
)
def test_what_is_no_address_is_refused_without_asking_anybody(typed: str) -> None:
    assert failure(typed).fault is Fault.NOT_WORDPRESS


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ({"json": {**INDEX, "authentication": []}}, "disabled"),
        ({"json": {"name": "x"}}, "not WordPress"),
        ({"body": "<title>Shop</title>"}, "No WordPress"),
        ({"status": 404}, "No WordPress"),
        ({"status": 403, "body": "<title>Blocked</title>"}, "closed to visitors"),
        ({"status": 401, "json": {"code": "rest_login_required", "message": "no"}}, "closed to visitors"),
    ],
)
def test_what_cannot_be_connected_says_why(
    answer: dict[str, Any], word: str, wire: responses.RequestsMock
) -> None:
    wire.get("https://example.org/", headers=LINK)
    wire.get("https://example.org/wp-json/", **answer)
    found = failure("example.org")
    assert found.fault is Fault.NOT_WORDPRESS
    assert word in str(found)


def test_a_site_without_https_is_told_to_get_it(wire: responses.RequestsMock) -> None:
    wire.get(
        "http://example.org/", headers={"Link": '<http://example.org/wp-json/>; rel="https://api.w.org/"'}
    )
    wire.get("http://example.org/wp-json/", json={**INDEX, "authentication": []})
    assert "certificate" in str(failure("http://example.org"))


def test_a_site_that_is_down_keeps_its_own_fault(wire: responses.RequestsMock) -> None:
    wire.get("https://example.org/", headers=LINK)
    wire.get("https://example.org/wp-json/", status=502)
    assert failure("example.org").fault is Fault.SERVER
