"""The report for a terminal: a table that fits its width, then what changed, as sentences."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from scripts.history.marks import ASCII
from scripts.history.report import Evidence, Report, ReportedCell
from scripts.running.footprint import human
from scripts.texts import visible
from scripts.views import grouping, standing
from scripts.views.grouping import Row

_STYLES: Final = {"✓": "green", "✗": "red", "!": "bold red", "·": "dim", "?": "yellow", "-": "dim"}

_ENDLESS: Final = 10_000
#: Where so many rows or more come to a change, each change is set apart by an empty line.
_APART: Final = 4


def show(report: Report, console: Console, *, only_changes: bool = False) -> None:
    """Print the table, the legend, and everything that a reader should know besides."""
    parts = [
        table(report, console, only_changes=only_changes),
        legend(report),
        *(standings(report, platform) for platform in report.platforms),
        changes(report),
        disagreements(report),
        lost(report),
        drift(report),
    ]
    _print(console, [part for part in parts if part is not None])


def show_timings(report: Report, console: Console) -> None:
    """Print what each cell's stages took, of the cells that were run on this machine."""
    grid = Table(box=box.SIMPLE_HEAD, title="Seconds by stage", title_justify="left", pad_edge=False, padding=0)
    grid.add_column("cell", overflow="fold")  # an id that is cut tells no cell
    for heading in ("wheels", "resolve", "download", "install", "import", "probes", "total"):
        grid.add_column(heading, justify="right", no_wrap=True)
    sums = [0.0] * 6
    for cell in report.cells:
        if cell.timings is None:
            continue
        time = cell.timings
        stages = [time.resolve, time.download, time.install, time.import_, time.probes, time.total]
        sums = [total + (stage or 0) for total, stage in zip(sums, stages, strict=True)]
        size = human(cell.bytes) if cell.bytes else ""
        grid.add_row(cell.asked or cell.id, size, *("" if s is None else f"{s:.1f}" for s in stages))
    if not grid.row_count:
        console.print("No cell was run on this machine; `nox -s matrix` runs some.")
        return
    grid.add_section()
    grid.add_row("all", "", *(f"{total:.1f}" for total in sums))
    _print(console, [grid])


def show_comparison(report: Report, pair: Sequence[str], console: Console, *, only_changes: bool = False) -> None:
    """Print two releases side by side."""
    before, after = pair
    differences = grouping.compare(report, before, after)
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("", before, "", after):
        grid.add_column(heading, overflow="fold")
    axes = None
    for one in differences:
        if only_changes and one.before == one.after:
            continue
        if one.axes != axes:
            grid.add_section()
            grid.add_row(Text(one.axes, style="bold"))
            axes = one.axes
        texts = [report.signatures[side].text if side else "not known" for side in (one.before, one.after)]
        grid.add_row(one.name.label, texts[0], "≠" if one.before != one.after else "=", texts[1])
    if not differences:
        console.print(f"There is no record of the behaviour of both {before} and {after}.")
    elif not grid.row_count:
        console.print(f"{before} and {after} behave alike.")
    else:
        _print(console, [grid])


def _print(console: Console, parts: Sequence[RenderableType]) -> None:
    """Print parts with a line between them, in ASCII where the terminal's encoding has no more."""
    for number, part in enumerate(parts):
        if number:
            console.print()
        if console.encoding.lower().startswith("utf"):
            console.print(part)
        else:
            with console.capture() as captured:
                console.print(part)
            plain = captured.get().translate(ASCII).replace("→", "->").replace("–", "-")
            console.out(plain.encode("ascii", "replace").decode(), end="", highlight=False)


def table(report: Report, console: Console, *, only_changes: bool) -> RenderableType:
    """Cells by observations; where the width has no room for the columns' names, with numbers for them."""
    labels = [name.label for name in report.names]
    rows = grouping.rows(report, only_changes=only_changes)
    named = _grid(report, rows, [_heading(label) for label in labels])
    if console.measure(named, options=console.options.update(width=_ENDLESS)).maximum <= console.width:
        return named
    numbered = _grid(report, rows, [Text(str(number)) for number, _ in enumerate(labels, 1)])
    return Group(_key(labels), Text(), numbered)


