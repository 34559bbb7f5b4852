"""Pairing: every build and Python of the candidate with the corresponding cell of the baseline. Pure."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Iterable, Mapping

from scripts.config import cells, versions
from scripts.config.cell import DEFAULT_BUILD, Cell
from scripts.config.model import Matrix, Selection
from scripts.core.errors import UsageError
from scripts.qualify.candidates import AvailableVersion
from scripts.qualify.model import CellPair


@dataclasses.dataclass(frozen=True, kw_only=True)
class Baseline:
    """The version to compare the candidate with.

    Attributes:
        version: its version.
        build: the build of all its cells; None for the build of the candidate's cell.
        pythons: by build, the Pythons with a wheel; None if any has, or where that is unknown.
    """

    version: str
    build: str | None = None
    pythons: Mapping[str, frozenset[str] | None] = dataclasses.field(default_factory=dict)


def previous(known: Iterable[str], version: str) -> str:
    """Return the newest stable release before a version. Raises `UsageError` if there is none."""
    stable = [release for release in set(known) if not versions.version(release).is_prerelease]
    earlier = [release for release in stable if versions.version(release) < versions.version(version)]
    if not earlier:
        raise UsageError(f"--baseline: there is no release before {version}; name one")
    return max(earlier, key=versions.version)


def pairs(
    matrix: Matrix, candidate: AvailableVersion, baseline: Baseline, *, python: str | None, selection: Selection | None
) -> list[CellPair]:
    """Return a pair for each build and Python the candidate has or should have, and one more for each alternative pin.

    Raises:
        UsageError: candidate and baseline are the same cell, or no cell is left.
    """
    usual = [
        _pair(matrix, candidate, baseline, build, name)
        for build in candidate.builds
        for name in _pythons(matrix, candidate, build, python=python, selection=selection)
    ]
    if not usual:
        raise UsageError("these options leave no build and Python of the candidate")
    for pair in usual:
        if pair.candidate_cell == pair.baseline_cell:
            raise UsageError(f"--baseline: candidate and baseline are both {pair.candidate_cell}")
    return [
        pair.model_copy(update={"pins": pins})
        for pins in ((), *((requirement,) for requirement in matrix.qualify.with_))
        for pair in usual
        if not (pins and pair.missing)
    ]


def _pythons(
    matrix: Matrix, candidate: AvailableVersion, build: str, *, python: str | None, selection: Selection | None
) -> list[str]:
    """Return the Pythons to run a build of the candidate on, within the options."""
    if python is not None:
        return [python]
    promised = [name for name, table in matrix.pythons.items() if versions.matches(candidate.version, table.releases)]
    available = candidate.pythons[build] or frozenset()
    wanted = [name for name in matrix.pythons if name in promised or name in available]
    if selection is not None and not selection.every_python:
        chosen = cells.python_for(selection.pythons or matrix.selections["matrix"].pythons, candidate.version)
        wanted = [name for name in wanted if name == chosen]
    return wanted


def _pair(matrix: Matrix, candidate: AvailableVersion, baseline: Baseline, build: str, python: str) -> CellPair:
    available = candidate.pythons[build]
    baseline_build = baseline.build or nearest_build(matrix, baseline.version, build)
    baseline_python = nearest_python(_pythons_of(matrix, baseline, baseline_build), python)
    substitutes = [f"{build} → {baseline_build}"] if baseline.build is None and baseline_build != build else []
    substitutes += [f"Python {python} → {baseline_python}"] if baseline_python != python else []
    return CellPair(
        build=build,
        python=python,
        candidate_cell=Cell(torch=candidate.version, build=candidate.builds[build], python=python).id,
        baseline_cell=Cell(torch=baseline.version, build=baseline_build, python=baseline_python).id,
        stands_in=f"{baseline.version} lacks this cell; using the nearest: {', '.join(substitutes)}"
        if substitutes
        else None,
        missing=available is not None and python not in available,
    )


def _pythons_of(matrix: Matrix, baseline: Baseline, build: str) -> list[str]:
    """Return the Pythons the baseline has wheels for, according to its index, or else to matrix.toml."""
    available = baseline.pythons.get(build)
    if available is not None:
        return [name for name in matrix.pythons if name in available]
    return [name for name, table in matrix.pythons.items() if versions.matches(baseline.version, table.releases)]


def nearest_python(available: Collection[str], wanted: str) -> str:
    """Return the available Python nearest to the wanted one, preferring older; the wanted one if none is available."""

    def distance(python: str) -> tuple[bool, int, bool]:
        _, wanted_minor, wanted_free_threaded = versions.python_key(wanted)
        _, minor, free_threaded = versions.python_key(python)
        return wanted_free_threaded != free_threaded, abs(wanted_minor - minor), minor > wanted_minor

    return min(available, key=distance, default=wanted)


def nearest_build(matrix: Matrix, release: str, wanted: str) -> str:
    """Return the wanted build if a release was published in it, else the nearest of its kind, else the default."""
    published = [name for name, build in matrix.builds.items() if versions.matches(release, build.releases)]
    if wanted in published:
        return wanted
    kind, number = _kind_and_number(wanted)
    same_kind = [name for name in published if _kind_and_number(name)[0] == kind and number]
    return min(same_kind, key=lambda name: abs(_kind_and_number(name)[1] - number), default=DEFAULT_BUILD)


def _kind_and_number(build: str) -> tuple[str, int]:
    """Split a build into its kind and number: ``cu124`` into ``cu`` and 124."""
    match = re.fullmatch(r"([a-z]+)([\d.]*)", build)
    digits = re.sub(r"\D", "", match[2]) if match else ""
    return (match[1] if match else build), int(digits or 0)
