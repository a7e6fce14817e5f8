"""What a visitor gets, by the response."""

import pytest

from core.model.page_visit import PageVisit, is_same_page, origin_of, visit_of

PAGE = "https://choir.example.org/meetings/rehearsal/"


@pytest.mark.parametrize(
    ("status", "visit"),
    [
        (200, PageVisit.SHOWN),
        (404, PageVisit.MISSING),
        (410, PageVisit.MISSING),
        (302, PageVisit.ELSEWHERE),
        (301, PageVisit.ELSEWHERE),
        (401, PageVisit.UNCLEAR),
        (403, PageVisit.UNCLEAR),
        (429, PageVisit.UNCLEAR),
        (500, PageVisit.UNCLEAR),
        (503, PageVisit.UNCLEAR),
    ],
)
def test_status(status: int, visit: PageVisit) -> None:
    assert visit_of(status) is visit


@pytest.mark.parametrize(
    ("status", "target", "expected"),
    [
        (301, "https://choir.example.org/new/rehearsal/", True),
        (302, "https://choir.example.org/meetings/rehearsal", True),
        (302, "https://choir.example.org/login/", False),
        (302, "https://choir.example.org/wp-login.php?redirect_to=x", False),
        (301, "https://choir.example.org/", False),
        (301, "https://choir.example.org/wp-login.php", False),
        (301, "https://elsewhere.example.org/meetings/rehearsal/", False),
        (301, "http://choir.example.org/meetings/rehearsal/", False),
        (301, "https://choir.example.org:443/new/", True),
        (301, "https://choir.example.org:8443/new/", False),
        (302, "https://choir.example.org:8443/meetings/rehearsal/", False),
        (301, "https://choir.example.org:x/new/", False),
        (301, "https://[", False),
        (200, PAGE, False),
    ],
)
def test_redirects_that_are_followed(status: int, target: str, expected: bool) -> None:
    assert is_same_page(status, PAGE, target) is expected


def test_redirect_to_https_is_followed() -> None:
    assert is_same_page(302, "http://choir.example.org/a", "https://choir.example.org/a")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://Choir.example.org/a", ("choir.example.org", None)),
        ("https://choir.example.org:443/", ("choir.example.org", None)),
        ("http://choir.example.org:80", ("choir.example.org", None)),
        ("http://choir.example.org:8080/a", ("choir.example.org", 8080)),
        ("/a", (None, None)),
    ],
)
def test_origin(address: str, expected: tuple[str | None, int | None]) -> None:
    assert origin_of(address) == expected
