"""Charts as SVG, drawn here: a sparkline, and a line chart with its axes and marks. Colours come from the style sheet.

Every text in them is escaped. Sizes are in pixels of the view box.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import Literal

from markupsafe import Markup, escape

from metrics.core.periods import Period
from metrics.core.text import visible

State = Literal["normal", "provisional", "suppressed", "missing", "held"]
_STRIP = 14  # the height of the strip with the periods that are suppressed or held
_LEAST_SPAN = 0.03  # of the value: a change of three per cent may fill the height, a smaller one doesn't
_SMALL = 160  # charts of this height or less have smaller marks, and no range of usual values
_CHARACTER = 6.6  # the width of a digit at the size of the labels


@dataclass(frozen=True)
class Point:
    """A period of a series. `label` is read out; `marks` are words such as flagged, revised, break.

    `first_value` is the value that was published first, where the value was revised since. `targets` has the
    period's target, or the two ends of its band. `usual` is the range in which the value would be a usual change.
    """

    period: Period
    value: float | None
    label: str
    state: State = "normal"
    marks: tuple[str, ...] = ()
    first_value: float | None = None
    targets: tuple[float, ...] = ()
    usual: tuple[float, float] | None = None

    @property
    def is_held(self) -> bool:
        """Whether a value of it waits for a decision; an earlier one may be published."""
        return "held" in self.marks or self.state == "held"


@dataclass(frozen=True)
class _Scale:
    """Maps a number in [low, high] to a pixel in [start, end]."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, number: float) -> float:
        return round(self.start + (number - self.low) / (self.high - self.low) * (self.end - self.start), 1)


def sparkline(points: Sequence[Point], title: str, *, off_target: bool) -> Markup:
    """A line chart of a series without axes: the values, the target as a dashed line, the newest value as a dot.

    The dot is hollow while the value is provisional, and coloured if it is off target. Empty without values.
    """
    values = [point.value for point in points if point.value is not None]
    if not values:
        return Markup("")
    width, height = 132, 30
    low, high = _range([*values, *_targets(points)])
    x = _Scale(0, max(len(points) - 1, 1), 4, width - 5)
    y = _Scale(low, high, height - 5, 5)
    parts = [_target_line(points, x, y, 0, width), _line(points, x, y)]
    last = max(place for place, point in enumerate(points) if point.value is not None)
    parts.append(_dot(x(last), y(points[last].value or 0), points[last], 2.6, "off" if off_target else ""))
    return _svg("spark", width, height, title, parts)


