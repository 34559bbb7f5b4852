"""Whether everything that was locked is installed."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from scripts.run.failures import CellError
from scripts.run.locks import LockedWheel


def check(packages: Path, wheels: Iterable[LockedWheel]) -> None:
    """Raise `CellError` where a locked package is not among the installed ones, or in another version.

    Args:
        packages: the environment's site-packages.
        wheels: what was to be installed.
    """
    found = dict(_installed(packages))
    wrong = []
    for wheel in wheels:
        version = found.get(canonicalize_name(wheel.name))
        if version is None:
            wrong.append(f"{wheel.name} {wheel.version} is missing")
        elif _public(version) != _public(wheel.version):
            wrong.append(f"{wheel.name} is {version}, not {wheel.version}")
    if wrong:
        raise CellError("install", "not installed", "; ".join(wrong))


def _installed(packages: Path) -> Iterable[tuple[str, str]]:
    """Yield names and versions, from the metadata of what is installed."""
    for distribution in importlib.metadata.distributions(path=[str(packages)]):
        metadata = distribution.metadata
        if "Name" in metadata and "Version" in metadata:
            yield canonicalize_name(metadata["Name"]), metadata["Version"]


def _public(version: str) -> Version | str:
    """Return a version without its local label, which the metadata of the default index's torch lack."""
    try:
        return Version(Version(version).public)
    except InvalidVersion:
        return version
