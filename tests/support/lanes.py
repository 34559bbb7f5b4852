"""Lanes of a qualification with records that are made up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scripts.qualify.model import Lane, Origin, Seen
from scripts.results.records import CellKey, Observation, Reason, Record, Stage, Status, Test, Torch, Warned, Wheel

PLATFORM = "linux-x86_64"
SHA = {"2.14.1": "b" * 64, "2.15.0": "c" * 64}

RETURNED = Observation(outcome="returned", test="test_trace.py::test_trace")


def raised(message: str, **changes: Any) -> Observation:
    """An observation that raised a RuntimeError."""
    return Observation(outcome="raised", exception="builtins.RuntimeError", message=message, **changes)


def blocked(by: str) -> Observation:
    """An observation that another one kept from being made."""
    return Observation(outcome="blocked", blocked_by=by)


def warned(text: str, category: str = "builtins.DeprecationWarning") -> Observation:
    """An observation that returned with a warning."""
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
    """A record of a cell that was had; it returned from ``trace`` if nothing else is said."""
    return Record(
        cell=CellKey(torch=torch, build=build, python=python, platform=PLATFORM),
        status="recorded",
        wheel=Wheel(filename=f"torch-{torch}.whl", sha256=sha256 or SHA.get(torch, "d" * 64), index="cpu"),
        torch=Torch(version=torch, git_version=f"{torch:0<40}"),
        packages=dict(packages or {}),
        tests=dict(tests or {}),
        observations=dict({"trace": Observation(outcome="returned")} if observations is None else observations),
    )


def failed(kind: str, message: str = "so it is", *, status: Status = "error", stage: Stage = "import") -> Record:
    """A record of a cell without observations."""
    key = CellKey(torch="2.15.0", build="cpu", python="3.11", platform=PLATFORM)
    return Record(cell=key, status=status, reason=Reason(stage=stage, kind=kind, message=message))


def seen(record: Record, *, origin: Origin = "run", seconds: float | None = None, machine: str = "one") -> Seen:
    """A run that gave a record."""
    return Seen(record=record, origin=origin, import_seconds=seconds, machine=machine)


def lane(
    before: Record | list[Record] | None,
    after: Record | list[Record] | None,
    *,
    python: str = "3.11",
    pins: tuple[str, ...] = (),
    runs: int = 2,
    missing: bool = False,
) -> Lane:
    """A lane in which each side showed these records, or so often the same one."""

    def side(said: Record | list[Record] | None) -> tuple[Seen, ...]:
        many = said if isinstance(said, list) else [said] * runs if said else []
        return tuple(seen(one) for one in many)

    return Lane(
        build="cpu",
        python=python,
        pins=pins,
        candidate_cell=f"2.15.0-cpu-py{python}",
        baseline_cell=f"2.14.1-cpu-py{python}",
        missing=missing,
        candidate=side(after),
        baseline=side(before),
    )


def new(observations: Mapping[str, Observation] | None = None, **changes: Any) -> Record:
    """A record of the candidate."""
    return record(observations, torch="2.15.0", **changes)
