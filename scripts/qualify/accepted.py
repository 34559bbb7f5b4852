"""Find accepted results that can replace a run of the baseline."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.config.cell import Cell
from scripts.config.model import Matrix
from scripts.config.suite import Suite
from scripts.qualify.model import CellPair, Sample
from scripts.records.model import Record
from scripts.records.store import Store
from scripts.run import locks


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class AcceptedResults:
    """Finds current accepted results. Call it as a `runner.FindAccepted`.

    Attributes:
        matrix: the pins.
        suite: its requirements and accepted results.
        platform: that of this machine.
        hashes: sha256 of the baseline's wheels by file name, as its index lists them now.
    """

    matrix: Matrix
    suite: Suite
    platform: str
    hashes: Mapping[str, str]

    def __call__(self, pair: CellPair, candidate: Sample | None) -> Sample | None:
        """Return the current accepted record of the baseline; with ``candidate``, only one comparable with it."""
        if pair.pins:
            return None
        cell = Cell.parse(pair.baseline_cell)
        for record in self._records:
            if self._is_current(record, cell) and (candidate is None or comparable(record, candidate.record, pair)):
                return Sample(record=record, origin="accepted")
        return None

    def _is_current(self, record: Record, cell: Cell) -> bool:
        """Return whether a record is of a cell as it would run today: the same wheel, and packages within the pins."""
        if (record.cell.torch, record.cell.python) != (cell.torch, cell.python) or record.wheel is None:
            return False
        versions = {canonicalize_name(name): version for name, version in record.packages.items()}
        requirements = [Requirement(text) for text in locks.requirements(self.matrix, self.suite, cell)]
        if not all(_satisfies(versions.get(canonicalize_name(r.name)), r) for r in requirements):
            return False
        return self.hashes.get(record.wheel.filename, record.wheel.sha256) == record.wheel.sha256

    @functools.cached_property
    def _records(self) -> list[Record]:
        records = Store(self.suite.paths.results).read(Record)
        return [record for record in records if record.is_conclusive and record.cell.platform == self.platform]


def _satisfies(version: str | None, requirement: Requirement) -> bool:
    if version is None or requirement.url is not None:  # a URL may serve another file of that version
        return False
    return requirement.specifier.contains(version, prereleases=True)


def comparable(record: Record, candidate: Record, pair: CellPair) -> bool:
    """Return whether an accepted record has the build to compare the candidate with, and the same tests.

    If both sides were requested in one build, that is the build the candidate's wheel turned out to be.
    """
    build = Cell.parse(pair.baseline_cell).build
    same_build = Cell.parse(pair.candidate_cell).build.rpartition(".")[2] == build
    if record.cell.build != (candidate.cell.build if same_build and candidate.usable else build):
        return False
    return not (candidate.usable and record.usable) or _names(record) == _names(candidate)


def _names(record: Record) -> tuple[frozenset[str], frozenset[str]]:
    return frozenset(record.tests), frozenset(record.observations)
