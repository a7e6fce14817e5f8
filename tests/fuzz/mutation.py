"""Change an input for the next try: bytes as the fuzzer does, or JSON so that it stays JSON. The same for the same seed."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

from tests.nonsense import KEYS, NAMES, SCALARS

if TYPE_CHECKING:
    from collections.abc import Callable

_DEPTHS = (1, 2, 30, 63, 64, 65, 66, 500, 1100)


def changed(data: bytes, longest: int, seed: int, by_bytes: Callable[[bytes, int], bytes]) -> bytes:
    """Return another input, of at most `longest` bytes. `by_bytes` changes bytes at random.

    Half of the time, a line that is JSON is changed in one to four places, and stays JSON.
    """
    chance = random.Random(seed)
    lines = data.split(b"\n")
    candidates = [index for index, line in enumerate(lines) if line[:1] in (b"{", b"[")]
    if candidates and chance.random() < 0.5:
        index = chance.choice(candidates)
        line = _changed_json(lines[index], chance)
        if line is not None:
            return b"\n".join([*lines[:index], line, *lines[index + 1 :]])[:longest]
    if len(lines) > 1 and chance.random() < 0.1:
        lines.insert(chance.randrange(len(lines)), chance.choice(lines))
        return b"\n".join(lines)[:longest]
    return by_bytes(data, longest)


def _changed_json(line: bytes, chance: random.Random) -> bytes | None:
    try:
        document = json.loads(line)
        for _ in range(chance.randrange(1, 5)):
            document = _with_a_change(document, chance)
        text = json.dumps(document, ensure_ascii=chance.random() < 0.5, separators=(",", ":"))
    except (ValueError, RecursionError):
        return None
    return text.encode("utf-8", "replace")


def _with_a_change(document: Any, chance: random.Random) -> Any:
    """Change one value of a document, or one of its keys, in place; return the document, or what replaces it."""
    places = list(_places(document))
    if not places or chance.random() < 0.02:
        return _value(chance, [])
    container, key = chance.choice(places)
    match chance.randrange(6):
        case 0 | 1:
            container[key] = _value(chance, places)
        case 2:
            del container[key]
        case 3 if isinstance(container, dict):
            container[chance.choice(KEYS)] = container.pop(key)
        case 4 if isinstance(container, dict):
            container[chance.choice(KEYS)] = _value(chance, places)
        case 4:
            container.insert(chance.randrange(len(container) + 1), _value(chance, places))
        case _:
            container[key] = _near(container[key], chance)
    return document


def _places(document: Any) -> list[tuple[Any, Any]]:
    """Return where values are: each container with a key or an index."""
    found: list[tuple[Any, Any]] = []
    left = [document]
    while left:
        value = left.pop()
        keys: Any = (
            value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
        )
        for key in keys:
            found.append((value, key))
            left.append(value[key])
    return found


def _value(chance: random.Random, places: list[tuple[Any, Any]]) -> Any:
    kind = chance.random()
    if places and kind < 0.3:
        container, key = chance.choice(places)
        return json.loads(json.dumps(container[key]))
    if kind < 0.4:
        return chance.choice([[], {}, [[]], [{}], {"": {}}])
    if kind < 0.5:
        return chance.choice(NAMES)
    if kind < 0.53:
        nested: Any = 0
        for _ in range(chance.choice(_DEPTHS)):
            nested = [nested]
        return nested
    return chance.choice(SCALARS)


def _near(value: Any, chance: random.Random) -> Any:
    """Return a value that is nearly the same: as text, as a number, one more, twice, in a list."""
    if isinstance(value, str) and value:
        at = chance.randrange(len(value) + 1)
        return value[:at] + chance.choice(["", "0", "é", "\u0000", "\ud800", " ", value]) + value[at:]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return chance.choice(
            [value + 1, -value, str(value), float(value) if abs(value) < 10**15 else 0, value * 1000]
        )
    return chance.choice([[value], str(value), not value])
