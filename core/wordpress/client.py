"""One site's REST API, as the bridge uses it. The wire with the plugin is docs/stub.md."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field, replace
from html import unescape
from http import HTTPStatus
from json import dumps as json_text
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urlencode

from requests.auth import HTTPBasicAuth

from core.errors import SiteFaultError
from core.wordpress import transport
from core.wordpress.asks import (
    CATEGORIES,
    CreatePost,
    DeletePost,
    FindPosts,
    ReadPost,
    TrashPost,
    UpdatePost,
)
from core.wordpress.discovery import Discovery, discover
from core.wordpress.faults import Answer, Fault, classify, credentials, stub_missing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from core.wordpress.asks import Ask

__all__ = ["Check", "Choice", "Connection", "Discovery", "SitePost", "User", "WordPressClient", "discover"]

Read = TypeVar("Read")

MOST_IN_BATCH = 25
"""Requests in one of WordPress's batches (rest_get_max_batch_size); it takes no GET."""

POSTS = "wp/v2/zoom_meetings"
MOST_CHOICES = 100
"""Of users or categories: a page of WordPress's."""

_CHOICES = {"per_page": str(MOST_CHOICES), "_fields": "id,name"}
_PASSWORDS = "wp/v2/users/me/application-passwords"
_KEPT = "id,status,link,title.raw,content.raw,zoombridge"
# Every status, and the trash, which `any` leaves out.
_ANYWHERE = "any,trash"
_WRITES = (CreatePost, UpdatePost, TrashPost, DeletePost)
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
class ApplicationPassword:
    """The application password that is signed in with. `app_id` is that of the application it was made for."""

    uuid: str
    app_id: str


