"""Releases and Pythons that a library's own metadata exclude. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from email.parser import HeaderParser
from typing import Any

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from scripts.config.cell import Cell
from scripts.config.versions import matches


@dataclasses.dataclass(frozen=True, kw_only=True)
class Metadata:
    """The metadata of a library that exclude cells: its Pythons, and its requirement lines, those of extras marked."""

    requires_python: str = ""
    requires: tuple[str, ...] = ()


def static(project: Any) -> Metadata | None:
    """Return the metadata in the table ``[project]``; None if a build computes them."""
    if not isinstance(project, dict):
        return None
    dynamic = project.get("dynamic", ())
    if {"dependencies", "optional-dependencies", "requires-python"} & set(dynamic):
        return None
    extras = project.get("optional-dependencies", {})
    lines = [text for text in project.get("dependencies", ()) if isinstance(text, str)]
    lines += [_of_extra(text, name) for name, texts in extras.items() for text in texts if isinstance(text, str)]
    return Metadata(requires_python=str(project.get("requires-python", "")), requires=tuple(lines))


def _of_extra(line: str, extra: str) -> str:
    required, _, marker = line.partition(";")
    condition = f"extra == {canonicalize_name(extra)!r}"
    return f"{required.strip()} ; " + (f"({marker.strip()}) and {condition}" if marker.strip() else condition)


def of_wheel(text: str) -> Metadata:
    """Return the metadata in the text of a wheel's METADATA."""
    fields = HeaderParser().parsestr(text)
    return Metadata(
        requires_python=str(fields.get("Requires-Python", "")),
        requires=tuple(map(str, fields.get_all("Requires-Dist", ()))),
    )


def reason(name: str, metadata: Metadata, extras: Iterable[str], torch: Iterable[str], cell: Cell) -> str | None:
    """Return why a library excludes a cell, or None.

    Args:
        name: the library's name.
        metadata: its metadata.
        extras: the extras that its tests require.
        torch: requirements on torch among those of its tests.
        cell: the cell.
    """
    python = cell.python.removesuffix("t")
    # The cell's patch release is not known yet: excluded is only a Python of which neither end is admitted.
    if metadata.requires_python and not any(_admits(metadata.requires_python, f"{python}.{p}") for p in (0, 99)):
        return f"excluded by {name}'s `requires-python {metadata.requires_python}`"
    environment = {"python_version": python, "python_full_version": f"{python}.0"}
    for line in (*metadata.requires, *torch):
        required = _on_torch(line)
        if required is not None and _applies(required, environment, extras) and not _allows(required, cell.torch):
            return f"excluded by {name}'s `torch{required.specifier}`"
    return None


def _on_torch(line: str) -> Requirement | None:
    try:
        required = Requirement(line)
    except InvalidRequirement:
        return None  # the build or uv reports it
    return required if canonicalize_name(required.name) == "torch" else None


def _applies(required: Requirement, environment: Mapping[str, str], extras: Iterable[str]) -> bool:
    if required.marker is None:
        return True
    try:
        wanted = ("", *map(canonicalize_name, extras))
        return any(required.marker.evaluate({**environment, "extra": extra}) for extra in wanted)
    except (UndefinedComparison, UndefinedEnvironmentName):
        return False


def _allows(required: Requirement, release: str) -> bool:
    return not str(required.specifier) or matches(release, str(required.specifier))


def _admits(spec: str, version: str) -> bool:
    try:
        return SpecifierSet(spec).contains(version)
    except InvalidSpecifier:
        return True
