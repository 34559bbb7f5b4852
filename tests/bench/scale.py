"""Measure the project's own cost: many cells with tiny synthetic wheels from an index on this machine."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.core import paths
from scripts.core.errors import MatrixError
from tests.bench.measure import Measured, measure
from tests.bench.result import Scale
from tests.support.index import LocalIndex
from tests.support.matrices import SUITE, matrix_text
from tests.support.project import Project
from tests.support.torches import build_torch
from tests.support.wheels import installed

#: Limit in seconds for a run; the largest takes minutes.
_LIMIT = 3600.0


def releases(count: int) -> list[str]:
    """Return names of ``count`` releases, which differ in nothing else."""
    return [f"2.{number // 10}.{number % 10}" for number in range(count)]


def scale(count: int, folder: Path) -> Scale:
    """Run a number of cells, then run them again with nothing to do.

    Raises:
        MatrixError: a cell was not recorded.
    """
    pytest = installed("pytest")
    names = releases(count)
    folder.mkdir(parents=True, exist_ok=True)
    with LocalIndex() as index:
        index.add(*pytest)
        index.add(*(build_torch(name) for name in names), channel="cpu")
        project = Project(folder, matrix_text(index, names), index)
        first, idle = (_run(project.root, project.env, folder) for _ in range(2))
    if len(project.records()) != count or not first.finished.ok:
        output = first.finished.output.strip().splitlines()[-5:]
        raise MatrixError("\n".join([f"{len(project.records())} of {count} synthetic cells have a record:", *output]))
    return Scale(cells=count, seconds=first.usage.seconds, cpu=first.usage.cpu, idle=idle.usage.seconds)


def _run(root: Path, env: dict[str, str], folder: Path) -> Measured:
    command: Sequence[str] = [sys.executable, "-m", "nox", "-s", "matrix"]
    state = root / paths.STATE.name / SUITE / "records"  # a small folder: disk usage is not measured here
    state.mkdir(parents=True, exist_ok=True)
    return measure(command, cwd=root, env=env, folder=state, log=folder / "run.log", timeout=_LIMIT)
