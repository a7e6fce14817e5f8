"""Client of one site's REST API. The API of the plugin is in docs/stub.md."""

from __future__ import annotations

import base64
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urlencode

from requests.auth import HTTPBasicAuth

from core.errors import Fault, SiteFaultError
from core.wordpress import responses, transport
from core.wordpress.faults import classify, stub_missing
from core.wordpress.requests import (
    CATEGORIES,
    CreatePost,
    DeletePost,
    FindPosts,
    HttpRequest,
    ReadPost,
    TrashPost,
    UpdatePost,
    request_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from core.wordpress.faults import SiteResponse
    from core.wordpress.requests import PostOperation
    from core.wordpress.responses import ApplicationPassword, Choice, Connection, SitePost, User

Read = TypeVar("Read")

MOST_IN_BATCH = 25
"""Requests in one batch of WordPress (rest_get_max_batch_size); batches accept no GET."""

MOST_CHOICES = 100
"""Most users or categories: one page of results."""

_CHOICES = {"per_page": str(MOST_CHOICES), "_fields": "id,name"}
_PASSWORDS = "wp/v2/users/me/application-passwords"
_WRITES = (CreatePost, UpdatePost, TrashPost, DeletePost)


class WordPressClient:
    """Client of one site. Not thread-safe: it holds one HTTP session.

    `rest_root` is the address of the REST API with a slash at the end, `https://SITE/wp-json/`, or with plain
    permalinks `https://SITE/?rest_route=/`. Every method tries once, and raises SiteFaultError where the site
    does not comply. `timeout` (connect, read) is in seconds.
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
        """By how many seconds the site's clock was ahead at its last response; None where that is unknown.

        Accurate to a second or two: the header has whole seconds.
        """
        return self._ahead

    def create_post(self, fields: Mapping[str, Any]) -> SitePost:
        """Create a post of `title`, `content`, `status` and `zoombridge`, and return it.

        SiteFaultError with fault `exists` and the `post_id` where the number has a post already.
        """
        made: SitePost = self._perform(CreatePost(fields))
        return made

    def update_post(self, post_id: int, fields: Mapping[str, Any]) -> SitePost:
        """Update the given fields and return the post. Its former `status` restores it from the trash."""
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
        """Move a post to the trash; return False where it was there already."""
        moved: bool = self._perform(TrashPost(post_id))
        return moved

    def delete_post(self, post_id: int) -> None:
        """Delete a post permanently, from the trash too; fault `post_missing` where there is none."""
        self._perform(DeletePost(post_id))

    def perform(self, operations: Sequence[PostOperation]) -> list[Any]:
        """Perform operations; return for each its result or its SiteFaultError.

        Several writes are sent in batches of at most 25; the result of one does not affect the others.
        """
        answers: list[Any] = [None] * len(operations)
        writes = [index for index, operation in enumerate(operations) if isinstance(operation, _WRITES)]
        if len(writes) > 1 and self._batches:
            for start in range(0, len(writes), MOST_IN_BATCH):
                chunk = writes[start : start + MOST_IN_BATCH]
                told = self._perform_together([operations[index] for index in chunk])
                for index, answer in zip(chunk, told, strict=True):
                    answers[index] = answer
        else:
            writes = []
        down: SiteFaultError | None = None
        for index in sorted(set(range(len(operations))) - set(writes)):
            if down is not None:
                answers[index] = down  # the others would fail, too, each after up to its time-out
                continue
            try:
                answers[index] = self._perform(operations[index])
            except SiteFaultError as error:
                answers[index] = error
                down = error if error.fault.stops_site else None
        return answers

    def me(self) -> User:
        """Return the user that the bridge signs in as."""
        params = {"context": "edit", "_fields": "id,name,capabilities"}
        return self._request_json("GET", "wp/v2/users/me", responses.user, params=params)

    def authors(self) -> list[Choice]:
        """Return the users who may be authors, by name: at most 100, one page of results."""
        params = {"context": "edit", "capabilities": "edit_posts", "orderby": "name", **_CHOICES}
        return self._request_json("GET", "wp/v2/users", responses.choices, params=params)

    def categories(self) -> list[Choice]:
        """Return the categories of meetings, by name: at most 100."""
        params = {"context": "edit", "orderby": "name", **_CHOICES}
        return self._request_json("GET", f"wp/v2/{CATEGORIES}", responses.choices, params=params)

    def connection(self) -> Connection:
        """Return the plugin's version and pairing; fault `stub_missing` where it is not active."""
        return self._request_json("GET", "zoombridge/v1/connection", responses.connection)

    def pair(self, bridge: str, site: str, key: str) -> Connection:
        """Pair the plugin: the bridge's URL, the id of the site, and the key that both sign with."""
        told = {"bridge": bridge, "site": site, "key": key}
        return self._request_json("POST", "zoombridge/v1/connection", responses.connection, json=told)

    def unpair(self) -> Connection:
        """End the plugin's pairing."""
        return self._request_json("DELETE", "zoombridge/v1/connection", responses.connection)

    def application_password(self) -> ApplicationPassword:
        """Return the application password in use (WordPress 5.7 or newer)."""
        return self._request_json("GET", f"{_PASSWORDS}/introspect", responses.application_password)

    def revoke(self, password: ApplicationPassword) -> None:
        """Revoke an application password of this user; the one in use ends with this request."""
        self._request_json("DELETE", f"{_PASSWORDS}/{password.uuid}", responses.deleted)

    def _perform(self, operation: PostOperation) -> Any:
        request = request_of(operation)
        answer = transport.send(
            self._session,
            request.method,
            self._root + request.route,
            params=request.query,
            json=request.body,
            timeout=self._timeout,
        )
        return self._settle(request, answer)

    def _perform_together(self, operations: list[PostOperation]) -> list[Any]:
        """Send writes as one batch request of WordPress.

        https://make.wordpress.org/core/2020/11/20/rest-api-batch-framework-in-wordpress-5-6/
        """
        requests_ = [request_of(operation) for operation in operations]
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
            answers = self._request_json("POST", "batch/v1", responses.batch(len(operations)), json=document)
        except SiteFaultError as error:
            if error.fault not in (Fault.STUB_MISSING, Fault.REFUSED, Fault.CREDENTIALS):
                return [error] * len(operations)
            # Batches may be unavailable (an old WordPress, or a plugin that forbids them): then one by one.
            self._batches = False
            alone = self.perform(operations)
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

    def _settle(self, request: HttpRequest, answer: SiteResponse) -> Any:
        """Parse a response; raise its fault."""
        if request.method == "DELETE" and answer.status == HTTPStatus.GONE and not request.query.get("force"):
            return False  # rest_already_trashed
        if answer.status in range(200, 300):
            try:
                settled = request.read(answer.json())
            except ValueError:
                pass  # not our success: an HTML page, or other JSON
            else:
                if isinstance(settled, responses.Bare):
                    # Where our plugin is switched off, but the post type is there, WordPress makes a bare
                    # post that nothing would ever find again.
                    self.delete_post(settled.post_id)
                    raise stub_missing("a new post had no field “zoombridge”, and was deleted again")
                return settled
        wrote = request.method != "GET"
        raise classify(self._without_secrets(answer), now=transport.now(), wrote=wrote)

    def _request_json(
        self, method: str, route: str, read: Callable[[Any], Read], *, params: Any = None, json: Any = None
    ) -> Read:
        """Send one request and return its JSON parsed by `read`, which raises ValueError for an unexpected one."""
        request = HttpRequest(method, route, read, body=json)
        answer = transport.send(
            self._session, method, self._root + route, params=params, json=json, timeout=self._timeout
        )
        self._ahead = transport.seconds_ahead(answer)
        settled: Read = self._settle(request, answer)
        return settled

    def _without_secrets(self, answer: SiteResponse) -> SiteResponse:
        """Return a response without the password, in case an error page repeats the request."""
        body = answer.body
        for secret in self._secrets:
            body = body.replace(secret, "•••".encode())
        return replace(answer, body=body)
