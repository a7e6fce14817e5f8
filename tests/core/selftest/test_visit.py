"""The visit of a page by the self-test: where redirects lead."""

import responses

from core.selftest import steps
from core.sites.diagnosis import VisitorResponse
from core.store.sites.sites import Site

PAGE = "https://s1.example.org/zoom-meetings/probe/"


ELSEWHERE = (
    "https://other.example/",
    "https://s1.example.org:8443/",
    "http://s1.example.org/x/",
    "http://[",
    "ftp://s1.example.org/",
)


def test_does_not_leave_the_server(site: Site) -> None:
    for target in ELSEWHERE:
        with responses.RequestsMock() as wire:
            wire.get(PAGE, status=302, headers={"Location": target})
            seen = steps.visit_page(site, PAGE, "probe")
        assert (seen.status, seen.has_topic) == ((None if "[" in target else 302), False)


def test_follows_redirects_within_the_server(site: Site) -> None:
    with responses.RequestsMock() as wire:
        wire.get(PAGE, status=301, headers={"Location": "/x/"})
        wire.get("https://s1.example.org/x/", body="<title>X</title>probe")
        assert steps.visit_page(site, PAGE, "probe") == VisitorResponse(200, True, "X")
