"""What no single table of ``matrix.toml`` can see: dangling names, empty ranges, cells that collide. Pure."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator

from scripts.config import cells
from scripts.config.cell import DEFAULT_BUILD, Cell
from scripts.config.model import Matrix, Selection
from scripts.config.versions import matches, version
from scripts.core.errors import UsageError, did_you_mean

#: A problem: the key's path, and what is wrong there.
Problem = tuple[str, str]


def problems(matrix: Matrix) -> Iterator[Problem]:
    """Every inconsistency, each with the path of the key that has to change."""
    yield from _bad_releases(matrix)
    yield from _bad_builds(matrix)
    for python, entry in matrix.pythons.items():
        if not any(matches(r, entry.releases) for r in matrix.releases):
            yield f"pythons.{python}.releases", f"{entry.releases!r} holds none of the releases"
    for number, pin in enumerate(matrix.pins):
        if not any(matches(r, pin.releases) for r in matrix.releases):
            yield f"pins.{number}.releases", f"{pin.releases!r} holds none of the releases"
    yield from _bad_qualify(matrix)
    yield from _bad_runners(matrix)
    if "matrix" not in matrix.selections:
        yield "selections.matrix", "this selection is required: `nox -s matrix` runs it"
    sound = True
    for name, selection in matrix.selections.items():
        for problem in _bad_selection(matrix, name, selection):
            sound = False
            yield problem
    if sound and "matrix" in matrix.selections:
        yield from _colliding(matrix)


def _bad_builds(matrix: Matrix) -> Iterator[Problem]:
    for name, build in matrix.builds.items():
        if not any(matches(r, build.releases) for r in matrix.releases):
            yield f"builds.{name}.releases", f"{build.releases!r} holds none of the releases"
        if build.fallback is not None and build.fallback not in matrix.builds:
            yield (
                f"builds.{name}.fallback",
                f"unknown build {build.fallback!r}{did_you_mean(build.fallback, list(matrix.builds))}",
            )
        if build.fallback == name:
            yield f"builds.{name}.fallback", "a build can't be its own fallback"
        elif name in (behind := _fallbacks(matrix, name)):
            yield f"builds.{name}.fallback", f"leads back to itself: {' → '.join([name, *behind])}"
        if build.index is None and name != DEFAULT_BUILD:
            yield f"builds.{name}.index", f"only the build {DEFAULT_BUILD!r} goes without an index of its own"


def _fallbacks(matrix: Matrix, name: str) -> list[str]:
    """The builds that stand behind one, in their order, up to the first that comes again."""
    found: list[str] = []
    build = matrix.builds[name]
    while build.fallback in matrix.builds and build.fallback not in found:
        found.append(build.fallback)
        build = matrix.builds[build.fallback]
    return found


def _bad_qualify(matrix: Matrix) -> Iterator[Problem]:
    policy = matrix.qualify
    for name in sorted(set(policy.block) & set(policy.warn)):
        yield "qualify.warn", f"{name!r} is in block too; it can be in one of them"
    for number, text in enumerate(policy.with_):
        if text in policy.with_[:number]:
            yield f"qualify.with.{number}", f"{text!r} is there twice"
    for number, expected in enumerate(policy.expected):
        if not (expected.from_ or expected.to):
            yield f"qualify.expected.{number}", "says neither 'from' nor 'to', so that it would excuse any change"


def _bad_runners(matrix: Matrix) -> Iterator[Problem]:
    taken: dict[tuple[str, bool], str] = {}
    for name, runner in matrix.runners.items():
        where = f"runners.{name}"
        if runner.platform is None and not re.fullmatch(r"[a-z]+-[a-z0-9_]+", name):
            yield (
                f"{where}.platform",
                f"{name!r} is no platform such as 'linux-x86_64'; this key is required",
            )
        other = taken.setdefault((runner.platform or name, runner.gpu), name)
        if other != name:
            yield where, f"the same platform as runners.{other}; only one of them can get the cells"
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
        yield "releases", f"must be in order: {after} stands before {before}"


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
        yield f"{where}.releases", f"{selection.releases!r} holds none of the releases"
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
    """Selections that hold nothing, extra cells that are there anyway, and ids alike as folder names."""
    for name, selection in matrix.selections.items():
        if not cells.expand(matrix, selection):
            yield f"selections.{name}", "holds no cell: no release has both the builds and the Pythons"
        without_extra = {c.id for c in cells.expand(matrix, selection.model_copy(update={"cells": ()}))}
        for number, text in enumerate(selection.cells):
            if text in without_extra:
                yield f"selections.{name}.cells.{number}", f"duplicate cell {text!r}: the selection holds it already"
    by_slug: dict[str, str] = {}
    for cell in cells.known(matrix):
        other = by_slug.setdefault(cell.slug, cell.id)
        if other != cell.id:
            yield "selections", f"cells {other!r} and {cell.id!r} collide: both are {cell.slug!r} as a folder"
