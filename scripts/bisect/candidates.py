"""The candidates of a bisection: versions from the indexes, each with a Python that can run it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence

from scripts.bisect.model import Candidate, Question
from scripts.config import cells, versions
from scripts.config.cell import Cell
from scripts.config.model import Matrix
from scripts.core.errors import UsageError
from scripts.index import channels, listings, sources, wheel_files
from scripts.index.http import Web
from scripts.index.wheel_files import WheelFile


@dataclasses.dataclass(frozen=True, kw_only=True)
class TorchVersion:
    """A version of torch, the build that serves it, and the Pythons it has wheels for."""

    torch: str
    build: str
    pythons: frozenset[str] | None  # None: unknown, or any


def listed_versions(web: Web, matrix: Matrix, question: Question) -> list[TorchVersion]:
    """Return every version on the indexes that a question covers, in order.

    Raises:
        WebError: an index cannot be read.
        UsageError: the build has no channels.
    """
    if question.nightly:
        return _channel_versions(web, matrix, question, channels.NIGHTLY)
    stable = _versions(wheel_files.stable(_stable_wheels(web, matrix, question.build)), question, question.build)
    if not question.pre:
        return stable
    released = {version.torch for version in stable}
    # A release candidate has the name of the final version; once that is released, the name means the final one.
    pre = [v for v in _channel_versions(web, matrix, question, channels.TEST) if v.torch not in released]
    return sorted([*stable, *pre], key=lambda version: versions.version(version.torch))


def configured_versions(matrix: Matrix, question: Question) -> list[TorchVersion]:
    """Return the releases and their Pythons from ``matrix.toml``, without reading an index."""
    return [
        TorchVersion(
            torch=release,
            build=question.build,
            pythons=frozenset(p for p, python in matrix.pythons.items() if versions.matches(release, python.releases)),
        )
        for release in matrix.releases
    ]


def _stable_wheels(web: Web, matrix: Matrix, build: str) -> list[WheelFile]:
    """Return the wheels of the index that serves a build; that of its fallback if its own is unreachable."""
    try:
        source = sources.choose(build, matrix.builds)
    except sources.NoSourceError as error:
        raise UsageError(f"--build: {error}") from error
    return wheel_files.of_build(listings.wheels(web, source.index or listings.default_index()), source.build)


def _channel_versions(web: Web, matrix: Matrix, question: Question, channel: str) -> list[TorchVersion]:
    name = channels.build_name(channel, question.build)
    if name not in matrix.builds:
        raise UsageError(f"--build: {question.build} has no index of its own, so no {channel} channel; take cpu")
    index = matrix.builds[name].index or ""
    return _versions(wheel_files.of_build(listings.wheels(web, index), question.build), question, name)


def _versions(wheels: Iterable[WheelFile], question: Question, build: str) -> list[TorchVersion]:
    pythons: dict[str, set[str] | None] = {}
    for wheel in wheels:
        if wheel.fits(question.platform):
            known = pythons.setdefault(wheel.release, set())
            if not wheel.pythons:
                pythons[wheel.release] = None
            elif known is not None:
                known |= wheel.pythons
    return [
        TorchVersion(torch=torch, build=build, pythons=None if known is None else frozenset(known))
        for torch, known in sorted(pythons.items(), key=lambda item: versions.version(item[0]))
    ]


def between_ends(matrix: Matrix, versions: Sequence[TorchVersion], question: Question) -> tuple[Candidate, ...]:
    """Return the candidates from good to bad, both included; in descending order if good is the newer one.

    Raises:
        UsageError: an end is not among the versions, or both ends are the same.
    """
    names = [version.torch for version in versions]
    good = channels.position(names, "--good", question.good)
    bad = channels.position(names, "--bad", question.bad)
    if good == bad:
        raise UsageError(f"--good and --bad are both {names[good]}; there is nothing between them")
    chosen = versions[min(good, bad) : max(good, bad) + 1]
    candidates = [_candidate(matrix, version, question.python) for version in chosen]
    return tuple(candidates if good < bad else reversed(candidates))


def _candidate(matrix: Matrix, version: TorchVersion, python: str | None) -> Candidate:
    """Return the cell of a version, on the requested Python, else on that of the default selection."""
    wanted = python or cells.python_for(matrix.selections["matrix"].pythons, version.torch)
    candidate = Candidate(torch=version.torch, build=version.build, python=wanted or _newest(matrix.pythons))
    if version.pythons is None or wanted in version.pythons:
        return candidate
    usable = [name for name in matrix.pythons if name in version.pythons]
    if python is None and usable:
        return candidate.model_copy(update={"python": _newest(usable)})
    required = f"Python {python}" if python else "any Python of matrix.toml"
    return candidate.model_copy(update={"problem": f"no wheel of {version.torch} for {required}"})


def _newest(pythons: Iterable[str] | Mapping[str, object]) -> str:
    """Return the newest Python, if possible one that is not free-threaded."""
    return max(pythons, key=lambda python: (not python.endswith("t"), versions.python_key(python)))


def prefer_recorded(matrix: Matrix, candidate: Candidate, find_record: Callable[[Cell], object]) -> Candidate:
    """Return the candidate on another Python if it has a record only there, which saves a run."""
    if find_record(candidate.cell):
        return candidate
    alternatives = (candidate.model_copy(update={"python": python, "problem": None}) for python in matrix.pythons)
    return next((each for each in alternatives if find_record(each.cell)), candidate)


def require_record(candidate: Candidate, find_record: Callable[[Cell], object]) -> Candidate:
    """Return the candidate, marked as unavailable if it has no record."""
    if candidate.problem or find_record(candidate.cell):
        return candidate
    return candidate.model_copy(update={"problem": "no record"})
