"""Return the data of the HTML page: the report in compact form, with each text once and referred to by number. Pure.

`templates/page/model.js` reads it.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Final

from scripts.history.report import RELEASE_NOTES, Evidence, Report, ReportedCell
from scripts.history.rows import Table
from scripts.views import grouping
from scripts.views.current import current_behaviour
from scripts.views.grouping import Step
from scripts.views.naming import Naming, range_of

#: The number of an observation that a cell does not have.
NOTHING: Final = -1


class _Numbered:
    """Distinct values, numbered in the order in which they are added."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}

    def number(self, value: Hashable) -> int:
        """Return the number of a value, adding it if it is new."""
        return self._numbers.setdefault(value, len(self._numbers))

    def values(self) -> list[Hashable]:
        """Return all values in the order of their numbers."""
        return list(self._numbers)


class _Encoder:
    """Encodes cells with numbers in place of ids, texts and repeated values."""

    def __init__(self, report: Report) -> None:
        self.names = [name.name for name in report.names]
        self.releases = {release: number for number, release in enumerate(report.releases)}
        self.signatures = {key: number for number, key in enumerate(report.signatures)}
        self.tracebacks = {key: number for number, key in enumerate(report.tracebacks)}
        self.packages = {key: number for number, key in enumerate(report.packages)}
        self.axes, self.seen, self.traced, self.torches = _Numbered(), _Numbered(), _Numbered(), _Numbered()

    def cell(self, cell: ReportedCell) -> dict[str, Any]:
        """Return a cell with the keys that `model.js` reads; default values are left out."""
        seen = tuple(self.signatures[cell.seen[name]] if name in cell.seen else NOTHING for name in self.names)
        encoded: dict[str, Any] = {
            "r": self.releases[cell.torch],
            "p": self.axes.number((cell.platform, cell.build, cell.python, cell.axes)),
            "s": self.seen.number(seen),
        }
        if cell.tracebacks:
            traced = (
                self.tracebacks[cell.tracebacks[name]] if name in cell.tracebacks else NOTHING for name in self.names
            )
            encoded["t"] = self.traced.number(tuple(traced))
        if cell.packages:
            encoded["k"] = self.packages[cell.packages]
        if cell.about:
            encoded["v"] = self.torches.number((cell.about.version, cell.about.git_version, cell.about.cuda))
        if cell.wheel:
            encoded["w"] = [cell.wheel.filename, cell.wheel.sha256, cell.wheel.index]
        return {**encoded, **_exceptional(cell)}


def _exceptional(cell: ReportedCell) -> dict[str, Any]:
    """Return the keys of a cell without observations, and of one that was run on this machine."""
    encoded: dict[str, Any] = {}
    if cell.status != "recorded":
        encoded["status"] = cell.status
    if cell.reason:
        encoded["reason"] = cell.reason.model_dump()
    if cell.origin == "fresh":
        encoded["run"] = cell.model_dump(
            include={"asked", "recorded_at", "machine", "log", "bytes", "timings"}, by_alias=True, exclude_none=True
        )
    return encoded


def data(report: Report) -> dict[str, Any]:
    """Return everything that the page shows, as JSON values."""
    encoder = _Encoder(report)
    naming = Naming(report=report)
    encoded_cells = [encoder.cell(cell) for cell in report.cells]  # fills the tables below
    return {
        "notes": RELEASE_NOTES,
        "releases": report.releases,
        "platforms": report.platforms,
        "names": [{"name": name.name, "label": name.label, "kind": name.kind} for name in report.names],
        "signatures": [shown.model_dump(exclude_defaults=True) for shown in report.signatures.values()],
        "legend": [entry.model_dump() for entry in report.legend],
        "axes": encoder.axes.values(),
        "seen": encoder.seen.values(),
        "traced": encoder.traced.values(),
        "torches": encoder.torches.values(),
        "tracebacks": [[(f.file, f.line, f.function) for f in frames] for frames in report.tracebacks.values()],
        "packages": list(report.packages.values()),
        "cells": encoded_cells,
        "current": {platform: _current(report, platform) for platform in report.platforms},
        "bands": {table.platform: _bands(table, encoder) for table in report.tables},
        "steps": [_step(step) for step in grouping.steps(naming)],
        "disagreements": [disagreement.sentence for disagreement in report.disagreements],
        "drift": [drift.sentence for drift in report.drift],
        "new": report.new,
    }


def _current(report: Report, platform: str) -> list[dict[str, Any]]:
    return [
        {
            "mark": behaviour.mark,
            "outcome": behaviour.signature.outcome,
            "names": behaviour.names,
            "text": behaviour.text,
        }
        for behaviour in current_behaviour(report, platform)
    ]


def _bands(table: Table, encoder: _Encoder) -> list[dict[str, Any]]:
    def shown(column: int) -> list[list[int]]:
        found = {name: row.signatures[column] for row in table.rows for name in (*row.names, *row.blocks)}
        return [[encoder.signatures[key] for key in found.get(name, ())] for name in encoder.names]

    return [
        {"title": range_of(releases), "releases": releases, "shown": shown(number)}
        for number, releases in enumerate(table.columns)
    ]


def _step(step: Step) -> dict[str, Any]:
    return {
        "before": step.before,
        "after": step.after,
        "title": step.title,
        "notes": step.changes[0].change.notes,
        "commits": step.changes[0].change.commits,
        "changes": [
            {
                "names": group.names,
                "kind": group.change.kind,
                "text": group.text,
                "blamed": group.change.blamed,
                "evidence": _evidence(group.change.evidence),
            }
            for group in step.changes
        ],
    }


def _evidence(evidence: Evidence | None) -> dict[str, Any] | None:
    return evidence.model_dump() if evidence else None


def sizes(report: Report) -> Sequence[tuple[str, int]]:
    """Return the numbers of releases, cells, observations and platforms, for the page's first line."""
    return (
        ("releases", len(report.releases)),
        ("cells", len(report.recorded)),
        ("observations", len(report.names)),
        ("platforms", len(report.platforms)),
    )
