"""The report as GitHub's Markdown: for job summaries, and for the page that lies beside the results."""

from __future__ import annotations

from scripts.history.report import Report, label
from scripts.views import grouping, standing, templates
from scripts.views.grouping import bands


def summary(report: Report, *, only_changes: bool = False) -> str:
    """The table, the legend, the change points, and what was lost or drifted."""
    return _render("report.md", report, only_changes=only_changes)


def results_page(report: Report, *, picture: str) -> str:
    """``results/README.md``, with the picture that lies beside it."""
    return _render("results.md", report, only_changes=False, picture=picture)


def comparison(report: Report, before: str, after: str, *, only_changes: bool = False) -> str:
    """Two releases side by side."""
    found = [d for d in grouping.compare(report, before, after) if not only_changes or d.before != d.after]
    return templates.render("compare.md", report=report, before=before, after=after, differences=found)


def _render(name: str, report: Report, *, only_changes: bool, picture: str | None = None) -> str:
    return templates.render(
        name,
        picture=picture,
        standings={platform: standing.standings(report, platform) for platform in report.platforms},
        report=report,
        rows=grouping.rows(report, only_changes=only_changes),
        steps=grouping.steps(report),
        bands={platform: bands(report, platform) for platform in report.platforms},
        label=label,
    )
