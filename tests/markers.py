"""Events in which every field that is to stay in the encrypted log alone, and every secret, holds a marker of its own.

What may be stored elsewhere is listed here by name (docs/settings.md says the same); every other field of an event is
excluded, whatever Zoom calls it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from core.model.state_fields import OBJECT, OCCURRENCE, RECURRENCE, SETTINGS

_OF_INSTANCE = {"start_time", "end_time", "practice_session", "status"}
_OF_RECORDING = {"share_url", "recording_files", "recording_file_ids", "meetings", "meeting_uuids"}
_OF_OBJECT = {
    *OBJECT,
    *_OF_INSTANCE,
    *_OF_RECORDING,
    "id",
    "settings",
    "recurrence",
    "occurrences",
    "registrant",
}
_ALLOWED: dict[tuple[str, ...], set[str]] = {
    (): {"event", "event_ts", "payload"},
    ("payload",): {"account_id", "operation", "scope", "time_stamp", "plainToken", "object", "old_object"},
    ("payload", "object"): _OF_OBJECT,
    ("payload", "object", "settings"): set(SETTINGS) - {"alternative_host_ids"},
    ("payload", "object", "recurrence"): set(RECURRENCE),
    ("payload", "object", "occurrences"): set(OCCURRENCE),
    ("payload", "object", "registrant"): {"id", "status"},
    ("payload", "object", "recording_files"): {"id", "file_type", "recording_type", "status"},
    ("payload", "object", "meetings"): {"meeting_uuid", "recording_file_ids"},
}
# Stored encrypted only; `password` of a recording, too.
_SECRETS = {
    "join_url": "https://us02web.zoom.us/j/85393847045?pwd=%s",
    "password": "%s",
    "share_url": "https://us02web.zoom.us/rec/share/%s",
}
_OF_PEOPLE = ("user.", "account.")  # their object is no meeting: of it only the id
_COMMON = re.compile(r"\d{4}-\d\d-\d\d|[a-z_]+$")  # times and single words are found anywhere
MARKER = r"(?:qx|zq)\d{6}x"
_KEY = re.compile(r"(?i)host_?key|pstn|h323|passw|passcode|token|start_url")
_SHORTEST = 8  # characters of a value as it came, that can be searched for


@dataclass
class Markers:
    """Puts markers into documents. `excluded` and `secrets` map each marker to where it stands."""

    excluded: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    _found: dict[str, str] = field(default_factory=dict)
    _allowed: set[str] = field(default_factory=set)

    def mark(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return an event with markers in place of excluded text and secrets, of the same kind of text."""
        marked: dict[str, Any] = self._replaced(document, (), str(document.get("event")), is_excluded=False)
        return marked

    def note(self, document: dict[str, Any]) -> None:
        """Note the values that excluded fields of an event have, to be searched for as well."""
        self._note(document, (), str(document.get("event")), is_excluded=False)

    def noted(self) -> dict[str, str]:
        """Return the noted values that no other field has, and where they stand."""
        everything = "\n".join(self._allowed)
        return {value: place for value, place in self._found.items() if value not in everything}

    def opening(self) -> dict[str, str]:
        """Return the markers that open a meeting: passcodes, and those of join links."""
        return {one: place for one, place in self.secrets.items() if not place.endswith("share_url")}

    def keys(self) -> dict[str, str]:
        """Return the markers in excluded fields that hold keys: host keys, passcodes of telephones, start links."""
        return {one: place for one, place in self.excluded.items() if _KEY.search(place.rpartition(".")[2])}

    def everything(self) -> dict[str, str]:
        """Return all markers."""
        return self.excluded | self.secrets

    def _replaced(self, value: Any, path: tuple[str, ...], name: str, *, is_excluded: bool) -> Any:
        if isinstance(value, dict):
            return {
                key: self._replaced(
                    item, (*path, key), name, is_excluded=is_excluded or not _is_allowed(path, key, name)
                )
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self._replaced(item, path, name, is_excluded=is_excluded) for item in value]
        return self._marked(value, path, name, is_excluded) if isinstance(value, str) and value else value

    def _marked(self, value: str, path: tuple[str, ...], name: str, is_excluded: bool) -> str:
        place = f"{name}: {'.'.join(path)}"
        if is_excluded:
            return _like(value, self._next(self.excluded, "qx", place))
        if path[-1] in _SECRETS and path[:2] == ("payload", "object"):
            return _SECRETS[path[-1]] % self._next(self.secrets, "zq", place)
        return value

    def _note(self, value: Any, path: tuple[str, ...], name: str, *, is_excluded: bool) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                self._note(
                    item, (*path, key), name, is_excluded=is_excluded or not _is_allowed(path, key, name)
                )
        elif isinstance(value, list):
            for item in value:
                self._note(item, path, name, is_excluded=is_excluded)
        elif isinstance(value, str) and not is_excluded:
            self._allowed.add(value)
        elif isinstance(value, str) and len(value) >= _SHORTEST and not _COMMON.match(value):
            self._found[value] = f"{name}: {'.'.join(path)}"

    def _next(self, markers: dict[str, str], prefix: str, place: str) -> str:
        marker = f"{prefix}{len(markers):06d}x"
        markers[marker] = place
        return marker


def _is_allowed(path: tuple[str, ...], key: str, name: str) -> bool:
    """Tell whether a field may be stored outside the encrypted log, where the one that holds it may be."""
    if name.startswith(_OF_PEOPLE) and path[:1] == ("payload",) and len(path) > 1:
        return path == ("payload", "object") and key == "id"
    # What an update says of the state before is merged with it, and never more than the same fields.
    known = tuple("object" if part == "old_object" else part for part in path)
    return key in _ALLOWED.get(known, set())


def _like(value: str, marker: str) -> str:
    if "@" in value:
        return f"{marker}@example.org"
    return f"https://example.org/{marker}" if "://" in value else marker
