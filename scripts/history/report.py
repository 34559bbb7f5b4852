"""The report: one model of what happens where, since when and what changed, which every view renders. Pure.

Texts are kept once: cells name their signatures, tracebacks and packages by id.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import Field

from scripts.history import marks
from scripts.results.records import Frame, Part, Reason, Timings, Torch, Wheel
from scripts.results.signature import Signature
from scripts.texts import visible


class Shown(Part):
    """A signature as the report shows it."""

    mark: str
    text: str
    outcome: str
    phase: str | None = None
    exception: str | None = None
    bases: tuple[str, ...] = ()
    message: str | None = None
    warnings: tuple[tuple[str, str], ...] = ()

    @property
    def signature(self) -> Signature:
        """What is shown, as the signature it was."""
        return Signature(**self.model_dump(exclude={"mark", "text"}))


def label(name: str) -> str:
    """The name of an observation or a test, fit to be shown."""
    return visible(name.rpartition("::")[2])


class Name(Part):
    """An observation, or a test whose verdict tells more than its observations."""

    name: str
    kind: Literal["observation", "test"]

    @property
    def label(self) -> str:
        """The name without a test's file, fit to be shown."""
        return label(self.name)


class CellView(Part):
    """A cell: what was tested, and the ids of what was seen."""

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


class Stretch(Part):
    """Releases in a row that behave alike; ``signatures`` has more than one id where axes disagree."""

    releases: tuple[str, ...]
    signatures: tuple[str, ...]


class Range(Part):
    """Where a behaviour is met: introduced in ``since``, gone in ``until``, each None where that isn't known.

    ``after`` is the last release known to behave otherwise: with it, ``since`` may be a range. So is ``until``
    with ``last``, the last release known to behave so.
    """

    signature: str
    after: str | None
    since: str | None
    first: str
    last: str
    until: str | None


class TimelineView(Part):
    """One observation on one platform over the releases."""

    name: str
    platform: str
    intervals: tuple[Stretch, ...]
    ranges: tuple[Range, ...]
    gaps: dict[str, str] = {}


class HunkView(Part):
    """Changed lines that hold what an observation said."""

    file: str
    line: int
    text: str
    diff: str


class EvidenceView(Part):
    """What changed in torch's own files at a change point, and in them what the observation's texts come from."""

    summary: str
    hunks: tuple[HunkView, ...] = ()
    files: tuple[str, ...] = ()
    compare: str | None = None


class ChangeView(Part):
    """A change point."""

    name: str
    platform: str
    before: str
    after: str
    kind: str
    aspects: tuple[str, ...]
    old: str
    new: str
    on: tuple[str, ...]
    suspects: tuple[str, ...]
    blamed: Literal["torch", "confounded"]
    confounded: tuple[str, ...] = ()
    settle: tuple[str, ...] = ()
    notes: str
    commits: str | None = None
    sentence: str
    evidence: EvidenceView | None = None


class DisagreementView(Part):
    """A release that behaves differently on different axes."""

    name: str
    platform: str
    release: str
    sides: dict[str, tuple[str, ...]]
    sentence: str


class DriftView(Part):
    """Something that differs from the accepted results."""

    cell: str
    platform: str
    name: str | None
    kind: str
    accepted: str
    fresh: str


class Report(Part):
    """Everything that a report shows."""

    schema_: Literal[1] = Field(1, alias="schema")
    releases: tuple[str, ...]
    platforms: tuple[str, ...]
    names: tuple[Name, ...]
    signatures: dict[str, Shown]
    legend: tuple[marks.Entry, ...]
    cells: tuple[CellView, ...]
    timelines: tuple[TimelineView, ...]
    changes: tuple[ChangeView, ...]
    disagreements: tuple[DisagreementView, ...]
    drift: tuple[DriftView, ...] = ()
    new: tuple[str, ...] = ()
    tracebacks: dict[str, tuple[Frame, ...]] = {}
    packages: dict[str, dict[str, str]] = {}

    @property
    def recorded(self) -> tuple[CellView, ...]:
        """The cells whose probes ran."""
        return tuple(cell for cell in self.cells if cell.status == "recorded")

    @property
    def lost(self) -> tuple[CellView, ...]:
        """The cells that were unavailable, or failed before their probes could tell anything."""
        return tuple(cell for cell in self.cells if cell.status != "recorded")


def to_json(report: Report) -> str:
    """The whole report as JSON text without keys that say nothing; `schemas/report.schema.json` describes it."""
    data: dict[str, Any] = report.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return json.dumps({"schema": report.schema_, **data}, indent=2, ensure_ascii=False) + "\n"
