"""docs/pages.md describes every page, with pictures that exist and are small enough to load."""

import re
from pathlib import Path

from tests.end_to_end.pages import PICTURES, page_routes, sign_in_routes

DOCS = Path(__file__).parents[1] / "docs"
TEXT = (DOCS / "pages.md").read_text(encoding="utf-8")
SHOWN = set(re.findall(r"pictures/([a-z-]+)-(?:browser|wp-admin)-\d+\.png", TEXT))


def test_every_page_has_a_name_and_is_described() -> None:
    assert set(page_routes()) | set(sign_in_routes()) == set(PICTURES)
    assert set(PICTURES.values()) == SHOWN


def test_every_picture_exists_and_is_small() -> None:
    files = [DOCS / path for path in re.findall(r'src="([^"]+)"', TEXT)]
    assert files
    assert [path.name for path in files if not path.exists()] == []
    assert sum(path.stat().st_size for path in (DOCS / "pictures").glob("*.png")) < 5_300_000


def test_documents_call_pages_by_their_names() -> None:
    """Those of the bridge, which pages.md has as headings, and *Plugins* of WordPress."""
    known = {*re.findall(r"^## (.+)$", TEXT, re.MULTILINE), "Plugins"}
    documents = [DOCS.parent / "README.md", DOCS.parent / "SECURITY.md", *sorted(DOCS.glob("*.md"))]
    named = {
        (document.name, name)
        for document in documents
        for name in re.findall(r"\bpage\s+\*([^*]+)\*", document.read_text(encoding="utf-8"))
    }
    assert ("runbook.md", "Zoom accounts") in named
    assert {(document, name) for document, name in named if name not in known} == set()
