"""Render the report for a terminal: a table that fits the width, then the changes as sentences."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from scripts.core.escaping import visible
from scripts.core.files import human_size
from scripts.core.layout import flowed, joined
from scripts.history.marks import ASCII
from scripts.history.report import Evidence, Report
from scripts.views import current, findings, grouping, table, terminal_table
from scripts.views.grouping import Difference
from scripts.views.naming import Naming, quantity

#: Cells of releases with differences that are listed by default.
_MOST_CELLS: Final = 24


def show(report: Report, console: Console, *, every_name: bool = False, every_cell: bool = False) -> None:
    """Print the table, the legend, the current behaviour, the changes, the cells without a record, and the drift.

    Args:
        report: the report.
        console: where to print it.
        every_name: name also what neither fails nor changes, and each variant of a parametrized test.
        every_cell: print the table of cells also where builds and Pythons agree.
    """
    naming, width = Naming(report=report, most=None) if every_name else Naming(report=report), console.width
    parts = [
        *([tables(naming, width), legend(report, width)] if report.tables else []),
        *current_behaviour(naming, width),
        changes(naming, width),
        _section("Builds or Pythons that disagree", findings.disagreements(naming), width),
        cells(naming, every=every_cell),
        _section("Cells without a record of their behaviour", findings.reasons(report), width),
        drift(naming, width),
    ]
    _print(console, [part for part in parts if part is not None])


def show_timings(report: Report, console: Console) -> None:
    """Print the duration of each stage, in seconds, for the cells that were run on this machine."""
    grid = Table(box=box.SIMPLE_HEAD, title="Seconds by stage", title_justify="left", pad_edge=False, padding=0)
    grid.add_column("cell", overflow="fold")  # a cut id would be ambiguous
    for heading in ("wheels", "resolve", "download", "install", "import", "probes", "total"):
        grid.add_column(heading, justify="right", no_wrap=True)
    sums = [0.0] * 6
    for cell in report.cells:
        if cell.timings is None:
            continue
        time = cell.timings
        stages = [time.resolve, time.download, time.install, time.import_, time.probes, time.total]
        sums = [total + (stage or 0) for total, stage in zip(sums, stages, strict=True)]
        size = human_size(cell.bytes) if cell.bytes else ""
        grid.add_row(cell.asked or cell.id, size, *("" if s is None else f"{s:.1f}" for s in stages))
    if not grid.row_count:
        console.print("No cell was run on this machine; `nox -s matrix` runs some.")
        return
    grid.add_section()
    grid.add_row("all", "", *(f"{total:.1f}" for total in sums))
    _print(console, [grid])


def show_comparison(report: Report, pair: Sequence[str], console: Console, *, every_name: bool = False) -> None:
    """Print two releases side by side: what differs and, if asked for, also what does not."""
    before, after = pair
    differences = grouping.compare(report, before, after)
    shown = [row for row in differences if every_name or row.before != row.after]
    if not differences:
        console.print(f"There is no record of the behaviour of both {before} and {after}.")
    elif not shown:
        console.print(f"{before} and {after} behave alike.")
    else:
        parts: list[RenderableType] = []
        for axes, group in itertools.groupby(shown, key=lambda row: row.axes):
            parts.append(_compared(report, axes, (before, after), list(group), console.width))
        if alike := len(differences) - len(shown):
            parts.append(Text(f"{quantity(alike, 'result')} alike: --all lists them."))
        _print(console, parts)


def _compared(
    report: Report, axes: str, pair: tuple[str, str], differences: Sequence[Difference], width: int
) -> RenderableType:
    """Return the differences on some axes: names on lines of their own, and below each the two sides."""
    naming = Naming(report=report)
    margin = max(map(len, pair)) + 4
    parts = [Text("\n".join(flowed(visible(axes), width)), style="bold")]
    grouped: dict[tuple[str, str], list[str]] = {}
    for row in differences:
        sides = [grouping.side(report, row.name.name, key) for key in (row.before, row.after)]
        grouped.setdefault((sides[0], sides[1]), []).append(row.name.name)
    for (old, new), names in grouped.items():
        signs = ("  ", "≠ " if old != new else "= ")
        parts.append(Text("\n".join(flowed(naming.listing(names), width, hanging=2))))
        for release, text, sign in zip(pair, (old, new), signs, strict=True):
            lines = flowed(visible(text), max(width - margin - 2, 20))
            head = f"  {sign}{release}".ljust(margin + 1)
            parts.append(Text(head + f"\n{' ' * (margin + 1)}".join(lines)))
    return Group(*parts)


def _print(console: Console, parts: Sequence[RenderableType]) -> None:
    """Print parts with an empty line between them, as ASCII if the terminal's encoding is not a Unicode one."""
    for number, part in enumerate(parts):
        if number:
            console.print()
        if console.encoding.lower().startswith("utf"):
            console.print(part)
        else:
            with console.capture() as captured:
                console.print(part)
            plain = captured.get().translate(ASCII)
            console.out(plain.encode("ascii", "replace").decode(), end="", highlight=False)


