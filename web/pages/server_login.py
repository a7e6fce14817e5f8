"""The form for user and password of the web server in front of a site (HTTP Basic authentication)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from web.pages.page import PageHandler

_LONGEST = 200


def read_server_login(handler: PageHandler) -> tuple[str, str, dict[str, str]]:
    """Return user name and password of the form, and what is wrong with them, by field."""
    username = handler.get_body_argument("username", "").strip()
    password = handler.get_body_argument("password", "", strip=False)
    errors = {}
    # The colon ends the user name in the header: https://www.rfc-editor.org/rfc/rfc7617#section-2
    if not 0 < len(username) <= _LONGEST or ":" in username:
        errors["username"] = handler.words.gettext("Enter the user name that the web server asks for.")
    if not 0 < len(password) <= _LONGEST:
        errors["password"] = handler.words.gettext("Enter the password that the web server asks for.")
    return username, password, errors
