"""Render the report as GitHub Markdown: for job summaries, and for the page beside the results."""

from __future__ import annotations

from scripts.history.report import Report
from scripts.views import current, grouping, templates
from scripts.views.grouping import bands


def summary(report: Report, *, only_changes: bool = False) -> str:
    """Return the table, the legend, the change points, the cells without a record, and the drift."""
    return _render("report.md", report, only_changes=only_changes)


def results_page(report: Report, *, picture: str) -> str:
    """Return ``results/README.md``; ``picture`` is the file name of the picture beside it."""
    return _render("results.md", report, only_changes=False, picture=picture)


def comparison(report: Report, before: str, after: str, *, only_changes: bool = False) -> str:
    """Return two releases side by side."""
    found = [d for d in grouping.compare(report, before, after) if not only_changes or d.before != d.after]
    return templates.render("compare.md", report=report, before=before, after=after, differences=found)


def _render(name: str, report: Report, *, only_changes: bool, picture: str | None = None) -> str:
    return templates.render(
        name,
        picture=picture,
        current={platform: current.current_behaviour(report, platform) for platform in report.platforms},
        report=report,
        rows=grouping.rows(report, only_changes=only_changes),
        steps=grouping.steps(report),
        bands={platform: bands(report, platform) for platform in report.platforms},
    )
