"""Cells: their ids, and how a selection expands into them. Pure."""

from __future__ import annotations

import dataclasses
import fnmatch
import functools
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from scripts.core.errors import UsageError

if TYPE_CHECKING:
    from scripts.config.matrix_toml import Matrix, Selection

_ID = re.compile(r"(?P<torch>[0-9][0-9a-z.]*)-(?P<build>[a-z][a-z0-9.]*)-py(?P<python>3\.\d+t?)")

#: The build that means "what the configured package index serves".
DEFAULT_BUILD = "default"


@functools.cache
def version(text: str) -> Version:
    """``packaging``'s version of ``text``; cached, since sorting asks for the same ones again and again."""
    return Version(text)


@functools.cache
def specifier(text: str) -> SpecifierSet:
    """``packaging``'s specifier of ``text``; cached like `version`."""
    return SpecifierSet(text)


def matches(release: str, spec: str) -> bool:
    """Whether a release lies in a PEP 440 specifier; nightlies and candidates count by their order."""
    return specifier(spec).contains(version(release), prereleases=True)


@functools.cache
def python_key(python: str) -> tuple[int, int, bool]:
    """Sort key of a Python: ``3.9`` before ``3.11`` before ``3.13`` before ``3.13t``."""
    major, minor = python.removesuffix("t").split(".")
    return int(major), int(minor), python.endswith("t")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cell:
    """One (release, build, Python) on one platform.

    ``build`` is what is asked for; what was really tested stands in the record.
    """

    torch: str
    build: str
    python: str

    @property
    def id(self) -> str:
        """The cell's name for people and for nox: ``2.5.1-cpu-py3.11``."""
        return f"{self.torch}-{self.build}-py{self.python}"

    @property
    def slug(self) -> str:
        """The id as nox makes it into a folder's name; must be unique as well."""
        return re.sub(r"[^a-z0-9]+", "-", self.id)

    @property
    def sort_key(self) -> tuple[Version, tuple[int, int, bool], str]:
        """Releases in order, then Pythons, then builds."""
        return version(self.torch), python_key(self.python), self.build

    @classmethod
    def parse(cls, text: str) -> Cell:
        """The cell of an id. Raises `UsageError` when ``text`` isn't one."""
        match = _ID.fullmatch(text)
        if match is None:
            raise UsageError(f"{text!r} is not a cell id; one looks like 2.5.1-cpu-py3.11")
        return cls(**match.groupdict())

    def __str__(self) -> str:
        return self.id


def latest_patches(releases: Iterable[str]) -> list[str]:
    """The newest patch release of each minor, in order."""
    newest: dict[tuple[int, int], str] = {}
    for release in sorted(releases, key=version):
        newest[version(release).major, version(release).minor] = release
    return list(newest.values())


def selected_releases(matrix: Matrix, selection: Selection) -> list[str]:
    """The releases of a selection, in order."""
    match selection.releases:
        case "all":
            return list(matrix.releases)
        case "latest-patch":
            return latest_patches(matrix.releases)
        case str(spec):
            return [r for r in matrix.releases if matches(r, spec)]
        case names:
            return sorted(names, key=version)


def selected_builds(matrix: Matrix, selection: Selection, release: str) -> list[str]:
    """The builds of a selection that were published for ``release``; patterns such as ``cu*`` are expanded."""
    return [
        name
        for pattern in selection.builds
        for name, build in matrix.builds.items()
        if fnmatch.fnmatchcase(name, pattern) and matches(release, build.releases)
    ]


def python_for(pythons: dict[str, str], release: str) -> str | None:
    """The Python that a table ``{python: specifier}`` gives to a release; the first that fits wins."""
    return next((python for python, spec in pythons.items() if matches(release, spec)), None)


def exists(matrix: Matrix, cell: Cell) -> bool:
    """Whether ``matrix.toml`` says that upstream published this cell's wheel at all."""
    build, python = matrix.builds.get(cell.build), matrix.pythons.get(cell.python)
    return bool(build and python and matches(cell.torch, build.releases) and matches(cell.torch, python.releases))


def expand(matrix: Matrix, selection: Selection) -> list[Cell]:
    """The cells of a selection, in order and each once."""
    cells: list[Cell] = []
    for release in selected_releases(matrix, selection):
        if selection.every_python:
            pythons = list(matrix.pythons)
        else:
            chosen = python_for(selection.pythons or matrix.selections["matrix"].pythons, release)
            pythons = [chosen] if chosen else []
        cells += [
            Cell(torch=release, build=build, python=python)
            for python in pythons
            for build in selected_builds(matrix, selection, release)
        ]
    cells = [cell for cell in cells if exists(matrix, cell)]
    cells += [Cell.parse(text) for text in selection.cells]
    return sorted(dict.fromkeys(cells), key=lambda cell: cell.sort_key)


def known(matrix: Matrix) -> dict[Cell, list[str]]:
    """Every cell of any selection, in order, with the names of the selections that hold it."""
    tags: dict[Cell, list[str]] = {}
    for name, selection in matrix.selections.items():
        for cell in expand(matrix, selection):
            tags.setdefault(cell, []).append(name)
    return dict(sorted(tags.items(), key=lambda item: item[0].sort_key))


def filtered(
    cells: Iterable[Cell], *, torch: str | None = None, build: str | None = None, python: str | None = None
) -> list[Cell]:
    """The cells within the common selecting options: a specifier, a build pattern, a Python."""
    return [
        cell
        for cell in cells
        if (torch is None or matches(cell.torch, torch))
        and (build is None or fnmatch.fnmatchcase(cell.build, build))
        and (python is None or cell.python == python)
    ]
