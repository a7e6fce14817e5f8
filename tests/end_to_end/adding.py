"""Who adds a site: an administrator at the bridge's own pages and in wp-admin, without a browser.

The WordPress and the bridge are real, and so is what lies between them (`tests.end_to_end.front`). One WordPress is many
sites, one after another: it is what it was after installing, at another name.
"""

from __future__ import annotations

import html
import io
import json
import os
import re
import shutil
import sqlite3
import time
import zipfile
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from core.store.auth.users import Role
from core.zoom.signature import sign
from tests.conftest import STUB_SLUG
from tests.end_to_end.events import Meeting
from tests.end_to_end.front import DOMAIN
from tests.end_to_end.pair import SECRET, eventually
from tests.running import PASSWORD
from tests.wordpress import WordPress
from tests.wordpress.serve import reserve, serve
from tests.wordpress.sqlite import SQLite
from web.rpc import api
from web.rpc.client import RpcClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.end_to_end.front import Front, WebServer
    from tests.plugin_stub.pairing import Admin, Notice
    from tests.running import RunningBridge

_TIMEOUT = 600
_counter = count(1)


class Owner:
    """An administrator who is signed in to the bridge's pages."""

    def __init__(self, bridge: RunningBridge) -> None:
        self.bridge = bridge
        self.session = requests.Session()
        address, _, token = sign_in_link(bridge).partition("?token=")
        self.session.post(address, data={"token": token}, timeout=_TIMEOUT)

    @property
    def rpc(self) -> RpcClient:
        return RpcClient(self.bridge.data / "rpc.json")

    def open(self, path: str) -> requests.Response:
        """Open a page, and follow it where it leads."""
        response = self.session.get(self.bridge.url + path, timeout=_TIMEOUT)
        assert response.status_code == 200, response.text
        return response

    def send(self, path: str, **fields: str) -> requests.Response:
        """Send a form, and return the page that follows."""
        return self.session.post(self.bridge.url + path, data=fields, timeout=_TIMEOUT)

    def new_code(self, address: str = "", *, uses: int = 1, site: str = "") -> str:
        """Ask for the plugin on the page *Add a site*; return the ID of its code."""
        form = {"address": address, "uses": str(uses), "site": site, "bridge_url": self.bridge.url}
        response = self.send("/sites/add", **form)
        found = re.search(r"/sites/add/([0-9a-f]{16})", response.url)
        assert found, response.text
        return found[1]

    def plugin(self, code: str = "") -> bytes:
        """Download the plugin with a code, or without one."""
        return self.open(f"/sites/add/{code}/plugin.zip" if code else "/plugin.zip").content

    def text_of(self, code: str) -> str:
        """Return the code as the page shows it where plugins cannot be uploaded."""
        return _value(self.open(f"/sites/add/{code}").text, "zb-code")

    def pairings(self, code: str) -> list[api.CodePairing]:
        """Return what became of a code."""
        [found] = self.rpc.call(api.SITE_PAIRINGS, api.PairingCodeRequest(code=code))
        return found.pairings

    def await_state(self, code: str, state: str, *, home: str = "") -> api.CodePairing:
        """Watch the page of a code until a use of it, that of the site at `home` if given, is in a state."""
        path = f"/sites/add/{code}"

        def look() -> api.CodePairing | None:
            self.open(path)
            uses = [one for one in self.pairings(code) if home in ("", one.home)]
            return next((one for one in uses if one.state == state), None)

        return eventually(look, lambda: f"Not {state}: {self.pairings(code)}\n{self.bridge.log()[-2000:]}")

    def await_site(self, code: str) -> str:
        """Watch the page of a code until it goes on to the site; return the site's ID."""

        def look() -> str | None:
            found = re.search(r"/sites/([0-9a-f]{12})(?:\?|$)", self.open(f"/sites/add/{code}").url)
            return found[1] if found else None

        return eventually(look, lambda: f"{self.pairings(code)}\n{self.bridge.log()[-2000:]}")

    def confirm(self, code: str) -> str:
        """Wait until the page asks whether the site is the right one, and say yes; return the site's ID."""
        self.press(code, "confirm", self.await_state(code, "confirm").id)
        return self.await_site(code)

    def press(self, code: str, do: str, pairing: str, **fields: str) -> requests.Response:
        """Press a button on the page of a code."""
        return self.send(f"/sites/add/{code}", do=do, pairing=pairing, **fields)

    def endpoint(self, site_id: str) -> str:
        """Return the address that the page *Webhooks* gives to paste into Zoom."""
        return _value(self.open(f"/webhooks?site={site_id}").text, "zb-meeting")

    def save_token(self, site_id: str) -> None:
        """Save Zoom's secret token."""
        response = self.send("/webhooks", site=site_id, secret_token=SECRET, verification_token="")
        assert "Saved." in response.text, response.text

    def sites(self) -> list[api.ListedSite]:
        """Return all sites."""
        return self.rpc.call(api.SITE_LIST, api.SiteListRequest())

    def site_at(self, address: str) -> list[str]:
        """Return the IDs of the sites whose addresses hold a text."""
        return [site.id for site in self.sites() if address in site.url]

    def check(self, site_id: str) -> dict[str, str]:
        """Press *Check connection*; return what is wrong but for what depends on Zoom, by the name of the fact."""
        found = self.rpc.call(api.SITE_CHECK, api.SiteRequest(site=site_id))
        zoom = ("secret token", "Zoom", "events")
        return {fact.name: fact.message for fact in found if not fact.ok and fact.name not in zoom}

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Read the bridge's database beside it."""
        address = f"file:{self.bridge.data / 'zoombridge.db'}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as connection:
            return connection.execute(query, values).fetchall()


