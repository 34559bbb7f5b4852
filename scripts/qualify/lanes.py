"""Which cells a qualification runs: every build and Python of the candidate beside that of the baseline. Pure."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Iterable, Mapping

from scripts.errors import UsageError
from scripts.matrix import cells
from scripts.matrix.cells import DEFAULT_BUILD, Cell
from scripts.matrix.config import Matrix, Selection
from scripts.qualify.candidates import Offer
from scripts.qualify.model import Lane


@dataclasses.dataclass(frozen=True, kw_only=True)
class Baseline:
    """What the candidate is compared with. ``pythons`` of each build, where an index told them."""

    version: str
    build: str | None = None  # the same for every lane; None: the candidate's
    pythons: Mapping[str, frozenset[str] | None] = dataclasses.field(default_factory=dict)


def previous(known: Iterable[str], version: str) -> str:
    """The newest stable release before a version. Raises `UsageError` if there is none."""
    stable = [release for release in set(known) if not cells.version(release).is_prerelease]
    before = [release for release in stable if cells.version(release) < cells.version(version)]
    if not before:
        raise UsageError(f"--baseline: there is no release before {version} to compare it with; name one")
    return max(before, key=cells.version)


def lanes(
    matrix: Matrix, offer: Offer, baseline: Baseline, *, python: str | None, selection: Selection | None
) -> list[Lane]:
    """One lane a build and Python that the candidate has or should have, and one more for each alternative pin.

    Raises:
        UsageError: candidate and baseline are the same, or nothing is left to run.
    """
    planned = [
        _lane(matrix, offer, baseline, build, one)
        for build in offer.builds
        for one in _pythons(matrix, offer, build, python=python, selection=selection)
    ]
    if not planned:
        raise UsageError("these options leave no build and Python of the candidate to run")
    for lane in planned:
        if lane.candidate_cell == lane.baseline_cell:
            raise UsageError(f"--baseline: candidate and baseline are both {lane.candidate_cell}")
    return [
        lane.model_copy(update={"pins": pins})
        for pins in ((), *((text,) for text in matrix.qualify.with_))
        for lane in planned
        if not (pins and lane.missing)
    ]


def _pythons(matrix: Matrix, offer: Offer, build: str, *, python: str | None, selection: Selection | None) -> list[str]:
    """The Pythons to run the candidate on: all that it has, or should have, within the options."""
    promised = [name for name, said in matrix.pythons.items() if cells.matches(offer.version, said.releases)]
    there = offer.pythons[build]
    wanted = [name for name in matrix.pythons if name in promised or (there is not None and name in there)]
    if python is not None:
        wanted = [python]
    elif selection is not None and not selection.every_python:
        chosen = cells.python_for(selection.pythons or matrix.selections["matrix"].pythons, offer.version)
        wanted = [name for name in wanted if name == chosen]
    return wanted


def _lane(matrix: Matrix, offer: Offer, baseline: Baseline, build: str, python: str) -> Lane:
    there = offer.pythons[build]
    candidate = Cell(torch=offer.version, build=offer.builds[build], python=python)
    other_build = baseline.build or nearest_build(matrix, baseline.version, build)
    has = _pythons_of(matrix, baseline, other_build)
    other_python = nearest_python(has, python)
    reasons = [f"{build} → {other_build}"] if baseline.build is None and other_build != build else []
    reasons += [f"Python {python} → {other_python}"] if other_python != python else []
    said = f"{baseline.version} lacks this, so the nearest: {', '.join(reasons)}" if reasons else None
    return Lane(
        build=build,
        python=python,
        candidate_cell=candidate.id,
        baseline_cell=Cell(torch=baseline.version, build=other_build, python=other_python).id,
        stands_in=said,
        missing=there is not None and python not in there,
    )


def _pythons_of(matrix: Matrix, baseline: Baseline, build: str) -> list[str]:
    """The Pythons that the baseline has wheels for: as its index tells, or else as matrix.toml does."""
    told = baseline.pythons.get(build)
    if told is not None:
        return [name for name in matrix.pythons if name in told]
    return [name for name, said in matrix.pythons.items() if cells.matches(baseline.version, said.releases)]


def nearest_python(there: Collection[str], wanted: str) -> str:
    """The wanted Python if it is there, or the nearest, rather an older one; if there is none, the wanted one."""

    def distance(python: str) -> tuple[bool, int, bool]:
        mine, other = cells.python_key(wanted), cells.python_key(python)
        return mine[2] != other[2], abs(mine[1] - other[1]), other > mine

    return min(there, key=distance, default=wanted)


def nearest_build(matrix: Matrix, release: str, wanted: str) -> str:
    """The wanted build if a release was published in it, or the nearest of its kind, or the default one."""
    published = [name for name, build in matrix.builds.items() if cells.matches(release, build.releases)]
    if wanted in published:
        return wanted
    kind, number = _parts(wanted)
    same = [name for name in published if _parts(name)[0] == kind and number]
    return min(same, key=lambda name: abs(_parts(name)[1] - number), default=DEFAULT_BUILD)


def _parts(build: str) -> tuple[str, int]:
    """A build's kind and number: ``cu`` and 124."""
    match = re.fullmatch(r"([a-z]+)([\d.]*)", build)
    digits = re.sub(r"\D", "", match[2]) if match else ""
    return (match[1] if match else build), int(digits or 0)
