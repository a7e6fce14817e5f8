"""Sign in to a WordPress in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


def username_field(page: Page) -> Locator:
    """Return the field for the user name on WordPress's sign-in page, once it has the focus.

    WordPress moves the focus there a moment after the page has loaded. What is typed meanwhile into another field lands
    there, too.
    """
    field = page.get_by_label("Username or Email Address")
    expect(field).to_be_focused()
    return field


def sign_in(page: Page, user: str, password: str) -> None:
    """Fill in and submit WordPress's sign-in page, which is open."""
    username_field(page).fill(user)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Log In").click()
