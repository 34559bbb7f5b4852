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
from scripts.history.marks import ASCII
from scripts.history.report import Evidence, Report, ReportedCell
from scripts.views import current, grouping
from scripts.views.grouping import Row

_STYLES: Final = {"✓": "green", "✗": "red", "!": "bold red", "·": "dim", "?": "yellow", "-": "dim"}

_ENDLESS: Final = 10_000
#: Rows per change from which on each change is set apart by an empty line.
_ROWS_PER_CHANGE: Final = 4


def show(report: Report, console: Console, *, only_changes: bool = False) -> None:
    """Print the table, the legend, the current behaviour, the changes, the cells without a record, and the drift."""
    parts = [
        table(report, console, only_changes=only_changes),
        legend(report),
        *(current_behaviour(report, platform) for platform in report.platforms),
        changes(report),
        disagreements(report),
        unrecorded(report),
        drift(report),
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


def show_comparison(report: Report, pair: Sequence[str], console: Console, *, only_changes: bool = False) -> None:
    """Print the observations of two releases side by side."""
    before, after = pair
    differences = grouping.compare(report, before, after)
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("", before, "", after):
        grid.add_column(heading, overflow="fold")
    axes = None
    for row in differences:
        if only_changes and row.before == row.after:
            continue
        if row.axes != axes:
            grid.add_section()
            grid.add_row(Text(row.axes, style="bold"))
            axes = row.axes
        texts = [report.signatures[side].text if side else "not known" for side in (row.before, row.after)]
        grid.add_row(row.name.label, texts[0], "≠" if row.before != row.after else "=", texts[1])
    if not differences:
        console.print(f"There is no record of the behaviour of both {before} and {after}.")
    elif not grid.row_count:
        console.print(f"{before} and {after} behave alike.")
    else:
        _print(console, [grid])


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
            plain = captured.get().translate(ASCII).replace("→", "->").replace("–", "-")
            console.out(plain.encode("ascii", "replace").decode(), end="", highlight=False)


def table(report: Report, console: Console, *, only_changes: bool) -> RenderableType:
    """Return the table of cells and observations; columns are numbered if their names do not fit the width."""
    labels = [name.label for name in report.names]
    rows = grouping.rows(report, only_changes=only_changes)
    named = _grid(report, rows, [_heading(label) for label in labels])
    if console.measure(named, options=console.options.update(width=_ENDLESS)).maximum <= console.width:
        return named
    numbered = _grid(report, rows, [Text(str(number)) for number, _ in enumerate(labels, 1)])
    return Group(_key(labels), Text(), numbered)


def _key(labels: Sequence[str]) -> Table:
    """Return the numbers and names of the columns, as a key in two columns."""
    numbered = [Text(f"{number:>2} {label}") for number, label in enumerate(labels, 1)]
    half = -(-len(numbered) // 2)
    grid = Table.grid(padding=(0, 3))
    for left, right in itertools.zip_longest(numbered[:half], numbered[half:]):
        grid.add_row(left, right)
    return grid


def _grid(report: Report, rows: Sequence[Row], headings: Sequence[Text]) -> Table:
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for axis in ("release", "build", "Python", *(["platform"] if len(report.platforms) > 1 else [])):
        grid.add_column(axis, no_wrap=True)
    for heading in headings:
        grid.add_column(heading, no_wrap=True)
    changes = {number for number, (row, after) in enumerate(itertools.pairwise(rows)) if row.marks != after.marks}
    apart = len(changes) * _ROWS_PER_CHANGE <= len(rows)
    for number, row in enumerate(rows):
        marks = (_styled(mark) for mark in row.marks)
        grid.add_row(*map(visible, _axes(report, row)), *marks, end_section=apart and number in changes)
    return grid


def _heading(label: str) -> Text:
    """Return a name broken after hyphens and underscores, so that its column is narrow."""
    return Text(label.replace("-", "-\n").replace("_", "_\n"), justify="left")


def _axes(report: Report, row: Row) -> list[str]:
    """Return the releases, builds and Pythons of a row, and its platforms if the report has several."""
    axes = [row.releases, row.builds, row.pythons]
    return [*axes, row.platforms] if len(report.platforms) > 1 else axes


def _styled(mark: str) -> Text:
    return Text(mark, style=_STYLES.get(mark[0], ""))


def legend(report: Report) -> RenderableType:
    """Return the meanings of the marks."""
    grid = Table.grid(padding=(0, 2))
    for entry in report.legend:
        grid.add_row(_styled(entry.mark), Text(visible(entry.text)))
    return grid


def current_behaviour(report: Report, platform: str) -> RenderableType | None:
    """Return the behaviour in the last release of a platform."""
    behaviours = current.current_behaviour(report, platform)
    if not behaviours:
        return None
    on = f" on {platform}" if len(report.platforms) > 1 else ""
    last = current.last_release(report, platform)
    heading = Text(visible(f"Now, in {last}{on}"), style="bold")
    return Group(heading, *(_item(behaviour.sentence, behaviour.mark) for behaviour in behaviours))


def changes(report: Report) -> RenderableType | None:
    """Return the change points, a paragraph for each pair of releases."""
    steps = grouping.steps(report)
    if len(report.releases) < 2:  # noqa: PLR2004 - a change takes two releases
        return None
    if not steps:
        return Text("No change between any two releases.")
    parts: list[RenderableType] = [Text("Change points", style="bold")]
    for step in steps:
        parts.append(Text(step.title, style="bold"))
        for change in step.changes:
            parts.append(_item(change.sentence))
            if change.evidence is not None:
                parts.append(_evidence(change.evidence))
    return Group(*parts)


def _evidence(evidence: Evidence) -> RenderableType:
    """Return the summary of the evidence and its first hunk, to stand below a change."""
    parts: list[RenderableType] = [Text(visible(f"evidence: {evidence.summary}"))]
    parts += [Text(visible(f"{hunk.file}\n{hunk.diff.rstrip()}"), style="dim") for hunk in evidence.hunks[:1]]
    return Padding(Group(*parts), (0, 0, 0, 6))


def _item(text: str, mark: str = "•") -> RenderableType:
    """Return a sentence with a hanging indent after its mark."""
    grid = Table.grid(padding=(0, 1))
    grid.add_row(Text(f"  {mark}", style=_STYLES.get(mark, "")), Text(visible(text)))
    return grid


def disagreements(report: Report) -> RenderableType | None:
    """Return the releases that behave differently on different builds or Pythons."""
    if not report.disagreements:
        return None
    heading = Text("Builds or Pythons that disagree", style="bold")
    return Group(heading, *(_item(disagreement.sentence) for disagreement in report.disagreements))


def unrecorded(report: Report) -> RenderableType | None:
    """Return the cells without observations, with the reasons."""
    if not report.unrecorded:
        return None
    heading = Text("Cells without a record of their behaviour", style="bold")
    return Group(heading, *(_item(_unrecorded_text(cell)) for cell in report.unrecorded))


def _unrecorded_text(cell: ReportedCell) -> str:
    reason = f": {cell.reason.kind} ({cell.reason.stage}): {cell.reason.message}" if cell.reason else ""
    return f"{cell.asked or cell.id} {cell.status}{reason}"


def drift(report: Report) -> RenderableType | None:
    """Return the drift from the accepted results, and the number of new cells."""
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
