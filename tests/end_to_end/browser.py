"""What a person does in wp-admin, without a browser: for tests that want its forms, and not its looks."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING

import requests

if TYPE_CHECKING:
    from tests.wordpress import WordPress


def sign_in(site: WordPress) -> requests.Session:
    """Sign in at wp-login.php, as the administrator."""
    session = requests.Session()
    session.cookies.set("wordpress_test_cookie", "WP Cookie check")
    form = {"log": site.user, "pwd": site.password, "testcookie": "1"}
    answer = session.post(f"{site.url}/wp-login.php", data=form, allow_redirects=False, timeout=600)
    assert answer.status_code == 302, answer.text
    return session


def page_of(site: WordPress) -> str:
    """Return the address of the bridge's pages in wp-admin, which begin with the checklist or the overview."""
    address: str = site.php("return zoombridge_page_url();")
    return address


def webhooks_of(site: WordPress) -> str:
    """Return the address of the page Webhooks in wp-admin."""
    return f"{page_of(site)}&zoombridge=%2Fwebhooks"


def save_secret(site: WordPress, secret: str) -> str:
    """Save a secret token on the page Webhooks inside wp-admin; return the page that follows."""
    with sign_in(site) as session:
        shown = session.get(webhooks_of(site), timeout=600)
        assert shown.status_code == 200
        form = next(part for part in shown.text.split("<form")[1:] if 'name="secret_token"' in part)
        action = re.search(r'action="([^"]*)"', form)
        assert action
        hidden = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', form)
        fields = {name: unescape(value) for name, value in hidden} | {"secret_token": secret}
        answer = session.post(unescape(action[1]), data=fields, timeout=600)
        assert answer.status_code == 200, answer.text
        return unescape(answer.text)