def tables(naming: Naming, width: int) -> RenderableType:
    """Return the table of each platform."""
    report = naming.report
    parts: list[RenderableType] = []
    for platforms, shown in table.tables(report):
        if len(report.tables) > 1:
            parts += [*([Text()] if parts else []), Text(visible(platforms), style="bold")]
        parts.append(terminal_table.table(naming, shown, width))
    return Group(*parts)


def legend(report: Report, width: int) -> RenderableType:
    """Return the meanings of the marks that the table shows."""
    legend = table.legend(report)
    glyphs = [f"{entry.mark} {entry.text}" for entry in legend if len(entry.mark) == 1 and not entry.mark.isalpha()]
    entries = [entry for entry in legend if f"{entry.mark} {entry.text}" not in glyphs]
    margin = max((len(entry.mark) for entry in entries), default=0) + 2
    grid = Table.grid(padding=(0, 2))
    for entry in entries:
        text = visible(findings.legend_text(report, entry))
        grid.add_row(terminal_table.styled(entry.mark), Text("\n".join(flowed(text, width - margin))))
    return Group(Text("\n".join(joined(glyphs, width, "   "))), grid)


def cells(naming: Naming, *, every: bool) -> RenderableType | None:
    """Return the table of all cells, or only of those of releases in which builds or Pythons differ."""
    report = naming.report
    found = list(report.recorded) if every else table.differing_cells(report)
    if not found:
        return None
    more = len(found) - _MOST_CELLS if not every else 0
    shown = found[:_MOST_CELLS] if more > 0 else found
    note = [Text(f"and {quantity(more, 'cell')} more: --cells shows all")] if more > 0 else []
    heading = Text("Cells" if every else "Cells of releases in which builds or Pythons differ", style="bold")
    return Group(heading, terminal_table.cells(naming, shown), *note)


def current_behaviour(naming: Naming, width: int) -> list[RenderableType]:
    """Return the behaviour in the last release of each platform."""
    several = len(naming.report.platforms) > 1
    return [
        Group(
            Text(visible(f"Now, in {last}{f' on {platforms}' if several else ''}"), style="bold"),
            *(_item(str(found), width, found.mark) for found in statements),
        )
        for platforms, last, statements in current.by_platforms(naming)
    ]


def changes(naming: Naming, width: int) -> RenderableType | None:
    """Return the change points, a paragraph for each pair of releases."""
    steps = grouping.steps(naming)
    if len(naming.report.releases) < 2:  # noqa: PLR2004 - a change takes two releases
        return None
    if not steps:
        return Text("No change between any two releases.")
    parts: list[RenderableType] = [Text("Change points", style="bold")]
    for step in steps:
        parts.append(Text("\n".join(flowed(step.title, width)), style="bold"))
        for change in step.changes:
            parts.append(_item(change.sentence, width))
            if change.evidence is not None:
                parts.append(_evidence(change.evidence))
    return Group(*parts)


def _evidence(evidence: Evidence) -> RenderableType:
    """Return the summary of the evidence and its first hunk, to stand below a change."""
    parts: list[RenderableType] = [Text(visible(f"evidence: {evidence.summary}"))]
    parts += [Text(visible(f"{hunk.file}\n{hunk.diff.rstrip()}"), style="dim") for hunk in evidence.hunks[:1]]
    return Padding(Group(*parts), (0, 0, 0, 6))


def _item(text: str, width: int, mark: str = "•") -> RenderableType:
    """Return a sentence with a hanging indent after its mark."""
    indent = len(mark) + 3
    lines = flowed(visible(text), max(width - indent, 20))
    body = f"\n{' ' * indent}".join(lines)
    return Text.assemble("  ", (mark, terminal_table.STYLES.get(mark[0], "")), f" {body}")


def _section(title: str, texts: Sequence[str], width: int) -> RenderableType | None:
    """Return sentences below a heading, or None for none."""
    if not texts:
        return None
    return Group(Text(title, style="bold"), *(_item(text, width) for text in texts))


def drift(naming: Naming, width: int) -> RenderableType | None:
    """Return the drift from the accepted results, and the number of new cells."""
    section = _section("Drift against results/", findings.drift(naming), width)
    new = findings.new_cells(naming.report)
    note = Text("\n".join(flowed(f"{new}. `nox -s accept` makes them accepted results.", width))) if new else None
    parts = [part for part in (section, note) if part is not None]
    return Group(*parts) if parts else None