@dataclass(frozen=True, slots=True)
class Choice:
    """Something on the site that can be chosen: a user, or a category."""

    id: int
    name: str


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
        self._batches = True
        self._ahead: float | None = None
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

    @property
    def seconds_ahead(self) -> float | None:
        """How far the site's clock was ahead of this machine's at its last answer; None where it did not tell.

        Good to a second or two: the header tells whole ones.
        """
        return self._ahead

    def create_post(self, fields: Mapping[str, Any]) -> SitePost:
        """Make a post of `title`, `content`, `status` and `zoombridge`, and return it.

        SiteFaultError with fault `exists` and the `post_id` where the number has a post already.
        """
        made: SitePost = self._perform(CreatePost(fields))
        return made

    def update_post(self, post_id: int, fields: Mapping[str, Any]) -> SitePost:
        """Change what is given and return the post. Its old `status` takes it out of the trash."""
        changed: SitePost = self._perform(UpdatePost(post_id, fields))
        return changed

    def read_post(self, post_id: int) -> SitePost:
        """Return a post, from the trash too; fault `post_missing` where there is none."""
        post: SitePost = self._perform(ReadPost(post_id))
        return post

    def find_posts(self, number: int) -> list[SitePost]:
        """Return the posts of a Zoom number: those outside the trash first, then by id."""
        found: list[SitePost] = self._perform(FindPosts(number))
        return found

    def trash_post(self, post_id: int) -> bool:
        """Put a post into the trash; return False where it was there already."""
        moved: bool = self._perform(TrashPost(post_id))
        return moved

    def delete_post(self, post_id: int) -> None:
        """Delete a post for good, from the trash too; fault `post_missing` where there is none."""
        self._perform(DeletePost(post_id))

    def perform(self, asks: Sequence[Ask]) -> list[Any]:
        """Do what is asked, and return for each its answer or the SiteFaultError that it met.

        Several writes go in requests of 25 at most; what WordPress makes of one does not touch the others.
        """
        answers: list[Any] = [None] * len(asks)
        writes = [index for index, ask in enumerate(asks) if isinstance(ask, _WRITES)]
        if len(writes) > 1 and self._batches:
            for start in range(0, len(writes), MOST_IN_BATCH):
                chunk = writes[start : start + MOST_IN_BATCH]
                told = self._perform_together([asks[index] for index in chunk])
                for index, answer in zip(chunk, told, strict=True):
                    answers[index] = answer
        else:
            writes = []
        down: SiteFaultError | None = None
        for index in sorted(set(range(len(asks))) - set(writes)):
            if down is not None:
                answers[index] = down  # the rest would fare no better, and each may take until its time-out
                continue
            try:
                answers[index] = self._perform(asks[index])
            except SiteFaultError as error:
                answers[index] = error
                down = error if error.fault.stops_site else None
        return answers

    def me(self) -> User:
        """Return the user that the bridge signs in as."""
        params = {"context": "edit", "_fields": "id,name,capabilities"}
        return self._ask("GET", "wp/v2/users/me", _user, params=params)

    def authors(self) -> list[Choice]:
        """Return the users who may be authors, by name: a hundred at most, which is what WordPress gives at once."""
        params = {"context": "edit", "capabilities": "edit_posts", "orderby": "name", **_CHOICES}
        return self._ask("GET", "wp/v2/users", _choices, params=params)

    def categories(self) -> list[Choice]:
        """Return the categories of meetings, by name: a hundred at most."""
        params = {"context": "edit", "orderby": "name", **_CHOICES}
        return self._ask("GET", f"wp/v2/{CATEGORIES}", _choices, params=params)

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

    def application_password(self) -> ApplicationPassword:
        """Return which application password this is (WordPress 5.7 or newer)."""
        return self._ask("GET", f"{_PASSWORDS}/introspect", _application_password)

    def revoke(self, password: ApplicationPassword) -> None:
        """Make WordPress forget an application password of this user's: the present one ends with this request."""
        self._ask("DELETE", f"{_PASSWORDS}/{password.uuid}", _deleted)

    def _perform(self, ask: Ask) -> Any:
        request = _request(ask)
        answer = transport.ask(
            self._session,
            request.method,
            self._root + request.route,
            params=request.query,
            json=request.body,
            timeout=self._timeout,
        )
        return self._settle(request, answer)

    def _perform_together(self, asks: list[Ask]) -> list[Any]:
        """Send writes as one request, with WordPress's own batches.

        https://make.wordpress.org/core/2020/11/20/rest-api-batch-framework-in-wordpress-5-6/
        """
        requests_ = [_request(ask) for ask in asks]
        document = {
            "requests": [
                {
                    "method": request.method,
                    "path": f"/{request.route}?{urlencode(request.query)}",
                    "body": request.body or {},
                }
                for request in requests_
            ]
        }
        try:
            answers = self._ask("POST", "batch/v1", _batch(len(asks)), json=document)
        except SiteFaultError as error:
            if error.fault not in (Fault.STUB_MISSING, Fault.REFUSED, Fault.CREDENTIALS):
                return [error] * len(asks)
            # There may be no batches here (an old WordPress, or a plugin that forbids them): one by one, then.
            self._batches = False
            alone = self.perform(asks)
            self._batches = (
                isinstance(alone[0], SiteFaultError) and alone[0].fault.stops_site
            )  # it was not that
            return alone
        results: list[Any] = []
        for request, answer in zip(requests_, answers, strict=True):
            try:
                results.append(self._settle(request, answer))
            except SiteFaultError as error:
                results.append(error)
        return results

    def _settle(self, request: _Request, answer: Answer) -> Any:
        """Return what a request's answer means; raise the fault that it tells of."""
        if request.method == "DELETE" and answer.status == HTTPStatus.GONE and not request.query.get("force"):
            return False  # rest_already_trashed
        if answer.status in range(200, 300):
            try:
                settled = request.read(answer.json())
            except ValueError:
                pass  # a success that is none: a page, or somebody else's JSON
            else:
                if isinstance(settled, _Bare):
                    # Where our plugin is switched off, but the post type is there, WordPress makes a bare
                    # post that nothing would ever find again.
                    self.delete_post(settled.post_id)
                    raise stub_missing("a new post had no field “zoombridge”, and was deleted again")
                return settled
        wrote = request.method != "GET"
        raise classify(self._without_secrets(answer), now=transport.now(), wrote=wrote)

    def _ask(
        self, method: str, route: str, read: Callable[[Any], Read], *, params: Any = None, json: Any = None
    ) -> Read:
        """Send one request and return what `read` makes of the JSON; `read` raises ValueError over a wrong one."""
        request = _Request(method, route, read, body=json)
        answer = transport.ask(
            self._session, method, self._root + route, params=params, json=json, timeout=self._timeout
        )
        self._ahead = transport.seconds_ahead(answer)
        settled: Read = self._settle(request, answer)
        return settled

    def _without_secrets(self, answer: Answer) -> Answer:
        """Return an answer without our password, should the site's error page repeat what it was sent."""
        body = answer.body
        for secret in self._secrets:
            body = body.replace(secret, "•••".encode())
        return replace(answer, body=body)