@dataclass
class Place:
    """One WordPress, its administrator in wp-admin, the bridge with its owner, and the Internet between them."""

    wordpress: WordPress
    admin: Admin
    owner: Owner
    front: Front

    def be_at(self, home: str, server: WebServer | None = None, *, is_served: bool = True) -> None:
        """Give WordPress an address, and have it served there."""
        set_option(self.wordpress, "home", home)
        if is_served:
            self.front.serve(urlsplit(home).hostname or "", self.wordpress.url, server=server)

    def begin(self, name: str, server: WebServer | None = None, *, home: str = "") -> str:
        """Have a WordPress as it was after installing, at a name of its own; return its home."""
        self.wordpress.reset()
        address = home or f"http://{name}.{DOMAIN}"
        self.be_at(address, server)
        return address

    def upload(self, code: str = "") -> None:
        """Put the downloaded plugin in place of the one that is there, as an upload does. It is active already."""
        upload(self.wordpress, self.owner.plugin(code))

    def connect(self, address: str = "", *, site: str = "") -> str:
        """Add the site: from the code to the upload, and the call. Return the ID of the code."""
        code = self.owner.new_code(address, site=site)
        self.upload(code)
        self.admin.open()
        return code

    def connected(self, home: str) -> str:
        """Add the site at its address; return its ID."""
        return self.owner.await_site(self.connect(home))

    def page_of(self, meeting: Meeting) -> str:
        """Wait until the bridge has written the page of a meeting; return its address."""
        query = "SELECT link FROM posts WHERE number = ? AND state = 'synced' AND written = wanted"

        def look() -> str | None:
            found = self.owner.rows(query, meeting.number)
            return str(found[0][0]) if found and found[0][0] else None

        return eventually(look, partial(self._why, meeting.number))

    def makes_a_page(
        self, site_id: str, account: str, auth: tuple[str, str] | None = None, *, endpoint: str = ""
    ) -> Meeting:
        """Let Zoom send a meeting to the address that is to be pasted there, or to another one; look at the page as a visitor."""
        self.owner.save_token(site_id)
        meeting = Meeting("meeting", topic=f"Rehearsal at {account}")
        event = meeting.created()
        event["payload"]["account_id"] = account
        response = self.send(endpoint or self.owner.endpoint(site_id), event)
        assert response.status_code == 204, response.text
        with self.front.session() as visitor:
            shown = visitor.get(self.page_of(meeting), auth=auth, timeout=_TIMEOUT)
        assert shown.status_code == 200, shown.url
        assert meeting.topic in html.unescape(shown.text)
        return meeting

    def updates_the_page(self, site_id: str, meeting: Meeting, account: str) -> None:
        """Let Zoom tell of another topic: the page shows it, and is the one that was there before."""
        query = "SELECT post_id FROM posts WHERE site_id = ? AND number = ?"
        before = self.owner.rows(query, site_id, meeting.number)
        topic = f"Concert {next(_counter)} at {account}"
        event = meeting.updated(topic=topic)
        event["payload"]["account_id"] = account
        response = self.send(self.owner.endpoint(site_id), event)
        assert response.status_code == 204, response.text

        def is_shown() -> bool:
            with self.front.session() as visitor:
                return topic in html.unescape(visitor.get(self.page_of(meeting), timeout=_TIMEOUT).text)

        eventually(is_shown, partial(self._why, meeting.number))
        assert self.owner.rows(query, site_id, meeting.number) == before

    def send(self, url: str, event: dict[str, Any]) -> requests.Response:
        """Send an event as Zoom does: signed, and without following a redirect."""
        body = json.dumps(event).encode()
        timestamp = int(time.time())
        headers = {
            "user-agent": "Zoom Marketplace/1.0a",
            "content-type": "application/json; charset=utf-8",
            "x-zm-request-timestamp": str(timestamp),
            "x-zm-signature": sign(SECRET, timestamp, body),
        }
        with self.front.session() as zoom:
            return zoom.post(url, data=body, headers=headers, timeout=_TIMEOUT, allow_redirects=False)

    def _why(self, number: int) -> str:
        posts = self.owner.rows("SELECT * FROM posts WHERE number = ?", number)
        events = self.owner.rows("SELECT event, outcome, reason FROM events WHERE number = ?", number)
        return f"{posts}\n{events}\n{self.owner.bridge.log()[-3000:]}\n{self.wordpress.php_log()}"


