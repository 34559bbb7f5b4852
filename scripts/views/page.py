"""What the HTML page is made of: the report in a compact form, each text once, cells by numbers. Pure.

The page's scripts read it; `templates/page/model.js` is the other side.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Final

from scripts.history.report import RELEASE_NOTES, Evidence, Report, ReportedCell
from scripts.views import grouping, standing
from scripts.views.grouping import Band, Step

NOTHING: Final = -1


class _Table:
    """Values by number; equal ones have the same."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}

    def number(self, value: Hashable) -> int:
        """The number of a value."""
        return self._numbers.setdefault(value, len(self._numbers))

    def values(self) -> list[Hashable]:
        """All values, in the order of their numbers."""
        return list(self._numbers)


class _Numbers:
    """The numbers of everything that the report names by an id."""

    def __init__(self, report: Report) -> None:
        self.names = [name.name for name in report.names]
        self.releases = {release: number for number, release in enumerate(report.releases)}
        self.signatures = {key: number for number, key in enumerate(report.signatures)}
        self.tracebacks = {key: number for number, key in enumerate(report.tracebacks)}
        self.packages = {key: number for number, key in enumerate(report.packages)}
        self.places, self.seen, self.traced, self.torches = _Table(), _Table(), _Table(), _Table()

    def cell(self, cell: ReportedCell) -> dict[str, Any]:
        """A cell, with the keys that `model.js` knows; what is usual is left out."""
        seen = tuple(self.signatures[cell.seen[name]] if name in cell.seen else NOTHING for name in self.names)
        said: dict[str, Any] = {
            "r": self.releases[cell.torch],
            "p": self.places.number((cell.platform, cell.build, cell.python, cell.axes)),
            "s": self.seen.number(seen),
        }
        if cell.tracebacks:
            traced = (
                self.tracebacks[cell.tracebacks[name]] if name in cell.tracebacks else NOTHING for name in self.names
            )
            said["t"] = self.traced.number(tuple(traced))
        if cell.packages:
            said["k"] = self.packages[cell.packages]
        if cell.about:
            said["v"] = self.torches.number((cell.about.version, cell.about.git_version, cell.about.cuda))
        if cell.wheel:
            said["w"] = [cell.wheel.filename, cell.wheel.sha256, cell.wheel.index]
        return {**said, **_unusual(cell)}


def _unusual(cell: ReportedCell) -> dict[str, Any]:
    """What only a cell without observations has, or one that was run here."""
    said: dict[str, Any] = {}
    if cell.status != "recorded":
        said["status"] = cell.status
    if cell.reason:
        said["reason"] = cell.reason.model_dump()
    if cell.origin == "fresh":
        run = cell.model_dump(
            include={"asked", "recorded_at", "machine", "log", "bytes", "timings"}, by_alias=True, exclude_none=True
        )
        said["run"] = run
    return said


def data(report: Report) -> dict[str, Any]:
    """Everything that the page shows."""
    numbers = _Numbers(report)
    all_cells = [numbers.cell(cell) for cell in report.cells]
    return {
        "notes": RELEASE_NOTES,
        "releases": report.releases,
        "platforms": report.platforms,
        "names": [{"name": name.name, "label": name.label, "kind": name.kind} for name in report.names],
        "signatures": [shown.model_dump(exclude_defaults=True) for shown in report.signatures.values()],
        "legend": [entry.model_dump() for entry in report.legend],
        "places": numbers.places.values(),
        "seen": numbers.seen.values(),
        "traced": numbers.traced.values(),
        "torches": numbers.torches.values(),
        "tracebacks": [[(f.file, f.line, f.function) for f in frames] for frames in report.tracebacks.values()],
        "packages": list(report.packages.values()),
        "cells": all_cells,
        "standing": {platform: _standing(report, platform) for platform in report.platforms},
        "bands": {platform: _bands(report, numbers, platform) for platform in report.platforms},
        "steps": [_step(one) for one in grouping.steps(report)],
        "disagreements": [one.sentence for one in report.disagreements],
        "drift": [drift.sentence for drift in report.drift],
        "new": report.new,
    }


def _standing(report: Report, platform: str) -> list[dict[str, Any]]:
    return [
        {"mark": one.mark, "outcome": one.signature.outcome, "names": one.names, "text": one.text}
        for one in standing.standings(report, platform)
    ]


def _bands(report: Report, numbers: _Numbers, platform: str) -> list[dict[str, Any]]:
    def shown(band: Band) -> list[list[int]]:
        return [[numbers.signatures[one] for one in band.shown.get(name, ())] for name in numbers.names]

    return [
        {"title": band.title, "releases": band.releases, "shown": shown(band)}
        for band in grouping.bands(report, platform)
    ]


def _step(step: Step) -> dict[str, Any]:
    return {
        "before": step.before,
        "after": step.after,
        "title": step.title,
        "notes": step.told[0].change.notes,
        "commits": step.told[0].change.commits,
        "told": [
            {
                "names": one.names,
                "kind": one.change.kind,
                "text": one.text,
                "blamed": one.change.blamed,
                "evidence": _evidence(one.change.evidence),
            }
            for one in step.told
        ],
    }


def _evidence(evidence: Evidence | None) -> dict[str, Any] | None:
    return evidence.model_dump() if evidence else None


def sizes(report: Report) -> Sequence[tuple[str, int]]:
    """How much the report is about, for the page's first line."""
    return (
        ("releases", len(report.releases)),
        ("cells", len(report.recorded)),
        ("observations", len(report.names)),
        ("platforms", len(report.platforms)),
    )
