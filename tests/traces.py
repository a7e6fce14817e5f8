"""Search what a run leaves behind for secrets and people: logs, files and their modes, databases, processes.

`python -m tests.traces DIR` searches what tests left in a folder: each bridge's own files, for all that its database
holds encrypted and for its key. The soak's part `traces` does so after every test of the whole way.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
import sqlite3
import sys
import threading
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, quote_plus

from sqlalchemy import LargeBinary

from core.errors import StoreError
from core.store.db.encryption import Sealer
from core.store.db.schema import metadata

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_SHORTEST = 6  # characters of a form: anything shorter is found by chance
_DIGITS = re.compile(r"\d{1,9}")
_MAIL = re.compile(rb"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
# Fields of Zoom's events and snapshots that open something, wherever they stand.
_OPENING = re.compile(
    r"(?i)join_url|start_url|share_url|play_url|download_url|passw|passcode|_token|host_?key|pstn|h323|encrypted"
)
_TIMES = re.compile(
    rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?"
)  # whose fractions could be anybody's code
_OTHERS, _OTHERS_OF_LOG = 0o077, 0o007  # whoever starts the bridge chooses who else reads its log


@dataclass(frozen=True, order=True, slots=True)
class Trace:
    """A secret that was found: its name, the place, and the form it has there."""

    place: str
    secret: str
    form: str


def forms(value: str) -> dict[str, bytes]:
    """Return the ways in which a value may be written, by their names."""
    data = value.encode()
    found = {
        "plain": data,
        "JSON": json.dumps(value)[1:-1].encode(),
        "JSON of PHP": json.dumps(value)[1:-1].replace("/", "\\/").encode(),
        "HTML": html.escape(value).encode(),
        "URL": quote(value, safe="").encode(),
        "URL with slashes": quote(value).encode(),
        "URL of a form": quote_plus(value).encode(),
        "URL in lower case": re.sub(r"%..", lambda one: one[0].lower(), quote(value, safe="")).encode(),
        "hex": data.hex().encode(),
        "HEX": data.hex().upper().encode(),
        **_in_base64(data, ""),
    }
    if (decoded := _decoded(value)) is not None:
        found |= {"its bytes": decoded, **_in_base64(decoded, " of its bytes")}
        found["hex of its bytes"] = decoded.hex().encode()
    return {name: one for name, one in found.items() if len(one) >= _SHORTEST}


def _in_base64(data: bytes, of: str) -> dict[str, bytes]:
    """Return what is the same in Base64 whatever stands around it, for each place within a group of three."""
    found = {}
    for shift, start in enumerate((0, 2, 3)):
        bits = (shift + len(data)) * 8
        text = base64.b64encode(b"\0" * shift + data)[start : bits // 6]
        found[f"Base64 {shift}{of}"] = text
        found[f"Base64url {shift}{of}"] = text.translate(bytes.maketrans(b"+/", b"-_"))
    return found


def _decoded(value: str) -> bytes | None:
    """Return what a key is, that is written in hex or Base64."""
    if re.fullmatch(r"(?:[0-9a-f]{2}){8,}", value):
        return bytes.fromhex(value)
    if re.fullmatch(r"[\w+/-]{22,}={0,2}", value, re.ASCII):
        with suppress(binascii.Error):
            return base64.urlsafe_b64decode(value.replace("+", "-").replace("/", "_") + "==")
    return None


@dataclass
class Secrets:
    """Values that may stand nowhere, by their names. Digits are found only where no other digit is beside them."""

    values: dict[str, str] = field(default_factory=dict)
    _forms: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def add(self, name: str, value: str) -> None:
        """Add one; empty ones, and those too short to tell, are none. The first name of a value counts."""
        if len(value) >= _SHORTEST:
            self.values.setdefault(value, name)

    def search(self, place: str, content: bytes) -> Iterator[Trace]:
        """Yield what of them is in a content, in the first form of each."""
        for value, name in self.values.items():
            if value not in self._forms:
                self._forms[value] = forms(value)
            for form, needle in self._forms[value].items():
                if needle in content and (not _DIGITS.fullmatch(value) or _stands_alone(needle, content)):
                    yield Trace(place, name, form)
                    break

    def found(self, places: Iterable[tuple[str, bytes]]) -> list[Trace]:
        """Return what is found in several places, once each."""
        return sorted({trace for place, content in places for trace in self.search(place, content)})


def _stands_alone(needle: bytes, content: bytes) -> bool:
    return (
        re.search(rb"(?<![0-9A-Za-z])" + needle + rb"(?![0-9A-Za-z])", _TIMES.sub(b"", content)) is not None
    )


# --- What is searched ---------------------------------------------------------------------------------


def columns(path: Path, labels: Mapping[str, str] | None = None) -> Iterator[tuple[str, bytes]]:
    """Yield all values of each column of an SQLite file, with its table and name.

    `labels`: by table, the column whose value names the place, too.
    """
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        connection.text_factory = bytes
        tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
        for table in [bytes(name).decode() for (name,) in connection.execute(tables).fetchall()]:
            label = (labels or {}).get(table)
            found: dict[str, list[bytes]] = {}
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                named = f" {_as_bytes(row[label]).decode(errors='replace')}" if label else ""
                for column in row.keys():  # noqa: SIM118 - iterating a row gives its values
                    found.setdefault(f"{table}.{column}{named}", []).append(_as_bytes(row[column]))
            yield from ((place, b"\n".join(values)) for place, values in found.items())


def _as_bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the files in a folder, and in folders below it, with their names."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield str(path.relative_to(folder)), path.read_bytes()


def open_to_others(folder: Path) -> list[str]:
    """Return what in a folder others than its owner can read, the folder itself too, with modes."""
    found = [(path, path.lstat().st_mode) for path in (folder, *sorted(folder.rglob("*")))]
    return [
        f"{path.relative_to(folder)} {mode & 0o7777:o}"
        for path, mode in found
        if mode & (_OTHERS_OF_LOG if path.suffix == ".log" else _OTHERS)
    ]


class Processes:
    """Notes the arguments of every process of this machine from time to time; a context manager that stops it."""

    EVERY_SECONDS = 0.1

    def __init__(self) -> None:
        self.lines: set[bytes] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def note(self) -> None:
        """Note those that run now."""
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                self.lines.add(path.read_bytes().replace(b"\0", b" "))

    def _watch(self) -> None:
        while not self._over.wait(self.EVERY_SECONDS):
            self.note()


# --- What a bridge holds encrypted --------------------------------------------------------------------

_SEALED = [
    (table.name, column.name)
    for table in metadata.sorted_tables
    for column in table.columns
    if isinstance(column.type, LargeBinary)
]
_REQUESTS = {("events", "request"), ("quarantine", "request"), ("large_requests", "headers")}


def held_by(data: Path) -> Secrets:
    """Return the secrets of a bridge whose data folder this is: its key, and what its database holds encrypted."""
    key = (data / "zoombridge.key").read_text().strip()
    secrets = Secrets()
    secrets.add("key of the database", key)
    sealer = Sealer(key)
    with closing(sqlite3.connect(f"file:{data / 'zoombridge.db'}?mode=ro", uri=True)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        for table, column in _SEALED:
            if table not in tables:
                continue
            for (sealed,) in connection.execute(f"SELECT {column} FROM {table} WHERE length({column}) > 0"):
                with suppress(StoreError):  # a table of before the migration that sealed it
                    _add_opened(secrets, f"{table}.{column}", sealer.open(sealed))
    with suppress(OSError, ValueError, KeyError):
        secrets.add("token of the command line", json.loads((data / "rpc.json").read_text())["token"])
    return secrets


def _add_opened(secrets: Secrets, name: str, opened: bytes) -> None:
    parts = opened.partition(b"\n")[::2] if name in {".".join(one) for one in _REQUESTS} else [opened]
    is_document = False
    for part in parts:
        with suppress(ValueError, RecursionError):  # what strangers sent, too
            document = json.loads(part)
            is_document = isinstance(document, dict | list)
            _add_fields(secrets, name, document)
        for mail in _MAIL.findall(part):
            secrets.add(f"e-mail in {name}", mail.decode())
    if not is_document and name.partition(".")[0] not in ("events", "quarantine"):
        secrets.add(name, opened.decode(errors="replace"))


def _add_fields(secrets: Secrets, name: str, value: Any, key: str = "") -> None:
    if isinstance(value, dict):
        for below, one in value.items():
            _add_fields(secrets, name, one, below)
    elif isinstance(value, list):
        for one in value:
            _add_fields(secrets, name, one, key)
    elif isinstance(value, str) and (_OPENING.search(key) or key in ("token", "authorization")):
        secrets.add(f"{key} in {name}", value)


# --- After other tests --------------------------------------------------------------------------------

# These hold their own: both are their owner's only.
_OWN = {"zoombridge.key": "key of the database", "rpc.json": "token of the command line"}


def of_bridge(data: Path, secrets: Secrets) -> list[Trace]:
    """Return what a bridge's own files show: its database, its log, and all else in its folder."""
    places = [*files(data)]
    if (data / "zoombridge.db").exists():
        places += [(f"database {place}", value) for place, value in columns(data / "zoombridge.db")]
    return [one for one in secrets.found(places) if _OWN.get(one.place) != one.secret]


def main() -> int:
    """Search what tests left in a folder; return 1 where something is found."""
    folder = Path(sys.argv[1])
    bridges = sorted(path.parent for path in folder.rglob("zoombridge.key") if not path.is_symlink())
    bridges = [data for data in bridges if (data / "zoombridge.db").exists()]
    logs = [(str(path.relative_to(folder)), path.read_bytes()) for path in sorted(folder.rglob("*.log"))]
    everything, found = Secrets(), []
    for data in bridges:
        held = held_by(data)
        everything.values |= held.values
        found += [f"{data.relative_to(folder)}: {one}" for one in of_bridge(data, held)]
        found += [f"{data.relative_to(folder)}: readable by others: {one}" for one in open_to_others(data)]
    found += [str(one) for one in everything.found(logs)]
    print("\n".join(found))
    print(
        f"{len(bridges)} bridges, {len(everything.values)} secrets, {len(logs)} logs: {len(found)} were found."
    )
    return 1 if found or not bridges else 0


if __name__ == "__main__":
    sys.exit(main())
