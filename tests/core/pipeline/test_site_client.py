"""Requests to a site and to where it leads."""

from dataclasses import replace

import pytest
from requests.auth import HTTPBasicAuth

from core.pipeline import site_client
from core.store.sites.sites import Site

LOGIN = HTTPBasicAuth("jürgen".encode(), "a:ö".encode())


@pytest.mark.parametrize(
    ("own", "url", "is_sent"),
    [
        ("https://s1.example.org", "https://s1.example.org/wp-json/", True),
        ("https://s1.example.org", "https://S1.example.org/?p=1", True),
        ("http://s1.example.org", "http://s1.example.org/?p=1", True),
        ("http://s1.example.org", "https://s1.example.org/?p=1", True),
        ("https://s1.example.org", "http://s1.example.org/?p=1", False),
        ("https://s1.example.org", "https://other.example.org/?p=1", False),
        ("https://s1.example.org", "https://s1.example.org.other.example/", False),
    ],
)
def test_password_of_the_web_server_is_sent_to_the_sites_own_host_only(
    site: Site, own: str, url: str, is_sent: bool
) -> None:
    behind = replace(site, url=own, server_username="jürgen", server_password="a:ö")
    with site_client.session(behind, url) as session:
        assert session.auth == (LOGIN if is_sent else None)


def test_no_password_is_sent_where_the_web_server_asks_for_none(site: Site) -> None:
    with site_client.session(site, site.url) as session:
        assert session.auth is None
