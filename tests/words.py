"""The pages' words, found in the sources: `python -m tests.words` brings `templates/words/` up to date.

`zoombridge.pot` holds every text in English; each `.po` beside it a translation. What is new there is empty, and
shown in English until somebody translates it; what no page says any more is dropped. The plugin's translations are
compiled, because WordPress reads `.mo` files.
"""

from __future__ import annotations

import struct
import tomllib
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

if TYPE_CHECKING:
    from babel.messages.catalog import Message

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "templates/words"
TEMPLATE = FOLDER / "zoombridge.pot"
PLUGIN_FOLDER = ROOT / "plugin_stub/languages"

# Without the moments and versions that would make each run differ from the one before.
_HEADER = """\
msgid ""
msgstr ""
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"""


def extracted() -> Catalog:
    """Return every text of the pages, as the mappings in pyproject.toml find them."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        mappings = tomllib.load(file)["tool"]["babel"]["mappings"]
    methods = [(mapping["pattern"], mapping["method"]) for mapping in mappings]
    options = {
        mapping["pattern"]: {key: value for key, value in mapping.items() if key not in ("pattern", "method")}
        for mapping in mappings
    }
    catalog = Catalog(charset="utf-8")
    found = extract_from_dir(ROOT, methods, options, comment_tags=("Translators:",), strip_comment_tags=True)
    for path, line, message, comments, context in sorted(found, key=lambda one: one[:2]):
        catalog.add(message, None, [(path, line)], auto_comments=comments, context=context)
    return catalog


def template() -> bytes:
    """Return what `zoombridge.pot` should hold."""
    return _written(extracted(), _HEADER)


def updated(path: Path) -> bytes:
    """Return what a translation should hold: what it has, for the texts that there are now."""
    with path.open("rb") as file:
        catalog = read_po(file, locale=path.stem)
    catalog.update(extracted(), no_fuzzy_matching=True)
    header = _HEADER + f'"Language: {path.stem}\\n"\n"Plural-Forms: {catalog.plural_forms}\\n"\n'
    return _written(catalog, header)


def compiled(path: Path) -> bytes:
    """Return what the `.mo` file beside a translation should hold."""
    file = BytesIO()
    with path.open("rb") as source:
        catalog = read_po(source)
    # Otherwise each run would differ from the one before.
    catalog.creation_date = catalog.revision_date = datetime(2026, 1, 1, tzinfo=UTC)
    write_mo(file, catalog)
    made = bytearray(file.getvalue())
    # WordPress takes the end of the table of translations from where the hash table begins, even if that is empty.
    count, _, translations = struct.unpack_from("<3I", made, 8)
    struct.pack_into("<I", made, 24, translations + 8 * count)
    return bytes(made)


def said(message: Message) -> list[str]:
    """Return the translation of a text: one string, or one for each number that the language tells apart."""
    return [message.string] if isinstance(message.string, str) else list(message.string or ())


def _written(catalog: Catalog, header: str) -> bytes:
    file = BytesIO()
    write_po(file, catalog, width=110, omit_header=True, ignore_obsolete=True, include_lineno=False)
    return header.encode() + b"\n" + file.getvalue()


def main() -> None:
    """Write them all, and say what is still to translate."""
    TEMPLATE.write_bytes(template())
    for path in sorted(FOLDER.glob("*.po")):
        path.write_bytes(updated(path))
        with path.open("rb") as file:
            catalog = read_po(file, locale=path.stem)
        missing = [message.id for message in catalog if message.id and not all(said(message))]
        print(f"{path.name}: {len(missing)} of {len(catalog)} texts are still to translate")
    for path in sorted(PLUGIN_FOLDER.glob("*.po")):
        path.with_suffix(".mo").write_bytes(compiled(path))


if __name__ == "__main__":
    main()
