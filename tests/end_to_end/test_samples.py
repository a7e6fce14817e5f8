"""Every recorded event, sent through a real WordPress: the project's own, and others' where they lie beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.zoom import envelope as zoom_envelope
from tests.end_to_end.pair import eventually

if TYPE_CHECKING:
    from tests.end_to_end.pair import Pair

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT / "tests/samples/events", ROOT / "tests/samples/raw", ROOT.parent / "shared/zoom-samples")


def files() -> list[Path]:
    """Return every file that holds an event."""
    found = [path for folder in FOLDERS for path in sorted(folder.glob("*.json"))]
    return [path for path in found if path.name != "signature-vectors.json"]


@pytest.mark.parametrize("path", files(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_taken(pair: Pair, path: Path) -> None:
    body = path.read_bytes()
    event = zoom_envelope.parse(body)

    answer = pair.send(body)

    if event.event == "endpoint.url_validation":
        assert answer.status_code == 200
        assert set(answer.json()) == {"plainToken", "encryptedToken"}
        return
    assert (answer.status_code, answer.content) == (204, b"")
    digest = zoom_envelope.digest(event)
    ((logged,),) = pair.rows("SELECT count(*) FROM events WHERE digest = ?", digest)
    assert logged == 1


def test_site_is_well_after_all_of_them(pair: Pair) -> None:
    """None of them is stuck, and no post of theirs makes PHP complain, on its page or in the lists."""
    for path in files():
        assert pair.send(path.read_bytes()).status_code in (200, 204)
    behind = "SELECT number, fault, fault_message FROM posts WHERE wanted > written OR fault IS NOT NULL"
    eventually(
        lambda: not pair.rows("SELECT 1 FROM events WHERE outcome = 'pending'") and not pair.rows(behind),
        lambda: str(pair.rows(behind)),
    )
    failed = pair.rows("SELECT event, reason FROM events WHERE outcome = 'failed'")
    assert failed == []

    numbers = {zoom_envelope.parse(path.read_bytes()).number for path in files()} - {None}
    shown = [post for number in numbers for post in pair.posts(number or 0)]
    assert shown
    for post in shown:
        expected = 200 if post["status"] == "publish" else 404
        assert pair.visit(post["link"]).status_code == expected, post["link"]
    assert pair.visit(f"{pair.site.url}/zoom-meetings/").status_code == 200
