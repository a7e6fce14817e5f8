"""Parse responses of a site's REST API: JSON in, dataclasses out. Pure. The API of the plugin is in docs/stub.md.

Each function takes what came as JSON, and raises `UnexpectedError` where it is of another shape.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class UnexpectedError(ValueError):
    """JSON of an unexpected shape."""


@dataclass(frozen=True, slots=True)
class SitePost:
    """A post as it is on the site.

    `title` and `content` are what is stored, not what is shown. `field` holds the metas by the names of docs/sync.md, and
    `trashed_from`; its `revision` is None for a post that the bridge does not manage. `untouched` is whether nobody has
    changed it since the bridge's last write. After a write `rewritten` names the fields and metas in which the site
    holds something else than was sent.
    """

    id: int
    status: str
    link: str
    title: str
    content: str
    field: Mapping[str, Any]
    untouched: bool = False
    rewritten: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class User:
    """The WordPress user to whom an application password belongs. `capabilities` are those that the user has."""

    id: int
    name: str
    capabilities: frozenset[str]


@dataclass(frozen=True, slots=True)
class ApplicationPassword:
    """The application password in use. `app_id` is that of the application it was created for."""

    uuid: str
    app_id: str


@dataclass(frozen=True, slots=True)
class Choice:
    """An option on the site: a user, or a category."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Connection:
    """The plugin's version, and the bridge that it is paired with (docs/stub.md, *Pairing*).

    `stub` is its version. `home` is WordPress's option of that name, and `epoch` the highest of a bridge in the sync
    protocol: empty and 0 where the plugin is older than that. `type_owner` is who registered the post type: `stub` or `other`. `vczapi` is the
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
    home: str = ""
    epoch: int = 0


def deleted(told: Any) -> None:
    """Parse the confirmation of a deletion."""
    if not isinstance(told, dict) or told.get("deleted") is not True:
        raise UnexpectedError("not deleted")


def user(told: Any) -> User:
    """Parse the signed-in user."""
    if not isinstance(told, dict) or not isinstance(told.get("id"), int):
        raise UnexpectedError("not a user")
    held = told.get("capabilities")
    capabilities = held if isinstance(held, dict) else {}
    return User(
        told["id"], str(told.get("name") or ""), frozenset(key for key, has in capabilities.items() if has)
    )


def application_password(told: Any) -> ApplicationPassword:
    """Parse the application password in use."""
    uuid = told.get("uuid") if isinstance(told, dict) else None
    # It becomes part of a URL.
    if not isinstance(uuid, str) or not re.fullmatch(r"[0-9a-f-]{36}", uuid):
        raise UnexpectedError("not an application password")
    return ApplicationPassword(uuid, str(told.get("app_id") or ""))


def choices(told: Any) -> list[Choice]:
    """Parse users or categories; entries without an id are left out."""
    if not isinstance(told, list):
        raise UnexpectedError("not a list")
    found = [one for one in told if isinstance(one, dict) and isinstance(one.get("id"), int)]
    # Names of categories are HTML-escaped.
    return [Choice(one["id"], unescape(str(one.get("name") or one["id"]))) for one in found]


def connection(told: Any) -> Connection:
    """Parse the plugin's version and pairing."""
    if not isinstance(told, dict) or not isinstance(told.get("stub"), str):
        raise UnexpectedError("not a connection")
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
        home=str(told.get("home") or ""),
        epoch=_whole(told.get("epoch")),
    )


def _whole(number: Any) -> int:
    return number if type(number) is int else 0


def _optional(text: Any) -> str | None:
    return text if isinstance(text, str) else None
