"""The rows of the report's table in words and marks, its legend, and the table of its cells. Pure."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from scripts.history.marks import DEFECT, UNKNOWN, LegendEntry, glyph
from scripts.history.report import Report, ReportedCell
from scripts.history.rows import Row, Table, mark_of
from scripts.views import findings
from scripts.views.naming import Naming, joined, range_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShownRow:
    """A row of the table: its names or their number, and its mark in each column."""

    titles: tuple[str, ...]
    marks: tuple[str, ...]
    blocks: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]

    @property
    def title(self) -> str:
        """The titles separated by commas, and what the row blocks."""
        blocked = f" (blocks {joined(self.blocks)})" if self.blocks else ""
        return f"{joined(self.titles)}{blocked}"

    @property
    def intervals(self) -> list[tuple[str, str]]:
        """The mark and the range of releases of each interval in which the row does not change."""
        found = []
        for mark, run in groupby(zip(self.marks, self.columns, strict=True), key=lambda pair: pair[0]):
            found.append((mark, range_of([release for _, releases in run for release in releases])))
        return found


def tables(report: Report) -> list[tuple[str, Table]]:
    """Return the tables that differ, each with the platforms that it is of."""
    found: dict[tuple[object, ...], tuple[list[str], Table]] = {}
    for table in report.tables:
        found.setdefault((table.columns, table.rows), ([], table))[0].append(table.platform)
    return [(", ".join(platforms), table) for platforms, table in found.values()]


def shown_rows(naming: Naming, table: Table) -> list[ShownRow]:
    """Return the rows of a platform: those listed by name, then the others, counted unless all are named."""
    ordered = sorted(table.rows, key=lambda row: not row.listed)
    return [_shown(naming, table, row) for row in ordered]


def _shown(naming: Naming, table: Table, row: Row) -> ShownRow:
    marks = tuple(cell_mark(naming.report, row, number) for number in range(len(table.columns)))
    last = next((mark for mark in reversed(marks) if mark != UNKNOWN), UNKNOWN)
    named = row.listed or naming.names_all
    return ShownRow(
        titles=tuple(naming.titles(row.names, last)) if named else (naming.counted(row.names),),
        marks=marks,
        blocks=tuple(naming.titles(row.blocks, "·")),
        columns=table.columns,
    )


def cell_mark(report: Report, row: Row, column: int) -> str:
    """Return the mark of a row in a column; several where builds or Pythons differ."""
    marks = dict.fromkeys(mark_of(report.signatures[key].mark, row.known_defect) for key in row.signatures[column])
    return " ≠ ".join(marks) or UNKNOWN


def legend(report: Report) -> list[LegendEntry]:
    """Return the meanings of the marks that the table shows, and of its known defects."""
    marks = {
        cell_mark(report, row, number)
        for table in report.tables
        for row in table.rows
        for number in range(len(table.columns))
    }
    used = set(_parts(" ".join(marks)))
    entries = [entry for entry in report.legend if entry.mark in used]
    if UNKNOWN in used and all(entry.mark != UNKNOWN for entry in entries):
        entries.append(LegendEntry(mark=UNKNOWN, text="unavailable, or not recorded"))
    glyphs = [entry for entry in entries if not entry.mark.isalpha()]
    return [*glyphs, *_defects(report), *(entry for entry in entries if entry.mark.isalpha())]


def _parts(marks: str) -> Iterator[str]:
    for shown in marks.split():
        yield from re.findall(r"^[^A-Za-z*]|[A-Z]+|[a-z]+", shown)


def _defects(report: Report) -> list[LegendEntry]:
    by_text: dict[str, list[str]] = {}
    for name in report.names:
        if name.known_defect:
            by_text.setdefault(name.known_defect, []).append(name.label)
    return [LegendEntry(mark=DEFECT, text=f"{', '.join(names)}: {text}") for text, names in by_text.items()]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShownCell:
    """A row of the table of cells: its axes, the number of results by glyph, and what differs within its release."""

    cell: ReportedCell
    counts: dict[str, int]
    differs: str


def differing_cells(report: Report) -> list[ReportedCell]:
    """Return the recorded cells of the releases in which builds or Pythons differ."""
    releases = {(found.platform, found.release) for found in report.disagreements}
    return [cell for cell in report.recorded if (cell.platform, cell.torch) in releases]


def shown_cells(naming: Naming, cells: Iterable[ReportedCell]) -> list[ShownCell]:
    """Return rows of the table of cells."""
    report = naming.report
    differing = findings.causes(report)
    glyphs = {key: glyph(shown.signature) for key, shown in report.signatures.items()}
    return [
        ShownCell(
            cell=cell,
            counts=Counter(glyphs[key] for key in cell.seen.values()),
            differs=_differing(naming, cell, differing.get((cell.platform, cell.torch), ())),
        )
        for cell in cells
    ]


def _differing(naming: Naming, cell: ReportedCell, names: Sequence[str]) -> str:
    """Return the names that differ within a release, with their marks in this cell."""
    by_mark: dict[str, list[str]] = {}
    for name in names:
        key = cell.seen.get(name)
        mark = mark_of(naming.report.signatures[key].mark, naming.report.defects.get(name)) if key else UNKNOWN
        by_mark.setdefault(mark, []).append(name)
    return "; ".join(f"{mark} {naming.listing(members)}" for mark, members in by_mark.items())


def glyphs_of(cells: Iterable[ShownCell]) -> list[str]:
    """Return the glyphs that some cells have, in a fixed order."""
    present = {glyph for cell in cells for glyph in cell.counts}
    return [glyph for glyph in "✓✗!·-" if glyph in present]
