"""Expand selections into cells. Pure."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable

from scripts.config.cell import Cell
from scripts.config.model import Matrix, Selection
from scripts.config.versions import matches, version


def latest_patches(releases: Iterable[str]) -> list[str]:
    """Return the newest patch release of each minor, in order."""
    newest: dict[tuple[int, int], str] = {}
    for release in sorted(releases, key=version):
        newest[version(release).major, version(release).minor] = release
    return list(newest.values())


def selected_releases(matrix: Matrix, selection: Selection) -> list[str]:
    """Return the releases of a selection, in order."""
    match selection.releases:
        case "all":
            return list(matrix.releases)
        case "latest-patch":
            return latest_patches(matrix.releases)
        case str(spec):
            return [release for release in matrix.releases if matches(release, spec)]
        case names:
            return sorted(names, key=version)


def selected_builds(matrix: Matrix, selection: Selection, release: str) -> list[str]:
    """Return the builds of a selection that were published for ``release``; patterns such as ``cu*`` are expanded."""
    return [
        name
        for pattern in selection.builds
        for name, build in matrix.builds.items()
        if fnmatch.fnmatchcase(name, pattern) and matches(release, build.releases)
    ]


def python_for(pythons: dict[str, str], release: str) -> str | None:
    """Return the first Python of a table ``{python: specifier}`` whose specifier contains ``release``, if any."""
    return next((python for python, spec in pythons.items() if matches(release, spec)), None)


def exists(matrix: Matrix, cell: Cell) -> bool:
    """Return whether upstream published this cell's wheel, according to ``matrix.toml``."""
    build, python = matrix.builds.get(cell.build), matrix.pythons.get(cell.python)
    return bool(build and python and matches(cell.torch, build.releases) and matches(cell.torch, python.releases))


def expand(matrix: Matrix, selection: Selection) -> list[Cell]:
    """Return the cells of a selection, in order and without duplicates."""
    cells: list[Cell] = []
    for release in selected_releases(matrix, selection):
        if selection.every_python:
            pythons = list(matrix.pythons)
        else:
            python = python_for(selection.pythons or matrix.selections["matrix"].pythons, release)
            pythons = [python] if python else []
        cells += [
            Cell(torch=release, build=build, python=python)
            for python in pythons
            for build in selected_builds(matrix, selection, release)
        ]
    cells = [cell for cell in cells if exists(matrix, cell)]
    cells += [Cell.parse(text) for text in selection.cells]
    return sorted(dict.fromkeys(cells), key=lambda cell: cell.sort_key)


def known(matrix: Matrix) -> dict[Cell, list[str]]:
    """Return the cells of all selections, in order, each with the names of the selections that contain it."""
    tags: dict[Cell, list[str]] = {}
    for name, selection in matrix.selections.items():
        for cell in expand(matrix, selection):
            tags.setdefault(cell, []).append(name)
    return dict(sorted(tags.items(), key=lambda item: item[0].sort_key))


def filtered(
    cells: Iterable[Cell], *, torch: str | None = None, build: str | None = None, python: str | None = None
) -> list[Cell]:
    """Return the cells that match the common options: a specifier, a build pattern, a Python."""
    return [
        cell
        for cell in cells
        if (torch is None or matches(cell.torch, torch))
        and (build is None or fnmatch.fnmatchcase(cell.build, build))
        and (python is None or cell.python == python)
    ]
