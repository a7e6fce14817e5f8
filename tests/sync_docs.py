"""The examples of docs/sync.md and docs/pairing.md, which tests on both sides compute."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "docs"
DOCS = (FOLDER / "sync.md").read_text(encoding="utf-8")
PAIRING_DOCS = (FOLDER / "pairing.md").read_text(encoding="utf-8").partition("## Example")[2]


def example(begin: str, docs: str = DOCS) -> dict[str, Any]:
    """Return the JSON object of a document that begins with this text, without its line breaks."""
    start = docs.index(begin)
    text = docs[start : docs.index("}\n", start) + 1].replace("\n    ", "")
    found: dict[str, Any] = json.loads(text)
    return found
