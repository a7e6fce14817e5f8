"""The example of docs/sync.md, which tests on both sides compute."""

import json
from pathlib import Path
from typing import Any

DOCS = (Path(__file__).parent.parent / "docs/sync.md").read_text(encoding="utf-8")


def example(begin: str) -> dict[str, Any]:
    """Return the JSON object of docs/sync.md that begins with this text, without its line breaks."""
    start = DOCS.index(begin)
    text = DOCS[start : DOCS.index("}\n", start) + 1].replace("\n    ", "")
    found: dict[str, Any] = json.loads(text)
    return found
