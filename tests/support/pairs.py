"""Pairs of cells with synthetic records, for tests of qualifications."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scripts.index.torch_version import Torch
from scripts.qualify.model import CellPair, Origin, Sample
from scripts.records.model import CellKey, Observation, Reason, Record, Stage, Status, Test, Warned, Wheel

PLATFORM = "linux-x86_64"
SHA = {"2.14.1": "b" * 64, "2.15.0": "c" * 64}

RETURNED = Observation(outcome="returned")


def raised(message: str, **changes: Any) -> Observation:
    """Return an observation that raised a RuntimeError."""
    return Observation(outcome="raised", exception="builtins.RuntimeError", message=message, **changes)


def blocked(by: str) -> Observation:
    """Return an observation that was blocked by another one."""
    return Observation(outcome="blocked", blocked_by=by)


def warned(text: str, category: str = "builtins.DeprecationWarning") -> Observation:
    """Return an observation that returned with a warning."""
    return Observation(outcome="returned", warnings=(Warned(category=category, message=text),))


def record(
    observations: Mapping[str, Observation] | None = None,
    *,
    torch: str = "2.14.1",
    build: str = "cpu",
    python: str = "3.11",
    tests: Mapping[str, Test] | None = None,
    packages: Mapping[str, str] | None = None,
    sha256: str | None = None,
) -> Record:
    """Return a record of a cell that ran, by default with ``trace`` returning."""
    return Record(
        cell=CellKey(torch=torch, build=build, python=python, platform=PLATFORM),
        status="recorded",
        wheel=Wheel(filename=f"torch-{torch}.whl", sha256=sha256 or SHA.get(torch, "d" * 64), index="cpu"),
        torch=Torch(version=torch, git_version=f"{torch:0<40}"),
        packages=dict(packages or {}),
        tests=dict(tests or {}),
        observations=dict({"trace": RETURNED} if observations is None else observations),
    )


def failed(kind: str, message: str = "details", *, status: Status = "error", stage: Stage = "import") -> Record:
    """Return a record of a cell without observations."""
    key = CellKey(torch="2.15.0", build="cpu", python="3.11", platform=PLATFORM)
    return Record(cell=key, status=status, reason=Reason(stage=stage, kind=kind, message=message))


def unavailable(kind: str = "no interpreter", stage: Stage = "interpreter") -> Record:
    """Return a record of a cell that cannot run here."""
    return failed(kind, status="unavailable", stage=stage)


def new(observations: Mapping[str, Observation] | None = None, **changes: Any) -> Record:
    """Return a record of the candidate."""
    return record(observations, torch="2.15.0", **changes)


def sample(record: Record, *, origin: Origin = "run", seconds: float | None = None, machine: str = "one") -> Sample:
    """Return a sample with a record."""
    return Sample(record=record, origin=origin, import_seconds=seconds, machine=machine)


def pair(
    before: Record | list[Record] | None,
    after: Record | list[Record] | None,
    *,
    python: str = "3.11",
    pins: tuple[str, ...] = (),
    runs: int = 2,
    missing: bool = False,
) -> CellPair:
    """Return a pair whose sides have these records; a single record is that of all ``runs``."""

    def side(records: Record | list[Record] | None) -> tuple[Sample, ...]:
        if records is None:
            return ()
        return tuple(map(sample, records if isinstance(records, list) else [records] * runs))

    return CellPair(
        build="cpu",
        python=python,
        pins=pins,
        candidate_cell=f"2.15.0-cpu-py{python}",
        baseline_cell=f"2.14.1-cpu-py{python}",
        missing=missing,
        candidate=side(after),
        baseline=side(before),
    )
