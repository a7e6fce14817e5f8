"""Draw charts as SVG. Pure, and without texts of its own: titles and labels are arguments.

A chart is one picture to screen readers, with a title and a description; the numbers stand beside it in a table.
Colours and patterns are the style sheet's, by class: see `templates/parts/chart-patterns.jinja`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

WIDTH, HEIGHT = 440, 170  # small, so that its words can be read where it is made smaller
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 6, 10, 26
_MOST_TICKS = 4
_SMALLEST = 1e-9  # less is nothing
_GAP = 0.25  # of a bar's place


@dataclass(frozen=True, slots=True)
class Series:
    """A series of values, drawn with a class of the style sheet. None: no value."""

    name: str
    css: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Mark:
    """A label below the chart, at the start of the place with this index. `spare`: hidden on a small screen."""

    place: int
    label: str
    spare: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """A chart's ID, title, description and labels; `say` formats the numbers of the axis."""

    id: str
    title: str
    description: str
    marks: Sequence[Mark]
    say: Callable[[float], str] = str


def bars(frame: Frame, series: Sequence[Series]) -> Markup:
    """Draw a stacked bar chart, the first series at the bottom."""
    places = len(series[0].values)
    sums = [sum(one.values[place] or 0 for one in series) for place in range(places)]
    ticks = scale(max(sums, default=0), whole=True)
    step = _inner_width() / max(places, 1)
    drawn = []
    for place in range(places):
        below = 0.0
        label = ", ".join(
            f"{one.name}: {frame.say(one.values[place] or 0)}" for one in series if one.values[place]
        )
        rects = Markup("")
        for one in series:
            value = one.values[place] or 0
            if value:
                top, bottom = _y(below + value, ticks), _y(below, ticks)
                rects += Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>').format(
                    one.css,
                    _round(_LEFT + (place + _GAP / 2) * step),
                    _round(top),
                    _round(step * (1 - _GAP)),
                    _round(max(bottom - top, 1.0)),  # a little is not nothing
                )
                below += value
        if rects:
            drawn.append(Markup("<g><title>{}</title>{}</g>").format(label, rects))
    return _chart(frame, ticks, places, drawn)


def lines(frame: Frame, series: Sequence[Series]) -> Markup:
    """Draw a line chart; lines have gaps where there is no value."""
    places = len(series[0].values)
    most = max((value for one in series for value in one.values if value is not None), default=0.0)
    ticks = scale(most)
    step = _inner_width() / max(places, 1)
    drawn = []
    for one in series:
        points = [
            None if value is None else (_round(_LEFT + (place + 0.5) * step), _round(_y(value, ticks)))
            for place, value in enumerate(one.values)
        ]
        for piece in _pieces(points):
            path = "M" + "L".join(f"{x} {y}" for x, y in piece)
            if len(piece) > 1:
                drawn.append(Markup('<path class="is-line {}" d="{}"/>').format(one.css, path))
        for place, point in enumerate(points):
            if point is not None:
                label = f"{one.name}: {frame.say(one.values[place] or 0)}"
                drawn.append(
                    Markup('<circle class="{}" cx="{}" cy="{}" r="3"><title>{}</title></circle>').format(
                        one.css, *point, label
                    )
                )
    return _chart(frame, ticks, places, drawn)


def scale(most: float, *, whole: bool = False) -> list[float]:
    """Return a few round ticks from 0 to at least `most`. `whole`: integers only."""
    if most < _SMALLEST or not math.isfinite(most):
        return [0.0, 1.0]
    raw = most / _MOST_TICKS
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * (1 - 1e-9))
    if whole:
        step = max(round(step), 1)
    return [place * step for place in range(max(math.ceil(most / step - 1e-9), 1) + 1)]


def _chart(frame: Frame, ticks: Sequence[float], places: int, drawn: Iterable[Markup]) -> Markup:
    grid = Markup("").join(
        Markup(
            '<line class="is-grid" x1="{}" x2="{}" y1="{}" y2="{}"/>'
            '<text class="is-label" x="{}" y="{}" text-anchor="end">{}</text>'
        ).format(
            _LEFT,
            WIDTH - _RIGHT,
            _round(_y(tick, ticks)),
            _round(_y(tick, ticks)),
            _LEFT - 6,
            _round(_y(tick, ticks) + 4),
            frame.say(tick),
        )
        for tick in ticks
    )
    step = _inner_width() / max(places, 1)
    marks = Markup("").join(
        Markup('<text class="is-label{}" x="{}" y="{}" text-anchor="{}">{}</text>').format(
            " is-spare" if mark.spare else "",
            _round(_LEFT + mark.place * step),
            HEIGHT - 8,
            "start" if mark.place == 0 else "end" if mark.place == places else "middle",
            mark.label,
        )
        for mark in frame.marks
    )
    return Markup(
        '<svg id="{id}" viewBox="0 0 {width} {height}" role="img" aria-labelledby="{id}-title {id}-description">'
        '<title id="{id}-title">{title}</title><desc id="{id}-description">{description}</desc>{grid}{drawn}{marks}</svg>'
    ).format(
        id=frame.id,
        width=WIDTH,
        height=HEIGHT,
        title=frame.title,
        description=frame.description,
        grid=grid,
        drawn=Markup("").join(drawn),
        marks=marks,
    )


def _pieces(points: Sequence[tuple[float, float] | None]) -> Iterable[list[tuple[float, float]]]:
    piece: list[tuple[float, float]] = []
    for point in points:
        if point is not None:
            piece.append(point)
        elif piece:
            yield piece
            piece = []
    if piece:
        yield piece


def _inner_width() -> int:
    return WIDTH - _LEFT - _RIGHT


def _y(value: float, ticks: Sequence[float]) -> float:
    return HEIGHT - _BOTTOM - value / ticks[-1] * (HEIGHT - _TOP - _BOTTOM)


def _round(value: float) -> float:
    return round(value, 1)
