"""Operations of the sync protocol and their results: dataclasses out and in of JSON. Pure.

The protocol is specified in docs/sync.md. What a site answers is checked against the schema of the operation that was
sent; the parsers raise `UnexpectedError` for anything else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from core.storable import LARGEST_NUMBER
from core.wordpress import responses
from core.wordpress.pairing_envelope import is_public_key
from core.wordpress.responses import Choice, UnexpectedError

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_OPERATIONS = 100
"""Most operations in one request, and most numbers in one `Find`."""


MOST_CHOICES = 100
"""Most authors, and most categories, that a site lists."""


class Position(NamedTuple):
    """The place of a write in the order of all writes to a site: the bridge's epoch, then its counter."""

    epoch: int
    seq: int


@dataclass(frozen=True, slots=True)
class Hello:
    """Read what the plugin and the site can do; returns a `Greeting`. With `call`, the plugin calls the bridge.

    `visit` (from 1) is stored by the site, which answers with the one before. `alerts` is the number of critical alerts of
    the site and their digest, which its administrators are told.
    """

    call: bool = False
    visit: int | None = None
    alerts: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True)
class Rotate:
    """Agree on the next key; returns a `Rotated`. `public_key` is the bridge's (X25519, base64url)."""

    public_key: str


@dataclass(frozen=True, slots=True)
class Unpair:
    """End the pairing; returns `Unpaired`. The site then refuses the key."""


@dataclass(frozen=True, slots=True)
class Find:
    """Find the posts of up to 100 meeting numbers; returns a `Found`. `hint` is a post to look at first."""

    numbers: tuple[str, ...]
    hint: int | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """Read a post; returns a `Standing` with its `state`."""

    post: int


@dataclass(frozen=True, slots=True)
class Metas:
    """Changes of a post's metas, by the names of docs/sync.md; what is not named stays.

    `set` replaces plain ones. `lay_over` merges objects into those that are there: JSON text for `details`, mappings
    for `fields` and `pro`; a null in one removes its key. `remove` deletes whole metas.
    """

    set: Mapping[str, str | int] = field(default_factory=dict)
    lay_over: Mapping[str, str | Mapping[str, Any]] = field(default_factory=dict)
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Write:
    """Change a post, or create one where `post` is None; returns a `Standing`. What is None stays as it is.

    `host` (a Zoom host ID), `author` (a user's ID) and `terms` (IDs of categories) count only for a new post; `slug`,
    the text of which its address is made in place of the title, for one that has no address yet.
    """

    seq: int
    number: str
    post: int | None = None
    title: str | None = None
    slug: str | None = None
    content: str | None = None
    status: str | None = None
    host: str | None = None
    author: int | None = None
    terms: tuple[int, ...] = ()
    metas: Metas | None = None


@dataclass(frozen=True, slots=True)
class Trash:
    """Move a post to the trash; returns a `Standing`."""

    seq: int
    number: str
    post: int


@dataclass(frozen=True, slots=True)
class Restore:
    """Restore a post from the trash, with `status` or the status before; returns a `Standing`."""

    seq: int
    number: str
    post: int
    status: str | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete a post permanently; returns `Deleted`."""

    seq: int
    number: str
    post: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """Ask how far the request with this nonce came; returns a `Progress`."""

    nonce: str


class ChoiceKind(StrEnum):
    """What a site's owner chooses from in the rules."""

    AUTHORS = "authors"
    CATEGORIES = "categories"


@dataclass(frozen=True, slots=True)
class Choices:
    """List users who may be authors, or categories; returns a list of `Choice`."""

    kind: ChoiceKind


@dataclass(frozen=True, slots=True)
class Sweep:
    """List the posts that the bridge manages, with IDs above `after`; returns a `Swept`."""

    after: int = 0


WriteOperation = Write | Trash | Restore | Delete
SiteOperation = Hello | Outcome | Choices | Sweep | Rotate | Unpair
Operation = SiteOperation | Find | Read | WriteOperation


