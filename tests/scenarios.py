"""Every event at hand: samples, cases, the inputs and lives of other tests, and all that Zoom's descriptions name."""

from __future__ import annotations

import json
from functools import cache, partial
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from core.model.fold import SNAPSHOT
from tests.core.events import ACCOUNT, NOW, NUMBER, SAMPLES, event, sample_files
from tests.core.model.test_state_fields import EXCLUDED
from tests.core.render import test_hard_inputs
from tests.lives import make_life
from tests.zoom.schema import descriptions, schemas

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

_LIVES = 25
_OF_NAME = {"account_id": ACCOUNT, "id": NUMBER}
_TEXTS = {"email": "someone@example.com", "date-time": "2026-03-02T10:00:00Z", "uri": "https://example.com/x"}


@cache
def every_event() -> list[dict[str, Any]]:
    """Return the events, in no special order; many are of the same meeting."""
    return list(_events())


def _events() -> Iterator[dict[str, Any]]:
    yield from _samples()
    yield from _cases()
    yield from hard_inputs()
    for seed in range(_LIVES):
        yield from _numbered(make_life(seed).events, NUMBER + 10_000 + seed)
    # Each of a meeting of its own, too, so that no later one takes away what it left.
    filled = [
        event(name, NOW * 1000, topic="Choir", type=8, **EXCLUDED)
        for name in ("meeting.created", "webinar.updated", "meeting.started", "recording.completed", SNAPSHOT)
    ]
    for place, told in enumerate([*filled, *_samples(), *_described()]):
        yield from _numbered([told], NUMBER + 20_000 + place)


def _numbered(told: Iterable[dict[str, Any]], number: int) -> Iterator[dict[str, Any]]:
    """Return events about another meeting."""
    for one in told:
        about = one["payload"].get("object")
        if not isinstance(about, dict) or not isinstance(about.get("id"), int | str):
            yield one
        else:
            id_ = str(number) if isinstance(about["id"], str) else number
            yield {**one, "payload": {**one["payload"], "object": {**about, "id": id_}}}


def _samples() -> Iterator[dict[str, Any]]:
    for path in sample_files():
        try:
            found = json.loads(path.read_bytes().decode("utf-8-sig"))
        except ValueError:
            continue
        if isinstance(found, dict) and "payload" in found:
            yield found


def _cases() -> Iterator[dict[str, Any]]:
    for path in sorted((SAMPLES / "cases").glob("*.json")):
        yield from json.loads(path.read_text())


def hard_inputs() -> list[dict[str, Any]]:
    """Return the events that the tests of hard inputs fold."""
    found: list[dict[str, Any]] = []
    folded = test_hard_inputs.folded

    def collect(*told: dict[str, Any]) -> Any:
        found.extend(_numbered(told, NUMBER + 1 + len(found)))
        return folded(*told)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(test_hard_inputs, "folded", collect)
        for test in _tests(test_hard_inputs):
            test()
    return found


def _tests(module: Any) -> Iterator[Callable[[], None]]:
    """Return the tests of a module's classes, one for each set of parameters."""
    for group in vars(module).values():
        if not (isinstance(group, type) and group.__name__.startswith("Test")):
            continue
        for name, function in vars(group).items():
            if name.startswith("test_"):
                marks = [one for one in getattr(function, "pytestmark", []) if one.name == "parametrize"]
                for chosen in product(*(_arguments(one.args) for one in marks)):
                    given = {key: value for one in chosen for key, value in one.items()}
                    yield partial(function, group(), **given)


def _arguments(parametrized: tuple[Any, ...]) -> list[dict[str, Any]]:
    names = parametrized[0] if isinstance(parametrized[0], list | tuple) else parametrized[0].split(",")
    several = len(names) > 1
    return [
        dict(zip((name.strip() for name in names), values if several else [values], strict=True))
        for values in parametrized[1]
    ]


def _described() -> Iterator[dict[str, Any]]:
    """Return an event, or an answer as a snapshot, for each of Zoom's descriptions, with all of its fields."""
    for name, schema in schemas().items():
        made = _made(schema, "")
        if name.startswith("/"):
            yield event(SNAPSHOT, NOW * 1000 + 1, **made | {"id": NUMBER})
        elif isinstance(made, dict) and isinstance(made.get("payload"), dict):
            yield made | {"event": name, "event_ts": NOW * 1000}
    folder = descriptions()
    if folder is None:
        return
    told = json.loads((folder / "meeting-events.openapi.json").read_text())["webhooks"]
    for name, one in told.items():
        content = one["post"]["requestBody"]["content"]["application/json"]
        for example in content.get("examples", {}).values():
            yield example["value"]
        yield _made(content["schema"], "") | {"event": name, "event_ts": NOW * 1000}
    answers = json.loads((folder / "meeting-rest.openapi.json").read_text())["paths"]
    for one in answers.values():
        for content in one["get"]["responses"]["200"]["content"].values():
            made = _made(content.get("schema", {}), "")
            if isinstance(made, dict):
                yield event(SNAPSHOT, NOW * 1000 + 2, **made | {"id": NUMBER})


def _made(schema: Mapping[str, Any], name: str) -> Any:
    """Return a value of a schema: its example, or one of its type, with all fields."""
    if "anyOf" in schema or "oneOf" in schema:
        return _made((schema.get("anyOf") or schema["oneOf"])[0], name)
    if "properties" in schema:
        return {key: _made(one, key) for key, one in schema["properties"].items()}
    if isinstance(schema.get("items"), dict):
        return [_made(schema["items"], name)]
    given = [one for one in (schema.get("example"), *schema.get("enum", [])) if one is not None]
    if given:
        return given[0]
    plain = {
        "integer": 30,
        "number": 30,
        "boolean": True,
        "string": _TEXTS.get(str(schema.get("format")), f"some {name}"),
    }
    return _OF_NAME.get(name, plain.get(str(schema.get("type"))))
