"""Render the report as GitHub Markdown: for job summaries, and for the page beside the results."""

from __future__ import annotations

from typing import Final

from scripts.core.escaping import cut
from scripts.history.report import Report
from scripts.views import current, findings, grouping, table, templates
from scripts.views.naming import Naming, range_of

#: Bytes of a summary: GitHub drops the summary of a step that is larger than 1 MiB.
LIMIT: Final = 900_000

#: Columns of a table; with more, a row has its intervals as text.
_MOST_COLUMNS: Final = 10
#: Names of a group that are listed; fewer if the text would be too long.
_NAMES: Final = (30, 8, 2)
_CUT: Final = "\n\n… the rest was cut: `nox -s report -- --format html` shows all.\n"


def summary(report: Report, *, every_name: bool = False, every_cell: bool = False, limit: int = LIMIT) -> str:
    """Return the table, the legend, the change points, the cells without a record, and the drift.

    Args:
        report: the report.
        every_name: name also what neither fails nor changes.
        every_cell: add the table of cells also where builds and Pythons agree.
        limit: the size in bytes from which on fewer names are listed; what is longer still is cut.
    """
    for most in (None,) if every_name else _NAMES:
        text = _render("report.md", Naming(report=report, most=most), every_cell=every_cell)
        if len(text.encode()) <= limit:
            return text
    return cut(text, limit, _CUT)


def results_page(report: Report, *, picture: str) -> str:
    """Return ``results/README.md``; ``picture`` is the file name of the picture beside it."""
    return _render("results.md", Naming(report=report), every_cell=True, picture=picture)


def comparison(report: Report, before: str, after: str, *, every_name: bool = False) -> str:
    """Return two releases side by side: what differs and, if asked for, also what does not."""
    found = grouping.compare(report, before, after)
    shown = [row for row in found if every_name or row.before != row.after]
    return templates.render(
        "compare.md",
        report=report,
        before=before,
        after=after,
        differences=shown,
        alike=len(found) - len(shown),
        side=grouping.side,
    )


def _render(name: str, naming: Naming, *, every_cell: bool, picture: str | None = None) -> str:
    report = naming.report
    shown = list(report.recorded) if every_cell else table.differing_cells(report)
    cells = table.shown_cells(naming, shown)
    return templates.render(
        name,
        picture=picture,
        report=report,
        naming=naming,
        tables=[(platforms, each, table.shown_rows(naming, each)) for platforms, each in table.tables(report)],
        most_columns=_MOST_COLUMNS,
        range_of=range_of,
        legend=[(entry.mark, findings.legend_text(report, entry)) for entry in table.legend(report)],
        current=current.by_platforms(naming),
        steps=grouping.steps(naming),
        disagreements=findings.disagreements(naming),
        cells=cells,
        glyphs=table.glyphs_of(cells),
        every_cell=every_cell,
        reasons=findings.reasons(report),
        drift=findings.drift(naming),
        new=findings.new_cells(report),
    )
