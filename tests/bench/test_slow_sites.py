"""`slow-sites` of the soak: when a page counts as current."""

from pathlib import Path

from bench.events import story
from bench.place import account_of
from bench.slow_sites import SILENT, SITES, SLOW, Sent, _waits, _written


def test_page_is_current_once_it_shows_that_edition_or_a_later_one(tmp_path: Path) -> None:
    events = story(meetings=SITES, accounts=[account_of(index) for index in range(SITES)])
    first, second = ([next(events) for _ in range(SITES)] for _ in range(2))
    prompt, other, slow = SLOW + SILENT, SLOW + SILENT + 1, 0
    sent = Sent(
        [
            (first[prompt], 10.0),
            (second[prompt], 11.0),
            (first[other], 10.0),
            (second[other], 11.0),
            (first[slow], 10.0),
        ]
    )
    lines = [
        (12.5, prompt, first[prompt].number, second[prompt].topic),
        (9.9, other, first[other].number, first[other].topic),
        (50.0, slow, first[slow].number, first[slow].topic),
    ]
    path = tmp_path / "written"
    path.write_text("".join("\t".join(map(str, line)) + "\n" for line in lines))

    written = _written(path)

    assert _waits(sent, written, is_prompt=True) == [2.5, 1.5, 0.0, None]
    assert _waits(sent, written, is_prompt=False) == [40.0]
