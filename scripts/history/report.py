"""The report's model: what every view renders. Pure.

Each text is stored once: cells, timelines and change points refer to signatures, tracebacks and packages by id.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from pydantic import Field

from scripts.core.documents import StrictModel
from scripts.core.escaping import visible
from scripts.history import labels, marks
from scripts.history.reasons import SharedReason
from scripts.history.rows import Table
from scripts.index.torch_version import Torch
from scripts.records.drift import Drift
from scripts.records.model import Frame, Reason, Timings, Wheel
from scripts.records.signature import Signature

#: The release notes of a torch version, which follows.
RELEASE_NOTES: Final = "https://github.com/pytorch/pytorch/releases/tag/v"


class ReportedSignature(StrictModel):
    """A signature with its mark and a short description."""

    mark: str
    text: str
    outcome: str
    phase: str | None = None
    exception: str | None = None
    bases: tuple[str, ...] = ()
    message: str | None = None
    warnings: tuple[tuple[str, str], ...] = ()

    @functools.cached_property
    def signature(self) -> Signature:
        """The signature itself."""
        return Signature(
            outcome=self.outcome,
            phase=self.phase,
            exception=self.exception,
            bases=self.bases,
            message=self.message,
            warnings=self.warnings,
        )


def label(name: str) -> str:
    """Return the name of an observation, or of a test without its file, escaped for display."""
    return visible(name.rpartition("::")[2])


class Name(StrictModel):
    """An observation, or a test whose verdict adds something to its observations."""

    name: str
    kind: Literal["observation", "test"]
    label: str = Field(description="The shortest path that tells it from the other names, escaped for display.")
    known_defect: str | None = Field(None, description="What a passed verdict means, for a test that asserts a defect.")


class ReportedCell(StrictModel):
    """A cell: what was tested, and by name the ids of its signatures (``seen``) and tracebacks."""

    id: str
    torch: str
    build: str
    python: str
    platform: str
    axes: str
    origin: Literal["accepted", "fresh"]
    status: str
    reason: Reason | None = None
    seen: dict[str, str] = {}
    tracebacks: dict[str, str] = {}
    packages: str | None = None
    wheel: Wheel | None = None
    about: Torch | None = None
    asked: str | None = None
    recorded_at: str | None = None
    machine: str | None = None
    log: str | None = None
    bytes: int | None = None
    timings: Timings | None = None

    @property
    def recorded(self) -> bool:
        """True if the suite ran in this cell: only then can its behaviour be compared."""
        return self.status == "recorded"


class Interval(StrictModel):
    """Neighbouring releases with the same signatures; more than one where builds or Pythons disagree."""

    releases: tuple[str, ...]
    signatures: tuple[str, ...]


class Range(StrictModel):
    """Releases with one signature: introduced in ``since``, gone in ``until``, each None where unknown.

    ``after`` is the last release before it that has other signatures; the signature may have come in any release
    after that, up to ``since``. Likewise ``last`` is the last release that is known to have it before ``until``.
    """

    signature: str
    after: str | None
    since: str | None
    first: str
    last: str
    until: str | None


class Timeline(StrictModel):
    """One observation on one platform over the releases; gaps are releases without a signature, with the reason."""

    name: str
    platform: str
    intervals: tuple[Interval, ...]
    ranges: tuple[Range, ...]
    gaps: dict[str, str] = {}


class Hunk(StrictModel):
    """A hunk of a diff; ``line`` and ``text`` are its line that explains most."""

    file: str
    line: int
    text: str
    diff: str


class Evidence(StrictModel):
    """Changes in torch's own files that may explain a change point."""

    summary: str
    hunks: tuple[Hunk, ...] = ()
    files: tuple[str, ...] = ()
    compare: str | None = None


class ChangePoint(StrictModel):
    """Two neighbouring releases with different signatures."""

    name: str
    platform: str
    before: str
    after: str
    kind: str
    aspects: tuple[str, ...]
    old: str  # id of a signature, as is `new`
    new: str
    on: tuple[str, ...]  # the axes that show the change; for a confounded one, those of the later release
    suspects: tuple[str, ...]  # releases that may be the first with the new signature; the last of them is `after`
    blamed: Literal["torch", "confounded"]
    confounded: tuple[str, ...] = ()  # axes that change as well: "build", "Python"
    settle: tuple[str, ...] = ()  # ids of cells any of which would show what caused a confounded change
    notes: str
    commits: str | None = None
    sentence: str
    evidence: Evidence | None = None


def not_recorded(suspects: Sequence[str]) -> str:
    """Name the releases without a record between the two of a change point; return an empty text for none."""
    return f" ({', '.join(suspects[:-1])} not recorded)" if suspects[:-1] else ""


def confounding(confounded: Sequence[str], settle: Sequence[str]) -> str:
    """Name the other axes that changed, and the cells that would show which is the cause."""
    if not confounded:
        return ""
    remedy = f"{' or '.join(settle)} would settle it" if settle else "no wheel exists that would settle it"
    return f"; the {' and the '.join(confounded)} changed as well: {remedy}"


class Disagreement(StrictModel):
    """A release with different signatures on different axes; ``sides`` has the axes by id of the signature."""

    name: str
    platform: str
    release: str
    sides: dict[str, tuple[str, ...]]
    sentence: str


class Report(StrictModel):
    """Everything that a report shows.

    ``tables`` and ``reasons`` are the short form that most views start with: they name what behaves alike once.
    """

    schema_: Literal[1] = Field(1, alias="schema")
    releases: tuple[str, ...]
    platforms: tuple[str, ...]
    names: tuple[Name, ...]
    signatures: dict[str, ReportedSignature]
    legend: tuple[marks.LegendEntry, ...]
    require_key: str | None = Field(None, description="The key that lists the suite's requirements, for hints.")
    tables: tuple[Table, ...] = ()
    reasons: tuple[SharedReason, ...] = ()
    cells: tuple[ReportedCell, ...]
    timelines: tuple[Timeline, ...]
    changes: tuple[ChangePoint, ...]
    disagreements: tuple[Disagreement, ...]
    drift: tuple[Drift, ...] = ()
    new: tuple[str, ...] = ()
    tracebacks: dict[str, tuple[Frame, ...]] = {}
    packages: dict[str, dict[str, str]] = {}

    @functools.cached_property
    def labels(self) -> dict[str, str]:
        """The labels by name."""
        return {name.name: name.label for name in self.names}

    @functools.cached_property
    def defects(self) -> dict[str, str]:
        """The known defects that tests assert, by name."""
        return {name.name: name.known_defect for name in self.names if name.known_defect}

    @functools.cached_property
    def variants(self) -> Mapping[str, int]:
        """The number of variants of each parametrized test."""
        return labels.variants(self.labels.values())

    @functools.cached_property
    def recorded(self) -> tuple[ReportedCell, ...]:
        """The cells whose suite ran."""
        return tuple(cell for cell in self.cells if cell.recorded)

    @functools.cached_property
    def unrecorded(self) -> tuple[ReportedCell, ...]:
        """The cells that were unavailable, or failed before any test could run."""
        return tuple(cell for cell in self.cells if not cell.recorded)


def to_json(report: Report) -> str:
    """Return the report as JSON without default values; `schemas/report.schema.json` describes it."""
    data: dict[str, Any] = report.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return json.dumps({"schema": report.schema_, **data}, indent=2, ensure_ascii=False) + "\n"
