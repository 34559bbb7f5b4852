"""The tables of the report for a terminal: as a grid where it fits the width, else each row as lines of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from scripts.core.escaping import visible
from scripts.core.layout import flowed, joined
from scripts.history.report import ReportedCell
from scripts.history.rows import Table
from scripts.views import table as rows
from scripts.views.naming import Naming
from scripts.views.table import ShownRow

STYLES: Final = {"✓": "green", "✗": "red", "!": "bold red", "·": "dim", "?": "yellow", "-": "dim"}

#: Characters of the columns of names: at least, and at most where a longer name would widen it.
_NARROWEST, _WIDEST = 16, 44
#: Characters between two columns of a grid.
_GAP: Final = 2


def table(naming: Naming, shown: Table, width: int) -> RenderableType:
    """Return the rows of a platform."""
    found = rows.shown_rows(naming, shown)
    headings = [_heading(releases) for releases in shown.columns]
    widths = [
        max(len(line) for line in (*heading.split("\n"), *(row.marks[number] for row in found)))
        for number, heading in enumerate(headings)
    ]
    room = width - sum(size + _GAP for size in widths)
    names = max(_NARROWEST, *(len(word) for row in found for word in _titles(row)))
    if names <= min(room, _WIDEST):
        return _grid(found, headings, names)
    return Group(*(_lines(row, width) for row in found))


def _titles(row: ShownRow) -> list[str]:
    """Return the parts of a row's title that stay on one line."""
    return [f"{title}," for title in (*row.titles, *row.blocks)] or [""]


def _heading(releases: Sequence[str]) -> str:
    return releases[0] if len(releases) == 1 else f"{releases[0]} –\n{releases[-1]}"


def _grid(found: Sequence[ShownRow], headings: Sequence[str], room: int) -> Grid:
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    grid.add_column("", no_wrap=True, min_width=room)
    for heading in headings:
        grid.add_column(visible(heading), no_wrap=True)
    for row in found:
        grid.add_row(Text("\n".join(flowed(row.title, room))), *map(styled, row.marks))
    return grid


def _lines(row: ShownRow, width: int) -> RenderableType:
    """Return a row as its names and, below them unless they fit beside, its intervals."""
    intervals = [f"{mark} {releases}" for mark, releases in row.intervals]
    beside = f"{row.title}  {'  '.join(intervals)}"
    if len(beside) <= width:
        lines = [beside]
    else:
        below = joined(intervals, width - 4, "  ")
        lines = [*flowed(row.title, width, hanging=2), *(f"    {line}" for line in below)]
    text = Text("\n".join(lines))
    for mark in dict.fromkeys(row.marks):
        text.highlight_words([f"{mark} "], STYLES.get(mark[0], ""))
    return text


def styled(mark: str) -> Text:
    """Return a mark in its colour."""
    return Text(mark, style=STYLES.get(mark[0], ""))


def cells(naming: Naming, found: Sequence[ReportedCell]) -> RenderableType:
    """Return a table of cells, with the number of observations and tests by outcome and what differs."""
    shown = rows.shown_cells(naming, found)
    glyphs = rows.glyphs_of(shown)
    several = len(naming.report.platforms) > 1
    differs = any(row.differs for row in shown)
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0), show_edge=False)
    for axis in ("release", "build", "Python", *(["platform"] if several else [])):
        grid.add_column(axis, no_wrap=True)
    for glyph in glyphs:
        grid.add_column(glyph, no_wrap=True, justify="right")
    if differs:
        grid.add_column("differs")
    for row in shown:
        cell = row.cell
        axes = [cell.torch, cell.build, cell.python, *([cell.platform] if several else [])]
        counts = (Text(str(row.counts[glyph] or ""), style=STYLES.get(glyph, "")) for glyph in glyphs)
        grid.add_row(*map(visible, axes), *counts, *([Text(row.differs)] if differs else []))
    return grid
