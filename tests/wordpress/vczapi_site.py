"""A site with the plugin VCZAPI, or its double, and Zoom's API as its requests see it; its edit form as a browser sends it.

The environment variable `ZOOMBRIDGE_VCZAPI` names the folder of the real plugin; without it the double serves. Each test
runs with either.
"""

from __future__ import annotations

import html
import os
import re
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from tests.wordpress.wordpress import WordPress

HERE = Path(__file__).parent
REAL = Path(os.environ["ZOOMBRIDGE_VCZAPI"]) if os.environ.get("ZOOMBRIDGE_VCZAPI") else None
DOUBLE_SLUG = "vczapi"
SLUG = DOUBLE_SLUG if REAL is None else "video-conferencing-with-zoom-api"
MAKE = HERE / "vczapi/make.php"

HOST = "KDcuGIm1QgePTO8WbOqwIQ"
DEPUTY = "dEpUtYuSeRiDaTzOoM123A"
USERS = [
    {"id": HOST, "first_name": "Ada", "last_name": "Host", "email": "ada@example.org"},
    {"id": DEPUTY, "first_name": "Bob", "last_name": "Deputy", "email": "bob@example.org"},
]
NUMBER = 85393847045
_TIMEOUT = 600


def details(**given: Any) -> dict[str, Any]:
    """Return a meeting as Zoom's API does, which starts tomorrow."""
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    return {
        "id": NUMBER,
        "type": 2,
        "topic": 'R&D "weekly"',
        "agenda": "Bring your notes",
        "host_id": HOST,
        "start_time": f"{start:%Y-%m-%dT%H:%M:%SZ}",
        "timezone": "Europe/Berlin",
        "duration": 60,
        "password": "482915",
        "join_url": f"https://us02web.zoom.us/j/{NUMBER}?pwd=aBc.1",
        "start_url": f"https://us02web.zoom.us/s/{NUMBER}?zak=of-the-host",
        "settings": {"waiting_room": True, "mute_upon_entry": True, "alternative_hosts": DEPUTY},
    } | given


class FormParser(HTMLParser):
    """Reads the values that a browser would send of the form with this id, by name; lists for repeated names."""

    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.form_id = form_id
        self.values: list[tuple[str, str]] = []
        self._is_inside = False
        self._select: tuple[str, bool] | None = None
        self._options: list[tuple[str, bool]] = []
        self._textarea: str | None = None
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self._is_inside = given.get("id") == self.form_id
        if not self._is_inside:
            return
        name = given.get("name") or ""
        if tag == "input" and name and self._is_sent(given):
            self.values.append(
                (name, given.get("value") or ("on" if given.get("type") == "checkbox" else ""))
            )
        elif tag == "select":
            self._select, self._options = (name, "multiple" in given), []
        elif tag == "option" and self._select:
            self._options.append((given.get("value") or "", "selected" in given))
        elif tag == "textarea":
            self._textarea, self._text = name, ""

    @staticmethod
    def _is_sent(given: dict[str, str | None]) -> bool:
        if given.get("type") in ("submit", "button", "image", "reset", "file"):
            return False
        return given.get("type") not in ("checkbox", "radio") or "checked" in given

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._is_inside = False
        elif tag == "select" and self._select:
            name, is_multiple = self._select
            chosen = [value for value, is_chosen in self._options if is_chosen]
            if not is_multiple:
                chosen = chosen[-1:] or [value for value, _ in self._options[:1]]
            if self._is_inside and name:
                self.values += [(name, value) for value in chosen]
            self._select = None
        elif tag == "textarea" and self._textarea is not None:
            if self._is_inside and self._textarea:
                self.values.append((self._textarea, self._text.removeprefix("\n")))
            self._textarea = None

    def handle_data(self, data: str) -> None:
        self._text += data