def sign_in_link(bridge: RunningBridge, name: str = "anna", role: Role = Role.ADMINISTRATOR) -> str:
    """Return a link by which a new user signs in, without starting a command."""
    rpc = RpcClient(bridge.data / "rpc.json")
    rpc.call(api.USER_ADD, api.AddUser(name=name, role=role, password=PASSWORD))
    return bridge.url + rpc.call(api.USER_LINK, api.MakeLink(name=name, keep_password=True)).path


def upload(site: WordPress, plugin: bytes) -> None:
    """Put a plugin that was downloaded in place of the one that is there, at once: others may request the site meanwhile."""
    installed = site.directory / "wp-content/plugins" / STUB_SLUG
    with TemporaryDirectory(dir=site.directory) as unpacked:
        with zipfile.ZipFile(io.BytesIO(plugin)) as packed:
            packed.extractall(unpacked)
        installed.rename(Path(unpacked) / "before")
        (Path(unpacked) / STUB_SLUG).rename(installed)


def database(site: WordPress) -> Path:
    """Return the file that is the database of a WordPress on SQLite."""
    return site.directory.parent / "database/wordpress.sqlite"


def set_option(site: WordPress, name: str, value: str) -> None:
    """Change an option of a WordPress on SQLite, without starting PHP."""
    with closing(sqlite3.connect(database(site), timeout=30)) as connection, connection:
        row = value, name
        changed = connection.execute("UPDATE wp_options SET option_value = ? WHERE option_name = ?", row)
        assert changed.rowcount == 1, name


@contextmanager
def copied(site: WordPress, name: str, *, home: str = "") -> Iterator[WordPress]:
    """Copy a WordPress with files and database, as tools for staging do, and serve it at an address of its own.

    With `home` by search and replace; else it has the home that it was copied with.
    """
    old = site.directory.parent
    new = old / name
    shutil.copytree(site.directory, new / "wordpress", copy_function=os.link)
    file_of_copy = SQLite(new / "database")
    shutil.copyfile(database(site), file_of_copy.file)
    log = new / "php.log"
    log.touch()
    for linked in ("wp-config.php", "wp-content/db.php"):
        file = new / "wordpress" / linked
        text = file.read_text(encoding="utf-8").replace(str(old), str(new))
        file.unlink()
        file.write_text(text, encoding="utf-8")
    held = reserve(0)
    url = f"http://127.0.0.1:{held.getsockname()[1]}"
    server = serve(
        new / "wordpress",
        held,
        program=site.program,
        workers=2,
        php_log=log,
        log=new / "server.log",
        remove=None,
    )
    made = WordPress(
        site.kind,
        program=site.program,
        url=url,
        directory=new,
        version=site.version,
        application_password=site.application_password,
        database=file_of_copy,
        server=server,
    )
    try:
        search_and_replace(made, site.url, url)
        if home:
            search_and_replace(made, option(site, "home"), home)
        yield made
    finally:
        made.stop()
        shutil.rmtree(new)


def search_and_replace(site: WordPress, old: str, new: str) -> None:
    """Replace an address in every text of a WordPress on SQLite, but for what PHP serialized."""
    with closing(sqlite3.connect(database(site), timeout=30)) as connection, connection:
        tables = connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'wp_%'"
        )
        for (table,) in tables.fetchall():
            for column in connection.execute(f"PRAGMA table_info({table})").fetchall():
                name = f'"{column[1]}"'
                connection.execute(
                    f"UPDATE {table} SET {name} = replace({name}, ?, ?) "
                    f"WHERE instr({name}, ?) AND {name} NOT LIKE 'a:%'",
                    (old, new, old),
                )


def option(site: WordPress, name: str) -> str:
    """Return an option of a WordPress on SQLite."""
    with closing(sqlite3.connect(database(site))) as connection:
        found = connection.execute("SELECT option_value FROM wp_options WHERE option_name = ?", (name,))
        return str(found.fetchone()[0])


def notice(found: list[Notice], does: str) -> Notice:
    """Return the notice that has a button."""
    [one] = [one for one in found if does in one.buttons]
    return one


def _value(page: str, field_id: str) -> str:
    found = re.search(rf'id="{field_id}"[^>]*?value="([^"]*)"', page)
    assert found, page
    return html.unescape(found[1])
