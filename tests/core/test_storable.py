"""What both databases can store."""

import json

import pytest
from hypothesis import given

from core.storable import DEEPEST, storable
from tests.core.events import JSON


@pytest.mark.parametrize(
    ("text", "stored"),
    [("\ud83d\ude00", "\U0001f600"), ("a\ud800", "a\ufffd"), ("\udfff\x00", "\ufffd\ufffd"), ("é\n", "é\n")],
)
def test_replaces_what_is_no_character(text: str, stored: str) -> None:
    assert storable({text: [text, 1]}) == {stored: [stored, 1]}


@given(JSON)
def test_can_be_written_and_is_not_changed_again(document: object) -> None:
    once = storable(document)
    json.dumps(once, ensure_ascii=False).encode()
    assert storable(once) == once


def test_refuses_what_is_nested_too_deep() -> None:
    nested: object = 1
    for _ in range(DEEPEST):
        nested = [nested]
    assert storable(nested) == nested
    with pytest.raises(RecursionError):
        storable([nested])