def line_chart(
    points: Sequence[Point],
    title: str,
    labels: Callable[[Sequence[float]], list[str]],
    *,
    width: int,
    height: int,
    target_word: Callable[[tuple[float, ...]], str] = str,
    low_high: tuple[float, float] | None = None,
) -> Markup:
    """A series with both axes, the targets of its periods, and its marks. `labels` writes the values of the axis.

    `target_word` writes the text beside the newest target.

    Periods that are suppressed or held are marked in a strip below the line at which the values end.
    `low_high` are values that the axis has to include, so that several charts can be compared; by default those of the
    series.
    Empty without values.
    """
    values = [value for point in points for value in (point.value, point.first_value) if value is not None]
    if not values:
        return Markup("")
    usual = [end for point in points for end in point.usual or ()] if height > _SMALL else []
    low, high = low_high or _range([*values, *_targets(points), *usual])
    ticks = _ticks(low, high, 4)
    low, high = min(low, ticks[0]), max(high, ticks[-1])
    tick_labels = labels(ticks)
    left = max(map(len, tick_labels)) * _CHARACTER + 10
    bottom = height - 24
    base = bottom - (_STRIP if any(point.state == "suppressed" or point.is_held for point in points) else 0)
    x = _Scale(0, max(len(points) - 1, 1), left + 8, width - 12)
    y = _Scale(low, high, base - 6, 10)
    parts = [
        f'<path class="grid" d="M{left} {y(tick)}H{width}"/>'
        f'<text class="axis" x="{left - 6}" y="{y(tick) + 4}" text-anchor="end">{_text(label)}</text>'
        for tick, label in zip(ticks, tick_labels, strict=True)
    ]
    parts += _time_axis(points, x, base, bottom, width)
    parts += _band(points, x, y) if usual else []
    target_text = ""
    if newest := next((point.targets for point in reversed(points) if point.targets), ()):
        target = newest[-1]
        parts.append(_target_line(points, x, y, left, width))
        word = target_word(newest)
        has_others = len(set(_targets(points))) > len(newest)  # the newest one ends at the right
        places = [(at_end, line) for line in (y(target) - 5, y(target) + 14) for at_end in (True, False)]
        places = [(at_end, line) for at_end, line in places if (at_end or not has_others) and 10 <= line < base]
        at_end, line = min(places, key=lambda place: _crossed(points, x, y, word, (*place, left, width)))
        side = f'x="{width - 4}" text-anchor="end"' if at_end else f'x="{left + 4}"'
        target_text = f'<text class="target-word" {side} y="{line}">{_text(word)}</text>'
    step = x(1) - x(0)
    for place, point in enumerate(points):
        if "break" in point.marks:
            parts.append(f'<path class="break" d="M{x(place) - step / 2} 4V{base}"/>')
        if point.state == "suppressed":
            parts.append(_bar(x(place), (base + bottom) / 2, min(step, 24) * 0.8, point))
        if point.is_held:
            parts.append(_cross(x(place), (base + bottom) / 2, 4 if height > _SMALL else 3, point))
    parts.append(_line(points, x, y))
    for place, point in enumerate(points):
        if point.value is None:
            continue
        if point.first_value is not None:
            parts.append(f'<path class="revision" d="M{x(place)} {y(point.first_value)}V{y(point.value)}"/>')
            parts.append(f'<circle class="first" cx="{x(place)}" cy="{y(point.first_value)}" r="2.6"/>')
        if "flagged" in point.marks:
            parts.append(f'<path class="flag" d="M{x(place) - 4} {y(point.value) - 13}h8l-4 7z"/>')
        is_alone = all(
            other.value is None for other in (*points[max(place - 1, 0) : place], *points[place + 1 : place + 2])
        )
        parts.append(_dot(x(place), y(point.value), point, 3 if height > _SMALL else 2.2 if is_alone else 1.7))
    parts.append(target_text)  # last, so that no line runs through it
    return _svg("chart", width, height, title, parts)


def shared_range(groups: Iterable[Sequence[Point]]) -> tuple[float, float]:
    """The values that charts of several series have to show to be compared."""
    return _range([point.value for points in groups for point in points if point.value is not None])


def with_gaps(points: Sequence[Point]) -> list[Point]:
    """The points with one without a value for every period that is missing between them."""
    whole: list[Point] = []
    for point in points:
        while whole and whole[-1].period.next() < point.period:
            following = whole[-1].period.next()
            whole.append(replace(point, period=following, value=None, label="", state="missing", marks=(), usual=None))
        whole.append(point)
    return whole


def _text(text: str) -> Markup:
    return escape(visible(text))


def _svg(kind: str, width: int, height: int, title: str, parts: Iterable[str]) -> Markup:
    body = "".join(parts)
    return Markup(  # all texts in it are escaped
        f'<svg class="{kind}" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img"'
        f' aria-label="{_text(title)}">{body}</svg>'
    )


def _line(points: Sequence[Point], x: _Scale, y: _Scale) -> str:
    """The line through the values, interrupted where there is none."""
    path = []
    for has_value, run in groupby(enumerate(points), key=lambda entry: entry[1].value is not None):
        if has_value:
            path.append("M" + "L".join(f"{x(place)} {y(point.value or 0)}" for place, point in run))
    return f'<path class="line" d="{"".join(path)}"/>'


def _band(points: Sequence[Point], x: _Scale, y: _Scale) -> list[str]:
    """The range of usual values, for the periods that have one. A single such period gets half a step on both sides."""
    areas, half_step = [], (x(1) - x(0)) / 2
    for has_range, run in groupby(enumerate(points), key=lambda entry: entry[1].usual is not None):
        ends = [(x(place), *map(y, point.usual)) for place, point in run if point.usual is not None]
        if has_range:
            if len(ends) == 1:
                place, low, high = ends[0]
                ends = [(round(place - half_step, 1), low, high), (round(place + half_step, 1), low, high)]
            upper = "L".join(f"{place} {high}" for place, _, high in ends)
            lower = "L".join(f"{place} {low}" for place, low, _ in reversed(ends))
            areas.append(f'<path class="usual" d="M{upper}L{lower}Z"/>')
    return areas