@dataclass(frozen=True, slots=True)
class State:
    """A post as it is stored: raw rows, not what is shown. `metas` never hold a `start_url`."""

    title: str
    content: str
    status: str
    author: int
    metas: Mapping[str, Any]
    trashed_from: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands in a post after an operation, read back from the database.

    `position` is that of the last write of a bridge and `by` who changed the post last: bridge, user, plugin or cron;
    None where it is unknown. `password`: visitors have to enter one. `own_texts` holds those of "title" and "content" that
    stand as the bridge last wrote them, whoever has changed other parts since; earlier plugins tell none. `editors_title`: the
    bridge made the post, and an editor has given it a title of its own; None where the plugin does not tell. `already`: the
    same operation was carried out before, and nothing was written now.
    `became` holds the fields and metas that did not take what was sent, with what is stored instead. `state` is there
    after a `Read`.
    """

    post: int
    link: str
    status: str
    position: Position | None
    digest: str
    by: str | None
    password: bool = False
    own_texts: frozenset[str] = frozenset()
    editors_title: bool | None = None
    already: bool = False
    became: Mapping[str, Any] = field(default_factory=dict)
    state: State | None = None


@dataclass(frozen=True, slots=True)
class Deleted:
    """A post that is deleted."""

    post: int


@dataclass(frozen=True, slots=True)
class FoundPost:
    """A post of a number. `managed`: the bridge manages it."""

    post: int
    status: str
    managed: bool


@dataclass(frozen=True, slots=True)
class Found:
    """The posts of each number: those outside the trash first, then by ID."""

    posts: Mapping[str, tuple[FoundPost, ...]]


@dataclass(frozen=True, slots=True)
class PostReport:
    """What stands in a post that the bridge manages, after a change or a write, or as a sweep found it.

    `number` is the meeting's, None where the post holds none. `status` is WordPress's, or `deleted`. `digest` is empty
    where it is deleted. `ours`: nothing that the bridge writes has changed since its last operation. `by` is who
    changed it last: bridge, user, plugin, cron; None where that is unknown. `at` is when, in Unix seconds, and `version`
    what is acknowledged; both are there only for changes of others. `altered` are the names of the bridge's metas that
    others have changed since its last operation; None where the site does not know. `editors_title`: see `Standing`.
    """

    post: int
    number: int | None
    status: str
    link: str = ""
    password: bool = False
    digest: str = ""
    ours: bool = False
    by: str | None = None
    at: int | None = None
    version: str = ""
    altered: tuple[str, ...] | None = None
    editors_title: bool | None = None


DELETED = "deleted"
"""The status of a post that is deleted."""


@dataclass(frozen=True, slots=True)
class Swept:
    """A page of a sweep. `next` is after which ID the next one begins; None after the last."""

    posts: tuple[PostReport, ...]
    next: int | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a request came. `at` is the item that it was working on; `done`: it came to its end."""

    known: bool
    at: int | None
    done: bool


@dataclass(frozen=True, slots=True)
class BridgeCall:
    """The plugin's call of the bridge, at `address`. `message` says why it failed, and is empty if it succeeded.

    `reached`: an answer came that the bridge has signed. `status` is its HTTP status, or that of another answer.
    """

    address: str
    reached: bool
    status: int | None
    message: str


@dataclass(frozen=True, slots=True)
class Rotated:
    """The plugin keeps the next key, and takes both until it is used. `public_key` is the plugin's."""

    public_key: str


