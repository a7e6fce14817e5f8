from __future__ import annotations

import pytest

from tests.web.english import english_on


@pytest.mark.parametrize(
    "html",
    [
        "<p>The site could not be reached.</p>",
        "<p>Bitte: <b>Enter the address</b> without a user name and password.</p>",
        '<input aria-label="Confirm the password of your account">',
        '<span lang="en">Some unknown fault happened</span>',
    ],
)
def test_english_is_found(html: str) -> None:
    assert english_on(html)


@pytest.mark.parametrize(
    "html",
    [
        "<p>Die Website war nicht erreichbar.</p>",
        "<code>The error of a program that is quoted</code>",
        '<span lang="en">HTTP 204</span>',
        "<script>var text = 'this is not for the reader';</script>",
    ],
)
def test_other_text_is_not(html: str) -> None:
    assert english_on(html) == []
