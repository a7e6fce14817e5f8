"""Parse responses of a site's REST API: JSON in, dataclasses out. Pure.

Each function takes what came as JSON, and raises `UnexpectedError` where it is of another shape.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING, Any

from core.storable import LARGEST_NUMBER

if TYPE_CHECKING:
    from collections.abc import Mapping


class UnexpectedError(ValueError):
    """JSON of an unexpected shape."""


@dataclass(frozen=True, slots=True)
class SitePost:
    """A post as it is on the site.

    `title` and `content` are what is stored, not what is shown. `field` holds the metas by the names of docs/sync.md, and
    `trashed_from`; its `revision` is None for a post that the bridge does not manage. `untouched` is whether nobody has
    changed it since the bridge's last write, and `own_texts` holds those of "title" and "content" that stand as the bridge last
    wrote them. `editors_title`: the bridge made the post, and an editor has given it a title of its own; None where the
    plugin does not tell. After a write `rewritten` names the fields and metas in which the site
    holds something else than was sent.
    """

    id: int
    status: str
    link: str
    title: str
    content: str
    field: Mapping[str, Any]
    untouched: bool = False
    own_texts: frozenset[str] = frozenset()
    editors_title: bool | None = None
    rewritten: tuple[str, ...] = ()


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


def deleted(told: Any) -> None:
    """Parse the confirmation of a deletion."""
    if not isinstance(told, dict) or told.get("deleted") is not True:
        raise UnexpectedError("not deleted")


def unpaired(told: Any) -> None:
    """Parse the confirmation of a plugin that it is not paired any more."""
    if not isinstance(told, dict) or told.get("paired") is not False:
        raise UnexpectedError("still paired")


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
    found = [one for one in told if isinstance(one, dict) and _is_id(one.get("id"))]
    # Names of categories are HTML-escaped.
    return [Choice(one["id"], unescape(str(one.get("name") or one["id"]))) for one in found]


def _is_id(told: Any) -> bool:
    """Whether a value is an id that can be stored."""
    return type(told) is int and 0 <= told <= LARGEST_NUMBER
