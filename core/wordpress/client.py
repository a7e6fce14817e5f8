"""One site's REST API, as the bridge uses it. The wire with the plugin is docs/stub.md."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.errors import SiteFaultError
from core.wordpress import http
from core.wordpress.faults import Fault, classify, stub_missing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from core.wordpress.faults import Answer

POSTS = "wp/v2/zoom_meetings"
_KEPT = "id,status,link,title.raw,content.raw,zoombridge"
# Every status, and the trash, which `any` leaves out.
_ANYWHERE = "any,trash"
_MOST_POSTS = 100  # of a page of WordPress's; a number has one post, where nobody copied it


@dataclass(frozen=True, slots=True)
class SitePost:
    """A post as it is on the site.

    `title` and `content` are what is stored, not what is shown. `field` is the REST field `zoombridge`, as
    docs/stub.md says that it is read; its `revision` is None for a post that the bridge does not manage.
    """

    id: int
    status: str
    link: str
    title: str
    content: str
    field: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class User:
    """The WordPress user that the bridge signs in as. `capabilities` are those that the user has."""

    id: int
    name: str
    capabilities: frozenset[str]


@dataclass(frozen=True, slots=True)
class Connection:
    """What the plugin says of itself, and of the bridge that it is paired with (docs/stub.md, *Pairing*).

    `stub` is its version. `type_owner` is who registered the post type: `stub` or `other`. `vczapi` is the
    version of the plugin *Video Conferencing with Zoom*, None where that is not active. `page` is the
    address of the Webhooks page in wp-admin.
    """

    stub: str
    paired: bool
    bridge: str | None
    site: str | None
    endpoints: Mapping[str, str]
    type_owner: str
    vczapi: str | None
    vczapi_pro: bool
    page: str


@dataclass(frozen=True, slots=True)
class Check:
    """Whether the site reaches the bridge: `message` says in plain words what is wrong, else it is empty."""

    reached: bool
    status: int | None
    message: str


class WordPressClient:
    """Speaks to one site. Not to be shared between threads: it holds one HTTP session.

    `rest_root` is the address of the REST API with a slash at the end, `https://SITE/wp-json/`, or with plain
    permalinks `https://SITE/?rest_route=/`. Every method raises SiteFaultError where the site does not do
    what it was asked, and tries once. `timeout` (connect, read) is in seconds.
    """

    def __init__(
        self,
        rest_root: str,
        username: str,
        application_password: str,
        *,
        timeout: tuple[float, float] = (http.CONNECT_TIMEOUT, http.READ_TIMEOUT),
    ) -> None:
        self._root = rest_root if rest_root.endswith("/") else rest_root + "/"
        self._timeout = timeout
        self._session = http.session()
        # As bytes: requests would encode text as Latin-1, and user names are not always.
        self._session.auth = (username.encode(), application_password.encode())
        pair = base64.b64encode(f"{username}:{application_password}".encode()).decode()
        self._secrets = [secret for secret in (pair, application_password) if secret]

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def __enter__(self) -> WordPressClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def create_post(self, fields: Mapping[str, Any]) -> SitePost:
        """Make a post of `title`, `content`, `status` and `zoombridge`, and return it.

        SiteFaultError with fault `exists` and the `post_id` where the number has a post already.
        """
        return self._ask("POST", POSTS, _site_post, params={"_fields": _KEPT}, json=fields)

    def update_post(self, post_id: int, fields: Mapping[str, Any]) -> SitePost:
        """Change what is given and return the post. Its old `status` takes it out of the trash."""
        return self._ask("POST", f"{POSTS}/{post_id}", _site_post, params={"_fields": _KEPT}, json=fields)

    def read_post(self, post_id: int) -> SitePost:
        """Return a post, from the trash too; fault `post_missing` where there is none."""
        return self._ask("GET", f"{POSTS}/{post_id}", _site_post, params={"context": "edit", "_fields": _KEPT})

    def find_posts(self, number: int) -> list[SitePost]:
        """Return the posts of a Zoom number: those outside the trash first, then by id."""
        params = {
            "context": "edit",
            "_fields": _KEPT,
            "status": _ANYWHERE,
            "per_page": _MOST_POSTS,
            "zoombridge_number": str(number),
        }
        found = self._ask("GET", POSTS, _site_posts, params=params)
        # A site without the plugin knows no such parameter, and would answer with just any posts.
        mine = [post for post in found if post.field.get("number") == str(number)]
        return sorted(mine, key=lambda post: (post.status == "trash", post.id))

    def trash_post(self, post_id: int) -> SitePost:
        """Put a post into the trash and return it; one that is there already stays there."""
        try:
            return self._ask("DELETE", f"{POSTS}/{post_id}", _trashed, params={"_fields": _KEPT})
        except SiteFaultError as error:
            if error.status == 410:  # noqa: PLR2004 (rest_already_trashed)
                return self.read_post(post_id)
            raise

    def delete_post(self, post_id: int) -> None:
        """Delete a post for good, from the trash too; fault `post_missing` where there is none."""
        self._ask("DELETE", f"{POSTS}/{post_id}", _deleted, params={"force": "true", "_fields": "deleted"})

    def me(self) -> User:
        """Return the user that the bridge signs in as."""
        params = {"context": "edit", "_fields": "id,name,capabilities"}
        return self._ask("GET", "wp/v2/users/me", _user, params=params)

    def connection(self) -> Connection:
        """Return what the plugin says of itself; fault `stub_missing` where it is not there."""
        return self._ask("GET", "zoombridge/v1/connection", _connection)

    def pair(self, bridge: str, site: str, key: str) -> Connection:
        """Tell the plugin the bridge's address, its name for the site, and the key that both sign with."""
        told = {"bridge": bridge, "site": site, "key": key}
        return self._ask("POST", "zoombridge/v1/connection", _connection, json=told)

    def unpair(self) -> Connection:
        """Make the plugin forget the bridge."""
        return self._ask("DELETE", "zoombridge/v1/connection", _connection)

    def check_connection(self) -> Check:
        """Let the plugin call the bridge, and return how that went."""
        return self._ask("POST", "zoombridge/v1/connection/check", _check)

    def _ask[Read](
        self,
        method: str,
        route: str,
        read: Callable[[Any], Read],
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
    ) -> Read:
        try:
            answer = http.ask(
                self._session, method, self._root + route, params=params, json=json, timeout=self._timeout
            )
            return self._read(answer, read, wrote=method != "GET")
        except SiteFaultError as error:
            for secret in self._secrets:
                error.evidence = error.evidence.replace(secret, "•••")
            raise
