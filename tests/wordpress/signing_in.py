"""Sign in to a WordPress in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

_TRIES = 3


def username_field(page: Page) -> Locator:
    """Return the field for the user name on WordPress's sign-in page, once its script has moved the focus there.

    It does so a moment after the page has loaded. What is typed meanwhile into another field lands there, too.
    """
    field = page.get_by_label("Username or Email Address")
    expect(field).to_be_focused()
    return field


def sign_in(page: Page, user: str, password: str) -> None:
    """Fill in and submit WordPress's sign-in page, which is open; also where scripts are off, and none moves the focus."""
    fields = {
        page.get_by_label("Username or Email Address"): user,
        page.get_by_label("Password", exact=True): password,
    }
    for _ in range(_TRIES):
        for field, value in fields.items():
            field.fill(value)
        # The script moves the focus once: what was typed then may be in the other field.
        if all(field.input_value() == value for field, value in fields.items()):
            break
    page.get_by_role("button", name="Log In").click()
