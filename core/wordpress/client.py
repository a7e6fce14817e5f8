"""One site's REST API, as the bridge uses it. The wire with the plugin is docs/stub.md."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self, TypeVar

from requests.auth import HTTPBasicAuth

from core.errors import SiteFaultError
from core.wordpress import transport
from core.wordpress.discovery import Discovery, discover
from core.wordpress.faults import Fault, classify, credentials, stub_missing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from core.wordpress.faults import Answer

__all__ = ["Check", "Connection", "Discovery", "SitePost", "User", "WordPressClient", "discover"]

Read = TypeVar("Read")

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
        timeout: tuple[float, float] = (transport.CONNECT_TIMEOUT, transport.READ_TIMEOUT),
    ) -> None:
        self._root = rest_root if rest_root.endswith("/") else rest_root + "/"
        self._timeout = timeout
        self._session = transport.session()
        # As bytes: requests would encode text as Latin-1, and user names are not always.
        self._session.auth = HTTPBasicAuth(username.encode(), application_password.encode())
        pair = base64.b64encode(f"{username}:{application_password}".encode()).decode()
        shown = (pair, application_password, application_password.replace(" ", ""))
        self._secrets = [secret.encode() for secret in shown if secret]

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def create_post(self, fields: Mapping[str, Any]) -> SitePost:
        """Make a post of `title`, `content`, `status` and `zoombridge`, and return it.

        SiteFaultError with fault `exists` and the `post_id` where the number has a post already.
        """
        made = self._ask("POST", POSTS, _made, params={"_fields": _KEPT}, json=fields)
        if isinstance(made, SitePost):
            return made
        # Where our plugin is switched off, but the post type is there, WordPress makes a bare post that
        # nothing would ever find again.
        self.delete_post(made)
        raise stub_missing("a new post had no field “zoombridge”, and was deleted again")

    def update_post(self, post_id: int, fields: Mapping[str, Any]) -> SitePost:
        """Change what is given and return the post. Its old `status` takes it out of the trash."""
        return self._ask("POST", f"{POSTS}/{post_id}", _site_post, params={"_fields": _KEPT}, json=fields)

    def read_post(self, post_id: int) -> SitePost:
        """Return a post, from the trash too; fault `post_missing` where there is none."""
        return self._ask(
            "GET", f"{POSTS}/{post_id}", _site_post, params={"context": "edit", "_fields": _KEPT}
        )

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

    def trash_post(self, post_id: int) -> bool:
        """Put a post into the trash; return False where it was there already."""
        try:
            self._ask("DELETE", f"{POSTS}/{post_id}", _trashed, params={"_fields": _KEPT})
        except SiteFaultError as error:
            if error.status == HTTPStatus.GONE:  # rest_already_trashed
                return False
            raise
        return True

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

    def _ask(
        self,
        method: str,
        route: str,
        read: Callable[[Any], Read],
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
    ) -> Read:
        """Send one request and return what `read` makes of the JSON; `read` raises ValueError over a wrong one."""
        answer = transport.ask(
            self._session, method, self._root + route, params=params, json=json, timeout=self._timeout
        )
        if answer.status in range(200, 300):
            try:
                return read(answer.json())
            except ValueError:
                pass  # a success that is none: a page, or somebody else's JSON
        raise classify(self._without_secrets(answer), now=transport.now(), wrote=method != "GET")

    def _without_secrets(self, answer: Answer) -> Answer:
        """Return an answer without our password, should the site's error page repeat what it was sent."""
        body = answer.body
        for secret in self._secrets:
            body = body.replace(secret, "•••".encode())
        return replace(answer, body=body)


class _UnexpectedError(ValueError):
    """JSON of another shape than was due."""


def _site_post(told: Any) -> SitePost:
    if not isinstance(told, dict) or not isinstance(told.get("id"), int) or "status" not in told:
        raise _UnexpectedError("not a post")
    if "zoombridge" not in told:
        raise stub_missing("the post has no field “zoombridge”")
    if not isinstance(told["zoombridge"], dict):
        raise credentials("the field “zoombridge” is hidden from this user")
    return SitePost(
        id=told["id"],
        status=str(told["status"]),
        link=str(told.get("link") or ""),
        title=_raw(told.get("title")),
        content=_raw(told.get("content")),
        field=told["zoombridge"],
    )


def _made(told: Any) -> SitePost | int:
    """Return the new post, or only its id where it lacks our field."""
    try:
        return _site_post(told)
    except SiteFaultError as error:
        if error.fault is Fault.STUB_MISSING:
            return int(told["id"])
        raise


def _site_posts(told: Any) -> list[SitePost]:
    if not isinstance(told, list):
        raise _UnexpectedError("not a list")
    return [_site_post(post) for post in told]


def _trashed(told: Any) -> SitePost:
    post = _site_post(told)
    if post.status != "trash":
        raise _UnexpectedError("not in the trash")
    return post


def _deleted(told: Any) -> None:
    if not isinstance(told, dict) or told.get("deleted") is not True:
        raise _UnexpectedError("not deleted")


def _user(told: Any) -> User:
    if not isinstance(told, dict) or not isinstance(told.get("id"), int):
        raise _UnexpectedError("not a user")
    held = told.get("capabilities")
    capabilities = held if isinstance(held, dict) else {}
    return User(
        told["id"], str(told.get("name") or ""), frozenset(key for key, has in capabilities.items() if has)
    )


def _connection(told: Any) -> Connection:
    if not isinstance(told, dict) or not isinstance(told.get("stub"), str):
        raise _UnexpectedError("not a connection")
    endpoints = told.get("endpoints")
    return Connection(
        stub=told["stub"],
        paired=told.get("paired") is True,
        bridge=_optional(told.get("bridge")),
        site=_optional(told.get("site")),
        endpoints=endpoints if isinstance(endpoints, dict) else {},
        type_owner=str(told.get("type") or ""),
        vczapi=_optional(told.get("vczapi")),
        vczapi_pro=told.get("vczapi_pro") is True,
        page=str(told.get("page") or ""),
    )


def _check(told: Any) -> Check:
    if not isinstance(told, dict) or not isinstance(told.get("reached"), bool):
        raise _UnexpectedError("not a check")
    status = told.get("status")
    return Check(told["reached"], status if isinstance(status, int) else None, str(told.get("message") or ""))


def _raw(text: Any) -> str:
    raw = text.get("raw") if isinstance(text, dict) else None
    return raw if isinstance(raw, str) else ""


def _optional(text: Any) -> str | None:
    return text if isinstance(text, str) else None
