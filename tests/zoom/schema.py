"""Names and types of Zoom's answers and events, from Zoom's own descriptions (OpenAPI), to check the double against.

`schemas.json` holds what `reduced` leaves of the descriptions' schemas. The descriptions themselves are not part of the
project; where they are at hand, a test compares.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = Path(__file__).parent / "schemas.json"
_KEYS = ("type", "enum", "required", "properties", "items", "anyOf")
_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}
ANSWERS = (
    "/users",
    "/users/{userId}/meetings",
    "/users/{userId}/webinars",
    "/meetings/{meetingId}",
    "/webinars/{webinarId}",
)
EVENTS = tuple(
    f"{kind}.{verb}"
    for kind in ("meeting", "webinar")
    for verb in ("created", "updated", "deleted", "recovered", "started", "ended")
)


def schemas() -> dict[str, Any]:
    """Return the schemas by path or event."""
    found: dict[str, Any] = json.loads(FILE.read_text())
    return found


def descriptions() -> Path | None:
    """Return the folder of Zoom's descriptions, which lies beside the checkout on some machines."""
    beside = (parent / "shared" / "zoom-specs" for parent in Path(__file__).resolve().parents)
    return next((folder for folder in beside if folder.is_dir()), None)


def of_descriptions(folder: Path) -> dict[str, Any]:
    """Return the schemas as the descriptions have them."""
    rest = json.loads((folder / "meeting-rest.openapi.json").read_text())
    events = json.loads((folder / "meeting-events.openapi.json").read_text())
    found = {path: rest["paths"][path]["get"]["responses"]["200"] for path in ANSWERS}
    found |= {name: events["webhooks"][name]["post"]["requestBody"] for name in EVENTS}
    return {name: reduced(one["content"]["application/json"]["schema"]) for name, one in found.items()}


def reduced(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return names, types, enumerations and what is required."""
    kept: dict[str, Any] = {key: schema[key] for key in _KEYS if key in schema}
    if "properties" in kept:
        kept["properties"] = {name: reduced(one) for name, one in kept["properties"].items()}
    if isinstance(kept.get("items"), dict):
        kept["items"] = reduced(kept["items"])
    if "anyOf" in kept:
        kept["anyOf"] = [reduced(one) for one in kept["anyOf"]]
    return kept


def deviations(value: Any, schema: Mapping[str, Any], at: str = "") -> list[str]:
    """Return where a value is not of a schema: another type, a value or a name that it does not have, or one missing."""
    if "anyOf" in schema:
        tried = [deviations(value, one, at) for one in schema["anyOf"]]
        return [] if [] in tried else tried[0]
    wanted = _TYPES.get(schema.get("type", ""))
    if wanted is not None and (
        not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool)
    ):
        return [f"{at}: {value!r} is no {schema['type']}"]
    found = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{at}: {value!r} is none of {schema['enum']}")
    if isinstance(value, dict) and "properties" in schema:
        found += [f"{at}.{name}: missing" for name in schema.get("required", ()) if name not in value]
        for name, one in value.items():
            if name in schema["properties"]:
                found += deviations(one, schema["properties"][name], f"{at}.{name}")
            else:
                found.append(f"{at}.{name}: unknown")
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        for one in value:
            found += deviations(one, schema["items"], f"{at}[]")
    return found
