"""The candidates of a bisection: versions as the index has them, each with the Python that can run it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence

from scripts.bisect.state import Candidate, Question
from scripts.config import cells
from scripts.config.cells import Cell
from scripts.config.matrix_toml import Matrix
from scripts.core.errors import UsageError
from scripts.index import channels, listings, sources, wheel_files
from scripts.index.http import Web
from scripts.index.wheel_files import WheelFile


@dataclasses.dataclass(frozen=True, kw_only=True)
class Offer:
    """A version that can be asked for, the build that serves it, and the Pythons it has wheels for."""

    torch: str
    build: str
    pythons: frozenset[str] | None  # None: not known, or any


def offers(web: Web, matrix: Matrix, question: Question) -> list[Offer]:
    """Every version that the indexes of a question have, in order.

    Raises:
        WebError: an index cannot be read.
        UsageError: the build has no channels.
    """
    if question.nightly:
        return _of_channel(web, matrix, question, channels.NIGHTLY)
    found = wheel_files.stable(_stable(web, matrix, question.build))
    stable = _offered(found, question, question.build)
    if not question.pre:
        return stable
    known = {offer.torch for offer in stable}
    # A candidate is named like the final version: once that is out, it is what the name means.
    pre = [offer for offer in _of_channel(web, matrix, question, channels.TEST) if offer.torch not in known]
    return sorted([*stable, *pre], key=lambda offer: cells.version(offer.torch))


def _stable(web: Web, matrix: Matrix, build: str) -> list[WheelFile]:
    """The wheels of the index that serves a build here, which can be its fallback's."""
    try:
        source = sources.choose(build, matrix.builds)
    except sources.NoSourceError as error:
        raise UsageError(f"--build: {error}") from error
    return wheel_files.of_build(listings.wheels(web, source.index or listings.default_index()), source.build)


def _of_channel(web: Web, matrix: Matrix, question: Question, channel: str) -> list[Offer]:
    name = channels.build_name(channel, question.build)
    if name not in matrix.builds:
        raise UsageError(f"--build: {question.build} has no index of its own, so no {channel} channel; take cpu")
    index = matrix.builds[name].index or ""
    return _offered(wheel_files.of_build(listings.wheels(web, index), question.build), question, name)


def _offered(wheels: Iterable[WheelFile], question: Question, build: str) -> list[Offer]:
    pythons: dict[str, set[str] | None] = {}
    for wheel in wheels:
        if wheel.fits(question.platform):
            known = pythons.setdefault(wheel.release, set())
            if not wheel.pythons:
                pythons[wheel.release] = None
            elif known is not None:
                known |= wheel.pythons
    return [
        Offer(torch=torch, build=build, pythons=None if found is None else frozenset(found))
        for torch, found in sorted(pythons.items(), key=lambda item: cells.version(item[0]))
    ]


def known_offers(matrix: Matrix, question: Question) -> list[Offer]:
    """The releases of ``matrix.toml`` with the Pythons it names for them: needs no index."""
    return [
        Offer(
            torch=release,
            build=question.build,
            pythons=frozenset(p for p, said in matrix.pythons.items() if cells.matches(release, said.releases)),
        )
        for release in matrix.releases
    ]


def between(matrix: Matrix, offered: Sequence[Offer], question: Question) -> tuple[Candidate, ...]:
    """The candidates from good to bad, both included; backwards where good is the newer.

    Raises:
        UsageError: an end is not offered, or both are the same.
    """
    versions = [offer.torch for offer in offered]
    good = channels.position(versions, "--good", question.good)
    bad = channels.position(versions, "--bad", question.bad)
    if good == bad:
        raise UsageError(f"--good and --bad are both {versions[good]}; there is nothing between them")
    chosen = offered[min(good, bad) : max(good, bad) + 1]
    candidates = [_candidate(matrix, offer, question.python) for offer in chosen]
    return tuple(candidates if good < bad else reversed(candidates))


def _candidate(matrix: Matrix, offer: Offer, python: str | None) -> Candidate:
    """The cell of an offer: on the Python that was asked for, or on the one that the default selection gives it."""
    wanted = python or cells.python_for(matrix.selections["matrix"].pythons, offer.torch)
    if offer.pythons is None or wanted in offer.pythons:
        return Candidate(torch=offer.torch, build=offer.build, python=wanted or _newest(matrix.pythons))
    usable = [name for name in matrix.pythons if name in offer.pythons]
    if python is None and usable:
        return Candidate(torch=offer.torch, build=offer.build, python=_newest(usable))
    what = f"Python {python}" if python else "any Python of matrix.toml"
    problem = f"no wheel of {offer.torch} for {what}"
    return Candidate(torch=offer.torch, build=offer.build, python=wanted or _newest(matrix.pythons), problem=problem)


def _newest(pythons: Iterable[str] | Mapping[str, object]) -> str:
    """The newest Python that isn't free-threaded, if there is one."""
    return max(pythons, key=lambda python: (not python.endswith("t"), cells.python_key(python)))


def where_recorded(matrix: Matrix, candidate: Candidate, recorded: Callable[[Cell], object]) -> Candidate:
    """The candidate on a Python on which it is recorded, if it isn't on its own: that costs nothing."""
    if recorded(candidate.cell):
        return candidate
    others = (candidate.model_copy(update={"python": python, "problem": None}) for python in matrix.pythons)
    return next((other for other in others if recorded(other.cell)), candidate)


def only_recorded(candidate: Candidate, recorded: Callable[[Cell], object]) -> Candidate:
    """The candidate, which can't be had if it isn't recorded."""
    if candidate.problem or recorded(candidate.cell):
        return candidate
    return candidate.model_copy(update={"problem": "no record"})
