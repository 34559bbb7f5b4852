"""Checks across the tables of ``matrix.toml``: unknown names, empty ranges, colliding cells. Pure."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator

from scripts.config import cells
from scripts.config.cell import DEFAULT_BUILD, Cell
from scripts.config.model import Matrix, Selection
from scripts.config.suite import name_problem
from scripts.config.versions import matches, version
from scripts.core.errors import UsageError, did_you_mean

#: The path of a key, and its problem.
Problem = tuple[str, str]


def problems(matrix: Matrix) -> Iterator[Problem]:
    """Yield every inconsistency with the path of the key to change."""
    yield from _bad_suites(matrix)
    yield from _bad_releases(matrix)
    yield from _bad_builds(matrix)
    for python, entry in matrix.pythons.items():
        if not any(matches(r, entry.releases) for r in matrix.releases):
            yield f"pythons.{python}.releases", f"{entry.releases!r} matches no release"
    for number, pin in enumerate(matrix.pins):
        if not any(matches(r, pin.releases) for r in matrix.releases):
            yield f"pins.{number}.releases", f"{pin.releases!r} matches no release"
    yield from _bad_qualify(matrix)
    yield from _bad_runners(matrix)
    if "matrix" not in matrix.selections:
        yield "selections.matrix", "this selection is required: `nox -s matrix` runs it"
    valid = True
    for name, selection in matrix.selections.items():
        for problem in _bad_selection(matrix, name, selection):
            valid = False
            yield problem
    if valid and "matrix" in matrix.selections:
        yield from _colliding(matrix)


def _bad_suites(matrix: Matrix) -> Iterator[Problem]:
    for name in matrix.suites:
        if problem := name_problem(name):
            yield f"suites.{name}", problem


def _bad_builds(matrix: Matrix) -> Iterator[Problem]:
    for name, build in matrix.builds.items():
        if not any(matches(r, build.releases) for r in matrix.releases):
            yield f"builds.{name}.releases", f"{build.releases!r} matches no release"
        if build.fallback is not None and build.fallback not in matrix.builds:
            yield (
                f"builds.{name}.fallback",
                f"unknown build {build.fallback!r}{did_you_mean(build.fallback, list(matrix.builds))}",
            )
        if build.fallback == name:
            yield f"builds.{name}.fallback", "a build can't be its own fallback"
        elif name in (chain := _fallbacks(matrix, name)):
            yield f"builds.{name}.fallback", f"circular: {' → '.join([name, *chain])}"
        if build.index is None and name != DEFAULT_BUILD:
            yield f"builds.{name}.index", f"only the build {DEFAULT_BUILD!r} may have no index"


def _fallbacks(matrix: Matrix, name: str) -> list[str]:
    """Return the chain of fallbacks of a build, up to the first repetition."""
    chain: list[str] = []
    build = matrix.builds[name]
    while build.fallback in matrix.builds and build.fallback not in chain:
        chain.append(build.fallback)
        build = matrix.builds[build.fallback]
    return chain


def _bad_qualify(matrix: Matrix) -> Iterator[Problem]:
    policy = matrix.qualify
    for name in sorted(set(policy.block) & set(policy.warn)):
        yield "qualify.warn", f"{name!r} is in both block and warn; remove one"
    for number, text in enumerate(policy.with_):
        if text in policy.with_[:number]:
            yield f"qualify.with.{number}", f"duplicate {text!r}"
    for number, expected in enumerate(policy.expected):
        if not (expected.from_ or expected.to):
            yield f"qualify.expected.{number}", "neither 'from' nor 'to' is given, which would allow any change"


def _bad_runners(matrix: Matrix) -> Iterator[Problem]:
    taken: dict[tuple[str, bool], str] = {}
    for name, runner in matrix.runners.items():
        where = f"runners.{name}"
        if runner.platform is None and not re.fullmatch(r"[a-z]+-[a-z0-9_]+", name):
            yield (
                f"{where}.platform",
                f"{name!r} is not a platform such as 'linux-x86_64', so this key is required",
            )
        first = taken.setdefault((runner.platform or name, runner.gpu), name)
        if first != name:
            yield where, f"the same platform as runners.{first}; remove one of them"
        for pattern in runner.builds:
            if not any(fnmatch.fnmatchcase(build, pattern) for build in matrix.builds):
                yield f"{where}.builds", f"unknown build {pattern!r}{did_you_mean(pattern, list(matrix.builds))}"
        for python in runner.pythons:
            if python not in matrix.pythons:
                yield f"{where}.pythons", f"unknown Python {python!r}{did_you_mean(python, list(matrix.pythons))}"


def _bad_releases(matrix: Matrix) -> Iterator[Problem]:
    in_order = sorted(set(matrix.releases), key=version)
    if len(in_order) < len(matrix.releases):
        twice = sorted({r for r in matrix.releases if matrix.releases.count(r) > 1}, key=version)
        yield "releases", f"listed twice: {', '.join(twice)}"
    elif in_order != list(matrix.releases):
        after, before = next((b, a) for a, b in zip(in_order, matrix.releases, strict=True) if a != b)
        yield "releases", f"must be in order: {after} is before {before}"


def _bad_selection(matrix: Matrix, name: str, selection: Selection) -> Iterator[Problem]:
    where = f"selections.{name}"
    for pattern in selection.builds:
        if not any(fnmatch.fnmatchcase(build, pattern) for build in matrix.builds):
            yield f"{where}.builds", f"unknown build {pattern!r}{did_you_mean(pattern, list(matrix.builds))}"
    for python in selection.pythons:
        if python not in matrix.pythons:
            yield f"{where}.pythons", f"unknown Python {python!r}{did_you_mean(python, list(matrix.pythons))}"
    if isinstance(selection.releases, tuple):
        for release in selection.releases:
            if release not in matrix.releases:
                yield f"{where}.releases", f"unknown release {release!r}{did_you_mean(release, list(matrix.releases))}"
    elif not cells.selected_releases(matrix, selection):
        yield f"{where}.releases", f"{selection.releases!r} matches no release"
    yield from _bad_extra_cells(matrix, where, selection)


def _bad_extra_cells(matrix: Matrix, where: str, selection: Selection) -> Iterator[Problem]:
    for number, text in enumerate(selection.cells):
        try:
            cell = Cell.parse(text)
        except UsageError as error:
            yield f"{where}.cells.{number}", str(error)
            continue
        if text in selection.cells[:number]:
            yield f"{where}.cells.{number}", f"duplicate cell {text!r}"
        for kind, value, known in (
            ("release", cell.torch, list(matrix.releases)),
            ("build", cell.build, list(matrix.builds)),
            ("Python", cell.python, list(matrix.pythons)),
        ):
            if value not in known:
                yield f"{where}.cells.{number}", f"{text!r}: unknown {kind} {value!r}{did_you_mean(value, known)}"


def _colliding(matrix: Matrix) -> Iterator[Problem]:
    """Yield empty selections, redundant extra cells, and ids whose folder names are equal."""
    for name, selection in matrix.selections.items():
        if not cells.expand(matrix, selection):
            yield f"selections.{name}", "empty: no release has both the builds and the Pythons"
        without_extra = {c.id for c in cells.expand(matrix, selection.model_copy(update={"cells": ()}))}
        for number, text in enumerate(selection.cells):
            if text in without_extra:
                yield f"selections.{name}.cells.{number}", f"duplicate cell {text!r}: the selection contains it already"
    by_slug: dict[str, str] = {}
    for cell in cells.known(matrix):
        first = by_slug.setdefault(cell.slug, cell.id)
        if first != cell.id:
            yield "selections", f"cells {first!r} and {cell.id!r} collide: both have the folder name {cell.slug!r}"