@dataclass(frozen=True, slots=True)
class Unpaired:
    """The pairing has ended."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """What the plugin and the site can do.

    `type_owner` is who registered the post type: `stub` or `other`. `page` is the address of the Webhooks page in
    wp-admin. `nonces`: the database refuses a second row of one nonce. `charset` is that of the column that holds
    texts with the smallest one. `trash`: posts can be moved to the trash. `name` is that of the site, and `place` the
    digest of WordPress's folder and database, by which copies differ; both are empty where the plugin does not tell.
    `visit` is the bridge's visit before this one, 0 for none; None where no visit was told. `vczapi_pro` is the version
    of VCZAPI's PRO add-on, None where that is not active or earlier plugins do not tell it. `others` are IDs of posts that
    the bridge does not manage, of meetings that have one that it does: at most 20, none from the trash.
    `bridge` is there after a call of the bridge.
    """

    version: str
    home: str
    type_owner: str
    page: str
    endpoints: Mapping[str, str]
    nonces: bool
    charset: str
    trash: bool
    rest_root: str
    bridge: BridgeCall | None = None
    name: str = ""
    place: str = ""
    visit: int | None = None
    vczapi_pro: str | None = None
    others: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ItemFault:
    """An operation that was not carried out.

    `code` is one of missing, exists, busy, stale, no_trash, invalid, column, refused, failed, not_tried. `file` is where PHP
    died, below wp-content. `standing` is what stands, where the site told it.
    """

    code: str
    text: str
    file: str = ""
    post: int | None = None
    standing: Standing | None = None


Result = Standing | Deleted | Found | Swept | Progress | Greeting | Rotated | Unpaired | list[Choice]


@dataclass(frozen=True, slots=True)
class RequestFault:
    """A request that was refused as a whole: clock, replayed, superseded, moved, update or invalid."""

    code: str
    text: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Payload:
    """The payload of an answer. `results` are not parsed yet, by the number of their item.

    `highest` is the position of the last write that the site knows of, `protocols` the lowest and the highest version
    that the plugin speaks. `changed` are the changes of others that are not acknowledged. `vczapi` is the version of *Video Conferencing with Zoom*, None where that is not active.
    """

    error: RequestFault | None
    results: Mapping[int, Mapping[str, Any]]
    highest: Position | None
    protocols: tuple[int, int]
    vczapi: str | None
    vczapi_pro: bool
    can_trash: bool
    changed: tuple[PostReport, ...] = ()


def document(operation: Operation, item: int) -> dict[str, Any]:
    """Return the JSON of an operation, as item number `item` of its request."""
    fields: dict[str, Any]
    match operation:
        case Hello() | Outcome() | Choices() | Sweep() | Rotate() | Unpair():
            fields = _of_site(operation)
        case Find(numbers, hint):
            fields = {"numbers": list(numbers), "hint": hint}
        case Read(post):
            fields = {"post": post}
        case Write():
            fields = _write(operation)
        case Restore(seq, number, post, status):
            fields = {"seq": seq, "number": number, "post": post, "status": status}
        case Trash(seq, number, post) | Delete(seq, number, post):
            fields = {"seq": seq, "number": number, "post": post}
    return {"i": item, "op": type(operation).__name__.lower(), **_given(fields)}


def _of_site(operation: SiteOperation) -> dict[str, Any]:
    match operation:
        case Hello(call, visit, alerts):
            told = None if alerts is None else {"count": alerts[0], "digest": alerts[1]}
            return {"call": call or None, "visit": visit, "alerts": told}
        case Outcome(nonce):
            return {"n": nonce}
        case Choices(kind):
            return {"kind": str(kind)}
        case Sweep(after):
            return {"after": after}
        case Rotate(public_key):
            return {"e": public_key}
    return {}


def _write(operation: Write) -> dict[str, Any]:
    return {
        "seq": operation.seq,
        "number": operation.number,
        "post": operation.post,
        "title": operation.title,
        "slug": operation.slug,
        "content": operation.content,
        "status": operation.status,
        "host": operation.host,
        "author": operation.author,
        "terms": list(operation.terms) or None,
        "metas": None if operation.metas is None else _metas(operation.metas),
    }


def _metas(metas: Metas) -> dict[str, Any] | None:
    laid_over = {
        name: value if isinstance(value, str) else dict(value) for name, value in metas.lay_over.items()
    }
    changes = {"set": dict(metas.set), "lay_over": laid_over, "remove": list(metas.remove)}
    return {name: value for name, value in changes.items() if value} or None


def payload_of(text: Mapping[str, Any]) -> Payload:
    """Parse the payload of an answer. Raises: UnexpectedError."""
    error = text.get("error")
    can = text.get("can")
    return Payload(
        error=None if error is None else _request_fault(error),
        results={_whole(one.get("i")): one for one in _objects(text.get("results") or [])},
        highest=_highest(text.get("highest")),
        protocols=_range(text.get("protocols")),
        vczapi=_optional_text(text.get("vczapi")),
        vczapi_pro=text.get("vczapi_pro") is True,
        can_trash=isinstance(can, dict) and can.get("trash") is True,
        changed=tuple(_change(one) for one in _objects(text.get("changed") or [])),
    )


def report_of(write: WriteOperation, result: Standing | Deleted) -> PostReport:
    """Return what stands after a write. `by` is the bridge where it gave the post its status."""
    number = int(write.number)
    sets_status = not isinstance(write, Write) or write.status is not None
    if isinstance(result, Deleted):
        return PostReport(result.post, number, DELETED, by="bridge")
    return PostReport(
        result.post,
        number,
        result.status,
        result.link,
        password=result.password,
        digest=result.digest,
        ours=True,
        by="bridge" if sets_status else None,
        editors_title=result.editors_title,
    )


def result_of(operation: Operation, told: Mapping[str, Any]) -> Result | ItemFault:
    """Parse the result of an operation. Raises: UnexpectedError."""
    if told.get("ok") is not True:
        return _item_fault(told)
    result: Result
    match operation:
        case Hello() | Outcome() | Choices() | Sweep() | Rotate() | Unpair():
            result = _site_result(operation, told)
        case Find(numbers):
            result = _found(told.get("posts"), numbers)
        case Delete():
            result = _deleted(told)
        case Read():
            result = _read(told)
        case Write() | Trash() | Restore():
            result = _standing(told)
    return result


def _site_result(operation: SiteOperation, told: Mapping[str, Any]) -> Result:
    match operation:
        case Hello(call):
            return _greeting(told, called=call)
        case Outcome():
            return _progress(told)
        case Choices():
            return responses.choices(told.get("choices"))
        case Sweep():
            return _swept(told)
        case Rotate():
            return _rotated(told)
        case Unpair():
            return _unpaired(told)


def position_of(text: Any) -> Position | None:
    """Parse a position, `epoch.seq`; None where no bridge has written yet."""
    if text is None or text == "":
        return None
    parts = re.fullmatch(r"([0-9]{1,18})\.([0-9]{1,18})", text) if isinstance(text, str) else None
    if parts is None:
        raise UnexpectedError("not a position")
    return Position(int(parts[1]), int(parts[2]))


def _standing(told: Mapping[str, Any]) -> Standing:
    state, took = told.get("state"), told.get("took")
    return Standing(
        post=_whole(told.get("post")),
        link=_text(told.get("link")),
        status=_text(told.get("status")),
        position=position_of(told.get("seq")),
        digest=_text(told.get("digest")),
        by=_optional_text(told.get("by")),
        password=told.get("password") is True,
        own_texts=_names(told.get("own_texts", [])),
        editors_title=_optional_flag(told.get("editors_title")),
        already=told.get("already") is True,
        became=_became(took) if took else {},
        state=None if state is None else _state(state),
    )


def _read(told: Mapping[str, Any]) -> Standing:
    standing = _standing(told)
    if standing.state is None:
        raise UnexpectedError("a post without its state")
    return standing


def _deleted(told: Mapping[str, Any]) -> Deleted:
    if told.get("status") != "deleted":
        raise UnexpectedError("not deleted")
    return Deleted(_whole(told.get("post")))


def _state(told: Any) -> State:
    state = _object(told)
    return State(
        title=_text(state.get("title")),
        content=_text(state.get("content")),
        status=_text(state.get("status")),
        author=_whole(state.get("author")),
        metas=_object(state.get("metas")),
        trashed_from=_optional_text(state.get("trashed_from")),
    )


def _became(told: Any) -> dict[str, Any]:
    return {name: _object(taken).get("became") for name, taken in _object(told).items() if taken is not True}


def _item_fault(told: Mapping[str, Any]) -> ItemFault:
    post = told.get("post")
    stands = "digest" in told
    return ItemFault(
        code=_text(told.get("code")),
        text=_optional_text(told.get("text")) or "",
        file=_optional_text(told.get("file")) or "",
        post=None if post is None else _whole(post),
        standing=_standing(told) if stands else None,
    )


def _request_fault(told: Any) -> RequestFault:
    error = _object(told)
    return RequestFault(_text(error.get("code")), _optional_text(error.get("text")) or "", error)


def _found(told: Any, numbers: tuple[str, ...]) -> Found:
    posts = _object(told) if told else {}  # PHP writes an empty object as a list
    return Found({number: _posts(posts.get(number) or []) for number in numbers})


def _posts(told: Any) -> tuple[FoundPost, ...]:
    found = [
        FoundPost(_whole(one.get("post")), _text(one.get("status")), one.get("managed") is True)
        for one in _objects(told)
    ]
    return tuple(sorted(found, key=lambda post: (post.status == "trash", post.post)))


def _change(told: Any) -> PostReport:
    change = _object(told)
    return replace(
        _report(change),
        by=_optional_text(change.get("by")),
        at=_whole(change.get("at")),
        version=_text(change.get("version")),
    )


def _swept(told: Mapping[str, Any]) -> Swept:
    after = told.get("next")
    posts = tuple(_report(one) for one in _objects(told.get("posts")))
    return Swept(posts, None if after is None else _whole(after))


def _report(told: Mapping[str, Any]) -> PostReport:
    number = _text(told.get("number"))
    return PostReport(
        post=_whole(told.get("post")),
        number=int(number) if re.fullmatch("[0-9]{1,18}", number) else None,
        status=_text(told.get("status")),
        link=_optional_text(told.get("link")) or "",
        password=told.get("password") is True,
        digest=_optional_text(told.get("digest")) or "",
        ours=told.get("ours") is True,
        altered=_altered(told.get("altered")),
        editors_title=_optional_flag(told.get("editors_title")),
    )


def _altered(told: Any) -> tuple[str, ...] | None:
    if told is None:
        return None
    if not isinstance(told, list) or not all(isinstance(name, str) for name in told):
        raise UnexpectedError("not a list of names")
    return tuple(told)


def _progress(told: Mapping[str, Any]) -> Progress:
    at = told.get("at")
    return Progress(
        known=_flag(told.get("known")), at=None if at is None else _whole(at), done=told.get("done") is True
    )


def _rotated(told: Mapping[str, Any]) -> Rotated:
    public_key = _text(told.get("e"))
    if not is_public_key(public_key):
        raise UnexpectedError("not a public key")
    return Rotated(public_key)


def _unpaired(told: Mapping[str, Any]) -> Unpaired:
    if told.get("paired") is not False:
        raise UnexpectedError("not unpaired")
    return Unpaired()


def _greeting(told: Mapping[str, Any], *, called: bool) -> Greeting:
    endpoints = told.get("endpoints")
    return Greeting(
        version=_text(told.get("version")),
        home=_text(told.get("home")),
        type_owner=_text(told.get("type")),
        page=_text(told.get("page")),
        endpoints=endpoints if isinstance(endpoints, dict) else {},
        nonces=told.get("nonces") is True,
        charset=_optional_text(told.get("charset")) or "",
        trash=told.get("trash") is True,
        rest_root=_text(told.get("rest")),
        name=_optional_text(told.get("name")) or "",
        place=_optional_text(told.get("place")) or "",
        bridge=_bridge_call(_object(told.get("bridge"))) if called else None,
        visit=None if told.get("visit") is None else _whole(told.get("visit")),
        vczapi_pro=_optional_text(told.get("vczapi_pro")),
        others=tuple(_whole(one) for one in _list(told.get("others") or [])),
    )


def _bridge_call(told: Mapping[str, Any]) -> BridgeCall:
    status = told.get("status")
    return BridgeCall(
        address=_text(told.get("address")),
        reached=_flag(told.get("reached")),
        status=None if status is None else _whole(status),
        message=_text(told.get("message")),
    )


def _highest(told: Any) -> Position | None:
    if told is None:
        return None
    highest = _object(told)
    return Position(_whole(highest.get("epoch")), _whole(highest.get("seq")))


def _range(told: Any) -> tuple[int, int]:
    if not isinstance(told, list) or len(told) != 2:  # noqa: PLR2004 - the lowest and the highest
        raise UnexpectedError("not a range of protocols")
    return _whole(told[0]), _whole(told[1])


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _object(told: Any) -> dict[str, Any]:
    if not isinstance(told, dict):
        raise UnexpectedError("not an object")
    return told


def _objects(told: Any) -> list[dict[str, Any]]:
    return [_object(one) for one in _list(told)]


def _list(told: Any) -> list[Any]:
    if not isinstance(told, list):
        raise UnexpectedError("not a list")
    return told


def _text(told: Any) -> str:
    if not isinstance(told, str):
        raise UnexpectedError("not a text")
    return told


def _optional_text(told: Any) -> str | None:
    return told if isinstance(told, str) else None


def _names(told: Any) -> frozenset[str]:
    if not isinstance(told, list):
        raise UnexpectedError("not a list of names")
    return frozenset(_text(name) for name in told)


def _whole(told: Any) -> int:
    if type(told) is not int or not 0 <= told <= LARGEST_NUMBER:
        raise UnexpectedError("not a whole number")
    return told


def _optional_flag(told: Any) -> bool | None:
    return told if isinstance(told, bool) else None


def _flag(told: Any) -> bool:
    if not isinstance(told, bool):
        raise UnexpectedError("not a truth value")
    return told