def _key(labels: Sequence[str]) -> Table:
    """The numbers of the columns and their names, in two columns of their own."""
    numbered = [Text(f"{number:>2} {label}") for number, label in enumerate(labels, 1)]
    half = -(-len(numbered) // 2)
    grid = Table.grid(padding=(0, 3))
    for left, right in itertools.zip_longest(numbered[:half], numbered[half:]):
        grid.add_row(left, right)
    return grid


def _grid(report: Report, rows: Sequence[Row], headings: Sequence[Text]) -> Table:
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for place in ("release", "build", "Python", *(["platform"] if len(report.platforms) > 1 else [])):
        grid.add_column(place, no_wrap=True)
    for heading in headings:
        grid.add_column(heading, no_wrap=True)
    turns = {number for number, (row, after) in enumerate(itertools.pairwise(rows)) if row.marks != after.marks}
    apart = len(turns) * _APART <= len(rows)
    for number, row in enumerate(rows):
        marks = (_styled(mark) for mark in row.marks)
        grid.add_row(*map(visible, _place(report, row)), *marks, end_section=apart and number in turns)
    return grid


def _heading(label: str) -> Text:
    """A name broken at its joints, so that its column is narrow."""
    return Text(label.replace("-", "-\n").replace("_", "_\n"), justify="left")


def _place(report: Report, row: Row) -> list[str]:
    """What a row is about: releases, builds, Pythons, and platforms where there are several."""
    place = [row.releases, row.builds, row.pythons]
    return [*place, row.platforms] if len(report.platforms) > 1 else place


def _styled(mark: str) -> Text:
    return Text(mark, style=_STYLES.get(mark[0], ""))


def legend(report: Report) -> RenderableType:
    """What the marks mean."""
    grid = Table.grid(padding=(0, 2))
    for entry in report.legend:
        grid.add_row(_styled(entry.mark), Text(visible(entry.text)))
    return grid


def standings(report: Report, platform: str) -> RenderableType | None:
    """How things stand in the last release of a platform."""
    found = standing.standings(report, platform)
    if not found:
        return None
    on = f" on {platform}" if len(report.platforms) > 1 else ""
    last = standing.last_release(report, platform)
    heading = Text(visible(f"Now, in {last}{on}"), style="bold")
    return Group(heading, *(_item(one.sentence, one.mark) for one in found))


def changes(report: Report) -> RenderableType | None:
    """The change points, a paragraph for each pair of releases."""
    steps = grouping.steps(report)
    if len(report.releases) < 2:  # noqa: PLR2004 - one release has no other to differ from
        return None
    if not steps:
        return Text("No change between any two releases.")
    parts: list[RenderableType] = [Text("Change points", style="bold")]
    for step in steps:
        parts.append(Text(step.title, style="bold"))
        for one in step.told:
            parts.append(_item(one.sentence))
            if one.evidence is not None:
                parts.append(_evidence(one.evidence))
    return Group(*parts)


def _evidence(evidence: Evidence) -> RenderableType:
    """The evidence, below what changed: the line that explains most, and the hunk it stands in."""
    parts: list[RenderableType] = [Text(visible(f"evidence: {evidence.summary}"))]
    parts += [Text(visible(f"{hunk.file}\n{hunk.diff.rstrip()}"), style="dim") for hunk in evidence.hunks[:1]]
    return Padding(Group(*parts), (0, 0, 0, 6))


def _item(text: str, mark: str = "•") -> RenderableType:
    """A sentence, hanging."""
    grid = Table.grid(padding=(0, 1))
    grid.add_row(Text(f"  {mark}", style=_STYLES.get(mark, "")), Text(visible(text)))
    return grid


def disagreements(report: Report) -> RenderableType | None:
    """Releases that behave differently on different builds, Pythons or platforms."""
    if not report.disagreements:
        return None
    heading = Text("Builds or Pythons that disagree", style="bold")
    return Group(heading, *(_item(one.sentence) for one in report.disagreements))


def lost(report: Report) -> RenderableType | None:
    """The cells without observations, and why."""
    if not report.unrecorded:
        return None
    parts: list[RenderableType] = [Text("Cells without a record of their behaviour", style="bold")]
    return Group(*parts, *(_item(_why(cell)) for cell in report.unrecorded))


def _why(cell: ReportedCell) -> str:
    reason = f": {cell.reason.kind} ({cell.reason.stage}): {cell.reason.message}" if cell.reason else ""
    return f"{cell.asked or cell.id} {cell.status}{reason}"


def drift(report: Report) -> RenderableType | None:
    """What differs from the accepted results."""
    if not report.drift and not report.new:
        return None
    parts: list[RenderableType] = []
    if report.drift:
        parts.append(Text("Drift against results/", style="bold"))
        parts += [_item(drift.sentence) for drift in report.drift]
    if report.new:
        count = "1 cell is" if len(report.new) == 1 else f"{len(report.new)} cells are"
        parts.append(Text(f"{count} new, which results/ lacks. `nox -s accept` makes them accepted results."))
    return Padding(Group(*parts), 0)
