"""Return the data of the HTML page: the report in compact form, with each text once and referred to by number. Pure.

`templates/page/model.js` reads it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any, Final

from scripts.history.report import RELEASE_NOTES, Evidence, Name, Report, ReportedCell
from scripts.history.rows import Table
from scripts.views import findings, grouping, table
from scripts.views.current import statements
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
    """Encodes cells with numbers in place of ids, texts and repeated values.

    Names with the same signatures in every cell belong to one class, whose signatures are stored once.
    """

    def __init__(self, report: Report) -> None:
        self.numbers = {name.name: number for number, name in enumerate(report.names)}
        self.releases = {release: number for number, release in enumerate(report.releases)}
        self.signatures = {key: number for number, key in enumerate(report.signatures)}
        self.tracebacks = {key: number for number, key in enumerate(report.tracebacks)}
        self.packages = {key: number for number, key in enumerate(report.packages)}
        self.axes, self.seen, self.traced, self.torches = _Numbered(), _Numbered(), _Numbered(), _Numbered()
        patterns = _Numbered()
        self.classes = [patterns.number(tuple(cell.seen.get(name) for cell in report.cells)) for name in self.numbers]
        first = {number: name for name, number in reversed(list(zip(self.numbers, self.classes, strict=True)))}
        self._examples = [first[number] for number in range(len(first))]

    def cell(self, cell: ReportedCell) -> dict[str, Any]:
        """Return a cell with the keys that `model.js` reads; default values are left out."""
        seen = (self.signatures[cell.seen[name]] if name in cell.seen else NOTHING for name in self._examples)
        encoded: dict[str, Any] = {
            "r": self.releases[cell.torch],
            "p": self.axes.number((cell.platform, cell.build, cell.python, cell.axes)),
            "s": self.seen.number(tuple(seen)),
        }
        if cell.tracebacks:
            traced = ((self.numbers[name], self.tracebacks[key]) for name, key in cell.tracebacks.items())
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
    naming = Naming(report=report, option="")
    encoded_cells = [encoder.cell(cell) for cell in report.cells]  # fills the tables below
    return {
        "notes": RELEASE_NOTES,
        "releases": report.releases,
        "platforms": report.platforms,
        "names": [_name(name, encoder.classes[number]) for number, name in enumerate(report.names)],
        "signatures": [shown.model_dump(exclude_defaults=True) for shown in report.signatures.values()],
        "legend": [{"mark": entry.mark, "text": findings.legend_text(report, entry)} for entry in table.legend(report)],
        "axes": encoder.axes.values(),
        "seen": encoder.seen.values(),
        "traced": encoder.traced.values(),
        "torches": encoder.torches.values(),
        "tracebacks": [[(f.file, f.line, f.function) for f in frames] for frames in report.tracebacks.values()],
        "packages": list(report.packages.values()),
        "cells": encoded_cells,
        "current": {platform: _current(naming, platform) for platform in report.platforms},
        "tables": {shown.platform: _table(naming, shown, encoder) for shown in report.tables},
        "steps": [_step(step) for step in grouping.steps(naming)],
        "disagreements": findings.disagreements(naming),
        "reasons": findings.reasons(report),
        "drift": findings.drift(naming),
        "new": report.new,
    }


def _name(name: Name, number: int) -> dict[str, Any]:
    encoded = {"name": name.name, "label": name.label, "kind": name.kind, "class": number}
    return {**encoded, "defect": name.known_defect} if name.known_defect else encoded


def _current(naming: Naming, platform: str) -> list[dict[str, Any]]:
    return [
        {"mark": found.mark, "outcome": found.outcome, "names": [found.subject], "text": found.text}
        for found in statements(naming, platform)
    ]


def _table(naming: Naming, shown: Table, encoder: _Encoder) -> dict[str, Any]:
    """Return the rows of a platform, in the order in which they are shown, and its columns."""
    ordered = sorted(shown.rows, key=lambda row: not row.listed)
    return {
        "columns": [{"title": range_of(releases), "releases": releases} for releases in shown.columns],
        "rows": [
            {
                "titles": titles.titles,
                "blocks": titles.blocks,
                "names": [encoder.numbers[name] for name in row.names],
                "blocked": [encoder.numbers[name] for name in row.blocks],
                "listed": row.listed,
                "shown": [[encoder.signatures[key] for key in keys] for keys in row.signatures],
            }
            for row, titles in zip(ordered, table.shown_rows(naming, shown), strict=True)
        ],
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "before": step.before,
        "after": step.after,
        "title": step.title,
        "notes": step.changes[0].change.notes,
        "commits": step.changes[0].change.commits,
        "changes": [
            {
                "names": [group.title],
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
    """Return the numbers of releases, cells, observations, tests and platforms, for the page's first line."""
    kinds = Counter(name.kind for name in report.names)
    found = (
        ("releases", len(report.releases)),
        ("cells", len(report.recorded)),
        ("observations", kinds["observation"]),
        ("tests", kinds["test"]),
        ("platforms", len(report.platforms)),
    )
    return [(noun, number) for noun, number in found if number or noun == "cells"]
