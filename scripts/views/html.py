"""Placeholder."""

from scripts.report import Report


def render(report: Report) -> str:
    return ""
