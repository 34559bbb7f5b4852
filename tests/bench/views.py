"""Render the result of a benchmark as tables, for a terminal or as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from scripts.core.files import human_size
from tests.bench.result import PHASES, PROJECT, BenchResult, Comparison, Figure, Usage
from tests.bench.subjects import DISK

Rows = Sequence[tuple[str, ...]]


def sections(result: BenchResult) -> Iterator[tuple[str, tuple[str, ...], Rows]]:
    """Yield title, header and rows of each table that is not empty."""
    if result.figures:
        yield (
            f"{len(result.cells)} cells, {human_size(result.wheels)} of wheels",
            ("", "phase", "time", "ratio", "CPU", "busy", "ideal", "moved", "disk"),
            [_figure(result, figure) for phase in PHASES for figure in _of(result, phase)],
        )
    if result.selection:
        yield (
            f"Default selection from nothing, {result.selection.cells} cells",
            ("time", "CPU", "busy", "ideal", "moved", "disk"),
            [_usage(result, result.selection.usage)],
        )
    if result.comparison:
        yield (
            f"From nothing, {len(result.cells)} cells, in pairs",
            ("", "time", "CPU", "busy", "ideal", "moved", "disk"),
            list(_pairs(result, result.comparison)),
        )
        yield "Before divided by now, medians", ("time", "CPU"), [_ratios(result.comparison)]
    if result.downloads or result.imports:
        yield "Bounds", ("", "rate", "all wheels"), list(_downloads(result))
        yield (
            'python -c "import torch"',
            ("cell", "no bytecode", "again"),
            [(timing.cell, f"{timing.first:.1f} s", f"{timing.again:.1f} s") for timing in result.imports],
        )
    if result.edits:
        yield (
            "Second run after an edit of a library",
            ("", "time", "CPU"),
            [(edit.subject, f"{edit.seconds:.1f} s", f"{edit.cpu:.1f} s") for edit in result.edits],
        )
    if result.scales:
        yield (
            "Own cost, with synthetic wheels",
            ("cells", "time", "CPU a cell", "nothing to do"),
            [(f"{s.cells:,}", f"{s.seconds:.1f} s", f"{s.cpu_each:.2f} s", f"{s.idle:.1f} s") for s in result.scales],
        )


def _of(result: BenchResult, phase: str) -> list[Figure]:
    return [figure for figure in result.figures if figure.phase == phase]


def _figure(result: BenchResult, figure: Figure) -> tuple[str, ...]:
    ratio = result.ratio(figure.subject, figure.phase)
    seconds, *usage = _usage(result, figure.usage)
    shown = "" if figure.subject == PROJECT or ratio is None else f"{ratio:.1f} x"
    return figure.subject, figure.phase, seconds, shown, *usage


def _usage(result: BenchResult, usage: Usage) -> tuple[str, ...]:
    return (
        f"{usage.seconds:.1f} s",
        f"{usage.cpu:.1f} s",
        f"{result.busy(usage):.0%}",
        f"{result.ideal(usage):.1f} s",
        human_size(usage.moved),
        human_size(usage.disk),
    )


def _pairs(result: BenchResult, comparison: Comparison) -> Iterator[tuple[str, ...]]:
    for pair in comparison.pairs:
        yield comparison.commit[:12], *_usage(result, pair.before)
        yield "now", *_usage(result, pair.now)


def _ratios(comparison: Comparison) -> tuple[str, ...]:
    return f"{comparison.ratio:.2f} x", f"{comparison.cpu_ratio:.2f} x"


def _downloads(result: BenchResult) -> Iterator[tuple[str, ...]]:
    for download in result.downloads:
        rate = download.rate
        yield (
            f"download, {download.streams} stream{'s' if download.streams > 1 else ''}",
            f"{human_size(rate)}/s",
            f"{result.wheels / rate:.0f} s" if rate else "",
        )


def footnotes(result: BenchResult) -> list[str]:
    """Return the conditions of the measurement."""
    notes = [f"{result.date}, {result.machine}", f"Command: {result.command}"]
    if result.figures or result.selection or result.comparison:
        notes.append(f"Busy: share of {result.cores} cores' time; ideal: the time with all of them busy")
    if result.cells:
        notes.insert(0, f"Cells: {', '.join(result.cells)}")
        notes.append(f"Disk budget of the project: {DISK}; the plain noxfiles have none")
    loads = [figure.load for figure in result.figures]
    if loads:
        notes.append(f"Load average before each run: {min(loads):.1f} to {max(loads):.1f}")
    if result.growth is not None:
        notes.append(f"CPU time of a cell in the largest run divided by that in the smallest: {result.growth:.2f}")
    return notes


def terminal(result: BenchResult) -> RenderableType:
    """Return the tables for a terminal, at most 80 columns wide."""
    parts: list[RenderableType] = []
    for title, header, rows in sections(result):
        table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
        for number, name in enumerate(header):
            table.add_column(name, justify="left" if _is_text(number, name) else "right", no_wrap=True)
        for row in rows:
            table.add_row(*row)
        parts += [table, Text()]
    return Group(*parts, *(Text(note) for note in footnotes(result)))


def markdown(result: BenchResult) -> str:
    """Return the tables as Markdown."""
    lines: list[str] = []
    for title, header, rows in sections(result):
        marks = (":--" if _is_text(number, name) else "--:" for number, name in enumerate(header))
        lines += [f"**{title}**", "", _line(header), _line(tuple(marks)), *(_line(row) for row in rows), ""]
    return "\n".join([*lines, *(f"- {note}" for note in footnotes(result))]) + "\n"


def _is_text(number: int, name: str) -> bool:
    return number == 0 or name == "phase"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
