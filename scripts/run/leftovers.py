"""Remove leftovers of killed runs: partly unpacked wheels, environments, temporary folders."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from scripts.core import paths
from scripts.run import environments, owners
from scripts.run.unpack import fast_path


def remove(cache: Path = paths.CACHE, envs: Iterable[Path] = ()) -> list[Path]:
    """Remove leftovers whose process has ended, and return their paths.

    ``envs``: the folders with environments, by default those of all suites.
    """
    unfinished = [path for folder in envs or paths.all_environments() for path in _environments(folder)]
    found = [*_partly_unpacked(cache), *_temporary(Path(tempfile.gettempdir())), *unfinished]
    for folder in found:
        environments.remove(folder)
    return found


def _partly_unpacked(cache: Path) -> Iterator[Path]:
    for folder in fast_path.temporary_folders(cache):
        if not owners.alive(folder.name[1:].partition(".")[0]):
            yield folder


def _temporary(folder: Path) -> Iterator[Path]:
    for path in folder.glob(f"{owners.TEMPORARY}*-*-*"):
        owner = path.name.removeprefix(owners.TEMPORARY).rpartition("-")[0]
        if owners.is_name(owner) and not owners.alive(owner):
            yield path


def _environments(envs: Path) -> Iterator[Path]:
    """Yield environments of ended processes, except those kept with ``--keep``."""
    for folder in envs.glob("*/"):
        owner = environments.owner(folder)
        if owner != environments.KEPT and not owners.alive(owner):
            yield folder
