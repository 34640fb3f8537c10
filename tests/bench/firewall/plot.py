"""Lines over a logarithmic axis, as SVG. Pure."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from html import escape

_WIDTH, _HEIGHT = 480, 330
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 30, 34, 46
_LEGEND = 18
_STYLE = "font-family:sans-serif;font-size:12px;fill:#222"


@dataclasses.dataclass(frozen=True)
class Line:
    """:ivar points: (x, y, lower end, upper end of what is drawn as spread)
    :ivar mark: no line, but a dash at each point
    """

    label: str
    color: str
    points: Sequence[tuple[float, float, float, float]]
    dashed: bool = False
    mark: bool = False


@dataclasses.dataclass(frozen=True)
class Chart:
    """:ivar log: the upright axis is logarithmic too"""

    title: str
    across: str
    upright: str
    lines: Sequence[Line]
    log: bool = False


def svg(charts: Sequence[Chart]) -> str:
    """The charts side by side."""
    height = _HEIGHT + _LEGEND * max(len(chart.lines) for chart in charts) + 10
    width = _WIDTH * len(charts)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" style="{_STYLE}">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for n, chart in enumerate(charts):
        parts.append(f'<g transform="translate({n * _WIDTH} 0)">')
        parts.extend(_chart(chart))
        parts.append("</g>")
    return "\n".join([*parts, "</svg>\n"])


def ticks(highest: float) -> list[float]:
    """Round values from 0 to at least the highest, at most seven."""
    power = 10.0 ** math.floor(math.log10(highest))
    step = next(s * power for s in (0.2, 0.5, 1, 2, 5) if highest <= 6 * s * power)
    return [step * n for n in range(math.ceil(highest / step) + 1)]


def decades(values: Sequence[float]) -> list[float]:
    """Powers of ten around the values, one at least on either side."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return [10.0**n for n in range(low, max(high, low + 1) + 1)]


@dataclasses.dataclass(frozen=True)
class _Axis:
    marks: Sequence[float]
    begin: float
    end: float
    log: bool

    def place(self, value: float) -> float:
        """In pixels; what is off the axis is put to its end."""
        value = min(max(value, self.marks[0]), self.marks[-1])
        low, high, here = (
            math.log10(v) if self.log else v for v in (self.marks[0], self.marks[-1], value)
        )
        return self.begin + (self.end - self.begin) * (here - low) / (high - low)


def _chart(chart: Chart) -> Iterator[str]:
    xs = [p[0] for line in chart.lines for p in line.points]
    ys = [p[n] for line in chart.lines for p in line.points for n in (1, 3)]
    across = _Axis(decades(xs), _LEFT, _WIDTH - _RIGHT, True)
    marks = decades(ys) if chart.log else ticks(max(ys))
    upright = _Axis(marks, _HEIGHT - _BOTTOM, _TOP, chart.log)
    yield _text(_LEFT, 20, chart.title, "font-weight:bold")
    yield from _grid(chart, across, upright)
    for n, line in enumerate(chart.lines):
        yield from _line(line, across, upright)
        y = _HEIGHT + _LEGEND * n + 8
        yield _stroke([(_LEFT, y), (_LEFT + 28, y)], line)
        yield _text(_LEFT + 36, y + 4, line.label)


def _grid(chart: Chart, across: _Axis, upright: _Axis) -> Iterator[str]:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    for value in across.marks:
        x = across.place(value)
        yield f'<path d="M{x:.1f} {bottom}V{_TOP}" stroke="#e4e4e4"/>'
        yield _text(x, bottom + 16, f"{value:,.0f}", "text-anchor:middle")
    for value in upright.marks:
        y = upright.place(value)
        yield f'<path d="M{_LEFT} {y:.1f}H{right}" stroke="#e4e4e4"/>'
        yield _text(_LEFT - 6, y + 4, f"{value:,.10g}", "text-anchor:end")
    yield _text((_LEFT + right) / 2, bottom + 34, chart.across, "text-anchor:middle")
    middle = (_TOP + bottom) / 2
    yield (
        f'<text transform="translate(14 {middle}) rotate(-90)" '
        f'style="text-anchor:middle">{escape(chart.upright)}</text>'
    )


def _line(line: Line, across: _Axis, upright: _Axis) -> Iterator[str]:
    places = [(across.place(x), upright.place(y)) for x, y, _low, _high in line.points]
    if line.mark:
        for x, y in places:
            yield _stroke([(x - 14, y), (x + 14, y)], line)
        return
    yield _stroke(places, line)
    for (x, y), (_x, _y, low, high) in zip(places, line.points, strict=True):
        ends = [(x, upright.place(low)), (x, upright.place(high))]
        yield _stroke(ends, dataclasses.replace(line, dashed=False), 1)
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{line.color}"/>'


def _stroke(points: Sequence[tuple[float, float]], line: Line, width: float = 2) -> str:
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    dashes = ' stroke-dasharray="6 4"' if line.dashed else ""
    return f'<path d="M{path}" fill="none" stroke="{line.color}" stroke-width="{width}"{dashes}/>'


def _text(x: float, y: float, text: str, style: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" style="{style}">{escape(text)}</text>'