class _UnexpectedError(ValueError):
    """JSON of another shape than was due."""


@dataclass(frozen=True, slots=True)
class _Bare:
    """A post that was made without our field."""

    post_id: int


@dataclass(frozen=True, slots=True)
class _Request:
    """How an ask is put to WordPress."""

    method: str
    route: str
    read: Callable[[Any], Any]
    body: Any = None
    query: Mapping[str, str] = field(default_factory=dict)


def _request(ask: Ask) -> _Request:
    kept = {"_fields": _KEPT}
    match ask:
        case CreatePost(fields):
            return _Request("POST", POSTS, _made, fields, kept)
        case UpdatePost(post_id, fields):
            return _Request("POST", f"{POSTS}/{post_id}", _site_post, fields, kept)
        case TrashPost(post_id):
            return _Request("DELETE", f"{POSTS}/{post_id}", _trashed, query=kept)
        case DeletePost(post_id):
            query = {"force": "true", "_fields": "deleted"}
            return _Request("DELETE", f"{POSTS}/{post_id}", _deleted, query=query)
        case ReadPost(post_id):
            return _Request("GET", f"{POSTS}/{post_id}", _site_post, query={"context": "edit", **kept})
        case FindPosts(number):
            query = {
                "context": "edit",
                "status": _ANYWHERE,
                "per_page": str(_MOST_POSTS),
                "zoombridge_number": str(number),
            }
            return _Request("GET", POSTS, _posts_of(number), query={**kept, **query})


def _posts_of(number: int) -> Callable[[Any], list[SitePost]]:
    def read(told: Any) -> list[SitePost]:
        # A site without the plugin knows no such parameter, and would answer with just any posts.
        mine = [post for post in _site_posts(told) if post.field.get("number") == str(number)]
        return sorted(mine, key=lambda post: (post.status == "trash", post.id))

    return read


def _batch(expected: int) -> Callable[[Any], list[Answer]]:
    def read(told: Any) -> list[Answer]:
        answers = told.get("responses") if isinstance(told, dict) else None
        if not isinstance(answers, list) or len(answers) != expected:
            raise _UnexpectedError("not a batch")
        return [_part(answer) for answer in answers]

    return read


def _part(told: Any) -> Answer:
    if not isinstance(told, dict) or not isinstance(told.get("status"), int):
        raise _UnexpectedError("not a part of a batch")
    headers = told.get("headers")
    return Answer(
        told["status"],
        {str(name): str(value) for name, value in headers.items()} if isinstance(headers, dict) else {},
        json_text(told.get("body")).encode(),
    )


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


def _made(told: Any) -> SitePost | _Bare:
    """Return the new post, or only its id where it lacks our field."""
    try:
        return _site_post(told)
    except SiteFaultError as error:
        if error.fault is Fault.STUB_MISSING:
            return _Bare(int(told["id"]))
        raise


def _site_posts(told: Any) -> list[SitePost]:
    if not isinstance(told, list):
        raise _UnexpectedError("not a list")
    return [_site_post(post) for post in told]


def _trashed(told: Any) -> bool:
    if _site_post(told).status != "trash":
        raise _UnexpectedError("not in the trash")
    return True


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


def _application_password(told: Any) -> ApplicationPassword:
    uuid = told.get("uuid") if isinstance(told, dict) else None
    # It becomes a part of an address.
    if not isinstance(uuid, str) or not re.fullmatch(r"[0-9a-f-]{36}", uuid):
        raise _UnexpectedError("not an application password")
    return ApplicationPassword(uuid, str(told.get("app_id") or ""))


def _choices(told: Any) -> list[Choice]:
    if not isinstance(told, list):
        raise _UnexpectedError("not a list")
    found = [one for one in told if isinstance(one, dict) and isinstance(one.get("id"), int)]
    # Names of categories come as they are written into a page.
    return [Choice(one["id"], unescape(str(one.get("name") or one["id"]))) for one in found]


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
