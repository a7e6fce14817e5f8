"""Text from Zoom loses what pages and databases cannot hold, and nothing else."""

import sys
import unicodedata

from core.render.text import clean


def test_control_characters_go_and_every_other_stays() -> None:
    signs = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF and code != 0xD]
    kept = [sign for sign in signs if sign in "\n\t" or unicodedata.category(sign) != "Cc"]
    assert clean("".join(signs)) == "".join(kept)


def test_line_breaks_become_one_and_lone_surrogates_are_marked() -> None:
    assert clean("a\r\nb\rc\n\td\ud800") == "a\nb\nc\n\td?"
