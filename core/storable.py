"""What both databases can store of values that strangers send as JSON. Pure."""

from __future__ import annotations

import json
from typing import Any

LARGEST_NUMBER = 2**63 - 1
"""Largest number that a column of either database holds."""

DEEPEST = 64
"""Most objects and lists around a value: later steps recurse."""


def storable(value: Any, depth: int = 0) -> Any:
    """Return a JSON document with U+FFFD in place of lone surrogates and U+0000, which JSON can hold only as escapes.

    Raises: RecursionError for a document that is nested more than `DEEPEST` times.
    """
    if depth > DEEPEST:
        raise RecursionError("nested too deep")
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\x00", "\ufffd")
    if isinstance(value, dict):
        return {storable(key, depth + 1): storable(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [storable(item, depth + 1) for item in value]
    return value


def parsed(body: bytes) -> Any:
    """Parse JSON in UTF-8 into what `storable` returns.

    Raises: ValueError for anything else, and for a document that is nested too deep.
    """
    try:
        document = json.loads(body.decode("utf-8-sig"))
        is_plain = b"\\u" not in body and body.count(b"{") + body.count(b"[") <= DEEPEST
        return document if is_plain else storable(document)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
