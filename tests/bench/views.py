"""The result of a bench as tables: on a terminal, or as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from scripts.running.footprint import human
from tests.bench.result import PHASES, PROJECT, Bench, Figure
from tests.bench.subjects import DISK

Rows = Sequence[tuple[str, ...]]


def sections(bench: Bench) -> Iterator[tuple[str, tuple[str, ...], Rows]]:
    """Title, header and rows of each table that has something to say."""
    if bench.figures:
        yield (
            f"{len(bench.cells)} cells, {human(bench.wheels)} of wheels",
            ("", "phase", "time", "vs project", "CPU", "moved", "peak disk"),
            [_figure(bench, figure) for phase in PHASES for figure in _of(bench, phase)],
        )
    if bench.downloads or bench.imports:
        yield "What bounds it", ("", "rate", "all wheels"), list(_downloads(bench))
        yield (
            'python -c "import torch"',
            ("cell", "no bytecode", "again"),
            [(one.cell, f"{one.first:.1f} s", f"{one.again:.1f} s") for one in bench.imports],
        )
    if bench.scales:
        yield (
            "Own cost, with synthetic wheels",
            ("cells", "time", "CPU a cell", "nothing to do"),
            [(f"{s.cells:,}", f"{s.seconds:.1f} s", f"{s.cpu_each:.2f} s", f"{s.idle:.1f} s") for s in bench.scales],
        )


def _of(bench: Bench, phase: str) -> list[Figure]:
    return [figure for figure in bench.figures if figure.phase == phase]


def _figure(bench: Bench, figure: Figure) -> tuple[str, ...]:
    ratio = bench.ratio(figure.subject, figure.phase)
    usage = figure.usage
    return (
        figure.subject,
        figure.phase,
        f"{usage.seconds:.1f} s",
        "" if figure.subject == PROJECT or ratio is None else f"{ratio:.1f} x",
        f"{usage.cpu:.1f} s",
        human(usage.moved),
        human(usage.disk),
    )


def _downloads(bench: Bench) -> Iterator[tuple[str, ...]]:
    for one in bench.downloads:
        rate = one.rate
        yield (
            f"download, {one.streams} stream{'s' if one.streams > 1 else ''}",
            f"{human(rate)}/s",
            f"{bench.wheels / rate:.0f} s" if rate else "",
        )


def footnotes(bench: Bench) -> list[str]:
    """What one has to know to believe the figures."""
    notes = [f"{bench.date}, {bench.machine}", f"Command: {bench.command}"]
    if bench.cells:
        notes.insert(0, f"Cells: {', '.join(bench.cells)}")
        notes.append(f"The project keeps within {DISK} of disk; the plain noxfiles have no limit")
    loads = [figure.load for figure in bench.figures]
    if loads:
        notes.append(f"Load of the machine before each run: {min(loads):.1f} to {max(loads):.1f}")
    if bench.growth is not None:
        notes.append(f"CPU of a cell among the most cells, compared with the fewest: {bench.growth:.2f} times")
    return notes


def terminal(bench: Bench) -> RenderableType:
    """The tables for a terminal, at most 80 columns wide."""
    parts: list[RenderableType] = []
    for title, header, rows in sections(bench):
        table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
        for number, name in enumerate(header):
            table.add_column(name, justify="left" if _is_text(number, name) else "right", no_wrap=True)
        for row in rows:
            table.add_row(*row)
        parts += [table, Text()]
    return Group(*parts, *(Text(note) for note in footnotes(bench)))


def markdown(bench: Bench) -> str:
    """The tables as Markdown."""
    lines: list[str] = []
    for title, header, rows in sections(bench):
        marks = (":--" if _is_text(number, name) else "--:" for number, name in enumerate(header))
        lines += [f"**{title}**", "", _line(header), _line(tuple(marks)), *(_line(row) for row in rows), ""]
    return "\n".join([*lines, *(f"- {note}" for note in footnotes(bench))]) + "\n"


def _is_text(number: int, name: str) -> bool:
    return number == 0 or name == "phase"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
