"""The evidence for what a bisection found: which wheels were tested, and what of their files says why."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from packaging.version import Version

from scripts import cells, evidence, judging, simple_index
from scripts.bisect_state import Step
from scripts.bisection import Finding
from scripts.cells import DEFAULT_BUILD
from scripts.config import Build
from scripts.evidence import Evidence, Needles
from scripts.records import Record
from scripts.web import Web, WebError
from scripts.wheelfiles import WheelFile
from scripts.wheels import Reader


@dataclasses.dataclass(frozen=True, kw_only=True)
class Explained:
    """A finding with the evidence for it, or why there is none."""

    finding: Finding
    evidence: Evidence | None = None
    problem: str | None = None


class Explainer:
    """Finds the wheels of records on their indexes, and compares them."""

    def __init__(self, web: Web, builds: Mapping[str, Build], *, download: bool = False) -> None:
        self._web, self._builds = web, builds
        self._reader = Reader(web, download=download)
        self._pages: dict[str, list[WheelFile]] = {}

    def __call__(self, finding: Finding) -> Explained:
        """The evidence for a change, older release first. Never raises: what goes wrong is said in the answer."""
        steps = sorted((finding.before, finding.after), key=_version)
        records = [step.record for step in steps if step.record is not None]
        if len(records) < len(steps):
            return Explained(finding=finding, problem="a side of the change has no record")
        try:
            before, after = (self.wheel(record) for record in records)
            seen = [_needles(step, finding.observation) for step in steps]
            found = evidence.evidence(self._reader, before, after, seen_before=seen[0], seen_after=seen[1])
        except WebError as error:
            return Explained(finding=finding, problem=str(error))
        return Explained(finding=finding, evidence=found)

    def wheel(self, record: Record) -> WheelFile:
        """The wheel that a record tested. Raises `WebError` where its index no longer has it."""
        if record.wheel is None:
            raise WebError(f"{record.cell.id}: the record names no wheel")
        page = self._page(record.wheel.index)
        for wheel in page:
            if wheel.filename == record.wheel.filename and wheel.sha256 in {None, record.wheel.sha256}:
                return dataclasses.replace(wheel, sha256=record.wheel.sha256 or wheel.sha256)
        raise WebError(f"{record.cell.id}: its index no longer has {record.wheel.filename}")

    def _page(self, name: str) -> list[WheelFile]:
        build = self._builds.get(name)
        index = build.index if build and name != DEFAULT_BUILD else None
        if name not in self._pages:
            self._pages[name] = simple_index.wheels(self._web, index or simple_index.default_index())
        return self._pages[name]


def _version(step: Step) -> Version:
    return cells.version(step.record.cell.torch if step.record else "0")


def _needles(step: Step, name: str | None) -> Needles:
    return Needles.of(judging.seen(step.record, name) if name else None)