def _crossed(points: Sequence[Point], x: _Scale, y: _Scale, word: str, place: tuple[bool, float, float, float]) -> int:
    """How often the line through the values, seen at steps, runs through a word at a place.

    The place is whether the word ends at the right, its base line, and the left and right end of the chart.
    """
    at_end, line, left, right = place
    length = len(word) * _CHARACTER + 8
    start, end = (right - length, right) if at_end else (left, left + length)
    crossed = 0
    for number, (point, following) in enumerate(pairwise([*points, *points[-1:]])):
        if point.value is None or following.value is None:
            continue
        for step in range(8):
            across, value = x(number + step / 8), point.value + (following.value - point.value) * step / 8
            crossed += start <= across <= end and line - 12 <= y(value) <= line + 3
    return crossed


def _targets(points: Sequence[Point]) -> list[float]:
    return [target for point in points for target in point.targets]


def _target_line(points: Sequence[Point], x: _Scale, y: _Scale, left: float, right: float) -> str:
    """A level line for each target, two for a band, over its periods; the first from `left`, the last to `right`."""
    half_step = (x(1) - x(0)) / 2
    path = []
    for targets, run in groupby(range(len(points)), key=lambda place: points[place].targets):
        places = list(run)
        for target in targets:
            start = left if places[0] == 0 else round(x(places[0]) - half_step, 1)
            end = right if places[-1] == len(points) - 1 else round(x(places[-1]) + half_step, 1)
            path.append(f"M{start} {y(target)}H{end}")
    return f'<path class="target" d="{"".join(path)}"/>' if path else ""


def _dot(x: float, y: float, point: Point, radius: float, more: str = "") -> str:
    classes = " ".join(filter(None, ("dot", point.state if point.state != "normal" else "", more)))
    return f'<circle class="{classes}" cx="{x}" cy="{y}" r="{radius}"><title>{_text(point.label)}</title></circle>'


def _bar(x: float, y: float, width: float, point: Point) -> str:
    bar = f'x="{round(x - width / 2, 1)}" y="{y - 2.5}" width="{round(width, 1)}" height="5"'
    return f'<rect class="suppressed" {bar}><title>{_text(point.label)}</title></rect>'


def _cross(x: float, y: float, arm: float, point: Point) -> str:
    arms = f"M{x - arm} {y - arm}l{2 * arm} {2 * arm}m0 {-2 * arm}l{-2 * arm} {2 * arm}"
    return f'<path class="cross" d="{arms}"><title>{_text(point.label)}</title></path>'


def _time_axis(points: Sequence[Point], x: _Scale, base: float, bottom: float, width: int) -> list[str]:
    """The line below the values, and a tick and the year at the first period of each year, where there is room."""
    starts = [
        (place, point.period.start.year if point.period.freq != "W" else point.period.code[:4])
        for place, point in enumerate(points)
        if place == 0 or str(point.period.code[:4]) != points[place - 1].period.code[:4]
    ]
    parts, free_from = [f'<path class="base" d="M{x.start - 8} {base}H{width}"/>'], 0.0
    for number, (place, year) in enumerate(starts):
        after = x(starts[number + 1][0]) if number + 1 < len(starts) else width + 20
        parts.append(f'<path class="base" d="M{x(place)} {bottom}v5"/>')
        if x(place) - 14 >= free_from and (after - x(place) >= 30 or number > 0):
            at_end = x(place) + 14 > width
            anchor = "end" if at_end else "middle"
            parts.append(
                f'<text class="axis" x="{width if at_end else x(place)}" y="{bottom + 18}"'
                f' text-anchor="{anchor}">{year}</text>'
            )
            free_from = x(place) + 22
    return parts


def _range(values: Sequence[float]) -> tuple[float, float]:
    """The least and the greatest value with some room; two different numbers.

    They lie at least _LEAST_SPAN of the value apart, so that a series that hardly changes looks so.
    """
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = (high - low) * 0.06 if high > low else abs(high) * 0.1 or 1.0
    room = max(room, (_LEAST_SPAN * max(abs(low), abs(high)) - (high - low)) / 2)
    return low - room if low < 0 or low - room >= 0 else 0.0, high + room


def _ticks(low: float, high: float, count: int) -> list[float]:
    """About `count` round numbers that lie in [low, high]."""
    raw_step = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw_step))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw_step)
    first = math.ceil(low / step - 1e-9)
    ticks = [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]
    return ticks or [low, high]
