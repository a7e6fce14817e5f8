"""Charts: numbers in, SVG out."""

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.ui.charts import HEIGHT, WIDTH, Frame, Mark, Series, bars, lines, scale

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '"><script>alert(1)</script>&'


def frame(marks: tuple[Mark, ...] = (), words: str = "Events") -> Frame:
    return Frame("zb-chart", words, words, marks, say=lambda value: f"{value:g}")


def drawn(svg: str) -> ET.Element:
    """Read it as a browser reads SVG within HTML."""
    return ET.fromstring(str(svg).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


def boxes(svg: str) -> list[tuple[str, float, float, float, float]]:
    """Return the class, the place and the size of each bar."""
    found = []
    for rect in drawn(svg).iter(f"{SVG}rect"):
        x, y, width, height = (float(rect.get(name, "0")) for name in ("x", "y", "width", "height"))
        found.append((rect.get("class", ""), x, y, width, height))
    return found


class TestFrame:
    def test_is_one_picture_with_a_title_and_a_description(self) -> None:
        chart = drawn(bars(frame(), [Series("Applied", "is-good", [1])]))
        assert chart.get("role") == "img"
        named = (chart.get("aria-labelledby") or "").split()
        assert [element.get("id") for element in (chart[0], chart[1])] == named
        assert [element.tag for element in (chart[0], chart[1])] == [f"{SVG}title", f"{SVG}desc"]
        assert chart.get("viewBox") == f"0 0 {WIDTH} {HEIGHT}"

    def test_escapes_every_word(self) -> None:
        marks = (Mark(0, HOSTILE),)
        for svg in (
            bars(frame(marks, HOSTILE), [Series(HOSTILE, "is-good", [1])]),
            lines(frame(marks, HOSTILE), [Series(HOSTILE, "is-good", [1])]),
        ):
            assert "<script" not in svg
            assert HOSTILE in "".join(drawn(svg).itertext())

    def test_has_no_style_and_no_script_of_its_own(self) -> None:
        """The page's policy would not let it."""
        svg = bars(frame(), [Series("Applied", "is-good", [1, 2])])
        assert not re.search(r"style=|<style|on\w+=|href", svg)

    def test_marks_stand_where_they_belong(self) -> None:
        marks = (Mark(0, "24 h ago"), Mark(1, "12 h ago", spare=True), Mark(2, "now"))
        texts = list(drawn(bars(frame(marks), [Series("", "", [1, 1])])).iter(f"{SVG}text"))
        first, middle, last = texts[-3:]
        assert [text.get("text-anchor") for text in (first, middle, last)] == ["start", "middle", "end"]
        assert "is-spare" in (middle.get("class") or "")
        assert float(first.get("x") or 0) < float(middle.get("x") or 0) < float(last.get("x") or 0) <= WIDTH


class TestBars:
    def test_stand_on_one_another(self) -> None:
        svg = bars(frame(), [Series("Applied", "is-good", [4]), Series("Failed", "is-bad", [2])])
        (good, _, good_top, _, good_height), (bad, _, bad_top, _, bad_height) = boxes(svg)
        assert (good, bad) == ("is-good", "is-bad")
        assert good_height == pytest.approx(2 * bad_height, abs=0.2)
        assert bad_top + bad_height == pytest.approx(good_top, abs=0.2)

    def test_of_nothing_are_none(self) -> None:
        assert boxes(bars(frame(), [Series("Applied", "is-good", [0, None, 0])])) == []
        assert boxes(bars(frame(), [Series("Applied", "is-good", [])])) == []

    def test_of_little_beside_much_are_to_be_seen(self) -> None:
        svg = bars(frame(), [Series("Failed", "is-bad", [1, 1_000_000])])
        assert boxes(svg)[0][4] >= 1

    def test_say_their_numbers(self) -> None:
        svg = bars(frame(), [Series("Applied", "is-good", [4, 0]), Series("Failed", "is-bad", [2, 0])])
        assert [title.text for title in drawn(svg).iter(f"{SVG}title")][1:] == ["Applied: 4, Failed: 2"]


class TestLines:
    def test_break_off_where_there_is_no_number(self) -> None:
        chart = drawn(lines(frame(), [Series("Half", "is-good", [1, 2, None, 3, None, 4, 5])]))
        paths = [path.get("d") or "" for path in chart.iter(f"{SVG}path")]
        assert [path.count("L") for path in paths] == [1, 1]
        assert len(list(chart.iter(f"{SVG}circle"))) == 5, "one that stands alone is to be seen, too"

    def test_of_nothing_are_none(self) -> None:
        assert "<path" not in lines(frame(), [Series("Half", "is-good", [None, None])])


class TestScale:
    @pytest.mark.parametrize(
        ("most", "ticks"),
        [
            (0, [0, 1]),
            (1, [0, 0.5, 1]),
            (3, [0, 1, 2, 3]),
            (7, [0, 2, 4, 6, 8]),
            (100, [0, 50, 100]),
            (2.3, [0, 1, 2, 3]),
            (0.03, [0, 0.01, 0.02, 0.03]),
        ],
    )
    def test_has_a_few_round_numbers(self, most: float, ticks: list[float]) -> None:
        assert scale(most) == pytest.approx(ticks)

    def test_of_what_is_counted_has_whole_numbers(self) -> None:
        assert scale(1, whole=True) == [0, 1]
        assert scale(2, whole=True) == [0, 1, 2]

    @given(st.floats(min_value=0, max_value=1e15, allow_nan=False), st.booleans())
    def test_always_reaches_far_enough(self, most: float, whole: bool) -> None:
        ticks = scale(most, whole=whole)
        assert 2 <= len(ticks) <= 6
        assert ticks[0] == 0
        assert ticks[-1] >= most * (1 - 1e-6)


@given(
    st.lists(
        st.lists(st.one_of(st.none(), st.floats(min_value=0, max_value=1e12)), min_size=1, max_size=30),
        min_size=1,
        max_size=4,
    )
)
def test_nothing_is_drawn_outside(rows: list[list[float | None]]) -> None:
    width = min(len(row) for row in rows)
    series = [Series("x", "is-good", row[:width]) for row in rows]
    for _, x, y, wide, high in boxes(bars(frame(), series)):
        assert 0 <= x <= x + wide <= WIDTH
        assert -1 <= y <= y + high <= HEIGHT
    for circle in drawn(lines(frame(), series)).iter(f"{SVG}circle"):
        assert 0 <= float(circle.get("cx") or -1) <= WIDTH
        assert 0 <= float(circle.get("cy") or -1) <= HEIGHT