@dataclass
class VczapiSite:
    """The site, and what a test does there."""

    site: WordPress
    session: requests.Session = field(default_factory=requests.Session)
    slug: str = SLUG

    is_real = REAL is not None

    @classmethod
    def start(cls, site: WordPress, *, is_next: bool = False) -> VczapiSite:
        """Activate the plugin, as connected with Zoom, and catch what it sends there.

        `is_next`: in its next generation. That cannot be had, so the double serves in any case.
        """
        shutil.copyfile(HERE / "zoom_api.php", site.directory / "wp-content/mu-plugins/zoom_api.php")
        slug = DOUBLE_SLUG if is_next else SLUG
        if is_next:
            site.php("update_option( 'vczapi_double_next', '1' );")
        site.add_plugin(HERE / "vczapi" if is_next or REAL is None else REAL, slug)
        site.php(
            """
            update_option( 'vczapi_oauth_account_id', 'x' );
            update_option( 'vczapi_oauth_client_id', 'x' );
            update_option( 'vczapi_oauth_client_secret', 'x' );
            update_option( 'vczapi_global_oauth_data', (object) array( 'access_token' => 'x' ) );
            update_option( 'vczapi_sdk_key', 'x' );
            update_option( 'vczapi_sdk_secret_key', 'x' );
            update_option( 'zoombridge_test_zoom', array( 'users' => $users ) );
            """,
            users=USERS,
        )
        made = cls(site, slug=slug)
        made.sign_in(site.user, site.password)
        return made

    def stop(self) -> None:
        """Deactivate it; requests to Zoom fail again."""
        self.site.deactivate_plugin(self.slug)
        self.disconnect()

    def disconnect(self) -> None:
        """Let requests to Zoom fail again. The plugin stays active until the site's next reset."""
        (self.site.directory / "wp-content/mu-plugins/zoom_api.php").unlink()

    def sign_in(self, user: str, password: str) -> None:
        """Open a session in wp-admin."""
        self.session = requests.Session()
        self.session.cookies.set("wordpress_test_cookie", "WP Cookie check")
        form = {"log": user, "pwd": password, "testcookie": "1"}
        answer = self.session.post(
            f"{self.site.url}/wp-login.php", data=form, allow_redirects=False, timeout=_TIMEOUT
        )
        assert answer.status_code == 302, answer.text

    # --- Zoom -----------------------------------------------------------------------------------------

    def hold(self, meeting: dict[str, Any], *, refusal: dict[str, Any] | None = None) -> None:
        """Let Zoom hold a meeting, and answer changes with an error where a `refusal` is given."""
        self.site.php(
            """
            $zoom = get_option( 'zoombridge_test_zoom' );
            $zoom['objects'][ (string) $meeting['id'] ] = $meeting;
            $zoom['refusal'] = $refusal;
            update_option( 'zoombridge_test_zoom', $zoom );
            """,
            meeting=meeting,
            refusal=refusal,
        )

    def held(self, number: int) -> dict[str, Any]:
        """Return a meeting as Zoom holds it now."""
        held: dict[str, Any] = self._zoom()["objects"][str(number)]
        return held

    def changes(self) -> list[tuple[str, str, Any]]:
        """Return what reached Zoom and is more than a question: method, path below `/v2/`, body."""
        return [(how, path, body) for how, path, body in self._zoom().get("requests", []) if how != "GET"]

    def _zoom(self) -> dict[str, Any]:
        zoom: dict[str, Any] = self.site.php("return get_option( 'zoombridge_test_zoom' );")
        return zoom

    # --- Posts ----------------------------------------------------------------------------------------

    def make(self, details: dict[str, Any], **fields: Any) -> int:
        """Make a post as the plugin's form does, of a meeting that Zoom holds."""
        self.hold(details)
        made: int = self.site.php(
            "function_exists( 'vczapi_double_make' ) || require $file; return vczapi_double_make( $details, $fields );",
            file=str(MAKE),
            details=details,
            fields=fields,
        )
        return made

    def meta(self, post: int, key: str) -> Any:
        """Return a meta as the database holds it, objects as dictionaries."""
        return self.site.php(
            """
            global $wpdb;
            $query = "SELECT meta_value FROM $wpdb->postmeta WHERE post_id = %d AND meta_key = %s";
            return maybe_unserialize( $wpdb->get_var( $wpdb->prepare( $query, $post, $key ) ) );
            """,
            post=post,
            key=key,
        )

    # --- Its screens ----------------------------------------------------------------------------------

    def edit_screen(self, post: int) -> str:
        """Return the edit screen of a post."""
        answer = self.session.get(
            f"{self.site.url}/wp-admin/post.php",
            params={"post": str(post), "action": "edit"},
            timeout=_TIMEOUT,
        )
        assert answer.status_code == 200, answer.text
        return answer.text

    def form(self, post: int) -> list[tuple[str, str]]:
        """Return what a browser would send of the edit screen."""
        parser = FormParser("post")
        parser.feed(self.edit_screen(post))
        assert parser.values
        return parser.values

    def press_update(
        self, post: int, shown: list[tuple[str, str]] | None = None, /, **changes: str | list[str] | None
    ) -> str:
        """Press *Update*, with what the editor changed in the form; return the screen that follows.

        `shown` is a form that was opened before. Names as in the form, with `_` for `-`; None unticks a box.
        """
        values = self.form(post) if shown is None else shown
        for name, value in changes.items():
            key = {
                "disable_waiting_room": "disable-waiting-room",
                "alternative_host_ids": "alternative_host_ids[]",
            }.get(name, name)
            values = [(other, kept) for other, kept in values if other != key]
            values += [(key, one) for one in ([value] if isinstance(value, str) else value or [])]
        answer = self.session.post(
            f"{self.site.url}/wp-admin/post.php", data=[*values, ("save", "Update")], timeout=_TIMEOUT
        )
        assert answer.status_code == 200, answer.text
        return html.unescape(answer.text)

    def list_screen(self) -> str:
        """Return the list of all meetings in wp-admin."""
        answer = self.session.get(
            f"{self.site.url}/wp-admin/edit.php", params={"post_type": "zoom-meetings"}, timeout=_TIMEOUT
        )
        assert answer.status_code == 200, answer.text
        return html.unescape(answer.text)

    def press_button(self, post: int, number: int, state: str) -> dict[str, Any]:
        """Press the button with which the plugin disables joining (`end`) or enables it again (`resume`)."""
        nonce = re.search(r'"zvc_security":"(\w+)"', self.list_screen())
        assert nonce is not None
        form = {
            "action": "state_change",
            "type": "post_type",
            "state": state,
            "id": str(number),
            "post_id": str(post),
            "accss": nonce[1],
        }
        url = f"{self.site.url}/wp-admin/admin-ajax.php"
        answer = self.session.post(url, data=form, timeout=_TIMEOUT)
        told: dict[str, Any] = answer.json()
        return told

    # --- What visitors get ----------------------------------------------------------------------------

    def ajax_links(self, post: int, *, start: str = "2020-01-01 10:00:00", signed_in: bool = False) -> str:
        """Return what `set_timezone` answers to a visitor for a post; empty where it refuses."""
        form = {
            "action": "set_timezone",
            "post_id": str(post),
            "type": "page",
            "user_timezone": "UTC",
            "start_date": start,
            "meeting_type": "2",
        }
        sender = self.session if signed_in else requests
        answer = sender.post(f"{self.site.url}/wp-admin/admin-ajax.php", data=form, timeout=_TIMEOUT)
        told = answer.json()
        return html.unescape(str(told["data"])) if told["success"] else ""

    def browser_join(self, post: int) -> str:
        """Return what the address for joining in the browser answers to a visitor."""
        link: str = self.site.php("return get_permalink( $post );", post=post)
        answer = requests.get(link, params={"type": "meeting", "join": "x"}, timeout=_TIMEOUT)
        return answer.text

    def listed(self) -> str:
        """Return the plugin's list of meetings, as visitors see it on a page."""
        link: str = self.site.php(
            """
            return get_permalink( wp_insert_post( array(
                'post_type' => 'page', 'post_status' => 'publish', 'post_title' => 'All',
                'post_content' => '[zoom_list_meetings show="all"]',
            ) ) );
            """
        )
        return html.unescape(requests.get(link, timeout=_TIMEOUT).text)

    def import_meeting(self, number: int) -> dict[str, Any]:
        """Import a meeting by the plugin's own page, and return what it answers."""
        url = f"{self.site.url}/wp-admin/admin-ajax.php"
        check = {"action": "vczapi_sync_user", "type": "check", "user_id": HOST}
        self.session.post(url, data=check, timeout=_TIMEOUT)
        form = {"action": "vczapi_sync_user", "type": "sync", "meeting_id": str(number)}
        answer = self.session.post(url, data=form, timeout=_TIMEOUT)
        told: dict[str, Any] = answer.json() if answer.text not in ("", "0") else {"success": False}
        return told

    def complaints(self) -> list[str]:
        """Return what PHP has complained of, but for deprecations in the plugin's and WordPress's own files."""
        lines = [line for line in self.site.php_log().splitlines() if line]
        return [line for line in lines if not re.search(r"Deprecated: |REQUEST_", line)]
