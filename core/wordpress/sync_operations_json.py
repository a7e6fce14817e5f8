"""Operations of the sync protocol to JSON, and what a site answers out of it. Pure.

The protocol is specified in docs/sync.md. What a site answers is checked against the schema of the operation that was
sent; the parsers raise `UnexpectedError` for anything else.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from core.storable import LARGEST_NUMBER
from core.wordpress import responses
from core.wordpress.pairing_envelope import ENDPOINTS, is_public_key
from core.wordpress.responses import UnexpectedError
from core.wordpress.sync_operations import (
    Address,
    AddressOffered,
    BridgeCall,
    Choices,
    Delete,
    Deleted,
    Find,
    Found,
    FoundPost,
    Greeting,
    Hello,
    ItemFault,
    Loader,
    LoaderState,
    Metas,
    Operation,
    Outcome,
    PairingOperation,
    Payload,
    Position,
    PostReport,
    Progress,
    Read,
    RequestFault,
    Restore,
    Result,
    Rotate,
    Rotated,
    SiteOperation,
    Standing,
    State,
    Sweep,
    Swept,
    Trash,
    Unpair,
    Unpaired,
    Write,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_TEXT = 4096
"""Longest text of an answer in characters, but for titles and contents of posts: the others are kept, for each post."""

LONGEST_REASON = 500
"""Longest reason of a failed call of the bridge, which pages show and translate."""


def document(operation: Operation, item: int) -> dict[str, Any]:
    """Return the JSON of an operation, as item number `item` of its request."""
    fields: dict[str, Any]
    match operation:
        case Hello() | Outcome() | Choices() | Sweep() | Rotate() | Address() | Unpair():
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
        case Rotate() | Address() | Unpair():
            return _of_pairing(operation)


def _of_pairing(operation: PairingOperation) -> dict[str, Any]:
    match operation:
        case Rotate(public_key):
            return {"e": public_key}
        case Address(bridge):
            return {"bridge": bridge}
        case Unpair():
            return {}


def _write(operation: Write) -> dict[str, Any]:
    return {
        "seq": operation.seq,
        "number": operation.number,
        "post": operation.post,
        "title": operation.title,
        "keep_title": operation.keep_title or None,
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


def result_of(operation: Operation, told: Mapping[str, Any]) -> Result | ItemFault:
    """Parse the result of an operation. Raises: UnexpectedError."""
    if told.get("ok") is not True:
        return _item_fault(told)
    result: Result
    match operation:
        case Hello() | Outcome() | Choices() | Sweep() | Rotate() | Address() | Unpair():
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
        case Sweep(after):
            return _swept(told, after)
        case Rotate() | Address() | Unpair():
            return _pairing_result(operation, told)


def _pairing_result(operation: PairingOperation, told: Mapping[str, Any]) -> Result:
    match operation:
        case Rotate():
            return _rotated(told)
        case Address():
            return AddressOffered(_text(told.get("bridge")), declined=_flag(told.get("declined")))
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
    state, took = told.get("state"), _object(told.get("took") or {})
    return Standing(
        post=_whole(told.get("post")),
        link=_address(_text(told.get("link"), most=None)),
        status=_text(told.get("status")),
        position=position_of(told.get("seq")),
        digest=_text(told.get("digest")),
        by=_optional_text(told.get("by")),
        password=told.get("password") is True,
        own_texts=_names(told.get("own_texts", [])),
        editors_title=_optional_flag(told.get("editors_title")),
        already=told.get("already") is True,
        became=_became(took),
        kept_title=_kept_title(took.get("title")),
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
        title=_text(state.get("title"), most=None),
        content=_text(state.get("content"), most=None),
        status=_text(state.get("status")),
        author=_whole(state.get("author")),
        metas=_object(state.get("metas")),
        trashed_from=_optional_text(state.get("trashed_from")),
    )


def _became(took: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _object(taken).get("became")
        for name, taken in took.items()
        if taken is not True and "kept" not in _object(taken)
    }


def _kept_title(taken: Any) -> str | None:
    kept = taken.get("kept") if isinstance(taken, dict) else None
    return kept if isinstance(kept, str) else None


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


def _swept(told: Mapping[str, Any], after: int) -> Swept:
    following = None if told.get("next") is None else _whole(told["next"])
    if following is not None and following <= after:
        raise UnexpectedError("a page that does not follow")  # or the sweep would have no end
    return Swept(tuple(_report(one) for one in _objects(told.get("posts"))), following)


def _report(told: Mapping[str, Any]) -> PostReport:
    number = _text(told.get("number"))
    return PostReport(
        post=_whole(told.get("post")),
        number=int(number) if re.fullmatch("[0-9]{1,18}", number) else None,
        status=_text(told.get("status")),
        link=_address(told.get("link")),
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
    return Greeting(
        version=_text(told.get("version")),
        home=_text(told.get("home")),
        type_owner=_text(told.get("type")),
        page=_address(_text(told.get("page"), most=None)),
        endpoints=_endpoints(told.get("endpoints")),
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
        loader=None if told.get("loader") is None else _loader(_object(told.get("loader"))),
    )


def _loader(told: Mapping[str, Any]) -> Loader | None:
    """Return the loader; None for a state that a later plugin has."""
    state = _text(told.get("state"))
    is_writable = _flag(told.get("writable"))
    return Loader(LoaderState(state), is_writable) if state in set(LoaderState) else None


def _bridge_call(told: Mapping[str, Any]) -> BridgeCall:
    status = told.get("status")
    return BridgeCall(
        address=_text(told.get("address")),
        reached=_flag(told.get("reached")),
        status=None if status is None else _whole(status),
        message=_text(told.get("message"), most=None)[:LONGEST_REASON],
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


def _text(told: Any, *, most: int | None = LONGEST_TEXT) -> str:
    if not isinstance(told, str) or (most is not None and len(told) > most):
        raise UnexpectedError("not a text, or not of this length")
    return told


def _optional_text(told: Any) -> str | None:
    return told[:LONGEST_TEXT] if isinstance(told, str) else None


def _address(told: Any) -> str:
    """Return an address of the web, which pages link to; empty for anything else."""
    is_address = isinstance(told, str) and told[:8].lower().startswith(("https://", "http://"))
    return told if is_address and len(told) <= LONGEST_TEXT else ""


def _endpoints(told: Any) -> dict[str, str]:
    given = told if isinstance(told, dict) else {}
    found = {name: _address(given.get(name)) for name in ENDPOINTS}
    return {name: address for name, address in found.items() if address}


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
